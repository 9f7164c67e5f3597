//! Where a reply has something from: what the model found, what it cites, what it was given to read.
use serde_json::Value;
use siumai_core::types::Source;

/// Where the model says that it has something from.
pub(super) fn sources(grounding: Option<&Value>, citations: Option<&Value>) -> Vec<Source> {
    let chunks = grounding.and_then(|it| it["groundingChunks"].as_array());
    let chunks = chunks.into_iter().flatten().filter_map(|chunk| {
        ["web", "retrievedContext", "maps"].iter().find_map(|kind| chunk.get(kind))
    });
    // Vertex AI has another name for the same list.
    let citations =
        ["citationSources", "citations"].iter().find_map(|it| citations?[*it].as_array());
    chunks.chain(citations.into_iter().flatten()).filter_map(source).collect()
}

/// The pages that the provider has read for the reply.
pub(super) fn pages(context: Option<&Value>) -> impl Iterator<Item = &str> {
    let pages = context.and_then(|it| it["urlMetadata"].as_array()).into_iter().flatten();
    let read = pages.filter(|it| it["urlRetrievalStatus"] == "URL_RETRIEVAL_STATUS_SUCCESS");
    read.filter_map(|it| it["retrievedUrl"].as_str())
}

fn source(told: &Value) -> Option<Source> {
    let text = |field| told[field].as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    let mut source = Source::default();
    source.url = text("uri");
    source.title = text("title");
    source.quote = text("text");
    (source != Source::default()).then_some(source)
}

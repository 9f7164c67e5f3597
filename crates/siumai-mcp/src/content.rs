//! What a server answers, as a tool's result: text or JSON, for that is what a model is told.
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

/// The value of `result`; or, where the server calls it an error, what it says.
///
/// Structured content is the value. Beside it, text is the same in other words and is left out, but
/// what is not text is described, for it is nowhere else.
pub(crate) fn value(result: CallToolResult) -> Result<Value, String> {
    let CallToolResult { content, structured_content, is_error, .. } = result;
    if is_error == Some(true) {
        let said = text(&content);
        return Err(match (said.is_empty(), structured_content) {
            (false, _) => said,
            (true, Some(value)) => value.to_string(),
            (true, None) => "The tool failed and does not say why. Try another way.".to_owned(),
        });
    }
    let Some(structured) = structured_content else { return Ok(Value::String(text(&content))) };
    let others: Vec<_> = content.iter().filter(|it| it.as_text().is_none()).cloned().collect();
    if others.is_empty() {
        return Ok(structured);
    }
    Ok(Value::String(format!("{structured}\n\n{}", text(&others))))
}

fn text(content: &[ContentBlock]) -> String {
    content.iter().map(described).collect::<Vec<_>>().join("\n\n")
}

/// A part in words. What a model can't be shown in a tool's result is said to be there.
fn described(part: &ContentBlock) -> String {
    match part {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => unseen("an image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => unseen("a sound", &audio.mime_type, &audio.data),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("{uri}:\n{text}"),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let kind = mime_type.as_deref().unwrap_or("of unknown type");
                unseen(&format!("a file, {uri}"), kind, blob)
            }
            _ => "(a resource of an unknown kind)".to_owned(),
        },
        ContentBlock::ResourceLink(link) => {
            let description = link.description.as_deref().map(|it| format!(": {it}"));
            format!("({} at {}{})", link.name, link.uri, description.unwrap_or_default())
        }
        _ => "(content of an unknown kind)".to_owned(),
    }
}

/// `base64` has four characters for three bytes.
fn unseen(what: &str, kind: &str, base64: &str) -> String {
    let bytes = base64.trim_end_matches('=').len() * 3 / 4;
    format!("({what}, {kind}, {bytes} bytes, which can't be shown here)")
}

#[cfg(test)]
mod tests;

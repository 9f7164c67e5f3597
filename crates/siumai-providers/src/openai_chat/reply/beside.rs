//! What a reply brings beside its words: where they are from, pictures, and sound.
use serde::Deserialize;
use serde_json::value::RawValue;
use siumai_core::{
    model::{Delta, ModelEvent},
    types::{ContentPart, Media, Source},
};

use super::wire::{Annotation, Citation, Picture};

/// What is told behind the words, not in the midst of them.
#[derive(Debug, Default)]
pub(super) struct Beside {
    sources: Vec<Source>,
    /// The last list of pages: some servers send it again with every piece.
    pages: String,
    sound: Vec<u8>,
}

impl Beside {
    /// Keeps where words are from.
    pub(super) fn cite(&mut self, annotations: &RawValue) {
        for raw in items(annotations) {
            let Some(annotation) = read::<Annotation<'_>>(raw) else { continue };
            let citation = annotation.url_citation.or_else(|| read(raw));
            self.add(citation.unwrap_or_default());
        }
    }

    /// Keeps the pages that a search found.
    pub(super) fn found(&mut self, pages: &RawValue) {
        if self.pages == pages.get() {
            return;
        }
        pages.get().clone_into(&mut self.pages);
        for raw in items(pages) {
            let url =
                read::<&str>(raw).map(|url| Citation { url: url.into(), ..Default::default() });
            self.add(url.or_else(|| read(raw)).unwrap_or_default());
        }
    }

    /// Keeps a piece of a spoken reply, in Base64.
    pub(super) fn hear(&mut self, piece: &str) {
        if let Some(Media::Bytes { data, .. }) = Media::from_base64("", piece) {
            self.sound.extend_from_slice(&data);
        }
    }

    pub(super) fn into_events(self) -> impl Iterator<Item = ModelEvent> {
        let sound = (!self.sound.is_empty()).then(|| {
            let media_type = sort_of_sound(&self.sound);
            ContentPart::unnamed_file(Media::bytes(media_type, self.sound))
        });
        let parts = self.sources.into_iter().map(ContentPart::Source).chain(sound);
        parts.map(|part| ModelEvent::Delta(Delta::part(part)))
    }

    fn add(&mut self, citation: Citation<'_>) {
        let Some(url) = citation.url.filled() else { return };
        let is_known = |it: &Source| it.url.as_ref() == Some(&url);
        if self.sources.iter().any(is_known) {
            return;
        }
        let mut source = Source::url(url);
        source.title = citation.title.filled();
        source.quote = citation.content.filled().or_else(|| citation.snippet.filled());
        self.sources.push(source);
    }
}

/// The pictures of a list of them.
pub(super) fn pictures(list: &RawValue) -> impl Iterator<Item = ModelEvent> {
    items(list).into_iter().filter_map(|raw| {
        let picture: Picture<'_> = read(raw)?;
        let url = picture.image_url?.url.filled()?;
        let media = from_data_url(&url).unwrap_or_else(|| Media::url(url));
        Some(ModelEvent::Delta(Delta::part(ContentPart::image(media))))
    })
}

/// What a `data:` URL in Base64 holds (RFC 2397).
fn from_data_url(url: &str) -> Option<Media> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    Media::from_base64(media_type, data)
}

/// What `sound` is, told by how it begins: nothing else says so. Without any beginning it is the
/// bare samples that a stream brings.
fn sort_of_sound(sound: &[u8]) -> &'static str {
    match sound {
        [b'R', b'I', b'F', b'F', ..] => "audio/wav",
        [b'I', b'D', b'3', ..] | [0xff, 0xf2 | 0xf3 | 0xfa | 0xfb, ..] => "audio/mpeg",
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..] => "audio/aac",
        [b'f', b'L', b'a', b'C', ..] => "audio/flac",
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        _ => "audio/pcm",
    }
}

/// The items of a list; none of what is no list.
fn items(list: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(list.get()).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests;

//! What a message carries beside words: pictures, files, and where something is from.
use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A picture or a file: where it is, or its bytes.
///
/// In JSON, bytes are Base64 (RFC 4648 §4, padded).
///
/// ```
/// use siumai_core::types::Media;
///
/// let media = Media::bytes("image/png", *b"\x89PNG");
/// assert_eq!(media.media_type(), Some("image/png"));
/// assert_eq!(media.data_url().as_deref(), Some("data:image/png;base64,iVBORw=="));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Media {
    /// The provider fetches it.
    #[non_exhaustive]
    Url {
        /// Where it is.
        url: String,
        /// What it is, such as `image/png`, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
    },
    /// It is sent along.
    #[non_exhaustive]
    Bytes {
        /// What it is, such as `image/png`.
        media_type: String,
        /// The bytes themselves.
        #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
        data: Arc<[u8]>,
    },
}

impl Media {
    /// Something the provider fetches.
    pub fn url(url: impl Into<String>) -> Self {
        Self::Url { url: url.into(), media_type: None }
    }

    /// Something the provider fetches, of which it is known what it is.
    pub fn typed_url(media_type: impl Into<String>, url: impl Into<String>) -> Self {
        Self::Url { url: url.into(), media_type: Some(media_type.into()) }
    }

    /// Something that is sent along.
    pub fn bytes(media_type: impl Into<String>, data: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes { media_type: media_type.into(), data: data.into() }
    }

    /// Something that is sent along, told in Base64 (RFC 4648 §4); `None` if `text` is none.
    ///
    /// ```
    /// use siumai_core::types::Media;
    ///
    /// let media = Media::from_base64("image/png", "iVBORw==");
    /// assert_eq!(media, Some(Media::bytes("image/png", *b"\x89PNG")));
    /// assert_eq!(Media::from_base64("image/png", "?"), None);
    /// ```
    pub fn from_base64(media_type: impl Into<String>, text: &str) -> Option<Self> {
        BASE64_STANDARD.decode(text).ok().map(|data| Self::bytes(media_type, data))
    }

    /// What it is, such as `image/png`, where that is known.
    pub fn media_type(&self) -> Option<&str> {
        match self {
            Self::Url { media_type, .. } => media_type.as_deref(),
            Self::Bytes { media_type, .. } => Some(media_type),
        }
    }

    /// The bytes in Base64, if it has them.
    pub fn base64(&self) -> Option<String> {
        match self {
            Self::Url { .. } => None,
            Self::Bytes { data, .. } => Some(BASE64_STANDARD.encode(data)),
        }
    }

    /// The bytes as a `data:` URL (RFC 2397), if it has them.
    pub fn data_url(&self) -> Option<String> {
        let media_type = self.media_type()?;
        Some(format!("data:{media_type};base64,{}", self.base64()?))
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, .. } => f.debug_tuple("Url").field(url).finish(),
            // A megabyte of numbers helps nobody.
            Self::Bytes { media_type, data } => {
                write!(f, "Bytes({media_type:?}, {} bytes)", data.len())
            }
        }
    }
}

/// Where the model has something from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// The page, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its title, or the document's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The words that were taken from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

impl Source {
    /// A page.
    pub fn url(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// Adds a title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds the words that were taken from it.
    #[must_use]
    pub fn with_quote(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }
}

fn to_base64<S: Serializer>(data: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(data))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let data = BASE64_STANDARD.decode(text).map_err(de::Error::custom)?;
    Ok(data.into())
}

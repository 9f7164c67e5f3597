//! The JSON of `generateContent`, field for field: what is sent and what comes back.
//!
//! What comes back borrows its text from the bytes that arrived, and takes what can be
//! understood: `null` for absent, numbers of any sort.
use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value, value::RawValue};
use siumai_core::ErrorKind;

use super::schema::Schema;
use crate::{
    http::Reported,
    json::{Count, Few, Text},
};

/// The body of a request. The fields are in this order on the wire: what may change from
/// step to step comes after the contents, so that their bytes stay where they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_instruction: Option<Instruction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_config: Option<GenerationConfig<'a>>,
    pub(super) contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_config: Option<ToolConfig<'a>>,
}

#[derive(Serialize)]
pub(super) struct Instruction<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_json_schema: Option<Schema<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<ThinkingConfig>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    pub(super) include_thoughts: bool,
    /// In tokens: what models before Gemini 3 are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_budget: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_level: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    pub(super) role: &'static str,
    pub(super) parts: Parts<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Parts<'a> {
    /// As they came.
    Kept(&'a RawValue),
    Written(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Part<'a> {
    Text {
        text: &'a str,
    },
    InlineData {
        inline_data: Blob<'a>,
    },
    FileData {
        file_data: FileData<'a>,
    },
    FunctionCall {
        function_call: FunctionCall<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        thought_signature: Option<&'static str>,
    },
    FunctionResponse {
        function_response: FunctionResponse<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub(super) mime_type: &'a str,
    /// Base64.
    pub(super) data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    pub(super) file_uri: &'a str,
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) name: &'a str,
    pub(super) args: Fields<'a>,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    /// Only where the call came with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: &'a str,
    pub(super) response: Fields<'a>,
}

/// An object, or what is made one because nothing else may stand there.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Fields<'a> {
    Object(&'a Map<String, Value>),
    None {},
    Arguments {
        arguments: &'a Value,
    },
    Result {
        result: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'a str>,
    },
    Error {
        error: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'a> {
    pub(super) function_declarations: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters_json_schema: Schema<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    pub(super) function_calling_config: FunctionCalling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionCalling<'a> {
    pub(super) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_function_names: Option<[&'a str; 1]>,
}

/// A whole reply, or a piece of one: they look alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    #[serde(borrow)]
    pub(super) candidates: Few<Candidate<'a>>,
    pub(super) prompt_feedback: Option<PromptFeedback>,
    pub(super) usage_metadata: Option<Usage>,
    #[serde(borrow)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) response_id: Option<Text<'a>>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) content: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    pub(super) grounding_metadata: Option<Value>,
    pub(super) citation_metadata: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) parts: Few<&'a RawValue>,
}

/// The part of nearly every piece: text that has nothing with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainText<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(default)]
    pub(super) thought: Option<bool>,
}

/// Any part, as far as it is understood.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SaidPart<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    pub(super) thought: Option<bool>,
    #[serde(borrow)]
    pub(super) function_call: Option<SaidCall<'a>>,
    #[serde(borrow)]
    pub(super) inline_data: Option<SaidBlob<'a>>,
    #[serde(borrow)]
    pub(super) file_data: Option<SaidFile<'a>>,
    pub(super) executable_code: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SaidCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// Absent where there are none; `null` is absent too.
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SaidBlob<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SaidFile<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) file_uri: Option<Text<'a>>,
}

/// Of a part that goes back as it came, the id of its call.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeptPart<'a> {
    #[serde(borrow)]
    pub(super) function_call: Option<KeptCall<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeptCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback {
    pub(super) block_reason: Option<String>,
    pub(super) block_reason_message: Option<String>,
}

/// What a reply cost so far. The provider leaves out what is 0.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    /// What was read from the cache is among them.
    #[serde(rename = "promptTokenCount")]
    pub(super) prompt: Count,
    #[serde(rename = "cachedContentTokenCount")]
    pub(super) cached_content: Count,
    /// What it read again after its own tools ran, which is not among the prompt's.
    #[serde(rename = "toolUsePromptTokenCount")]
    pub(super) tool_use_prompt: Count,
    /// Without thoughts.
    #[serde(rename = "candidatesTokenCount")]
    pub(super) candidates: Count,
    #[serde(rename = "thoughtsTokenCount")]
    pub(super) thoughts: Count,
    #[serde(rename = "totalTokenCount")]
    pub(super) total: Count,
}

/// What the body of a refusal, or an event that is an error, says: `{"error": {…}}`, or a list
/// of one such.
pub(super) fn error(body: &Value) -> Option<Reported> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").filter(|it| !it.is_null()).unwrap_or(body);
    let message = error["message"].as_str().or(error.as_str());
    let name = error["status"].as_str();
    let reported = Reported {
        status: error["code"].as_u64().and_then(|it| it.try_into().ok()),
        code: name.map(str::to_owned).or_else(|| error["code"].as_u64().map(|it| it.to_string())),
        message: message.map(str::to_owned),
        kind: kind(name.unwrap_or_default(), message.unwrap_or_default(), &error["details"]),
        retry_after: detail(&error["details"], "retryDelay").and_then(seconds),
        ..Reported::default()
    };
    (reported != Reported::default()).then_some(reported)
}

/// The sort of an error with one of the names of google.rpc.Code.
fn kind(name: &str, message: &str, details: &Value) -> Option<ErrorKind> {
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    let is_about_key = || {
        let reason = detail(details, "reason").unwrap_or_default();
        matches!(reason, "API_KEY_INVALID" | "API_KEY_EXPIRED")
            || says("api key not valid")
            || says("api key expired")
            // Said where there is no key at all.
            || says("unregistered callers")
    };
    match name {
        "UNAUTHENTICATED" => Some(ErrorKind::Authentication),
        "INVALID_ARGUMENT" | "PERMISSION_DENIED" if is_about_key() => {
            Some(ErrorKind::Authentication)
        }
        "INVALID_ARGUMENT" if says("exceeds the maximum number of tokens") => {
            Some(ErrorKind::ContextTooLong)
        }
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => Some(ErrorKind::InvalidRequest),
        // A country or a plan for which there is no such model.
        "PERMISSION_DENIED" | "FAILED_PRECONDITION" => Some(ErrorKind::PermissionDenied),
        "NOT_FOUND" => Some(ErrorKind::NotFound),
        "RESOURCE_EXHAUSTED" => Some(ErrorKind::RateLimited),
        "UNAVAILABLE" => Some(ErrorKind::Overloaded),
        "DEADLINE_EXCEEDED" => Some(ErrorKind::Timeout),
        "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED" | "DATA_LOSS" => Some(ErrorKind::Server),
        _ => None,
    }
}

/// The first `field` of the details.
fn detail<'a>(details: &'a Value, field: &str) -> Option<&'a str> {
    details.as_array()?.iter().find_map(|it| it[field].as_str())
}

/// A google.protobuf.Duration, such as `34.4s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

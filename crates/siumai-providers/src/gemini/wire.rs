//! The JSON of `generateContent`, field for field: what is sent and what comes back.
//!
//! What comes back borrows its text from the bytes that arrived, and takes what can be
//! understood: `null` for absent, numbers of any sort.
use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Number, Value, value::RawValue};

use crate::json::{Count, Few, MaybeText, Text};
use crate::schema::gemini::Schema;

/// The fields of a request before its contents.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_instruction: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_config: Option<GenerationConfig<'a>>,
}

/// The fields of a request behind its contents.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<&'a RawValue>,
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
    pub(super) data: Cow<'a, str>,
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
    pub(super) url_context_metadata: Option<Value>,
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
    pub(super) thought_signature: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) inline_data: Option<SaidBlob<'a>>,
    #[serde(borrow)]
    pub(super) file_data: Option<SaidFile<'a>>,
    pub(super) executable_code: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SaidCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// Absent where there are none; `null` is absent too.
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
    /// Where the arguments come in pieces.
    #[serde(borrow)]
    pub(super) partial_args: Option<Vec<Placed<'a>>>,
    pub(super) will_continue: Option<bool>,
}

/// A piece of arguments and where it belongs.
#[derive(Debug, Deserialize)]
#[serde(from = "PartialArg<'a>", bound(deserialize = "'de: 'a"))]
pub(super) struct Placed<'a> {
    pub(super) json_path: Text<'a>,
    pub(super) piece: Piece<'a>,
}

#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// More of a text.
    Text(Text<'a>),
    Other(Value),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialArg<'a> {
    #[serde(borrow)]
    json_path: Option<Text<'a>>,
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    number_value: Option<Number>,
    bool_value: Option<bool>,
}

impl<'a> From<PartialArg<'a>> for Placed<'a> {
    fn from(arg: PartialArg<'a>) -> Self {
        let json_path = arg.json_path.unwrap_or_default();
        let piece = match (arg.string_value, arg.number_value, arg.bool_value) {
            (Some(text), ..) => Piece::Text(text),
            (None, Some(number), _) => Piece::Other(number.into()),
            (None, None, Some(bool)) => Piece::Other(bool.into()),
            // What else there is is `null`.
            (None, None, None) => Piece::Other(Value::Null),
        };
        Self { json_path, piece }
    }
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

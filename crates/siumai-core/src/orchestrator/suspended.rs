//! A run that waits for somebody to decide, as state that can be kept, sent and signed.
use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac_sha256::HMAC;
use serde::{Deserialize, Serialize};

use super::{ApprovalRequest, StepResult, run::Run};
use crate::{ErrorKind, LlmError, types::ModelUsage};

/// A run that waits for decisions.
///
/// It serialises, and goes on wherever it is given as
/// [`resume`](super::OrchestratorOptions::resume). Whoever can change it can make the run do
/// anything that its tools can: where it leaves your hands, [sign](Self::to_signed) it.
///
/// A state can be resumed as often as it was copied. Give the run a
/// [journal](crate::journal), and each decision counts once, whatever was copied.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SuspendedRun {
    /// Comes first, so that a state of another version is known before it is read.
    version: Version,
    run: Run,
}

/// The version of the state, of those that this library can read.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version(u32);

const VERSION: u32 = 1;
const PREFIX: &str = "siumai-run-1";

impl SuspendedRun {
    pub(super) fn new(run: Run) -> Self {
        Self { version: Version(VERSION), run }
    }

    pub(super) fn into_run(self) -> Run {
        self.run.afresh()
    }

    /// The id of the run.
    pub fn run_id(&self) -> &str {
        self.run.id()
    }

    /// The calls that wait for a decision, in call order: those of agents that the run called,
    /// too, each with the [names](ApprovalRequest::agents) of the agents above it.
    pub fn pending(&self) -> Vec<ApprovalRequest> {
        self.run.requests()
    }

    /// The steps that were finished before.
    pub fn steps(&self) -> &[StepResult] {
        self.run.steps()
    }

    /// What the models of the run cost so far, and those of agents below it.
    pub(super) fn bill(&self) -> Vec<ModelUsage> {
        self.run.bill()
    }

    /// The state as text that nobody can change without the key: three parts of letters, digits,
    /// `-` and `_`, joined by dots. It is signed, not hidden.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use serde_json::json;
    /// # use siumai_core::{orchestrator::{OrchestratorOptions, ToolApproval, run}, testing::{RecordingResolver, ScriptedModel}, types::Tool, user};
    /// use siumai_core::{ErrorKind, orchestrator::{SigningKey, SuspendedRun}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// # let model = ScriptedModel::new().calls("pay", json!({}));
    /// # let resolver = RecordingResolver::new().returning("pay", json!("done"));
    /// # let tools = Some(vec![Tool::function("pay", "Pays")]);
    /// # let options = OrchestratorOptions { on_tool_approval: Some(Arc::new(|_, _| ToolApproval::Pause)), ..Default::default() };
    /// # let waiting = run(&model, vec![user!("Pay")], tools, Some(&resolver), &[], options).await?;
    /// let suspended = waiting.suspended.expect("it waits");
    /// let key = SigningKey::new(b"32 random bytes, kept as a secret")?;
    /// let text = suspended.to_signed(&key)?;
    /// assert_eq!(SuspendedRun::from_signed(&text, &key)?, suspended);
    ///
    /// let forged = text.replacen("eyJ", "eyK", 1);
    /// let refused = SuspendedRun::from_signed(&forged, &key).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::BadSignature);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it can't be written as JSON.
    pub fn to_signed(&self, key: &SigningKey) -> Result<String, LlmError> {
        let json = serde_json::to_vec(self).map_err(|error| unreadable(&error))?;
        let signed = format!("{PREFIX}.{}", URL_SAFE_NO_PAD.encode(json));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        Ok(format!("{signed}.{signature}"))
    }

    /// Reads a state that [`to_signed`](Self::to_signed) made.
    ///
    /// # Errors
    ///
    /// Of kind [`BadSignature`](ErrorKind::BadSignature), if a byte of it was changed or it was
    /// signed with another key. It is not looked into then.
    pub fn from_signed(text: &str, key: &SigningKey) -> Result<Self, LlmError> {
        let (signed, signature) = text.rsplit_once('.').ok_or_else(bad_signature)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad_signature())?;
        if !key.has_signed(signed.as_bytes(), &signature) {
            return Err(bad_signature());
        }
        let (prefix, json) = signed.split_once('.').ok_or_else(bad_signature)?;
        if prefix != PREFIX {
            return Err(bad_signature());
        }
        let json = URL_SAFE_NO_PAD.decode(json).map_err(|_| bad_signature())?;
        serde_json::from_slice(&json).map_err(|error| unreadable(&error))
    }
}

/// The key that suspended runs are signed with: HMAC-SHA-256. It is never shown.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// A key of these bytes: at least 32, from a source of random bytes.
    ///
    /// # Errors
    ///
    /// If it is shorter.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, LlmError> {
        let bytes = bytes.as_ref();
        if bytes.len() < 32 {
            return Err(LlmError::invalid_input(
                "a signing key needs at least 32 bytes; take them from a source of random bytes",
            ));
        }
        Ok(Self(bytes.to_vec()))
    }

    fn sign(&self, text: &[u8]) -> [u8; 32] {
        HMAC::mac(text, &self.0)
    }

    fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        // Told from the right one in the same time, wherever they differ.
        let ours = self.sign(text);
        let differing = ours.iter().zip(signature).fold(0, |all, (a, b)| all | (a ^ b));
        signature.len() == ours.len() && differing == 0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl fmt::Debug for SuspendedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prompts stay out of logs.
        let pending = self.pending();
        let pending: Vec<_> = pending.iter().map(|it| (&it.call.id, &it.call.name)).collect();
        f.debug_struct("SuspendedRun")
            .field("run_id", &self.run_id())
            .field("steps", &self.steps().len())
            .field("pending", &pending)
            .finish_non_exhaustive()
    }
}

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        if version > VERSION {
            return Err(format!(
                "it is of version {version}, and this library reads up to {VERSION}; update it"
            ));
        }
        Ok(Self(version))
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        version.0
    }
}

fn bad_signature() -> LlmError {
    LlmError::new(
        ErrorKind::BadSignature,
        "the state of the run was changed since it was signed, or signed with another key; \
         resume it from a copy that was not changed",
    )
}

fn unreadable(error: &serde_json::Error) -> LlmError {
    LlmError::invalid_input(format!("the suspended run can't be read: {error}"))
}

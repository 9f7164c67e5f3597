//! What a server says without being asked: how far a call is, and that its tools have changed.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam, ProgressToken,
        ProtocolVersion,
    },
    service::NotificationContext,
};
use serde_json::json;
use siumai_core::tool::ToolContext;

/// Hears what a server says without being asked.
#[derive(Clone, Default)]
pub(crate) struct Listener(Arc<Heard>);

#[derive(Default)]
struct Heard {
    list_changes: AtomicU64,
    calls: Mutex<HashMap<ProgressToken, ToolContext>>,
}

/// Reports of a call's progress are passed on as long as this lives.
pub(crate) struct Reports {
    listener: Listener,
    token: ProgressToken,
}

impl Listener {
    /// How often the server's tools have changed.
    pub(crate) fn list_changes(&self) -> u64 {
        self.0.list_changes.load(Ordering::Acquire)
    }

    /// Passes reports with `token` on to the call of `context`.
    pub(crate) fn report(&self, token: ProgressToken, context: &ToolContext) -> Reports {
        self.calls().insert(token.clone(), context.clone());
        Reports { listener: self.clone(), token }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<ProgressToken, ToolContext>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.listener.calls().remove(&self.token);
    }
}

impl ClientHandler for Listener {
    async fn on_progress(
        &self,
        report: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let context = self.calls().get(&report.progress_token).cloned();
        let Some(context) = context else { return };
        let mut told = json!({ "progress": report.progress });
        if let Some(total) = report.total {
            told["total"] = json!(total);
        }
        if let Some(message) = report.message {
            told["message"] = json!(message);
        }
        context.progress(told);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.0.list_changes.fetch_add(1, Ordering::AcqRel);
    }

    fn get_info(&self) -> ClientConfig {
        let this = Implementation::new("siumai", env!("CARGO_PKG_VERSION"));
        // Roots, sampling and questions to the user are not offered.
        ClientConfig::new(ClientCapabilities::default(), this)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}

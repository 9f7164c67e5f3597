//! Variables of the environment in what is said of a server: `${NAME}`, or `${NAME:-otherwise}`.
use siumai::mcp::McpServer;

use crate::failure::Failure;

/// What a variable is set to.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<Option<String>, Failure>;

/// A text with the values of variables in their places.
pub(super) struct Expanded {
    pub(super) text: String,
    /// They may be secrets.
    values: Vec<String>,
}

impl Expanded {
    /// `text` with the values of its variables. `place` is where it stands.
    ///
    /// # Errors
    ///
    /// If a variable is not set, or a `${` has no end.
    pub(super) fn of(text: &str, place: &str, lookup: Lookup<'_>) -> Result<Self, Failure> {
        let mut expanded = Self { text: String::new(), values: Vec::new() };
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let Some((variable, behind)) = behind.split_once('}') else {
                return Err(Failure::usage(format!("{place}: `${{` without `}}` in `{text}`")));
            };
            let (name, otherwise) = match variable.split_once(":-") {
                Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
                None => (variable, None),
            };
            let set = lookup(name)?;
            expanded.text.push_str(before);
            if let Some(value) = &set {
                expanded.values.push(value.clone());
            }
            let value = set.or(otherwise).ok_or_else(|| {
                Failure::usage(format!("{place}: the variable {name} is not set"))
            })?;
            expanded.text.push_str(&value);
            rest = behind;
        }
        expanded.text.push_str(rest);
        Ok(expanded)
    }

    /// `server` without the values in what is shown of it.
    pub(super) fn hidden_in(&self, server: McpServer) -> McpServer {
        self.values.iter().fold(server, McpServer::secret)
    }
}

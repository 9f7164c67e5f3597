//! What is said of an exchange that the network, and no provider, has failed.
use std::{
    error::Error,
    io::{
        self,
        ErrorKind::{ConnectionRefused, TimedOut},
    },
};

use siumai_core::{ErrorKind, LlmError};
use tokio::time::error::Elapsed;

use super::{
    connector::CONNECT_TIMEOUT, destination::Destination, pool::Failure, shown,
    silence::IDLE_TIMEOUT,
};

/// No answer began.
pub(super) fn no_answer(failure: &Failure, destination: &Destination) -> LlmError {
    let address = destination.address();
    let (error, is_connect): (&(dyn Error + 'static), _) = match failure {
        Failure::Connect(error) => (&**error, true),
        Failure::Lost(error) => (error, false),
    };
    let cause = root_cause(error);
    let (kind, message) = if io_kind(cause) == Some(ConnectionRefused) {
        let message = format!(
            "nothing listens at {address}; start the server, or check the base URL ({})",
            shown(&destination.url)
        );
        (ErrorKind::Connection, message)
    } else if is_connect && (cause.is::<Elapsed>() || io_kind(cause) == Some(TimedOut)) {
        let seconds = CONNECT_TIMEOUT.as_secs();
        let message = format!(
            "no connection to {address} within {seconds} s; check the network and the base URL"
        );
        (ErrorKind::Timeout, message)
    } else if is_unknown_host(error) {
        let message = format!("no host is named `{address}`; check the base URL and the network");
        (ErrorKind::Connection, message)
    } else if is_connect {
        let message =
            format!("no connection to {address}: {cause}; check the network and the base URL");
        (ErrorKind::Connection, message)
    } else {
        let message = format!("the connection to {address} was lost before an answer: {cause}");
        (kind_of(cause, ErrorKind::Connection), message)
    };
    LlmError::new(kind, message)
}

/// An answer began and did not end.
pub(super) fn broken_off(error: &(dyn Error + 'static), destination: &Destination) -> LlmError {
    let (address, cause) = (destination.address(), root_cause(error));
    LlmError::new(
        kind_of(cause, ErrorKind::IncompleteReply),
        format!("the answer of {address} broke off before its end: {cause}"),
    )
}

/// Nothing came for too long.
pub(super) fn silent(destination: &Destination) -> LlmError {
    let (address, seconds) = (destination.address(), IDLE_TIMEOUT.as_secs());
    LlmError::new(
        ErrorKind::Timeout,
        format!("{address} said nothing for {seconds} s; try again, or ask for less at a time"),
    )
}

/// The error beneath all others. It is the one that says what happened, and it knows no URL.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

fn io_kind(cause: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    cause.downcast_ref::<io::Error>().map(io::Error::kind)
}

/// The system gives a connection up whose other end has gone without a word.
fn kind_of(cause: &(dyn Error + 'static), otherwise: ErrorKind) -> ErrorKind {
    if io_kind(cause) == Some(TimedOut) { ErrorKind::Timeout } else { otherwise }
}

fn is_unknown_host(error: &(dyn Error + 'static)) -> bool {
    // The resolver's error has no type of its own, only this text.
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().starts_with("dns error") {
            return true;
        }
        cause = error.source();
    }
    false
}

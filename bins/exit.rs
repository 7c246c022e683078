//! How a command ends.

use std::io::{self, Write};

use na_pipeline::PipelineError;
use na_store::StoreError;

/// Exit statuses, as the README lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Could not run; said why.
    CouldNotRun,
    /// Wrong arguments.
    Usage,
    /// Done, but some units failed.
    SomeFailed,
    /// Stopped by a signal; what was committed is safe.
    Interrupted(i32),
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::CouldNotRun => 1,
            Exit::Usage => 2,
            Exit::SomeFailed => 3,
            Exit::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(130),
        }
    }
}

/// Results. A reader that went away is no error.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What keeps a command from running, once and plainly.
pub(crate) fn complain(error: &(dyn std::error::Error + 'static)) -> Exit {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "error: {error}");
    let of_store = match error.downcast_ref::<PipelineError>() {
        Some(PipelineError::Store(error)) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    };
    // An option is missing, or names too few, which the store alone knows.
    if matches!(of_store, Some(StoreError::WithdrawalsNotTold { .. } | StoreError::FewerWithdrawals { .. })) {
        Exit::Usage
    } else {
        Exit::CouldNotRun
    }
}

/// Arguments that make no sense, help and version: clap knows where each goes.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

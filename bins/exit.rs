//! How a command ends.

use std::io::{self, Write};

use na_pipeline::PipelineError;
use na_store::StoreError;

use crate::logging::ONLY_IN_THE_LOG;

/// Exit statuses, as `docs/troubleshooting.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    CouldNotRun,
    Usage,
    /// Done, but some units failed, or `--verify` found something wrong.
    SomeFailed,
    /// Stopped by this signal; what was committed is safe.
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

/// Prints a result to stdout. A closed pipe is not an error.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints the error that stops a command to stderr, and returns the exit status.
pub(crate) fn complain(error: &(dyn std::error::Error + 'static)) -> Exit {
    tracing::error!(target: ONLY_IN_THE_LOG, "{error}");
    let _ = writeln!(io::stderr().lock(), "error: {error}");
    let of_store = match error.downcast_ref::<PipelineError>() {
        Some(PipelineError::Store(error)) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    };
    if matches!(of_store, Some(StoreError::SegmentsRefused { .. })) {
        return Exit::SomeFailed;
    }
    // Wrong arguments that only the store can tell: --withdrawn is missing, or its list is too short.
    if matches!(of_store, Some(StoreError::WithdrawalsNotTold { .. } | StoreError::FewerWithdrawals { .. })) {
        Exit::Usage
    } else {
        Exit::CouldNotRun
    }
}

/// Prints wrong arguments to stderr, help and version to stdout, and returns the exit status.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

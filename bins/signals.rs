//! Stops a command on Ctrl+C, SIGTERM or SIGHUP; a second signal ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The signal that came, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    came: Arc<AtomicUsize>,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        // A file that may not grow further is an error of its call then, and does not kill the process.
        flag::register(SIGXFSZ, Arc::default())?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal arms what the second one triggers.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            flag::register_usize(signal, Arc::clone(&signals.came), number)?;
        }
        Ok(signals)
    }

    pub(crate) fn came(&self) -> Option<i32> {
        match self.came.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(i32::try_from(signal).unwrap_or(SIGINT)),
        }
    }
}

//! A load that Python calls. It runs on threads of its own; the calling thread tells how it goes on, and listens for Ctrl+C.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use na_cache::Cancel;
use na_model::Session;
use na_pipeline::{Event, Observer};
use na_store::{ExportObserver, ExportStep};
use neuroalign::{Loaded, Surroundings};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::errors::of_command;
use crate::reading::{Turn, in_load};

/// How long a Ctrl+C may wait.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Python's name for who says it.
const LOGGER: &str = "neuroalign";

/// How far a load is: its step, how many are done, of how many, and what is at hand.
type Progress = (&'static str, usize, usize, String);

/// Loads with these arguments, the program's name first. What it tells: the summary as text and as JSON, how many sessions were chosen,
/// and how many of them were loaded, in whatever modality. `progress` is called on this thread; what it raises stops the load, as
/// Ctrl+C does, and is raised here once the load has stopped.
#[pyfunction]
pub(crate) fn load(
    py: Python<'_>,
    arguments: Vec<OsString>,
    with_surroundings: bool,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, String, usize, usize)> {
    let turn = Turn::wait_for(py)?;
    let surroundings = if with_surroundings { Surroundings::Count } else { Surroundings::Ignored };
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, mut told) = channel();
    let sessions = Arc::new(Mutex::new(Sessions::default()));
    let observer = Watched {
        told: sender,
        stop: Arc::clone(&stop),
        committed: 0.into(),
        to_load: 0.into(),
        sessions: Arc::clone(&sessions),
    };
    let (result, raised) = thread::scope(|scope| {
        let turn = &turn;
        let load = scope.spawn(move || turn.install(|| neuroalign::load(arguments, surroundings, &observer)));
        let raised = attend(py, &mut told, progress.as_ref(), &stop);
        (py.detach(|| load.join()), raised)
    });
    if let Some(raised) = raised {
        return Err(raised);
    }
    let ended_by_panic =
        |_| PyRuntimeError::new_err("the load ended by a fault of its own: see what it logged");
    let Loaded { text, json } = result.map_err(ended_by_panic)?.map_err(of_command)?;
    let sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((text, json, sessions.chosen, sessions.loaded.len()))
}

/// Tells how a load goes on until it ends, and what was raised meanwhile.
fn attend(
    py: Python<'_>,
    told: &mut Receiver<Progress>,
    progress: Option<&Bound<'_, PyAny>>,
    stop: &AtomicBool,
) -> Option<PyErr> {
    let mut raised = None;
    loop {
        let told: &mut Receiver<Progress> = told;
        let event = py.detach(move || told.recv_timeout(BETWEEN_LOOKS));
        let called = match (event, progress) {
            (Err(RecvTimeoutError::Disconnected), _) => return raised,
            (Ok(event), Some(progress)) if raised.is_none() => in_load(|| progress.call1(event).map(drop)),
            _ => Ok(()),
        };
        if let Err(error) = called.and_then(|()| py.check_signals()) {
            stop.store(true, Ordering::Relaxed);
            raised.get_or_insert(error);
        }
    }
}

/// Hands what happens to another thread.
struct Watched {
    told: Sender<Progress>,
    stop: Arc<AtomicBool>,
    committed: AtomicUsize,
    to_load: AtomicUsize,
    sessions: Arc<Mutex<Sessions>>,
}

/// The sessions of a load, whatever their modalities.
#[derive(Default)]
struct Sessions {
    chosen: usize,
    loaded: BTreeSet<Session>,
}

impl Watched {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, step: &'static str, done: usize, total: usize, what: String) {
        // Nobody listens any more only if the calling thread is gone, and then this one ends, too.
        let _ = self.told.send((step, done, total, what));
    }
}

impl Observer for Watched {
    fn event(&self, event: Event) {
        match event {
            Event::Note(note) => tracing::warn!(target: LOGGER, "{note}"),
            Event::Offer(offer) => tracing::info!(target: LOGGER, "{offer}"),
            Event::Failed(outcome) => tracing::warn!(target: LOGGER, "{}: {}", outcome.unit, outcome.reason),
            Event::Planned(plan) => {
                self.to_load.store(plan.to_load, Ordering::Relaxed);
                self.sessions().chosen = plan.chosen.unwrap_or(plan.sessions);
                self.tell("load", 0, plan.to_load, String::new());
            }
            Event::Committed(unit) => {
                let done = self.committed.fetch_add(1, Ordering::Relaxed) + 1;
                self.tell("load", done, self.to_load.load(Ordering::Relaxed), unit.to_string());
                self.sessions().loaded.insert(unit.session);
            }
            Event::Export(step) => self.step(&step),
            _ => {}
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn cancel(&self) -> Cancel {
        let stop = Arc::clone(&self.stop);
        Cancel::when(move || stop.load(Ordering::Relaxed))
    }
}

impl ExportObserver for Watched {
    fn step(&self, step: &ExportStep) {
        match step {
            ExportStep::LongTable { table, index, total } => {
                self.tell("export", index.saturating_sub(1), *total, table.to_string());
            }
            ExportStep::Features { table, n_features, index, total } => {
                self.tell(
                    "export",
                    index.saturating_sub(1),
                    *total,
                    format!("{n_features} features of {table}"),
                );
            }
            ExportStep::ReadBack => {}
            _ => self.tell("verify", 0, 1, String::new()),
        }
    }

    fn should_stop(&self) -> bool {
        Observer::should_stop(self)
    }

    fn cancel(&self) -> Cancel {
        Observer::cancel(self)
    }
}

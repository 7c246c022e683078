//! Reading beside other threads, in a process that may fork.
//!
//! A child has its parent's memory and none of its threads: what one of them had locked stays locked, what was left to
//! them is never done, and SQLite takes its parent's locks on a cache for its own. So a fork waits until no thread reads,
//! a thread that would begin to read waits for the fork, and a child reads on threads that it starts itself.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::per_process::PerProcess;

/// Between two looks at whether the others are done.
const A_MOMENT: Duration = Duration::from_millis(1);

/// The threads of a cache's pool of connections end by themselves, at once.
const UNTIL_CACHES_ARE_CLOSED: Duration = Duration::from_secs(1);

static PROCESS: PerProcess<Process> = PerProcess::new();

#[derive(Default)]
struct Process {
    /// Threads that wait for work. A read has a pool for itself: it is never held up by another that has taken its threads.
    idle: Vec<Arc<ThreadPool>>,
    reads_under_way: usize,
    forks_under_way: usize,
}

impl Process {
    fn end_read(&mut self, threads: Arc<ThreadPool>) {
        self.reads_under_way -= 1;
        self.idle.push(threads);
    }
}

fn process<R>(py: Python<'_>, look: impl FnOnce(&mut Process) -> R) -> R {
    let Ok(result) = PROCESS.with(py, || Ok::<_, Infallible>(Process::default()), look);
    result
}

/// Does what reads or writes a store on threads of this process, while other Python threads go on.
pub(crate) fn reading<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let turn = Turn::wait_for(py)?;
    Ok(py.detach(|| turn.install(work)))
}

thread_local! {
    /// Whether this thread is in a callback of a load that goes on meanwhile.
    static IN_LOAD: Cell<bool> = const { Cell::new(false) };
}

/// Calls back from a load. What is called may read, and may fork: nobody is waited for who waits for this load.
pub(crate) fn in_load<T>(call: impl FnOnce() -> T) -> T {
    let before = IN_LOAD.replace(true);
    let result = call();
    IN_LOAD.set(before);
    result
}

fn is_in_load() -> bool {
    IN_LOAD.get()
}

/// As long as it is there, no thread forks.
pub(crate) struct Turn {
    threads: Arc<ThreadPool>,
}

impl Turn {
    pub(crate) fn wait_for(py: Python<'_>) -> PyResult<Self> {
        while !is_in_load() && process(py, |process| process.forks_under_way > 0) {
            py.detach(|| thread::sleep(A_MOMENT));
        }
        let threads = match process(py, |process| process.idle.pop()) {
            Some(threads) => threads,
            None => start_threads()?,
        };
        process(py, |process| process.reads_under_way += 1);
        Ok(Self { threads })
    }
}

impl Turn {
    /// Does work on the threads of this process.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        Python::attach(|py| process(py, |process| process.end_read(Arc::clone(&self.threads))));
    }
}

fn start_threads() -> PyResult<Arc<ThreadPool>> {
    let threads = ThreadPoolBuilder::new().thread_name(|n| format!("neuroalign-{n}")).build();
    threads.map(Arc::new).map_err(|error| no_threads(&error))
}

fn no_threads(error: &ThreadPoolBuildError) -> PyErr {
    PyOSError::new_err(format!(
        "no threads can be started to read on ({error}): raise the limit of processes (ulimit -u), or set \
         RAYON_NUM_THREADS to fewer"
    ))
}

/// Has Python tell of its forks.
pub(crate) fn watch_forks(py: Python<'_>) -> PyResult<()> {
    let hooks = PyDict::new(py);
    hooks.set_item("before", wrap_pyfunction!(before_fork, py)?)?;
    hooks.set_item("after_in_parent", wrap_pyfunction!(after_fork_in_parent, py)?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}

#[pyfunction]
fn before_fork(py: Python<'_>) {
    process(py, |process| process.forks_under_way += 1);
    while !is_in_load() && process(py, |process| process.reads_under_way > 0) {
        py.detach(|| thread::sleep(A_MOMENT));
    }
    let asked = Instant::now();
    while is_a_cache_being_closed() && asked.elapsed() < UNTIL_CACHES_ARE_CLOSED {
        py.detach(|| thread::sleep(A_MOMENT));
    }
}

/// The child begins with nothing under way.
#[pyfunction]
fn after_fork_in_parent(py: Python<'_>) {
    process(py, |process| process.forks_under_way = process.forks_under_way.saturating_sub(1));
}

/// Whether a thread is left that opened a cache's connections: it may be the one that closes them.
fn is_a_cache_being_closed() -> bool {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return false };
    let mut names =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.any(|name| name.starts_with("r2d2-worker"))
}

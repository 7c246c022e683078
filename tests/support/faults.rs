//! Commands whose calls to the file system are written down, or fail.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which call fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The how-manieth, from 1.
    pub at: usize,
    pub errno: i32,
    /// Whether all calls after it fail too.
    pub on: bool,
}

/// A call that changed a file, or a unit that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Create(PathBuf),
    Truncate(PathBuf, usize),
    Write(PathBuf, usize, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    MakeFolder(PathBuf),
    Acknowledge(usize),
}

/// Lets a command's calls below a folder fail.
pub fn fail(command: &mut Command, below: &Path, fault: Fault) {
    preload(command, below);
    command.env("FAULTS_AT", fault.at.to_string()).env("FAULTS_ERRNO", fault.errno.to_string());
    if fault.on {
        command.env("FAULTS_ON", "1");
    }
}

/// Writes a command's calls below a folder down.
pub fn record(command: &mut Command, below: &Path, log: &Path) {
    preload(command, below);
    command.env("FAULTS_LOG", log);
}

/// Lets a command wait where it opened a file to write whose path ends so: it makes the file `gate`, and goes on when
/// that is gone.
pub fn hold(command: &mut Command, below: &Path, end: &str, gate: &Path) {
    preload(command, below);
    command.env("FAULTS_HOLD", end).env("FAULTS_GATE", gate);
}

fn preload(command: &mut Command, below: &Path) {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| compiled("faults", include_str!("../faults/faults.c")));
    command.env("LD_PRELOAD", library).env("FAULTS_BELOW", below);
}

/// Surroundings that a command finds itself in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// The error of every call that locks a file.
    pub no_locks: Option<i32>,
    /// The magic number that every file system has.
    pub file_system: Option<u32>,
    /// The bytes that every file system says are free.
    pub free: Option<u64>,
    /// Microseconds that it takes to open a table.
    pub slow: Option<u64>,
}

/// Lets a command run in these surroundings.
pub fn surround(command: &mut Command, with: Surroundings) {
    command.envs(with.variables());
}

impl Surroundings {
    /// The environment of a command that finds itself in them.
    pub fn variables(self) -> Vec<(&'static str, String)> {
        static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
        let library =
            LIBRARY.get_or_init(|| compiled("surroundings", include_str!("../faults/surroundings.c")));
        let numbers = [
            ("SURROUNDINGS_ERRNO", self.no_locks.map(|errno| errno.to_string())),
            ("SURROUNDINGS_FREE", self.free.map(|bytes| bytes.to_string())),
            ("SURROUNDINGS_FILE_SYSTEM", self.file_system.map(|magic| magic.to_string())),
            ("SURROUNDINGS_SLOW", self.slow.map(|micros| micros.to_string())),
        ];
        let set = numbers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.chain([("LD_PRELOAD", library.display().to_string())]).collect()
    }
}

/// A library of `tests/faults`, compiled.
fn compiled(name: &str, source: &str) -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.so", std::process::id()));
    let written = library.with_extension("c");
    fs::write(&written, source).unwrap();
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(written).arg("-lpthread");
    assert!(compiler.status().unwrap().success(), "a C compiler is needed");
    library
}

/// The calls of a log, and how many calls could have failed.
pub fn calls(log: &[u8]) -> (Vec<Call>, usize) {
    let (mut calls, mut n_calls, mut rest) = (Vec::new(), 0, log);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&rest[..end]).unwrap();
        let mut fields = line.splitn(4, ' ');
        let mut next = || fields.next().unwrap();
        let (kind, number, size) = (next(), next().parse().unwrap(), next().parse::<usize>().unwrap());
        let path = PathBuf::from(next());
        let bytes = &rest[end + 1..end + 1 + size];
        rest = &rest[end + 1 + size..];
        calls.push(match kind {
            "C" => Call::Create(path),
            "T" => Call::Truncate(path, number),
            "W" => Call::Write(path, number, bytes.to_vec()),
            "S" => Call::Sync(path),
            "R" => Call::Rename(path, PathBuf::from(std::str::from_utf8(bytes).unwrap())),
            "U" => Call::Unlink(path),
            "M" => Call::MakeFolder(path),
            "A" => Call::Acknowledge(String::from_utf8_lossy(bytes).matches("is committed").count()),
            "N" => {
                n_calls = number;
                continue;
            }
            other => panic!("a record of kind {other}"),
        });
    }
    (calls, n_calls)
}

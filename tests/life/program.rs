//! The programs, run to their end or killed on the way.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::disk::Random;

/// When a program is killed.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    After(Duration),
    /// When it has said so many lines.
    AtLine(usize),
}

impl Kill {
    pub fn some(random: &mut Random) -> Self {
        if random.below(2) == 0 {
            Self::After(Duration::from_millis(u64::try_from(random.below(120)).unwrap()))
        } else {
            Self::AtLine(random.below(50))
        }
    }
}

/// How a program ended; its exit status is none if it was killed.
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

/// Runs a program, and kills it, if it has not ended before.
pub fn ended(mut command: Command, kill: Option<Kill>) -> Ended {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    if let Some(Kill::After(delay)) = kill {
        sleep(delay);
        child.kill().unwrap();
    }
    let mut said = String::new();
    for (n, line) in lines.enumerate() {
        if matches!(kill, Some(Kill::AtLine(last)) if n == last) {
            child.kill().unwrap();
        }
        said.push_str(&String::from_utf8_lossy(line.unwrap().as_bytes()));
        said.push('\n');
    }
    Ended { code: child.wait().unwrap().code(), said }
}

//! The name of a process that holds an output, as errors and arguments spell it: `HOST:PID`.

use std::fmt;
use std::str::FromStr;

/// A process, as `HOST:PID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderName {
    /// The machine, by the name that it gives itself.
    pub host: String,
    /// The process there.
    pub pid: String,
}

impl HolderName {
    /// The name of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let words: Vec<&str> = host.split_whitespace().collect();
        Self { host: words.join("_"), pid: std::process::id().to_string() }
    }
}

impl fmt::Display for HolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.pid)
    }
}

impl FromStr for HolderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((host, pid)) if !host.is_empty() && is_pid(pid) => {
                Ok(Self { host: host.to_owned(), pid: pid.to_owned() })
            }
            _ => Err("expected HOST:PID, as the refusal names them".to_owned()),
        }
    }
}

pub(crate) fn is_pid(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a process of this id runs, as this process sees them. `None` if it can be nobody's.
pub(crate) fn is_running(pid: &str) -> Option<bool> {
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw)?;
    Some(rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_refusal_prints() {
        let name: HolderName = "host:with:colons:17".parse().unwrap();
        assert_eq!((name.host.as_str(), name.pid.as_str()), ("host:with:colons", "17"));
        assert_eq!(name.to_string(), "host:with:colons:17");
        for wrong in ["", "host", "host:", ":17", "host:x", "17"] {
            assert!(wrong.parse::<HolderName>().is_err(), "{wrong}");
        }
    }
}

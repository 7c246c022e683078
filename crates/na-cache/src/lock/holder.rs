//! The text of a lock file: its holder, and how to tell whether that process is gone.

use std::io;
use std::path::Path;

use crate::error::HeldBy;
use crate::holder_name::{HolderName, is_pid, is_running};
use crate::lock::file_system::FileSystem;

/// The holder that a lock's text describes. Texts of version 0.1 end after the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) name: HolderName,
    /// The boot id of its kernel; containers of one machine share it.
    boot: Option<String>,
    /// The namespace of its process id: two containers can have processes of the same id.
    pids: Option<String>,
    /// The file system of the output, as the holder saw it.
    file_system: Option<FileSystem>,
    /// The job of a scheduler that the holder is.
    pub(crate) job: Option<String>,
}

impl Holder {
    /// This process, as the holder of an output folder.
    pub(crate) fn this(output: &Path) -> Self {
        Self {
            name: HolderName::of_this_process(),
            boot: word_of(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")),
            pids: word_of(std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string())),
            file_system: Some(FileSystem::of(output)),
            job: None,
        }
    }

    /// The same as a job of a scheduler.
    pub(crate) fn of_job(self, job: Option<String>) -> Self {
        Self { job, ..self }
    }

    /// Who that is, in the words of a refusal.
    pub(crate) fn held_by(&self) -> Box<HeldBy> {
        Box::new(HeldBy { name: self.name.clone(), job: self.job.clone() })
    }

    /// `None` if the line is not whole: a power cut can leave a part of it, or nothing but zeros.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split_whitespace();
        let pid = words.next().filter(|pid| is_pid(pid))?.to_owned();
        let host = words.next()?.to_owned();
        let name = HolderName { host, pid };
        let mut holder = Self { name, boot: None, pids: None, file_system: None, job: None };
        for word in words {
            match word.split_once('=') {
                Some(("boot", id)) => holder.boot = Some(id.to_owned()),
                Some(("pids", space)) => holder.pids = Some(space.to_owned()),
                Some(("fs", kind)) => holder.file_system = Some(FileSystem::named(kind)),
                Some(("job", job)) => holder.job = Some(job.to_owned()),
                // A later version may add words.
                _ => {}
            }
        }
        Some(holder)
    }

    /// Whether a text that does not parse may be what a power cut left of a lock: nothing, zeros, or its beginning. Any
    /// other file is somebody else's.
    pub(crate) fn may_be_cut_short(text: &str) -> bool {
        let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let is_one_line = !text.trim_end_matches('\n').contains('\n');
        is_one_line && (rest.is_empty() || rest.starts_with(['\0', ' ', '\n']))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}", self.name.pid, self.name.host);
        let kind = self.file_system.as_ref().map(|kind| kind.name().to_owned());
        let job = self.job.as_ref().map(|job| job.split_whitespace().collect::<Vec<_>>().join("_"));
        for (key, word) in [("boot", &self.boot), ("pids", &self.pids), ("fs", &kind), ("job", &job)] {
            if let Some(word) = word {
                text.push_str(&format!(" {key}={word}"));
            }
        }
        text.push('\n');
        text
    }

    /// Whether this holder is gone, given that `here` found the kernel's lock on its file free.
    ///
    /// One kernel sees all of its own locks; a file system that is local to both is on one machine only. A text without
    /// a boot id is of version 0.1, which compared host names.
    pub(crate) fn left_a_free_lock(&self, here: &Self) -> bool {
        let is_local = |holder: &Self| holder.file_system.as_ref().is_some_and(FileSystem::is_local);
        match (&self.boot, &here.boot) {
            (None, _) => self.name.host == here.name.host,
            (Some(boot), Some(ours)) if boot == ours => true,
            _ => is_local(self) && is_local(here),
        }
    }

    /// Whether this holder's process runs, for file systems without locks. `None` if `here` cannot see its processes.
    pub(crate) fn is_alive(&self, here: &Self) -> Option<bool> {
        let shares_pids = self.boot.is_some()
            && self.boot == here.boot
            && self.pids == here.pids
            && self.name.host == here.name.host;
        is_running(&self.name.pid).filter(|_| shares_pids)
    }

    /// Whether the holder is this process.
    pub(crate) fn is_this_process(&self, here: &Self) -> bool {
        self.name == here.name && self.boot == here.boot && self.pids == here.pids
    }
}

/// `None` if this machine does not tell.
fn word_of(text: io::Result<String>) -> Option<String> {
    let text = text.ok()?;
    let word = text.trim();
    (!word.is_empty() && !word.contains(char::is_whitespace)).then(|| word.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A holder as it would describe itself on another machine.
    pub(crate) fn holder(host: &str, pid: &str, boot: Option<&str>, kind: Option<&str>) -> Holder {
        Holder {
            name: HolderName { host: host.to_owned(), pid: pid.to_owned() },
            boot: boot.map(str::to_owned),
            pids: Some("pid:[4026531836]".to_owned()),
            file_system: kind.map(FileSystem::named),
            job: None,
        }
    }

    #[test]
    fn a_free_lock_is_a_dead_owners_only_where_no_other_machine_could_hold_it() {
        let here = |kind| holder("here", "1", Some("b1"), Some(kind));
        for (left, kind, is_gone, why) in [
            (holder("other", "7", Some("b1"), Some("nfs")), "nfs", true, "a container of this machine"),
            (holder("other", "7", Some("b0"), Some("ext4")), "ext4", true, "the same disk, booted again"),
            (holder("here", "7", Some("b0"), Some("ext4")), "xfs", true, "both see a local type"),
            (
                holder("here", "7", Some("b0"), Some("nfs4")),
                "ext4",
                false,
                "its owner saw it over the network",
            ),
            (holder("here", "7", Some("b0"), Some("ext4")), "nfs", false, "we see it over the network"),
            (holder("here", "7", Some("b0"), None), "ext4", false, "a text without a type"),
            (holder("here", "7", None, None), "nfs", true, "the text of version 0.1, this host"),
            (holder("other", "7", None, None), "ext4", false, "the text of version 0.1, another host"),
        ] {
            assert_eq!(left.left_a_free_lock(&here(kind)), is_gone, "{why}");
        }
    }

    #[test]
    fn a_process_is_gone_only_where_its_id_is_counted_as_ours_are() {
        let here = holder("here", &std::process::id().to_string(), Some("b1"), None);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id().to_string();
        child.wait().unwrap();
        assert_eq!(here.is_alive(&here), Some(true));
        assert_eq!(holder("here", &gone, Some("b1"), None).is_alive(&here), Some(false));
        for elsewhere in [
            holder("other", &gone, Some("b1"), None),
            holder("here", &gone, Some("b0"), None),
            holder("here", &gone, None, None),
            Holder { pids: Some("pid:[1]".to_owned()), ..holder("here", &gone, Some("b1"), None) },
        ] {
            assert_eq!(elsewhere.is_alive(&here), None, "{elsewhere:?}");
        }
    }

    #[test]
    fn a_text_is_read_as_it_was_written_also_that_of_version_0_1() {
        let this = Holder::this(Path::new("/"));
        assert_eq!(Holder::parse(&this.text()), Some(this.clone()));
        let of_job = Holder { job: Some("4711_3, started again 2 times".to_owned()), ..this.clone() };
        let read = Holder::parse(&of_job.text()).unwrap();
        assert_eq!(read.job.as_deref(), Some("4711_3,_started_again_2_times"));
        assert!(this.text().starts_with(&format!("{} {} ", std::process::id(), this.name.host)));
        let old = Holder::parse("17 another-machine\n").unwrap();
        assert_eq!((old.name.to_string().as_str(), old.boot), ("another-machine:17", None));
        for left in ["", "17", "17 another-mach", "\0\0\0\0\0\0\0\n", "\0\0 host\n"] {
            assert_eq!(Holder::parse(left), None, "{left:?}");
        }
    }
}

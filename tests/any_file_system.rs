//! Whatever file system the output is on: one writer, nothing lost, readers that work.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use support::Ran;
use support::cohort::Cohort;
use support::faults::{Surroundings, surround};
use support::files::names_in;
use support::segments::segments_in;
use support::store::Store;

const SESSIONS: usize = 60;

const LOCK: &str = "data/processed/.cache.lock";
const CACHE: &str = "data/processed/.cache.db";

const ENOLCK: i32 = 37;
const ENOSYS: i32 = 38;
const EOPNOTSUPP: i32 = 95;
const NFS: u32 = 0x6969;

fn cohort() -> Cohort {
    let names: Vec<String> = (0..SESSIONS).map(|n| format!("{n:04}")).collect();
    Cohort::of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>())
}

fn without_locks(errno: i32) -> Surroundings {
    Surroundings { no_locks: Some(errno), ..Surroundings::default() }
}

fn on_nfs() -> Surroundings {
    Surroundings { file_system: Some(NFS), ..Surroundings::default() }
}

fn load(cohort: &Cohort, with: Surroundings) -> Command {
    let mut command = cohort.command(&["--verbose", "--no-progress", "-j", "1"]);
    surround(&mut command, with);
    command
}

fn export_cache(cohort: &Cohort, with: Surroundings, arguments: &[&str]) -> Ran {
    let mut command = support::export_cache(cohort.root());
    command.arg("data/processed").args(arguments);
    surround(&mut command, with);
    Ran::of(command.output().unwrap())
}

/// A load that committed some units and stands still, its lock held.
struct Halted {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Halted {
    fn after(mut load: Command, units: usize) -> Self {
        let mut child = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let committed = said.by_ref().filter(|line| line.as_ref().unwrap().contains("is committed"));
        assert_eq!(committed.take(units).count(), units);
        let halted = Self { child, said };
        halted.signal("STOP");
        halted
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(format!("-{signal}")).arg(pid).status().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it go on to its end.
    fn go_on(self) -> Ran {
        self.signal("CONT");
        let said: Vec<String> = self.said.map(Result::unwrap).collect();
        let ran = Ran::of(self.child.wait_with_output().unwrap());
        Ran { stderr: said.join("\n"), ..ran }
    }
}

/// Units that a command says are in the cache. None if it says that a commit was cut short: it was killed in one.
fn counted(status: &Ran) -> Option<u64> {
    let status = &status.json()["cache"];
    let count = |key: &&str| status[*key].as_u64();
    let counts: Option<Vec<u64>> = ["anatomical_sessions", "diffusion_sessions"].iter().map(count).collect();
    if counts.is_none() {
        assert!(status["problem"].as_str().unwrap().contains("a commit that was cut short"), "{status}");
    }
    Some(counts?.into_iter().sum())
}

fn left_of_the_cache(cohort: &Cohort) -> Vec<String> {
    names_in(&cohort.store()).into_iter().filter(|name| name.starts_with(".cache")).collect()
}

#[test]
fn where_no_locks_are_kept_a_killed_load_is_gone_on_with_and_exported() {
    let cohort = cohort();
    cohort.run(&["-o", "expected"]).ended(0);
    let expected = Store::read(&cohort.path("expected"));
    for errno in [ENOLCK, ENOSYS, EOPNOTSUPP] {
        let with = without_locks(errno);
        Halted::after(load(&cohort, with), 5).kill();
        assert!(cohort.path(LOCK).exists(), "a killed owner leaves its lock");
        let kept = counted(&export_cache(&cohort, with, &["--status", "--json"]).ended(0));
        assert!(kept.is_none_or(|kept| (5..2 * SESSIONS as u64).contains(&kept)), "{kept:?}");
        if errno == ENOSYS {
            export_cache(&cohort, with, &[]).ended(0).says(&["is gone", "The cache is deleted"]);
        }
        let ran = Ran::of(load(&cohort, with).arg("--json").output().unwrap()).ended(0);
        let skipped = ran.units("skipped").iter().sum::<u64>();
        assert!(skipped >= 5 && kept.is_none_or(|kept| kept == skipped), "{skipped} of {kept:?}");
        Store::read(&cohort.store()).assert_same(&expected);
        assert_eq!(left_of_the_cache(&cohort), [""; 0]);
        fs::remove_dir_all(cohort.store()).unwrap();
    }
}

#[test]
fn where_no_locks_are_kept_the_next_run_takes_back_a_commit_that_was_cut_short() {
    let (cohort, with) = (Cohort::of(&[("1", "1"), ("2", "1")]), without_locks(ENOLCK));
    cohort.run(&["-o", "expected"]).ended(0);
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    Ran::of(load(&cohort, with).output().unwrap()).ended(1);
    cohort.let_exports_pass("long/anatomical_gm.parquet");
    let files = ["", "-journal"].map(|end| cohort.path(&format!("{CACHE}{end}")));
    let killed = rusqlite::Connection::open(&files[0]).unwrap();
    killed.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN").unwrap();
    // So much that pages go to the file before the commit.
    killed.execute_batch("DELETE FROM tables; DELETE FROM units").unwrap();
    for n in 0..300 {
        let value = (format!("unfinished {n}"), "x".repeat(30_000));
        killed.execute("INSERT INTO settings VALUES (?1, ?2)", value).unwrap();
    }
    let left = files.each_ref().map(|file| fs::read(file).unwrap());
    drop(killed);
    files.iter().zip(left).for_each(|(file, left)| fs::write(file, left).unwrap());
    export_cache(&cohort, with, &["--status"]).ended(0).says(&["a commit that was cut short"]);
    let ran = Ran::of(load(&cohort, with).arg("--json").output().unwrap()).ended(0);
    assert_eq!(ran.units("skipped"), [2, 2], "what was committed before is there");
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
    assert_eq!(left_of_the_cache(&cohort), [""; 0]);
}

#[test]
fn where_no_locks_are_kept_a_second_run_stops_and_names_the_first() {
    let (cohort, with) = (cohort(), without_locks(ENOLCK));
    let first = Halted::after(load(&cohort, with), 5);
    let words = ["in use by", &format!("process {}", first.child.id())];
    Ran::of(load(&cohort, with).output().unwrap()).ended(1).says(&words);
    let holder = fs::read_to_string(cohort.path(LOCK)).unwrap();
    let holder: Vec<&str> = holder.split(' ').collect();
    let name = format!("{}:{}", holder[1], holder[0]);
    let mut taking = load(&cohort, with);
    taking.args(["--take-over", &name]);
    Ran::of(taking.output().unwrap()).ended(1).says(&words);
    export_cache(&cohort, with, &[]).ended(1).says(&words);
    export_cache(&cohort, with, &["--status"]).ended(0).says(&["CACHE STATUS", "is held by a load"]);
    first.go_on().ended(0);
    assert_eq!(left_of_the_cache(&cohort), [""; 0]);
    // One that cannot be seen from here is refused until it is named.
    cohort.write(LOCK, &holder.join(" ").replace("boot=", "boot=another-"));
    Ran::of(load(&cohort, with).output().unwrap()).ended(1).says(&[&format!("--take-over {name}")]);
    taking = load(&cohort, with);
    taking.args(["--take-over", &name]);
    Ran::of(taking.output().unwrap()).ended(0);
    assert_eq!(left_of_the_cache(&cohort), [""; 0]);
}

#[test]
fn segments_are_published_while_a_load_holds_the_cache() {
    for with in [without_locks(ENOLCK), on_nfs()] {
        let cohort = cohort();
        let halted = Halted::after(load(&cohort, with), 5);
        let mut segment = load(&cohort, with);
        segment.arg("--segment");
        Ran::of(segment.output().unwrap()).ended(0);
        assert!(!segments_in(&cohort.store()).is_empty());
        halted.go_on().ended(0);
        assert_eq!(segments_in(&cohort.store()), Vec::<PathBuf>::new());
    }
}

#[test]
fn where_no_locks_are_kept_a_lock_that_names_nobody_is_refused() {
    let cohort = Cohort::of(&[("1", "1")]);
    cohort.write(LOCK, "");
    let mut command = load(&cohort, without_locks(ENOLCK));
    Ran::of(command.output().unwrap()).ended(1).says(&["does not say by whom"]);
    assert!(!cohort.path("data/processed/.cache.db").exists());
}

#[test]
fn a_load_goes_on_from_a_write_ahead_log_where_there_can_be_none() {
    for with in [without_locks(ENOLCK), on_nfs()] {
        let cohort = cohort();
        cohort.run(&["-o", "expected"]).ended(0);
        Halted::after(load(&cohort, Surroundings::default()), 5).kill();
        assert!(fs::metadata(cohort.path(&format!("{CACHE}-wal"))).unwrap().len() > 0);
        let ran = Ran::of(load(&cohort, with).arg("--json").output().unwrap()).ended(0);
        assert!(ran.units("skipped").iter().sum::<u64>() >= 5);
        Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
        assert_eq!(left_of_the_cache(&cohort), [""; 0]);
    }
}

#[test]
fn on_a_network_file_system_a_load_keeps_no_write_ahead_log_and_says_so_once() {
    let (cohort, with) = (cohort(), on_nfs());
    cohort.run(&["-o", "expected"]).ended(0);
    let first = Halted::after(load(&cohort, with), 5);
    assert!(fs::read_to_string(cohort.path(LOCK)).unwrap().contains(" fs=nfs"));
    for none in ["-wal", "-shm"] {
        assert!(!cohort.path(&format!("{CACHE}{none}")).exists());
    }
    Ran::of(load(&cohort, with).output().unwrap()).ended(1).says(&["in use by"]);
    export_cache(&cohort, with, &["--status"]).ended(0).says(&["CACHE STATUS", "is held by a load"]);
    export_cache(&cohort, with, &["--status", "--json"]).ended(0).says(&["\"anatomical_sessions\": null"]);
    first.kill();
    let kept = counted(&export_cache(&cohort, with, &["--status", "--json"]).ended(0));
    assert!(kept.unwrap() >= 5, "a reader that may take a cut commit back");
    let ran = Ran::of(load(&cohort, with).output().unwrap()).ended(0);
    let warned = ran.stderr.matches("a write-ahead log does not work on this file system").count();
    assert_eq!(warned, 1, "{}", ran.stderr);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
    assert_eq!(left_of_the_cache(&cohort), [""; 0]);
}

#[test]
fn readers_take_what_is_exported_while_a_load_holds_the_cache_and_say_so_once() {
    let (cohort, with) = (cohort(), on_nfs());
    let names: Vec<String> = (0..SESSIONS).map(|n| format!("{n:04}")).collect();
    cohort.list_of(&[(&names[0], "1")]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    let first = Halted::after(load(&cohort, with), 5);
    let mut reader = support::reader(&cohort.store());
    surround(&mut reader, with);
    let read = Ran::of(reader.output().unwrap()).ended(0).says(&["1 sessions", "1 sessions, again"]);
    assert_eq!(read.stderr.matches("is held by a load").count(), 1, "{}", read.stderr);
    first.kill();
    let mut reader = support::reader(&cohort.store());
    surround(&mut reader, with);
    Ran::of(reader.output().unwrap()).ended(0).keeps_quiet_about(&["1 sessions", "is held"]);
}

/// Not a test: what [`support::reader`] runs.
#[test]
fn reader() {
    support::read_store();
}

#[test]
fn a_lock_of_another_boot_is_refused_if_its_owner_saw_a_network_file_system() {
    let cohort = cohort();
    Halted::after(load(&cohort, on_nfs()), 4).kill();
    let text = fs::read_to_string(cohort.path(LOCK)).unwrap();
    let cache = fs::read(cohort.path(CACHE)).unwrap();
    // Another host name alone is another container of this machine.
    let elsewhere = text.replace("boot=", "boot=another-");
    cohort.write(LOCK, &elsewhere);
    cohort.run(&[]).ended(1).says(&["--take-over"]);
    assert!(fs::read(cohort.path(CACHE)).unwrap() == cache, "the cache changed");
    // The same on a disk of its own.
    cohort.write(LOCK, &elsewhere.replace("fs=nfs", "fs=ext4"));
    cohort.run(&[]).ended(0).says(&["is gone"]);
}

#[test]
fn a_container_that_was_killed_is_gone_on_with_in_another() {
    let cohort = cohort();
    Halted::after(load(&cohort, Surroundings::default()), 4).kill();
    let text = fs::read_to_string(cohort.path(LOCK)).unwrap();
    let host = text.split(' ').nth(1).unwrap();
    cohort.write(LOCK, &text.replacen(host, "another-container", 1));
    cohort.run(&[]).ended(0).says(&["another-container", "is gone"]);
}

#[test]
fn a_load_whose_lock_was_taken_from_it_stops_before_its_next_commit() {
    let cohort = cohort();
    cohort.run(&["-o", "expected"]).ended(0);
    let first = Halted::after(load(&cohort, Surroundings::default()), 4);
    cohort.write(LOCK, "17 another-machine boot=b0 fs=nfs\n");
    let ran = first.go_on().ended(1).says(&["is no longer this run's", "process 17 on another-machine"]);
    // What was under way when it was halted may still be told.
    assert!(ran.stderr.matches("is committed").count() < SESSIONS, "{}", ran.stderr);
    assert!(!cohort.path("data/processed/manifest.json").exists());
    assert!(
        fs::read_to_string(cohort.path(LOCK)).unwrap().starts_with("17 "),
        "the other's lock is left alone"
    );
    cohort.remove(LOCK);
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
}

#[test]
fn what_a_power_cut_left_of_a_deleted_cache_goes_with_the_next_run_also_one_with_nothing_to_do() {
    let cohort = Cohort::of(&[("1", "1")]);
    cohort.run(&[]).ended(0);
    for left in ["-wal", "-shm", "-journal"] {
        cohort.write(&format!("{CACHE}{left}"), "health data");
    }
    let before = fs::metadata(cohort.path("data/processed/manifest.json")).unwrap().modified().unwrap();
    cohort.run(&[]).ended(0);
    assert_eq!(left_of_the_cache(&cohort), [""; 0]);
    let after = fs::metadata(cohort.path("data/processed/manifest.json")).unwrap().modified().unwrap();
    assert_eq!(before, after, "there was nothing to do");
}

//! Memory does not grow with the number of sessions: neither in a load, nor in an export, nor in a merge.
#![cfg(target_os = "linux")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use support::cohort::{Cohort, anatomical};

const REGIONS: usize = 150;
const COLUMNS: usize = 40;

/// A table that is large enough for a session's worth of it to show.
fn table(session: usize) -> String {
    let mut text = "index\tlabel".to_owned();
    (0..COLUMNS).for_each(|column| write!(text, "\tx{column}").unwrap());
    text.push_str("\tmean\n");
    for region in 1..=REGIONS {
        write!(text, "{region}\tregion_{region}").unwrap();
        for column in 0..=COLUMNS {
            let value = f64::from(u32::try_from(session * 31 + region * 7 + column).unwrap()).sqrt();
            write!(text, "\t{value:?}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn cohort(sessions: usize) -> Cohort {
    let cohort = Cohort::empty();
    let mut list = "subject_code,session_id,AGE\n".to_owned();
    for session in 0..sessions {
        let subject = format!("{session:04}");
        cohort.write(&anatomical(&subject, "1", "GM"), &table(session));
        cohort.write(&anatomical(&subject, "1", "WM"), &table(session + 1));
        cohort.tiv(&subject, "1", 1400.0);
        writeln!(list, "{subject},1,30").unwrap();
    }
    cohort.list(&list);
    cohort
}

/// The most memory that a run had, kB.
fn peak(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(size.unwrap_or_default());
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success() && peak > 0);
    peak
}

fn run(cohort: &Cohort, arguments: &[&str]) -> u64 {
    let mut command = cohort.command(&["-j", "2", "--no-progress"]);
    peak(command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
fn three_times_the_sessions_take_no_more_memory() {
    let (few, many) = (cohort(300), cohort(900));
    let (of_few, of_many) = (run(&few, &[]), run(&many, &[]));
    // Held in memory, the tables of the sessions between them are 59 MB.
    let grown = of_many.saturating_sub(of_few);
    assert!(grown < 20_000, "{of_few} kB for 300 sessions, {of_many} kB for 900");
    // The same where a session's metadata changes in a store that is there.
    let list = fs::read_to_string(many.path("sessions.csv")).unwrap();
    many.list(&list.replacen("0007,1,30", "0007,1,31", 1));
    let merged = run(&many, &[]);
    assert!(merged < of_many + 20_000, "{merged} kB for a merge");
}

/// What moved to parts is not in the database, and the log does not keep it.
#[test]
fn the_cache_holds_little_more_than_what_waits() {
    let cohort = cohort(120);
    let store = cohort.store();
    // As a kill leaves it: whoever ends otherwise copies the log.
    let size = |arguments: &[&str]| {
        let mut command = cohort.command(&["-j", "1", "--no-progress"]);
        let mut load = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(load.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("writing anatomical_gm")));
        load.kill().unwrap();
        load.wait().unwrap();
        let of = |name: &str| fs::metadata(store.join(name)).map_or(0, |file| file.len());
        let size = of(".cache.db") + of(".cache.db-wal");
        fs::remove_dir_all(&store).unwrap();
        size
    };
    let eight_sessions = (8 * REGIONS).to_string();
    let [all, sealed] = [size(&[]), size(&["--sealed-at-once", &eight_sessions])];
    assert!(2 * sealed < all, "{sealed} of {all}");
}

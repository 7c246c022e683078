//! What was committed survives any end of the program, and the next run ends in the same store.

mod support;

use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::Ran;
use support::cohort::{Cohort, anatomical, tsv};
#[cfg(target_os = "linux")]
use support::faults;
#[cfg(target_os = "linux")]
use support::files::{PARTIAL, all_below};
use support::store::Store;

const SESSIONS: usize = 60;

fn cohort() -> Cohort {
    let names: Vec<(String, String)> =
        (0..SESSIONS).map(|n| (format!("{:04}", n / 2), format!("2025010{}", n % 2))).collect();
    Cohort::of(
        &names.iter().map(|(subject, session)| (subject.as_str(), session.as_str())).collect::<Vec<_>>(),
    )
}

/// The store of a run that nobody disturbed.
fn undisturbed(cohort: &Cohort) -> Store {
    let output = cohort.path("undisturbed");
    cohort.run(&["-o", "undisturbed"]).ended(0);
    Store::read(&output)
}

fn start(cohort: &Cohort, arguments: &[&str]) -> Child {
    cohort.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Units that a run said are committed, before it was killed; waits for so many lines at most.
fn acknowledged(child: &mut Child, enough: usize) -> usize {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut acknowledged = 0;
    for line in lines {
        if line.unwrap().contains("is committed") {
            acknowledged += 1;
            if acknowledged == enough {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    acknowledged
}

fn committed(cohort: &Cohort) -> usize {
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json()["cache"].clone();
    let count = |key: &str| usize::try_from(status[key].as_u64().unwrap()).unwrap();
    count("anatomical_sessions") + count("diffusion_sessions")
}

/// Kills a load that acknowledged `enough` units while others were to come: how many it acknowledged, and how
/// many are committed. A load that was done before the kill reached it is loaded anew.
fn killed_load(cohort: &Cohort, enough: usize) -> (usize, usize) {
    loop {
        let acknowledged = acknowledged(&mut start(cohort, &["--verbose"]), enough);
        if cohort.path("data/processed/.cache.db").exists() {
            let committed = committed(cohort);
            if committed < 2 * SESSIONS {
                return (acknowledged, committed);
            }
        }
        std::fs::remove_dir_all(cohort.store()).unwrap();
    }
}

/// A sequence that is the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn a_killed_load_keeps_what_it_acknowledged_and_the_next_run_goes_on_there() {
    let cohort = cohort();
    let expected = undisturbed(&cohort);
    let (acknowledged, kept) = killed_load(&cohort, SESSIONS);
    assert!(kept >= acknowledged, "{kept} units are left of {acknowledged} that were acknowledged");
    let rerun = cohort.run(&["--json"]).ended(0).json();
    let count =
        |key: &str| rerun[key]["anatomical"].as_u64().unwrap() + rerun[key]["diffusion"].as_u64().unwrap();
    assert_eq!(count("skipped"), u64::try_from(kept).unwrap());
    assert_eq!(count("loaded"), u64::try_from(2 * SESSIONS - kept).unwrap());
    Store::read(&cohort.store()).assert_same(&expected);
    assert!(!cohort.path("data/processed/.cache.db").exists());
}

/// `KILLS=10000 cargo test --test killed_at_any_time again` kills so often.
#[test]
fn killed_again_and_again_through_load_and_export_it_ends_in_the_same_store() {
    let kills: usize = std::env::var("KILLS").map_or(200, |kills| kills.parse().unwrap());
    let cohort = cohort();
    let started = Instant::now();
    let mut expected = undisturbed(&cohort);
    let whole = u64::try_from(started.elapsed().as_millis()).unwrap().max(20);
    let mut random = Random(7);
    for kill in 1..=kills {
        // Every other load seals the rows of two sessions at once.
        let sealed: &[&str] = if kill % 2 == 0 { &["--sealed-at-once", "8"] } else { &[] };
        let mut child = start(&cohort, &[&["--no-progress"], sealed].concat());
        sleep(Duration::from_millis(random.below(whole * 2 / 3)));
        child.kill().unwrap();
        child.wait().unwrap();
        match random.below(16) {
            // Now and then what is there is exported by hand, and the cache stays or goes.
            0 | 1 => drop(cohort.export_cache(&["--keep-cache"])),
            2 | 3 => drop(cohort.export_cache(&[])),
            // Or a source changes.
            4 => {
                let subject = format!("{:04}", random.below(u64::try_from(SESSIONS / 2).unwrap()));
                let value = f64::from(u32::try_from(kill).unwrap()) + 0.1;
                cohort.write(&anatomical(&subject, "20250100", "GM"), &tsv(value));
                std::fs::remove_dir_all(cohort.path("undisturbed")).unwrap();
                expected = undisturbed(&cohort);
            }
            _ => {}
        }
        if kill % 25 == 0 || kill == kills {
            cohort.run(&[]).ended(0);
            Store::read(&cohort.store()).assert_same(&expected);
            if kill % 50 == 0 {
                std::fs::remove_dir_all(cohort.store()).unwrap();
            }
        }
    }
}

#[test]
fn a_signal_stops_the_run_within_a_second_and_says_how_to_go_on() {
    let cohort = cohort();
    let expected = undisturbed(&cohort);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let _ = std::fs::remove_dir_all(cohort.store());
        let mut child = cohort
            .command(&["--verbose", "-j", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("is committed")));
        let sent =
            Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
        assert!(sent.success());
        lines.for_each(drop);
        let ran = Ran::of(child.wait_with_output().unwrap());
        ran.ended(code).says(&[" are safe in ", "Run the same command again"]);
        assert!(committed(&cohort) < 2 * SESSIONS);
        cohort.run(&[]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
    }
}

/// Starts a command that waits in its export, where it has begun to write the file of the store whose name ends so.
#[cfg(target_os = "linux")]
fn held(cohort: &Cohort, mut command: Command, file: &str) -> Child {
    let gate = cohort.path("gate");
    faults::hold(&mut command, &cohort.store(), file, &gate);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !gate.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it wrote {file}");
        sleep(Duration::from_millis(2));
    }
    child
}

/// Sends SIGTERM, and waits until the process has taken it.
#[cfg(target_os = "linux")]
fn terminate(child: &Child) {
    let sent = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    let status = format!("/proc/{}/status", child.id());
    let is_pending = || {
        let text = std::fs::read_to_string(&status).unwrap();
        let signals = text.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        u64::from_str_radix(signals.trim(), 16).unwrap() >> 14 & 1 == 1
    };
    while is_pending() {
        sleep(Duration::from_millis(2));
    }
    sleep(Duration::from_millis(100));
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_during_the_export_ends_either_command_and_leaves_the_cache() {
    let sessions = [("0001", "1"), ("0002", "1"), ("0003", "1")];
    let cohort = Cohort::of(&sessions);
    let expected = undisturbed(&cohort);
    let load = || {
        let mut command = cohort.command(&["--no-progress"]);
        command.arg("-o").arg(cohort.store());
        (command, "Run the same command again")
    };
    let export = || {
        let mut command = support::export_cache(cohort.root());
        command.arg(cohort.store());
        (command, "what was to be exported is as it was")
    };
    // While a long table is written, and while features are.
    for file in ["anatomical_gm.parquet", "gm_mean.parquet"] {
        for (command, way_on) in [load(), export()] {
            let child = held(&cohort, command, file);
            terminate(&child);
            cohort.remove("gate");
            Ran::of(child.wait_with_output().unwrap()).ended(143).says(&[way_on]);
            assert_eq!(committed(&cohort), 2 * sessions.len(), "{file}");
            assert!(!cohort.path("data/processed/manifest.json").exists(), "{file}");
        }
    }
    let next = cohort.run(&["--json"]).ended(0);
    assert_eq!((next.units("skipped"), next.units("loaded")), ([3, 3], [0, 0]));
    Store::read(&cohort.store()).assert_same(&expected);
    assert!(!cohort.path("data/processed/.cache.db").exists());
}

/// The files below a folder that an export had not finished.
#[cfg(target_os = "linux")]
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let is_partial = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(PARTIAL);
    all_below(folder).into_iter().filter(is_partial).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_export_left_half_written_goes_though_the_next_run_does_not_write_it() {
    let cohort = Cohort::of(&[("0001", "1")]);
    for (file, without) in
        [("anatomical_ct.parquet", &["--no-ct"][..]), ("gm_std.parquet", &["--wide-metrics", "mean"])]
    {
        let _ = std::fs::remove_dir_all(cohort.store());
        let mut command = cohort.command(&["--no-progress"]);
        command.arg("-o").arg(cohort.store());
        let mut child = held(&cohort, command, file);
        child.kill().unwrap();
        child.wait().unwrap();
        cohort.remove("gate");
        assert!(unfinished(&cohort.store()).iter().any(|path| path.to_str().unwrap().ends_with(file)));
        // Somebody does without what was loaded: with the cache, the next run would write the table.
        cohort.remove("data/processed/.cache.db");
        cohort.run(without).ended(0);
        assert_eq!(unfinished(&cohort.store()), Vec::<PathBuf>::new(), "{file}");
    }
}

#[test]
fn an_export_from_a_killed_load_s_cache_gives_the_files_that_the_run_would_have() {
    let cohort = cohort();
    let expected = undisturbed(&cohort);
    let (_, kept) = killed_load(&cohort, SESSIONS / 2);
    cohort.export_cache(&["--keep-cache"]).ended(0).says(&["CACHE STATUS", "The cache is kept."]);
    let exported = Store::read(&cohort.store());
    let loaded = exported.sessions.iter().filter(|line| line.contains("\tloaded\t")).count();
    assert_eq!(loaded, kept);
    assert!(exported.sessions.iter().any(|line| line.contains("not read yet")));
    assert!(exported.tables.contains_key("metadata.parquet") && exported.tables.contains_key("tiv.parquet"));
    cohort.export_cache(&[]).ended(0).says(&["The cache is deleted"]);
    Store::read(&cohort.store()).assert_same(&exported);
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&expected);
}

#[test]
fn a_cache_that_was_killed_while_it_was_made_is_made_again() {
    let cohort = Cohort::of(&[("0001", "1")]);
    std::fs::create_dir_all(cohort.store()).unwrap();
    let cache = rusqlite::Connection::open(cohort.store().join(".cache.db")).unwrap();
    cache
        .execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA application_id = 0")
        .unwrap();
    // Not closed: what a kill leaves, with the log.
    std::mem::forget(cache);
    assert!(std::fs::metadata(cohort.store().join(".cache.db")).unwrap().len() > 0);
    cohort.export_cache(&["--status"]).ended(1).says(&["there is no cache"]);
    cohort.run(&["--dry-run"]).ended(0).says(&["To load   2, 0 of them changed"]);
    cohort.run(&[]).ended(0).says(&["1 anatomical, 1 diffusion"]);
}

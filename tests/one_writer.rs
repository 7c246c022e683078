//! One writer an output; readers look on meanwhile; a commit that fails marks nothing as done.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use support::Ran;
use support::cohort::Cohort;
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const LOCK: &str = "data/processed/.cache.lock";

fn cache(cohort: &Cohort) -> Connection {
    Connection::open(cohort.store().join(".cache.db")).unwrap()
}

/// A cohort of two sessions of which one is in the cache, and nothing in Parquet.
fn half_loaded() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run_stopped_at(GM, &[]);
    cohort.list_of(&[A, B]);
    cohort
}

/// A run that owns the output; while the cache is locked, it waits.
fn start(cohort: &Cohort) -> Child {
    let child = cohort.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_owns(cohort, child)
}

fn until_it_owns(cohort: &Cohort, mut child: Child) -> Child {
    let owner = format!("{} ", child.id());
    while !fs::read_to_string(cohort.path(LOCK)).is_ok_and(|text| text.starts_with(&owner)) {
        assert_eq!(child.try_wait().unwrap(), None, "the run ended before it owned the output");
        sleep(Duration::from_millis(10));
    }
    child
}

fn this_host() -> String {
    String::from_utf8(Command::new("uname").arg("-n").output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn a_second_run_stops_at_once_and_names_the_first_while_readers_go_on() {
    let cohort = half_loaded();
    cohort.run(&["-o", "expected"]).ended(0);
    let other = cache(&cohort);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = start(&cohort);
    let words = ["in use by", &format!("process {}", first.id()), &this_host()];
    cohort.run(&[]).ended(1).says(&words);
    cohort.run(&["--force"]).ended(1).says(&words);
    cohort.export_cache(&[]).ended(1).says(&words);
    for _ in 0..2 {
        cohort
            .export_cache(&["--status"])
            .ended(0)
            .says(&["Anatomical sessions: 1", "Diffusion sessions: 1"]);
    }
    cohort.run(&["--dry-run"]).ended(0).says(&["To load   2, 0 of them changed"]);
    cohort.run(&["-o", "elsewhere"]).ended(0);
    other.execute_batch("ROLLBACK").unwrap();
    Ran::of(first.wait_with_output().unwrap()).ended(0).says(&["Loaded    1 anatomical, 1 diffusion"]);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
    assert!(!cohort.path(LOCK).exists());
}

#[test]
fn a_run_waits_for_a_program_that_writes_to_the_cache_and_loses_nothing() {
    let cohort = half_loaded();
    cohort.run(&["-o", "expected"]).ended(0);
    let other = cache(&cohort);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = start(&cohort);
    sleep(Duration::from_millis(700));
    other.execute_batch("ROLLBACK").unwrap();
    Ran::of(run.wait_with_output().unwrap()).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
}

#[test]
fn a_reader_that_keeps_the_cache_open_does_not_keep_a_run_from_its_end() {
    let cohort = half_loaded();
    let reader = cache(&cohort);
    reader.execute_batch("BEGIN").unwrap();
    let count = || reader.query_row("SELECT count(*) FROM units", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 2);
    cohort.run(&[]).ended(0);
    assert_eq!(count(), 2, "a reader's state is that of its beginning");
    assert!(!cohort.path("data/processed/.cache.db").exists());
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
}

#[test]
fn the_sqlite3_shell_shows_which_sessions_and_tables_are_there() {
    let cohort = half_loaded();
    let cache = cache(&cohort);
    let mut query = cache
        .prepare("SELECT subject_code, session_id, modality, table_name, param FROM units JOIN tables USING (unit) ORDER BY 4, 5")
        .unwrap();
    let rows = query.query_map([], |row| {
        let word = |place| row.get::<_, Option<String>>(place).map(Option::unwrap_or_default);
        Ok([word(0)?, word(1)?, word(2)?, word(3)?, word(4)?].join(" "))
    });
    let rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(
        rows,
        [
            "0001 1 anatomical anatomical_ct ",
            "0001 1 anatomical anatomical_gm ",
            "0001 1 anatomical anatomical_wm ",
            "0001 1 diffusion diffusion_NODDI icvf",
            "0001 1 diffusion diffusion_NODDI od"
        ]
    );
    let version: i64 = cache.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert!(version > 0);
}

#[test]
fn a_cache_of_another_version_is_refused_and_left_as_it_is() {
    let cohort = half_loaded();
    cache(&cohort).execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(cohort.store().join(".cache.db")).unwrap();
    let words = ["schema 99", "move it away"];
    cohort.run(&[]).ended(1).says(&words);
    cohort.export_cache(&["--status"]).ended(1).says(&words);
    cohort.export_cache(&[]).ended(1).says(&words);
    // What cannot be read may be all that is left of something: nothing is cleared for a load that begins anew.
    cohort.run(&["--force"]).ended(1).says(&words);
    assert!(fs::read(cohort.store().join(".cache.db")).unwrap() == before, "the cache changed");
}

#[test]
fn a_commit_that_fails_stops_the_run_and_marks_no_unit_as_done() {
    let names: Vec<String> = (0..30).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    cohort.run(&["-o", "expected"]).ended(0);
    cohort.list_of(&sessions[..1]);
    cohort.run_stopped_at(GM, &["--no-diffusion"]);
    cohort.list_of(&sessions);
    // What a full disk or a broken one does in the middle of a unit: two of its tables are written, the third is not.
    let disk = cache(&cohort);
    disk.execute_batch(
        "CREATE TRIGGER broken BEFORE INSERT ON tables WHEN new.table_name = 'anatomical_ct'
         AND (SELECT count(*) FROM units) >= 20 BEGIN SELECT raise(ABORT, 'the disk says no'); END",
    )
    .unwrap();
    let failed = cohort.run(&["--no-diffusion", "--verbose"]).ended(1).says(&["the disk says no"]);
    let acknowledged = u32::try_from(failed.stderr.matches("is committed").count()).unwrap();
    let count = |sql: &str| disk.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let committed = count("SELECT count(*) FROM units");
    assert_eq!(committed, 1 + acknowledged);
    assert!(committed < 20, "{committed}");
    assert_eq!(count("SELECT count(*) FROM tables"), 3 * committed, "a unit has all of its tables or none");
    assert!(!cohort.path("data/processed/manifest.json").exists());
    cohort.export_cache(&["--status"]).ended(0).says(&[&format!("Anatomical sessions: {committed}")]);
    disk.execute_batch("DROP TRIGGER broken").unwrap();
    drop(disk);
    let next = cohort.run(&["--json"]).ended(0);
    assert_eq!(next.units("skipped")[0], u64::from(committed));
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
}

#[test]
fn many_loading_threads_and_one_writer_commit_every_unit_once() {
    let names: Vec<String> = (0..40).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    cohort.run(&["-j", "1", "-o", "one"]).ended(0);
    let many = cohort.run(&["-j", "16", "--keep-cache", "--verbose"]).ended(0);
    let mut committed: Vec<&str> = many.stderr.lines().filter(|line| line.contains("is committed")).collect();
    committed.sort_unstable();
    committed.dedup();
    assert_eq!(committed.len(), 80);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("one")));
}

#[test]
fn a_lock_of_another_machine_is_respected_and_the_way_out_said() {
    let cohort = half_loaded();
    cohort.write(LOCK, "4711 another-machine\n");
    let database = || fs::read(cohort.store().join(".cache.db")).unwrap();
    let before = database();
    cohort.run(&[]).ended(1).says(&["process 4711 on another-machine", ".cache.lock"]);
    for wrong in ["another-machine:4712", "another:4711"] {
        cohort.run(&["--take-over", wrong]).ended(1).says(&[wrong, "another-machine:4711"]);
        cohort.export_cache(&["--take-over", wrong]).ended(1).says(&[wrong, "another-machine:4711"]);
    }
    cohort.run(&["--take-over", "4711"]).ended(2).says(&["HOST:PID"]);
    cohort.export_cache(&["--status"]).ended(0);
    assert!(database() == before, "the cache changed");
    assert_eq!(fs::read_to_string(cohort.path(LOCK)).unwrap(), "4711 another-machine\n");
    let way_out = ["--take-over", "another-machine:4711"];
    cohort.export_cache(&[]).ended(1).says(&way_out);
    cohort.export_cache(&[&way_out[..], &["--keep-cache"]].concat()).ended(0).says(&["as asked"]);
    cohort.write(LOCK, "4711 another-machine\n");
    cohort.run(&way_out).ended(0).says(&["as asked"]);
    assert!(!cohort.path(LOCK).exists());
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_nothing_written_where_it_leads() {
    let cohort = half_loaded();
    cohort.write("notes", "mine");
    std::os::unix::fs::symlink(cohort.path("notes"), cohort.path(LOCK)).unwrap();
    cohort.run(&[]).ended(1).says(&[".cache.lock is a link", "delete it"]);
    cohort.export_cache(&[]).ended(1).says(&[".cache.lock is a link"]);
    assert_eq!(fs::read_to_string(cohort.path("notes")).unwrap(), "mine");
    cohort.remove(LOCK);
    fs::rename(cohort.path("data/processed/.cache.db"), cohort.path("elsewhere.db")).unwrap();
    std::os::unix::fs::symlink(cohort.path("elsewhere.db"), cohort.path("data/processed/.cache.db")).unwrap();
    let before = fs::read(cohort.path("elsewhere.db")).unwrap();
    cohort.run(&[]).ended(1).says(&[".cache.db is a link"]);
    assert!(fs::read(cohort.path("elsewhere.db")).unwrap() == before);
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

/// Takes the cache from a run that loads. The run stands still at each try, or its commits, one behind the other, would
/// keep everybody else out until it is at its end.
fn hold_between_two_commits(other: &Connection, run: &Child) {
    other.busy_timeout(Duration::ZERO).unwrap();
    loop {
        signal(run, "STOP");
        let held = other.execute_batch("BEGIN IMMEDIATE");
        signal(run, "CONT");
        match held {
            Ok(()) => return,
            Err(error) => {
                assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy), "{error}")
            }
        }
    }
}

/// Sends a signal and waits for the end, which comes long before a program that holds the cache is given up on.
fn interrupted(mut child: Child, name: &str) -> Ran {
    signal(&child, name);
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < Duration::from_secs(10), "it goes on waiting");
        sleep(Duration::from_millis(10));
    }
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_program_which_holds_the_cache() {
    let cohort = half_loaded();
    cohort.run(&["-o", "expected"]).ended(0);
    let other = cache(&cohort);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = start(&cohort);
        // It is at the cache, or soon will be.
        sleep(Duration::from_millis(300));
        interrupted(run, signal).ended(code).says(&["Run the same command again"]);
        let mut export = support::export_cache(cohort.root());
        export.arg("data/processed").stdout(Stdio::piped()).stderr(Stdio::piped());
        let export = until_it_owns(&cohort, export.spawn().unwrap());
        interrupted(export, signal).ended(code).says(&["Interrupted"]);
    }
    assert!(!cohort.path(LOCK).exists());
    other.execute_batch("ROLLBACK").unwrap();
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("expected")));
}

#[test]
fn a_signal_ends_a_load_whose_commits_wait_for_a_program_that_holds_the_cache() {
    let names: Vec<String> = (0..500).map(|n| format!("{n:04}")).collect();
    let cohort = Cohort::of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    let mut run = cohort.command(&["--verbose", "--no-progress", "-j", "1"]);
    let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("is committed")));
    let other = cache(&cohort);
    hold_between_two_commits(&other, &run);
    let reads = std::thread::spawn(move || said.map(Result::unwrap).collect::<Vec<_>>());
    let count = || other.query_row("SELECT count(*) FROM units", [], |row| row.get::<_, u32>(0)).unwrap();
    let held = count();
    assert!(held < 1000, "the load ended too early to test anything");
    sleep(Duration::from_millis(300));
    interrupted(run, "TERM").ended(143).says(&["Run the same command again"]);
    reads.join().unwrap();
    assert_eq!(count(), held);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    cohort.run(&[]).ended(0);
    let sessions: Vec<String> = names.iter().map(|name| format!("{name}/1")).collect();
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).collect();
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &sessions));
}

#[test]
fn what_a_killed_run_left_of_its_lock_stops_nobody() {
    let cohort = half_loaded();
    cohort.write(LOCK, &format!("999999 {}", this_host()));
    cohort.run(&[]).ended(0);
}

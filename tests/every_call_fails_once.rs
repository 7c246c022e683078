//! Whichever call to the file system fails, once or from then on: the error is told, and the next run ends right.
//!
//! `EVERY_CALL=1 cargo test --test every_call_fails_once` fails each call with each error, once and for good.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Ran;
use support::cohort::Cohort;
use support::faults::{self, Fault};
use support::files::{PARTIAL, copy};
use support::store::Store;

const EIO: i32 = 5;
const EINTR: i32 = 4;
const ENOSPC: i32 = 28;
const ERRORS: [i32; 3] = [ENOSPC, EIO, EINTR];

const ARGUMENTS: [&str; 5] = ["--wide-metrics", "mean", "--no-progress", "-j", "1"];

/// Loads with a fault into a copy of a store, then without; tells what was wrong.
fn check(cohort: &Cohort, before: &Path, out: &Path, expected: &Store, fault: Fault) {
    let _ = fs::remove_dir_all(out);
    copy(before, out);
    let mut command = command(cohort, out);
    faults::fail(&mut command, out, fault);
    let failed = Ran::of(command.output().unwrap());
    let said = format!("{fault:?}: {failed:?}");
    assert!(!failed.stderr.contains("panicked"), "{said}");
    match failed.code {
        Some(0) => {
            // A report fails no run. What is left of one that could not be deleted goes with the next.
            if failed.stderr.contains("there is no report") {
                let left = fs::read_dir(out.join("store")).unwrap().map(|entry| entry.unwrap().path());
                left.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(PARTIAL))
                    .for_each(|path| fs::remove_file(path).unwrap());
            }
            Store::read(&out.join("store")).assert_same(expected);
        }
        Some(1) => assert!(failed.stderr.contains(out.to_str().unwrap()), "it does not say where: {said}"),
        other => assert_eq!(other, Some(1), "it did not end as it should: {said}"),
    }
    let next = Ran::of(self::command(cohort, out).output().unwrap());
    assert_eq!(next.code, Some(0), "the run after it fails: {said}\n{next:?}");
    Store::read(&out.join("store")).assert_same(expected);
    assert!(out.join("store/report.html").exists(), "the next run makes the report: {said}");
}

fn command(cohort: &Cohort, out: &Path) -> std::process::Command {
    let mut command = cohort.command(&ARGUMENTS);
    command.args(["--sealed-at-once", "4"]).arg("-o").arg(out.join("store"));
    command
}

/// Each session's rows are sealed by themselves.
#[test]
fn the_run_after_a_failed_call_ends_in_the_same_store() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    let before = cohort.path("before");
    fs::create_dir(&before).unwrap();
    fail_each_call(&cohort, &before, 120);
}

/// The list gets a column: each table begins as it was, which the system copies.
#[test]
fn the_run_after_a_failed_call_that_lets_tables_grow_ends_in_the_same_store() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    let before = cohort.path("before");
    fs::create_dir(&before).unwrap();
    Ran::of(command(&cohort, &before).output().unwrap()).ended(0);
    cohort.list("subject_code,session_id,AGE,sex,site\n1,1,20.5,F,north\n2,1,21.5,M,south\n");
    let long = "store/long/anatomical_gm.parquet";
    let then = fs::read(before.join(long)).unwrap();
    let now = fail_each_call(&cohort, &before, 50).join(long);
    // The first column chunks; the footers differ.
    assert_eq!(fs::read(now).unwrap()[..400], then[..400]);
}

/// Fails each call of a run over the store in `before`, with at least so many. Returns the folder of a run without a fault.
fn fail_each_call(cohort: &Cohort, before: &Path, at_least: usize) -> PathBuf {
    let out = cohort.path("out");
    copy(before, &out);
    let log = cohort.path("log");
    let mut command = command(cohort, &out);
    faults::record(&mut command, &out, &log);
    Ran::of(command.output().unwrap()).ended(0);
    let (_, n_calls) = faults::calls(&fs::read(&log).unwrap());
    assert!(n_calls > at_least, "only {n_calls} calls were seen");
    let expected = Store::read(&out.join("store"));
    let every = std::env::var_os("EVERY_CALL").is_some();
    let faults = |at: usize| {
        let kinds = ERRORS.into_iter().enumerate().flat_map(move |(kind, errno)| {
            [false, true].into_iter().map(move |on| (kind, Fault { at, errno, on }))
        });
        kinds.filter(move |(kind, fault)| {
            // A call that is interrupted is made again: one that always is never ends.
            let ends = fault.errno != EINTR || !fault.on;
            ends && (every || (at % 3 == *kind && (at / 3).is_multiple_of(2) == fault.on))
        })
    };
    std::thread::scope(|scope| {
        for half in 0..2 {
            let expected = &expected;
            scope.spawn(move || {
                let out = cohort.path(&format!("out-{half}"));
                for (_, fault) in (1..=n_calls).filter(|at| at % 2 == half).flat_map(faults) {
                    check(cohort, before, &out, expected, fault);
                }
            });
        }
    });
    out
}

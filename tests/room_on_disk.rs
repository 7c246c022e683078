//! A load says before it begins when its disk may be full before its end, and `--force` does not begin.
#![cfg(target_os = "linux")]

mod support;

use support::Ran;
use support::cohort::Cohort;
use support::faults::{Surroundings, surround};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn run_with_free(cohort: &Cohort, free: u64, arguments: &[&str]) -> Ran {
    let mut command = cohort.command(arguments);
    surround(&mut command, Surroundings { free: Some(free), ..Surroundings::default() });
    Ran::of(command.output().unwrap())
}

#[test]
fn a_load_is_told_of_too_little_room_and_begins() {
    let cohort = Cohort::of(&[A]);
    run_with_free(&cohort, 10, &["--dry-run"])
        .ended(0)
        .says(&["Space     about 16.3 MB needed, 0.0 MB free"])
        .keeps_quiet_about(&["would stop"]);
    run_with_free(&cohort, 10, &[]).ended(0).says(&[
        "there may be too little room",
        "0.0 MB free",
        "1 anatomical",
    ]);
    run_with_free(&cohort, 10, &[]).ended(0).keeps_quiet_about(&["room", "Space"]);
}

#[test]
fn with_room_nothing_is_said_but_what_a_dry_run_is_asked_for() {
    let cohort = Cohort::of(&[A]);
    let space = &run_with_free(&cohort, 5 << 30, &["--dry-run", "--json"]).ended(0).json()["space"];
    assert_eq!(space["free_bytes"], 5_u64 << 30);
    let needed = space["needed_bytes"].as_u64().unwrap();
    let of_files =
        cohort.run(&["--dry-run", "--keep-cache", "--json"]).json()["space"]["needed_bytes"].clone();
    assert!(needed > 0 && needed < of_files.as_u64().unwrap(), "{needed}, {of_files} with the cache");
    run_with_free(&cohort, 5 << 30, &[]).ended(0).keeps_quiet_about(&["room", "Space"]);
}

#[test]
fn a_fresh_load_without_room_leaves_the_store_as_it_is() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    cohort.add(B.0, B.1);
    cohort.list_of(&[A, B]);
    run_with_free(&cohort, 10, &["--force", "--dry-run"])
        .ended(0)
        .says(&["The run would stop: there is too little room"]);
    run_with_free(&cohort, 10, &["--force"]).ended(1).says(&[
        "too little room",
        "--output",
        "--yes begins all the same",
    ]);
    before.assert_same(&Store::read(&cohort.store()));
    assert!(!cohort.store().join(".cache.db").exists());
    run_with_free(&cohort, 10, &["--force", "--yes"]).ended(0).says(&["there may be too little room"]);
    assert_eq!(Store::read(&cohort.store()).sessions_of("tiv.parquet").len(), 2);
}

/// What is added needs as much as the store has besides: its tables are written anew beside the old ones.
#[test]
fn the_store_that_is_rewritten_counts() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let size: u64 =
        cohort.export_cache(&["--status", "--json"]).ended(0).json()["store"]["size_bytes"].as_u64().unwrap();
    cohort.add(B.0, B.1);
    cohort.list_of(&[B]);
    let needed = |output: &str| {
        let ran = cohort.run(&["--dry-run", "--json", "-o", output]);
        ran.json()["space"]["needed_bytes"].as_u64().unwrap()
    };
    assert_eq!(needed("data/processed"), needed("another") + size);
}

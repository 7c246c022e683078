//! A store tells how the last runs that wrote it were called and what they did, and a log begins with it.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::cohort::Cohort;
use support::files::{contents_below, holding};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn runs(cohort: &Cohort) -> Vec<Value> {
    let manifest = fs::read(cohort.store().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["runs"].as_array().unwrap().clone()
}

#[test]
fn the_manifest_tells_how_each_run_was_called_and_what_it_did() {
    let cohort = Cohort::of(&[A]);
    cohort.list_of(&[A, B]);
    cohort.run(&["-j", "2"]).ended(0);
    let [first] = runs(&cohort).try_into().unwrap();
    assert_eq!(first["command"], "neuroalign-preprocess");
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert!(first["arguments"].as_array().unwrap().ends_with(&[json!("-j"), json!("2")]), "{first}");
    assert_eq!(first["units"], json!({ "loaded": 2, "skipped": 0, "missing": 2, "failed": 0 }));
    assert_eq!(first["settings"]["N_JOBS"], json!({ "value": "2", "origin": "command line" }));
    assert_eq!(first["settings"]["CAT12_ROOT"], json!({ "value": "cat12", "origin": ".env" }));
    assert_eq!(first["settings"]["ATLAS_NAME"], json!({ "value": "4S456Parcels", "origin": "default" }));
    assert!(first["roots"].to_string().contains("parcellated/cat12"), "{first}");
    assert!(!first["host"].as_str().unwrap().is_empty() && first["seconds"].as_f64().unwrap() > 0.0);

    cohort.add(B.0, B.1);
    cohort.command(&["--keep-cache"]).env("N_JOBS", "1").output().unwrap();
    cohort.export_cache(&[]).ended(0);
    let [again, second, exported] = runs(&cohort).try_into().unwrap();
    assert_eq!(again, first);
    assert_eq!(second["settings"]["N_JOBS"], json!({ "value": "1", "origin": "environment" }));
    assert_eq!((&second["units"]["loaded"], &second["units"]["skipped"]), (&json!(2), &json!(2)));
    assert_eq!(
        (exported["command"].as_str(), &exported["units"]),
        (Some("neuroalign-export-cache"), &Value::Null)
    );
}

#[test]
fn a_run_with_nothing_to_do_is_not_told() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let before = contents_below(&cohort.store());
    cohort.run(&["--verbose"]).ended(0);
    assert!(contents_below(&cohort.store()) == before);
}

#[test]
fn labels_are_told_by_neither_manifest_nor_log() {
    let cohort = Cohort::of(&[A, ("S9secret", "1")]);
    let arguments = ["--participant-label", "sub-S9secret", "--log-file", "run.log"];
    cohort.run(&arguments).ended(0);
    let [run] = runs(&cohort).try_into().unwrap();
    assert!(run["arguments"].to_string().contains(r#""--participant-label","…""#), "{run}");
    assert!(!run.to_string().contains("S9secret"), "{run}");
    let log = fs::read_to_string(cohort.path("run.log")).unwrap();
    assert!(!log.lines().next().unwrap().contains("S9secret"), "{log}");
    assert!(
        run["roots"].to_string().contains("parcellated/cat12"),
        "a run of some sessions has its roots: {run}"
    );
}

#[test]
fn a_log_ends_with_the_error_that_ended_its_run() {
    let cohort = Cohort::of(&[A]);
    let ran = cohort.run(&["--qsiparc", "nowhere", "--log-file", "run.log"]).ended(1);
    let log = fs::read_to_string(cohort.path("run.log")).unwrap();
    let error = ran.stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap();
    assert!(log.lines().last().unwrap().ends_with(error), "{log}");
    assert_eq!(ran.stderr.matches(error).count(), 1, "stderr has it once: {}", ran.stderr);
}

#[test]
fn a_log_begins_with_the_call_and_its_settings() {
    let cohort = Cohort::of(&[A]);
    let ran = cohort.run(&["--no-progress", "--log-file", "run.log"]).ended(0);
    let log = fs::read_to_string(cohort.path("run.log")).unwrap();
    let first = log.lines().next().unwrap();
    for word in ["neuroalign-preprocess", env!("CARGO_PKG_VERSION"), "--log-file run.log"] {
        assert!(first.contains(word), "{first}");
    }
    assert!(log.contains("CAT12_ROOT=cat12 (.env)"), "{log}");
    assert!(!ran.stderr.contains("CAT12_ROOT=cat12"), "only the log has it: {}", ran.stderr);
}

#[test]
fn nothing_is_told_of_who_withdrew() {
    let cohort = Cohort::of(&[A, B]);
    fs::rename(cohort.path("sessions.csv"), cohort.path("sub-0002_first.csv")).unwrap();
    cohort.run(&["--sessions", "sub-0002_first.csv"]).ended(0);
    cohort.list_of(&[A]);
    cohort.run(&["--no-ct", "--force", "--yes"]).ended(0);
    assert_eq!(runs(&cohort).len(), 2);
    cohort.write("withdrawn.txt", "0002\n");
    cohort.run(&["--withdrawn", "withdrawn.txt"]).ended(0);
    assert!(runs(&cohort).iter().all(|run| !run.to_string().contains("sub-0002")));
    assert_eq!(holding(&cohort.store(), b"sub-0002"), Vec::<String>::new());
    // The list itself may be called after them.
    cohort.write("sub-0002.txt", "0002\n");
    cohort.run(&["--withdrawn", "sub-0002.txt", "--reload", "--keep-cache"]).ended(0);
    cohort.export_cache(&["--withdrawn", "sub-0002.txt"]).ended(0);
    assert_eq!(holding(&cohort.store(), b"sub-0002"), Vec::<String>::new());
    let runs = runs(&cohort);
    for run in runs.iter().rev().take(2) {
        assert_eq!(run["settings"]["WITHDRAWN"], json!({ "value": "…", "origin": "command line" }));
    }
}

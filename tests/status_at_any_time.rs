//! A store says what it holds whether or not there is a cache, and how today's files differ from it.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::cohort::{Cohort, anatomical, tsv};
use support::files::contents_below;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const NOBODY: (&str, &str) = ("0003", "1");

/// Of three listed sessions the first lacks a table that the second has, and the third has no files.
fn loaded() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.remove(&anatomical(A.0, A.1, "CT"));
    cohort.list_of(&[A, B, NOBODY]);
    cohort.run(&[]).ended(0);
    cohort
}

fn counts(loaded: usize, partial: usize, missing: usize, failed: usize) -> Value {
    json!({ "loaded": loaded, "partial": partial, "missing": missing, "failed": failed })
}

#[test]
fn a_finished_store_says_what_it_holds() {
    let cohort = loaded();
    let before = contents_below(cohort.root());
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json();
    let store = &status["store"];
    assert_eq!(status["cache"], Value::Null);
    assert_eq!(store["sessions"]["anatomical"], counts(1, 1, 1, 0));
    assert_eq!(store["sessions"]["diffusion"], counts(2, 0, 1, 0));
    let manifest: Value =
        serde_json::from_slice(&fs::read(cohort.store().join("manifest.json")).unwrap()).unwrap();
    for key in ["atlas_name", "updated_at"] {
        assert_eq!(store[key], manifest[key]);
    }
    assert_eq!(store["features"], manifest["wide_features"].as_object().unwrap().len());
    let files = contents_below(&cohort.store());
    let size: usize = files.values().map(Vec::len).sum();
    assert_eq!(store["size_bytes"], size);
    let (rule, megabytes) = ("=".repeat(60), f64::from(u32::try_from(size).unwrap()) / (1024.0 * 1024.0));
    let expected = format!(
        "{rule}\nSTORE STATUS\n{rule}\nLocation: data/processed\nSize: {megabytes:.2} MB\nAtlas: {}\nLast run: {}\n\
         Anatomical sessions: 1 loaded, 1 partial, 1 missing, 0 failed\n\
         Diffusion sessions: 2 loaded, 0 partial, 1 missing, 0 failed\n\nTables: 4\n  - anatomical_gm\n  - anatomical_wm\n  \
         - anatomical_ct\n  - diffusion_NODDI\nFeatures: {}\n\nThere is no cache: all is exported.\n{rule}\n",
        store["atlas_name"].as_str().unwrap(),
        store["updated_at"].as_str().unwrap(),
        store["features"],
    );
    let shown = cohort.export_cache(&["--status"]).ended(0);
    assert_eq!((shown.stdout.as_str(), shown.stderr.as_str()), (expected.as_str(), ""));
    assert!(contents_below(cohort.root()) == before, "it only looks");
}

#[test]
fn beside_a_cache_both_are_told_as_json() {
    let cohort = loaded();
    cohort.add("0004", "1");
    cohort.list_of(&[A, B, ("0004", "1")]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json();
    assert_eq!(status["cache"]["anatomical_sessions"], 1);
    assert_eq!(status["store"]["sessions"]["anatomical"], counts(1, 1, 1, 0));
    cohort.export_cache(&["--status"]).ended(0).says(&["CACHE STATUS", "Anatomical sessions: 1\n"]);
}

#[test]
fn a_store_that_lost_its_manifest_or_its_outcomes_is_counted_by_its_rows() {
    let cohort = loaded();
    cohort.remove("data/processed/sessions.tsv");
    let sessions = |status: Value| status["store"]["sessions"]["anatomical"].clone();
    assert_eq!(sessions(cohort.export_cache(&["--status", "--json"]).ended(0).json()), counts(2, 0, 0, 0));
    cohort.remove("data/processed/manifest.json");
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json();
    assert_eq!(status["store"]["updated_at"], Value::Null);
    assert_eq!(sessions(status), counts(2, 0, 0, 0));
    cohort.export_cache(&["--status"]).ended(0).says(&["Last run: unknown (the manifest is gone)"]);
}

#[test]
fn today_is_told_beside_what_is_loaded() {
    let cohort = loaded();
    let today = |cohort: &Cohort| cohort.run(&["--status", "--json"]).ended(0).json()["today"].clone();
    let counted = |new: usize, changed: usize, gone: usize, missing: usize| json!({ "listed": 4, "new": new, "changed": changed, "gone": gone, "missing": missing, "failed": 0, "would_stop": null });
    cohort.add("0004", "1");
    cohort.list_of(&[A, B, NOBODY, ("0004", "1")]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(3.0));
    assert_eq!(today(&cohort), counted(2, 1, 0, 2));
    for tissue in ["GM", "WM", "CT"] {
        cohort.remove(&anatomical(B.0, B.1, tissue));
    }
    assert_eq!(today(&cohort), counted(2, 1, 1, 2));
    let before = contents_below(cohort.root());
    cohort.run(&["--status"]).ended(0).says(&["STORE STATUS", "TODAY", "New: 2", "Gone, and kept: 1"]);
    assert!(contents_below(cohort.root()) == before, "it only looks");
    cohort.run(&["--status", "--force"]).ended(2);
}

#[test]
fn without_a_list_the_store_is_told_and_that_there_is_none() {
    let cohort = loaded();
    cohort.write(".env", "");
    cohort
        .run(&["--status"])
        .ended(0)
        .says(&["STORE STATUS", "there is no session list"])
        .keeps_quiet_about(&["TODAY"]);
    cohort.run(&["--status", "-o", "nowhere"]).ended(1).says(&["there is no session list"]);
    for wrong in [
        &["--sessions", "nope.csv"][..],
        &["--discover", "--cat12-parcellated-root", "nope"],
        &["--discover", "--qsiparc", "parcellated", "--workflows", "Nope"],
    ] {
        cohort.run(&[&["--status"], wrong].concat()).ended(0).says(&["STORE STATUS", "cannot be told"]);
    }
}

#[test]
fn why_a_load_would_stop_is_told() {
    let subjects = ["0001", "0002", "0003", "0004", "0005", "0006", "0007"];
    let cohort = Cohort::of(&subjects.map(|subject| (subject, "1")));
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.txt", &subjects.map(|subject| format!("{subject}\n"))[..6].concat());
    cohort
        .run(&["--status", "--withdrawn", "withdrawn.txt"])
        .ended(0)
        .says(&["A load would stop: 6 of the 7 subjects", "is it the right file?"]);
}

#[test]
fn where_there_is_nothing_today_is_all_that_there_is() {
    let cohort = Cohort::of(&[A]);
    let status = cohort.run(&["--status", "--json"]).ended(0).json();
    assert_eq!(
        (&status["cache"], &status["store"], &status["today"]["new"]),
        (&Value::Null, &Value::Null, &2.into())
    );
    assert!(!cohort.store().exists());
}

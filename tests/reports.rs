//! What is told of a cache, a run and a store: for people, for programs, and in the store itself.

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::cohort::{Cohort, anatomical};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

/// A cohort whose cache holds two sessions, and nothing is in Parquet.
fn crashed() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    cohort
}

#[test]
fn the_status_of_a_cache_has_the_known_form_to_the_letter() {
    let cohort = crashed();
    let bytes =
        cohort.export_cache(&["--status", "--json"]).ended(0).json()["cache"]["size_bytes"].as_u64().unwrap();
    let megabytes = format!("{:.2}", f64::from(u32::try_from(bytes).unwrap()) / (1024.0 * 1024.0));
    let rule = "=".repeat(60);
    let expected = format!(
        "{rule}\nCACHE STATUS\n{rule}\nLocation: data/processed/.cache.db\nSize: {megabytes} MB\nAnatomical sessions: 2\n\
         Diffusion sessions: 2\n\nTables: 4\n  - anatomical_gm\n  - anatomical_wm\n  - anatomical_ct\n  - diffusion_NODDI\n{rule}\n"
    );
    let status = cohort.export_cache(&["--status"]).ended(0);
    assert_eq!(status.stdout, expected);
    assert_eq!(status.stderr, "");
}

#[test]
fn the_status_as_json_says_the_same() {
    let cohort = crashed();
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json()["cache"].clone();
    let cache = fs::metadata(cohort.store().join(".cache.db")).unwrap().len();
    assert!(status["size_bytes"].as_u64().unwrap() >= cache);
    assert_eq!(status["location"], "data/processed/.cache.db");
    assert_eq!((&status["anatomical_sessions"], &status["diffusion_sessions"]), (&2.into(), &2.into()));
    let tables = ["anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_NODDI"];
    assert_eq!(status["tables"], serde_json::json!(tables));
}

#[test]
fn looking_at_a_cache_changes_nothing_that_counts() {
    let cohort = crashed();
    let database = || fs::read(cohort.store().join(".cache.db")).unwrap();
    let before = database();
    for _ in 0..3 {
        cohort.export_cache(&["--status"]).ended(0);
    }
    assert!(database() == before, "the cache changed");
    assert!(!cohort.path("data/processed/long/anatomical_gm.parquet").exists());
}

#[test]
fn an_export_tells_what_it_did_in_words_or_as_json() {
    let cohort = crashed();
    let json = cohort.export_cache(&["--keep-cache", "--json"]).ended(0).json();
    assert_eq!((&json["sessions"], &json["cache_kept"]), (&2.into(), &true.into()));
    assert_eq!(json["tables"].as_array().unwrap().len(), 4);
    let words = ["CACHE STATUS", "holds 4 tables", "of 2 sessions", "The cache is deleted"];
    cohort.export_cache(&[]).ended(0).says(&words);
    assert!(!cohort.path("data/processed/.cache.db").exists());
}

#[test]
fn results_are_on_stdout_and_messages_on_stderr() {
    let cohort = Cohort::of(&[A]);
    cohort.list_of(&[A, B]);
    let ran = cohort.run(&[]).ended(0);
    for word in [
        "Sessions  2",
        "Loaded    1 anatomical, 1 diffusion",
        "Missing   2",
        "The store is in data/processed; look at data/processed/report.html.",
    ] {
        assert!(ran.stdout.contains(word) && !ran.stderr.contains(word), "{word}");
    }
    for word in ["2 of 2 are committed", "verifying"] {
        assert!(ran.stderr.contains(word) && !ran.stdout.contains(word), "{word}");
    }
    assert!(
        !ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
        "no colours where nobody looks"
    );
}

#[test]
fn the_summary_as_json_is_all_there_is_on_stdout() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&anatomical(B.0, B.1, "CT"), "");
    let ran = cohort.run(&["--json", "--verbose"]).ended(3);
    let json = ran.json();
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([1, 2], [0, 0]));
    assert_eq!((&json["sessions"], &json["missing"], &json["failed"]), (&2.into(), &0.into(), &1.into()));
    let outcome = &json["outcomes"][0];
    assert_eq!(
        (&outcome["subject_code"], &outcome["session_id"], &outcome["modality"], &outcome["status"]),
        (&"0002".into(), &"1".into(), &"anatomical".into(), &"failed".into())
    );
    assert_eq!(json["store"]["age_range"], serde_json::json!([20.5, 21.5]));
    assert_eq!(
        json["store"]["tables"][0],
        serde_json::json!({"name": "anatomical_ct", "rows": 4, "sessions": 1})
    );
    assert_eq!((&json["interrupted"], &json["dry_run"]), (&false.into(), &false.into()));
}

#[test]
fn a_log_file_gets_what_is_said_and_keeps_what_it_had() {
    let cohort = Cohort::of(&[A]);
    cohort.write("run.log", "before\n");
    cohort.run(&["-l", "run.log", "--no-progress"]).ended(0);
    let log = fs::read_to_string(cohort.path("run.log")).unwrap();
    assert!(log.starts_with("before\n") && log.contains("2 of 2 are committed"), "{log}");
    assert!(!log.contains("is committed"), "only --verbose tells of each unit");
}

#[test]
fn sessions_are_listed_with_where_they_stand_and_why() {
    let cohort = Cohort::of(&[A, B, ("0003", "1")]);
    cohort.list_of(&[A, B, ("0003", "1"), ("0004", "1")]);
    cohort.remove(&anatomical(B.0, B.1, "CT"));
    cohort.write(&anatomical("0003", "1", "CT"), "");
    cohort.run(&[]).ended(3);
    let header = fs::read_to_string(cohort.store().join("sessions.tsv")).unwrap();
    assert_eq!(header.lines().next().unwrap(), "subject_code\tsession_id\tmodality\tstatus\ttables\treason");
    let rows: Vec<String> = cohort.session_rows().iter().map(|row| row[..5].join(" ")).collect();
    let all = "anatomical_gm,anatomical_wm,anatomical_ct";
    assert_eq!(
        rows,
        [
            &format!("0001 1 anatomical loaded {all}"),
            "0001 1 diffusion loaded diffusion_NODDI",
            "0002 1 anatomical partial anatomical_gm,anatomical_wm",
            "0002 1 diffusion loaded diffusion_NODDI",
            "0003 1 anatomical failed n/a",
            "0003 1 diffusion loaded diffusion_NODDI",
            "0004 1 anatomical missing n/a",
            "0004 1 diffusion missing n/a"
        ]
    );
    assert_eq!(cohort.standing("0001", "1", "anatomical").1, "n/a");
    assert!(cohort.standing("0002", "1", "anatomical").1.contains("no anatomical_ct"));
    assert!(cohort.standing("0003", "1", "anatomical").1.contains("an empty file"));
    assert!(cohort.standing("0004", "1", "diffusion").1.contains("no diffusion tables were found"));
}

#[test]
fn sources_tell_where_every_value_is_from() {
    let cohort = Cohort::of(&[A]);
    let gm = anatomical(A.0, A.1, "GM");
    let sidecar = "{\"original_file\": \"mwp1.nii\", \"software_version\": \"0.3.0\", \"mask\": \"gm\"}";
    cohort.write(&gm.replace(".tsv", ".json"), sidecar);
    cohort.run(&[]).ended(0);
    let sources = Store::read(&cohort.store()).table("sources.parquet").clone();
    assert_eq!(sources.rows.len(), 3 + 1 + 1 + 2);
    let cell = |column: &str, row: usize| sources.column(column)[row].to_owned();
    let table = (0..sources.rows.len())
        .find(|row| cell("table", *row) == "anatomical_gm" && cell("kind", *row) == "table")
        .unwrap();
    assert_eq!(format!("parcellated/cat12/{}", cell("path", table)), gm);
    assert_eq!(
        (cell("original_file", table), cell("software_version", table)),
        ("mwp1.nii".into(), "0.3.0".into())
    );
    assert_eq!(cell("hash", table).len(), 32);
    let size = u32::try_from(fs::metadata(cohort.path(&gm)).unwrap().len()).unwrap();
    assert_eq!(sources.doubles("size")[table], Some(f64::from(size)));
    let kinds: BTreeSet<&str> = sources.column("kind").into_iter().collect();
    assert_eq!(kinds, BTreeSet::from(["table", "sidecar", "tiv"]));
}

//! What the two commands take, print and end with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::cohort::{Cohort, anatomical, tsv};
use support::store::Store;
use support::{Ran, export_cache, preprocess};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

/// Every path under a folder, with the size of files.
fn listing(folder: &Path) -> BTreeSet<(String, u64)> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(listing(&path));
        }
        all.insert((path.display().to_string(), fs::metadata(&path).unwrap().len()));
    }
    all
}

/// A cohort whose cache holds two sessions, and nothing is in Parquet.
fn crashed() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    cohort.run(&[]).ended(1);
    cohort.let_exports_pass("long/anatomical_gm.parquet");
    cohort
}

#[test]
fn help_version_and_completions_go_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    for (name, command) in [
        ("neuroalign-preprocess", preprocess as fn(&Path) -> Command),
        ("neuroalign-export-cache", export_cache),
    ] {
        for arguments in [&["--help"][..], &["-h"], &["--version"], &["-V"]] {
            let ran = ran(command(folder.path()).args(arguments)).ended(0).says(&[name]);
            assert_eq!(ran.stderr, "");
        }
        let version = ran(command(folder.path()).arg("--version")).stdout;
        assert_eq!(version, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = ran(command(folder.path()).args(["--completions", shell])).ended(0);
            assert!(script.stdout.contains(name) && script.stderr.is_empty(), "{shell}");
        }
    }
    assert_eq!(listing(folder.path()).len(), 0);
}

#[test]
fn every_option_is_in_the_readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for command in [preprocess(folder.path()), export_cache(folder.path())] {
        let mut command = command;
        let help = ran(command.arg("--help")).stdout;
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        let options: BTreeSet<&str> =
            options.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
        assert!(options.len() > 5, "{help}");
        for option in options.iter().filter(|option| !["--help", "--version"].contains(option)) {
            assert!(readme.contains(option), "{option}");
        }
    }
}

#[test]
fn wrong_arguments_end_with_2_and_say_so_on_stderr() {
    let cohort = Cohort::of(&[A]);
    for arguments in [
        &["--nonsense"][..],
        &["-j", "0"],
        &["-j", "many"],
        &["--discover", "--sessions", "sessions.csv"],
        &["--entity", "run"],
        &["--compression", "zip"],
        &["stray"],
        &["--completions", "tcsh"],
    ] {
        let ran = cohort.run(arguments).ended(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}");
    }
    ran(&mut export_cache(cohort.root())).ended(2).says(&["<DIR>"]);
    assert!(!cohort.store().exists());
}

#[test]
fn what_keeps_a_run_from_starting_ends_with_1_and_is_said_once_on_stderr() {
    let cohort = Cohort::of(&[A]);
    for (arguments, words) in [
        (&["--sessions", "nowhere.csv"][..], &["nowhere.csv"][..]),
        (&["--sessions", "."], &["session list"]),
        (&["--cat12-parcellated-root", "nowhere"], &["CAT12_PARCELLATED_ROOT", "nowhere", "no such folder"]),
        (&["--qsiparc", "nowhere"], &["QSIPARC_PATH", "nowhere", "no such folder"]),
        (&["--cat12-root", "sessions.csv"], &["CAT12_ROOT", "sessions.csv", "not a folder"]),
        (&["--env-file", "nowhere.env"], &["nowhere.env"]),
        (&["-o", "sessions.csv"], &["sessions.csv"]),
    ] {
        let ran = cohort.run(arguments).ended(1).says(words);
        assert!(ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    }
    cohort.write(".env", "CAT12_PARCELLATED_ROOT=parcellated/cat12\n");
    cohort.run(&[]).ended(1).says(&["--sessions", "SESSIONS_CSV", "--discover"]);
    cohort.write(".env", "SESSIONS_CSV=sessions.csv\n");
    cohort.run(&[]).ended(1).says(&["nothing to load", "CAT12_PARCELLATED_ROOT", "QSIPARC_PATH"]);
    assert!(!cohort.store().exists());
}

#[test]
fn the_status_of_a_cache_has_the_known_form_to_the_letter() {
    let cohort = crashed();
    let bytes = cohort.export_cache(&["--status", "--json"]).ended(0).json()["size_bytes"].as_u64().unwrap();
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
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json();
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
fn where_there_is_no_cache_it_is_said_and_the_exit_status_is_1() {
    let cohort = Cohort::of(&[A]);
    for arguments in [&[][..], &["--status"], &["--status", "--json"], &["--keep-cache"]] {
        let ran =
            cohort.export_cache(arguments).ended(1).says(&["there is no cache", "data/processed/.cache.db"]);
        assert!(ran.stdout.is_empty());
    }
    assert!(!cohort.store().exists());
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    cohort.export_cache(&[]).ended(1).says(&["there is no cache"]);
    Store::read(&cohort.store()).assert_same(&before);
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
fn a_dry_run_says_what_there_is_to_do_and_writes_nothing() {
    let cohort = Cohort::of(&[A, B]);
    let before = listing(cohort.root());
    cohort
        .run(&["--dry-run"])
        .ended(0)
        .says(&["To load   4 units, 0 of them changed", "Nothing was done: --dry-run."]);
    assert_eq!(listing(cohort.root()), before);
    cohort.run(&[]).ended(0);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(3.0));
    cohort.list_of(&[A, B, ("0003", "1")]);
    let before = listing(cohort.root());
    for arguments in [&["--dry-run"][..], &["--dry-run", "--json"], &["--dry-run", "-v"]] {
        cohort.run(arguments).ended(0);
    }
    let json = cohort.run(&["--dry-run", "--json"]).json();
    assert_eq!((&json["to_load"], &json["changed"], &json["missing"]), (&1.into(), &1.into(), &2.into()));
    let forced = cohort.run(&["--dry-run", "--force", "--json"]).ended(0).json();
    assert!(forced["dry_run"].as_bool().unwrap());
    assert_eq!(listing(cohort.root()), before);
}

#[test]
fn a_dry_run_with_force_counts_what_force_would_load() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let json = cohort.run(&["--dry-run", "--force", "--json"]).ended(0).json();
    assert_eq!(json["to_load"], 4);
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
        "The store is in data/processed.",
    ] {
        assert!(ran.stdout.contains(word) && !ran.stderr.contains(word), "{word}");
    }
    for word in ["2 of 2 units are committed", "verifying"] {
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
fn the_command_line_is_over_the_environment_and_that_over_the_file() {
    let cohort = Cohort::of(&[A, B]);
    for (name, subject) in [("file.csv", "0001"), ("environment.csv", "0002"), ("line.csv", "0009")] {
        cohort.write(name, &format!("subject_code,session_id\n{subject},1\n"));
    }
    let env = fs::read_to_string(cohort.path(".env")).unwrap().replace("sessions.csv", "file.csv");
    cohort.write(".env", &env);
    let outcome = |environment: Option<&str>, arguments: &[&str]| {
        let mut command = cohort.command(arguments);
        command.args(["--force", "--json"]).envs(environment.map(|value| ("SESSIONS_CSV", value)));
        let _ = ran(&mut command).ended(0);
        cohort.session_rows()[0][0].clone()
    };
    assert_eq!(outcome(None, &[]), "0001");
    assert_eq!(outcome(Some("environment.csv"), &[]), "0002");
    assert_eq!(outcome(Some(""), &[]), "0001", "what is empty is not set");
    assert_eq!(outcome(Some("environment.csv"), &["-s", "line.csv"]), "0009");
    assert_eq!(
        outcome(Some("environment.csv"), &["--discover"]),
        "0001",
        "--discover is over a list that is set"
    );

    let jobs = |value: &str| ran(cohort.command(&[]).env("N_JOBS", value));
    jobs("0").ended(1).says(&["N_JOBS", "a number above 0"]);
    jobs("two").ended(1).says(&["N_JOBS", "\"two\""]);
    jobs("2").ended(0);
    let atlas = |arguments: &[&str]| ran(cohort.command(arguments).env("ATLAS_NAME", "Other"));
    atlas(&[]).ended(1).says(&["not Other"]);
    atlas(&["--atlas-name", "4S456Parcels"]).ended(0);
}

#[test]
fn paths_of_a_settings_file_are_under_its_folder_and_a_tilde_is_home() {
    let cohort = Cohort::of(&[A]);
    let elsewhere = tempfile::tempdir().unwrap();
    let env_file = cohort.path(".env");
    let mut command = preprocess(elsewhere.path());
    ran(command.arg("--env-file").arg(&env_file)).ended(0).says(&["1 anatomical, 1 diffusion"]);
    assert!(elsewhere.path().join("data/processed/manifest.json").exists());
    cohort.write("home.env", "SESSIONS_CSV=~/sessions.csv\nQSIPARC_PATH=~/parcellated\n");
    let mut command = preprocess(elsewhere.path());
    command.env("HOME", cohort.root()).args(["-o", "~/at_home", "--env-file"]).arg(cohort.path("home.env"));
    ran(&mut command).ended(0).says(&["1 diffusion"]);
    assert!(cohort.path("at_home/manifest.json").exists());
}

#[test]
fn a_log_file_gets_what_is_said_and_keeps_what_it_had() {
    let cohort = Cohort::of(&[A]);
    cohort.write("run.log", "before\n");
    cohort.run(&["-l", "run.log", "--no-progress"]).ended(0);
    let log = fs::read_to_string(cohort.path("run.log")).unwrap();
    assert!(log.starts_with("before\n") && log.contains("2 of 2 units are committed"), "{log}");
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

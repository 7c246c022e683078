//! Where settings come from, where messages go, and what each says when it cannot be read or written.

mod support;

use std::fs;
use std::path::Path;

use support::cohort::{Cohort, anatomical};
use support::files::names_in;
use support::{Ran, export_cache, preprocess};

const A: (&str, &str) = ("0001", "1");

/// Whether this is `COMMAND-2026-11-25T18-03-12.log`, whatever the date.
fn is_dated(name: &str, command: &str) -> bool {
    let date = name.strip_prefix(command).and_then(|rest| rest.strip_suffix(".log")).unwrap_or_default();
    date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).eq("-0000-00-00T00-00-00".chars())
}

/// A cohort whose cache holds its session, and nothing is in Parquet.
fn crashed() -> Cohort {
    let cohort = Cohort::of(&[A]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    cohort
}

#[test]
fn threads_have_one_bound_and_one_explanation_wherever_they_are_set() {
    let cohort = Cohort::of(&[A]);
    let words = "expected a number from 1 to 1024";
    let env = fs::read_to_string(cohort.path(".env")).unwrap();
    for jobs in ["0", "1025", "5000", "-1", "two", "1.5"] {
        cohort.run(&[&format!("--n-jobs={jobs}")]).ended(2).says(&[jobs, words]);
        let by_environment = cohort.command(&[]).env("N_JOBS", jobs).output().unwrap();
        Ran::of(by_environment).ended(1).says(&["N_JOBS", &format!("{jobs:?}"), words]);
        cohort.write("lab.env", &format!("{env}N_JOBS={jobs}\n"));
        cohort.run(&["--env-file", "lab.env"]).ended(1).says(&["N_JOBS", &format!("{jobs:?}"), words]);
    }
    assert!(!cohort.store().exists());
    let most = cohort.command(&["--dry-run"]).env("N_JOBS", " 1024 ").output().unwrap();
    Ran::of(most).ended(0);
}

#[test]
fn without_a_settings_file_options_are_enough() {
    let cohort = Cohort::of(&[A]);
    let empty = tempfile::tempdir().unwrap();
    let run = |folder: &Path| {
        let mut command = preprocess(folder);
        command.arg("--sessions").arg(cohort.path("sessions.csv"));
        command.arg("--cat12-root").arg(cohort.path("cat12"));
        command.arg("--cat12-parcellated-root").arg(cohort.path("parcellated/cat12"));
        command.arg("--qsiparc").arg(cohort.path("parcellated")).args(["-o", "store"]);
        Ran::of(command.output().unwrap())
    };
    run(empty.path()).ended(0).says(&["1 anatomical, 1 diffusion"]);
    assert!(empty.path().join("store/manifest.json").exists());
    // What `python -m venv .env` makes is no settings file.
    let python = tempfile::tempdir().unwrap();
    fs::create_dir_all(python.path().join(".env/bin")).unwrap();
    run(python.path()).ended(0).says(&["1 anatomical, 1 diffusion"]);
}

#[test]
fn a_settings_file_may_come_from_an_editor_of_windows_and_hold_blanks() {
    let cohort = Cohort::of(&[A]);
    for root in ["cat12", "parcellated"] {
        fs::create_dir_all(cohort.path("My Study")).unwrap();
        fs::rename(cohort.path(root), cohort.path("My Study").join(root)).unwrap();
    }
    fs::rename(cohort.path("sessions.csv"), cohort.path("My Study/sessions (new).csv")).unwrap();
    let lines = [
        "\u{feff}SESSIONS_CSV=My Study/sessions (new).csv",
        "",
        "# all of it",
        "CAT12_ROOT=My Study/cat12   ",
        "export CAT12_PARCELLATED_ROOT = My Study/parcellated/cat12 # the tables",
        "QSIPARC_PATH=\"My Study/parcellated\"",
    ];
    for end in ["\n", "\r\n"] {
        cohort.write(".env", &lines.join(end));
        let json = cohort.run(&["--force", "--json"]).ended(0).json();
        assert_eq!((&json["loaded"]["anatomical"], &json["loaded"]["diffusion"]), (&1.into(), &1.into()));
    }
    let store = support::store::Store::read(&cohort.store());
    assert!(store.table("tiv.parquet").doubles("tiv")[0].is_some(), "CAT12_ROOT is taken whole");
}

#[test]
fn a_settings_file_that_cannot_be_read_says_the_line_and_the_way_out() {
    let cohort = Cohort::of(&[A]);
    for (text, words) in [
        (
            "SESSIONS_CSV=sessions.csv\nCAT12_ROOT=/data/John's Study\n",
            &[".env, line 2", "CAT12_ROOT", "put it in quotes"][..],
        ),
        ("\r\nCAT12_ROOT=C:\\data\r\n", &[".env, line 2", "CAT12_ROOT='…'"]),
        ("SESSIONS_CSV: sessions.csv\n", &[".env, line 1", "expected NAME=value"]),
    ] {
        cohort.write(".env", text);
        let ran = cohort.run(&[]).ended(1).says(words);
        assert!(ran.stdout.is_empty() && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    cohort.run(&["--env-file", "nowhere.env"]).ended(1).says(&["nowhere.env", "--env-file"]);
    cohort.run(&["--env-file", "cat12"]).ended(1).says(&["settings in cat12", "--env-file"]);
    assert!(!cohort.store().exists());
}

#[test]
fn a_folder_gets_a_dated_log_of_each_run() {
    let cohort = crashed();
    fs::create_dir(cohort.path("logs")).unwrap();
    cohort.run(&["-l", "logs", "--dry-run"]).ended(0);
    let [first] = names_in(&cohort.path("logs")).try_into().unwrap();
    assert!(is_dated(&first, "neuroalign-preprocess"), "{first}");
    assert!(fs::read_to_string(cohort.path("logs").join(first)).unwrap().contains(" to load ("));
    cohort.run(&["-l", "logs", "--dry-run"]).ended(0);
    assert_eq!(names_in(&cohort.path("logs")).len(), 2, "also of runs in one second");

    // A slash at the end says that it is to be a folder.
    cohort.export_cache(&["-l", "new/logs/"]).ended(0);
    let [name] = names_in(&cohort.path("new/logs")).try_into().unwrap();
    assert!(is_dated(&name, "neuroalign-export-cache"), "{name}");
    assert!(fs::read_to_string(cohort.path("new/logs").join(name)).unwrap().contains("verifying"));
}

#[test]
fn the_folders_above_a_log_file_are_made() {
    let cohort = crashed();
    cohort.run(&["-l", "new/of/run.log", "--dry-run"]).ended(0);
    assert!(fs::read_to_string(cohort.path("new/of/run.log")).unwrap().contains(" to load ("));
    cohort.export_cache(&["--log-file", "newer/export.log"]).ended(0);
    assert!(fs::read_to_string(cohort.path("newer/export.log")).unwrap().contains("verifying"));
    let mut at_home = cohort.command(&["--dry-run", "-l", "~/mine/run.log"]);
    Ran::of(at_home.env("HOME", cohort.root()).output().unwrap()).ended(0);
    assert!(cohort.path("mine/run.log").exists());
}

#[test]
fn a_log_that_cannot_be_written_says_where_and_the_way_out() {
    let cohort = Cohort::of(&[A]);
    for log in ["sessions.csv/run.log", "sessions.csv/"] {
        for mut command in [preprocess(cohort.root()), export_cache(cohort.root())] {
            if command.get_program().to_string_lossy().ends_with("export-cache") {
                command.arg("data/processed");
            }
            let ran = Ran::of(command.args(["--log-file", log]).output().unwrap()).ended(1);
            let said = ran.says(&["the log file sessions.csv/", "name another file", "--log-file"]);
            assert!(said.stdout.is_empty() && said.stderr.lines().count() == 1, "{}", said.stderr);
        }
    }
    assert!(!cohort.store().exists());
}

#[test]
fn where_a_dated_log_lies_is_said() {
    let cohort = crashed();
    fs::create_dir(cohort.path("logs")).unwrap();
    let ran = cohort.run(&["-l", "logs", "--dry-run"]).ended(0);
    let [name] = names_in(&cohort.path("logs")).try_into().unwrap();
    ran.says(&[&format!("Logging to logs/{name}\n")]);
}

#[test]
fn a_quiet_run_says_nothing_but_what_is_wrong() {
    let cohort = Cohort::of(&[A]);
    let ran = cohort.run(&["--quiet", "-l", "run.log"]).ended(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(fs::read_to_string(cohort.path("run.log")).unwrap().contains("are committed"));
    cohort.write(&anatomical(A.0, A.1, "GM"), "index\n");
    let ran = cohort.run(&["-q"]).ended(3).says(&["WARN", "sub-0001"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(cohort.run(&["-q", "--json"]).ended(3).json()["failed"], 1);
    cohort.run(&["-q", "-v"]).ended(2);
}

#[test]
fn messages_are_those_that_the_variable_of_rust_programs_asks_for() {
    let cohort = Cohort::of(&[A]);
    let run = |asked: &str| {
        Ran::of(
            cohort
                .command(&["--dry-run", "--qsirecon", "of_qsirecon"])
                .env("RUST_LOG", asked)
                .output()
                .unwrap(),
        )
        .ended(0)
    };
    assert!(run("").stderr.contains(" to load ("));
    assert_eq!(run("na_pipeline=warn").stderr, "");
    assert!(run("neuroalign=debug").stderr.contains("DEBUG QSIRECON_PATH is not read"));
    let wrong = run("a=b=c");
    assert!(
        wrong.stderr.contains("WARN RUST_LOG cannot be understood") && wrong.stderr.contains(" to load (")
    );
}

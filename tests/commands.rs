//! What the two commands take, print and end with.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::cohort::{Cohort, anatomical, tsv};
use support::files::contents_below;
use support::store::Store;
use support::{Ran, export_cache, preprocess};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

/// The commit of this checkout, as `--version` shows it; empty in sources without git.
fn revision() -> String {
    let git = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short=12", "HEAD"])
        .output();
    match git {
        Ok(output) if output.status.success() => {
            format!(" ({})\n", String::from_utf8_lossy(&output.stdout).trim_end())
        }
        _ => String::new(),
    }
}

#[test]
fn help_version_completions_and_man_page_go_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    for (name, command) in [
        ("neuroalign-preprocess", preprocess as fn(&Path) -> Command),
        ("neuroalign-export-cache", export_cache),
    ] {
        for arguments in [&["--help"][..], &["-h"], &["--version"], &["-V"]] {
            let ran = ran(command(folder.path()).args(arguments)).ended(0).says(&[name]);
            assert_eq!(ran.stderr, "");
        }
        let version = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(ran(command(folder.path()).arg("-V")).stdout, version);
        let long = ran(command(folder.path()).arg("--version")).says(&["SQLite 3.", "parquet-rs version "]);
        let long = long.says(&[&revision()]);
        assert!(long.stdout.starts_with(version.trim_end()), "{long:?}");
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = ran(command(folder.path()).args(["--completions", shell])).ended(0);
            assert!(script.stdout.contains(name) && script.stderr.is_empty(), "{shell}");
        }
        let page = ran(command(folder.path()).arg("--man-page")).ended(0);
        assert!(
            page.stdout.contains(&format!(".TH {name} 1")) && page.stdout.contains("Examples"),
            "{page:?}"
        );
    }
    assert!(contents_below(folder.path()).is_empty());
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
fn a_dry_run_says_what_there_is_to_do_and_writes_nothing() {
    let cohort = Cohort::of(&[A, B]);
    let before = contents_below(cohort.root());
    cohort
        .run(&["--dry-run"])
        .ended(0)
        .says(&["To load   4, 0 of them changed", "Nothing was done: --dry-run."]);
    assert!(contents_below(cohort.root()) == before);
    cohort.run(&[]).ended(0);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(3.0));
    cohort.list_of(&[A, B, ("0003", "1")]);
    let before = contents_below(cohort.root());
    for arguments in [&["--dry-run"][..], &["--dry-run", "--json"], &["--dry-run", "-v"]] {
        cohort.run(arguments).ended(0);
    }
    let json = cohort.run(&["--dry-run", "--json"]).json();
    assert_eq!((&json["to_load"], &json["changed"], &json["missing"]), (&1.into(), &1.into(), &2.into()));
    let forced = cohort.run(&["--dry-run", "--force", "--json"]).ended(0).json();
    assert!(forced["dry_run"].as_bool().unwrap());
    assert!(contents_below(cohort.root()) == before);
}

#[test]
fn a_dry_run_with_force_counts_what_force_would_load() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let json = cohort.run(&["--dry-run", "--force", "--json"]).ended(0).json();
    assert_eq!(json["to_load"], 4);
}

#[test]
fn the_command_line_is_over_the_environment_and_that_over_the_file() {
    let cohort = Cohort::of(&[A, B, ("0009", "1")]);
    for (name, subject) in [("file.csv", "0001"), ("environment.csv", "0002"), ("line.csv", "0009")] {
        cohort.write(name, &format!("subject_code,session_id\n{subject},1\n"));
    }
    let env = fs::read_to_string(cohort.path(".env")).unwrap().replace("sessions.csv", "file.csv");
    cohort.write(".env", &env);
    let outcome = |environment: Option<&str>, arguments: &[&str]| {
        let mut command = cohort.command(arguments);
        command.args(["--force", "--yes", "--json"]).envs(environment.map(|value| ("SESSIONS_CSV", value)));
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

/// Messages without the time that each line begins with where stderr is no terminal.
fn untimed(stderr: &str) -> String {
    let without = |line: &str| {
        let (time, message) = line.split_once(' ').unwrap();
        assert!(time.len() > 20 && time.starts_with("20") && time.ends_with('Z'), "{line}");
        format!("{message}\n")
    };
    stderr.lines().map(without).collect()
}

/// What was printed, with the time that it took masked.
fn without_time(text: &str) -> String {
    let masked = |line: &str| match line.strip_prefix("Time      ") {
        Some(time) if time.ends_with(" s") => "Time      … s".to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| masked(line) + "\n").collect()
}

#[test]
fn a_clean_run_says_what_it_did_to_the_letter_and_nothing_else() {
    let cohort = Cohort::of(&[A, B]);
    let ran = cohort.run(&[]).ended(0);
    assert_eq!(
        without_time(&ran.stdout),
        "Sessions  2
Loaded    2 anatomical, 2 diffusion
Skipped   0
Missing   0
Failed    0
Tables    4
  - anatomical_ct: 8 rows of 2 sessions
  - anatomical_gm: 8 rows of 2 sessions
  - anatomical_wm: 8 rows of 2 sessions
  - diffusion_NODDI: 16 rows of 2 sessions
Features  18
Age       20.5 to 21.5 years
Time      … s

The store is in data/processed; look at data/processed/report.html.
"
    );
    assert_eq!(
        untimed(&ran.stderr),
        " INFO the reports in cat12 have volumes of the whole brain and the quality of each image: --cat12-globals (CAT12_GLOBALS=1) loads them
 INFO 2 sessions: 4 to load (0 of them changed), 0 there already, 0 missing, 0 failed, each modality by itself
 INFO 4 of 4 are committed
 INFO writing anatomical_gm
 INFO writing anatomical_wm
 INFO writing anatomical_ct
 INFO writing diffusion_NODDI
 INFO reading the tables back
 INFO writing 3 features of anatomical_gm
 INFO writing 3 features of anatomical_wm
 INFO writing 3 features of anatomical_ct
 INFO writing 8 features of diffusion_NODDI
 INFO verifying what was written
"
    );
    let again = cohort.run(&[]).ended(0);
    assert_eq!(
        without_time(&again.stdout),
        "Sessions  2
Loaded    0
Skipped   2 anatomical, 2 diffusion
Missing   0
Failed    0
Time      … s

Nothing to do: the store in data/processed has it all.
"
    );
    assert_eq!(
        untimed(&again.stderr),
        " INFO 2 sessions: 0 to load (0 of them changed), 4 there already, 0 missing, 0 failed, each modality by itself\n"
    );
}

#[test]
fn files_are_to_be_fixed_only_where_one_failed() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A, B, ("0003", "1")]);
    let advice = "Fix these files and run the same command again";
    cohort.run(&[]).ended(0).says(&["Missing   2"]).keeps_quiet_about(&["Fix these files"]);
    cohort.write(&anatomical(B.0, B.1, "CT"), "no table\n");
    cohort.run(&["--dry-run"]).ended(0).keeps_quiet_about(&["Fix these files"]);
    cohort.run(&[]).ended(3).says(&["Failed    1", advice]);
}

#[test]
fn a_modality_of_which_nothing_was_loaded_is_not_counted() {
    let cohort = Cohort::of(&[A]);
    let ran = cohort.run(&["--no-diffusion"]).ended(0);
    assert!(ran.stdout.contains("\nLoaded    1 anatomical\nSkipped   0\n"), "{}", ran.stdout);
    let ran = cohort.run(&[]).ended(0);
    assert!(ran.stdout.contains("\nLoaded    1 diffusion\nSkipped   1 anatomical\n"), "{}", ran.stdout);
}

#[test]
fn a_second_signal_ends_a_command_at_once_with_its_status() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let cohort = Cohort::of(&[A]);
        // A list that never ends holds the run: the first signal alone does not stop it.
        cohort.remove("sessions.csv");
        assert!(Command::new("mkfifo").arg(cohort.path("sessions.csv")).status().unwrap().success());
        let mut child = cohort.command(&[]).spawn().unwrap();
        let list = fs::File::options().write(true).open(cohort.path("sessions.csv")).unwrap();
        let send = || Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(send().unwrap().success());
        std::thread::sleep(Duration::from_millis(300));
        assert!(send().unwrap().success());
        let started = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(ended) => break ended,
                None if started.elapsed() > Duration::from_secs(10) => child.kill().unwrap(),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        assert_eq!(ended.code(), Some(code), "{signal}");
        drop(list);
    }
}

#[test]
fn with_fail_on_missing_a_missing_session_is_a_failure() {
    let cohort = Cohort::of(&[A]);
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.run(&["--fail-on-missing"]).ended(3);
    cohort.list_of(&[A]);
    cohort.run(&["--fail-on-missing"]).ended(0);
}

#[test]
fn a_flag_of_another_version_of_the_pandas_package_is_told_what_it_is_called_here() {
    let cohort = Cohort::of(&[A]);
    for (theirs, ours) in [
        (&["--qsiparc-root=X"][..], "--qsiparc"),
        (&["--maskthr", "50"], "--entity maskthr-50"),
        (&["--tissues", "GM", "WM"], "--no-ct"),
        (&["--sessions-csv", "X"], "--sessions"),
    ] {
        let tip = format!("tip: {} is ", theirs[0].split('=').next().unwrap());
        let ran = cohort.run(theirs).ended(2).says(&[&tip, "pandas package", ours]);
        assert_eq!(ran.stderr.matches("tip:").count(), 1, "{ran:?}");
    }
    cohort.run(&["--atlas", "X"]).ended(2).says(&["KIND=NAME", "pandas package", "--atlas-name"]);
    cohort.export_cache(&["--chunk-size", "1000"]).ended(2).says(&["it is not needed"]);
    cohort.run(&["--verify"]).ended(2).says(&["neuroalign-export-cache DIR --verify"]);
    cohort.run(&["--no-such-flag"]).ended(2).keeps_quiet_about(&["pandas"]);
}

#[test]
fn an_atlas_is_also_called_as_its_folder_and_a_misspelt_setting_is_told() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["--atlas-name", "atlas-4S456Parcels"]).ended(0).says(&["1 anatomical"]);
    cohort.run(&["--atlas-name", "4S456Parcels"]).ended(0).says(&["Nothing to do"]);
    let settings = std::fs::read_to_string(cohort.path(".env")).unwrap();
    cohort.write(".env", &settings.replace("QSIPARC_PATH", "QSIPARC_ROOT"));
    cohort.run(&[]).ended(0).says(&[".env has QSIPARC_ROOT, which is no setting: is QSIPARC_PATH meant?"]);
}

#[test]
fn a_prefix_is_taken_and_said_to_change_nothing() {
    let cohort = Cohort::of(&[A]);
    let ran = cohort.run(&["--prefix", "p", "--compression", "snappy", "-v"]).ended(0);
    assert_eq!(ran.stderr.matches("--prefix changes nothing").count(), 1, "{ran:?}");
    assert!(cohort.path("data/processed/long/anatomical_gm.parquet").exists());
}

#[test]
fn the_compressions_are_in_the_help_and_in_the_refusal_of_another() {
    let cohort = Cohort::of(&[A]);
    let all = "[possible values: snappy, zstd, lz4, gzip, brotli, none]";
    cohort.run(&["--help"]).ended(0).says(&[all]);
    cohort.run(&["--compression", "lzma"]).ended(2).says(&[all]);
}

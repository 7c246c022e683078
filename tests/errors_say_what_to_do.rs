//! Whatever a user gets wrong: one plain message says what, where and what to do, and the exit status says how it ended.

mod support;

use std::fs;

use support::Ran;
use support::cohort::{Cohort, anatomical};

/// The one line that a command complains with.
#[track_caller]
fn complaint(ran: Ran) -> String {
    let ran = ran.ended(1);
    let complaints: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(complaints.len(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && ran.stdout.is_empty(), "{ran:?}");
    complaints[0].to_owned()
}

#[track_caller]
fn says(ran: Ran, words: &[&str]) {
    let said = complaint(ran);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

#[test]
fn a_session_list_that_cannot_be_read_is_told_with_the_way_out() {
    let cohort = Cohort::of(&[("1", "1")]);
    says(cohort.run(&["-s", "nothing.csv"]), &["nothing.csv", "No such file", "--sessions"]);
    says(cohort.run(&["-s", "cat12"]), &["cat12", "it is a folder", ".csv"]);
    cohort.write("list.xlsx", "");
    says(cohort.run(&["-s", "list.xlsx"]), &["spreadsheet", "CSV"]);
    cohort.list("who,when\n1,1\n");
    says(cohort.run(&[]), &["sessions.csv", "who, when", "subject_code", "--subject-column"]);
    cohort.list("");
    says(cohort.run(&[]), &["sessions.csv", "empty"]);
    cohort.list("subject_code,session_id\n");
    says(cohort.run(&[]), &["sessions.csv", "no rows"]);
    assert!(!cohort.store().exists(), "nothing is made before the list is understood");
}

#[test]
fn an_atlas_that_is_not_there_is_told_those_that_are() {
    let cohort = Cohort::of(&[("1", "1")]);
    says(cohort.run(&["--atlas-name", "Nope"]), &["Nope", "4S456Parcels", "--atlas-name"]);
    says(cohort.run(&["--atlas-name", "Nope", "--dry-run"]), &["Nope", "4S456Parcels"]);
    // Where nothing at all is found, the atlas is not to blame as long as it is there.
    cohort.list("subject_code,session_id\n9,9\n");
    let ran = cohort.run(&[]).ended(1);
    ran.says(&["nothing was found", "looked in", "sub-1"]).keeps_quiet_about(&["--atlas-name"]);
}

#[test]
fn a_root_that_is_not_there_is_told_with_its_setting() {
    let cohort = Cohort::of(&[("1", "1")]);
    says(cohort.run(&["--cat12-parcellated-root", "no/where"]), &["no/where", "CAT12_PARCELLATED_ROOT"]);
    says(cohort.run(&["--qsiparc", "sessions.csv"]), &["sessions.csv", "QSIPARC_PATH", "not a folder"]);
    says(cohort.run(&["--workflows", "Nope"]), &["Nope", "NODDI"]);
}

#[test]
fn an_output_that_cannot_be_one_is_told_with_the_way_out() {
    let cohort = Cohort::of(&[("1", "1")]);
    says(cohort.run(&["-o", "sessions.csv"]), &["sessions.csv", "another output folder"]);
    says(cohort.run(&["-o", "sessions.csv/below"]), &["sessions.csv", "another output folder"]);
}

#[test]
fn a_cache_of_another_version_is_neither_read_nor_changed() {
    let cohort = Cohort::of(&[("1", "1")]);
    fs::create_dir_all(cohort.store()).unwrap();
    let path = cohort.store().join(".cache.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 99; CREATE TABLE units (unit)").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    says(cohort.run(&[]), &[".cache.db", "schema 99", "move it away"]);
    says(cohort.export_cache(&["--status"]), &["schema 99"]);
    says(cohort.export_cache(&[]), &["schema 99"]);
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::write(&path, "not a database, whatever its name says".repeat(100)).unwrap();
    says(cohort.run(&[]), &[".cache.db", "not a database", "move it away"]);
}

#[test]
fn a_metric_that_no_table_has_is_told() {
    let cohort = Cohort::of(&[("1", "1")]);
    let ran = cohort.run(&["--wide-metrics", "mean,maen"]).ended(0);
    assert!(ran.stderr.contains("no table has the metric maen"), "{}", ran.stderr);
}

#[test]
fn usage_is_status_2() {
    let cohort = Cohort::of(&[("1", "1")]);
    for arguments in [["--n-jobs", "0"], ["--n-jobs", "many"], ["--compression", "zip"], ["--nope", "x"]] {
        let ran = cohort.run(&arguments).ended(2);
        assert!(ran.stderr.contains("--help"), "{}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_fails_its_unit_and_no_other() {
    use std::os::unix::fs::PermissionsExt;
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    let path = cohort.path(&anatomical("1", "1", "GM"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        return; // Root reads everything.
    }
    let ran = cohort.run(&[]).ended(3);
    assert!(ran.stdout.contains("Permission denied") && ran.stdout.contains("the right to read"), "{ran:?}");
}

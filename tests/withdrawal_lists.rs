//! A list of those who withdrew is held against the last one and against the store before anybody is taken out.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::Cohort;
use support::files::names_in;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");
const WITHDRAWN: [&str; 2] = ["--withdrawn", "withdrawn.csv"];

fn n_sessions(cohort: &Cohort) -> usize {
    let store = FeatureStore::open(cohort.store()).unwrap();
    store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows()
}

fn withdrawn(cohort: &Cohort) -> serde_json::Value {
    let manifest = fs::read(cohort.path("data/processed/manifest.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&manifest).unwrap()["withdrawn"].clone()
}

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&WITHDRAWN, more].concat()
}

/// When each file of the store was written.
fn written_at(cohort: &Cohort) -> BTreeMap<String, SystemTime> {
    let names = names_in(&cohort.store()).into_iter().filter(|name| !name.starts_with(".cache"));
    let time = |name: &String| fs::metadata(cohort.store().join(name)).unwrap().modified().unwrap();
    names.map(|name| (name.clone(), time(&name))).collect()
}

#[test]
fn a_list_that_is_shorter_than_the_last_brings_nobody_back() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n2\n");
    cohort.export_cache(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 1);
    for shorter in ["1\n", "0001\n1\n\n", "participant_id\n2\n", ""] {
        cohort.write("withdrawn.csv", shorter);
        let counts = [if shorter.is_empty() { "has 0 lines" } else { "has 1 lines" }, "had 2", "--yes"];
        cohort.run(&WITHDRAWN).ended(2).says(&counts);
        cohort.run(&with(&["--dry-run"])).ended(2).says(&counts);
        cohort.run(&with(&["--force"])).ended(2).says(&counts);
        cohort.export_cache(&WITHDRAWN).ended(2).says(&counts);
        assert_eq!(n_sessions(&cohort), 1);
    }
    // As many, or more, may be others.
    cohort.write("withdrawn.csv", "1\n2\n9\n");
    cohort.run(&WITHDRAWN).ended(0);
    cohort.write("withdrawn.csv", "1\n2\n");
    cohort.run(&WITHDRAWN).ended(2).says(&["has 2 lines", "had 3"]);
    // Corrected on purpose, once.
    cohort.run(&with(&["--yes"])).ended(0);
    cohort.run(&WITHDRAWN).ended(0);
    cohort.write("withdrawn.csv", "1\n");
    cohort.export_cache(&with(&["--yes"])).ended(0);
    cohort.run(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 2);
    let told = withdrawn(&cohort);
    assert_eq!(
        (&told["n_subjects"], &told["n_sessions"], &told["n_listed"]),
        (&2.into(), &2.into(), &1.into())
    );
    cohort.run(&["--withdrawn", "none"]).ended(0);
    assert_eq!(n_sessions(&cohort), 3);
}

#[test]
fn a_list_may_not_get_shorter_while_the_first_load_is_unfinished_either() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.write("withdrawn.csv", "1\n2\n");
    cohort.run_stopped_at("sources.parquet", &WITHDRAWN);
    cohort.write("withdrawn.csv", "1\n");
    cohort.run(&WITHDRAWN).ended(2).says(&["has 1 lines", "had 2"]);
    cohort.export_cache(&WITHDRAWN).ended(2).says(&["has 1 lines", "had 2"]);
    cohort.run(&[]).ended(2);
    cohort.write("withdrawn.csv", "2\n1\n");
    cohort.run(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn a_store_that_is_a_cache_alone_knows_of_the_withdrawal() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    cohort.write("withdrawn.csv", "1\n");
    cohort.export_cache(&WITHDRAWN).ended(0).says(&["1 session of 1 subject"]);
    assert_eq!((n_sessions(&cohort), &withdrawn(&cohort)["n_subjects"]), (1, &1.into()));
    cohort.run(&[]).ended(2);
    cohort.run(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn a_list_that_would_take_much_of_the_store_is_taken_for_the_wrong_file() {
    let codes: Vec<String> = (1..=12).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = codes.iter().map(|code| (code.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    cohort.run(&[]).ended(0);
    // The session list itself.
    let list = fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    cohort.write("withdrawn.csv", &list);
    let counts = ["12 of the 12 subjects", "over a tenth", "--yes"];
    cohort.run(&WITHDRAWN).ended(1).says(&counts).keeps_quiet_about(&["0007"]);
    cohort.export_cache(&WITHDRAWN).ended(1).says(&counts).keeps_quiet_about(&["0007"]);
    assert_eq!((n_sessions(&cohort), withdrawn(&cohort)), (12, serde_json::Value::Null));
    let told = cohort.run(&with(&["--dry-run", "--json"])).ended(0).json();
    assert_eq!(told["withdrawn"]["n_subjects"], 12);
    // A few may always go, however small the cohort.
    cohort.write("withdrawn.csv", &(codes[..5].join("\n") + "\n"));
    cohort.run(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 7);
    cohort.write("withdrawn.csv", &list);
    cohort.run(&WITHDRAWN).ended(1).says(&["7 of the 7 subjects"]);
    cohort.run(&with(&["--yes", "--discover"])).ended(0);
    assert_eq!(cohort.session_rows().len(), 0);
}

#[test]
fn nobody_comes_back_where_a_byte_of_the_manifest_is_wrong() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "0002\n");
    cohort.export_cache(&WITHDRAWN).ended(0);
    let path = cohort.store().join("manifest.json");
    let whole = fs::read_to_string(&path).unwrap();
    for (written, damaged) in
        [("\"withdrawn\"", "\"witherawn\""), ("\"neuroalign\"", "\"neuroalihn\""), ("\"files\"", "\"filus\"")]
    {
        fs::write(&path, whole.replace(written, damaged)).unwrap();
        cohort.export_cache(&["--verify"]).ended(3).says(&["manifest.json", "not what was written"]);
        cohort.run(&[]).ended(2).says(&["--withdrawn"]);
        assert_eq!(n_sessions(&cohort), 1, "{damaged}");
    }
    // A run makes it again, also where there is nothing to load.
    fs::write(&path, whole.replace("\"created_at\": \"2", "\"created_at\": \"1")).unwrap();
    cohort.export_cache(&["--verify"]).ended(3);
    cohort.run(&WITHDRAWN).ended(0);
    cohort.export_cache(&["--verify"]).ended(0);
}

#[test]
fn an_unfinished_load_is_let_go_without_a_list() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "0002\n");
    cohort.export_cache(&WITHDRAWN).ended(0);
    cohort.run(&with(&["--force", "--no-wm"])).ended(1).says(&["--discard"]);
    cohort.export_cache(&["--discard"]).ended(0).says(&["Discarded"]);
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn a_dry_run_says_that_a_wrong_list_would_be_refused() {
    let codes: Vec<String> = (1..=8).map(|n| format!("{n:04}")).collect();
    let cohort = Cohort::of(&codes.iter().map(|code| (code.as_str(), "1")).collect::<Vec<_>>());
    cohort.run(&[]).ended(0);
    let list = ["--withdrawn", "sessions.csv"];
    let refused = cohort.run(&list).ended(1).says(&["--yes"]);
    drop(refused);
    cohort.run(&[&list[..], &["--dry-run"]].concat()).ended(0).says(&["The run would stop", "--yes"]);
    assert_eq!(n_sessions(&cohort), 8);
}

#[test]
fn a_code_that_a_spreadsheet_took_the_digits_of_ends_with_its_line() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "subject\n1.02E+02\n0002\n");
    for ran in [cohort.run(&WITHDRAWN), cohort.export_cache(&WITHDRAWN)] {
        ran.ended(1).says(&["line 2", "scientific notation"]).keeps_quiet_about(&["1.02E"]);
    }
    assert_eq!(n_sessions(&cohort), 2);
    cohort.run(&with(&["--yes"])).ended(0);
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn files_of_others_beside_the_store_are_told_as_nobody_looks_into_them() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    for file in ["notes.txt", "long/mine.csv", "backup/old.parquet"] {
        cohort.write(&format!("data/processed/{file}"), "sub-0002");
    }
    let copy = cohort.store().join("long/anatomical_xx.parquet");
    fs::copy(cohort.store().join("long/anatomical_gm.parquet"), copy).unwrap();
    cohort.write("withdrawn.csv", "0002\n");
    let told = cohort.export_cache(&WITHDRAWN).ended(0);
    told.says(&["nobody looked into", "backup/, long/anatomical_xx.parquet, long/mine.csv, notes.txt"]);
    let again = cohort.export_cache(&WITHDRAWN).ended(0).says(&["Nobody who withdrew is in"]);
    again.keeps_quiet_about(&["notes.txt"]);
}

#[test]
fn lines_that_mean_nobody_are_counted_and_not_repeated() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n888\nKQ9\nKQ8,1\n,77\n");
    let told = cohort.run(&with(&["--json"])).ended(0).says(&["4 of 5 lines"]);
    assert_eq!(told.json()["withdrawn"]["lines_of_nobody"], 4);
    told.keeps_quiet_about(&["KQ9", "KQ8"]);
    assert_eq!(n_sessions(&cohort), 2);
    cohort.export_cache(&WITHDRAWN).ended(0).says(&["5 of 5 lines"]);
}

#[test]
fn a_line_that_is_not_clear_is_refused_by_its_number_and_yes_does_what_is_clear() {
    for (unclear, why) in [
        ("0002,77", "line 2 has a known subject beside what is no session"),
        ("sub-0002_ses-77", "line 2 has a known subject beside what is no session"),
        ("0002 withdrew consent", "line 2 has a known subject among other words"),
        ("\"0002, 0003\"", "line 2 has a known subject among other words"),
    ] {
        let cohort = Cohort::of(&[A, B, C]);
        cohort.run(&[]).ended(0);
        cohort.write("withdrawn.csv", &format!("0001\n{unclear}\n"));
        let before = written_at(&cohort);
        for told in
            [cohort.run(&WITHDRAWN), cohort.run(&with(&["--dry-run"])), cohort.export_cache(&WITHDRAWN)]
        {
            told.ended(1).says(&[why, "nothing was done", "--yes"]).keeps_quiet_about(&["0002", "0003"]);
        }
        assert_eq!((n_sessions(&cohort), written_at(&cohort)), (3, before), "{unclear}");
        let told = cohort.run(&with(&["--yes", "--json"])).ended(0).says(&["took nobody out"]);
        assert_eq!(told.json()["withdrawn"]["unclear_lines"], serde_json::json!([2]));
        assert_eq!(n_sessions(&cohort), 2, "{unclear}");
        let told = cohort.run(&with(&["--yes"])).ended(0);
        told.keeps_quiet_about(&["nothing of them is left"]);
    }
}

#[test]
fn one_visit_in_the_list_stays_done_when_the_list_comes_again() {
    for list in ["0001,2\n", "subject_code,visit\n0001,2\n", "sub-0001_ses-2\n"] {
        let cohort = Cohort::of(&[A, ("0001", "2"), B]);
        cohort.run(&[]).ended(0);
        cohort.write("withdrawn.csv", list);
        cohort.export_cache(&WITHDRAWN).ended(0);
        cohort.export_cache(&WITHDRAWN).ended(0);
        cohort.run(&WITHDRAWN).ended(0);
        assert_eq!(n_sessions(&cohort), 2, "{list:?}");
        cohort.list_of(&[A, B]);
        cohort.run(&WITHDRAWN).ended(0).says(&["took nobody out"]);
        assert_eq!(n_sessions(&cohort), 2, "{list:?}");
    }
}

#[test]
fn a_line_that_is_not_clear_is_refused_where_the_session_list_alone_has_the_subject() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write("withdrawn.csv", "0002,moved\n");
    let told = cohort.run(&WITHDRAWN).ended(1);
    told.says(&["line 1 has a known subject"]).keeps_quiet_about(&["0002"]);
    cohort.write("withdrawn.csv", "participant,reason\n0002,moved\n");
    cohort.run(&WITHDRAWN).ended(0);
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn a_visit_that_is_only_equal_as_a_number_stays() {
    let cohort = Cohort::of(&[("0007", "1"), ("0007", "01"), B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "0007,01\n");
    cohort.run(&WITHDRAWN).ended(0).says(&["1 session of 1 subject"]);
    assert_eq!(n_sessions(&cohort), 2);
    assert!(cohort.session_rows().iter().any(|row| row[..2] == ["0007", "1"]));
}

#[test]
fn a_dry_run_that_begins_anew_lets_go_of_nobody_who_withdrew() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n");
    for what in ["--force", "--prune-unlisted"] {
        let told = cohort.run(&with(&[what, "--dry-run", "--json"])).ended(0);
        let told = told.json();
        assert_eq!(
            (&told["let_go"], &told["removed"]),
            (&serde_json::json!([]), &serde_json::json!([])),
            "{what}"
        );
    }
}

#[test]
fn what_a_killed_run_left_half_written_goes_also_where_nothing_else_is_to_do() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n");
    cohort.run(&WITHDRAWN).ended(0);
    for by_run in [true, false] {
        let left = [".partial-foo.parquet", "long/.partial-x"].map(|name| format!("data/processed/{name}"));
        left.iter().for_each(|path| cohort.write(path, "0001"));
        match by_run {
            true => cohort.run(&WITHDRAWN).ended(0).says(&["Nothing to do"]),
            false => cohort.export_cache(&WITHDRAWN).ended(0),
        };
        assert!(!left.iter().any(|path| cohort.path(path).exists()), "{by_run}");
    }
}

#[test]
fn a_dry_run_counts_whom_it_would_take_and_lists_them_as_json() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n3,1\n");
    let before = written_at(&cohort);
    cohort
        .run(&with(&["--dry-run"]))
        .ended(0)
        .says(&["2 sessions of 2 subjects to be taken out"])
        .keeps_quiet_about(&["0001"]);
    let told = cohort.run(&with(&["--dry-run", "--json"])).ended(0).json();
    let listed = serde_json::json!([
        { "subject_code": "0001", "session_id": "1" }, { "subject_code": "0003", "session_id": "1" }
    ]);
    assert_eq!((&told["withdrawn"]["n_sessions"], &told["withdrawn"]["sessions"]), (&2.into(), &listed));
    assert_eq!((n_sessions(&cohort), written_at(&cohort)), (3, before));
    // Once they are gone nobody names them.
    let told = cohort.run(&with(&["--json"])).ended(0).json();
    assert_eq!(
        (&told["withdrawn"]["n_sessions"], &told["withdrawn"]["sessions"]),
        (&2.into(), &serde_json::Value::Null)
    );
}

#[test]
fn who_withdrew_counts_as_that_and_neither_as_missing_nor_as_failed() {
    let cohort = Cohort::of(&[A, B, C]);
    // One has no files, one has a broken one, and both withdrew.
    cohort.write(&support::cohort::anatomical(B.0, B.1, "GM"), "no table");
    cohort.list_of(&[A, B, C, ("0004", "1")]);
    cohort.write("withdrawn.csv", "2\n4\n");
    let told = cohort.run(&with(&["--json"])).ended(0).json();
    let counts = [&told["rows"]["withdrawn"], &told["missing"], &told["failed"], &told["sessions"]];
    assert_eq!(counts, [&2.into(), &0.into(), &0.into(), &2.into()] as [&serde_json::Value; 4]);
    let rows = cohort.session_rows();
    assert!(rows.len() == 4 && rows.iter().all(|row| [A.0, C.0].contains(&row[0].as_str())), "{rows:?}");
}

#[test]
fn the_same_list_again_changes_no_file() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "1\n9\n");
    cohort
        .run(&WITHDRAWN)
        .ended(0)
        .says(&["taken out of the store: 1 session of 1 subject who withdrew; logs, copies and backups are not reached"]);
    let before = written_at(&cohort);
    cohort.run(&WITHDRAWN).ended(0).says(&["Nothing to do"]);
    cohort.export_cache(&WITHDRAWN).ended(0);
    assert_eq!(written_at(&cohort), before);
}

#[test]
fn a_withdrawal_beside_an_unfinished_fresh_load_is_done_and_that_load_goes_on() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.list_of(&[A, B, C]);
    cohort.run_stopped_at("sources.parquet", &["--force"]);
    cohort.write("withdrawn.csv", "1\n");
    let kept = "The load with --force that has not come to its end is kept without them";
    cohort.export_cache(&WITHDRAWN).ended(0).says(&["1 session of 1 subject", kept]);
    let told = cohort.export_cache(&with(&["--json"])).ended(0).json();
    assert_eq!((&told["fresh_load"], &told["withdrawn"]["n_sessions"]), (&true.into(), &0.into()));
    assert_eq!(n_sessions(&cohort), 1);
    // What asks for an export still may not have one.
    cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--status"]).ended(2);
    cohort.write(".env", &(fs::read_to_string(cohort.path(".env")).unwrap() + "WITHDRAWN=withdrawn.csv\n"));
    cohort.export_cache(&[]).ended(1).says(&["--discard"]);
    let ran = cohort.run(&["--json"]).ended(0).says(&["going on with the load that --force began"]);
    assert_eq!(ran.units("loaded"), [0, 0]);
    assert_eq!(n_sessions(&cohort), 2);
}

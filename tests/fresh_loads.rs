//! `--force` loads everything anew, and what it loads takes the place of the whole store when all of it is there: until
//! then the store is what it was, whatever happens.

mod support;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::files::Bytes;
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");

fn n_sessions(cohort: &Cohort) -> usize {
    let store = FeatureStore::open(cohort.store()).unwrap();
    store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows()
}

/// A store of two sessions, and a fresh load of three that was cut short before its commit.
fn cut_short() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(77.0));
    cohort.list_of(&[A, B, C]);
    let before = Bytes::of_store(&cohort.store());
    cohort.run_stopped_at("sources.parquet", &["--force"]);
    assert!(Bytes::of_store(&cohort.store()) == before, "files of the store changed before the commit");
    assert_eq!(n_sessions(&cohort), 2);
    cohort
}

fn of_one_run(cohort: &Cohort) -> Store {
    let output = cohort.path("fresh");
    cohort.run(&["-o", output.to_str().unwrap()]).ended(0);
    let store = Store::read(&output);
    std::fs::remove_dir_all(output).unwrap();
    store
}

#[test]
fn a_fresh_load_that_was_cut_short_goes_on_with_force_or_without() {
    for arguments in [&["--json", "--force"][..], &["--json"]] {
        let cohort = cut_short();
        let ran = cohort.run(arguments).ended(0).says(&["going on with the load that --force began"]);
        assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [3, 3]));
        Store::read(&cohort.store()).assert_same(&of_one_run(&cohort));
    }
}

#[test]
fn what_is_not_the_same_load_is_refused_with_the_ways_out() {
    let cohort = cut_short();
    let before = Bytes::of_store(&cohort.store());
    cohort.export_cache(&[]).ended(1).says(&["--force", "--discard"]);
    cohort.export_cache(&["--status"]).ended(0).says(&["fresh load"]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(1).says(&["other sessions", "--discard"]);
    cohort.list_of(&[A, B, C]);
    cohort.run(&["--no-diffusion"]).ended(1).says(&["other modalities"]);
    cohort.run(&["--mask", "x"]).ended(1).says(&["another choice of files"]);
    cohort.run(&["--no-wm"]).ended(1).says(&["other tissues or workflows"]);
    cohort.run(&["--workflows", "NODDI"]).ended(1).says(&["other tissues or workflows"]);
    cohort.run(&["--participant-label", "1", "--yes"]).ended(1).says(&["chosen sessions"]);
    assert!(Bytes::of_store(&cohort.store()) == before);
    cohort.export_cache(&["--discard"]).ended(0);
    assert!(Bytes::of_store(&cohort.store()) == before && !cohort.path("data/processed/.cache.db").exists());
    let ran = cohort.run(&["--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [2, 1], "the store goes on as if there had been no fresh load");
}

#[test]
fn a_fresh_load_of_something_else_begins_anew_only_with_force() {
    let cohort = cut_short();
    cohort.list_of(&[A, B]);
    let ran = cohort.run(&["--force", "--json"]).ended(0).says(&["beginning anew"]);
    assert_eq!(ran.units("loaded"), [2, 2]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort));
}

#[test]
fn once_its_commit_has_begun_whoever_comes_next_finishes_it() {
    for finish in [&["export"][..], &["run"], &["run", "--force"]] {
        let cohort = Cohort::of(&[A, B]);
        cohort.run(&[]).ended(0);
        cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(77.0));
        cohort.add(C.0, C.1);
        cohort.list_of(&[A, B, C]);
        let expected = of_one_run(&cohort);
        cohort.run_stopped_at("manifest.json", &["--force"]);
        assert_eq!(n_sessions(&cohort), 3, "from its commit on, readers see the new store");
        let ran = match finish {
            ["export"] => cohort.export_cache(&[]),
            [_, arguments @ ..] => cohort.run(arguments),
            [] => unreachable!(),
        };
        ran.ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
        assert!(!cohort.path("data/processed/.cache.db").exists());
    }
}

#[test]
fn what_would_go_is_told_before_the_commit_and_needs_yes() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    let before = Bytes::of_store(&cohort.store());
    cohort.list_of(&[A]);
    let told = cohort.run(&["--force", "--dry-run", "--json"]).ended(0).json();
    assert_eq!(told["let_go"].as_array().unwrap().len(), 4);
    let words = ["2 anatomical and 2 diffusion of 2 sessions", "sub-0002/ses-1", "--yes", "--discard"];
    cohort.run(&["--force"]).ended(1).says(&words);
    assert!(Bytes::of_store(&cohort.store()) == before);
    let ran = cohort.run(&["--force", "--yes", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [1, 1]), "nothing is loaded twice");
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort));
}

#[test]
fn a_modality_that_is_not_loaded_again_is_told_too() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.run(&["--force", "--no-diffusion"]).ended(1).says(&["2 diffusion of 2 sessions"]);
    assert!(cohort.path("data/processed/long/diffusion/NODDI.parquet").exists());
    cohort.run(&["--force", "--no-diffusion", "--yes"]).ended(0);
    assert!(!cohort.path("data/processed/long/diffusion/NODDI.parquet").exists());
    assert!(!cohort.path("data/processed/wide/diffusion/NODDI_noddi_icvf_mean.parquet").exists());
}

#[test]
fn a_table_of_which_nothing_is_loaded_again_is_told_too() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.run(&[]).ended(0);
    let told = cohort.run(&["--force", "--no-wm", "--dry-run", "--json"]).ended(0).json();
    assert_eq!(told["let_go"][0]["tables"][0]["name"], "anatomical_wm");
    let before = Bytes::of_store(&cohort.path("data/processed/long"));
    cohort.run(&["--force", "--no-wm"]).ended(1).says(&["anatomical_wm of 2 sessions", "--yes"]);
    assert_eq!(Bytes::of_store(&cohort.path("data/processed/long")), before);
    let ran = cohort.run(&["--force", "--no-wm", "--yes", "--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [0, 0], "nothing is read a second time");
    assert!(!cohort.path("data/processed/long/anatomical_wm.parquet").exists());
}

#[test]
fn parts_of_units_and_columns_that_are_not_loaded_again_are_told_and_where_they_are_much_need_yes() {
    type Case<'a> = (&'a dyn Fn(&Cohort), &'a [&'a str], &'a str, bool);
    let codes: Vec<String> = (1..=12).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = codes.iter().map(|code| (code.as_str(), "1")).collect();
    let a_map = |cohort: &Cohort| cohort.remove(&diffusion("NODDI", B.0, B.1, "od"));
    let a_map_of_six = |cohort: &Cohort| {
        codes[..6].iter().for_each(|code| cohort.remove(&diffusion("NODDI", code, "1", "od")));
    };
    let a_table = |cohort: &Cohort| cohort.remove(&anatomical(B.0, B.1, "WM"));
    let other_reports = |cohort: &Cohort| cohort.write("reports/sub-9/anat/cat_sub-9_T1w.xml", "<S/>");
    let one_report = |cohort: &Cohort| cohort.remove(&tiv_path(A.0, A.1));
    let a_column = |cohort: &Cohort| {
        let rows: String = codes.iter().map(|code| format!("{code},1,20\n")).collect();
        cohort.list(&format!("subject_code,session_id,age\n{rows}"));
    };
    let cases: [Case<'_>; 6] = [
        (&a_map, &[], "diffusion_NODDI (model noddi, param od) of 1 session, such as sub-0002/ses-1", false),
        (&a_map_of_six, &[], "diffusion_NODDI (model noddi, param od) of 6 sessions, such as", true),
        (&a_table, &[], "anatomical_wm of 1 session, such as sub-0002/ses-1", false),
        (&other_reports, &["--cat12-root", "reports"], "total intracranial volume of 12 sessions", true),
        (&one_report, &[], "total intracranial volume of 1 session, such as sub-0001/ses-1", false),
        (&a_column, &[], "the metadata sex", false),
    ];
    for (change, arguments, words, is_much) in cases {
        let cohort = Cohort::of(&sessions);
        cohort.run(&[]).ended(0);
        let before = Bytes::of_store(&cohort.store());
        change(&cohort);
        let with = |more: &[&'static str]| cohort.run(&[arguments, more].concat());
        let told = with(&["--force", "--dry-run"]).ended(0).says(&["Would go", words]);
        if is_much {
            told.says(&["would stop"]);
            with(&["--force"]).ended(1).says(&[words, "--yes"]);
            assert!(Bytes::of_store(&cohort.store()) == before, "{words}");
            with(&["--force", "--yes"]).ended(0).says(&["Gone", words]);
        } else {
            told.keeps_quiet_about(&["would stop"]);
            with(&["--force"]).ended(0).says(&["Gone", words]);
        }
    }
}

#[test]
fn a_dry_run_of_what_begins_anew_says_what_that_would_let_go() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.run(&["--force", "--no-wm"]).ended(1).says(&["anatomical_wm of 2 sessions"]);
    let told = cohort.run(&["--force", "--no-diffusion", "--yes", "--dry-run"]).ended(0);
    told.says(&["Would go  2 diffusion of 2 sessions"]).keeps_quiet_about(&["anatomical_wm"]);
    let ran = cohort.run(&["--force", "--no-diffusion", "--yes"]).ended(0);
    ran.says(&["beginning anew", "Gone      2 diffusion of 2 sessions"]);
}

#[test]
fn a_damaged_feature_does_not_keep_the_store_from_being_replaced() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let feature = cohort.store().join("wide/anatomical/gm_mean.parquet");
    let whole = std::fs::read(&feature).unwrap();
    cohort.write("withdrawn.csv", "0002\n");
    for arguments in [&["--force"][..], &["--withdrawn", "withdrawn.csv"]] {
        std::fs::write(&feature, &whole[..whole.len() / 2]).unwrap();
        cohort.run(arguments).ended(0);
        cohort.export_cache(&["--verify"]).ended(0);
    }
    assert_eq!(n_sessions(&cohort), 1);
}

#[test]
fn a_column_that_changes_its_case_alone_is_no_loss() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.list("subject_code,session_id,AGE,Sex\n0001,1,20.5,F\n0002,1,21.5,M\n");
    cohort.run(&["--force"]).ended(0).keeps_quiet_about(&["Gone"]);
}

#[test]
fn a_column_that_the_list_may_not_have_is_no_loss() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.run(&["--force", "--metadata-columns", "AGE"]).ended(0).keeps_quiet_about(&["Gone"]);
}

#[test]
fn what_cannot_be_read_today_is_not_let_go() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = Bytes::of_store(&cohort.store());
    cohort.write(&anatomical(B.0, B.1, "GM"), "index\tlabel\tmean\n1\tx\tnot a number\n");
    cohort.run(&["--force"]).ended(3).says(&["Nothing of the store", "was replaced", "--yes"]);
    assert!(Bytes::of_store(&cohort.store()) == before);
    cohort.write(&anatomical(B.0, B.1, "GM"), &tsv(5.0));
    let ran = cohort.run(&["--force", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([1, 0], [1, 2]), "it goes on where it was");
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort));
}

#[test]
fn a_wrong_setting_touches_nothing() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = Bytes::of_store(&cohort.store());
    cohort.run(&["--force", "--atlas-name", "Typo"]).ended(1).says(&["Typo"]);
    let wrong = ["--force", "--cat12-parcellated-root", ".", "--cat12-root", ".", "--qsiparc", "."];
    cohort.run(&wrong).ended(1).says(&["nothing was found"]);
    let tables = ["--force", "--cat12-parcellated-root", "."];
    cohort.run(&tables).ended(1).says(&["meant? Nothing was loaded"]);
    cohort.run(&["--force", "--no-anatomical"]).ended(1).says(&["2 anatomical of 2 sessions"]);
    cohort.export_cache(&["--discard"]).ended(0);
    cohort.run(&["--force", "--participant-label", "1"]).ended(2).says(&["--reload"]);
    assert!(Bytes::of_store(&cohort.store()) == before);
    assert!(!cohort.path("data/processed/.cache.db").exists());
}

#[test]
fn what_another_load_committed_is_in_the_store_while_a_fresh_one_goes_on() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.list_of(&[A, B, C]);
    cohort.run_stopped_at("manifest.json", &[]);
    assert_eq!(n_sessions(&cohort), 3);
    cohort.list_of(&[A]);
    cohort.run(&["--force"]).ended(1).says(&["2 sessions"]);
    assert_eq!(n_sessions(&cohort), 3, "what was committed before stays until the commit");
    cohort.export_cache(&["--discard"]).ended(0);
    assert_eq!(n_sessions(&cohort), 3);
}

#[test]
fn what_a_killed_load_left_half_written_goes_also_with_a_command_that_writes_nothing() {
    let half = "data/processed/long/.partial-anatomical_gm.parquet";
    let cohort = cut_short();
    cohort.write(half, "PAR1");
    cohort.export_cache(&["--discard"]).ended(0);
    assert!(!cohort.path(half).exists());
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write(half, "PAR1");
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert!(!cohort.path(half).exists());
}

#[test]
fn what_a_list_said_stays_where_folders_finish_what_it_began() {
    let cohort = cut_short();
    cohort.run(&["--discover"]).ended(0).says(&["going on with the load that --force began"]);
    let store = Store::read(&cohort.store());
    assert!(store.table("metadata.parquet").columns.iter().any(|column| column == "AGE"));
    assert_eq!(store.tables, of_one_run(&cohort).tables);
}

#[test]
fn metadata_that_no_list_has_today_are_let_go_only_with_yes() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.run(&["--force", "--discover", "--dry-run"]).ended(0).says(&["the metadata AGE, sex"]);
    cohort.run(&["--force", "--discover"]).ended(1).says(&["the metadata AGE, sex", "--yes"]);
    cohort.run(&["--force", "--discover", "--yes"]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("metadata.parquet").columns, ["subject_code", "session_id"]);
}

#[test]
fn a_dry_run_over_an_unfinished_load_says_what_the_run_says() {
    let cohort = cut_short();
    for other in [&["--no-wm"][..], &["--atlas-name", "Other"]] {
        let run = cohort.run(other).ended(1);
        let dry = cohort.run(&[other, &["--dry-run"]].concat()).ended(1);
        for ran in [run, dry] {
            ran.says(&["--force", "--discard"]);
        }
    }
}

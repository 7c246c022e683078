//! No unit is lost and none is in a table twice, whatever runs, crashes and exports came before.

mod support;

use support::cohort::{Cohort, diffusion, tsv};
use support::files::names_in;
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");

const GM: &str = "long/anatomical_gm.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

/// The files that an export writes, in its order.
const EXPORTED: [&str; 8] = [
    GM,
    NODDI,
    "wide/anatomical/gm_mean.parquet",
    "tiv.parquet",
    "metadata.parquet",
    "sources.parquet",
    "sessions.tsv",
    "manifest.json",
];

/// The store of one run over all sessions of the list, which nothing came before.
fn of_one_run(cohort: &Cohort) -> Store {
    cohort.run(&["-o", "one_run"]).ended(0);
    Store::read(&cohort.path("one_run"))
}

fn has_no_cache(cohort: &Cohort) -> bool {
    !names_in(&cohort.store()).iter().any(|name| name.starts_with(".cache"))
}

#[test]
fn sessions_that_are_added_join_those_that_are_there_and_further_runs_do_nothing() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.list_of(&[A, B, C]);
    let second = cohort.run(&["--json"]).ended(0);
    assert_eq!((second.units("loaded"), second.units("skipped")), ([1, 1], [2, 2]));
    let expected = of_one_run(&cohort);
    assert_eq!(expected.sessions_of(GM), rows_each(4, &["0001/1", "0002/1", "0003/1"]));
    Store::read(&cohort.store()).assert_same(&expected);
    let manifest = std::fs::read(cohort.path("data/processed/manifest.json")).unwrap();
    for _ in 0..2 {
        cohort.run(&[]).ended(0).says(&["Nothing to do", "3 anatomical, 3 diffusion"]);
    }
    assert_eq!(std::fs::read(cohort.path("data/processed/manifest.json")).unwrap(), manifest);
    assert!(has_no_cache(&cohort));
}

#[test]
fn a_list_of_new_sessions_alone_leaves_the_others_where_they_are() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.list_of(&[C]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    for (table, rows) in [
        (GM, 4),
        (NODDI, 8),
        ("wide/anatomical/gm_mean.parquet", 1),
        ("tiv.parquet", 1),
        ("metadata.parquet", 1),
    ] {
        assert_eq!(store.sessions_of(table), rows_each(rows, &["0001/1", "0002/1", "0003/1"]), "{table}");
    }
    assert_eq!(store.manifest["n_sessions"], 3);
    cohort.list_of(&[A, B]);
    let third = cohort.run(&["--json"]).ended(0);
    assert_eq!((third.units("loaded"), third.units("skipped")), ([0, 0], [2, 2]));
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), store.sessions_of(GM));
}

#[test]
fn rows_that_repeat_in_the_list_are_loaded_once() {
    let cohort = Cohort::of(&[A, B]);
    let expected = of_one_run(&cohort);
    let list = std::fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    let rows = list.split_once('\n').unwrap().1;
    cohort.list(&format!("{list}{rows}{rows}"));
    cohort.run(&[]).ended(0).says(&["Rows      6: 2 sessions, 4 repetitions"]);
    Store::read(&cohort.store()).assert_same(&expected);
}

#[test]
fn after_a_crash_at_any_file_of_the_export_nothing_is_loaded_again_or_there_twice() {
    let cohort = Cohort::of(&[A, B]);
    let expected = of_one_run(&cohort);
    for file in EXPORTED {
        let _ = std::fs::remove_dir_all(cohort.store());
        cohort.stop_exports_at(file);
        for _ in 0..2 {
            cohort.run(&[]).ended(1).says(&[file.rsplit('/').next().unwrap()]);
        }
        assert!(!cohort.path("data/processed/manifest.json").exists(), "{file}");
        cohort
            .export_cache(&["--status"])
            .ended(0)
            .says(&["Anatomical sessions: 2", "Diffusion sessions: 2"]);
        cohort.let_exports_pass(file);
        let rerun = cohort.run(&["--json"]).ended(0);
        assert_eq!((rerun.units("loaded"), rerun.units("skipped")), ([0, 0], [2, 2]), "{file}");
        Store::read(&cohort.store()).assert_same(&expected);
        assert!(has_no_cache(&cohort), "{file}");
    }
}

#[test]
fn what_the_cache_alone_holds_joins_what_parquet_holds() {
    let cohort = Cohort::of(&[A, B, C]);
    let expected = of_one_run(&cohort);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    for file in EXPORTED {
        cohort.list_of(&[A, B]);
        cohort.run_stopped_at(file, &[]);
        cohort.list_of(&[A, B, C]);
        cohort.run(&[]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
        std::fs::remove_dir_all(cohort.store()).unwrap();
        cohort.list_of(&[A]);
        cohort.run(&[]).ended(0);
    }
}

#[test]
fn an_export_by_hand_merges_as_a_run_does() {
    let cohort = Cohort::of(&[A, B]);
    let expected = of_one_run(&cohort);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&[A, B]);
    cohort.stop_exports_at("sources.parquet");
    cohort.run(&[]).ended(1);
    cohort.export_cache(&["--keep-cache"]).ended(1);
    cohort.let_exports_pass("sources.parquet");
    for arguments in [&["--keep-cache"][..], &["--keep-cache"], &[]] {
        cohort.export_cache(arguments).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
    }
    assert!(has_no_cache(&cohort));
}

#[test]
fn a_cache_that_is_kept_is_exported_again_without_doubling_anything() {
    let cohort = Cohort::of(&[A, B]);
    let expected = of_one_run(&cohort);
    for _ in 0..3 {
        cohort.run(&["--keep-cache"]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
        assert!(cohort.path("data/processed/.cache.db").exists());
    }
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&expected);
    assert!(has_no_cache(&cohort));
}

#[test]
fn force_after_a_crash_replaces_everything() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.add(C.0, C.1);
    cohort.list_of(&[A, B, C]);
    cohort.run_stopped_at("sources.parquet", &[]);
    cohort.write("data/processed/notes.txt", "mine");
    cohort.list_of(&[A, C]);
    let forced = cohort.run(&["--force", "--yes", "--json"]).ended(0);
    assert_eq!((forced.units("loaded"), forced.units("skipped")), ([2, 2], [0, 0]));
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort));
    assert!(cohort.path("data/processed/notes.txt").exists(), "--force deletes what is not the store's");
}

#[test]
fn diffusion_joins_sessions_whose_anatomical_part_is_there() {
    let cohort = Cohort::of(&[A, B]);
    let expected = of_one_run(&cohort);
    cohort.run(&["--no-diffusion"]).ended(0);
    assert!(!cohort.path("data/processed/long/diffusion").exists());
    let second = cohort.run(&["--json"]).ended(0);
    assert_eq!((second.units("loaded"), second.units("skipped")), ([0, 2], [2, 0]));
    Store::read(&cohort.store()).assert_same(&expected);
}

#[test]
fn every_map_of_every_session_is_there_after_the_first_run() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&diffusion("NODDI", A.0, A.1, "isovf"), &tsv(3.0));
    cohort.write(&diffusion("NODDI", B.0, B.1, "late"), &tsv(4.0));
    assert!(!cohort.store().exists());
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    let mut params: Vec<(&str, &str)> = store
        .table(NODDI)
        .column("param")
        .into_iter()
        .zip(store.table(NODDI).column("subject_code"))
        .collect();
    params.sort_unstable();
    params.dedup();
    assert_eq!(
        params,
        [
            ("icvf", "0001"),
            ("icvf", "0002"),
            ("isovf", "0001"),
            ("late", "0002"),
            ("od", "0001"),
            ("od", "0002")
        ]
    );
    assert_eq!(store.table(NODDI).rows.len(), 6 * 4);
    assert_eq!(store.sessions_of("wide/diffusion/NODDI_noddi_late_mean.parquet"), ["0002/1"]);
}

#[test]
fn a_run_with_nothing_left_but_missing_sessions_is_done() {
    let cohort = Cohort::of(&[A]);
    cohort.list_of(&[A, B]);
    let words = ["Missing   2", "sub-0002/ses-1 anatomical", "sub-0002/ses-1 diffusion"];
    cohort.run(&[]).ended(0).says(&words);
    for _ in 0..2 {
        cohort.run(&[]).ended(0).says(&["Nothing to do"]).says(&words);
    }
    assert_eq!(cohort.standing("0002", "1", "anatomical").0, "missing");
    assert_eq!(Store::read(&cohort.store()).sessions_of("metadata.parquet"), ["0001/1"]);
}

#[test]
fn a_cohort_of_missing_sessions_alone_makes_no_store_and_changes_none() {
    let cohort = Cohort::empty();
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(1).says(&["nothing was found for any of 2 sessions", "looked in"]);
    assert!(!cohort.store().exists());
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    cohort.list_of(&[B, C]);
    cohort.run(&["--force"]).ended(1).says(&["nothing was found"]);
    Store::read(&cohort.store()).assert_same(&store);
    cohort.run(&[]).ended(0).says(&["Missing   4"]);
    cohort.run(&[]).ended(0).says(&["Missing   4"]);
}

#[test]
fn files_that_vanish_after_a_crash_leave_a_store_whose_tables_agree() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&[A, B]);
    cohort.run_stopped_at("metadata.parquet", &[]);
    for root in ["cat12", "parcellated/cat12", "parcellated/qsirecon-NODDI"] {
        cohort.remove(&format!("{root}/sub-0002"));
        cohort.remove(&format!("{root}/sub-0003"));
    }
    cohort.list_of(&[A, B, C]);
    cohort.run(&[]).ended(0).says(&["its files are gone", "Missing   2"]);
    let store = Store::read(&cohort.store());
    for table in [GM, NODDI, "tiv.parquet", "metadata.parquet", "wide/diffusion/NODDI_noddi_od_mean.parquet"]
    {
        let mut sessions = store.sessions_of(table);
        sessions.dedup();
        assert_eq!(sessions, ["0001/1", "0002/1"], "{table}");
    }
    assert_eq!(store.manifest["n_sessions"], 2);
}

//! Parts whose cache is gone, and caches whose parts are gone.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use support::cohort::{Cohort, anatomical, tsv};
use support::files::{copy, holding};
use support::sealing::{
    SEALED, SESSIONS, assert_whole, cohort_of, cut_short, list, parts, subject, unsealed,
};
use support::store::Store;

/// As somebody does who was told to move a damaged cache away.
fn move_cache_away(cohort: &Cohort) {
    for file in [".cache.db", ".cache.db-wal", ".cache.db-shm"] {
        let _ = fs::rename(cohort.store().join(file), cohort.path(file));
    }
}

#[test]
fn parts_without_their_cache_are_told_and_stay_until_somebody_withdraws() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    move_cache_away(&cohort);
    let before = parts(&store);
    let told = cohort.run(&["--sealed-at-once", "1"]).ended(0);
    let told = told.says(&["long/.sealed-", "long/diffusion/.sealed-"]);
    assert_eq!(told.stderr.matches("whose cache is gone").count(), 1, "{told:?}");
    assert_eq!(parts(&store), before);
    Store::read(&store).assert_same(&expected);
    cohort.write("withdrawn.txt", "0001\n");
    let ran = cohort.run(&["--withdrawn", "withdrawn.txt"]).ended(0);
    let ran = ran.says(&["deleted files of rows whose cache is gone"]);
    assert!(!ran.stderr.contains("bring back that cache"), "they are gone: {ran:?}");
    assert_eq!(parts(&store).len(), 0);
    // Nobody withdraws any more, and still nobody can tell whose rows these are.
    fs::write(store.join("long/.sealed-9"), "PAR1 rows").unwrap();
    fs::write(store.join("long/.sealed-8"), "mine").unwrap();
    fs::create_dir(store.join("long/.sealed-10")).unwrap();
    let ran = cohort.export_cache(&["--withdrawn", "withdrawn.txt"]).ended(0);
    ran.says(&["deleted files of rows whose cache is gone"]);
    assert_eq!(parts(&store), [store.join("long/.sealed-8")], "it is nobody's part");
    assert!(store.join("long/.sealed-10").is_dir());
}

/// Whoever moved their cache away and gives a wrong list can bring it back.
#[test]
fn a_withdrawal_that_is_refused_deletes_no_parts() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    let before = parts(&store);
    move_cache_away(&cohort);
    cohort.run(&[]).ended(0);
    let everybody: String = (0..SESSIONS).map(|place| subject(place) + "\n").collect();
    cohort.write("wrong.txt", &everybody);
    cohort.export_cache(&["--withdrawn", "wrong.txt"]).ended(1).says(&["--yes"]);
    assert_eq!(parts(&store), before);
    fs::rename(cohort.path(".cache.db"), store.join(".cache.db")).unwrap();
    cohort.run(&[]).ended(0);
    assert_whole(&cohort, &expected);
}

/// The same parts beside a cache that has others: only those of the first are nobody's.
#[test]
fn parts_of_a_cache_stay_beside_those_of_another_that_is_gone() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    let of_first = parts(&store);
    move_cache_away(&cohort);
    cut_short(&cohort, &[]);
    let told = cohort.run(&[]).ended(0).stderr;
    assert_eq!(parts(&store), of_first);
    let name = |path: &PathBuf| path.strip_prefix(&store).unwrap().display().to_string();
    assert!(of_first.iter().map(name).all(|name| told.contains(&name)), "{told}");
    Store::read(&store).assert_same(&expected);
}

/// A load with `--force` of changed files, stopped when some had replaced the store's, that then lost a part.
fn fresh_load_that_lost_rows(cohort: &Cohort) -> PathBuf {
    for place in 0..SESSIONS {
        cohort.write(&anatomical(&subject(place), "1", "GM"), &tsv(1.25));
    }
    let store = cohort.store();
    let run = || cohort.run(&[&SEALED[..], &["--force", "--compression", "none"]].concat()).ended(1);
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    run();
    cohort.let_exports_pass("long/anatomical_gm.parquet");
    // Units that are loaded now go to parts of their own, whose rows are copied.
    cohort.write(&anatomical("0004", "1", "GM"), &tsv(9.5));
    cohort.write(&anatomical("0005", "1", "GM"), &tsv(9.5));
    cohort.stop_exports_at("manifest.json");
    run();
    cohort.let_exports_pass("manifest.json");
    fs::remove_file(parts(&store).first().unwrap()).unwrap();
    store
}

/// The store has some files of both loads: nothing but the rest of the new one makes it whole.
#[test]
fn a_fresh_load_that_loses_rows_after_its_commit_began_is_loaded_to_its_end_again() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&["--compression", "none"]).ended(0);
    fresh_load_that_lost_rows(&cohort);
    for _ in 0..2 {
        cohort.export_cache(&[]).ended(1).says(&["run that load again"]);
        cohort.export_cache(&["--discard"]).ended(1).says(&["run that load again"]);
    }
    cohort.run(&["--compression", "none"]).ended(0).says(&["going on with the load that --force began"]);
    assert_whole(&cohort, &unsealed(&cohort));
}

/// Somebody withdraws before it is loaded to its end: what it lacks comes with the next load.
#[test]
fn whoever_withdraws_from_a_fresh_load_that_lost_rows_is_gone_and_the_others_come_back() {
    const GONE: &str = "WXQ77Z";
    let cohort = cohort_of(0..SESSIONS);
    cohort.add(GONE, "1");
    let names: Vec<String> = (0..SESSIONS).map(subject).chain([GONE.to_owned()]).collect();
    list(&cohort, &names);
    cohort.run(&["--compression", "none"]).ended(0);
    let store = fresh_load_that_lost_rows(&cohort);
    cohort.write("withdrawn.txt", &format!("{GONE}\n"));
    let ran = cohort.run(&["--withdrawn", "withdrawn.txt", "--compression", "none"]).ended(0);
    ran.says(&["these sessions are loaded again"]);
    assert_eq!(holding(&store, GONE.as_bytes()), [""; 0]);
    list(&cohort, &names[..SESSIONS]);
    let expected = unsealed(&cohort);
    let read = Store::read(&store);
    assert_eq!(
        read.table("wide/anatomical/gm_mean.parquet").rows,
        expected.table("wide/anatomical/gm_mean.parquet").rows
    );
    assert_eq!(parts(&store).len(), 0);
}

/// The table that a part became is replaced: the export that named it is finished first, and nothing is read again.
#[test]
fn a_withdrawal_after_a_part_became_its_table_lets_nobody_be_read_again() {
    const GONE: &str = "WXQ77Z";
    let cohort = cohort_of(0..SESSIONS);
    cut_short(&cohort, &[]);
    cohort.add(GONE, "1");
    cohort.add("newer", "1");
    let names = (0..SESSIONS).map(subject).chain([GONE, "newer"].map(str::to_owned));
    list(&cohort, &names.collect::<Vec<_>>());
    cohort.run_stopped_at("sources.parquet", &SEALED);
    cohort.write("withdrawn.txt", &format!("{GONE}\n"));
    cohort.export_cache(&["--withdrawn", "withdrawn.txt"]).ended(0);
    let ran = cohort.run(&["--withdrawn", "withdrawn.txt", "--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [0, 0], "{ran:?}");
}

/// Another load with `--force` would take away what has not replaced the store yet.
#[test]
fn a_fresh_load_whose_commit_began_is_finished_before_another_begins() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&[]).ended(0);
    let store = fresh_load_that_lost_rows(&cohort);
    let fewer: Vec<String> = (0..SESSIONS - 1).map(subject).collect();
    list(&cohort, &fewer);
    cohort.run(&["--force", "--yes"]).ended(1).says(&["run that load again"]);
    list(&cohort, &(0..SESSIONS).map(subject).collect::<Vec<_>>());
    cohort.run(&[]).ended(0);
    assert_whole(&cohort, &unsealed(&cohort));
    for place in 0..SESSIONS {
        cohort.write(&anatomical(&subject(place), "1", "WM"), &tsv(3.25));
    }
    cohort.run_stopped_at("manifest.json", &["--force"]);
    list(&cohort, &fewer);
    cohort.run(&["--force", "--yes"]).ended(0).says(&["beginning anew"]);
    assert_whole(&cohort, &unsealed(&cohort));
    assert!(store.join("manifest.json").exists());
}

/// The rows that the file of a long table has, whatever a reader would make of them.
fn rows(store: &Path, table: &str) -> i64 {
    let file = File::open(store.join(format!("long/{table}.parquet"))).unwrap();
    SerializedFileReader::new(file).unwrap().metadata().file_metadata().num_rows()
}

/// Runs a command that takes something out of the store, and leaves what it would if it was killed between its renames, which come in
/// the order of the paths.
fn stop_between_renames(cohort: &Cohort, arguments: &[&str]) {
    let (store, before) = (cohort.store(), cohort.path("before"));
    fs::rename(&store, &before).unwrap();
    copy(&before, &store);
    cohort.run_stopped_at("manifest.json", arguments);
    fs::remove_dir_all(store.join("wide")).unwrap();
    for later in ["long/anatomical_wm.parquet", "long/diffusion/NODDI.parquet", "sources.parquet", "wide"] {
        fs::rename(before.join(later), store.join(later)).unwrap();
    }
    assert!(rows(&store, "anatomical_ct") < rows(&store, "anatomical_wm"));
}

/// Whatever comes next finishes what has left a part of the store, or refuses: nobody is left with files of both.
#[test]
fn a_commit_that_has_begun_is_not_forgotten_by_a_load_with_force() {
    let fewer: Vec<String> = (0..SESSIONS / 2).map(subject).collect();
    let all: Vec<String> = (0..SESSIONS).map(subject).collect();
    for way in [&["--force", "--yes"][..], &["--prune-unlisted", "--yes"]] {
        let cohort = cohort_of(0..SESSIONS);
        let expected = unsealed(&cohort);
        cohort.run(&[]).ended(0);
        list(&cohort, &fewer);
        stop_between_renames(&cohort, way);
        list(&cohort, &all);
        // A load that replaces nothing, as it would let go of somebody.
        let broken = anatomical("0001", "1", "GM");
        let whole = fs::read_to_string(cohort.path(&broken)).unwrap();
        cohort.write(&broken, "index\tlabel\n1\n");
        cohort.run(&["--force"]).ended(3);
        let found =
            ["anatomical_gm", "anatomical_wm", "anatomical_ct"].map(|table| rows(&cohort.store(), table));
        assert_eq!(found, [found[0]; 3], "{way:?}");
        cohort.write(&broken, &whole);
        cohort.run(&[]).ended(0);
        assert_whole(&cohort, &expected);
    }
}

/// The load that is to make it whole is cut short, too.
#[test]
fn a_fresh_load_that_lost_rows_is_not_discarded_however_often_it_is_cut_short() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&["--compression", "none"]).ended(0);
    fresh_load_that_lost_rows(&cohort);
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    cohort.run(&["--compression", "none"]).ended(1);
    cohort.export_cache(&["--discard"]).ended(1).says(&["run that load again"]);
    cohort.let_exports_pass("long/anatomical_gm.parquet");
    cohort.run(&["--compression", "none"]).ended(0);
    assert_whole(&cohort, &unsealed(&cohort));
}

#[test]
fn a_folder_in_the_place_of_a_part_is_a_part_that_is_lost() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    let first = parts(&store).swap_remove(0);
    fs::remove_file(&first).unwrap();
    // Its size is as large as that of the part.
    for file in 0..400 {
        let path = first.join(format!("{file:0100}"));
        fs::create_dir_all(path).unwrap();
    }
    cohort.run(&[]).ended(0).says(&["these sessions are loaded again"]);
    assert!(first.is_dir());
    fs::remove_dir_all(&first).unwrap();
    assert_whole(&cohort, &expected);
}

//! What earlier versions wrote is read: `tests/fixtures/README.md` says which file is of which version.

mod support;

use support::files::{Bytes, copy, fixture, holding};

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use na_store::{FeatureStore, ReadOptions};
use rusqlite::Connection;
use support::Ran;
use support::cohort::Cohort;
use support::store::Store;
use tempfile::TempDir;

/// A cohort as version 0.1.0 found it, with the store (schema 2.0 of the manifest, sources without roots) that it made.
fn written_by_0_1_0() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("cohort/0.1.0"), folder.path());
    copy(&fixture("store/0.1.0"), &folder.path().join("store"));
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    Ran::of(support::preprocess(folder).args(arguments).output().unwrap())
}

/// The store that today's version makes of the same files.
fn fresh(folder: &Path) -> Store {
    run(folder, &["-o", "fresh", "--keep-column", "DoB"]).ended(0);
    Store::read(&folder.join("fresh"))
}

/// In the store's place the cache that a version left when it was killed before the export.
fn with_cache(folder: &Path, schema: i64) {
    fs::remove_dir_all(folder.join("store")).unwrap();
    fs::create_dir(folder.join("store")).unwrap();
    let cache = fixture(&format!("cache/schema-{schema}")).join("cache.db");
    fs::copy(cache, folder.join("store/.cache.db")).unwrap();
    let parts = fixture(&format!("cache/schema-{schema}")).join("long");
    if parts.exists() {
        copy(&parts, &folder.join("store/long"));
    }
}

/// Fails the test where tables differ, with the first row that does. Later versions add columns to `sources.parquet`.
#[track_caller]
fn assert_same_tables(one: &Store, other: &Store) {
    assert_eq!(one.tables.keys().collect::<Vec<_>>(), other.tables.keys().collect::<Vec<_>>());
    for (name, table) in one.tables.iter().filter(|(name, _)| *name != "sources.parquet") {
        let there = &other.tables[name];
        assert_eq!((&table.columns, &table.types), (&there.columns, &there.types), "{name}");
        assert_eq!(table.rows.len(), there.rows.len(), "{name}");
        table.rows.iter().zip(&there.rows).for_each(|(here, there)| assert_eq!(here, there, "{name}"));
    }
}

/// The first that left a file, and the last before today's.
const FIRST_SCHEMA: i64 = 2;
const LAST_SCHEMA: i64 = 5;

#[test]
fn every_schema_of_the_cache_before_todays_has_its_file() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.run(&["--keep-cache"]).ended(0);
    let schema_of = |path: &Path| -> i64 {
        let cache = Connection::open(path).unwrap();
        cache.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(schema_of(&cohort.store().join(".cache.db")), LAST_SCHEMA + 1);
    for schema in FIRST_SCHEMA..=LAST_SCHEMA {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        fs::copy(fixture(&format!("cache/schema-{schema}")).join("cache.db"), &path).unwrap();
        assert_eq!(schema_of(&path), schema);
    }
}

#[test]
fn a_store_of_0_1_0_is_read_and_has_nothing_to_load() {
    let folder = written_by_0_1_0();
    let path = folder.path().join("store");
    let batch = FeatureStore::open(&path)
        .unwrap()
        .feature_batch("gm_mean", &ReadOptions::default().with_tiv())
        .unwrap();
    assert_eq!(batch.num_rows(), 3);
    let before = Store::read(&path);
    let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [3, 2]));
    assert_same_tables(&Store::read(&path), &before);
    assert_same_tables(&before, &fresh(folder.path()));
}

#[test]
fn a_changed_file_is_merged_into_a_store_of_0_1_0() {
    let folder = written_by_0_1_0();
    let table = folder.path().join(
        "parcellated/cat12/sub-7/ses-1/anat/atlas-4S456Parcels/sub-7_ses-1_atlas-4S456Parcels_tissue-GM_parc.tsv",
    );
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("\t10\t", "\t77\t")).unwrap();
    let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [1, 0]);
    assert_same_tables(&Store::read(&folder.path().join("store")), &fresh(folder.path()));
}

#[test]
fn a_cache_of_an_earlier_schema_is_looked_at_read_resumed_and_exported() {
    for schema in FIRST_SCHEMA..=LAST_SCHEMA {
        let folder = written_by_0_1_0();
        with_cache(folder.path(), schema);
        let path = folder.path().join("store");
        let status =
            || Ran::of(support::export_cache(folder.path()).args(["store", "--status"]).output().unwrap());
        status().ended(0).says(&["Anatomical sessions: 3", "Diffusion sessions: 2"]);
        let batch = FeatureStore::open(&path)
            .unwrap()
            .feature_batch("gm_mean", &ReadOptions::default().with_tiv())
            .unwrap();
        assert_eq!(batch.num_rows(), 3);
        let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
        assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [3, 2]));
        assert_same_tables(&Store::read(&path), &fresh(folder.path()));
    }
}

#[test]
fn a_cache_of_an_earlier_schema_is_exported_by_itself() {
    for schema in FIRST_SCHEMA..=LAST_SCHEMA {
        let folder = written_by_0_1_0();
        with_cache(folder.path(), schema);
        Ran::of(support::export_cache(folder.path()).arg("store").output().unwrap()).ended(0);
        let path = folder.path().join("store");
        assert!(!path.join(".cache.db").exists());
        assert_same_tables(&Store::read(&path), &fresh(folder.path()));
    }
}

/// In the store's place the segment that a version's task published, with the whole list and its outcomes.
fn with_segment(folder: &Path, schema: i64) {
    fs::remove_dir_all(folder.join("store")).unwrap();
    copy(&fixture(&format!("segments/schema-{schema}")), &folder.join("store/.segments"));
}

#[test]
fn a_segment_of_an_earlier_schema_is_read_merged_and_withdrawn_from() {
    let folder = written_by_0_1_0();
    with_segment(folder.path(), LAST_SCHEMA);
    let path = folder.path().join("store");
    let batch = FeatureStore::open(&path).unwrap().feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    assert_eq!(batch.num_rows(), 3);
    Ran::of(support::export_cache(folder.path()).arg("store").output().unwrap()).ended(0);
    assert_same_tables(&Store::read(&path), &fresh(folder.path()));
    with_segment(folder.path(), LAST_SCHEMA);
    fs::write(folder.path().join("withdrawn.txt"), "CLMC-10\n").unwrap();
    let withdraw = ["store", "--withdrawn", "withdrawn.txt", "--yes"];
    Ran::of(support::export_cache(folder.path()).args(withdraw).output().unwrap()).ended(0);
    let subjects = Store::read(&path).sessions_of("long/anatomical_gm.parquet");
    assert_eq!(BTreeSet::from_iter(subjects), ["0007/1", "0042/∅"].map(str::to_owned).into());
    assert_gone(&path, &["CLMC_10", "202407110849"]);
    let told = fs::read_to_string(path.join("sessions.tsv")).unwrap();
    assert!(told.contains("0042\tn/a\tdiffusion\tmissing"), "{told}");
}

/// A list without the person of 0042, and without the columns that tell who somebody is.
fn list_of_today(folder: &Path) {
    fs::write(
        folder.join("sessions.csv"),
        "subject_code,session_id,AGE,sex,site,score\n7,1,30.5,F,a,1\nCLMC-10,202407110849.0,41,M,b,2\n",
    )
    .unwrap();
}

/// The name of a column as Parquet's footer writes it, behind its length, and as JSON does: the schema's Base64 beside it
/// may have any three letters by chance.
const NAME: [&str; 2] = ["\u{3}DoB", "\"DoB\""];
const BIRTHDAYS: [&str; 3] = ["1990-01-02", "1980-03-04", "1991-05-06"];

#[track_caller]
fn assert_gone(store: &Path, words: &[&str]) {
    for word in words {
        assert_eq!(holding(store, word.as_bytes()), [""; 0], "{word}");
    }
}

#[test]
fn a_column_that_tells_who_somebody_is_leaves_a_store_of_yesterday_with_all_its_values() {
    let folder = written_by_0_1_0();
    let store = folder.path().join("store");
    // As bytes, values are seen where nothing is compressed. The manifest tells of the run's arguments, of which the name is a part.
    run(folder.path(), &["-o", "store", "--keep-column=DoB", "--compression", "none", "--reload"]).ended(0);
    assert!([NAME[0], BIRTHDAYS[2]].iter().all(|words| holding(&store, words.as_bytes()).len() > 3));
    list_of_today(folder.path());
    run(folder.path(), &["-o", "store", "--compression", "none"]).ended(0).says(&["DoB leaves the store"]);
    assert_gone(&store, &NAME);
    assert_gone(&store, &BIRTHDAYS);
    // Whoever is not listed stays, with all else that was known.
    let read = Store::read(&store);
    assert_eq!(read.by_session("metadata.parquet", "AGE").len(), 3);
    assert!(
        read.sessions_of("long/anatomical_gm.parquet").iter().any(|session| session.starts_with("0042/"))
    );
}

#[test]
fn a_column_that_is_not_chosen_leaves_a_store_of_yesterday_with_all_its_values() {
    let folder = written_by_0_1_0();
    let store = folder.path().join("store");
    let with_words =
        fs::read_to_string(folder.path().join("sessions.csv")).unwrap().replace(",a,", ",Rotterdam,");
    fs::write(folder.path().join("sessions.csv"), with_words).unwrap();
    run(folder.path(), &["-o", "store", "--compression", "none", "--reload"]).ended(0);
    assert!(holding(&store, "Rotterdam".as_bytes()).len() > 3);
    list_of_today(folder.path());
    let chosen = ["-o", "store", "--compression", "none", "--metadata-columns", "AGE,sex"];
    run(folder.path(), &chosen).ended(0).says(&["site leaves the store", "score leaves the store"]);
    assert_gone(&store, &["Rotterdam"]);
    // The report has the word for its own.
    let with_score = holding(&store, b"score");
    assert!(with_score.iter().all(|file| file == "report.html"), "{with_score:?}");
    let columns = Store::read(&store).table("metadata.parquet").columns.clone();
    assert_eq!(columns, ["subject_code", "session_id", "AGE", "sex"]);
}

#[test]
fn a_column_that_tells_who_somebody_is_leaves_with_the_cache_of_yesterday() {
    let folder = written_by_0_1_0();
    with_cache(folder.path(), FIRST_SCHEMA);
    list_of_today(folder.path());
    let store = folder.path().join("store");
    run(folder.path(), &["-o", "store", "--compression", "none"]).ended(0);
    assert_gone(&store, &NAME);
    assert_gone(&store, &BIRTHDAYS);
    assert!(holding(&store, "CLMC_10".as_bytes()).len() > 3);
}

#[test]
fn what_is_not_chosen_or_archived_stays_in_a_store_of_0_1_0_until_it_is_pruned() {
    let folder = written_by_0_1_0();
    let path = folder.path().join("store");
    let before = Store::read(&path);
    let archived = folder.path().join("parcellated/cat12/sub-0042");
    fs::rename(archived, folder.path().join("archive")).unwrap();
    run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--no-ct", "--reload"]).ended(0);
    let after = Store::read(&path);
    for table in ["gm", "wm", "ct"].map(|tissue| format!("long/anatomical_{tissue}.parquet")) {
        if before.tables.contains_key(&table) {
            assert_eq!(after.table(&table).rows, before.table(&table).rows, "{table}");
        }
    }
    assert!(after.sessions.iter().any(|line| line.starts_with("0042\t") && line.contains("kept: ")));
    run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--prune", "--yes"]).ended(0);
    assert!(
        !Store::read(&path).sessions_of("long/anatomical_gm.parquet").iter().any(|of| of.starts_with("0042"))
    );
}

#[test]
fn whoever_is_not_listed_or_withdraws_leaves_a_store_of_0_1_0() {
    let folder = written_by_0_1_0();
    let store = folder.path().join("store");
    list_of_today(folder.path());
    run(folder.path(), &["-o", "store", "--prune-unlisted", "--yes", "--compression", "none"]).ended(0);
    assert_gone(&store, &["sub-0042"]);
    let without = |subject| {
        let tables = Store::read(&store).tables.into_values();
        tables.for_each(|table| assert!(!table.column("subject_code").contains(&subject)));
    };
    without("0042");
    fs::write(folder.path().join("withdrawn.txt"), "CLMC-10\n").unwrap();
    run(folder.path(), &["-o", "store", "--withdrawn", "withdrawn.txt", "--compression", "none"]).ended(0);
    assert_gone(&store, &["CLMC_10", "202407110849"]);
    without("0042");
    assert_eq!(Store::read(&store).by_session("metadata.parquet", "AGE").len(), 1);
}

#[test]
fn a_store_of_0_1_0_is_verified_and_looked_at_without_a_change_and_replaced_by_force() {
    let folder = written_by_0_1_0();
    let store = folder.path().join("store");
    let before = Bytes::of(&store);
    let look = |arguments: &[&str]| {
        Ran::of(support::export_cache(folder.path()).arg("store").args(arguments).output().unwrap())
    };
    look(&["--verify"]).ended(0);
    run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--dry-run"]).ended(0);
    assert_eq!(Bytes::of(&store), before);
    run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--force"]).ended(0);
    assert_same_tables(&Store::read(&store), &fresh(folder.path()));
    look(&["--verify"]).ended(0);
}

#[test]
fn a_store_with_hashes_of_whole_files_is_verified_and_grows() {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("cohort/0.1.0"), folder.path());
    copy(&fixture("store/whole-hashes"), &folder.path().join("store"));
    let verify =
        || Ran::of(support::export_cache(folder.path()).args(["store", "--verify"]).output().unwrap());
    verify().ended(0);
    let feature = folder.path().join("store/wide/anatomical/gm_mean.parquet");
    let whole = fs::read(&feature).unwrap();
    let mut damaged = whole.clone();
    damaged[10] ^= 1;
    fs::write(&feature, damaged).unwrap();
    verify().ended(3).says(&["gm_mean.parquet", "not what was written"]);
    fs::write(&feature, whole).unwrap();
    let table = folder.path().join(
        "parcellated/cat12/sub-7/ses-1/anat/atlas-4S456Parcels/sub-7_ses-1_atlas-4S456Parcels_tissue-GM_parc.tsv",
    );
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("\t10\t", "\t77\t")).unwrap();
    run(folder.path(), &["-o", "store", "--keep-column", "DoB"]).ended(0);
    assert_same_tables(&Store::read(&folder.path().join("store")), &fresh(folder.path()));
    verify().ended(0);
}

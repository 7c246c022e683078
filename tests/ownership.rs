//! Only what is the store's own is overwritten or deleted: what a user put into the output folder, or made a link to,
//! is refused where a file of the store is to be, and left alone everywhere else.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use support::cohort::Cohort;
use support::files::contents_below;
use support::own_files::own_table;
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

/// Ways to run that may write.
const RUNS: [&[&str]; 3] = [&[], &["--force"], &["--dry-run"]];

/// Runs in each way, which must be refused with these words and change nothing below the cohort's folder.
#[track_caller]
fn is_refused(cohort: &Cohort, arguments: &[&str], words: &[&str]) {
    let before = contents_below(cohort.root());
    for run in RUNS {
        let arguments: Vec<&str> = run.iter().chain(arguments).copied().collect();
        cohort.run(&arguments).ended(1).says(words);
        let changed: Vec<_> = contents_below(cohort.root())
            .into_iter()
            .filter(|(path, bytes)| before.get(path) != Some(bytes))
            .collect();
        assert!(
            changed.is_empty() && contents_below(cohort.root()).len() == before.len(),
            "{arguments:?}: {changed:?}"
        );
    }
}

/// A cohort whose list is a TSV in the output folder.
fn list_in_output() -> Cohort {
    let cohort = Cohort::of(&[A]);
    cohort.write("data/processed/sessions.tsv", "participant_id\tsession_id\tscore\n0001\t1\t17\n");
    cohort
}

#[test]
fn a_session_list_where_the_store_is_written_is_refused_however_it_is_spelled() {
    let cohort = list_in_output();
    let absolute = cohort.store().join("sessions.tsv");
    symlink("data/processed/sessions.tsv", cohort.path("list.tsv")).unwrap();
    symlink("data", cohort.path("link")).unwrap();
    for spelling in [
        "data/processed/sessions.tsv",
        "data/processed/../processed/sessions.tsv",
        absolute.to_str().unwrap(),
        "list.tsv",
        "link/processed/sessions.tsv",
    ] {
        is_refused(&cohort, &["--sessions", spelling], &["the session list", "--output"]);
        is_refused(&cohort, &["--sessions", spelling, "-o", "link/processed"], &["the session list"]);
    }
    cohort.run(&["--sessions", "list.tsv", "-o", "elsewhere"]).ended(0);
}

#[test]
fn a_session_list_that_lies_in_the_output_as_anything_else_is_read() {
    let cohort = list_in_output();
    fs::rename(cohort.store().join("sessions.tsv"), cohort.store().join("my_list.tsv")).unwrap();
    let list = fs::read(cohort.store().join("my_list.tsv")).unwrap();
    for run in [&[][..], &["--force"]] {
        cohort.run(&[run, &["--sessions", "data/processed/my_list.tsv"]].concat()).ended(0);
        assert_eq!(fs::read(cohort.store().join("my_list.tsv")).unwrap(), list);
    }
}

#[test]
fn the_store_s_own_sessions_tsv_is_no_session_list_either() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    is_refused(&cohort, &["--sessions", "data/processed/sessions.tsv"], &["the session list"]);
}

#[test]
fn a_log_or_a_settings_file_where_the_store_is_written_is_refused() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["--keep-cache"]).ended(0);
    for place in ["sessions.tsv", "manifest.json", ".cache.db", ".cache.lock", "long/anatomical_gm.parquet"] {
        let place = format!("data/processed/{place}");
        is_refused(&cohort, &["--log-file", &place], &["--log-file"]);
        is_refused(&cohort, &["--env-file", &place], &["--env-file"]);
        let before = contents_below(cohort.root());
        cohort.export_cache(&["--log-file", &place]).ended(1).says(&["--log-file"]);
        assert!(contents_below(cohort.root()) == before, "{place}");
    }
    cohort.run(&["--log-file", "not_yet/there/tiv.parquet", "-o", "not_yet/there"]).ended(1);
    assert!(!cohort.path("not_yet").exists());
    cohort.run(&["--log-file", "data/processed/run.log"]).ended(0);
}

#[test]
fn a_file_of_the_user_s_where_the_store_would_write_is_refused_before_anything_is_touched() {
    for place in [
        "sessions.tsv",
        "manifest.json",
        "metadata.parquet",
        "sources.parquet",
        "tiv.parquet",
        "wide/anatomical/tiv.parquet",
        "long/anatomical_wm.parquet",
        "long/diffusion/NODDI.parquet",
        "wide/anatomical/gm_mean.parquet",
        "wide/diffusion/NODDI_noddi_icvf_mean.parquet",
        ".cache.lock",
        ".cache.db",
    ] {
        let cohort = Cohort::of(&[A]);
        let path = cohort.store().join(place);
        match path.extension().unwrap().to_str().unwrap() {
            "parquet" => own_table(&path),
            "json" => cohort.write(&format!("data/processed/{place}"), "{\"name\": \"app\", \"icons\": []}"),
            _ => cohort.write(&format!("data/processed/{place}"), "my notes, which nobody else has\n"),
        }
        let before = contents_below(cohort.root());
        for run in RUNS {
            // Nobody locks anything on a dry run.
            if (place, run) == (".cache.lock", RUNS[2]) {
                continue;
            }
            cohort.run(run).ended(1).says(&[place, "move it away"]);
            assert!(contents_below(cohort.root()) == before, "{place} {run:?}");
        }
        fs::remove_file(path).unwrap();
        cohort.run(&[]).ended(0);
    }
}

#[test]
fn a_database_of_another_program_is_not_taken_for_a_cache() {
    let cohort = Cohort::of(&[A]);
    fs::create_dir_all(cohort.store()).unwrap();
    let other = rusqlite::Connection::open(cohort.store().join(".cache.db")).unwrap();
    other.execute_batch("CREATE TABLE notes (text); PRAGMA user_version = 3").unwrap();
    drop(other);
    is_refused(&cohort, &[], &[".cache.db", "move it away"]);
    let before = contents_below(cohort.root());
    cohort.export_cache(&[]).ended(1).says(&[".cache.db", "move it away"]);
    assert!(contents_below(cohort.root()) == before);
}

#[test]
fn tables_and_notes_of_the_user_s_beside_the_store_s_are_left_alone() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "plain"]).ended(0);
    let own = ["long/diffusion/notes.parquet", "long/mine.parquet", "wide/anatomical/gm_mine.parquet"];
    own.iter().for_each(|place| own_table(&cohort.store().join(place)));
    cohort.write("data/processed/wide/notes.txt", "mine");
    cohort.write("data/processed/wide/diffusion/notes.txt", "mine");
    let before = contents_below(&cohort.store());
    let are_left_alone = || {
        let now = contents_below(&cohort.store());
        before.iter().filter(|(path, _)| path.is_file()).all(|(path, bytes)| now.get(path) == Some(bytes))
    };
    for run in [&[][..], &["--force"], &[]] {
        cohort.run(run).ended(0);
        assert!(are_left_alone());
        for place in own.iter().chain(&["wide/notes.txt", "wide/diffusion/notes.txt"]) {
            fs::rename(cohort.store().join(place), cohort.path(&place.replace('/', "+"))).unwrap();
        }
        Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("plain")));
        for place in own.iter().chain(&["wide/notes.txt", "wide/diffusion/notes.txt"]) {
            fs::rename(cohort.path(&place.replace('/', "+")), cohort.store().join(place)).unwrap();
        }
        let store = na_store::FeatureStore::open(cohort.store()).unwrap();
        let tables = ["anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_NODDI"];
        assert_eq!(store.list_long_formats().unwrap(), tables);
    }
    // Features that nothing gives any more go, and the user's tables stay.
    cohort.run(&["--wide-metrics", "std"]).ended(0);
    assert!(are_left_alone() && !cohort.store().join("wide/anatomical/gm_mean.parquet").exists());
    cohort.run(&["--wide-metrics", "std"]).ended(0).says(&["Nothing to do"]);
    // A workflow of the name of the user's table is another matter.
    cohort.write(&support::cohort::diffusion("notes", A.0, A.1, "x"), &support::cohort::tsv(1.0));
    is_refused(&cohort, &[], &["long/diffusion/notes.parquet", "move it away"]);
}

#[test]
fn a_link_is_never_written_through() {
    let places = [
        "manifest.json",
        "sessions.tsv",
        "long/anatomical_gm.parquet",
        "wide/anatomical/gm_mean.parquet",
        ".partial-manifest.json",
        "long/.partial-anatomical_gm.parquet",
        "long/.partial-X",
    ];
    for place in places {
        for run in [&[][..], &["--force"]] {
            let cohort = Cohort::of(&[A]);
            cohort.write("mine", "nobody but me writes here");
            let path = cohort.store().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(cohort.path("mine"), &path).unwrap();
            cohort.run(run).ended(0);
            assert_eq!(
                fs::read_to_string(cohort.path("mine")).unwrap(),
                "nobody but me writes here",
                "{place}"
            );
            assert!(!path.is_symlink(), "{place} {run:?}");
            cohort.run(&["-o", "plain"]).ended(0);
            Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("plain")));
        }
    }
}

#[test]
fn a_link_in_the_place_of_the_cache_or_its_lock_is_refused() {
    for (place, target) in
        [(".cache.lock", "mine"), (".cache.lock", "nothing"), (".cache.db", "mine"), (".cache.db", "nothing")]
    {
        let cohort = Cohort::of(&[A]);
        cohort.write("mine", "nobody but me writes here");
        fs::create_dir_all(cohort.store()).unwrap();
        symlink(cohort.path(target), cohort.store().join(place)).unwrap();
        let before = contents_below(cohort.root());
        for run in [&[][..], &["--force"]] {
            cohort.run(run).ended(1).says(&[place, "is a link"]);
            assert!(contents_below(cohort.root()) == before, "{place} to {target}");
        }
    }
}

#[test]
fn a_store_whose_manifest_has_another_version_is_refused_whole() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["--keep-cache"]).ended(0);
    let manifest = cohort.store().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"2.0\"", "\"3.0\"", 1)).unwrap();
    cohort.add(B.0, B.1);
    cohort.list_of(&[A, B]);
    is_refused(&cohort, &[], &["manifest.json", "version 3.0", "--output"]);
    let before = contents_below(&cohort.store());
    cohort.export_cache(&[]).ended(1).says(&["version 3.0"]);
    let store = na_store::FeatureStore::open(cohort.store()).unwrap();
    let error = store.load_feature("gm_mean", &na_store::ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("version 3.0"), "{error}");
    let after = contents_below(&cohort.store());
    let of_readers = |path: &Path| path.extension().is_some_and(|end| end == "db-shm" || end == "db-wal");
    assert!(before.iter().all(|(path, bytes)| of_readers(path) || after.get(path) == Some(bytes)));
}

#[test]
fn what_a_killed_run_left_of_its_own_goes_with_the_next() {
    let cohort = Cohort::of(&[A]);
    for left in [
        ".partial-manifest.json",
        "long/.partial-anatomical_gm.parquet",
        "wide/anatomical/.partial-gm_mean.parquet",
        ".cache-taken-over.db",
        ".cache-taken-over.db-wal",
    ] {
        cohort.write(&format!("data/processed/{left}"), "half of it");
    }
    for run in [&[][..], &["--force"]] {
        cohort.run(run).ended(0);
        let left: Vec<_> = contents_below(&cohort.store()).into_keys().collect();
        let is_left = |path: &&PathBuf| path.file_name().unwrap().as_encoded_bytes().starts_with(b".");
        assert_eq!(left.iter().filter(is_left).count(), 0, "{left:?}");
        cohort.write("data/processed/wide/anatomical/.partial-gm_mean.parquet", "half of it");
        cohort.write("data/processed/.cache-taken-over.db", "half of it");
    }
}

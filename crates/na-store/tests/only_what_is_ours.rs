//! Nothing is overwritten, deleted or read as a table but what is the store's: files with its mark, and those that its
//! manifest names.

#[path = "../../../tests/support/files.rs"]
mod files;
#[path = "../../../tests/support/own_files.rs"]
mod own_files;
mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use files::contents_below;
use na_cache::{OwnedCache, OwnerLock, RunRecord};
use na_model::{Modality, TableKind, TableName, WideMetrics};
use na_store::{
    CacheExport, ExistingStore, ExportRequest, FeatureStore, ReadOptions, StoreError, Unobserved,
    export_cache,
};
use own_files::own_table;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{commit, load, record, unit};
use tempfile::TempDir;

/// Every file below a folder with its bytes, and every link with what it leads to. Who only reads a cache makes files
/// beside it.
fn all_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = contents_below(folder);
    all.retain(|path, _| !path.extension().is_some_and(|end| end == "db-shm" || end == "db-wal"));
    all
}

fn own_file(path: &Path) {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => own_table(path),
        Some("json") => fs::write(path, "{\"name\": \"my application\", \"icons\": []}").unwrap(),
        _ => fs::write(path, "subject_code\tsession_id\n1\t1\n").unwrap(),
    }
}

/// An output with a cache of a session.
fn cached(output: &Path, subject: &str) {
    let lock = OwnerLock::acquire(output).unwrap();
    let units = Modality::ALL.map(|modality| unit(subject, modality, 3.0));
    drop(commit(&lock, &record(&["1", "2", "3"]), units.into()));
}

fn stored() -> TempDir {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    load(&lock, &record(&["1"]), Modality::ALL.map(|modality| unit("1", modality, 3.0)).into());
    drop(lock);
    output
}

fn export(output: &Path) -> Result<(), StoreError> {
    export_cache(output, &CacheExport::default(), &Unobserved).map(drop)
}

fn check_output(output: &Path) -> Result<(), StoreError> {
    ExistingStore::open(output)?.check()
}

/// Puts what the cache holds in the place of the whole store.
fn begin_anew(output: &Path) -> Result<(), StoreError> {
    let lock = OwnerLock::acquire(output).unwrap();
    check_output(output)?;
    let cache = OwnedCache::open_or_create(&lock)?;
    let record = RunRecord { fresh: true, ..record(&["1", "2", "3"]) };
    na_store::export(
        &lock,
        &ExistingStore::open(lock.output())?,
        cache,
        &ExportRequest::new(record),
        &Unobserved,
    )
    .map(drop)
}

/// The long tables of the store.
const TABLES: [&str; 3] = ["anatomical_gm", "anatomical_ct", "diffusion_NODDI"];

/// Places that every store writes, and two of this one's.
const PLACES: [&str; 8] = [
    "manifest.json",
    "metadata.parquet",
    "sources.parquet",
    "tiv.parquet",
    "sessions.tsv",
    "wide/anatomical/tiv.parquet",
    "long/diffusion/NODDI.parquet",
    "wide/anatomical/gm_mean.parquet",
];

#[test]
fn a_file_of_somebody_else_where_the_store_would_write_is_refused_before_anything_is_touched() {
    for place in PLACES {
        let output = tempfile::tempdir().unwrap();
        own_file(&output.path().join("notes.json"));
        fs::create_dir_all(output.path().join("wide/anatomical")).unwrap();
        own_file(&output.path().join(place));
        cached(output.path(), "1");
        let before = all_of(output.path());
        let is_table = place.contains('/') && !place.ends_with("tiv.parquet");
        let mut errors = vec![export(output.path()).unwrap_err()];
        if is_table {
            let tables = ["anatomical_gm", "diffusion_NODDI"].map(|name| {
                let table = TableName::parse(name).unwrap();
                (table.clone(), TableKind::of_parcellate(&table))
            });
            let checked = ExistingStore::open(output.path())
                .unwrap()
                .check_tables(&tables.into(), &WideMetrics::Default);
            errors.push(checked.unwrap_err());
        } else {
            errors.push(check_output(output.path()).unwrap_err());
            errors.push(begin_anew(output.path()).unwrap_err());
        }
        for error in errors {
            assert!(
                matches!(&error, StoreError::Foreign { path } if path.ends_with(place)),
                "{place}: {error}"
            );
            let text = error.to_string();
            assert!(text.contains("move it away") && text.contains("--output"), "{text}");
        }
        let (mut after, mut before) = (all_of(output.path()), before);
        if is_table {
            // Which tables are going to be written, the cache says, and who opens it to write leaves it other bytes.
            for files in [&mut after, &mut before] {
                files.remove(&output.path().join(".cache.db")).unwrap();
            }
        }
        assert!(after == before, "{place}");
        fs::remove_file(output.path().join(place)).unwrap();
        export(output.path()).unwrap();
    }
}

#[test]
fn a_folder_at_a_file_s_place_is_refused_too() {
    for place in ["manifest.json", "sessions.tsv", "tiv.parquet"] {
        let output = tempfile::tempdir().unwrap();
        fs::create_dir(output.path().join(place)).unwrap();
        assert!(matches!(check_output(output.path()), Err(StoreError::Foreign { .. })), "{place}");
    }
}

#[test]
fn files_of_somebody_else_at_other_places_are_left_alone_and_are_no_tables() {
    let output = stored();
    let own = [
        "long/notes.parquet",
        "long/anatomical_wm.parquet",
        "long/diffusion/notes.parquet",
        "wide/anatomical/mine.parquet",
        "wide/anatomical/wm_mean.parquet",
        "wide/diffusion/NODDI_mine.parquet",
    ];
    own.iter().for_each(|place| own_table(&output.path().join(place)));
    fs::write(output.path().join("wide/notes.txt"), "mine").unwrap();
    // Nobody can read this one, and nobody says that it is the store's.
    fs::write(output.path().join("long/diffusion/broken.parquet"), "PAR1 and then nothing").unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    let check = |is_exported: bool| {
        assert_eq!(store.list_long_formats().unwrap(), TABLES);
        let features = store.list_features(None).unwrap();
        assert!(
            features.iter().all(|name| !name.contains("mine") && !name.starts_with("wm")),
            "{features:?}"
        );
        let error = store.scan_long("diffusion_notes").err().unwrap();
        assert!(matches!(error, StoreError::UnknownName { .. }), "{error}");
        assert!(store.scan_long("anatomical_wm").is_err());
        let rows = store.feature_batch("gm_mean", &ReadOptions::default().with_tiv()).unwrap().num_rows();
        assert_eq!(rows, if is_exported { 2 } else { 1 });
    };
    check(false);
    let bytes = || own.map(|place| fs::read(output.path().join(place)).unwrap());
    let before = bytes();
    cached(output.path(), "2");
    export(output.path()).unwrap();
    check(true);
    assert!(bytes() == before);
    // Beginning anew takes the store's files alone.
    cached(output.path(), "3");
    begin_anew(output.path()).unwrap();
    assert!(bytes() == before);
    assert_eq!(fs::read_to_string(output.path().join("wide/notes.txt")).unwrap(), "mine");
    let rows = |feature| store.feature_batch(feature, &ReadOptions::default()).unwrap().num_rows();
    assert_eq!(rows("gm_mean"), 1);
}

#[test]
fn a_copy_of_a_file_of_the_store_is_whose_who_made_it() {
    let output = stored();
    let path = |name: &str| output.path().join(name);
    let copies = [
        ("long/diffusion/NODDI.parquet", "long/diffusion/NODDI_before.parquet"),
        ("wide/anatomical/gm_mean.parquet", "wide/anatomical/gm_mean_before.parquet"),
    ];
    for (from, to) in copies {
        fs::copy(path(from), path(to)).unwrap();
    }
    let before = copies.map(|(_, copy)| fs::read(path(copy)).unwrap());
    for manifest in [true, false] {
        if !manifest {
            fs::remove_file(path("manifest.json")).unwrap();
        }
        let store = FeatureStore::open(output.path()).unwrap();
        assert_eq!(store.list_long_formats().unwrap(), TABLES);
        cached(output.path(), "2");
        export(output.path()).unwrap();
        assert!(copies.map(|(_, copy)| fs::read(path(copy)).unwrap()) == before);
    }
}

/// Writes a file anew as other programs do, without the store's marks.
fn rewrite(path: &Path) {
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
    let written = batches[0].schema();
    let plain = written
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_metadata(HashMap::<String, String>::new()));
    let schema = Arc::new(arrow_schema::Schema::new(plain.collect::<Vec<_>>()));
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), Arc::clone(&schema), None).unwrap();
    for batch in batches {
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap()).unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn what_the_manifest_names_is_the_store_s_whoever_wrote_it() {
    let output = stored();
    let path = |name: &str| output.path().join(name);
    for place in PLACES.iter().filter(|place| place.ends_with(".parquet")) {
        rewrite(&path(place));
    }
    check_output(output.path()).unwrap();
    cached(output.path(), "2");
    export(output.path()).unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows(), 2);
    // A table of other columns is no one's that the store could have written.
    own_table(&path("metadata.parquet"));
    let before = all_of(output.path());
    let error = begin_anew(output.path()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(all_of(output.path()) == before);
}

#[test]
fn a_store_whose_manifest_has_another_version_is_refused_whole() {
    for (version, says) in [("\"3.0\"", "3.0"), ("3", "3"), ("\"1.0\"", "1.0")] {
        let output = stored();
        let manifest = output.path().join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, text.replacen("\"2.0\"", version, 1)).unwrap();
        cached(output.path(), "2");
        let before = all_of(output.path());
        let store = FeatureStore::open(output.path()).unwrap();
        for error in [
            check_output(output.path()).unwrap_err(),
            export(output.path()).unwrap_err(),
            begin_anew(output.path()).unwrap_err(),
            ExistingStore::open(output.path()).unwrap_err(),
            store.list_long_formats().unwrap_err(),
            store.feature_batch("gm_mean", &ReadOptions::default()).unwrap_err(),
        ] {
            assert!(matches!(&error, StoreError::OtherVersion { found, .. } if found == says), "{error}");
            assert!(error.to_string().contains("--output"), "{error}");
        }
        assert!(all_of(output.path()) == before);
    }
}

#[test]
fn a_manifest_that_is_cut_short_is_the_store_s_only_beside_another_file_of_it() {
    for broken in ["", "{", "{}", "no JSON at all", "\0\0\0\0"] {
        let alone = tempfile::tempdir().unwrap();
        fs::write(alone.path().join("manifest.json"), broken).unwrap();
        assert!(matches!(check_output(alone.path()), Err(StoreError::Foreign { .. })), "{broken:?}");
        cached(alone.path(), "1");
        check_output(alone.path()).unwrap();
        let output = stored();
        fs::write(output.path().join("manifest.json"), broken).unwrap();
        for file in ["sessions.tsv", "metadata.parquet", "sources.parquet", "tiv.parquet"] {
            check_output(output.path()).unwrap();
            fs::remove_file(output.path().join(file)).unwrap();
        }
        check_output(output.path()).unwrap();
    }
}

#[test]
fn a_link_at_a_file_s_place_is_replaced_and_what_it_leads_to_is_left_alone() {
    let elsewhere = tempfile::tempdir().unwrap();
    for place in
        ["manifest.json", "sessions.tsv", "long/anatomical_gm.parquet", "wide/anatomical/gm_mean.parquet"]
    {
        let target = elsewhere.path().join("mine");
        fs::write(&target, "mine").unwrap();
        for target in [target.clone(), elsewhere.path().join("nothing")] {
            let output = tempfile::tempdir().unwrap();
            fs::create_dir_all(output.path().join(place).parent().unwrap()).unwrap();
            symlink(&target, output.path().join(place)).unwrap();
            cached(output.path(), "1");
            export(output.path()).unwrap();
            assert!(!output.path().join(place).is_symlink(), "{place}");
            let store = FeatureStore::open(output.path()).unwrap();
            assert_eq!(store.list_long_formats().unwrap(), TABLES);
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine", "{place}");
        assert!(!elsewhere.path().join("nothing").exists(), "{place}");
    }
}

#[test]
fn a_file_of_the_store_that_lies_elsewhere_is_read_through_its_link() {
    let (output, elsewhere) = (stored(), tempfile::tempdir().unwrap());
    let moved = ["long/anatomical_gm.parquet", "metadata.parquet", "tiv.parquet", "manifest.json"];
    for place in moved {
        let target = elsewhere.path().join(Path::new(place).file_name().unwrap());
        fs::rename(output.path().join(place), &target).unwrap();
        symlink(&target, output.path().join(place)).unwrap();
    }
    let before = all_of(elsewhere.path());
    cached(output.path(), "2");
    export(output.path()).unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows(), 2);
    assert!(all_of(elsewhere.path()) == before);
    assert!(moved.iter().all(|place| !output.path().join(place).is_symlink()));
}

#[test]
fn folders_of_a_store_may_be_links() {
    let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = root.path().join("store");
    symlink(elsewhere.path(), &output).unwrap();
    fs::create_dir(elsewhere.path().join("disk")).unwrap();
    symlink("disk", elsewhere.path().join("long")).unwrap();
    for subject in ["1", "2"] {
        cached(&output, subject);
        export(&output).unwrap();
    }
    assert!(elsewhere.path().join("disk/anatomical_gm.parquet").is_file());
    assert!(output.is_symlink() && elsewhere.path().join("long").is_symlink());
    let store = FeatureStore::open(&output).unwrap();
    assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows(), 2);
}

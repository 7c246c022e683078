//! What the fuzz targets share: a store with a session in Parquet and another in its cache, to be damaged.
//!
//! `tests/fuzz/run table 60` fuzzes the reader of tables for a minute.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, Fingerprint, ListedSession, Listing, Modality, ReadAt, Session, SessionId,
    SourceFile, SourceKind, SubjectCode, TableName, TivFinding, Unit, UnitKind, WideMetrics,
};
use na_pipeline::parse::regional_tsv::parse_table;
use na_store::{
    CacheExport, ExistingStore, ExportRequest, FeatureStore, ReadOptions, Unobserved, export, export_cache,
};
use tempfile::TempDir;

/// An error is of use where it says which file, and is no novel.
pub fn names_the_file<T>(result: Result<T, impl ToString>, file: &str) {
    if let Err(error) = result {
        let said = error.to_string();
        assert!(said.contains(file) && said.len() < 2000, "{said}");
    }
}

/// A folder in memory where there is one.
pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The files of a store, by their path in it.
pub fn files() -> &'static [(PathBuf, Vec<u8>)] {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let output = folder();
        let lock = OwnerLock::acquire(output.path()).expect("a lock");
        let commit = |subject: &str| {
            let cache = OwnedCache::open_or_create(&lock).expect("a cache");
            cache.write_run_record(&record()).expect("a record");
            let (writer, sender) = Writer::start(&cache, |_| {}).expect("a writer");
            sender.send(unit(subject)).expect("a unit");
            drop(sender);
            writer.finish().expect("a commit");
            cache
        };
        let request = ExportRequest::new(record());
        export(
            &lock,
            &ExistingStore::open(lock.output()).expect("a store"),
            commit("0001"),
            &request,
            &Unobserved,
        )
        .expect("an export");
        drop(commit("0002"));
        drop(lock);
        let mut files = Vec::new();
        collect(output.path(), output.path(), &mut files);
        files.retain(|(path, _)| path != Path::new(".cache.lock"));
        files.sort();
        files
    })
}

/// The store, with the bytes of some files damaged as the fuzzer says.
pub fn damaged(is_damaged: impl Fn(&Path) -> bool, input: &[u8]) -> TempDir {
    let output = folder();
    let (which, edits) = input.split_first().unwrap_or((&0, &[]));
    let n_files = files().iter().filter(|(path, _)| is_damaged(path)).count();
    let damaged = files().iter().filter(|(path, _)| is_damaged(path)).nth(usize::from(*which) % n_files);
    for (path, bytes) in files() {
        let mut bytes = bytes.clone();
        if damaged.is_some_and(|(damaged, _)| damaged == path) {
            edits.chunks_exact(6).for_each(|edit| apply(edit, &mut bytes));
        }
        let path = output.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    output
}

/// An edit is where (4 bytes), how, and with what.
fn apply(edit: &[u8], bytes: &mut Vec<u8>) {
    let [a, b, c, d, kind, value] = *edit else { return };
    if bytes.is_empty() {
        return;
    }
    let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
    match kind % 8 {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, value),
        2 => drop(bytes.remove(at)),
        3 => bytes.iter_mut().skip(at).take(64).for_each(|byte| *byte = value),
        _ => bytes[at] = value,
    }
}

/// Reads and exports all there is. Nothing may panic; an export that fails leaves the cache.
pub fn read_and_export(output: &Path) {
    let Ok(store) = FeatureStore::open(output) else { return };
    let _ = store.summary();
    let _ = store.existing_sessions();
    let _ = store.features_batch(&["gm_mean", "ct_mean"], &ReadOptions::default().with_tiv());
    let _ = store.scan_long("anatomical_gm").map(|scan| scan.read_all());
    let had_cache = output.join(".cache.db").exists();
    let exported = export_cache(store.folder(), &CacheExport::default(), &Unobserved);
    assert!(
        exported.is_ok() || output.join(".cache.db").exists() == had_cache,
        "a cache is gone after {exported:?}"
    );
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let bytes = fs::read(&path).expect("a file");
            files.push((path.strip_prefix(root).expect("inside").to_owned(), bytes));
        }
    }
}

fn session(subject: &str) -> Session {
    Session::new(SubjectCode::clean(subject).expect("a code"), SessionId::clean("1").expect("an id"))
}

fn unit(subject: &str) -> EncodedUnit {
    let text = "index\tlabel\tmean\tvolume_mm3\tis_bimodal\n1\tb\t0.5\t10.25\tTrue\n2\ta\t\t11\tFalse\n";
    let table = parse_table(Path::new("x.tsv"), text.as_bytes()).expect("a table");
    let encode = |name| {
        let name = TableName::parse(name).expect("a name");
        EncodedTable::encode(name, None, &table.batch).expect("a blob")
    };
    let source = |table: &str| SourceFile {
        kind: SourceKind::Table,
        table: Some(table.to_owned()),
        map: None,
        path: format!("sub-{subject}/{table}.tsv"),
        fingerprint: Fingerprint { size: 1, mtime_ns: 2, hash: "3".to_owned() },
        root: None,
        tiv: None,
        read_at: ReadAt::UNKNOWN,
        mask_entity: None,
        sidecar: None,
    };
    let names = ["anatomical_gm", "anatomical_ct"];
    EncodedUnit {
        unit: Unit::of_parcellate(session(subject), Modality::Anatomical),
        read_at: ReadAt::UNKNOWN,
        tiv: TivFinding::Measured(1500.0),
        tables: names.map(encode).into(),
        sources: names.map(source).into(),
    }
}

fn record() -> RunRecord {
    let row = |subject| ListedSession { session: session(subject), values: vec![Some("31.5".to_owned())] };
    RunRecord::new(
        ExportSettings {
            atlas_name: "4S456Parcels".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::default(),
        },
        Listing {
            columns: vec!["AGE".to_owned()],
            rows: ["0001", "0002"].map(row).into(),
            ..Listing::default()
        },
        vec![UnitKind::of_parcellate(Modality::Anatomical)],
    )
}

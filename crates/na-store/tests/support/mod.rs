//! Units and exports for the store's tests.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod four_loads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray, cast::AsArray};
use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, Fingerprint, ListedSession, Listing, MapSource, Modality, ReadAt, Session,
    SessionId, SourceFile, SourceKind, SubjectCode, TableName, TivFinding, Unit, UnitKind, WideMetrics,
};
use na_store::{
    ExistingStore, ExportObserver, ExportReport, ExportRequest, ExportStep, Sealer, StoreError, export,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The store in the folder that a lock is for.
pub fn stored(lock: &OwnerLock) -> ExistingStore {
    ExistingStore::open(lock.output()).unwrap()
}

pub fn session(subject: &str) -> Session {
    Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean("1").unwrap())
}

/// A table of three regions.
pub fn batch(value: f64) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("index", Arc::new(Int64Array::from(vec![1, 2, 3])) as _),
        ("label", Arc::new(StringArray::from(vec!["b", "a", "c"])) as _),
        ("mean", Arc::new(Float64Array::from(vec![value, value / 3.0, value * 7.0])) as _),
    ])
    .unwrap()
}

pub fn unit(subject: &str, modality: Modality, value: f64) -> EncodedUnit {
    let tables: Vec<(&str, Option<MapSource>)> = match modality {
        Modality::Anatomical => vec![("anatomical_gm", None), ("anatomical_ct", None)],
        Modality::Diffusion => ["icvf", "od"]
            .map(|param| {
                let map = MapSource { model: "noddi".into(), param: param.into(), desc: "unknown".into() };
                ("diffusion_NODDI", Some(map))
            })
            .into(),
    };
    let source = |table: &str, map: &Option<MapSource>| SourceFile {
        kind: SourceKind::Table,
        table: Some(table.to_owned()),
        map: map.clone(),
        path: format!("sub-{subject}/{table}{}.tsv", map.as_ref().map_or("", |map| &map.param)),
        fingerprint: Fingerprint { size: 1, mtime_ns: 2, hash: format!("{value}") },
        root: None,
        tiv: None,
        read_at: na_model::ReadAt::UNKNOWN,
        mask_entity: None,
        sidecar: None,
    };
    let sources = tables.iter().map(|(table, map)| source(table, map)).collect();
    let encode = |(table, map): (&str, Option<MapSource>)| {
        EncodedTable::encode(TableName::parse(table).unwrap(), map, &batch(value)).unwrap()
    };
    EncodedUnit {
        unit: Unit::of_parcellate(session(subject), modality),
        read_at: na_model::ReadAt::now(),
        tiv: match modality {
            Modality::Anatomical => na_model::TivFinding::Measured(1000.0 + value),
            Modality::Diffusion => na_model::TivFinding::Kept,
        },
        tables: tables.into_iter().map(encode).collect(),
        sources,
    }
}

/// A unit with these tables, each from a file of its own.
pub fn unit_of(
    subject: &str,
    modality: Modality,
    tables: Vec<(&str, Option<MapSource>, RecordBatch)>,
    tiv: TivFinding,
) -> EncodedUnit {
    let read_at = ReadAt::now();
    let source = |kind, table: Option<&str>, map: Option<MapSource>, tiv| SourceFile {
        kind,
        table: table.map(str::to_owned),
        path: format!(
            "sub-{subject}/{kind}{}{}.tsv",
            table.unwrap_or_default(),
            map.as_ref().map_or("", |map| &map.param)
        ),
        map,
        fingerprint: Fingerprint { size: 1, mtime_ns: 2, hash: "x".to_owned() },
        root: None,
        tiv,
        read_at,
        mask_entity: None,
        sidecar: None,
    };
    let mut sources: Vec<SourceFile> = tables
        .iter()
        .map(|(table, map, _)| source(SourceKind::Table, Some(table), map.clone(), None))
        .collect();
    if let TivFinding::Measured(volume) = tiv {
        sources.push(source(SourceKind::Tiv, None, None, Some(volume)));
    }
    let encode = |(table, map, batch): (&str, Option<MapSource>, RecordBatch)| {
        EncodedTable::encode(TableName::parse(table).unwrap(), map, &batch).unwrap()
    };
    let tables = tables.into_iter().map(encode).collect();
    EncodedUnit { unit: Unit::of_parcellate(session(subject), modality), read_at, tiv, tables, sources }
}

/// A map of NODDI.
pub fn noddi(param: &str) -> Option<MapSource> {
    Some(MapSource { model: "noddi".into(), param: param.into(), desc: "unknown".into() })
}

/// Stops an export when it looks for the nth time whether to stop.
pub struct StopAfter(AtomicUsize);

impl StopAfter {
    pub fn looks(n: usize) -> Self {
        Self(AtomicUsize::new(n))
    }
}

impl ExportObserver for StopAfter {
    fn step(&self, _: &ExportStep) {}

    fn should_stop(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

/// Moves what was committed to parts, so many rows at once.
pub fn seal(cache: &OwnedCache<'_>, record: &RunRecord, at_once: usize) {
    let store = ExistingStore::open(cache.output()).unwrap();
    let sessions = cache.units().unwrap().into_iter().map(|unit| unit.unit.session).collect();
    let at_once = at_once.min(waiting_rows(cache).max(1));
    let mut sealer = Sealer::new(cache, Some(&store), record, &sessions, Some(at_once)).unwrap();
    sealer.committed().end();
    sealer.run().unwrap();
}

/// The rows of the units' smallest tables that are not in parts yet.
fn waiting_rows(cache: &OwnedCache<'_>) -> usize {
    let units = cache.units().unwrap();
    let rows = units.iter().map(|unit| {
        let mut rows: BTreeMap<&TableName, usize> = BTreeMap::new();
        for info in unit.tables.iter().filter(|info| info.seal.is_none()) {
            *rows.entry(&info.table).or_default() += info.n_rows;
        }
        (unit.unit.modality(), rows.into_values().min().unwrap_or(0))
    });
    let mut of_modality: BTreeMap<Modality, usize> = BTreeMap::new();
    rows.for_each(|(modality, rows)| *of_modality.entry(modality).or_default() += rows);
    of_modality.into_values().filter(|rows| *rows > 0).min().unwrap_or(0)
}

pub fn record(sessions: &[&str]) -> RunRecord {
    let row =
        |subject: &&str| ListedSession { session: session(subject), values: vec![Some("30".to_owned())] };
    RunRecord::new(
        ExportSettings {
            atlas_name: "A".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::Zstd,
        },
        Listing {
            columns: vec!["AGE".to_owned()],
            rows: sessions.iter().map(row).collect(),
            ..Listing::default()
        },
        Modality::ALL.map(UnitKind::of_parcellate).to_vec(),
    )
}

pub fn commit<'lock>(
    lock: &'lock OwnerLock,
    record: &RunRecord,
    units: Vec<EncodedUnit>,
) -> OwnedCache<'lock> {
    let cache = OwnedCache::open_or_create(lock).unwrap();
    cache.write_run_record(record).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    units.into_iter().for_each(|unit| sender.send(unit).unwrap());
    drop(sender);
    writer.finish().unwrap();
    cache
}

pub fn export_all(
    lock: &OwnerLock,
    cache: OwnedCache<'_>,
    record: &RunRecord,
    keep_cache: bool,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let request = ExportRequest { keep_cache, ..ExportRequest::new(record.clone()) };
    export(lock, &stored(lock), cache, &request, observer)
}

/// Commits units and exports them.
pub fn load(lock: &OwnerLock, record: &RunRecord, units: Vec<EncodedUnit>) -> ExportReport {
    let cache = commit(lock, record, units);
    export_all(lock, cache, record, false, &na_store::Unobserved).unwrap()
}

/// A file of a store as one batch.
pub fn read(path: &std::path::Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

/// The cells of a column as text, by subject in the order of rows; nulls are empty.
pub fn cells(batch: &RecordBatch, column: &str) -> Vec<(String, String)> {
    let text = |name: &str| {
        let column =
            batch.column_by_name(name).unwrap_or_else(|| panic!("no {name} in {:?}", batch.schema()));
        arrow_cast::cast(column, &arrow_schema::DataType::Utf8).unwrap()
    };
    let (subjects, values) = (text("subject_code"), text(column));
    let (subjects, values) = (subjects.as_string::<i32>(), values.as_string::<i32>());
    let value = |row: usize| if values.is_valid(row) { values.value(row).to_owned() } else { String::new() };
    (0..batch.num_rows()).map(|row| (subjects.value(row).to_owned(), value(row))).collect()
}

/// How many cases a property is tried with: so many, or as `PROPTEST_CASES` says.
pub fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

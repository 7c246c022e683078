//! Where every value comes from: `sources.parquet`, a row a source file.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use na_cache::{Cache, CachedUnit};
use na_model::{
    Fingerprint, MapSource, MeasurementUnit, ModelError, ReadAt, Sidecar, SourceFile, SourceKind, TivFinding,
    Unit, UnitStatus,
};

use crate::completeness::Completeness;
use crate::durable::Folders;
use crate::error::StoreError;
use crate::export::ExportRequest;
use crate::layout::SOURCES_FILE;
use crate::notes;
use crate::provenance::Provenance;

use crate::removed::sources_that_stay;
use crate::session_columns::{session_arrays, session_fields, sessions_of};
use crate::table_file::{TableFile, TableWriter, double_field, text_field, with_unit};

const ROW_GROUP: usize = 32 * 1024;

/// A unit of the store with the files it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredUnit {
    /// Which.
    pub unit: Unit,
    /// Loaded or partial.
    pub status: UnitStatus,
    /// Why it is partial.
    pub reason: String,
    /// Its files.
    pub sources: Vec<SourceFile>,
}

/// What the sidecars of a unit's tables say, beside the files themselves.
const OF_SIDECARS: [&str; 9] = [
    "mask_entity",
    "original_file",
    "mask",
    "mask_threshold",
    "atlas_threshold",
    "atlas_name",
    "space",
    "software_version",
    "timestamp",
];

/// How much is read of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDetail {
    /// Which it is, and its state when it was read.
    States,
    /// What its sidecar says, too.
    Sidecars,
}

/// Calls `each` for every unit that the store's `sources.parquet` lists, one at a time: there may be very many files.
///
/// # Errors
/// A file that cannot be read; what `each` returns.
pub fn for_each_stored_unit<E: From<StoreError>>(
    output: &Path,
    detail: SourceDetail,
    mut each: impl FnMut(StoredUnit) -> Result<(), E>,
) -> Result<(), E> {
    let Some(file) = TableFile::open(&output.join(SOURCES_FILE))? else { return Ok(()) };
    let names = file.schema().fields().iter().map(|field| field.name().as_str());
    let names: Vec<&str> =
        names.filter(|name| detail == SourceDetail::Sidecars || !OF_SIDECARS.contains(name)).collect();
    let mut current: Option<StoredUnit> = None;
    for row_group in 0..file.row_groups().len() {
        let batch = file.read(row_group, &names)?;
        for row in rows_of(&batch, file.path())? {
            match &mut current {
                Some(unit) if unit.unit == row.unit => unit.sources.extend(row.sources),
                _ => {
                    if let Some(unit) = current.replace(row) {
                        each(unit)?;
                    }
                }
            }
        }
    }
    current.map_or(Ok(()), each)
}

/// The sources of a store as they are going to be, and what was met on the way.
pub(crate) struct WrittenSources {
    pub(crate) units: Vec<(Unit, UnitStatus, String)>,
    pub(crate) n_rows: u64,
    /// Whether the store has rows of which it knows no file.
    pub(crate) rows_without_files: bool,
    pub(crate) provenance: Provenance,
}

/// Writes the file: what is kept of the old one, then the cache's units; and the notes that it bears.
pub(crate) fn write(
    output: &Path,
    folders: &Folders,
    cache: &Cache,
    units: &[Arc<CachedUnit>],
    completeness: &Completeness<'_>,
    request: &ExportRequest,
    file_notes: &[(&'static str, String)],
) -> Result<WrittenSources, StoreError> {
    let place = output.join(SOURCES_FILE);
    let of_writing = [(notes::CREATED_AT, notes::now()), (notes::VERSION, crate::VERSION.to_owned())];
    let notes: Vec<(&str, String)> = of_writing.into_iter().chain(file_notes.iter().cloned()).collect();
    let ExportRequest { record, removals, names, .. } = request;
    let compression = record.settings.compression;
    let mut rows = Rows {
        writer: TableWriter::create(&place, folders, &schema(), compression, &notes)?,
        waiting: Vec::new(),
        n_waiting: 0,
        written: WrittenSources {
            units: Vec::new(),
            n_rows: 0,
            rows_without_files: false,
            provenance: Provenance::default(),
        },
    };
    let mut cached: HashMap<&Unit, &Arc<CachedUnit>> = units.iter().map(|unit| (&unit.unit, unit)).collect();
    let mut without_files: BTreeSet<&Unit> = completeness.units().collect();
    let mut is_known_whole = true;
    let mut add = |unit: &Unit, mut sources: Vec<SourceFile>| {
        names.take_out_of_all(&mut sources);
        without_files.remove(unit);
        is_known_whole &= !completeness.has_rows_beside(unit, &sources);
        let (status, reason) = completeness.standing(unit);
        rows.add(StoredUnit { unit: unit.clone(), status, reason, sources })
    };
    let of_cache = |unit: &CachedUnit| -> Result<Vec<SourceFile>, StoreError> {
        Ok(sources_that_stay(&unit.unit, cache.sources(unit)?, removals))
    };
    if !record.fresh {
        for_each_stored_unit(output, SourceDetail::Sidecars, |stored| {
            let sources = sources_that_stay(&stored.unit, stored.sources, removals);
            match cached.remove(&stored.unit) {
                None if sources.is_empty() => Ok(()),
                None => add(&stored.unit, sources),
                Some(unit) => add(&unit.unit, together(sources, of_cache(unit)?, unit)),
            }
        })?;
    }
    for unit in units.iter().filter(|unit| cached.contains_key(&unit.unit)) {
        add(&unit.unit, of_cache(unit)?)?;
    }
    rows.flush()?;
    rows.written.rows_without_files = !is_known_whole || !without_files.is_empty();
    for unit in without_files {
        let (status, reason) = completeness.standing(unit);
        rows.written.units.push((unit.clone(), status, reason));
    }
    rows.writer.commit()?;
    Ok(rows.written)
}

/// The files of a unit that the store and the cache have: those of each map's table from where its rows come from, and
/// those of total intracranial volume from where that does.
fn together(stored: Vec<SourceFile>, cached: Vec<SourceFile>, unit: &CachedUnit) -> Vec<SourceFile> {
    let comes_from_cache = |source: &SourceFile| {
        let table = source.table_name();
        unit.tables.iter().any(|info| Some(&info.table) == table.as_ref() && info.map == source.map)
    };
    let is_kept = unit.tiv == TivFinding::Kept;
    let later_in = |files: &[SourceFile], source: &SourceFile, or_equal: bool| {
        let same = files.iter().find(|other| other.kind == SourceKind::Tiv && other.path == source.path);
        same.is_some_and(|other| {
            other.read_at > source.read_at || (or_equal && other.read_at == source.read_at)
        })
    };
    let volumes: HashMap<String, Option<f64>> =
        stored.iter().map(|source| (source.path.clone(), source.tiv)).collect();
    let (stays, comes): (Vec<bool>, Vec<bool>) = (
        stored
            .iter()
            .map(|source| match source.kind {
                SourceKind::Tiv => is_kept && !later_in(&cached, source, true),
                _ => !comes_from_cache(source),
            })
            .collect(),
        cached
            .iter()
            .map(|source| match source.kind {
                SourceKind::Tiv => !is_kept || !later_in(&stored, source, false),
                _ => comes_from_cache(source),
            })
            .collect(),
    );
    let chosen = |files: Vec<SourceFile>, chosen: Vec<bool>| -> Vec<SourceFile> {
        files.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(source, _)| source).collect()
    };
    let (mut all, mut new) = (chosen(stored, stays), chosen(cached, comes));
    // One file has the volume: the other side's is not the store's.
    for source in &mut new {
        if is_kept {
            source.tiv = volumes.get(&source.path).copied().flatten();
        }
    }
    all.iter_mut().filter(|_| !is_kept).for_each(|source| source.tiv = None);
    all.append(&mut new);
    all
}

struct Rows<'a> {
    writer: TableWriter<'a>,
    waiting: Vec<StoredUnit>,
    n_waiting: usize,
    written: WrittenSources,
}

impl Rows<'_> {
    fn add(&mut self, unit: StoredUnit) -> Result<(), StoreError> {
        self.written.provenance.add(&unit.sources);
        self.written.units.push((unit.unit.clone(), unit.status, unit.reason.clone()));
        self.n_waiting += unit.sources.len();
        self.waiting.push(unit);
        if self.n_waiting < ROW_GROUP { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let units = std::mem::take(&mut self.waiting);
        let n_rows = std::mem::take(&mut self.n_waiting);
        if n_rows == 0 {
            return Ok(());
        }
        self.written.n_rows += u64::try_from(n_rows).unwrap_or_default();
        self.writer.write_batch(&batch_of(&units)?)
    }
}

fn schema() -> SchemaRef {
    let mut fields = session_fields().to_vec();
    fields.extend(
        ["modality", "status", "reason", "kind", "table", "model", "param", "desc", "path"].map(text_field),
    );
    fields.push(with_unit(Field::new("size", DataType::Int64, true), Some("bytes")));
    fields.push(with_unit(Field::new("mtime_ns", DataType::Int64, true), Some("ns since 1970")));
    fields.extend(["hash", "mask_entity", "original_file", "mask"].map(text_field));
    fields.extend(["mask_threshold", "atlas_threshold"].map(|name| double_field(name, None)));
    fields.extend(["atlas_name", "space", "software_version", "timestamp", "root"].map(text_field));
    fields.push(double_field("tiv", Some(MeasurementUnit::Millilitre.as_str())));
    fields.push(with_unit(Field::new("read_at", DataType::Int64, true), Some("us since 1970")));
    Arc::new(Schema::new(fields))
}

fn batch_of(units: &[StoredUnit]) -> Result<RecordBatch, StoreError> {
    let rows: Vec<(&StoredUnit, &SourceFile)> =
        units.iter().flat_map(|unit| unit.sources.iter().map(move |source| (unit, source))).collect();
    let text = |value: &dyn Fn(&StoredUnit, &SourceFile) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(unit, source)| value(unit, source)).collect::<StringArray>())
    };
    let map = |value: fn(&MapSource) -> &String| text(&|_, source| source.map.as_ref().map(value).cloned());
    let sidecar = |value: fn(&Sidecar) -> &Option<String>| {
        text(&|_, source| source.sidecar.as_ref().and_then(|sidecar| value(sidecar).clone()))
    };
    let threshold = |value: fn(&Sidecar) -> Option<f64>| -> ArrayRef {
        Arc::new(
            rows.iter().map(|(_, source)| source.sidecar.as_ref().and_then(value)).collect::<Float64Array>(),
        )
    };
    let size = |(_, source): &(&StoredUnit, &SourceFile)| i64::try_from(source.fingerprint.size).ok();
    let mtime = rows.iter().map(|(_, source)| source.fingerprint.mtime_ns);
    let [subjects, sessions] = session_arrays(rows.iter().map(|(unit, _)| &unit.unit.session));
    let columns: Vec<ArrayRef> = vec![
        subjects,
        sessions,
        text(&|unit, _| Some(unit.unit.modality.to_string())),
        text(&|unit, _| Some(unit.status.to_string())),
        text(&|unit, _| Some(unit.reason.clone()).filter(|reason| !reason.is_empty())),
        text(&|_, source| Some(source.kind.to_string())),
        text(&|_, source| source.table.clone()),
        map(|map| &map.model),
        map(|map| &map.param),
        map(|map| &map.desc),
        text(&|_, source| Some(source.path.clone()).filter(|path| !path.is_empty())),
        Arc::new(rows.iter().map(size).collect::<Int64Array>()),
        Arc::new(Int64Array::from_iter_values(mtime)),
        text(&|_, source| Some(source.fingerprint.hash.clone())),
        text(&|_, source| source.mask_entity.clone()),
        sidecar(|sidecar| &sidecar.original_file),
        sidecar(|sidecar| &sidecar.mask),
        threshold(|sidecar| sidecar.mask_threshold),
        threshold(|sidecar| sidecar.atlas_threshold),
        sidecar(|sidecar| &sidecar.atlas_name),
        sidecar(|sidecar| &sidecar.space),
        sidecar(|sidecar| &sidecar.software_version),
        sidecar(|sidecar| &sidecar.timestamp),
        text(&|_, source| source.root.map(|root| root.to_string())),
        Arc::new(rows.iter().map(|(_, source)| source.tiv).collect::<Float64Array>()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, source)| source.read_at.0))),
    ];
    RecordBatch::try_new(schema(), columns).map_err(StoreError::arrow(Path::new(SOURCES_FILE)))
}

/// The columns of a batch, each looked up once: a store has a row for each of very many files.
struct Columns<'a>(HashMap<&'a str, &'a ArrayRef>);

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        Self(names.zip(batch.columns()).collect())
    }

    /// The cells of a column of text; none of a column that a version before this one did not write.
    fn text(&self, name: &str) -> impl Fn(usize) -> Option<&'a str> {
        let column = self.0.get(name).and_then(|column| column.as_string_opt::<i32>());
        move |row| column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str) -> impl Fn(usize) -> Option<T::Native> {
        let column = self.0.get(name).and_then(|column| column.as_primitive_opt::<T>());
        move |row| column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// The rows of a batch, each as a unit with one source.
fn rows_of(batch: &RecordBatch, path: &Path) -> Result<Vec<StoredUnit>, StoreError> {
    let sessions = sessions_of(batch, path)?;
    let columns = Columns::of(batch);
    let [modality, status, reason, kind] =
        ["modality", "status", "reason", "kind"].map(|name| columns.text(name));
    let [table, model, param, desc] = ["table", "model", "param", "desc"].map(|name| columns.text(name));
    let [file, root, hash, mask_entity] =
        ["path", "root", "hash", "mask_entity"].map(|name| columns.text(name));
    let [original_file, mask, atlas_name] =
        ["original_file", "mask", "atlas_name"].map(|name| columns.text(name));
    let [space, software_version, timestamp] =
        ["space", "software_version", "timestamp"].map(|name| columns.text(name));
    let [mask_threshold, atlas_threshold, tiv] =
        ["mask_threshold", "atlas_threshold", "tiv"].map(|name| columns.number::<Float64Type>(name));
    let [size, mtime_ns, read_at] =
        ["size", "mtime_ns", "read_at"].map(|name| columns.number::<Int64Type>(name));
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let word = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let unit = |(row, session)| -> Result<StoredUnit, ModelError> {
        let map = param(row).map(|param| MapSource {
            model: word(model(row)),
            param: param.to_owned(),
            desc: word(desc(row)),
        });
        let sidecar = Sidecar {
            original_file: owned(original_file(row)),
            mask: owned(mask(row)),
            mask_threshold: mask_threshold(row),
            atlas_threshold: atlas_threshold(row),
            atlas_name: owned(atlas_name(row)),
            space: owned(space(row)),
            software_version: owned(software_version(row)),
            timestamp: owned(timestamp(row)),
        };
        let source = SourceFile {
            kind: kind(row).unwrap_or_default().parse()?,
            table: owned(table(row)),
            map,
            root: root(row).map(str::parse).transpose()?,
            path: word(file(row)),
            tiv: tiv(row),
            read_at: read_at(row).map_or(ReadAt::UNKNOWN, ReadAt),
            fingerprint: Fingerprint {
                size: size(row).and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                mtime_ns: mtime_ns(row).unwrap_or_default(),
                hash: word(hash(row)),
            },
            mask_entity: owned(mask_entity(row)),
            sidecar: Some(sidecar).filter(|sidecar| *sidecar != Sidecar::default()),
        };
        Ok(StoredUnit {
            unit: Unit::new(session, modality(row).unwrap_or_default().parse()?),
            status: status(row).unwrap_or_default().parse()?,
            reason: word(reason(row)),
            sources: vec![source],
        })
    };
    let units = sessions.into_iter().enumerate().map(unit);
    units.collect::<Result<_, _>>().map_err(|error| StoreError::damaged(path, error))
}

//! The data dictionary, `columns.json`: what each column of the store's tables is, as BIDS sidecars say it.
//!
//! A key a file. Below it a key a column, with `LongName`, `Description`, `Units` and `Source`; of a feature, whose columns are
//! regions, one key, `*`, and one for each measure that has a unit of its own. What is known of the session list's columns is from the JSON beside it.

use std::fs;
use std::path::Path;

use na_model::columns::{
    AGE, DESC, METRIC, MODALITY, MODEL, PARAM, SESSION, SUBJECT, TIV, VOLUME_MM3, WORKFLOW,
};
use na_model::{
    ColumnNote, ColumnNotes, FeatureName, Listing, MeasurementUnit, Names, TableKind, TableName, TivSource,
    note_of, take_out_of_notes,
};
use serde_json::{Map, Value, json};

use crate::error::StoreError;
use crate::format::atomic_file::write_atomically;
use crate::format::column_origin::{ColumnOrigin, written_columns};
use crate::format::fields::unit_of;
use crate::format::file_changes::FileChanges;
use crate::tables::features::PlannedFeature;
use crate::tables::long_file::LongFile;
use crate::tables::metadata::column::MetadataColumn;
use crate::tables::paths::{COLUMNS_FILE, METADATA_FILE, TIV_FILE};

/// The mark of a file that is the store's, as BIDS datasets say what made them.
const GENERATED_BY: &str = "GeneratedBy";
const NEUROALIGN: &str = "neuroalign";

/// All columns of a feature but its keys.
const REGIONS: &str = "*";

/// A data dictionary that is to be written.
pub(crate) struct ColumnsJson {
    files: Map<String, Value>,
    /// Whose total intracranial volumes the store has.
    tiv_from: TivSource,
}

impl ColumnsJson {
    /// The dictionary of a store that so far has no table.
    pub(crate) fn new(tiv_from: TivSource) -> Self {
        let by = json!([{ "Name": NEUROALIGN, "Version": env!("CARGO_PKG_VERSION") }]);
        Self { files: Map::from_iter([(GENERATED_BY.to_owned(), by)]), tiv_from }
    }

    /// Adds a long table.
    pub(crate) fn add_long(&mut self, table: &TableName, long: &LongFile, metadata: &ColumnNotes) {
        let (kind, schema, tiv_from) = (&long.kind, long.file.schema(), self.tiv_from);
        let columns = written_columns(schema).into_iter().zip(schema.fields());
        let notes = columns.map(|(column, field)| {
            let note = match column.origin {
                ColumnOrigin::Store if column.name == TIV => tiv(tiv_from),
                ColumnOrigin::Store => of_store(column.name, kind),
                ColumnOrigin::Metadata => metadata.get(column.name).cloned().unwrap_or_else(of_list),
                ColumnOrigin::Table => of_table(column.name, table, kind, unit_of(field)),
            };
            (column.written, note)
        });
        self.add(&table.file_path(), notes);
    }

    /// Adds the features of a long table. Where its rows are measures, each may have a unit of its own.
    pub(crate) fn add_features(&mut self, table: &TableName, long: &LongFile, features: &[PlannedFeature]) {
        let kind = &long.kind;
        let row = if table.is_of_globals() { "measure" } else { "region" };
        let labels = long.index.regions.iter().filter_map(|region| region.label.as_deref());
        let of_own_unit = labels.filter_map(|label| Some((label, kind.row_units.get(label)?)));
        let of_own_unit: Vec<(&str, &MeasurementUnit)> = of_own_unit.collect();
        for feature in features {
            let unit = kind.unit_of(&feature.metric).map(MeasurementUnit::as_str);
            let mut note = of_table(&feature.metric, table, kind, unit);
            let map = feature.map.as_ref().map(|map| format!(" Of the map {map}.")).unwrap_or_default();
            let formula = note.description.take().unwrap_or_default();
            note.description = Some(format!("A column a {row}. {formula}{map}").trim_end().to_owned());
            let source = Some(format!("{}, {}", table.file_path(), feature.metric));
            note.source.clone_from(&source);
            let measures = of_own_unit.iter().map(|(label, unit)| {
                let units = Some(unit.as_str().to_owned());
                (*label, ColumnNote { units, source: source.clone(), ..ColumnNote::default() })
            });
            self.add(&feature.name.file_path(), keys().into_iter().chain([(REGIONS, note)]).chain(measures));
        }
    }

    /// Adds total intracranial volume, as a table and as a feature.
    pub(crate) fn add_tiv(&mut self) {
        for path in [TIV_FILE.to_owned(), FeatureName::tiv().file_path()] {
            self.add(&path, keys().into_iter().chain([(TIV, tiv(self.tiv_from))]));
        }
    }

    /// Adds the session list's columns.
    pub(crate) fn add_metadata(&mut self, notes: &ColumnNotes) {
        let notes = notes.iter().map(|(name, note)| (name.as_str(), note.clone()));
        self.add(METADATA_FILE, keys().into_iter().chain(notes));
    }

    fn add<'n>(&mut self, path: &str, notes: impl IntoIterator<Item = (&'n str, ColumnNote)>) {
        let notes: Map<String, Value> =
            notes.into_iter().map(|(name, note)| (name.to_owned(), json!(note))).collect();
        self.files.insert(path.to_owned(), Value::Object(notes));
    }

    /// Writes the file.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub(crate) fn write(&self, output: &Path, changes: &FileChanges) -> Result<(), StoreError> {
        let path = output.join(COLUMNS_FILE);
        let text =
            serde_json::to_string_pretty(&self.files).map_err(|error| StoreError::damaged(&path, error))?;
        write_atomically(&path, changes, format!("{text}\n").as_bytes())
    }
}

/// Whether the bytes of a `columns.json` are those of a data dictionary of ours.
pub(crate) fn is_columns_json(bytes: &[u8]) -> bool {
    parsed(bytes).is_some()
}

/// A data dictionary. `None` if it is not of ours.
fn parsed(bytes: &[u8]) -> Option<Value> {
    let keys: Value = serde_json::from_slice(bytes).ok()?;
    let by = keys.get(GENERATED_BY)?.get(0)?.get("Name")?.as_str();
    (by == Some(NEUROALIGN)).then_some(keys)
}

/// What the dictionary that is there says of the session list's columns. Nothing if it cannot be read: the next export writes it
/// anew.
pub(crate) fn earlier_notes(output: &Path) -> ColumnNotes {
    let keys = fs::read(output.join(COLUMNS_FILE)).ok().and_then(|bytes| parsed(&bytes));
    let metadata = keys.and_then(|mut keys| keys.get_mut(METADATA_FILE).map(Value::take));
    metadata.and_then(|metadata| serde_json::from_value(metadata).ok()).unwrap_or_default()
}

/// What is known of the session list's columns: of those that it has, what the JSON beside it says; of others, what was known.
pub(crate) fn metadata_notes(
    columns: &[MetadataColumn],
    listing: &Listing,
    earlier: &ColumnNotes,
    names: &Names,
) -> ColumnNotes {
    let note = |column: &MetadataColumn| {
        let note = match listing.columns.contains(&column.own_name) {
            true => listing.notes.get(&column.own_name),
            false => earlier.get(&column.name),
        };
        let mut note = note.cloned().unwrap_or_default();
        if column.own_name == AGE {
            note.long_name.get_or_insert_with(|| "Age".to_owned());
            note.units = Some(if column.has_unknown_unit { "unknown" } else { "years" }.to_owned());
        }
        note.source.get_or_insert_with(|| SESSION_LIST.to_owned());
        (column.name.clone(), note)
    };
    let mut notes: ColumnNotes = columns.iter().map(note).collect();
    take_out_of_notes(names, &mut notes);
    // A column whose note goes is still there.
    for column in columns {
        notes.entry(column.name.clone()).or_insert_with(of_list);
    }
    notes
}

const SESSION_LIST: &str = "session list";

fn of_list() -> ColumnNote {
    ColumnNote { source: Some(SESSION_LIST.to_owned()), ..ColumnNote::default() }
}

fn note(long_name: &str, description: impl Into<String>) -> ColumnNote {
    ColumnNote {
        long_name: Some(long_name.to_owned()),
        description: Some(description.into()),
        ..ColumnNote::default()
    }
}

fn keys() -> [(&'static str, ColumnNote); 2] {
    let session = "The scan visit, without `ses-`. Null where a dataset has none.";
    [
        (SUBJECT, note("Subject", "The participant's code, without `sub-`.")),
        (SESSION, note("Session", session)),
    ]
}

fn tiv(source: TivSource) -> ColumnNote {
    let (program, from) = match source {
        TivSource::Cat12 => (
            "CAT12",
            "CAT12's vol_TIV, a sum of tissues: of its report, else of a table beside the regions' tables, else of these themselves.",
        ),
        TivSource::FreeSurfer => (
            "FreeSurfer",
            "FreeSurfer's eTIV / 1000, scaled from the registration of an atlas: of aseg.stats, else of the surfaces' files. It is \
             not comparable with CAT12's.",
        ),
    };
    ColumnNote {
        units: Some(MeasurementUnit::Millilitre.as_str().to_owned()),
        source: Some(program.to_owned()),
        ..note("Total intracranial volume", from)
    }
}

/// A column that the store adds to a long table.
fn of_store(name: &str, kind: &TableKind) -> ColumnNote {
    let by_name = |(key, _): &(&str, ColumnNote)| *key == name;
    match name {
        MODALITY => note("Table", format!("The table's name, {}.", kind.feature_prefix)),
        METRIC => note("What the map measures", format!("{}, in every row.", kind.measured)),
        WORKFLOW => note("Workflow", "The QSIRecon workflow that made the map."),
        MODEL if kind.says_no_model => note("Model", "unknown: the files do not say it."),
        PARAM if kind.says_no_model => note("Parameter", "The map, as the file's rows name it."),
        MODEL => note("Model", "The model that was fitted, the entity `model` of the map's file."),
        PARAM => note(
            "Parameter",
            "The parameter of the model that the map shows, the entity `param` of its file.",
        ),
        DESC => note("Description", "The entity `desc` of the map's file."),
        _ => keys().into_iter().find(by_name).map(|(_, note)| note).unwrap_or_default(),
    }
}

/// A column of the regions' tables.
fn of_table(name: &str, table: &TableName, kind: &TableKind, unit: Option<&str>) -> ColumnNote {
    let mut column = match note_of(&kind.input, name).filter(|_| kind.metrics.contains_key(name)) {
        Some(known) => note(known.long_name, known.formula),
        None if kind.region_key.index.as_deref() == Some(name) => {
            note("Region's number", "The region's number in the atlas image.")
        }
        None if kind.region_key.labels.iter().any(|label| label == name) && table.is_of_globals() => {
            note("Measure", "The measure's name, as its program calls it.")
        }
        None if kind.region_key.labels.iter().any(|label| label == name) => {
            note("Region", "The region's name in the atlas.")
        }
        None if kind.region_key.hemispheres.iter().any(|hemisphere| hemisphere == name) => {
            note("Hemisphere", "The region's hemisphere, or a structure with a side.")
        }
        None => ColumnNote::default(),
    };
    if name == VOLUME_MM3
        && let Some(formula) = &mut column.description
    {
        formula.push_str(match unit {
            Some(unit) if unit == MeasurementUnit::CubicMillimetre.as_str() => {
                " The map is the volume of the tissue in each voxel as a share of it: this is the volume of the tissue."
            }
            _ => " The map is no share of a tissue: this is no volume, and has no meaning of its own.",
        });
    }
    column.units = unit.map(str::to_owned);
    column.source = Some(kind.producer.clone());
    column
}

//! Decides between two versions of one table or volume: the one that was read later counts, be it the cache's or
//! Parquet's.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int32Type, Int64Type},
};
use foldhash::HashMap;
use na_cache::CachedUnit;
use na_model::columns::{SESSION, SUBJECT};
use na_model::{InputName, MapSource, Modality, ReadAt, SourceKind, TivFinding, Unit, UnitKind};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::key_columns::sessions_of_rows;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::columns as col;

const COLUMNS: [&str; 11] = [
    SUBJECT,
    SESSION,
    col::MODALITY,
    col::INPUT,
    col::KIND,
    col::TABLE,
    col::MODEL,
    col::PARAM,
    col::DESC,
    col::TIV,
    col::READ_AT,
];

/// Takes out of a cache's units what the store read later. Of what was read at the same time, the cache's version
/// counts; a version without a time is older than any other.
pub(crate) fn take_out_older(output: &Path, units: &mut [CachedUnit]) -> Result<(), StoreError> {
    if units.is_empty() {
        return Ok(());
    }
    let Some(file) = ParquetReader::open(&output.join(SOURCES_FILE))? else { return Ok(()) };
    let mut of_units: HashMap<Unit, &mut CachedUnit> =
        units.iter_mut().map(|unit| (unit.unit.clone(), unit)).collect();
    for row_group in 0..file.row_groups().len() {
        let batch = file.read_dictionaries(row_group, &COLUMNS)?;
        let sources = SourceRows(&batch);
        for (session, rows) in sessions_of_rows(&batch, file.path())? {
            let kinds: BTreeSet<(&str, &str)> = rows.clone().filter_map(|row| sources.kind(row)).collect();
            for (modality, input) in kinds {
                let kind = (modality.parse::<Modality>(), input.parse::<InputName>());
                let (Ok(of_modality), Ok(of_input)) = kind else { continue };
                let unit = Unit::new(session.clone(), UnitKind::new(of_modality, of_input));
                let Some(unit) = of_units.get_mut(&unit) else { continue };
                let of_unit = |row: &usize| sources.kind(*row) == Some((modality, input));
                rows.clone().filter(of_unit).for_each(|row| sources.take_out_older(row, unit));
            }
        }
    }
    Ok(())
}

/// Rows of `sources.parquet`, text as dictionaries.
struct SourceRows<'a>(&'a RecordBatch);

impl SourceRows<'_> {
    fn take_out_older(&self, row: usize, unit: &mut CachedUnit) {
        let read_at = self.read_at(row);
        let kind = self.text(col::KIND, row);
        if kind == Some(SourceKind::Table.as_str()) {
            let (table, map) = (self.text(col::TABLE, row), self.map(row));
            unit.tables.retain(|info| {
                info.read_at >= read_at || table != Some(info.table.to_string().as_str()) || info.map != map
            });
        }
        if (kind == Some(SourceKind::Tiv.as_str()) || self.has_volume(row)) && unit.read_at < read_at {
            unit.tiv = TivFinding::Kept;
        }
    }

    /// The modality and input of the row's unit, in words. `None` if another program took the modality out.
    fn kind(&self, row: usize) -> Option<(&str, &str)> {
        let input = self.text(col::INPUT, row).unwrap_or(InputName::PARCELLATE_WORD);
        Some((self.text(col::MODALITY, row)?, input))
    }

    fn text(&self, column: &str, row: usize) -> Option<&str> {
        let words = self.0.column_by_name(column)?.as_dictionary_opt::<Int32Type>()?;
        let (values, key) = (words.values().as_string_opt::<i32>()?, words.key(row)?);
        (key < values.len() && values.is_valid(key)).then(|| values.value(key))
    }

    fn map(&self, row: usize) -> Option<MapSource> {
        let word = |column| self.text(column, row).unwrap_or_default().to_owned();
        let param = self.text(col::PARAM, row)?.to_owned();
        Some(MapSource { model: word(col::MODEL), param, desc: word(col::DESC) })
    }

    fn read_at(&self, row: usize) -> ReadAt {
        let column =
            self.0.column_by_name(col::READ_AT).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let column = column.filter(|column| column.is_valid(row));
        column.map_or(ReadAt::UNKNOWN, |column| ReadAt(column.value(row)))
    }

    fn has_volume(&self, row: usize) -> bool {
        let column =
            self.0.column_by_name(col::TIV).and_then(|column| column.as_primitive_opt::<Float64Type>());
        column.is_some_and(|column| column.is_valid(row))
    }
}

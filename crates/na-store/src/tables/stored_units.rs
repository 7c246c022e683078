//! Whom a store has something of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use na_model::{MapSource, Modality, SourceKind, TableName, Unit};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::ExistingStore;
use crate::tables::long_index::LongIndex;
use crate::tables::manifest::Own;
use crate::tables::own_files::Owned;
use crate::tables::sources::{SourceDetail, for_each_stored_unit};
use crate::tables::tiv::TivTable;

/// The units of which a store has rows or total intracranial volume, without what a cache adds; each with the tables that
/// have rows of it.
///
/// # Errors
/// A store that cannot be read.
pub fn stored_units(output: &Path) -> Result<BTreeMap<Unit, BTreeSet<TableName>>, StoreError> {
    let volumes = TivTable::read(output)?.0.into_keys();
    let mut units: BTreeMap<Unit, BTreeSet<TableName>> =
        volumes.map(|session| (Unit::new(session, Modality::Anatomical), BTreeSet::new())).collect();
    for table in Owned::of(output)?.long_tables()? {
        let Some(file) = ParquetReader::open(&output.join(table.file_path()))? else { continue };
        for session in LongIndex::read(&file)?.sessions {
            units.entry(Unit::new(session, table.modality())).or_default().insert(table.clone());
        }
    }
    Ok(units)
}

/// Maps of tables, by unit.
pub type TablesByUnit = BTreeMap<Unit, BTreeSet<(TableName, Option<MapSource>)>>;

impl ExistingStore {
    /// What a store has rows of without knowing the files: the pandas package says nothing of them. Tables are read only where
    /// the manifest does not say that there is none of these.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn rows_without_files(&self) -> Result<TablesByUnit, StoreError> {
        let mut tables = TablesByUnit::new();
        let (output, manifest) = (self.output.as_path(), self.manifest.as_ref());
        let own = manifest.and_then(Own::of);
        if own.is_some_and(|own| own.rows_without_files == Some(false)) {
            return Ok(tables);
        }
        for table in Owned::named_by(output, manifest).long_tables()? {
            let Some(file) = ParquetReader::open(&output.join(table.file_path()))? else { continue };
            for (session, map) in LongIndex::read(&file)?.rows().into_keys() {
                let unit = Unit::new(session.clone(), table.modality());
                tables.entry(unit).or_default().insert((table.clone(), map.clone()));
            }
        }
        for_each_stored_unit::<StoreError>(output, SourceDetail::States, |stored| {
            if let Some(without) = tables.get_mut(&stored.unit) {
                for source in stored.sources.into_iter().filter(|source| source.kind == SourceKind::Table) {
                    if let Some(table) = source.table_name() {
                        without.remove(&(table, source.map));
                    }
                }
            }
            Ok(())
        })?;
        tables.retain(|_, without| !without.is_empty());
        Ok(tables)
    }
}

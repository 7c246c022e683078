//! Whom a store has something of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use na_model::{Modality, TableName, Unit};

use crate::error::StoreError;
use crate::long::index::LongIndex;
use crate::ownership::Owned;
use crate::table_file::TableFile;
use crate::tiv::TivTable;

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
        let Some(file) = TableFile::open(&output.join(table.file_path()))? else { continue };
        for session in LongIndex::read(&file)?.sessions {
            units.entry(Unit::new(session, table.modality())).or_default().insert(table.clone());
        }
    }
    Ok(units)
}

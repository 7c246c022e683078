//! Whom a store has something of.

use std::collections::BTreeMap;
use std::path::Path;

use na_model::{Modality, Unit};

use crate::error::StoreError;
use crate::long::index::LongIndex;
use crate::ownership::Owned;
use crate::table_file::TableFile;
use crate::tiv::TivTable;

/// The units of which a store has rows or total intracranial volume, without what a cache adds; each with whether it has
/// rows.
///
/// # Errors
/// A store that cannot be read.
pub fn stored_units(output: &Path) -> Result<BTreeMap<Unit, bool>, StoreError> {
    let volumes = TivTable::read(output)?.0.into_keys();
    let mut units: BTreeMap<Unit, bool> =
        volumes.map(|session| (Unit::new(session, Modality::Anatomical), false)).collect();
    for table in Owned::of(output)?.long_tables()? {
        let Some(file) = TableFile::open(&output.join(table.file_path()))? else { continue };
        let sessions = LongIndex::read(&file)?.sessions.into_iter();
        units.extend(sessions.map(|session| (Unit::new(session, table.modality()), true)));
    }
    Ok(units)
}

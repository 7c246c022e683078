//! Counts text cells of other people that name somebody who withdrew.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_model::Names;
use na_model::columns::KEY_COLUMNS;

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest::count;
use crate::tables::paths::METADATA_FILE;

/// Counts the rows of other sessions with a text cell that names somebody who withdrew, by `FILE: COLUMN`. The cells are
/// measurements and metadata of other people, and stay as they are.
///
/// # Errors
/// A store that cannot be read.
pub fn named_in_cells(store: &ExistingStore, names: &Names) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut found = BTreeMap::new();
    let mut columns = HashSet::new();
    if names.is_empty() {
        return Ok(found);
    }
    let long = store.long_tables()?.iter().map(|table| table.file_path());
    for path in [METADATA_FILE.to_owned()].into_iter().chain(long) {
        let Some(file) = ParquetReader::open(&store.output().join(&path))? else { continue };
        let texts = file.schema().fields().iter().filter(|field| field.data_type() == &DataType::Utf8);
        // Every long table repeats the columns of the metadata.
        let own = texts.map(|field| field.name()).filter(|name| !columns.contains(*name));
        let texts: Vec<String> = own.filter(|name| !KEY_COLUMNS.contains(&name.as_str())).cloned().collect();
        for group in 0..file.row_groups().len() {
            for name in &texts {
                let batch = file.read(group, &[name])?;
                let cells = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
                // Many rows have the same text.
                let mut seen: HashMap<&str, bool> = HashMap::new();
                let is_named = |text| *seen.entry(text).or_insert_with(|| names.are_in_cell(text));
                let n =
                    cells.into_iter().flatten().flatten().map(is_named).filter(|is_named| *is_named).count();
                if n > 0 {
                    *found.entry(format!("{path}: {name}")).or_default() += count(n);
                }
            }
        }
        if path == METADATA_FILE {
            columns.extend(texts);
        }
    }
    Ok(found)
}

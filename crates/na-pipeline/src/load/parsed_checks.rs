//! What an input parsed, held against what a store can hold: a table that breaks it would fail the export for everybody.

use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use arrow_schema::DataType;
use foldhash::{HashSet, HashSetExt};
use na_cache::EncodedTable;
use na_model::columns::is_added;
use na_model::{MetricKind, TableKind};

use crate::inputs::found_tables::FoundTable;
use crate::unit_error::UnitError;

/// Refuses columns that the store adds itself or that are there twice, and statistics that are no numbers or flags.
pub(super) fn check_columns(
    table: &FoundTable,
    batch: &RecordBatch,
    kind: &TableKind,
) -> Result<(), UnitError> {
    let mut seen = HashSet::new();
    for field in batch.schema_ref().fields() {
        let name = field.name().as_str();
        let is_its_kind = match (kind.metric_kind(name), field.data_type()) {
            (_, DataType::Null) | (None, _) => true,
            (Some(MetricKind::Number), data_type) => {
                matches!(data_type, DataType::Float64 | DataType::Int64)
            }
            (Some(MetricKind::Flag), data_type) => matches!(data_type, DataType::Boolean),
        };
        let expected = if is_added(name) {
            "another name: the store adds a column of this name"
        } else if !seen.insert(name) {
            "a different name for each column"
        } else if !is_its_kind {
            "numbers or flags, as the kind of the table says"
        } else {
            continue;
        };
        let found = format!("a column {name:?} of {}", field.data_type());
        return Err(UnitError::form(table.path(), found, expected));
    }
    Ok(())
}

/// Refuses a table with two rows that nothing tells apart.
pub(super) fn check_regions(
    table: &FoundTable,
    batch: &RecordBatch,
    encoded: &EncodedTable,
) -> Result<(), UnitError> {
    if encoded.regions().as_slice().len() == batch.num_rows() {
        return Ok(());
    }
    let key = &encoded.kind().region_key;
    let columns: Vec<_> = key.columns().filter_map(|name| batch.column_by_name(name)).collect();
    let mut seen = HashSet::new();
    for row in 0..batch.num_rows() {
        let words: Vec<_> = columns.iter().map(|column| array_value_to_string(column, row).ok()).collect();
        if !seen.insert(words.clone()) {
            let words: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
            let found = format!("the region {:?} twice", words.join(" "));
            return Err(UnitError::form(table.path(), found, "one row a region"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float64Array, NullArray, StringArray};
    use na_model::{SourceRoot, TableName};

    use super::*;
    use crate::files::roots::Root;
    use crate::inputs::entity_pick::EntityPick;
    use crate::inputs::searched_folder::SearchedFolder;

    fn table() -> FoundTable {
        let root = Root::unlisted(SourceRoot::CAT12_PARCELLATED, Path::new("t"), Vec::new());
        let (folder, pick) = (Path::new("t/sub-1"), EntityPick::default());
        let folder = SearchedFolder::new(&root, folder, &pick);
        FoundTable::new(&folder, TableName::parse("anatomical_gm").unwrap(), None, "t/sub-1/x.tsv".into())
    }

    #[test]
    fn columns_that_no_store_could_hold_are_refused() {
        let text = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
        let number = || Arc::new(Float64Array::from(vec![0.5])) as ArrayRef;
        let flag = || Arc::new(BooleanArray::from(vec![true])) as ArrayRef;
        let null = || Arc::new(NullArray::new(1)) as ArrayRef;
        let check = |columns: &[(&str, ArrayRef)]| {
            let columns = columns.iter().map(|(name, array)| (*name, Arc::clone(array), true));
            let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
            check_columns(&table(), &batch, &TableKind::of_parcellate(&table().table))
                .map_err(|error| error.to_string())
        };
        for columns in [
            &[("label", text()), ("mean", number()), ("is_bimodal", flag()), ("remark", text())][..],
            &[("label", null()), ("mean", null())],
        ] {
            assert_eq!(check(columns), Ok(()));
        }
        for (columns, says) in [
            (&[("label", text()), ("tiv", number())][..], "\"tiv\""),
            (&[("label", text()), ("workflow", text())], "another name"),
            (&[("mean", number()), ("mean", number())], "a different name"),
            (&[("label", text()), ("mean", text())], "numbers or flags"),
            (&[("label", text()), ("is_bimodal", number())], "numbers or flags"),
        ] {
            let error = check(columns).unwrap_err();
            assert!(error.contains("x.tsv") && error.contains(says), "{error}");
        }
    }
}

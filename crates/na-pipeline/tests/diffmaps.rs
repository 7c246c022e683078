//! QSIParc's tables are read cell by cell as their text says, in both forms.

mod support;

use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use na_pipeline::parse::diffmap::parse_diffmap;
use serde_json::Value;
use support::oracles;

fn value(batch: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = &batch[column];
    match column.data_type() {
        DataType::Int64 => column.is_valid(row).then(|| column.as_primitive::<Int64Type>().value(row) as f64),
        _ => column.is_valid(row).then(|| column.as_primitive::<Float64Type>().value(row)),
    }
}

#[track_caller]
fn assert_as_the_oracle_says(file: &Path, expected: &Value) {
    let table = parse_diffmap(file, &fs::read(file).unwrap(), &|| false).unwrap().batch;
    assert_eq!(Some(table.num_rows() as u64), expected["n_rows"].as_u64(), "{}", file.display());
    let own = |column: &str| if column == "region_index" { "index" } else { column }.to_owned();
    let columns = expected["numeric_columns"].as_array().unwrap().iter();
    let numeric: Vec<String> = columns.map(|column| own(column.as_str().unwrap())).collect();
    let n_nulls: usize = numeric.iter().map(|column| table[column.as_str()].null_count()).sum();
    assert_eq!(Some(n_nulls as u64), expected["n_nulls"].as_u64(), "{}", file.display());
    let values = expected["values"].as_array().unwrap();
    assert!(!values.is_empty());
    for of in values {
        let row = of["row"].as_u64().unwrap() as usize;
        assert_eq!(table["label"].as_string::<i32>().value(row), of["region"].as_str().unwrap());
        let text = of["text"].as_str().unwrap();
        assert_eq!(value(&table, &own(of["column"].as_str().unwrap()), row), text.parse().ok(), "{of}");
    }
}

#[test]
fn every_value_is_the_double_of_its_text() {
    let (n_shipped, oracles) = oracles("qsiparc", |name| name.ends_with("_diffmap.tsv"));
    assert_eq!(n_shipped, 3);
    assert!(oracles.len() == 3 || oracles.len() >= 6, "{}", oracles.len());
    oracles.iter().for_each(|(file, expected)| assert_as_the_oracle_says(file, expected));
}

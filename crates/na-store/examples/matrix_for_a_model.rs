//! Features, TIV and age as a model takes them: `cargo run -p na-store --example matrix_for_a_model -- data/processed`

use std::error::Error;
use std::path::Path;

use arrow_array::{Array, cast::AsArray, types::Float64Type};
use arrow_schema::DataType;
use na_store::{FeatureStore, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "data/processed".to_owned());
    let matrix = Matrix::of_age(Path::new(&folder), &["gm_volume_mm3", "ct_mean"])?;
    println!("X: {} sessions × {} features", matrix.y.len(), matrix.columns.len());
    println!("y: ages {:?}", matrix.y);
    println!("groups (for cross-validation by subject): {:?}", matrix.groups);
    Ok(())
}

/// What a regression of age takes: sessions with an age, and features that every one of them has.
#[derive(Debug)]
pub struct Matrix {
    /// The features' names, `feature:region`, and `tiv`.
    pub columns: Vec<String>,
    /// Sessions × features, row after row.
    pub x: Vec<f64>,
    /// Ages, years.
    pub y: Vec<f64>,
    /// Subjects: sessions of one subject belong into one fold.
    pub groups: Vec<String>,
}

impl Matrix {
    /// The matrix of these features, with TIV.
    pub fn of_age(folder: &Path, features: &[&str]) -> Result<Self, Box<dyn Error>> {
        let store = FeatureStore::open(folder)?;
        let batch = store.features_batch(features, &ReadOptions::default().with_tiv())?;
        let ages = batch.column_by_name("AGE").ok_or("the session list has no age")?;
        let ages = ages.as_primitive::<Float64Type>();
        let subjects = batch.column(0).as_string::<i32>();
        let rows: Vec<usize> = (0..batch.num_rows()).filter(|row| ages.is_valid(*row)).collect();
        let is_feature = |name: &str| name == "tiv" || name.contains(':');
        let schema = batch.schema();
        let complete: Vec<(&str, &dyn Array)> = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .filter(|(field, column)| is_feature(field.name()) && is_complete(column, &rows))
            .map(|(field, column)| (field.name().as_str(), column.as_ref()))
            .collect();
        let value = |column: &dyn Array, row: usize| column.as_primitive::<Float64Type>().value(row);
        Ok(Self {
            columns: complete.iter().map(|(name, _)| (*name).to_owned()).collect(),
            x: rows.iter().flat_map(|row| complete.iter().map(|(_, column)| value(*column, *row))).collect(),
            y: rows.iter().map(|row| ages.value(*row)).collect(),
            groups: rows.iter().map(|row| subjects.value(*row).to_owned()).collect(),
        })
    }
}

fn is_complete(column: &dyn Array, rows: &[usize]) -> bool {
    *column.data_type() == DataType::Float64 && rows.iter().all(|row| column.is_valid(*row))
}

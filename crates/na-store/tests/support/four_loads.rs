//! A store of four loads of one table, a row group each, whose every value tells what it is of.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, Float64Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use na_cache::{EncodedUnit, OwnerLock, RunRecord};
use na_model::{Modality, TivFinding, WideMetrics};
use na_store::{FeatureStore, ReadOptions, verify_store};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{load, read, record, unit_of};

pub const REGIONS: u32 = 1000;

/// Sessions of each load, each of them of a row group that is neither filled up nor full: two in a row that are written
/// again become one, so the rows of row groups tell which were.
pub const LOADS: [u32; 4] = [17, 20, 25, 18];
pub const ROWS: [i64; 4] = [17_000, 20_000, 25_000, 18_000];
pub const SESSIONS: u32 = 80;

pub const LONG: &str = "long/anatomical_gm.parquet";

/// What a store is to hold of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub version: u32,
    pub age: f64,
    pub tiv: f64,
}

pub type Cohort = BTreeMap<u32, Told>;

/// No two are alike; every eleventh is missing.
pub fn value(subject: u32, version: u32, map: u32, region: u32) -> Option<f64> {
    let whole = ((version * 10 + map) * 1000 + subject) * 1000 + region;
    (!(subject + region).is_multiple_of(11)).then(|| f64::from(whole) / 3.0)
}

pub fn batch(subject: u32, version: u32, map: u32, regions: u32) -> RecordBatch {
    let values = |sign: f64| {
        (0..regions)
            .map(|region| value(subject, version, map, region).map(|value| sign * value))
            .collect::<Float64Array>()
    };
    RecordBatch::try_from_iter([
        ("index", Arc::new(Int64Array::from_iter_values((0..regions).map(i64::from))) as _),
        ("label", Arc::new(StringArray::from_iter_values((0..regions).map(|r| format!("r{r:04}")))) as _),
        ("mean", Arc::new(values(1.0)) as _),
        ("std", Arc::new(values(-1.0)) as _),
    ])
    .unwrap()
}

/// The sessions of a load: in the order of subjects, those of all loads take turns.
pub fn of_load(load: usize) -> Vec<u32> {
    let before: u32 = LOADS[..load].iter().sum();
    (before..before + LOADS[load]).map(|place| 1 + place * 37 % SESSIONS).collect()
}

pub fn gm(subject: u32, told: &Told) -> EncodedUnit {
    let tables = vec![("anatomical_gm", None, batch(subject, told.version, 0, REGIONS))];
    unit_of(&subject.to_string(), Modality::Anatomical, tables, TivFinding::Measured(told.tiv))
}

/// A list of all of them, each with its age.
pub fn list(cohort: &Cohort) -> RunRecord {
    let names: Vec<String> = cohort.keys().map(u32::to_string).collect();
    let mut record = record(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (row, told) in record.listing.rows.iter_mut().zip(cohort.values()) {
        row.values = vec![Some(told.age.to_string())];
    }
    record.settings.wide_metrics = WideMetrics::Listed(vec!["mean".to_owned()]);
    record
}

pub fn told(subject: u32) -> Told {
    Told { version: 1, age: f64::from(20 + subject), tiv: 1400.0 + f64::from(subject) }
}

/// A store of four loads, a row group each.
pub fn four_loads(lock: &OwnerLock) -> Cohort {
    let mut cohort = Cohort::new();
    for number in 0..LOADS.len() {
        let subjects = of_load(number);
        cohort.extend(subjects.iter().map(|subject| (*subject, told(*subject))));
        let units = subjects.iter().map(|subject| gm(*subject, &cohort[subject])).collect();
        load(lock, &list(&cohort), units);
    }
    assert_eq!(row_groups(lock.output(), LONG), ROWS);
    cohort
}

pub fn row_groups(output: &Path, file: &str) -> Vec<i64> {
    let file = File::open(output.join(file)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect()
}

pub fn doubles<'a>(batch: &'a RecordBatch, name: &str) -> &'a Float64Array {
    batch[name].as_primitive::<Float64Type>()
}

pub fn optional(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row))
}

pub fn subjects(batch: &RecordBatch) -> Vec<u32> {
    let column = batch["subject_code"].as_string::<i32>();
    (0..batch.num_rows()).map(|row| column.value(row).parse().unwrap()).collect()
}

/// Every row of the long table, by value.
pub fn check_long(output: &Path, cohort: &Cohort) {
    let long = read(&output.join(LONG));
    let index = long["index"].as_primitive::<Int64Type>();
    let [mean, std, tiv, age] = ["mean", "std", "tiv", "AGE"].map(|name| doubles(&long, name));
    let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, subject) in subjects(&long).into_iter().enumerate() {
        let (told, region) = (&cohort[&subject], u32::try_from(index.value(row)).unwrap());
        let expected = value(subject, told.version, 0, region);
        let found = (optional(mean, row), optional(std, row), tiv.value(row), age.value(row));
        assert_eq!(
            found,
            (expected, expected.map(|value| -value), told.tiv, told.age),
            "region {region} of {subject}"
        );
        rows.entry(subject).or_default().push(region);
    }
    assert!(rows.keys().eq(cohort.keys()));
    let regions: Vec<u32> = (0..REGIONS).collect();
    rows.iter().for_each(|(subject, found)| assert!(*found == regions, "the regions of {subject}"));
}

/// Every cell of a feature, by value, read by this program and by another.
pub fn check_feature(
    output: &Path,
    path: &str,
    subjects_of: &[u32],
    regions: u32,
    cell: impl Fn(u32, u32) -> Option<f64>,
) {
    let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
    let store = FeatureStore::open(output).unwrap();
    let by_store = store.feature_batch(name, &ReadOptions::default().without_metadata()).unwrap();
    for batch in [by_store, read(&output.join(path))] {
        assert_eq!(subjects(&batch), subjects_of, "{name}");
        let names: Vec<String> = (0..regions).map(|region| format!("r{region:04}")).collect();
        assert!(batch.schema().fields().iter().skip(2).map(|field| field.name()).eq(&names));
        for (region, column) in (0..regions).zip(&batch.columns()[2..]) {
            let column = column.as_primitive::<Float64Type>();
            for (row, subject) in subjects_of.iter().enumerate() {
                let found = optional(column, row);
                assert_eq!(found, cell(*subject, region), "{name}: region {region} of {subject}");
            }
        }
    }
}

pub fn check(output: &Path, cohort: &Cohort) {
    check_long(output, cohort);
    // Among others: the index in the footer, of copied and written row groups, is that of the rows.
    assert_eq!(verify_store(output).unwrap().problems, []);
    let subjects: Vec<u32> = cohort.keys().copied().collect();
    check_feature(output, "wide/anatomical/gm_mean.parquet", &subjects, REGIONS, |subject, region| {
        value(subject, cohort[&subject].version, 0, region)
    });
}

//! In tables of several row groups every value stays with its session and region: in the long table and in its features,
//! whether a row group was copied, written again or added.

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use na_cache::{EncodedUnit, OwnerLock, RunRecord};
use na_model::{MapSource, Modality, TivFinding, WideMetrics};
use na_store::{ExportObserver, ExportStep, FeatureStore, ReadOptions, Unobserved, verify_store};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use support::{commit, export_all, load, noddi, read, record, unit_of};

const REGIONS: u32 = 1000;

/// Sessions of each load, each of them of a row group that is neither filled up nor full: two in a row that are written
/// again become one, so the rows of row groups tell which were.
const LOADS: [u32; 4] = [17, 20, 25, 18];
const ROWS: [i64; 4] = [17_000, 20_000, 25_000, 18_000];
const SESSIONS: u32 = 80;

const LONG: &str = "long/anatomical_gm.parquet";

/// What a store is to hold of a session.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    version: u32,
    age: f64,
    tiv: f64,
}

type Cohort = BTreeMap<u32, Told>;

/// No two are alike; every eleventh is missing.
fn value(subject: u32, version: u32, map: u32, region: u32) -> Option<f64> {
    let whole = ((version * 10 + map) * 1000 + subject) * 1000 + region;
    (!(subject + region).is_multiple_of(11)).then(|| f64::from(whole) / 3.0)
}

fn batch(subject: u32, version: u32, map: u32, regions: u32) -> RecordBatch {
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
fn of_load(load: usize) -> Vec<u32> {
    let before: u32 = LOADS[..load].iter().sum();
    (before..before + LOADS[load]).map(|place| 1 + place * 37 % SESSIONS).collect()
}

fn gm(subject: u32, told: &Told) -> EncodedUnit {
    let tables = vec![("anatomical_gm", None, batch(subject, told.version, 0, REGIONS))];
    unit_of(&subject.to_string(), Modality::Anatomical, tables, TivFinding::Measured(told.tiv))
}

/// A list of all of them, each with its age.
fn list(cohort: &Cohort) -> RunRecord {
    let names: Vec<String> = cohort.keys().map(u32::to_string).collect();
    let mut record = record(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (row, told) in record.listing.rows.iter_mut().zip(cohort.values()) {
        row.values = vec![Some(told.age.to_string())];
    }
    record.settings.wide_metrics = WideMetrics::Listed(vec!["mean".to_owned()]);
    record
}

fn told(subject: u32) -> Told {
    Told { version: 1, age: f64::from(20 + subject), tiv: 1400.0 + f64::from(subject) }
}

/// A store of four loads, a row group each.
fn four_loads(lock: &OwnerLock) -> Cohort {
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

fn row_groups(output: &Path, file: &str) -> Vec<i64> {
    let file = File::open(output.join(file)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect()
}

fn doubles<'a>(batch: &'a RecordBatch, name: &str) -> &'a Float64Array {
    batch[name].as_primitive::<Float64Type>()
}

fn optional(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row))
}

fn subjects(batch: &RecordBatch) -> Vec<u32> {
    let column = batch["subject_code"].as_string::<i32>();
    (0..batch.num_rows()).map(|row| column.value(row).parse().unwrap()).collect()
}

/// Every row of the long table, by value.
fn check_long(output: &Path, cohort: &Cohort) {
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
fn check_feature(
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

fn check(output: &Path, cohort: &Cohort) {
    check_long(output, cohort);
    // Among others: the index in the footer, of copied and written row groups, is that of the rows.
    assert_eq!(verify_store(output).unwrap().problems, []);
    let subjects: Vec<u32> = cohort.keys().copied().collect();
    check_feature(output, "wide/anatomical/gm_mean.parquet", &subjects, REGIONS, |subject, region| {
        value(subject, cohort[&subject].version, 0, region)
    });
}

#[test]
fn each_value_of_each_map_is_at_its_place() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let maps: [(u32, Option<MapSource>); 2] = [(0, noddi("icvf")), (1, noddi("od"))];
    let mut all = Vec::new();
    for number in 0..LOADS.len() {
        let units = of_load(number).into_iter().map(|subject| {
            let table = |(map, source)| ("diffusion_NODDI", source, batch(subject, 1, map, REGIONS / 2));
            let tables = maps.clone().map(table).into();
            unit_of(&subject.to_string(), Modality::Diffusion, tables, TivFinding::Kept)
        });
        load(&lock, &record(&[]), units.collect());
        all.extend(of_load(number));
    }
    assert_eq!(row_groups(output.path(), "long/diffusion/NODDI.parquet"), ROWS);
    all.sort_unstable();
    for (map, param) in [(0, "icvf"), (1, "od")] {
        for (metric, sign) in [("mean", 1.0), ("std", -1.0)] {
            let path = format!("wide/diffusion/NODDI_noddi_{param}_{metric}.parquet");
            check_feature(output.path(), &path, &all, REGIONS / 2, |subject, region| {
                value(subject, 1, map, region).map(|value| sign * value)
            });
        }
    }
}

#[test]
fn changed_metadata_and_volumes_reach_their_rows_and_rewrite_no_other_row_group() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    check(output.path(), &cohort);
    let files =
        || [LONG, "wide/anatomical/gm_mean.parquet"].map(|file| fs::read(output.path().join(file)).unwrap());
    let before = files();
    load(&lock, &list(&cohort), Vec::new());
    assert!(files() == before, "nothing changed, and all was written again");

    // The first session of a row group, one amid its own, and the last.
    for (number, place) in [(0, 0), (1, 9), (2, 24)] {
        cohort.get_mut(&of_load(number)[place]).unwrap().age += 0.5;
        load(&lock, &list(&cohort), Vec::new());
        check_long(output.path(), &cohort);
        assert_eq!(row_groups(output.path(), LONG), ROWS, "session {place} of row group {number}");
    }
    for (number, place) in [(0, 16), (3, 0)] {
        let subject = of_load(number)[place];
        let told = cohort.get_mut(&subject).unwrap();
        told.tiv += 0.5;
        let tiv = TivFinding::Measured(told.tiv);
        let alone = unit_of(&subject.to_string(), Modality::Anatomical, Vec::new(), tiv);
        load(&lock, &list(&cohort), vec![alone]);
        check_long(output.path(), &cohort);
        assert_eq!(
            row_groups(output.path(), LONG),
            ROWS,
            "the volume of session {place} of row group {number}"
        );
    }
    check(output.path(), &cohort);

    // A column that comes is in all of them.
    let mut record = list(&cohort);
    record.listing.columns.push("site".to_owned());
    record.listing.rows.iter_mut().for_each(|row| row.values.push(Some("north".to_owned())));
    load(&lock, &record, Vec::new());
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), [32_000, 32_000, 16_000]);
    let sites = support::cells(&read(&output.path().join(LONG)), "site");
    assert!(sites.iter().all(|(_, site)| site == "north"));
}

/// Counts how often an export asks whether to stop while it writes long tables.
#[derive(Default)]
struct Asked {
    writes_long: AtomicBool,
    times: AtomicUsize,
}

impl ExportObserver for Asked {
    fn step(&self, step: &ExportStep) {
        self.writes_long.store(matches!(step, ExportStep::LongTable { .. }), Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        if self.writes_long.load(Ordering::Relaxed) {
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        false
    }
}

#[test]
fn whether_to_stop_is_asked_at_each_row_group() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort: Cohort = (1..=80).map(|subject| (subject, told(subject))).collect();
    let units = cohort.iter().map(|(subject, told)| gm(*subject, told)).collect();
    for (units, changed) in [(units, 1), (Vec::new(), 1), (Vec::new(), 80)] {
        cohort.get_mut(&changed).unwrap().age += 0.5;
        let (asked, record) = (Asked::default(), list(&cohort));
        export_all(&lock, commit(&lock, &record, units), &record, false, &asked).unwrap();
        assert!(asked.times.into_inner() >= 3);
        assert_eq!(row_groups(output.path(), LONG), [32_000, 32_000, 16_000]);
    }
}

#[test]
fn sessions_that_are_read_again_or_come_later_leave_the_other_row_groups_as_they_are() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let again = of_load(1)[7];
    cohort.get_mut(&again).unwrap().version = 2;
    cohort.insert(100, Told { version: 1, age: 70.0, tiv: 1700.0 });
    load(&lock, &list(&cohort), vec![gm(again, &cohort[&again]), gm(100, &cohort[&100])]);
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), [17_000, 19_000, 25_000, 18_000, 2_000]);
    // What fills up the last row group may be a session that was in another.
    let again = of_load(0)[0];
    cohort.get_mut(&again).unwrap().version = 3;
    load(&lock, &list(&cohort), vec![gm(again, &cohort[&again])]);
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), [16_000, 19_000, 25_000, 18_000, 3_000]);
}

#[test]
fn a_copied_row_group_keeps_the_statistics_of_its_pages_encodings() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    four_loads(&lock);
    let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
    let file = File::open(output.path().join(LONG)).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let chunks = read.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
    let without = chunks.filter(|chunk| chunk.page_encoding_stats().is_none_or(|stats| stats.is_empty()));
    assert_eq!(without.map(|chunk| chunk.column_path().string()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_damaged_row_group_is_not_copied_into_the_next_file() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let whole = fs::read(output.path().join(LONG)).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(output.path().join(LONG)).unwrap()).unwrap();
    // No feature is made of this column: only the copy reads it.
    let is_std = |chunk: &&ColumnChunkMetaData| chunk.column_path().string() == "std";
    let (start, length) = reader.metadata().row_group(1).columns().iter().find(is_std).unwrap().byte_range();
    let mut damaged = whole.clone();
    damaged[usize::try_from(start + length / 2).unwrap()] ^= 1;
    fs::write(output.path().join(LONG), &damaged).unwrap();
    cohort.insert(100, told(100));
    let record = list(&cohort);
    let cache = commit(&lock, &record, vec![gm(100, &cohort[&100])]);
    let error = export_all(&lock, cache, &record, false, &Unobserved).unwrap_err().to_string();
    assert!(error.contains(LONG) && error.contains("std"), "{error}");
    assert!(fs::read(output.path().join(LONG)).unwrap() == damaged, "the file stays for whoever mends it");
    fs::write(output.path().join(LONG), whole).unwrap();
    load(&lock, &record, Vec::new());
    check(output.path(), &cohort);
}

#[test]
fn more_sessions_than_are_picked_at_once_are_in_their_features() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let all: Vec<u32> = (1..=4200).collect();
    let units = all.iter().map(|subject| {
        let tables = vec![("anatomical_gm", None, batch(*subject, 1, 0, 8))];
        unit_of(&subject.to_string(), Modality::Anatomical, tables, TivFinding::Kept)
    });
    load(&lock, &record(&[]), units.collect());
    assert_eq!(row_groups(output.path(), LONG), [32_768, 832]);
    for (metric, sign) in [("mean", 1.0), ("std", -1.0)] {
        let path = format!("wide/anatomical/gm_{metric}.parquet");
        check_feature(output.path(), &path, &all, 8, |subject, region| {
            value(subject, 1, 0, region).map(|value| sign * value)
        });
        assert_eq!(row_groups(output.path(), &path), [4096, 104]);
    }
}

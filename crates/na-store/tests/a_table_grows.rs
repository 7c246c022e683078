//! The file of a table grows: what stays is where it was, what changed or came follows, and what went is zeros.

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, cast::AsArray, types::Float64Type,
};
use arrow_schema::DataType;
use na_cache::OwnerLock;
use na_model::{Modality, Removals, TivFinding, Unit};
use na_store::{ExportRequest, LARGEST_TEXT, Unobserved, export, verify_store};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use support::four_loads::{LONG, check, four_loads, gm, list, of_load, row_groups, told};
use support::{commit, load, read, session, stored, unit_of};

/// A chunk of a file: its column, where it begins, and its bytes.
type Chunk = (String, u64, Vec<u8>);

fn metadata(output: &Path) -> Arc<ParquetMetaData> {
    let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
    let file = File::open(output.join(LONG)).unwrap();
    Arc::clone(ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap().metadata())
}

/// The chunks of each row group.
fn chunks(output: &Path) -> Vec<Vec<Chunk>> {
    let bytes = fs::read(output.join(LONG)).unwrap();
    let chunk = |chunk: &ColumnChunkMetaData| {
        let (start, length) = chunk.byte_range();
        let at = usize::try_from(start).unwrap();
        let bytes = bytes[at..at + usize::try_from(length).unwrap()].to_vec();
        (chunk.column_path().string(), start, bytes)
    };
    let groups = metadata(output);
    groups.row_groups().iter().map(|group| group.columns().iter().map(chunk).collect()).collect()
}

/// The columns of each row group that are not what and where they were.
fn changed(before: &[Vec<Chunk>], now: &[Vec<Chunk>]) -> Vec<Vec<String>> {
    let of_group = |(before, now): (&Vec<Chunk>, &Vec<Chunk>)| {
        now.iter().filter(|chunk| !before.contains(chunk)).map(|(column, ..)| column.clone()).collect()
    };
    before.iter().zip(now).map(of_group).collect()
}

/// The bytes before the last chunk that are of no chunk.
fn dead(output: &Path) -> Vec<u8> {
    let mut bytes: Vec<Option<u8>> = fs::read(output.join(LONG)).unwrap().into_iter().map(Some).collect();
    let mut end = 4;
    for (_, start, chunk) in chunks(output).into_iter().flatten() {
        let start = usize::try_from(start).unwrap();
        bytes[start..start + chunk.len()].fill(None);
        end = end.max(start + chunk.len());
    }
    bytes[4..end].iter().flatten().copied().collect()
}

/// What parquet-java asks of each row group: that the middle of its bytes, counted from its first chunk, is within the file. The
/// footer is not counted: its length is nobody's promise.
#[track_caller]
fn check_middles(output: &Path) {
    let bytes = fs::read(output.join(LONG)).unwrap();
    let footer = u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap());
    let end = bytes.len() as u64 - 8 - u64::from(footer);
    for group in metadata(output).row_groups() {
        let (start, _) = group.column(0).byte_range();
        let middle = start + u64::try_from(group.compressed_size()).unwrap() / 2;
        assert!(middle < end, "a row group at {start} is lost");
    }
}

#[test]
fn new_sessions_follow_what_is_there() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let (before, bytes) = (chunks(output.path()), fs::read(output.path().join(LONG)).unwrap());
    cohort.insert(100, told(100));
    load(&lock, &list(&cohort), vec![gm(100, &cohort[&100])]);
    check(output.path(), &cohort);
    let now = chunks(output.path());
    assert_eq!(changed(&before, &now), vec![Vec::<String>::new(); 4]);
    let end = before.iter().flatten().map(|(_, start, bytes)| start + bytes.len() as u64).max().unwrap();
    assert_eq!(now[4][0].1, end, "nothing is between the old rows and the new ones");
    let end = usize::try_from(end).unwrap();
    assert!(fs::read(output.path().join(LONG)).unwrap()[..end] == bytes[..end]);
    assert_eq!(dead(output.path()).len(), 0);
    // A row group that was left small is written again with the next sessions, and leaves nothing behind.
    cohort.insert(101, told(101));
    load(&lock, &list(&cohort), vec![gm(101, &cohort[&101])]);
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG)[4..], [2000]);
    assert_eq!(chunks(output.path())[4][0].1, now[4][0].1);
    assert_eq!(dead(output.path()).len(), 0);
}

#[test]
fn another_value_of_one_session_makes_one_column_of_its_row_group_new() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let before = chunks(output.path());
    cohort.get_mut(&of_load(1)[7]).unwrap().age += 0.5;
    load(&lock, &list(&cohort), Vec::new());
    check(output.path(), &cohort);
    let expected: Vec<Vec<String>> = vec![vec![], vec!["AGE".to_owned()], vec![], vec![]];
    assert_eq!(changed(&before, &chunks(output.path())), expected);
    let (_, _, old) = before[1].iter().find(|(column, ..)| column == "AGE").unwrap();
    assert_eq!(dead(output.path()), vec![0; old.len()], "the old ages are gone");
    check_middles(output.path());
}

#[test]
fn a_session_that_is_read_again_or_leaves_leaves_nothing_behind() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    cohort.get_mut(&of_load(1)[7]).unwrap().age += 0.5;
    load(&lock, &list(&cohort), Vec::new());
    assert_ne!(dead(output.path()).len(), 0);
    for version in 2..5 {
        let again = of_load(1)[9];
        cohort.get_mut(&again).unwrap().version = version;
        load(&lock, &list(&cohort), vec![gm(again, &cohort[&again])]);
        check(output.path(), &cohort);
        check_middles(output.path());
        assert_eq!(dead(output.path()).len(), 0, "a row group would be more than a fiftieth");
    }
    cohort.get_mut(&of_load(1)[3]).unwrap().age += 0.5;
    load(&lock, &list(&cohort), Vec::new());
    assert_ne!(dead(output.path()).len(), 0);
    // What leaves takes the zeros along: here a volume, for which one chunk of a row group is new.
    let mut removals = Removals::default();
    removals.add_volume(Unit::of_parcellate(session(&of_load(2)[5].to_string()), Modality::Anatomical));
    let cache = commit(&lock, &list(&cohort), Vec::new());
    let request = ExportRequest { removals, ..ExportRequest::new(list(&cohort)) };
    export(&lock, &stored(&lock), cache, &request, &Unobserved).unwrap();
    assert_eq!(verify_store(output.path()).unwrap().problems, []);
    assert_eq!(read(&output.path().join(LONG))["tiv"].null_count(), 1000);
    assert_eq!(dead(output.path()).len(), 0);
}

/// The regions of the session that comes with other columns: few, so that next to nothing follows the old rows.
const FEW: u32 = 10;

/// A batch of a session's table with another index, and with a column before it.
fn batch_with(subject: u32, first: Option<(&str, ArrayRef)>, index: ArrayRef) -> RecordBatch {
    let labels = StringArray::from_iter_values((0..FEW).map(|region| format!("r{region:04}")));
    let means = (0..FEW).map(|region| f64::from(subject * 1000 + region) / 3.0);
    let columns = first.into_iter().chain([
        ("index", index),
        ("label", Arc::new(labels) as ArrayRef),
        ("mean", Arc::new(Float64Array::from_iter_values(means)) as ArrayRef),
    ]);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn a_first_column_that_comes_or_gets_another_type_loses_no_row_group() {
    let whole = || Arc::new(Int64Array::from_iter_values((0..FEW).map(i64::from))) as ArrayRef;
    let doubles = || Arc::new(Float64Array::from_iter_values((0..FEW).map(f64::from))) as ArrayRef;
    let words = || Arc::new(StringArray::from_iter_values((0..FEW).map(|n| format!("n{n}")))) as ArrayRef;
    for (is_new, index, data_type) in [
        (true, whole(), DataType::Int64),
        (false, doubles(), DataType::Float64),
        (false, words(), DataType::Utf8),
    ] {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let cohort = four_loads(&lock);
        let before = chunks(output.path());
        let first = is_new.then(|| ("area", doubles()));
        let tables = vec![("anatomical_gm", None, batch_with(400, first, index))];
        let new = unit_of("400", Modality::Anatomical, tables, TivFinding::Measured(1.0));
        load(&lock, &list(&cohort), vec![new]);
        assert_eq!(verify_store(output.path()).unwrap().problems, []);
        check_middles(output.path());
        let long = read(&output.path().join(LONG));
        assert_eq!(*long["index"].data_type(), data_type);
        assert_eq!(row_groups(output.path(), LONG)[4..], [i64::from(FEW)]);
        let mean = long["mean"].as_primitive::<Float64Type>();
        let last = long.num_rows() - 1;
        assert_eq!(mean.value(last).to_bits(), (f64::from(400_009) / 3.0).to_bits());
        let subjects = long["subject_code"].as_string::<i32>();
        let subject = |row| subjects.value(row).parse::<u32>().unwrap();
        assert_eq!((subject(0), subject(last)), (of_load(0)[0], 400));
        let named: Vec<String> = subjects.iter().flatten().map(str::to_owned).collect();
        assert_eq!(named.chunk_by(PartialEq::eq).count(), cohort.len() + 1);
        if is_new {
            let now = chunks(output.path());
            assert_eq!(long["area"].null_count(), last + 1 - FEW as usize);
            assert_eq!((before[0][0].0.as_str(), now[0][0].0.as_str()), ("index", "area"));
            // Its chunks of nulls are a few bytes each.
            assert!(now[..4].iter().all(|group| group[0].2.len() < 100));
        }
    }
}

#[test]
fn text_that_comes_with_the_list_makes_more_row_groups_where_one_would_hold_too_much() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cohort = four_loads(&lock);
    let mut record = list(&cohort);
    record.listing.columns.push("notes".to_owned());
    let length = LARGEST_TEXT / 15_000;
    for (number, row) in record.listing.rows.iter_mut().enumerate() {
        row.values.push(Some(format!("{number:0length$}")));
    }
    load(&lock, &record, Vec::new());
    check(output.path(), &cohort);
    let rows = row_groups(output.path(), LONG);
    assert!(rows.iter().all(|rows| usize::try_from(*rows).unwrap() * length <= LARGEST_TEXT), "{rows:?}");
}

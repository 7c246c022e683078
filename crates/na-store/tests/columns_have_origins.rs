//! A column of the session list is never taken for one of the tables, nor a column for another of its name.

mod support;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use na_cache::{EncodedUnit, OwnerLock, RunRecord};
use na_model::{ListedSession, Listing, Modality, TivFinding, WideMetrics};
use na_store::{FeatureStore, ReadOptions};
use parquet::arrow::ArrowWriter;
use support::{cells, commit, load, read, record, session, unit_of};

const GM: &str = "long/anatomical_gm.parquet";

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn doubles(values: [f64; 2]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn words(values: [&str; 2]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn gm(subject: &str, columns: Vec<(&str, ArrayRef)>) -> EncodedUnit {
    let tables = vec![("anatomical_gm", None, table(columns))];
    unit_of(subject, Modality::Anatomical, tables, TivFinding::Measured(1500.0))
}

fn plain(subject: &str) -> EncodedUnit {
    gm(subject, vec![("label", words(["a", "b"])), ("mean", doubles([1.0, 2.0]))])
}

/// A list of these columns, the same cells for all of these subjects.
fn list(columns: &[(&str, &str)], subjects: &[&str]) -> RunRecord {
    let row = |subject: &&str| ListedSession {
        session: session(subject),
        values: columns.iter().map(|(_, cell)| Some((*cell).to_owned())).collect(),
    };
    let columns = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = subjects.iter().map(row).collect();
    RunRecord { listing: Listing { columns, rows, ..Listing::default() }, ..record(&[]) }
}

fn column(output: &Path, file: &str, name: &str) -> Vec<(String, String)> {
    cells(&read(&output.join(file)), name)
}

fn rows(cells: &[(&str, &str)]) -> Vec<(String, String)> {
    cells.iter().map(|(subject, cell)| ((*subject).to_owned(), (*cell).to_owned())).collect()
}

fn names(path: &Path) -> Vec<String> {
    read(path).schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// The file as a version wrote it whose fields do not say where they are from.
fn without_origins(path: &Path) {
    let batch = read(path);
    let fields = batch
        .schema()
        .fields()
        .iter()
        .map(|f| Field::new(f.name(), f.data_type().clone(), true))
        .collect::<Vec<_>>();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_table_that_gets_a_column_of_the_lists_name_has_nulls_where_it_had_none() {
    for is_of_old_version in [false, true] {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let record = list(&[("score", "7.5")], &["1", "2"]);
        load(&lock, &record, vec![plain("1"), plain("2")]);
        let path = output.path().join(GM);
        assert_eq!(column(output.path(), GM, "score")[0].1, "7.5");
        if is_of_old_version {
            without_origins(&path);
        }
        let scored = gm(
            "2",
            vec![
                ("label", words(["a", "b"])),
                ("mean", doubles([3.0, 4.0])),
                ("score", doubles([0.25, 0.5])),
            ],
        );
        let cache = commit(&lock, &record, vec![scored]);
        let expected = rows(&[("0001", ""), ("0001", ""), ("0002", "0.25"), ("0002", "0.5")]);
        let store = FeatureStore::open(output.path()).unwrap();
        let scanned: Vec<_> = store.scan_long("anatomical_gm").unwrap().map(Result::unwrap).collect();
        let scanned: Vec<_> = scanned.iter().flat_map(|batch| cells(batch, "score")).collect();
        assert_eq!(scanned, expected, "read beside a cache");
        let report = support::export_all(&lock, cache, &record, false, &na_store::Unobserved).unwrap();
        assert_eq!(column(output.path(), GM, "score"), expected);
        assert_eq!(
            column(output.path(), "metadata.parquet", "score"),
            rows(&[("0001", "7.5"), ("0002", "7.5")])
        );
        assert!(report.notes.iter().any(|note| note.contains("score is left out")), "{:?}", report.notes);
    }
}

#[test]
fn a_list_may_have_columns_called_as_the_keys_of_tables() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let columns = [("param", "x"), ("model", "Prisma"), ("label", "patient"), ("index", "5"), ("desc", "z")];
    let record = list(&columns, &["1"]);
    let named = gm("1", vec![("name", words(["a", "b"])), ("mean", doubles([1.0, 2.0]))]);
    load(&lock, &record, vec![named]);
    assert_eq!(column(output.path(), GM, "label")[0].1, "patient");
    let store = FeatureStore::open(output.path()).unwrap();
    let feature = store.feature_batch("gm_mean", &ReadOptions::default().without_metadata()).unwrap();
    let names: Vec<_> = feature.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[2..], ["a", "b"]);
    let of_region = store
        .scan_long_with("anatomical_gm", &ReadOptions::default().regions(["b"]))
        .unwrap()
        .map(|batch| batch.unwrap().num_rows());
    assert_eq!(of_region.sum::<usize>(), 1);
    // Read again: nothing is taken for another map.
    load(&lock, &record, vec![gm("1", vec![("name", words(["a", "b"])), ("mean", doubles([3.0, 4.0]))])]);
    assert_eq!(column(output.path(), GM, "mean"), rows(&[("0001", "3.0"), ("0001", "4.0")]));
}

#[test]
fn no_two_columns_of_a_file_differ_in_case_only_and_values_stay_with_their_column() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let unit = |subject: &str| {
        gm(
            subject,
            vec![
                ("label", words(["a", "b"])),
                ("Mean", doubles([10.0, 20.0])),
                ("mean", doubles([1.0, 2.0])),
                ("score", doubles([5.0, 6.0])),
            ],
        )
    };
    let mut record = list(&[("sex", "f"), ("Sex", "F"), ("Label", "l"), ("Score", "9")], &["1", "2"]);
    record.settings.wide_metrics = WideMetrics::Listed(vec!["mean".to_owned(), "Mean_2".to_owned()]);
    load(&lock, &record, vec![unit("1")]);
    let path = output.path().join(GM);
    let of_first = names(&path);
    let folded: std::collections::BTreeSet<String> =
        of_first.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), of_first.len(), "{of_first:?}");
    // The same list in another order: names stay, and with them the values of the session that is kept.
    record.listing.columns.reverse();
    record.listing.rows.iter_mut().for_each(|row| row.values.reverse());
    let cache = commit(&lock, &record, vec![unit("2")]);
    let store = FeatureStore::open(output.path()).unwrap();
    let feature = |name: &str| {
        let batch = store.feature_batch(name, &ReadOptions::default().without_metadata()).unwrap();
        cells(&batch, "b")
    };
    let expected = |value: &str| rows(&[("0001", value), ("0002", value)]);
    assert_eq!(
        (feature("gm_mean"), feature("gm_Mean_2")),
        (expected("2.0"), expected("20.0")),
        "beside a cache"
    );
    support::export_all(&lock, cache, &record, false, &na_store::Unobserved).unwrap();
    assert_eq!((feature("gm_mean"), feature("gm_Mean_2")), (expected("2.0"), expected("20.0")));
    let mut sorted = [names(&path), of_first];
    sorted.iter_mut().for_each(|names| names.sort());
    assert_eq!(sorted[0], sorted[1]);
    for (name, value) in [("sex_2", "f"), ("Sex", "F"), ("Label_2", "l"), ("Score", "9")] {
        assert!(column(output.path(), GM, name).iter().all(|(_, cell)| cell == value), "{name}");
    }
    let scores = column(output.path(), GM, "score_2");
    assert_eq!(scores, rows(&[("0001", "5.0"), ("0001", "6.0"), ("0002", "5.0"), ("0002", "6.0")]));
}

#[test]
fn a_column_that_must_not_be_there_leaves_long_tables_too() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    load(&lock, &list(&[("DoB", "1950"), ("site", "a")], &["1", "2"]), vec![plain("1"), plain("2")]);
    let path = output.path().join(GM);
    without_origins(&path);
    assert!(names(&path).contains(&"DoB".to_owned()));
    let mut record = list(&[("site", "b")], &["2"]);
    record.listing.left_out = vec!["DoB".to_owned()];
    let report = load(&lock, &record, Vec::new());
    for file in [GM, "metadata.parquet"] {
        assert!(!names(&output.path().join(file)).contains(&"DoB".to_owned()), "{file}");
        let sites = column(output.path(), file, "site");
        assert!(sites.contains(&("0001".to_owned(), "a".to_owned())), "{file}: {sites:?}");
    }
    assert!(report.notes.iter().any(|note| note.contains("DoB leaves the store")), "{:?}", report.notes);
}

#[test]
fn digits_that_are_lost_to_another_sessions_fraction_are_told() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let long = || Arc::new(Int64Array::from(vec![202_507_271_541_123_457, 1])) as ArrayRef;
    let record = list(&[], &["1", "2"]);
    let with = |subject, code| gm(subject, vec![("label", words(["a", "b"])), ("code", code)]);
    let report = load(&lock, &record, vec![with("1", long())]);
    assert_eq!(report.notes, [""; 0]);
    assert_eq!(column(output.path(), GM, "code")[0].1, "202507271541123457");
    let report = load(&lock, &record, vec![with("2", doubles([1.5, 2.0]))]);
    let is_told =
        |note: &String| note.contains("anatomical_gm") && note.contains("code") && note.contains("digits");
    assert_eq!(report.notes.iter().filter(|note| is_told(note)).count(), 1, "{:?}", report.notes);
    assert_eq!(
        *read(&output.path().join(GM)).schema().field_with_name("code").unwrap().data_type(),
        DataType::Float64
    );
}

//! Files that another program wrote back with columns or rows in another order: nothing is lost, and nothing is taken for something
//! else.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchReader, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema};
use arrow_select::take::take;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use support::cohort::{Cohort, anatomical};
use support::files::contents_below;
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");

/// How a program writes a file back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    KeysFirst,
    ColumnsBackwards,
    RowsShuffled,
    /// As pandas does with `index=True`, after it dropped rows.
    WithRowNumbers,
}

const ORDERS: [Order; 4] =
    [Order::KeysFirst, Order::ColumnsBackwards, Order::RowsShuffled, Order::WithRowNumbers];

impl Order {
    /// Writes every Parquet file of a store back so, without what its fields and its footer said.
    fn rewrite(self, store: &Path) {
        for path in Store::read(store).tables.keys() {
            self.write_back(&store.join(path), None);
        }
    }

    /// `footer` is what the file says of itself: most programs write nothing of it.
    fn write_back(self, path: &Path, footer: Option<Vec<KeyValue>>) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let reader = reader.with_batch_size(1 << 20).build().unwrap();
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let batch = arrow_select::concat::concat_batches(&schema, &batches).unwrap();
        let names = schema.fields().iter().map(|field| field.name().clone());
        let mut columns: Vec<(String, ArrayRef)> = names.zip(batch.columns().iter().cloned()).collect();
        let n_rows = u32::try_from(batch.num_rows()).unwrap();
        match self {
            Self::KeysFirst => {
                columns.sort_by_key(|(name, _)| !matches!(name.as_str(), "subject_code" | "session_id"))
            }
            Self::ColumnsBackwards => columns.reverse(),
            Self::RowsShuffled => {
                // 7 and the number of rows have no divisor in common, or else the rows turn round.
                let step = if n_rows % 7 == 0 { n_rows - 1 } else { 7 };
                let rows: UInt32Array = (0..n_rows).map(|row| (row * step) % n_rows).collect();
                columns.iter_mut().for_each(|(_, column)| *column = take(column, &rows, None).unwrap());
            }
            Self::WithRowNumbers => {
                let numbers = Int64Array::from_iter_values((0..i64::from(n_rows)).map(|row| row * 2));
                columns.push(("__index_level_0__".to_owned(), Arc::new(numbers)));
            }
        }
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
        let bare = Arc::new(Schema::new(batch.schema().fields().clone()));
        let properties = WriterProperties::builder().set_key_value_metadata(footer).build();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), bare, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

/// A store's tables as sets of rows, each cell with the name of its column.
type Content = BTreeMap<String, BTreeSet<BTreeMap<String, String>>>;

fn content(cohort: &Cohort) -> Content {
    let tables = Store::read(&cohort.store()).tables.into_iter();
    let rows = |columns: Vec<String>, rows: Vec<Vec<String>>| {
        rows.into_iter().map(|row| columns.iter().cloned().zip(row).collect()).collect()
    };
    tables.map(|(path, table)| (path, rows(table.columns, table.rows))).collect()
}

fn one_go(sessions: &[(&str, &str)]) -> Content {
    let cohort = Cohort::of(sessions);
    cohort.run(&[]).ended(0);
    content(&cohort)
}

#[track_caller]
fn assert_same(found: &Content, expected: &Content, order: Order) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{order:?}");
    for (path, rows) in expected {
        assert_eq!(&found[path], rows, "{order:?} {path}");
    }
}

fn rewritten(order: Order) -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    order.rewrite(&cohort.store());
    cohort
}

#[test]
fn a_session_is_added_to_what_was_rewritten() {
    let expected = one_go(&[A, B, C]);
    for order in ORDERS {
        let cohort = rewritten(order);
        cohort.add(C.0, C.1);
        cohort.list_of(&[A, B, C]);
        let ran = cohort.run(&[]).ended(0);
        assert_eq!(ran.stderr.matches("WARN").count(), 0, "{order:?}: {}", ran.stderr);
        assert_same(&content(&cohort), &expected, order);
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn what_goes_goes_from_every_table() {
    let expected = one_go(&[A]);
    for order in ORDERS {
        let cohort = rewritten(order);
        cohort.write("gone.txt", "0002\n");
        cohort.export_cache(&["--withdrawn", "gone.txt"]).ended(0);
        assert_same(&content(&cohort), &expected, order);

        let cohort = rewritten(order);
        for tissue in ["GM", "WM", "CT"] {
            cohort.remove(&anatomical(B.0, B.1, tissue));
        }
        cohort.run(&["--prune", "--yes"]).ended(0);
        let found = content(&cohort);
        for tissue in ["gm", "wm", "ct"] {
            let rows = &found[&format!("long/anatomical_{tissue}.parquet")];
            assert!(rows.iter().all(|row| row["subject_code"] == A.0), "{order:?} {tissue}");
        }
        assert_eq!(found["long/diffusion/NODDI.parquet"].len(), 16, "{order:?}");
    }
}

/// Numbers have no zeros in front, and are not the text that the store's other files have.
#[test]
fn codes_that_became_numbers_or_are_gone_stop_a_load_before_it_writes() {
    let long = "data/processed/long/anatomical_gm.parquet";
    let noddi = "data/processed/long/diffusion/NODDI.parquet";
    let numbers = |column: &ArrayRef| cast(column, &DataType::Int64).unwrap();
    for (file, column) in [(long, "session_id"), (long, "subject_code"), (noddi, "session_id")] {
        let cohort = Cohort::of(&[A, B]);
        cohort.run(&[]).ended(0);
        with_columns(&cohort.path(file), |name, values| {
            Some(if name == column { numbers(values) } else { values.clone() })
        });
        refused(&cohort, column);
    }
    for (file, column) in [(noddi, "param"), (long, "subject_code")] {
        let cohort = Cohort::of(&[A, B]);
        cohort.run(&[]).ended(0);
        with_columns(&cohort.path(file), |name, values| (name != column).then(|| values.clone()));
        refused(&cohort, column);
    }
}

#[track_caller]
fn refused(cohort: &Cohort, column: &str) {
    let before = contents_below(cohort.root());
    let said = format!("its column {column} is no text, or gone");
    cohort.run(&["--reload"]).ended(1).says(&[&said, "Put a copy in its place"]);
    assert!(contents_below(cohort.root()) == before, "{column}");
}

#[test]
fn a_statistic_that_somebody_took_out_is_told_until_it_is_read_again() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = content(&cohort);
    let long = cohort.path("data/processed/long/anatomical_gm.parquet");
    with_columns(&long, |name, values| (name != "mean").then(|| values.clone()));
    let said = "long/anatomical_gm.parquet has lost the columns mean";
    cohort.run(&["--dry-run"]).ended(0).says(&[said]);
    cohort.run(&["--reload"]).ended(0).says(&[said]);
    assert_same(&content(&cohort), &expected, Order::ColumnsBackwards);
    cohort.run(&[]).ended(0).keeps_quiet_about(&["has lost"]);
}

/// Writes a file back with other columns, and without what it said.
fn with_columns(path: &Path, column: impl Fn(&str, &ArrayRef) -> Option<ArrayRef>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let batch = arrow_select::concat::concat_batches(&batches[0].schema(), &batches).unwrap();
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns
        .filter_map(|(field, values)| Some((field.name().clone(), column(field.name(), values)?, true)));
    let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Without the manifest nobody can tell the session list's columns from the table's: nothing is guessed.
#[test]
fn columns_in_another_order_without_a_manifest_stop_a_load() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let long = cohort.path("data/processed/long/anatomical_gm.parquet");
    let file = SerializedFileReader::new(File::open(&long).unwrap()).unwrap();
    let footer = file.metadata().file_metadata().key_value_metadata().unwrap().iter();
    let ours = footer.filter(|pair| pair.key.starts_with("neuroalign.")).cloned().collect();
    Order::KeysFirst.write_back(&long, Some(ours));
    cohort.remove("data/processed/manifest.json");
    cohort.add(C.0, C.1);
    cohort.list_of(&[A, B, C]);
    let before = contents_below(cohort.root());
    cohort.run(&[]).ended(1).says(&["another order", "put the manifest or the file back from a copy"]);
    assert!(contents_below(cohort.root()) == before, "nothing was written");
}

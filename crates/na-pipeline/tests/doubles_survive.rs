//! The doubles of the text are the doubles of the store, bit for bit.

use std::fmt::Write as _;
use std::path::Path;

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Float64Type};
use na_cache::{Cancel, EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer, cache_status};
use na_model::{Modality, Session, SubjectCode, TableName, Unit};
use na_pipeline::parse::regional_tsv::parse_table;
use na_store::{CacheExport, FeatureStore, ReadOptions, Unobserved, export_cache};
use proptest::prelude::*;

/// Every double: all bits are as likely, and so are the odd ones.
fn double() -> impl Strategy<Value = Option<f64>> {
    let odd =
        prop::sample::select(vec![0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1e22]);
    let any = any::<u64>().prop_map(f64::from_bits).prop_filter("written as a number", |x| x.is_finite());
    prop_oneof![1 => Just(None), 2 => odd.prop_map(Some), 9 => any.prop_map(Some)]
}

/// The table's text, numbers in the shortest form or with 17 digits.
fn text(rows: &[[Option<f64>; 3]], is_short: bool) -> String {
    let mut text = "label\tmean\tother\tstd\n".to_owned();
    for (row, cells) in rows.iter().enumerate() {
        write!(text, "region {row}").unwrap();
        for cell in cells {
            match cell {
                None => text.push('\t'),
                Some(cell) if is_short => write!(text, "\t{cell:?}").unwrap(),
                Some(cell) => write!(text, "\t{cell:.16e}").unwrap(),
            }
        }
        text.push('\n');
    }
    text
}

fn bits(batch: &RecordBatch, name: &str) -> Vec<Option<u64>> {
    let column = batch.column_by_name(name).unwrap();
    match column.as_primitive_opt::<Float64Type>() {
        Some(column) => column.iter().map(|x| x.map(f64::to_bits)).collect(),
        // A column without any value.
        None => vec![None; column.len()],
    }
}

proptest! {
    #[test]
    fn from_text_to_columns(rows in prop::collection::vec(prop::array::uniform3(double()), 1..20), is_short: bool) {
        let table = parse_table(Path::new("t.tsv"), text(&rows, is_short).as_bytes()).unwrap();
        for (place, name) in ["mean", "other", "std"].into_iter().enumerate() {
            let expected: Vec<_> = rows.iter().map(|row| row[place].map(f64::to_bits)).collect();
            prop_assert_eq!(bits(&table.batch, name), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn from_text_through_the_cache_to_parquet(rows in prop::collection::vec(prop::array::uniform3(double()), 1..20)) {
        let output = tempfile::tempdir().unwrap();
        let table = parse_table(Path::new("t.tsv"), text(&rows, true).as_bytes()).unwrap();
        {
            let lock = OwnerLock::acquire(output.path()).unwrap();
            let cache = OwnedCache::open_or_create(&lock).unwrap();
            let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
            let name = TableName::parse("anatomical_gm").unwrap();
            sender.send(EncodedUnit {
                unit: Unit::of_parcellate(Session::new(SubjectCode::clean("1").unwrap(), None), Modality::Anatomical),
                read_at: na_model::ReadAt::now(),
        tiv: na_model::TivFinding::Kept,
                tables: vec![EncodedTable::encode(name, None, &table.batch).unwrap()],
                sources: Vec::new(),
            }).unwrap();
            drop(sender);
            writer.finish().unwrap();
        }
        let store = FeatureStore::open(output.path()).unwrap();
        for _ in ["through the cache", "out of Parquet"] {
            let batch = store.scan_long("anatomical_gm").unwrap().next().unwrap().unwrap();
            for (place, name) in ["mean", "other", "std"].into_iter().enumerate() {
                let expected: Vec<_> = rows.iter().map(|row| row[place].map(f64::to_bits)).collect();
                prop_assert_eq!(bits(&batch, name), expected);
            }
            let options = ReadOptions::default().without_metadata();
            let wide = store.feature_batch("gm_mean", &options).unwrap();
            let expected: Vec<_> = rows.iter().map(|row| row[0].map(f64::to_bits)).collect();
            let found: Vec<_> =
                (0..rows.len()).map(|row| bits(&wide, &format!("region {row}"))[0]).collect();
            prop_assert_eq!(found, expected);
            if cache_status(store.folder(), &Cancel::never()).unwrap().is_some() {
                export_cache(store.folder(), &CacheExport::default(), &Unobserved).unwrap();
            }
        }
    }
}

//! Files of a store that another program read and wrote back: text in pandas' and pyarrow's layouts, narrow numbers.

#[path = "../../../tests/support/files.rs"]
mod files;
mod support;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, NullArray, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat_batches;
use files::parquet_below;
use na_cache::OwnerLock;
use na_model::Modality;
use na_store::{
    CacheExport, ExistingStore, FeatureStore, ReadOptions, SourceDetail, StoreError, StoredUnit, Unobserved,
    export_cache,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use support::{commit, export_all, record, unit};
use tempfile::TempDir;

const LONG: [&str; 2] = ["anatomical_gm", "diffusion_NODDI"];
const FEATURES: [&str; 2] = ["gm_mean", "NODDI_noddi_icvf_mean"];

fn exported() -> TempDir {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2"]);
    let units = ["1", "2"].into_iter().flat_map(|s| Modality::ALL.map(|modality| unit(s, modality, 3.0)));
    export_all(&lock, commit(&lock, &record, units.collect()), &record, false, &Unobserved).unwrap();
    output
}

/// Writes a file anew as other programs do: its columns as they have them, and none of its notes.
fn write_back(path: &Path, column: impl Fn(&ArrayRef) -> ArrayRef) {
    write_back_with(path, WriterProperties::default(), column);
}

fn write_back_with(path: &Path, properties: WriterProperties, column: impl Fn(&ArrayRef) -> ArrayRef) {
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::new(Schema::new(read.schema().fields().clone()));
    let batches: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
    let batch = concat_batches(&schema, &batches).unwrap();
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| (field.name().clone(), column(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// All that readers see of a store: its tables' columns without their fields' notes, regions, and sources.
#[derive(Debug, PartialEq)]
struct Content {
    tables: Vec<Vec<(String, ArrayRef)>>,
    regions: Vec<Vec<String>>,
    units: Vec<StoredUnit>,
}

fn content(output: &Path) -> Content {
    let store = FeatureStore::open(output).unwrap();
    let options = ReadOptions::default().with_tiv();
    let mut tables = Vec::new();
    let mut add = |batch: RecordBatch| {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().clone());
        tables.push(names.zip(batch.columns().iter().cloned()).collect::<Vec<_>>());
    };
    for table in LONG {
        let (schema, batches) = store.scan_long_with(table, &options).unwrap().read_all().unwrap();
        add(concat_batches(&schema, &batches).unwrap());
    }
    FEATURES.iter().for_each(|feature| add(store.feature_batch(feature, &options).unwrap()));
    add(store.features_batch(&FEATURES, &options).unwrap());
    add(store.metadata_batch().unwrap());
    add(store.tiv_batch().unwrap());
    let regions = LONG.iter().chain(&FEATURES).map(|name| store.regions(name).unwrap()).collect();
    let mut units = Vec::new();
    ExistingStore::open(output)
        .unwrap()
        .for_each_unit(SourceDetail::Sidecars, |unit| {
            units.push(unit);
            Ok::<(), StoreError>(())
        })
        .unwrap();
    Content { tables, regions, units }
}

#[test]
fn text_is_text_in_whichever_layout() {
    let dictionary = |keys, values| DataType::Dictionary(Box::new(keys), Box::new(values));
    let layouts = [
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary(DataType::Int8, DataType::Utf8),
        dictionary(DataType::Int32, DataType::LargeUtf8),
    ];
    for layout in layouts {
        let output = exported();
        let before = content(output.path());
        for path in parquet_below(output.path()) {
            write_back(&path, |array| match array.data_type() {
                // A column of text without a value is one of nulls in pandas.
                DataType::Utf8 if array.null_count() == array.len() => Arc::new(NullArray::new(array.len())),
                DataType::Utf8 => cast(array, &layout).unwrap(),
                _ => Arc::clone(array),
            });
        }
        assert_eq!(content(output.path()), before, "{layout}");

        // What comes next is merged with it, and all is the store's own again.
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let third = Modality::ALL.map(|modality| unit("3", modality, 9.0));
        drop(commit(&lock, &record(&["1", "2", "3"]), third.into()));
        drop(lock);
        let store = FeatureStore::open(output.path()).unwrap();
        let report = export_cache(store.folder(), &CacheExport::default(), &Unobserved).unwrap();
        assert_eq!(report.manifest.long_formats["anatomical_gm"].n_rows, 9);
        assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows(), 3);
        let path = output.path().join("long/anatomical_gm.parquet");
        let written = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        assert_eq!(*written.schema().field_with_name("label").unwrap().data_type(), DataType::Utf8);
    }
}

/// The store compresses its pages as other programs do, and no other way of theirs is its own.
#[test]
fn pages_of_zstd_are_read_in_both_versions_of_pages() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let output = exported();
        let before = content(output.path());
        for path in parquet_below(output.path()) {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::default()))
                .set_writer_version(version);
            write_back_with(&path, properties.build(), Arc::clone);
        }
        assert_eq!(content(output.path()), before, "{version:?}");
    }
}

#[test]
fn numbers_of_32_bits_are_read_and_merged_as_numbers_of_64() {
    let output = exported();
    for path in parquet_below(output.path()).iter().filter(|path| !path.ends_with("sources.parquet")) {
        write_back(path, |array| match array.data_type() {
            DataType::Int64 => cast(array, &DataType::Int32).unwrap(),
            DataType::Float64 => cast(array, &DataType::Float32).unwrap(),
            _ => Arc::clone(array),
        });
    }
    let check = |store: &FeatureStore| {
        let rows = store.scan_long("anatomical_gm").unwrap().next().unwrap().unwrap();
        let index: Vec<i64> = rows["index"].as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(index[..3], [1, 2, 3]);
        assert_eq!(rows["mean"].as_primitive::<Float64Type>().values()[..3], [3.0, 1.0, 21.0]);
        let feature = store.feature_batch("gm_mean", &ReadOptions::default().with_tiv()).unwrap();
        assert_eq!(feature["a"].as_primitive::<Float64Type>().value(0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(feature["AGE"].as_primitive::<Float64Type>().value(0).to_bits(), 30.0_f64.to_bits());
        assert_eq!(feature["tiv"].as_primitive::<Float64Type>().value(0).to_bits(), 1003.0_f64.to_bits());
    };
    let store = FeatureStore::open(output.path()).unwrap();
    check(&store);
    let lock = OwnerLock::acquire(output.path()).unwrap();
    drop(commit(&lock, &record(&["1", "2", "3"]), vec![unit("3", Modality::Anatomical, 9.0)]));
    drop(lock);
    export_cache(store.folder(), &CacheExport::default(), &Unobserved).unwrap();
    check(&store);
}

#[test]
fn metadata_of_other_types_are_text_and_no_null() {
    let output = exported();
    let path = output.path().join("metadata.parquet");
    let names = ["subject_code", "session_id", "smoker"];
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let batch = read.build().unwrap().next().unwrap().unwrap();
    let smoker: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let columns = batch.columns().iter().take(2).chain([&smoker]);
    let columns = names.into_iter().zip(columns).map(|(name, array)| (name, Arc::clone(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let metadata = FeatureStore::open(output.path()).unwrap().metadata_batch().unwrap();
    let smokers: Vec<_> = metadata["smoker"].as_string::<i32>().iter().collect();
    assert_eq!(smokers, [Some("True"), Some("False")]);
}

/// pyarrow copies all notes of a file into one of other rows: an index of the rows that were there before must not be believed.
#[test]
fn the_notes_of_a_file_in_one_of_other_rows_are_not_believed() {
    let output = exported();
    let path = output.path().join("long/anatomical_gm.parquet");
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let notes = read.metadata().file_metadata().key_value_metadata().cloned();
    assert!(notes.iter().flatten().any(|note| note.key == "neuroalign.index"));
    let schema = read.schema().clone();
    let batches: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
    let rows = concat_batches(&schema, &batches).unwrap();
    let of_one = rows.slice(3, 3);
    let properties = WriterProperties::builder().set_key_value_metadata(notes).build();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&of_one).unwrap();
    writer.close().unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    let (_, batches) = store.scan_long("anatomical_gm").unwrap().read_all().unwrap();
    assert_eq!(batches.iter().map(RecordBatch::columns).collect::<Vec<_>>(), [of_one.columns()]);
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2", "3"]);
    let third = vec![unit("3", Modality::Anatomical, 3.0)];
    export_all(&lock, commit(&lock, &record, third), &record, false, &Unobserved).unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    let feature = store.feature_batch("gm_mean", &ReadOptions::default().without_metadata()).unwrap();
    assert_eq!(
        feature["subject_code"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
        ["0002", "0003"]
    );
}

#[test]
fn a_session_whose_rows_another_program_wrote_apart_lacks_nothing() {
    let output = exported();
    let path = output.path().join("long/anatomical_gm.parquet");
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let schema = read.schema().clone();
    let batches: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
    let rows = concat_batches(&schema, &batches).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2", "3"]);
    let third = vec![unit("3", Modality::Anatomical, 3.0)];
    export_all(&lock, commit(&lock, &record, third), &record, false, &Unobserved).unwrap();
    let sessions = std::fs::read_to_string(output.path().join("sessions.tsv")).unwrap();
    assert!(!sessions.contains("regions"), "{sessions}");
}

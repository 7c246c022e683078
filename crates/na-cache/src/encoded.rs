//! Units as the cache stores them, made by the loading threads so that the writer only writes.

use std::cell::RefCell;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use na_model::{MapSource, Region, RegionSet, SourceFile, TableName, Unit};

use crate::CacheError;
use crate::schema::columns_to_text;

const ZSTD_LEVEL: i32 = 1;

/// No table of one session decodes to more, bytes.
const LARGEST_TABLE: usize = 1 << 30;

/// A unit that is ready to be committed.
#[derive(Debug, Clone)]
pub struct EncodedUnit {
    /// Which.
    pub unit: Unit,
    /// Total intracranial volume, mL.
    pub tiv: Option<f64>,
    /// Its tables.
    pub tables: Vec<EncodedTable>,
    /// The files they were read from.
    pub sources: Vec<SourceFile>,
}

/// A table of one session: rows × columns as one compressed Arrow IPC stream.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    pub(crate) n_rows: usize,
    pub(crate) columns: String,
    pub(crate) regions: String,
    pub(crate) data: Vec<u8>,
    region_set: RegionSet,
}

impl EncodedTable {
    /// Encodes a table; `region_column` names its regions.
    ///
    /// # Errors
    /// A batch that Arrow IPC cannot hold.
    pub fn encode(
        table: TableName,
        map: Option<MapSource>,
        batch: &RecordBatch,
        region_column: &str,
    ) -> Result<Self, CacheError> {
        let mut ipc = Vec::with_capacity(batch.get_array_memory_size() + 16 * 1024);
        let mut writer = StreamWriter::try_new(&mut ipc, batch.schema_ref())?;
        writer.write(batch)?;
        writer.finish()?;
        drop(writer);
        let region_set = regions_of(batch, region_column);
        Ok(Self {
            table,
            map,
            n_rows: batch.num_rows(),
            columns: columns_to_text(batch.schema_ref()),
            regions: serde_json::to_string(&region_set).unwrap_or_default(),
            data: compress(&ipc)?,
            region_set,
        })
    }

    /// The long table it feeds.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Which map it is of, for diffusion tables.
    #[must_use]
    pub fn map(&self) -> Option<&MapSource> {
        self.map.as_ref()
    }

    /// Its regions.
    #[must_use]
    pub fn regions(&self) -> &RegionSet {
        &self.region_set
    }

    /// The size of its blob, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data.len()
    }
}

fn regions_of(batch: &RecordBatch, region_column: &str) -> RegionSet {
    let index = batch.column_by_name("index").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let label = batch.column_by_name(region_column).and_then(|column| match column.data_type() {
        DataType::Utf8 => column.as_string_opt::<i32>(),
        _ => None,
    });
    RegionSet::new((0..batch.num_rows()).map(|row| Region {
        index: index.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
        label: label.filter(|column| column.is_valid(row)).map(|column| column.value(row).to_owned()),
    }))
}

thread_local! {
    /// A context of zstd is larger than most blobs: each thread makes its own once.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn compress(ipc: &[u8]) -> Result<Vec<u8>, ArrowError> {
    let compressed = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => compressor.compress(ipc),
        None => slot.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?).compress(ipc),
    });
    compressed.map_err(|error| ArrowError::IpcError(error.to_string()))
}

/// The table of a blob.
pub(crate) fn decode(data: &[u8]) -> Result<RecordBatch, ArrowError> {
    let broken = |problem: &str| ArrowError::IpcError(problem.to_owned());
    let size = zstd::zstd_safe::get_frame_content_size(data)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= LARGEST_TABLE)
        .ok_or_else(|| broken("the blob does not say its size"))?;
    let ipc = DECOMPRESSOR
        .with_borrow_mut(|slot| match slot {
            Some(decompressor) => decompressor.decompress(data, size),
            None => slot.insert(zstd::bulk::Decompressor::new()?).decompress(data, size),
        })
        .map_err(|error| broken(&error.to_string()))?;
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from_vec(ipc);
    let batch = decoder.decode(&mut buffer)?.ok_or_else(|| broken("the blob holds no table"))?;
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, NullArray, StringArray};

    use super::*;

    #[test]
    fn every_bit_of_a_table_survives() {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("index", Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])) as _, true),
            ("label", Arc::new(StringArray::from(vec![Some("a"), Some("NA"), None])) as _, true),
            ("mean", Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.1 + 0.2), None])) as _, true),
            ("is_bimodal", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as _, true),
            ("empty", Arc::new(NullArray::new(3)) as _, true),
        ])
        .unwrap();
        let encoded =
            EncodedTable::encode(TableName::parse("anatomical_gm").unwrap(), None, &batch, "label").unwrap();
        let decoded = decode(&encoded.data).unwrap();
        assert_eq!(decoded, batch);
        let mean = decoded.column(2).as_primitive::<arrow::datatypes::Float64Type>();
        assert!(mean.value(0).is_sign_negative());
        assert_eq!(encoded.regions().as_slice().len(), 3);
        assert_eq!(
            crate::schema::columns_from_text(&encoded.columns).unwrap().fields(),
            batch.schema().fields()
        );
    }

    #[test]
    fn a_broken_blob_is_an_error() {
        for data in [&b""[..], b"abc", &[0x28, 0xb5, 0x2f, 0xfd, 0, 0]] {
            assert!(decode(data).is_err());
        }
    }
}

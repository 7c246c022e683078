//! Units as the cache stores them, made by the loading threads so that the writer only writes.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use na_model::{MapSource, ReadAt, Region, RegionSet, SourceFile, TableName, TivFinding, Unit};

use crate::CacheError;
use crate::blob::pack;

/// A unit that is ready to be committed.
#[derive(Debug, Clone)]
pub struct EncodedUnit {
    /// Which.
    pub unit: Unit,
    /// When its files were read.
    pub read_at: ReadAt,
    /// What it says of total intracranial volume.
    pub tiv: TivFinding,
    /// Its tables. What the cache has of the unit's other tables stays.
    pub tables: Vec<EncodedTable>,
    /// The files they were read from.
    pub sources: Vec<SourceFile>,
}

/// A table of one session: rows × columns as one blob of compressed columns.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    pub(crate) n_rows: usize,
    pub(crate) columns: SchemaRef,
    pub(crate) regions: RegionSet,
    pub(crate) data: Vec<u8>,
}

impl EncodedTable {
    /// Encodes a table; `region_column` names its regions.
    ///
    /// # Errors
    /// A column that is neither text, double, integer nor boolean; a table that is too large to be read again.
    pub fn encode(
        table: TableName,
        map: Option<MapSource>,
        batch: &RecordBatch,
        region_column: &str,
    ) -> Result<Self, CacheError> {
        Ok(Self {
            table,
            map,
            n_rows: batch.num_rows(),
            columns: batch.schema(),
            regions: regions_of(batch, region_column),
            data: pack(batch)?,
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
        &self.regions
    }

    /// Columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns.fields().len()
    }

    /// Its columns of numbers and flags: what features can be made of.
    #[must_use]
    pub fn numeric_columns(&self) -> Vec<&str> {
        let is_numeric = |data_type: &DataType| {
            matches!(data_type, DataType::Float64 | DataType::Int64 | DataType::Boolean)
        };
        let fields = self.columns.fields().iter().filter(|field| is_numeric(field.data_type()));
        fields.map(|field| field.name().as_str()).collect()
    }

    /// Bytes of text.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        0
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

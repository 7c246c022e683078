use std::path::PathBuf;

use arrow_array::{
    Float64Array, Int64Array,
    cast::AsArray,
    new_null_array,
    types::{Float64Type, Int64Type},
};
use arrow_schema::{DataType, Field, Schema};
use tempfile::TempDir;

use super::*;
use crate::format::parquet_reader::ParquetReader;

const GROUPS: usize = 60;
const ROWS: usize = 20;

fn schema(first: &[Field]) -> SchemaRef {
    let own = ["index", "mean"].into_iter().zip([DataType::Int64, DataType::Float64]);
    let own = own.map(|(name, of)| Field::new(name, of, true));
    Arc::new(Schema::new(first.iter().cloned().chain(own).collect::<Vec<_>>()))
}

/// No two are alike.
fn mean(group: usize, row: usize) -> f64 {
    ((group * ROWS + row) as f64).sqrt()
}

fn columns(group: usize) -> [ArrayRef; 2] {
    let rows = 0..ROWS as i64;
    let means = (0..ROWS).map(|row| mean(group, row));
    [Arc::new(Int64Array::from_iter_values(rows)), Arc::new(Float64Array::from_iter_values(means))]
}

struct Files {
    _folder: TempDir,
    path: PathBuf,
    changes: FileChanges,
}

impl Files {
    /// A file of many small row groups.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, changes) = (folder.path().join("x.parquet"), FileChanges::default());
        let mut writer =
            ParquetWriter::create(&path, &changes, &schema(&[]), Compression::Zstd, &[]).unwrap();
        for group in 0..GROUPS {
            let columns = columns(group);
            writer.write_group(|index| Ok(vec![Arc::clone(&columns[index])])).unwrap();
        }
        writer.commit().unwrap();
        Self { _folder: folder, path, changes }
    }

    fn open(&self) -> ParquetReader {
        ParquetReader::open(&self.path).unwrap().unwrap()
    }

    /// Replaces the file by one in which each row group keeps the columns that `column` does not give.
    fn edit(
        &self,
        schema: &SchemaRef,
        stays: &[Vec<usize>],
        column: impl Fn(usize, usize) -> Option<ArrayRef>,
    ) -> Option<KeptChunks> {
        let old = ParquetFile::open(&self.path).unwrap().unwrap();
        let kept = KeptChunks::of(&old, stays, 0);
        let zstd = Compression::Zstd;
        let from = kept.clone().map(|kept| (&old, kept));
        let mut writer =
            ParquetWriter::create_from(from, &self.path, &self.changes, schema, zstd, &[]).unwrap();
        let shift = schema.fields().len() - 2;
        for group in 0..GROUPS {
            let columns = (0..schema.fields().len()).map(|index| match column(group, index) {
                Some(new) => KeptColumn::New(vec![new]),
                None => KeptColumn::Same(index - shift),
            });
            writer.keep_group(&old, group, &columns.collect::<Vec<_>>()).unwrap();
        }
        writer.commit().unwrap();
        kept
    }

    fn check_means(&self) {
        let file = self.open();
        for group in 0..GROUPS {
            let read = file.read(group, &["mean"]).unwrap();
            let read = read.column(0).as_primitive::<Float64Type>();
            assert!(read.values().iter().copied().eq((0..ROWS).map(|row| mean(group, row))));
        }
    }

    /// Whether the middle of each row group is before the footer.
    fn has_all_middles(&self) -> bool {
        let bytes = std::fs::read(&self.path).unwrap();
        let footer = u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap());
        let end = bytes.len() as u64 - 8 - u64::from(footer);
        self.open().row_groups().iter().all(|group| middle(group) < end)
    }
}

#[test]
fn a_first_column_at_the_end_of_the_file_is_followed_by_as_many_zeros_as_readers_need() {
    let files = Files::new();
    let schema = schema(&[Field::new("area", DataType::Float64, true)]);
    let both = vec![vec![0, 1]; GROUPS];
    let nulls = || new_null_array(&DataType::Float64, ROWS);
    assert!(files.edit(&schema, &both, |_, index| (index == 0).then(nulls)).is_some());
    files.check_means();
    assert!(files.has_all_middles());
    let file = files.open();
    let last =
        file.row_groups().iter().flat_map(RowGroupMetaData::columns).map(ColumnChunkMetaData::byte_range);
    let end = usize::try_from(last.map(|(start, length)| start + length).max().unwrap()).unwrap();
    let bytes = std::fs::read(&files.path).unwrap();
    assert!(bytes[end..].starts_with(&[0; 20]), "nothing would be behind the last chunk");
}

#[test]
fn what_does_not_stay_is_zeros_and_what_stays_is_where_it_was() {
    let files = Files::new();
    let before: Vec<_> = files.open().row_groups().to_vec();
    let mut stays = vec![vec![0, 1]; GROUPS];
    stays[7] = vec![1];
    let other: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row * 3)));
    let new = |group, index| (group == 7 && index == 0).then(|| Arc::clone(&other));
    let kept = files.edit(&schema(&[]), &stays, new).unwrap();
    let (start, length) = before[7].column(0).byte_range();
    assert_eq!(kept.dead.as_slice(), std::slice::from_ref(&(start..start + length)));
    let bytes = std::fs::read(&files.path).unwrap();
    let [from, to] = [start, start + length].map(|at| usize::try_from(at).unwrap());
    assert!(bytes[from..to].iter().all(|byte| *byte == 0));
    files.check_means();
    let file = files.open();
    let read = file.read(7, &["index"]).unwrap();
    assert_eq!(read.column(0).as_primitive::<Int64Type>().value(5), 15);
    for (group, (now, then)) in file.row_groups().iter().zip(&before).enumerate() {
        assert_eq!(now.column(1).byte_range(), then.column(1).byte_range(), "row group {group}");
    }
    assert!(files.has_all_middles());
}

#[test]
fn a_file_of_which_over_a_fiftieth_would_be_zeros_is_written_anew() {
    let files = Files::new();
    let old = ParquetFile::open(&files.path).unwrap().unwrap();
    let without = |n: usize| -> Vec<Vec<usize>> {
        (0..GROUPS).map(|group| if (10..10 + n).contains(&group) { Vec::new() } else { vec![0, 1] }).collect()
    };
    assert!(KeptChunks::of(&old, &without(0), 0).is_some_and(|kept| !kept.leaves_gaps()));
    assert!(KeptChunks::of(&old, &without(1), 0).is_some_and(|kept| kept.leaves_gaps()));
    assert_eq!(KeptChunks::of(&old, &without(2), 0), None);
    assert_eq!(KeptChunks::of(&old, &without(1), 1 << 20), None);
    // What is behind the last chunk that stays is not copied at all.
    let without_end: Vec<Vec<usize>> =
        (0..GROUPS).map(|group| if group < 40 { vec![0, 1] } else { Vec::new() }).collect();
    assert!(KeptChunks::of(&old, &without_end, 0).is_some_and(|kept| !kept.leaves_gaps()));
}

/// A part whose disk fails for a moment keeps its rows, and one that is damaged does not.
#[test]
fn a_file_that_cannot_be_read_is_not_damaged() {
    let files = Files::new();
    let file = files.open().closed();
    std::fs::write(&files.path, "PAR1 another").unwrap();
    let error = file.file().check_chunks().unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    let bytes = {
        let files = Files::new();
        let mut bytes = std::fs::read(&files.path).unwrap();
        bytes[8] ^= 1;
        bytes
    };
    std::fs::write(&files.path, bytes).unwrap();
    let error = files.open().file().check_chunks().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

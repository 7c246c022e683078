//! Reads some metrics of a long table into memory: the rows of its file and of parts that stay, and those of the cache's database.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, FieldRef};
use arrow_select::concat::concat;
use foldhash::{HashMap, HashMapExt};
use na_cache::{CachedTable, CachedUnit, RegionColumns};
use na_model::{MapSource, RegionKey};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::arrays::as_type;
use crate::merge::long_merge::LongMerge;
use crate::read::snapshot::Snapshot;
use crate::tables::features::PlannedFeature;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::builder::IndexBuilder;
use crate::tables::long_index::index::LongIndex;
use crate::tables::long_schema::LongSchema;

/// Units that a thread reads from the cache before it returns its connection, and decodes.
const UNITS_AT_ONCE: usize = 32;

/// The values of some metrics in rows of a long table.
pub(crate) struct LongValues<'m> {
    pub(crate) index: LongIndex,
    /// At which of the values each row group begins.
    pub(crate) starts: HashMap<usize, usize>,
    pub(crate) by_metric: HashMap<&'m str, ArrayRef>,
}

/// Row groups that were read. Each map of a cached unit counts as one, after those of the files.
#[derive(Default)]
struct RowGroupBatches {
    index: IndexBuilder,
    /// With the number of the row group, counted through all files.
    batches: Vec<(usize, RecordBatch)>,
    next_group: usize,
}

/// A file with its row groups that are counted through all files.
struct NumberedFile<'m> {
    long: &'m LongFile,
    /// Those with rows that stay, counted in the file.
    groups: BTreeSet<usize>,
    /// The number of the file's first row group.
    first: usize,
}

/// Maps of a cached unit.
struct CachedMaps {
    unit: Arc<CachedUnit>,
    tables: Vec<CachedTable>,
}

impl Snapshot {
    /// Reads the metrics of these features in all rows of a table that stay or come.
    pub(crate) fn long_values<'f>(
        &self,
        merge: &LongMerge,
        features: &'f [(usize, PlannedFeature)],
    ) -> Result<LongValues<'f>, StoreError> {
        let columns = merge.columns();
        let mut metrics: Vec<&str> = features.iter().map(|(_, feature)| feature.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let mut groups = RowGroupBatches::default();
        groups.read_files(merge, &columns, &metrics)?;
        let own_names: Vec<&str> = metrics.iter().map(|metric| own_name(&columns, metric)).collect();
        let is_of_feature =
            |map: Option<&MapSource>| features.iter().any(|(_, feature)| feature.map.as_ref() == map);
        let cached = self.cached_maps(merge, is_of_feature, &own_names)?;
        groups.add_cached(merge, cached).map_err(StoreError::arrow(self.output()))?;
        groups.into_values(&columns, &metrics, self.output())
    }

    /// Which rows a table will have, without their values.
    pub(crate) fn merged_index(&self, merge: &LongMerge) -> Result<LongIndex, StoreError> {
        let mut groups = RowGroupBatches::default();
        groups.add_files(merge)?;
        let cached = self.cached_maps(merge, |_| true, &[])?;
        groups.add_cached(merge, cached).map_err(StoreError::arrow(self.output()))?;
        Ok(groups.index.index)
    }

    /// Reads metrics of the maps of the cache's units that are wanted.
    fn cached_maps(
        &self,
        merge: &LongMerge,
        wanted: impl Fn(Option<&MapSource>) -> bool + Sync,
        metrics: &[&str],
    ) -> Result<Vec<CachedMaps>, StoreError> {
        let Some(cached) = &self.cached else { return Ok(Vec::new()) };
        let columns: Vec<&str> = metrics.iter().copied().chain(merge.kind.region_key.columns()).collect();
        let read = merge.units.par_chunks(UNITS_AT_ONCE).map(|units| {
            let tables = cached.cache.read_columns(units, &merge.table, &wanted, &columns)?;
            let maps = |(unit, tables)| CachedMaps { unit: Arc::clone(unit), tables };
            Ok(units.iter().zip(tables).map(maps).collect::<Vec<_>>())
        });
        Ok(read.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten().collect())
    }
}

impl RowGroupBatches {
    /// Adds the rows that stay of the merge's files, and returns each file with the row groups that have them and its first one's number.
    fn add_files<'m>(&mut self, merge: &'m LongMerge) -> Result<Vec<NumberedFile<'m>>, StoreError> {
        let mut files = Vec::with_capacity(merge.files.len());
        for file in &merge.files {
            let (long, first) = (&*file.long, self.next_group);
            self.index.turn_to_index();
            let mut groups = BTreeSet::new();
            for range in file.kept_row_ranges() {
                groups.insert(range.row_group);
                self.index.add_row_range(&long.index, range, first + range.row_group, long.file.path())?;
            }
            files.push(NumberedFile { long, groups, first });
            self.next_group += long.file.row_groups().len();
        }
        for form in &merge.forms {
            self.index.add_regions(form.regions.as_slice());
        }
        Ok(files)
    }

    /// Reads the row groups of the merge's files that have rows that stay.
    fn read_files(
        &mut self,
        merge: &LongMerge,
        columns: &LongSchema,
        metrics: &[&str],
    ) -> Result<(), StoreError> {
        let files = self.add_files(merge)?;
        let open = files.iter().map(|file| file.long.file.opened());
        let _open = open.collect::<Result<Vec<_>, StoreError>>()?;
        let in_files: Vec<_> = files.iter().map(|file| columns.in_file(file.long.file.schema())).collect();
        let groups = files.iter().zip(&in_files).flat_map(|(file, in_file)| {
            file.groups.iter().map(move |group| (file.long, in_file, *group, file.first + *group))
        });
        let groups: Vec<_> = groups.collect();
        let read = groups.into_par_iter().map(|(long, in_file, group, number)| {
            Ok((number, long.read_tsv(group, columns, in_file, metrics)?))
        });
        self.batches = read.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(())
    }

    /// Adds what was read from the cache.
    fn add_cached(&mut self, merge: &LongMerge, cached: Vec<CachedMaps>) -> Result<(), ArrowError> {
        let key = &merge.kind.region_key;
        // One atlas has the same regions in every session: they come as the same arrays, and are decoded once.
        let mut last: Option<(Vec<ArrayRef>, usize)> = None;
        for CachedMaps { unit, tables } in cached {
            for CachedTable { map, batch } in tables {
                let regions = region_columns(&batch, key)?;
                let region_list = match &last {
                    Some((known, region_list)) if are_same(known, regions.columns()) => *region_list,
                    _ => self.index.region_list(RegionColumns::of(&regions, key).regions()),
                };
                last = Some((regions.columns().to_vec(), region_list));
                let group = self.next_group;
                self.index.add_rows(group, 0..batch.num_rows(), unit.unit.session.clone(), map, region_list);
                self.batches.push((group, batch));
                self.next_group += 1;
            }
        }
        Ok(())
    }

    /// Joins each metric's columns, with the type that the table has for it.
    fn into_values<'m>(
        self,
        columns: &LongSchema,
        metrics: &[&'m str],
        output: &Path,
    ) -> Result<LongValues<'m>, StoreError> {
        let arrow = StoreError::arrow(output);
        let mut starts = HashMap::new();
        let mut start = 0;
        for (group, batch) in &self.batches {
            starts.insert(*group, start);
            start += batch.num_rows();
        }
        let mut by_metric = HashMap::new();
        for metric in metrics {
            let data_type = columns.schema.field_with_name(metric).map_err(&arrow)?.data_type();
            let own_name = own_name(columns, metric);
            let arrays = self.batches.iter().map(|(_, batch)| match batch.column_by_name(own_name) {
                Some(array) => as_type(array, data_type),
                None => Ok(new_null_array(data_type, batch.num_rows())),
            });
            let arrays = arrays.collect::<Result<Vec<_>, _>>().map_err(&arrow)?;
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            by_metric.insert(*metric, concat(&arrays).map_err(&arrow)?);
        }
        Ok(LongValues { index: self.index.index, starts, by_metric })
    }
}

/// The name that the table's own files have for a metric.
fn own_name<'n>(columns: &'n LongSchema, metric: &'n str) -> &'n str {
    columns.of_tsv(metric).map_or(metric, |(own_name, _)| own_name)
}

fn are_same(some: &[ArrayRef], others: &[ArrayRef]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// The columns of a cached table that name its regions.
fn region_columns(batch: &RecordBatch, key: &RegionKey) -> Result<RecordBatch, ArrowError> {
    let names_region = |(_, field): &(usize, &FieldRef)| key.has(field.name());
    let fields = batch.schema_ref().fields().iter().enumerate();
    batch.project(&fields.filter(names_region).map(|(index, _)| index).collect::<Vec<_>>())
}

//! The values of features: out of their files, or out of a long table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat, concat_batches, filter_record_batch};
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;
use na_cache::{CachedTable, CachedUnit, RegionColumns};
use na_model::{RegionKey, TableName, WideFeature};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::arrays::as_type;
use crate::merge::long_merge::LongMerge;
use crate::merge::pivot::{Source, feature_schema};
use crate::read::feature_lookup::FeatureLocation;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::unknown;
use crate::tables::features::PlannedFeature;
use crate::tables::key_columns::{key_arrays, key_fields, sessions_of};
use crate::tables::long_index::IndexBuilder;
use crate::tables::tiv::TivTable;

/// Units that a thread reads from the cache before it lets others at it, and unpacks.
const UNITS_AT_ONCE: usize = 32;

impl Snapshot {
    /// Features in the order asked for: `subject_code, session_id`, then the regions.
    pub(crate) fn features(
        &self,
        found: &[FeatureLocation],
        options: &ReadOptions,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let mut by_table: BTreeMap<&TableName, Vec<(usize, &PlannedFeature)>> = BTreeMap::new();
        let mut batches: Vec<(usize, RecordBatch)> = Vec::new();
        for (place, found) in found.iter().enumerate() {
            match found {
                FeatureLocation::Tiv => {
                    let path = self.output().join(crate::tables::paths::TIV_FILE);
                    let mut volumes = TivTable::clone(self.volumes()?.as_ref());
                    volumes.0.retain(|session, _| options.wants(session));
                    batches.push((place, volumes.batch(&[]).map_err(StoreError::arrow(&path))?));
                }
                FeatureLocation::File(entry) => batches.push((place, self.exported(entry, options)?)),
                FeatureLocation::Computed(table, feature) => {
                    by_table.entry(table).or_default().push((place, feature))
                }
            }
        }
        for (table, features) in by_table {
            batches.extend(self.computed(table, &features, options)?);
        }
        batches.sort_unstable_by_key(|(place, _)| *place);
        Ok(batches.into_iter().map(|(_, batch)| batch).collect())
    }

    fn exported(&self, entry: &WideFeature, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        let file = self.feature_file(entry)?;
        let names: Vec<&str> = file.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let regions = names.get(2..).unwrap_or_default();
        let mut columns: Vec<usize> = vec![0, 1];
        columns.extend(self.region_places(regions, options)?.into_iter().map(|region| region + 2));
        let mut in_file = columns.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let order: Vec<usize> =
            columns.iter().filter_map(|column| in_file.binary_search(column).ok()).collect();
        let arrow = StoreError::arrow(file.path());
        let schema = Arc::new(file.schema().project(&in_file).map_err(&arrow)?);
        let groups = (0..file.row_groups().len())
            .map(|group| file.read_short_columns(group, &in_file))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let batch = match <[RecordBatch; 1]>::try_from(groups) {
            Ok([batch]) => batch,
            Err(groups) => concat_batches(&schema, &groups).map_err(&arrow)?,
        };
        let batch = batch.project(&order).map_err(&arrow)?;
        if options.wants_all_sessions() {
            return Ok(batch);
        }
        let sessions = sessions_of(&batch, file.path())?;
        let wanted: BooleanArray = sessions.iter().map(|session| Some(options.wants(session))).collect();
        filter_record_batch(&batch, &wanted).map_err(&arrow)
    }

    /// The regions asked for, as places among those there are.
    fn region_places<S: AsRef<str>>(
        &self,
        regions: &[S],
        options: &ReadOptions,
    ) -> Result<Vec<usize>, StoreError> {
        let Some(wanted) = &options.regions else { return Ok((0..regions.len()).collect()) };
        let places: HashMap<&str, usize> =
            regions.iter().enumerate().map(|(place, region)| (region.as_ref(), place)).collect();
        let place = |region: &String| {
            let all = || regions.iter().map(AsRef::as_ref);
            places
                .get(region.as_str())
                .copied()
                .ok_or_else(|| unknown("region", region, self.output(), all()))
        };
        wanted.iter().map(place).collect()
    }

    /// Features of one table, each with its place among those asked for.
    fn computed(
        &self,
        table: &TableName,
        features: &[(usize, &PlannedFeature)],
        options: &ReadOptions,
    ) -> Result<Vec<(usize, RecordBatch)>, StoreError> {
        let merge = self.merge(table)?;
        let read = self.values(&merge, features)?;
        let sources = Source::all(&read.index);
        let mut batches = Vec::new();
        for (place, feature) in features {
            let Some(source) = sources.iter().find(|source| source.map == feature.map) else { continue };
            let Some(values) = read.values.get(feature.metric.as_str()) else { continue };
            let places = source.places(|session| options.wants(session), &read.starts);
            let rows = places.rows_for(values);
            let arrow = StoreError::arrow(self.output());
            let schema =
                feature_schema(&merge.kind, &feature.metric, &source.regions.names, values.data_type());
            let regions = self.region_places(&source.regions.names, options)?;
            let mut columns: Vec<ArrayRef> = key_arrays(places.sessions.iter()).into();
            let picked = regions.par_iter().map(|region| places.region(values, &rows, *region));
            columns.extend(picked.collect::<Result<Vec<_>, _>>().map_err(&arrow)?);
            let mut fields = key_fields().to_vec();
            fields.extend(regions.iter().map(|region| schema.field(region + 2).clone()));
            let schema = Arc::new(Schema::new(fields));
            batches.push((*place, RecordBatch::try_new(schema, columns).map_err(&arrow)?));
        }
        Ok(batches)
    }

    /// The values of some metrics in all rows of a table that stay or come, and whose they are.
    fn values<'f>(
        &self,
        merge: &LongMerge,
        features: &[(usize, &'f PlannedFeature)],
    ) -> Result<Values<'f>, StoreError> {
        let columns = merge.columns();
        let arrow = StoreError::arrow(self.output());
        let mut metrics: Vec<&str> = features.iter().map(|(_, feature)| feature.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let key = &merge.kind.region_key;
        let mut builder = IndexBuilder::default();
        let mut batches: Vec<(usize, RecordBatch)> = Vec::new();
        if let Some(old) = &merge.old {
            let path = old.file.path();
            let mut ranges = merge.kept_row_ranges();
            ranges.try_for_each(|range| builder.add_row_range(&old.index, range, path))?;
            let mut groups: Vec<usize> =
                builder.index.row_ranges.iter().map(|range| range.row_group).collect();
            groups.dedup();
            let _open = old.file.opened()?;
            let read = groups.par_iter().map(|group| Ok((*group, old.read_tsv(*group, &columns, &metrics)?)));
            batches.extend(read.collect::<Result<Vec<_>, StoreError>>()?);
        }
        for form in &merge.forms {
            builder.add_regions(form.regions.as_slice());
        }
        let mut group = merge.old.as_ref().map_or(0, |old| old.file.row_groups().len());
        // One atlas has the same regions in every session: they come as the same arrays, and are looked at once.
        let mut last: Option<(Vec<ArrayRef>, usize)> = None;
        let own_name = |metric: &'f str| columns.of_tsv(metric).map_or(metric, |(own_name, _)| own_name);
        let own_names: Vec<&str> = metrics.iter().map(|metric| own_name(metric)).collect();
        for CachedMaps { unit, tables } in self.cached_maps(merge, features, &own_names)? {
            for CachedTable { map, batch } in tables {
                let key_columns = region_columns(&batch, key).map_err(&arrow)?;
                let region_list = match &last {
                    Some((known, region_list)) if are_same(known, key_columns.columns()) => *region_list,
                    _ => builder.region_list(RegionColumns::of(&key_columns, key).regions()),
                };
                last = Some((key_columns.columns().to_vec(), region_list));
                builder.add_rows(group, 0..batch.num_rows(), unit.unit.session.clone(), map, region_list);
                batches.push((group, batch));
                group += 1;
            }
        }
        let mut starts = HashMap::new();
        let mut start = 0;
        for (group, batch) in &batches {
            starts.insert(*group, start);
            start += batch.num_rows();
        }
        let mut values = HashMap::new();
        for metric in metrics {
            let data_type = columns.schema.field_with_name(metric).map_err(&arrow)?.data_type().clone();
            let own_name = own_name(metric);
            let arrays = batches.iter().map(|(_, batch)| match batch.column_by_name(own_name) {
                Some(array) => as_type(array, &data_type),
                None => Ok(arrow::array::new_null_array(&data_type, batch.num_rows())),
            });
            let arrays = arrays.collect::<Result<Vec<_>, _>>().map_err(&arrow)?;
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            values.insert(metric, concat(&arrays).map_err(&arrow)?);
        }
        Ok(Values { index: builder.index, starts, values })
    }

    /// What the cache's units have of the maps that features are made of.
    fn cached_maps(
        &self,
        merge: &LongMerge,
        features: &[(usize, &PlannedFeature)],
        metrics: &[&str],
    ) -> Result<Vec<CachedMaps>, StoreError> {
        let Some(cached) = &self.cached else { return Ok(Vec::new()) };
        let wanted = |map: Option<&na_model::MapSource>| {
            features.iter().any(|(_, feature)| feature.map.as_ref() == map)
        };
        let columns: Vec<&str> = metrics.iter().copied().chain(merge.kind.region_key.columns()).collect();
        let read = merge.units.par_chunks(UNITS_AT_ONCE).map(|units| {
            let tables = cached.cache.read_columns(units, &merge.table, wanted, &columns)?;
            let maps = |(unit, tables)| CachedMaps { unit: Arc::clone(unit), tables };
            Ok(units.iter().zip(tables).map(maps).collect::<Vec<_>>())
        });
        Ok(read.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten().collect())
    }
}

/// Rows of a long table in memory: which are whose, where each row group starts, and the metrics' values.
struct Values<'f> {
    index: crate::tables::long_index::LongIndex,
    starts: HashMap<usize, usize>,
    values: HashMap<&'f str, ArrayRef>,
}

/// What the cache has of a unit that features are made of.
struct CachedMaps {
    unit: Arc<CachedUnit>,
    tables: Vec<CachedTable>,
}

fn are_same(some: &[ArrayRef], others: &[ArrayRef]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// The columns of a cached table that name its regions.
fn region_columns(batch: &RecordBatch, key: &RegionKey) -> Result<RecordBatch, ArrowError> {
    let is_key = |(_, field): &(usize, &FieldRef)| key.has(field.name());
    let places = batch.schema_ref().fields().iter().enumerate().filter(is_key).map(|(place, _)| place);
    batch.project(&places.collect::<Vec<_>>())
}

//! The values of features: from their files, or computed from a long table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::Schema;
use arrow_select::{concat::concat_batches, filter::filter_record_batch};
use foldhash::HashMap;
use na_model::TableName;
use na_model::columns::KEY_COLUMNS;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::long_merge::LongMerge;
use crate::merge::pivot::{MapPivot, feature_schema};
use crate::read::feature_lookup::{FeatureLocation, Opened};
use crate::read::long_values::LongValues;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::unknown;
use crate::tables::features::PlannedFeature;
use crate::tables::key_columns::{is_value, key_arrays, key_fields, sessions_of};
use crate::tables::paths::TIV_FILE;
use crate::tables::tiv::TivTable;

impl Snapshot {
    /// Reads features in the order asked for: `subject_code, session_id`, then the regions.
    pub(crate) fn features(
        &self,
        found: &[FeatureLocation],
        options: &ReadOptions,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let mut by_table: BTreeMap<TableName, Vec<(usize, PlannedFeature)>> = BTreeMap::new();
        let mut batches: Vec<(usize, RecordBatch)> = Vec::new();
        for (index, found) in found.iter().enumerate() {
            match self.opened(found)? {
                Opened::Tiv => batches.push((index, self.tiv_feature(options)?)),
                Opened::File(_, file) => batches.push((index, self.exported(&file, options)?)),
                Opened::Computed(table, feature) => by_table.entry(table).or_default().push((index, feature)),
            }
        }
        for (table, features) in by_table {
            batches.extend(self.computed(&table, &features, options)?);
        }
        batches.sort_unstable_by_key(|(index, _)| *index);
        Ok(batches.into_iter().map(|(_, batch)| batch).collect())
    }

    fn tiv_feature(&self, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        let mut volumes = TivTable::clone(self.volumes()?.as_ref());
        volumes.0.retain(|session, _| options.wants(session));
        volumes.batch(&[]).map_err(StoreError::arrow(&self.output().join(TIV_FILE)))
    }

    fn exported(&self, file: &ParquetReader, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        let names: Vec<&str> = file.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let keys = KEY_COLUMNS.map(|key| names.iter().position(|name| *name == key));
        let [Some(subject), Some(session)] = keys else {
            return Err(StoreError::damaged(file.path(), "no key columns"));
        };
        let (in_names, regions): (Vec<usize>, Vec<&str>) =
            names.iter().copied().enumerate().filter(|(_, name)| is_value(name)).unzip();
        let mut columns = vec![subject, session];
        let wanted = self.region_indices(&regions, options)?.into_iter();
        columns.extend(wanted.filter_map(|region| in_names.get(region).copied()));
        let mut in_file = columns.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let order: Vec<usize> =
            columns.iter().filter_map(|column| in_file.binary_search(column).ok()).collect();
        let arrow = StoreError::arrow(file.path());
        let schema = Arc::new(file.schema().project(&in_file).map_err(&arrow)?);
        let groups = (0..file.row_groups().len())
            .filter_map(|group| {
                exported_group(file, group, [subject, session], &in_file, options).transpose()
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let batch = match <[RecordBatch; 1]>::try_from(groups) {
            Ok([batch]) => batch,
            Err(groups) => concat_batches(&schema, &groups).map_err(&arrow)?,
        };
        batch.project(&order).map_err(&arrow)
    }

    /// The indices of the regions asked for, in the order asked for.
    fn region_indices<S: AsRef<str>>(
        &self,
        regions: &[S],
        options: &ReadOptions,
    ) -> Result<Vec<usize>, StoreError> {
        let Some(wanted) = &options.regions else { return Ok((0..regions.len()).collect()) };
        let indices: HashMap<&str, usize> =
            regions.iter().enumerate().map(|(index, region)| (region.as_ref(), index)).collect();
        let not_found =
            |region: &str| unknown("region", region, self.output(), regions.iter().map(AsRef::as_ref));
        let index = |region: &String| indices.get(region.as_str()).copied().ok_or_else(|| not_found(region));
        wanted.iter().map(index).collect()
    }

    /// Computes features of one table. Each comes with its index among the features asked for.
    fn computed(
        &self,
        table: &TableName,
        features: &[(usize, PlannedFeature)],
        options: &ReadOptions,
    ) -> Result<Vec<(usize, RecordBatch)>, StoreError> {
        let merge = self.merge(table)?;
        let read = self.long_values(&merge, features)?;
        let pivots = MapPivot::all(&merge.kind, &read.index);
        let batches = features.iter().map(|(index, feature)| {
            let batch = self.pivoted(&merge, feature, &pivots, &read, options)?;
            Ok((*index, batch))
        });
        batches.collect()
    }

    fn pivoted(
        &self,
        merge: &LongMerge,
        feature: &PlannedFeature,
        pivots: &[MapPivot],
        read: &LongValues<'_>,
        options: &ReadOptions,
    ) -> Result<RecordBatch, StoreError> {
        let no_rows =
            || StoreError::damaged(&self.output().join(merge.table.file_path()), "rows of a map are gone");
        let pivot = pivots.iter().find(|pivot| pivot.map == feature.map).ok_or_else(no_rows)?;
        let values = read.by_metric.get(feature.metric.as_str()).ok_or_else(no_rows)?;
        let arrow = StoreError::arrow(self.output());
        let picks = pivot.pick_rows(|session| options.wants(session), &read.starts).map_err(&arrow)?;
        let rows = picks.rows_for(values);
        let schema = feature_schema(&merge.kind, &feature.metric, &pivot.regions.names, values.data_type());
        let regions = self.region_indices(&pivot.regions.names, options)?;
        let mut columns: Vec<ArrayRef> = key_arrays(picks.sessions.iter()).into();
        let picked = regions.par_iter().map(|region| picks.region(values, &rows, *region));
        columns.extend(picked.collect::<Result<Vec<_>, _>>().map_err(&arrow)?);
        let mut fields = key_fields().to_vec();
        fields.extend(regions.iter().map(|region| schema.field(KEY_COLUMNS.len() + region).clone()));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(&arrow)
    }
}

/// The columns of a row group of a feature, of the sessions asked for. `None` if none of them is in it: its values are not read then.
fn exported_group(
    file: &ParquetReader,
    group: usize,
    keys: [usize; 2],
    columns: &[usize],
    options: &ReadOptions,
) -> Result<Option<RecordBatch>, StoreError> {
    if options.wants_all_sessions() {
        return file.read_short_columns(group, columns).map(Some);
    }
    let mut keys = keys;
    keys.sort_unstable();
    let sessions = sessions_of(&file.read_short_columns(group, &keys)?, file.path())?;
    let wanted: BooleanArray = sessions.iter().map(|session| Some(options.wants(session))).collect();
    if wanted.true_count() == 0 {
        return Ok(None);
    }
    let batch = file.read_short_columns(group, columns)?;
    filter_record_batch(&batch, &wanted).map_err(StoreError::arrow(file.path())).map(Some)
}

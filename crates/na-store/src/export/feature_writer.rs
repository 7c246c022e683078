//! Writes the features of a long table: reads one metric column at a time, and picks each region's values out of it by
//! row.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, DataType};
use foldhash::{HashMap, HashMapExt};
use na_model::{Compression, MapSource, Session, TableKind};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::destination::Destination;
use crate::export::feature_splice::{ChangedRows, ChangedSessions, FeatureSplice};
use crate::export::metric_values::JoinedGroups;
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::written_at_once;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::ParquetWriter;
use crate::merge::pivot::{MapPivot, RowPicks, feature_schema};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::PlannedFeature;
use crate::tables::key_columns::key_arrays;
use crate::tables::long_index::index::LongIndex;

/// About how many rows of the long table are in memory at once.
const ROWS_AT_ONCE: usize = 2 << 20;

/// The most sessions in a row group.
const SESSIONS_AT_ONCE: usize = 4096;

/// Makes features from a long table.
pub(crate) struct FeatureWriter<'a> {
    pub(crate) to: Destination<'a>,
    pub(crate) kind: &'a TableKind,
    pub(crate) file: ParquetReader,
    pub(crate) index: &'a LongIndex,
    pub(crate) store: &'a ExistingStore,
    /// `None` if the table had no file.
    pub(crate) changed: Option<ChangedSessions<'a>>,
}

/// A feature with the regions and rows of its map.
type Pivoted<'p> = (&'p PlannedFeature, &'p MapPivot);

/// A feature whose file stays in part.
type Spliced<'p> = (Pivoted<'p>, FeatureSplice);

/// The values of a metric in some row groups, which are read at once.
struct MetricValues {
    groups: JoinedGroups,
    values: ArrayRef,
}

impl<'a> FeatureWriter<'a> {
    /// Writes features of this table, metric by metric. Finished files are completed while the next ones are written.
    pub(crate) fn write(
        &self,
        features: &[PlannedFeature],
        commits: &mut BackgroundCommit<'_, 'a>,
    ) -> Result<(), StoreError> {
        let pivots = MapPivot::all(self.kind, self.index);
        let mut by_metric: BTreeMap<&str, Vec<&PlannedFeature>> = BTreeMap::new();
        for feature in features {
            by_metric.entry(&feature.metric).or_default().push(feature);
        }
        let batches = session_batches(&pivots);
        let changed = self.changed_rows(&pivots)?;
        // If one batch has all sessions, the rows of a map are picked once for all metrics.
        let mut picks: HashMap<&Option<MapSource>, RowPicks> = HashMap::new();
        for (metric, features) in by_metric {
            let pivot_of = |map: &Option<MapSource>| pivots.iter().find(|pivot| pivot.map == *map);
            let pivoted: Vec<Pivoted<'_>> =
                features.into_iter().filter_map(|feature| Some((feature, pivot_of(&feature.map)?))).collect();
            let whole = match &changed {
                Some(changed) => self.splice(metric, pivoted, changed, commits)?,
                None => pivoted,
            };
            let mut read = None;
            for pivoted in whole.chunks(written_at_once()) {
                let files = self.write_some(metric, pivoted, &batches, &mut picks, &mut read)?;
                files.into_iter().try_for_each(|file| commits.add(|| file.commit()))?;
            }
        }
        Ok(())
    }

    /// The rows of the changed sessions. `None` if all features are made anew: most sessions changed, the rows are more than are in
    /// memory at once, or pages are not compressed with zstd.
    fn changed_rows(&self, pivots: &[MapPivot]) -> Result<Option<ChangedRows<'_>>, StoreError> {
        let is_zstd = self.to.settings.compression == Compression::Zstd;
        let Some(changed) = self.changed.as_ref().filter(|_| is_zstd) else { return Ok(None) };
        if 2 * changed.sessions.len() > self.index.sessions.len() {
            return Ok(None);
        }
        let groups = JoinedGroups::of(&self.file, self.index, |session| changed.sessions.contains(session))?;
        if groups.n_rows > ROWS_AT_ONCE {
            return Ok(None);
        }
        ChangedRows::of(changed, groups, &self.file, pivots).map(Some)
    }

    /// Writes the features of a metric whose files stay in part. Returns the others.
    fn splice<'p>(
        &self,
        metric: &str,
        features: Vec<Pivoted<'p>>,
        changed: &ChangedRows<'_>,
        commits: &mut BackgroundCommit<'_, 'a>,
    ) -> Result<Vec<Pivoted<'p>>, StoreError> {
        let data_type = self.data_type(metric)?;
        let mut values = None;
        let mut whole = Vec::new();
        for features in features.chunks(written_at_once()) {
            self.to.check_stopped()?;
            let plans = features.par_iter().map(|feature| self.plan_splice(feature, &data_type, changed));
            let plans = plans.collect::<Result<Vec<_>, StoreError>>()?;
            let mut spliced: Vec<Spliced<'_>> = Vec::new();
            for (feature, plan) in features.iter().zip(plans) {
                match plan {
                    Some(plan) => spliced.push((*feature, plan)),
                    None => whole.push(*feature),
                }
            }
            if spliced.is_empty() {
                continue;
            }
            let values = match &values {
                Some(values) => values,
                None => values.insert(changed.groups.read(&self.file, metric)?),
            };
            let written = spliced.par_iter().map(|((feature, pivot), splice)| {
                let schema = feature_schema(self.kind, metric, &pivot.regions.names, &data_type);
                let lacking = || StoreError::damaged(self.file.path(), "a map has no rows");
                let picks = changed.picks.get(&pivot.map).ok_or_else(lacking)?;
                splice.write(self.to, (&schema, &self.key_values(feature)?), picks, values)
            });
            let written = written.collect::<Result<Vec<_>, StoreError>>()?;
            written.into_iter().try_for_each(|file| commits.add(|| file.commit()))?;
        }
        Ok(whole)
    }

    /// `None` for a feature that is made anew.
    fn plan_splice(
        &self,
        (feature, pivot): &Pivoted<'_>,
        data_type: &DataType,
        changed: &ChangedRows<'_>,
    ) -> Result<Option<FeatureSplice>, StoreError> {
        let Some(old) = self.store.feature_file(feature)? else { return Ok(None) };
        let is_of_old_table = old.key_value(keys::FROM_STATE) == Some(changed.changed.from_state);
        let picks = changed.picks.get(&pivot.map);
        let Some(picks) = picks.filter(|_| is_of_old_table) else { return Ok(None) };
        let schema = feature_schema(self.kind, &feature.metric, &pivot.regions.names, data_type);
        FeatureSplice::plan(old, &schema, changed.changed, &picks.sessions)
    }

    /// Writes some features of a metric, all but the commit. Leaves the metric's values in `read`, and its rows in
    /// `picks`, if one batch has all sessions.
    fn write_some<'p>(
        &self,
        metric: &str,
        pivoted: &[Pivoted<'p>],
        batches: &[BTreeSet<Session>],
        picks: &mut HashMap<&'p Option<MapSource>, RowPicks>,
        read: &mut Option<MetricValues>,
    ) -> Result<Vec<ParquetWriter<'a>>, StoreError> {
        let data_type = self.data_type(metric)?;
        let mut writers = pivoted
            .par_iter()
            .map(|(feature, pivot)| self.create(feature, pivot, &data_type))
            .collect::<Result<Vec<_>, _>>()?;
        for sessions in batches {
            self.to.check_stopped()?;
            let MetricValues { groups, values } = match read {
                Some(values) => values,
                None => {
                    let groups =
                        JoinedGroups::of(&self.file, self.index, |session| sessions.contains(session))?;
                    let values = groups.read(&self.file, metric)?;
                    read.insert(MetricValues { groups, values })
                }
            };
            // Earlier metrics may have had fewer maps: features that an interrupted export wrote are not written again.
            let new = pivoted.par_iter().filter(|(_, pivot)| !picks.contains_key(&pivot.map));
            let pick =
                |pivot: &MapPivot| pivot.pick_rows(|session| sessions.contains(session), &groups.starts);
            let picked = new.map(|(_, pivot)| Ok((&pivot.map, pick(pivot)?)));
            let picked: Result<Vec<_>, ArrowError> = picked.collect();
            picks.extend(picked.map_err(StoreError::arrow(self.file.path()))?);
            writers.par_iter_mut().zip(pivoted).try_for_each(|(writer, (_, pivot))| {
                picks.get(&pivot.map).map_or(Ok(()), |picks| self.write_rows(writer, picks, values))
            })?;
            if batches.len() > 1 {
                picks.clear();
                *read = None;
            }
        }
        Ok(writers)
    }

    fn data_type(&self, metric: &str) -> Result<DataType, StoreError> {
        let field =
            self.file.schema().field_with_name(metric).map_err(StoreError::arrow(self.file.path()))?;
        Ok(field.data_type().clone())
    }

    fn create(
        &self,
        feature: &PlannedFeature,
        pivot: &MapPivot,
        data_type: &DataType,
    ) -> Result<ParquetWriter<'a>, StoreError> {
        let schema = feature_schema(self.kind, &feature.metric, &pivot.regions.names, data_type);
        let path = self.to.output.join(feature.name.file_path());
        let (changes, compression) = (self.to.changes, self.to.settings.compression);
        ParquetWriter::create(&path, changes, &schema, compression, &self.key_values(feature)?)
    }

    fn key_values(&self, feature: &PlannedFeature) -> Result<Vec<(&'static str, String)>, StoreError> {
        let path = self.to.output.join(feature.name.file_path());
        let mut key_values = vec![
            (keys::ATLAS, self.to.settings.atlas_name.clone()),
            (keys::FEATURE, feature.kind.to_text(&path)?),
        ];
        for (of_feature, of_table) in [(keys::FROM_STATE, keys::STATE), (keys::PRODUCERS, keys::PRODUCERS)] {
            let value = self.file.key_value(of_table).map(|value| (of_feature, value.to_owned()));
            key_values.extend(value);
        }
        key_values.extend(keys::of_writing());
        Ok(key_values)
    }

    fn write_rows(
        &self,
        writer: &mut ParquetWriter<'_>,
        picks: &RowPicks,
        values: &ArrayRef,
    ) -> Result<(), StoreError> {
        if picks.sessions.is_empty() {
            return Ok(());
        }
        let keys = key_arrays(picks.sessions.iter());
        let rows = picks.rows_for(values);
        let missing = || StoreError::damaged(self.file.path(), "a column is missing");
        writer.write_short_columns(|column| match column.checked_sub(keys.len()) {
            None => keys.get(column).cloned().ok_or_else(missing),
            Some(region) => picks.region(values, &rows, region).map_err(StoreError::arrow(self.file.path())),
        })
    }
}

/// Divides the sessions of a table, by subject and session, into batches that bound memory. Each becomes a row group.
fn session_batches(pivots: &[MapPivot]) -> Vec<BTreeSet<Session>> {
    let mut rows: BTreeMap<&Session, usize> = BTreeMap::new();
    for (session, row_ranges) in pivots.iter().flat_map(|pivot| &pivot.row_ranges) {
        *rows.entry(session).or_default() += row_ranges.iter().map(|range| range.rows.len()).sum::<usize>();
    }
    let mut batches = Vec::new();
    let (mut batch, mut n_rows) = (BTreeSet::new(), 0);
    for (session, size) in rows {
        if !batch.is_empty() && (n_rows + size > ROWS_AT_ONCE || batch.len() >= SESSIONS_AT_ONCE) {
            batches.push(std::mem::take(&mut batch));
            n_rows = 0;
        }
        batch.insert(session.clone());
        n_rows += size;
    }
    batches.push(batch);
    batches
}

//! Writing the features of a long table: one metric column is read at a time, and each region's values are picked out
//! of it by their place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use na_model::{MapSource, Session, TableKind};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::destination::Destination;
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::written_at_once;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::ParquetWriter;
use crate::merge::pivot::{RowPicks, Source, feature_schema};
use crate::tables::features::PlannedFeature;
use crate::tables::key_columns::key_arrays;
use crate::tables::long_index::LongIndex;

/// Rows of the long table that are picked from at once, about: what bounds memory.
const ROWS_AT_ONCE: usize = 2 << 20;

/// Sessions of a row group at most.
const SESSIONS_AT_ONCE: usize = 4096;

/// A long table from which features are made.
pub(crate) struct FeatureWriter<'a> {
    pub(crate) to: Destination<'a>,
    pub(crate) kind: &'a TableKind,
    /// The table's file, open.
    pub(crate) file: ParquetReader,
    pub(crate) index: &'a LongIndex,
}

/// A metric's values in some row groups, and where each row group starts among them.
struct MetricValues {
    values: ArrayRef,
    starts: HashMap<usize, usize>,
}

impl<'a> FeatureWriter<'a> {
    /// Writes these features, all of this table; some files of a metric are completed while the next ones are written.
    pub(crate) fn write(
        &self,
        features: &[PlannedFeature],
        commits: &mut BackgroundCommit<'_, 'a>,
    ) -> Result<(), StoreError> {
        let sources = Source::all(self.index);
        let mut by_metric: BTreeMap<&str, Vec<&PlannedFeature>> = BTreeMap::new();
        for feature in features {
            by_metric.entry(&feature.metric).or_default().push(feature);
        }
        let chunks = self.chunks(&sources);
        // Where all fits at once, the places of a map are found once for all metrics.
        let mut known: HashMap<&Option<MapSource>, RowPicks> = HashMap::new();
        for (metric, features) in by_metric {
            let of_map = |map: &Option<MapSource>| sources.iter().find(|source| source.map == *map);
            let sources: Vec<(&PlannedFeature, &Source)> =
                features.into_iter().filter_map(|feature| Some((feature, of_map(&feature.map)?))).collect();
            let mut read = None;
            for sources in sources.chunks(written_at_once()) {
                let files = self.write_some(metric, sources, &chunks, &mut known, &mut read)?;
                commits.add(files)?;
            }
        }
        Ok(())
    }

    /// Some features of a metric, all but complete. The metric's values are left in `read` where all fit at once.
    fn write_some<'s>(
        &self,
        metric: &str,
        sources: &[(&PlannedFeature, &'s Source)],
        chunks: &[BTreeSet<Session>],
        known: &mut HashMap<&'s Option<MapSource>, RowPicks>,
        read: &mut Option<MetricValues>,
    ) -> Result<Vec<ParquetWriter<'a>>, StoreError> {
        let data_type = self.data_type(metric)?;
        let mut writers = sources
            .par_iter()
            .map(|(feature, source)| self.create(feature, source, &data_type))
            .collect::<Result<Vec<_>, _>>()?;
        for chunk in chunks {
            self.to.check_stopped()?;
            let MetricValues { values, starts } = match read {
                Some(values) => values,
                None => read.insert(self.read(metric, chunk)?),
            };
            // Another metric may have had other maps: what an export that was cut short had written is not written again.
            let new = sources.par_iter().filter(|(_, source)| !known.contains_key(&source.map));
            let places = |source: &Source| source.places(|session| chunk.contains(session), starts);
            let found: Vec<_> = new.map(|(_, source)| (&source.map, places(source))).collect();
            known.extend(found);
            writers.par_iter_mut().zip(sources).try_for_each(|(writer, (_, source))| {
                known.get(&source.map).map_or(Ok(()), |places| self.write_rows(writer, places, values))
            })?;
            if chunks.len() > 1 {
                known.clear();
                *read = None;
            }
        }
        Ok(writers)
    }

    /// The sessions in lists that bound memory, sorted.
    fn chunks(&self, sources: &[Source]) -> Vec<BTreeSet<Session>> {
        let mut rows: BTreeMap<&Session, usize> = BTreeMap::new();
        for (session, row_ranges) in sources.iter().flat_map(|source| &source.row_ranges) {
            *rows.entry(session).or_default() +=
                row_ranges.iter().map(|range| range.rows.len()).sum::<usize>();
        }
        let mut chunks = Vec::new();
        let (mut chunk, mut n_rows) = (BTreeSet::new(), 0);
        for (session, size) in rows {
            if !chunk.is_empty() && (n_rows + size > ROWS_AT_ONCE || chunk.len() >= SESSIONS_AT_ONCE) {
                chunks.push(std::mem::take(&mut chunk));
                n_rows = 0;
            }
            chunk.insert(session.clone());
            n_rows += size;
        }
        chunks.push(chunk);
        chunks
    }

    fn data_type(&self, metric: &str) -> Result<DataType, StoreError> {
        let field =
            self.file.schema().field_with_name(metric).map_err(StoreError::arrow(self.file.path()))?;
        Ok(field.data_type().clone())
    }

    /// A metric's values in the row groups that hold these sessions.
    fn read(&self, metric: &str, sessions: &BTreeSet<Session>) -> Result<MetricValues, StoreError> {
        let wanted: Vec<bool> =
            self.index.sessions.iter().map(|session| sessions.contains(session)).collect();
        let row_ranges =
            self.index.row_ranges.iter().filter(|range| wanted.get(range.session) == Some(&true));
        let groups: BTreeSet<usize> = row_ranges.map(|range| range.row_group).collect();
        let groups: Vec<usize> = groups.into_iter().collect();
        let batches = groups
            .par_iter()
            .map(|group| self.file.read(*group, &[metric]))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut starts = HashMap::new();
        let mut start = 0;
        for (group, batch) in groups.iter().zip(&batches) {
            starts.insert(*group, start);
            start += batch.num_rows();
        }
        let arrays: Vec<&dyn Array> =
            batches.iter().filter_map(|batch| batch.columns().first()).map(AsRef::as_ref).collect();
        let values = concat(&arrays).map_err(StoreError::arrow(self.file.path()))?;
        Ok(MetricValues { values, starts })
    }

    fn create(
        &self,
        feature: &PlannedFeature,
        source: &Source,
        data_type: &DataType,
    ) -> Result<ParquetWriter<'a>, StoreError> {
        let schema = feature_schema(self.kind, &feature.metric, &source.regions.names, data_type);
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
        ParquetWriter::create(&path, self.to.changes, &schema, self.to.settings.compression, &key_values)
    }

    fn write_rows(
        &self,
        writer: &mut ParquetWriter<'_>,
        places: &RowPicks,
        values: &ArrayRef,
    ) -> Result<(), StoreError> {
        let n_sessions = places.sessions.len();
        if n_sessions == 0 {
            return Ok(());
        }
        let keys = key_arrays(places.sessions.iter());
        let rows = places.rows_for(values);
        let damaged = || StoreError::damaged(self.file.path(), "a column is missing");
        writer.write_short_columns(|column| match column.checked_sub(keys.len()) {
            None => keys.get(column).cloned().ok_or_else(damaged),
            Some(region) => places.region(values, &rows, region).map_err(StoreError::arrow(self.file.path())),
        })
    }
}

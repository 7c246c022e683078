//! Writing the features of a long table: one metric column is read at a time, and each region's values are picked out
//! of it by their place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use na_model::{ExportSettings, MapSource, Measure, Session, TableName};
use rayon::prelude::*;

use crate::durable::Folders;
use crate::error::StoreError;
use crate::long::index::{LongIndex, Run};
use crate::notes;
use crate::session_columns::{session_arrays, session_fields};
use crate::table_file::{TableFile, TableWriter, with_unit};
use crate::wide::plan::PlannedFeature;
use crate::wide::regions::{SourceRegions, column_names};

/// Rows of the long table that are picked from at once, about: what bounds memory.
const ROWS_AT_ONCE: usize = 2 << 20;

/// Sessions of a row group at most.
const SESSIONS_AT_ONCE: usize = 4096;

/// No row for this session and region.
const NOWHERE: u32 = u32::MAX;

/// A long table from which features are made.
pub(crate) struct WideWriter<'a> {
    pub(crate) output: &'a Path,
    pub(crate) folders: &'a Folders,
    pub(crate) table: &'a TableName,
    pub(crate) file: &'a TableFile,
    pub(crate) index: &'a LongIndex,
    pub(crate) settings: &'a ExportSettings,
}

/// One map's part of a long table.
struct Source {
    map: Option<MapSource>,
    regions: SourceRegions,
    /// Its runs by session, sessions sorted.
    runs: BTreeMap<Session, Vec<Run>>,
}

/// Some sessions of a source, and where their values are among the rows read.
struct Places {
    sessions: Vec<Session>,
    /// For each region, for each session: a place among the rows read.
    rows: Vec<u32>,
    /// Further rows of a region that has one already: taken where the first is null.
    further: Vec<(usize, u32)>,
}

impl WideWriter<'_> {
    /// Writes these features, all of this table.
    pub(crate) fn write(
        &self,
        features: &[PlannedFeature],
        go_on: &(dyn Fn() -> Result<(), StoreError> + Sync),
    ) -> Result<(), StoreError> {
        let sources = self.sources();
        let mut by_metric: BTreeMap<&str, Vec<&PlannedFeature>> = BTreeMap::new();
        for feature in features {
            by_metric.entry(&feature.metric).or_default().push(feature);
        }
        let chunks = self.chunks(&sources);
        // Where all fits at once, the places are found once for all metrics.
        let mut known: Option<Vec<Places>> = None;
        for (metric, features) in by_metric {
            let sources: Vec<(&PlannedFeature, &Source)> = features
                .into_iter()
                .filter_map(|feature| {
                    Some((feature, sources.iter().find(|source| source.map == feature.map)?))
                })
                .collect();
            let data_type = self.data_type(metric)?;
            let mut writers = sources
                .iter()
                .map(|(feature, source)| self.create(feature, source, &data_type))
                .collect::<Result<Vec<_>, _>>()?;
            for chunk in &chunks {
                go_on()?;
                let (values, starts) = self.read(metric, chunk)?;
                let found: &[Places] = match &known {
                    Some(places) => places,
                    None => {
                        let found =
                            sources.par_iter().map(|(_, source)| source.places(chunk, &starts)).collect();
                        known.insert(found)
                    }
                };
                for ((writer, schema), places) in writers.iter_mut().zip(found) {
                    self.write_rows(writer, schema, places, &values)?;
                }
                if chunks.len() > 1 {
                    known = None;
                }
            }
            writers.into_iter().try_for_each(|(writer, _)| writer.commit())?;
        }
        Ok(())
    }

    fn sources(&self) -> Vec<Source> {
        let names = column_names(&self.index.regions);
        let mut runs_of_map: BTreeMap<usize, Vec<&Run>> = BTreeMap::new();
        for run in &self.index.runs {
            runs_of_map.entry(run.map).or_default().push(run);
        }
        let source = |(map, runs): (usize, Vec<&Run>)| {
            let layouts = runs.iter().map(|run| run.layout).collect();
            let mut by_session: BTreeMap<Session, Vec<Run>> = BTreeMap::new();
            for run in runs {
                if let Some(session) = self.index.sessions.get(run.session) {
                    by_session.entry(session.clone()).or_default().push(run.clone());
                }
            }
            Source {
                map: self.index.maps.get(map).cloned().flatten(),
                regions: SourceRegions::of(self.index, &names, &layouts),
                runs: by_session,
            }
        };
        runs_of_map.into_iter().map(source).collect()
    }

    /// The sessions in lists that bound memory, sorted.
    fn chunks(&self, sources: &[Source]) -> Vec<BTreeSet<Session>> {
        let mut rows: BTreeMap<&Session, usize> = BTreeMap::new();
        for (session, runs) in sources.iter().flat_map(|source| &source.runs) {
            *rows.entry(session).or_default() += runs.iter().map(|run| run.rows.len()).sum::<usize>();
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

    /// A metric's values in the row groups that hold these sessions, and where each row group starts among them.
    fn read(
        &self,
        metric: &str,
        sessions: &BTreeSet<Session>,
    ) -> Result<(ArrayRef, HashMap<usize, usize>), StoreError> {
        let wanted: Vec<bool> =
            self.index.sessions.iter().map(|session| sessions.contains(session)).collect();
        let runs = self.index.runs.iter().filter(|run| wanted.get(run.session) == Some(&true));
        let groups: BTreeSet<usize> = runs.map(|run| run.row_group).collect();
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
        Ok((values, starts))
    }

    fn create(
        &self,
        feature: &PlannedFeature,
        source: &Source,
        data_type: &DataType,
    ) -> Result<(TableWriter<'_>, SchemaRef), StoreError> {
        let unit =
            Measure::of_column(self.table, &feature.metric).filter(|_| *data_type != DataType::Boolean);
        let region =
            |name: &String| with_unit(Field::new(name, data_type.clone(), true), unit.map(Measure::as_str));
        let fields = session_fields().into_iter().chain(source.regions.names.iter().map(region));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let notes = [
            (notes::ATLAS, self.settings.atlas_name.clone()),
            (notes::VERSION, crate::VERSION.to_owned()),
            (notes::CREATED_AT, notes::now()),
            (notes::FROM_STATE, self.file.note(notes::STATE).unwrap_or_default().to_owned()),
            (notes::FEATURE, serde_json::to_string(&feature.kind).unwrap_or_default()),
        ];
        let place = self.output.join(feature.name.file_path());
        let writer = TableWriter::create(&place, self.folders, &schema, self.settings.compression, &notes)?;
        Ok((writer, schema))
    }

    fn write_rows(
        &self,
        writer: &mut TableWriter<'_>,
        schema: &SchemaRef,
        places: &Places,
        values: &ArrayRef,
    ) -> Result<(), StoreError> {
        let n_sessions = places.sessions.len();
        if n_sessions == 0 {
            return Ok(());
        }
        let keys = session_arrays(places.sessions.iter());
        let rows = places.rows_for(values);
        let damaged = || StoreError::damaged(self.file.path(), "a column is missing");
        writer.write_small_group(|column| match column.checked_sub(keys.len()) {
            None => keys.get(column).cloned().ok_or_else(damaged),
            Some(region) => {
                let rows = rows.get(region * n_sessions..(region + 1) * n_sessions).ok_or_else(damaged)?;
                let array =
                    take(values, &indices(rows), None).map_err(StoreError::arrow(self.file.path()))?;
                debug_assert_eq!(
                    Some(array.data_type()),
                    schema.fields().get(column).map(|field| field.data_type())
                );
                Ok(array)
            }
        })
    }
}

impl Source {
    fn places(&self, sessions: &BTreeSet<Session>, starts: &HashMap<usize, usize>) -> Places {
        let present: Vec<(&Session, &Vec<Run>)> =
            self.runs.iter().filter(|(session, _)| sessions.contains(*session)).collect();
        let n_sessions = present.len();
        let mut rows = vec![NOWHERE; n_sessions * self.regions.names.len()];
        let mut further = Vec::new();
        for (place, (_, runs)) in present.iter().enumerate() {
            for run in *runs {
                let Some(start) = starts.get(&run.row_group) else { continue };
                let columns = self.regions.columns(run.layout);
                for (row, column) in (start + run.rows.start..).zip(columns) {
                    let cell = column * n_sessions + place;
                    let row = u32::try_from(row).unwrap_or(NOWHERE);
                    match rows.get_mut(cell) {
                        Some(free) if *free == NOWHERE => *free = row,
                        Some(_) => further.push((cell, row)),
                        None => {}
                    }
                }
            }
        }
        Places { sessions: present.into_iter().map(|(session, _)| session.clone()).collect(), rows, further }
    }
}

impl Places {
    /// The rows to take: a region's first, or the first that is not null.
    fn rows_for(&self, values: &ArrayRef) -> std::borrow::Cow<'_, [u32]> {
        if self.further.is_empty() {
            return (&self.rows).into();
        }
        let is_null =
            |row: u32| usize::try_from(row).map_or(true, |row| row >= values.len() || values.is_null(row));
        let mut rows = self.rows.clone();
        for (cell, row) in &self.further {
            if let Some(first) = rows.get_mut(*cell).filter(|first| is_null(**first)) {
                *first = *row;
            }
        }
        rows.into()
    }
}

fn indices(rows: &[u32]) -> UInt32Array {
    let nulls =
        rows.contains(&NOWHERE).then(|| rows.iter().map(|row| *row != NOWHERE).collect::<NullBuffer>());
    UInt32Array::new(rows.to_vec().into(), nulls)
}

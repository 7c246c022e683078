//! The total intracranial volume of each session, as a table of its own and as a feature.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, cast::AsArray, types::Float64Type};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::columns::TIV;
use na_model::{ExportSettings, FeatureName, MeasurementUnit, Modality, Session, TivFinding};

use crate::error::StoreError;
use crate::format::fields::double_field;
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::ParquetWriter;
use crate::tables::features::FeatureKind;
use crate::tables::key_columns::{by_subject_and_session, key_arrays, key_fields, sessions_of};
use crate::tables::paths::TIV_FILE;

/// Volumes by session, mL.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct TivTable(pub(crate) HashMap<Session, f64>);

impl TivTable {
    pub(crate) fn read(output: &Path) -> Result<Self, StoreError> {
        let mut volumes = HashMap::new();
        // Both files hold the same: if somebody deletes one, the next export makes it again from the other.
        let file = match ParquetReader::open(&output.join(TIV_FILE))? {
            None => ParquetReader::open(&output.join(FeatureName::tiv().file_path()))?,
            file => file,
        };
        let Some(file) = file else { return Ok(Self::default()) };
        for row_group in 0..file.row_groups().len() {
            let batch = file.read_all(row_group)?;
            let column =
                batch.column_by_name(TIV).and_then(|column| column.as_primitive_opt::<Float64Type>());
            let column =
                column.ok_or_else(|| StoreError::damaged(file.path(), "no column tiv of doubles"))?;
            let sessions = sessions_of(&batch, file.path())?;
            volumes
                .extend(sessions.into_iter().zip(column).filter_map(|(session, tiv)| Some((session, tiv?))));
        }
        Ok(Self(volumes))
    }

    /// Replaces the volumes of some sessions by what was found.
    pub(crate) fn merge<'f>(&mut self, found: impl IntoIterator<Item = (&'f Session, TivFinding)>) {
        for (session, finding) in found {
            match finding.after(self.0.get(session).copied()) {
                Some(tiv) => self.0.insert(session.clone(), tiv),
                None => self.0.remove(session),
            };
        }
    }

    /// Writes both files, with rows as in [`TivTable::batch`].
    pub(crate) fn write(
        &self,
        output: &Path,
        changes: &FileChanges,
        settings: &ExportSettings,
        sessions: &[Session],
    ) -> Result<(), StoreError> {
        let (path, feature) = (output.join(TIV_FILE), output.join(FeatureName::tiv().file_path()));
        if self.0.is_empty() {
            [path, feature].iter().for_each(|path| changes.delete_later(path));
            return Ok(());
        }
        let batch = self.batch(sessions).map_err(StoreError::arrow(&path))?;
        let mut key_values =
            vec![(keys::ATLAS, settings.atlas_name.clone()), (keys::FEATURE, kind().to_text(&feature)?)];
        key_values.extend(keys::of_writing());
        for path in [path, feature] {
            let mut writer =
                ParquetWriter::create(&path, changes, &batch.schema(), settings.compression, &key_values)?;
            writer.write_batch(&batch)?;
            writer.commit()?;
        }
        Ok(())
    }

    /// The table: rows in the order of `sessions`, then the others by subject and session.
    pub(crate) fn batch(&self, sessions: &[Session]) -> Result<RecordBatch, ArrowError> {
        let known: HashSet<&Session> = sessions.iter().collect();
        let mut others: Vec<&Session> = self.0.keys().filter(|session| !known.contains(session)).collect();
        others.sort_unstable_by(|first, second| by_subject_and_session(first, second));
        let rows: Vec<(&Session, f64)> = sessions
            .iter()
            .chain(others)
            .filter_map(|session| Some((session, *self.0.get(session)?)))
            .collect();
        let [subjects, ids] = key_arrays(rows.iter().map(|(session, _)| *session));
        let volumes: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.iter().map(|(_, tiv)| *tiv)));
        RecordBatch::try_new(schema(), vec![subjects, ids, volumes])
    }
}

pub(crate) fn schema() -> SchemaRef {
    let [subject, session] = key_fields();
    Arc::new(Schema::new(vec![
        subject,
        session,
        double_field(TIV, Some(MeasurementUnit::Millilitre.as_str())),
    ]))
}

pub(crate) fn kind() -> FeatureKind {
    FeatureKind {
        name: FeatureName::tiv().to_string(),
        modality: Modality::Anatomical.to_string(),
        metric: TIV.to_owned(),
        source_modality: Some("global".to_owned()),
        workflow: None,
        model: None,
        param: None,
        desc: None,
    }
}

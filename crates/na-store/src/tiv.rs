//! Total intracranial volume of each session, as a table of its own and as a feature.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_cache::CachedUnit;
use na_model::{ExportSettings, FeatureName, MeasurementUnit, Modality, Session};

use crate::durable::Folders;
use crate::error::StoreError;
use crate::layout::TIV_FILE;
use crate::notes;
use crate::session_columns::{session_arrays, session_fields, sessions_of};
use crate::table_file::{TableFile, TableWriter, double_field};
use crate::wide::plan::FeatureKind;

const COLUMN: &str = "tiv";

/// Volumes by session, mL.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct TivTable(pub(crate) HashMap<Session, f64>);

impl TivTable {
    pub(crate) fn read(output: &Path) -> Result<Self, StoreError> {
        let mut volumes = HashMap::new();
        // Both files say the same: one that someone deleted is made again from the other.
        let file = match TableFile::open(&output.join(TIV_FILE))? {
            None => TableFile::open(&output.join(FeatureName::tiv().file_path()))?,
            file => file,
        };
        let Some(file) = file else { return Ok(Self::default()) };
        for row_group in 0..file.row_groups().len() {
            let batch = file.read_all(row_group)?;
            let column =
                batch.column_by_name(COLUMN).and_then(|column| column.as_primitive_opt::<Float64Type>());
            let column =
                column.ok_or_else(|| StoreError::damaged(file.path(), "no column tiv of doubles"))?;
            let sessions = sessions_of(&batch, file.path())?;
            volumes
                .extend(sessions.into_iter().zip(column).filter_map(|(session, tiv)| Some((session, tiv?))));
        }
        Ok(Self(volumes))
    }

    /// What the cache says of a session replaces what was known.
    pub(crate) fn merge(&mut self, units: &[Arc<CachedUnit>]) {
        for unit in units.iter().filter(|unit| unit.unit.modality == Modality::Anatomical) {
            let session = &unit.unit.session;
            match unit.tiv.after(self.0.get(session).copied()) {
                Some(tiv) => self.0.insert(session.clone(), tiv),
                None => self.0.remove(session),
            };
        }
    }

    /// Writes both files, rows in the order of `sessions`.
    pub(crate) fn write(
        &self,
        output: &Path,
        folders: &Folders,
        settings: &ExportSettings,
        sessions: &[Session],
    ) -> Result<(), StoreError> {
        let (path, feature) = (output.join(TIV_FILE), output.join(FeatureName::tiv().file_path()));
        if self.0.is_empty() {
            [path, feature].iter().for_each(|path| folders.let_go(path));
            return Ok(());
        }
        let batch = self.batch(sessions).map_err(StoreError::arrow(&path))?;
        let notes = [
            (notes::ATLAS, settings.atlas_name.clone()),
            (notes::VERSION, crate::VERSION.to_owned()),
            (notes::CREATED_AT, notes::now()),
            (notes::FEATURE, serde_json::to_string(&kind()).unwrap_or_default()),
        ];
        for place in [path, feature] {
            let mut writer =
                TableWriter::create(&place, folders, &batch.schema(), settings.compression, &notes)?;
            writer.write_batch(&batch)?;
            writer.commit()?;
        }
        Ok(())
    }

    /// The table, rows in the order of `sessions`, then those that are not among them.
    pub(crate) fn batch(&self, sessions: &[Session]) -> Result<RecordBatch, ArrowError> {
        let known: HashSet<&Session> = sessions.iter().collect();
        let mut others: Vec<&Session> = self.0.keys().filter(|session| !known.contains(session)).collect();
        others.sort_unstable();
        let rows: Vec<(&Session, f64)> = sessions
            .iter()
            .chain(others)
            .filter_map(|session| Some((session, *self.0.get(session)?)))
            .collect();
        let [subjects, ids] = session_arrays(rows.iter().map(|(session, _)| *session));
        let volumes: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.iter().map(|(_, tiv)| *tiv)));
        RecordBatch::try_new(schema(), vec![subjects, ids, volumes])
    }
}

pub(crate) fn schema() -> SchemaRef {
    let [subject, session] = session_fields();
    Arc::new(Schema::new(vec![
        subject,
        session,
        double_field(COLUMN, Some(MeasurementUnit::Millilitre.as_str())),
    ]))
}

pub(crate) fn kind() -> FeatureKind {
    FeatureKind {
        name: FeatureName::tiv().to_string(),
        modality: Modality::Anatomical.to_string(),
        metric: COLUMN.to_owned(),
        source_modality: Some("global".to_owned()),
        workflow: None,
        model: None,
        param: None,
        desc: None,
    }
}

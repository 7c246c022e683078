//! The store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use na_cache::{Cache, Cancel, Claim, cache_status};
use na_model::columns::{SESSION, SUBJECT};
use na_model::{Modality, Session};
use na_pipeline::{Participant, PipelineError, Withdrawn, Withdrew, withdraw};
use na_report::Report;
use na_store::{
    CacheExport, ExistingStore, FeatureStore, StoreError, Unobserved, WithdrawalsTold, clear_cache,
    export_cache,
};
use neuroalign::{all_cores, report_beside};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{of_model, of_pipeline, of_report, of_store};
use crate::per_process::PerProcess;
use crate::reading::reading;
use crate::selection::Selection;
use crate::table::Table;

/// A feature store that is open.
#[pyclass(frozen, module = "neuroalign_preprocessing._native")]
pub(crate) struct Store {
    folder: PathBuf,
    opened: PerProcess<Arc<FeatureStore>>,
}

impl Store {
    fn opened(&self, py: Python<'_>) -> PyResult<Arc<FeatureStore>> {
        self.opened
            .with(py, || FeatureStore::open(&self.folder).map(Arc::new), |store| Arc::clone(store))
            .map_err(of_store)
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&FeatureStore) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        let store = self.opened(py)?;
        reading(py, || read(&store))?.map_err(of_store)
    }

    /// Takes the participants of a file out, or else those given; with how many were listed.
    fn take_out(
        &self,
        participants: Vec<(String, Option<String>)>,
        file: Option<&Path>,
        yes: bool,
    ) -> Result<(Withdrew, u64), Box<PipelineError>> {
        let withdrawn = match file {
            Some(file) => Withdrawn::read(file)?,
            None => Withdrawn::List(numbered(participants)),
        };
        let n_listed = withdrawn.told(yes).n_listed().unwrap_or_default();
        let withdrew = withdraw(&self.folder, &withdrawn, yes, &Claim::default(), &Unobserved)?;
        if let Some(updated_at) = ExistingStore::open(&self.folder).map_err(PipelineError::from)?.updated_at()
        {
            let _ = report_beside(&self.folder, updated_at, all_cores());
        }
        Ok((withdrew, n_listed))
    }
}

/// Participants with the lines of a list that they would be, from 1.
fn numbered(participants: Vec<(String, Option<String>)>) -> Vec<Participant> {
    let numbered = (1..).zip(participants);
    numbered.map(|(line, (subject, session))| Participant::new(line, subject, session)).collect()
}

fn words(session: &Session) -> (String, Option<String>) {
    (session.subject.as_str().to_owned(), session.id_str().map(str::to_owned))
}

#[pymethods]
impl Store {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        let store = Self { folder, opened: PerProcess::new() };
        store.opened(py)?;
        Ok(store)
    }

    fn load_long(&self, py: Python<'_>, name: &str, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        let rows = self.read(py, |store| store.scan_long_with(name, &options)?.read_all());
        rows.map(|(schema, batches)| Table::new(schema, batches))
    }

    /// None if the cache has no such table, or there is no cache.
    fn load_from_cache(&self, py: Python<'_>, name: &str, selection: Selection) -> PyResult<Option<Table>> {
        let options = selection.options()?;
        let rows = self.read(py, |store| match store.scan_long_with(name, &options) {
            Err(StoreError::UnknownName { what: "long table", .. }) => Ok(None),
            scan => scan?.read_all().map(Some),
        })?;
        Ok(rows.map(|(schema, batches)| Table::new(schema, batches)))
    }

    fn load_feature(&self, py: Python<'_>, name: &str, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        self.read(py, |store| store.feature_batch(name, &options)).map(Table::from)
    }

    fn load_features(&self, py: Python<'_>, names: Vec<String>, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        self.read(py, |store| store.features_batch(&names, &options)).map(Table::from)
    }

    fn load_tiv(&self, py: Python<'_>) -> PyResult<Table> {
        self.read(py, |store| store.tiv_batch()).map(Table::from)
    }

    fn load_metadata(&self, py: Python<'_>) -> PyResult<Table> {
        self.read(py, |store| store.metadata_batch()).map(Table::from)
    }

    fn list_long_formats(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read(py, |store| store.list_long_formats())
    }

    fn list_features(&self, py: Python<'_>, modality: Option<&str>) -> PyResult<Vec<String>> {
        let modality: Option<Modality> =
            modality.map(str::parse).transpose().map_err(|error| of_model(&error))?;
        self.read(py, |store| store.list_features(modality))
    }

    fn regions(&self, py: Python<'_>, name: &str) -> PyResult<Vec<String>> {
        self.read(py, |store| store.regions(name))
    }

    fn existing_sessions(&self, py: Python<'_>) -> PyResult<Vec<(String, Option<String>)>> {
        let sessions = self.read(py, |store| store.existing_sessions())?;
        Ok(sessions.iter().map(words).collect())
    }

    /// The same as rows.
    fn session_table(&self, py: Python<'_>) -> PyResult<Table> {
        let sessions = self.read(py, |store| store.existing_sessions())?;
        let subjects: StringArray = sessions.iter().map(|session| Some(session.subject.as_str())).collect();
        let ids: StringArray = sessions.iter().map(Session::id_str).collect();
        let fields = [(SUBJECT, Arc::new(subjects) as ArrayRef, false), (SESSION, Arc::new(ids), true)];
        let rows = RecordBatch::try_from_iter_with_nullable(fields);
        rows.map(Table::from).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// The sessions of which the cache holds units of a modality.
    fn cached_sessions(&self, py: Python<'_>, modality: &str) -> PyResult<Vec<(String, Option<String>)>> {
        let units = self.read(py, |store| {
            let cache = Cache::open_until(store.folder(), &Cancel::never())?;
            Ok(cache.map(|cache| cache.units()).transpose()?.unwrap_or_default())
        })?;
        let units =
            units.into_iter().map(|unit| unit.unit).filter(|unit| unit.modality().as_str() == modality);
        Ok(units.map(|unit| words(&unit.session)).collect())
    }

    /// None if there is no such feature.
    fn feature_info<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let info = self.read(py, |store| match store.feature_info(name) {
            Err(StoreError::UnknownName { what: "feature", .. }) => Ok(None),
            info => info.map(Some),
        })?;
        let Some(info) = info else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("name", info.name)?;
        dict.set_item("modality", info.modality.as_str())?;
        dict.set_item("metric", info.metric)?;
        dict.set_item("tissue", info.tissue)?;
        dict.set_item("workflow", info.workflow)?;
        dict.set_item("model", info.model)?;
        dict.set_item("param", info.param)?;
        dict.set_item("desc", info.desc)?;
        dict.set_item("unit", info.unit)?;
        dict.set_item("n_sessions", info.n_sessions)?;
        dict.set_item("regions", info.regions)?;
        dict.set_item("atlas_name", info.atlas_name)?;
        dict.set_item("producer_versions", info.producer_versions)?;
        dict.set_item("file", info.file)?;
        dict.set_item("created_at", info.created_at)?;
        Ok(Some(dict))
    }

    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = self.read(py, |store| store.summary())?;
        let dict = PyDict::new(py);
        dict.set_item("folder", summary.folder)?;
        dict.set_item("atlas_name", summary.atlas_name)?;
        dict.set_item("n_sessions", summary.n_sessions)?;
        dict.set_item("n_subjects", summary.n_subjects)?;
        dict.set_item("long_formats", summary.long_formats)?;
        dict.set_item("anatomical_features", summary.anatomical_features)?;
        dict.set_item("diffusion_features", summary.diffusion_features)?;
        dict.set_item("has_tiv", summary.has_tiv)?;
        dict.set_item("created_at", summary.created_at)?;
        dict.set_item("updated_at", summary.updated_at)?;
        dict.set_item("cache", self.cache_status(py)?)?;
        Ok(dict)
    }

    fn cache_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.read(py, |store| Ok(cache_status(store.folder(), &Cancel::never())?))?;
        let dict = PyDict::new(py);
        dict.set_item("exists", status.is_some())?;
        dict.set_item(
            "n_sessions_anatomical",
            status.as_ref().map_or(0, |status| status.anatomical_sessions),
        )?;
        dict.set_item("n_sessions_diffusion", status.as_ref().map_or(0, |status| status.diffusion_sessions))?;
        let tables = status.iter().flat_map(|status| &status.tables).map(ToString::to_string);
        dict.set_item("tables", tables.collect::<Vec<_>>())?;
        #[expect(clippy::cast_precision_loss, reason = "megabytes are read by people")]
        let size = status.as_ref().map_or(0.0, |status| status.size_bytes as f64 / (1024.0 * 1024.0));
        dict.set_item("size_mb", size)?;
        Ok(dict)
    }

    fn export_cache<'py>(
        &self,
        py: Python<'py>,
        atlas_name: Option<String>,
        keep_cache: bool,
        n_listed_withdrawn: Option<u64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        // The list was held against the one before when it was acted on.
        let withdrawals = n_listed_withdrawn.map_or(WithdrawalsTold::Nothing, WithdrawalsTold::Corrected);
        let how = CacheExport { atlas_name, keep_cache, withdrawals, ..CacheExport::default() };
        let report = self.read(py, |store| {
            let report = export_cache(store.folder(), &how, &Unobserved)?;
            let _ = report_beside(store.folder(), &report.manifest.updated_at, all_cores());
            Ok(report)
        })?;
        let dict = PyDict::new(py);
        dict.set_item("long_formats", report.manifest.long_formats.keys().collect::<Vec<_>>())?;
        dict.set_item("n_features", report.manifest.wide_features.len())?;
        dict.set_item("n_sessions", report.manifest.n_sessions)?;
        dict.set_item("notes", report.notes)?;
        Ok(dict)
    }

    /// Writes the report of the cohort, beside the manifest if no path is given.
    fn report(&self, py: Python<'_>, path: Option<PathBuf>, ids: bool) -> PyResult<PathBuf> {
        let store = self.opened(py)?;
        let write = || {
            let Some(path) = path else { return Report::put_beside(&store) };
            let report = if ids { Report::of(&store)? } else { Report::without_ids(&store)? };
            report.write(&path).map(|()| path)
        };
        reading(py, write)?.map_err(of_report)
    }

    fn clear_cache(&self, py: Python<'_>) -> PyResult<()> {
        self.read(py, |store| clear_cache(store.folder()))
    }

    /// Takes those who withdrew out: the subjects and sessions of a list, or of a file.
    fn withdraw<'py>(
        &self,
        py: Python<'py>,
        participants: Option<Vec<(String, Option<String>)>>,
        file: Option<PathBuf>,
        yes: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let participants = participants.unwrap_or_default();
        let withdrew = reading(py, || self.take_out(participants, file.as_deref(), yes))?;
        let (withdrew, n_listed) = withdrew.map_err(|error| of_pipeline(*error))?;
        let dict = PyDict::new(py);
        dict.set_item("n_subjects", withdrew.taken_out.n_subjects)?;
        dict.set_item("n_sessions", withdrew.taken_out.n_sessions)?;
        dict.set_item("n_listed", n_listed)?;
        dict.set_item("lines_of_nobody", withdrew.of_nobody)?;
        dict.set_item("near_misses", withdrew.near_misses)?;
        let unclear: Vec<usize> = withdrew.unclear.iter().map(|unclear| unclear.line).collect();
        dict.set_item("unclear_lines", unclear)?;
        dict.set_item("named_in_cells", withdrew.named_in_cells)?;
        Ok(dict)
    }
}

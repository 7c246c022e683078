//! The store.

use std::path::PathBuf;

use na_model::{Modality, Session};
use na_store::{CacheExport, FeatureStore};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{of_model, of_store};
use crate::selection::Selection;
use crate::table::Table;

/// A feature store that is open.
#[pyclass(frozen, module = "neuroalign_preprocessing._native")]
pub(crate) struct Store(FeatureStore);

#[pymethods]
impl Store {
    #[new]
    fn new(folder: PathBuf) -> PyResult<Self> {
        FeatureStore::open(folder).map(Self).map_err(of_store)
    }

    fn load_long(&self, py: Python<'_>, name: &str, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        py.detach(|| self.0.scan_long_with(name, &options)).map(Table::streaming).map_err(of_store)
    }

    fn load_feature(&self, py: Python<'_>, name: &str, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        py.detach(|| self.0.feature_batch(name, &options)).map(Table::whole).map_err(of_store)
    }

    fn load_features(&self, py: Python<'_>, names: Vec<String>, selection: Selection) -> PyResult<Table> {
        let options = selection.options()?;
        py.detach(|| self.0.features_batch(&names, &options)).map(Table::whole).map_err(of_store)
    }

    fn load_tiv(&self, py: Python<'_>) -> PyResult<Table> {
        py.detach(|| self.0.tiv_batch()).map(Table::whole).map_err(of_store)
    }

    fn load_metadata(&self, py: Python<'_>) -> PyResult<Table> {
        py.detach(|| self.0.metadata_batch()).map(Table::whole).map_err(of_store)
    }

    fn list_long_formats(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| self.0.list_long_formats()).map_err(of_store)
    }

    fn list_features(&self, py: Python<'_>, modality: Option<&str>) -> PyResult<Vec<String>> {
        let modality: Option<Modality> =
            modality.map(str::parse).transpose().map_err(|error| of_model(&error))?;
        py.detach(|| self.0.list_features(modality)).map_err(of_store)
    }

    fn regions(&self, py: Python<'_>, name: &str) -> PyResult<Vec<String>> {
        py.detach(|| self.0.regions(name)).map_err(of_store)
    }

    fn existing_sessions(&self, py: Python<'_>) -> PyResult<Vec<(String, Option<String>)>> {
        let sessions = py.detach(|| self.0.existing_sessions()).map_err(of_store)?;
        let words =
            |session: Session| (session.subject.as_str().to_owned(), session.id_str().map(str::to_owned));
        Ok(sessions.into_iter().map(words).collect())
    }

    fn feature_info<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let info = py.detach(|| self.0.feature_info(name)).map_err(of_store)?;
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
        Ok(dict)
    }

    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = py.detach(|| self.0.summary()).map_err(of_store)?;
        let dict = PyDict::new(py);
        dict.set_item("folder", summary.folder)?;
        dict.set_item("atlas_name", summary.atlas_name)?;
        dict.set_item("n_sessions", summary.n_sessions)?;
        dict.set_item("n_subjects", summary.n_subjects)?;
        dict.set_item("long_formats", summary.long_formats)?;
        dict.set_item("anatomical_features", summary.anatomical_features)?;
        dict.set_item("diffusion_features", summary.diffusion_features)?;
        dict.set_item("has_tiv", summary.has_tiv)?;
        dict.set_item("updated_at", summary.updated_at)?;
        dict.set_item("cache", self.cache_status(py)?)?;
        Ok(dict)
    }

    fn cache_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = py.detach(|| self.0.cache_status()).map_err(of_store)?;
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
    ) -> PyResult<Bound<'py, PyDict>> {
        let how = CacheExport { atlas_name, keep_cache };
        let report = py.detach(|| self.0.export_cache(&how)).map_err(of_store)?;
        let dict = PyDict::new(py);
        dict.set_item("long_formats", report.manifest.long_formats.keys().collect::<Vec<_>>())?;
        dict.set_item("n_features", report.manifest.wide_features.len())?;
        dict.set_item("n_sessions", report.manifest.n_sessions)?;
        dict.set_item("notes", report.notes)?;
        Ok(dict)
    }

    fn clear_cache(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.clear_cache()).map_err(of_store)
    }
}

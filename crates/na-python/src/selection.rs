//! Which rows and columns Python asks for.

use na_model::{Session, SessionId, SubjectCode};
use na_store::{Origin, ReadOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::of_model;

/// A dictionary with all of these keys.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Selection {
    origin: String,
    metadata: bool,
    tiv: bool,
    text_as_views: bool,
    sidecars: bool,
    sessions: Option<Vec<(String, Option<String>)>>,
    subjects: Option<Vec<String>>,
    regions: Option<Vec<String>>,
    metrics: Option<Vec<String>>,
}

impl Selection {
    pub(crate) fn options(self) -> PyResult<ReadOptions> {
        let mut options = ReadOptions::default().from(match self.origin.as_str() {
            "newest" => Origin::Newest,
            "parquet" => Origin::Parquet,
            "cache" => Origin::Cache,
            other => return Err(PyValueError::new_err(format!("no origin is called {other}"))),
        });
        if !self.metadata {
            options = options.without_metadata();
        }
        if self.tiv {
            options = options.with_tiv();
        }
        if self.text_as_views {
            options = options.with_text_as_views();
        }
        if self.sidecars {
            options = options.with_sidecars();
        }
        let subject = |code: &String| SubjectCode::clean(code).map_err(|error| of_model(&error));
        if let Some(subjects) = self.subjects {
            options = options.subjects(subjects.iter().map(subject).collect::<PyResult<Vec<_>>>()?);
        }
        if let Some(sessions) = self.sessions {
            let session = |(code, id): &(String, Option<String>)| {
                let id = id.as_deref().map(SessionId::clean).transpose().map_err(|error| of_model(&error))?;
                Ok(Session::new(subject(code)?, id.flatten()))
            };
            options = options.sessions(sessions.iter().map(session).collect::<PyResult<Vec<_>>>()?);
        }
        if let Some(regions) = self.regions {
            options = options.regions(regions);
        }
        if let Some(metrics) = self.metrics {
            options = options.metrics(metrics);
        }
        Ok(options)
    }
}

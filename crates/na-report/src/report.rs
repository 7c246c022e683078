//! The report of a store: made from one state of it, and written as one file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use askama::Template;
use na_store::{FeatureStore, StoreView};

use crate::cohort::Cohort;
use crate::error::ReportError;
use crate::features::analysis::{Analysis, CELLS_AT_ONCE};
use crate::file::{put_beside, replace, state};
use crate::naming::{Lists, Naming};
use crate::page::data::Data;
use crate::page::html::Page;
use crate::sections::completeness::Completeness;
use crate::sections::covariates::CovariatesSection;
use crate::sections::features::FeaturesSection;
use crate::sections::findings::Findings;
use crate::sections::glance::Glance;
use crate::sections::provenance::ProvenanceSection;
use crate::sections::regions::{Regions, RegionsSection};
use crate::sections::repeated::Repeated;
use crate::sections::sessions::SessionsSection;
use crate::sections::since::Since;
use crate::sections::standing::{Material, Standing};

/// The report of a store in one state.
///
/// ```no_run
/// use na_report::Report;
/// use na_store::FeatureStore;
///
/// let store = FeatureStore::open("data/processed")?;
/// Report::of(&store)?.write("cohort.html")?;
/// // To be mailed: sessions are lines of sessions.tsv, and no file is named.
/// Report::without_ids(&store)?.write("cohort_without_ids.html")?;
/// # Ok::<(), na_report::ReportError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    html: String,
    state: String,
}

impl Report {
    /// Makes the report. A load may be running: what it has committed counts.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn of(store: &FeatureStore) -> Result<Self, ReportError> {
        store.at_one_state(|view| Self::of_view(view, true))
    }

    /// Makes the report without the ids of sessions and the names of files. It still holds values of single sessions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn without_ids(store: &FeatureStore) -> Result<Self, ReportError> {
        store.at_one_state(|view| Self::of_view(view, false))
    }

    fn of_view(view: &StoreView<'_>, ids: bool) -> Result<Self, ReportError> {
        if view.withdrawal_has_begun()? {
            return Err(ReportError::WithdrawalUnderWay { output: view.folder().to_owned() });
        }
        let cohort = Cohort::read(view)?;
        let analysis = Analysis::read(view, &cohort, CELLS_AT_ONCE)?;
        let standing = Standing::of(&cohort, &analysis);
        let naming = Naming { sessions: &cohort.sessions, ids };
        let material = Material { cohort: &cohort, analysis: &analysis, standing: &standing, naming };
        let regions = Regions::of(&analysis.features);
        let mut lists = Lists::default();
        let title = title(view.folder(), ids);
        let findings = Findings::of(material, &mut lists);
        let n_findings = lists.0.len();
        let state = view.updated_at().map(state).unwrap_or_default();
        let page = Page {
            title: title.clone(),
            state: state.clone(),
            ids,
            glance: Glance::of(&material, regions.names.len(), title),
            findings,
            completeness: Completeness::of(material, &mut lists),
            // Last of those with lists: the others have the same numbers, whatever the last run did.
            since: Since::of(material, &mut lists),
            sessions: SessionsSection::of(material)?,
            features: FeaturesSection::of(material),
            regions: RegionsSection::of(material, &regions)?,
            covariates: CovariatesSection::of(material),
            provenance: ProvenanceSection::of(material),
            repeated: Repeated::of(material),
            data: Data::of(material, &regions, &lists, n_findings)?,
        };
        let html = format!("{}\n", page.render()?.trim_end());
        Ok(Self { html, state })
    }

    /// The whole file: HTML that asks nothing of any network.
    #[must_use]
    pub fn html(&self) -> &str {
        &self.html
    }

    /// Makes the report of a store and puts it into its folder, `report.html`; its path. None is left of an older state of the store.
    ///
    /// # Errors
    /// [`ReportError::Foreign`] if another program's file is there; [`ReportError::Changing`]; a store that cannot be read or written to.
    pub fn put_beside(store: &FeatureStore) -> Result<PathBuf, ReportError> {
        put_beside(store, || Self::of(store).map(|report| (report.html, report.state)))
    }

    /// Writes the file, whole or not at all. A report that is there is replaced.
    ///
    /// # Errors
    /// [`ReportError::Foreign`] if another program's file is there; a file that cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        replace(path.as_ref(), &self.html)
    }
}

/// The name of a store's folder, which is often called as all are, behind that of the folder above it; without ids alone.
fn title(folder: &Path, ids: bool) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = folder.file_name().map_or_else(|| folder.to_string_lossy(), OsStr::to_string_lossy);
    match folder.parent().and_then(Path::file_name).filter(|_| ids) {
        Some(above) => format!("{}/{name}", above.to_string_lossy()),
        None => name.into_owned(),
    }
}

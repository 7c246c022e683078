//! Puts the page together.

use askama::Template;

use crate::page::data::Data;
use crate::page::script::SCRIPT;
use crate::sections::completeness::Completeness;
use crate::sections::covariates::CovariatesSection;
use crate::sections::features::FeaturesSection;
use crate::sections::findings::Findings;
use crate::sections::glance::Glance;
use crate::sections::provenance::ProvenanceSection;
use crate::sections::regions::RegionsSection;
use crate::sections::repeated::Repeated;
use crate::sections::sessions::SessionsSection;
use crate::sections::since::Since;

/// The whole file.
#[derive(Template)]
#[template(path = "page.html")]
pub(crate) struct Page {
    pub(crate) title: String,
    /// What the page is of, by which a run tells whether it is of today's store.
    pub(crate) state: String,
    pub(crate) ids: bool,
    pub(crate) glance: Glance,
    pub(crate) findings: Findings,
    pub(crate) since: Since,
    pub(crate) completeness: Completeness,
    pub(crate) sessions: SessionsSection,
    pub(crate) features: FeaturesSection,
    pub(crate) regions: RegionsSection,
    pub(crate) covariates: CovariatesSection,
    pub(crate) provenance: ProvenanceSection,
    pub(crate) repeated: Repeated,
    pub(crate) data: Data,
}

impl Page {
    fn style(&self) -> &'static str {
        include_str!("report.css")
    }

    fn script(&self) -> &'static str {
        &SCRIPT.text
    }

    fn script_hash(&self) -> &'static str {
        &SCRIPT.hash
    }
}

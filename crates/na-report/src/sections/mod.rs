//! The sections of the page, each a template and what fills it.
//!
//! Knows what the cohort and its features say, and how it is drawn. A section shows nothing that was not computed before. Open `findings`
//! first.

pub(crate) mod completeness;
pub(crate) mod covariates;
pub(crate) mod features;
pub(crate) mod findings;
pub(crate) mod glance;
pub(crate) mod provenance;
pub(crate) mod regions;
pub(crate) mod repeated;
pub(crate) mod sessions;
pub(crate) mod since;
pub(crate) mod standing;

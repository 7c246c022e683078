//! How sessions stand out: which are flagged, and which come first.

use na_model::{Modality, UnitStatus};

use crate::cohort::Cohort;
use crate::features::analysis::{Analysis, SessionFacts};
use crate::naming::Naming;

/// What all sections are made from.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) cohort: &'a Cohort,
    pub(crate) analysis: &'a Analysis,
    pub(crate) standing: &'a Standing,
    pub(crate) naming: Naming<'a>,
}

/// How each session stands out.
pub(crate) struct Standing {
    pub(crate) facts: Vec<SessionFacts>,
    /// The most unusual first; where nothing is scored, what failed and what is missing.
    pub(crate) order: Vec<usize>,
}

impl Standing {
    pub(crate) fn of(cohort: &Cohort, analysis: &Analysis) -> Self {
        let facts: Vec<SessionFacts> =
            (0..cohort.sessions.len()).map(|session| analysis.of_session(session)).collect();
        let mut order: Vec<usize> = (0..facts.len()).collect();
        let key = |session: &usize| {
            let of = facts.get(*session);
            let worst = of.and_then(|of| of.worst).map_or(-1.0, |(_, share)| share);
            (worst, of.map_or(0.0, SessionFacts::share))
        };
        let severity = |session: &usize| cohort.units.worst(*session).map(crate::cohort::units::severity);
        let is_scored = analysis.is_scored();
        order.sort_by(|one, other| {
            let ((one_worst, one_share), (other_worst, other_share)) = (key(one), key(other));
            let by_score = other_worst.total_cmp(&one_worst).then_with(|| other_share.total_cmp(&one_share));
            let by_status = severity(other).cmp(&severity(one));
            let by_score = if is_scored { by_score } else { by_status };
            by_score.then_with(|| one.cmp(other))
        });
        Self { facts, order }
    }

    pub(crate) fn flagged(&self) -> Vec<usize> {
        let facts = self.facts.iter().enumerate();
        facts.filter(|(_, facts)| facts.is_flagged()).map(|(session, _)| session).collect()
    }
}

impl Material<'_> {
    /// The sessions of which any modality has this status.
    pub(crate) fn with_status(&self, status: UnitStatus) -> Vec<usize> {
        let is_it = |session: &usize| {
            let units = self.cohort.units.by_modality.values();
            units.filter_map(|units| units.get(*session)?.as_ref()).any(|facts| facts.status == status)
        };
        (0..self.cohort.sessions.len()).filter(is_it).collect()
    }

    /// The sessions of which the worst status is this one.
    pub(crate) fn at_worst(&self, status: UnitStatus) -> usize {
        (0..self.cohort.sessions.len())
            .filter(|session| self.cohort.units.worst(*session) == Some(status))
            .count()
    }

    /// The modalities that were looked for.
    pub(crate) fn modalities(&self) -> Vec<Modality> {
        self.cohort.units.by_modality.keys().copied().collect()
    }

    /// What became of a session in each of [`Material::modalities`].
    pub(crate) fn statuses(&self, session: usize) -> Vec<Option<UnitStatus>> {
        let units = self.cohort.units.by_modality.values();
        units.map(|units| units.get(session)?.as_ref().map(|facts| facts.status)).collect()
    }
}

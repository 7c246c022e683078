//! How sessions stand out: which are flagged, and which come first.

use na_model::{UnitKind, UnitStatus};

use crate::cohort::Cohort;
use crate::cohort::units::severity;
use crate::features::analysis::{Analysis, SessionFacts};
use crate::naming::Naming;

/// Sessions up to which the page has the deviations of each; of more, those of the flagged ones.
const ALL_DETAILED: usize = 20_000;

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
        let is_scored = analysis.is_scored();
        let rank = |(session, of): (usize, &SessionFacts)| match is_scored {
            // As the page's script has them: what looks alike is in the order of the sessions.
            true => (hundredths(of.worst_share()), hundredths(of.share()), session),
            false => {
                (cohort.units.worst(session).map_or(-1.0, |status| f64::from(severity(status))), 0.0, session)
            }
        };
        let mut ranks: Vec<(f64, f64, usize)> = facts.iter().enumerate().map(rank).collect();
        ranks.sort_by(|(one, one_share, first), (other, other_share, second)| {
            let by_share = other.total_cmp(one).then_with(|| other_share.total_cmp(one_share));
            by_share.then_with(|| first.cmp(second))
        });
        let order = ranks.into_iter().map(|(_, _, session)| session).collect();
        Self { facts, order }
    }

    pub(crate) fn flagged(&self) -> Vec<usize> {
        let facts = self.facts.iter().enumerate();
        facts.filter(|(_, facts)| facts.is_flagged()).map(|(session, _)| session).collect()
    }
}

/// Hundredths of a percent.
fn hundredths(share: f64) -> f64 {
    (10_000.0 * share).round()
}

impl Material<'_> {
    /// The sessions of which any unit has this status.
    pub(crate) fn with_status(&self, status: UnitStatus) -> Vec<usize> {
        let is_it =
            |session: &usize| self.cohort.units.of_session(*session).any(|facts| facts.status == status);
        (0..self.cohort.sessions.len()).filter(is_it).collect()
    }

    /// The sessions of which the worst status is this one.
    pub(crate) fn at_worst(&self, status: UnitStatus) -> usize {
        (0..self.cohort.sessions.len())
            .filter(|session| self.cohort.units.worst(*session) == Some(status))
            .count()
    }

    /// Whether the page has the deviations of flagged sessions alone.
    pub(crate) fn details_flagged_only(&self) -> bool {
        self.cohort.sessions.len() > ALL_DETAILED
    }

    /// The sessions whose deviations the page has.
    pub(crate) fn detailed(&self) -> Vec<usize> {
        if self.details_flagged_only() {
            return self.standing.flagged();
        }
        (0..self.cohort.sessions.len()).collect()
    }

    /// The kinds of units that were looked for.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &UnitKind> {
        self.cohort.units.by_kind.keys()
    }

    /// What became of a session in each of [`Material::kinds`].
    pub(crate) fn statuses(&self, session: usize) -> Vec<Option<UnitStatus>> {
        let units = self.cohort.units.by_kind.values();
        units.map(|units| units.get(session)?.as_ref().map(|facts| facts.status)).collect()
    }
}

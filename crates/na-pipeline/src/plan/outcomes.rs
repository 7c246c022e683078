//! What `sessions.tsv` is going to say beside what the store holds.

use foldhash::HashSet;
use na_model::{Names, Session, Unit, UnitKind, UnitOutcome, UnitStatus};

use crate::config::Config;
use crate::event::{Event, Observer};
use crate::identifiers::session_key::SessionKey;
use crate::plan::unit_plan::UnitPlan;
use crate::sessions::session_list::SessionList;

impl UnitPlan {
    /// All outcomes, once some units that were planned have failed.
    pub(crate) fn all_outcomes(&self, failed: &[UnitOutcome]) -> Vec<UnitOutcome> {
        let has_failed: HashSet<&Unit> = failed.iter().map(|outcome| &outcome.unit).collect();
        let planned = self.outcomes.iter().filter(|outcome| !has_failed.contains(&outcome.unit));
        planned.chain(failed).chain(&self.unlisted).cloned().collect()
    }

    /// Adds the outcomes that earlier runs left of units that this run does not look for. A session that leaves has
    /// none, and a unit that is stored by now is not missing: a run that was cut short may have loaded it.
    pub(crate) fn carry_over(&mut self, earlier: Vec<UnitOutcome>, config: &Config, list: &SessionList) {
        let sessions = || list.listing.rows.iter().map(|row| &row.session);
        let listed: HashSet<&Session> = sessions().collect();
        let numbers: HashSet<SessionKey> =
            sessions().filter(|session| SessionKey::is_number(session)).map(SessionKey::of).collect();
        // A session that was missing under another spelling is one that is listed.
        let is_respelled = |session: &Session| {
            !listed.contains(session)
                && SessionKey::is_number(session)
                && numbers.contains(&SessionKey::of(session))
                && self.stored_units(session).is_empty()
        };
        let stays = |outcome: &UnitOutcome| {
            let is_there = outcome.status == UnitStatus::Missing && self.stored.contains(&outcome.unit);
            !self.looked_for.contains(&outcome.unit)
                && !is_there
                && !is_respelled(&outcome.unit.session)
                && (!config.prune_unlisted || listed.contains(&outcome.unit.session))
        };
        let carried: Vec<UnitOutcome> = earlier.into_iter().filter(stays).collect();
        self.unlisted.extend(carried);
    }

    /// Adds listed units that labels leave out and that no run has reported.
    pub(crate) fn note_not_chosen(
        &mut self,
        list: &SessionList,
        kinds: &[UnitKind],
        chosen: &HashSet<Session>,
    ) {
        let told: HashSet<Unit> = self.unlisted.iter().map(|outcome| outcome.unit.clone()).collect();
        let others = list.listing.rows.iter().filter(|row| !chosen.contains(&row.session));
        let units =
            others.flat_map(|row| kinds.iter().map(|kind| Unit::new(row.session.clone(), kind.clone())));
        let untold = units.filter(|unit| !told.contains(unit) && !self.stored.contains(unit));
        let reason = "not looked for: the labels choose other sessions".to_owned();
        let outcomes: Vec<UnitOutcome> = untold
            .map(|unit| UnitOutcome { unit, status: UnitStatus::Missing, reason: reason.clone() })
            .collect();
        self.unlisted.extend(outcomes);
    }

    /// Takes the names of those who withdrew out of outcomes and notes.
    pub(crate) fn leave_untold(&mut self, names: &Names) {
        for outcome in self.outcomes.iter_mut().chain(&mut self.unlisted) {
            names.leave_untold(&mut outcome.reason);
        }
        // A note counts much: digits alone are no name in it.
        for note in self.notes.iter_mut().filter(|note| names.are_in(note)) {
            names.leave_untold(note);
        }
    }

    /// Tells what there is to do.
    pub(crate) fn tell(&self, observer: &dyn Observer) {
        observer.event(Event::Planned(self.summary));
        self.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    }
}

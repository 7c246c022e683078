//! Decides every unit of a run, and puts the decisions together into a plan.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_cache::Cache;
use na_model::{Session, Unit, UnitKind, UnitStatus};
use na_store::ExistingStore;
use rayon::prelude::*;

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::changes::Changes;
use crate::plan::decision::{Decider, Decision, UnitDecision};
use crate::plan::evictions::WeakClaims;
use crate::plan::unit_plan::UnitPlan;
use crate::plan::unit_records::{UnitRecord, for_each_record};
use crate::sessions::session_list::SessionList;

/// Units that are decided together: records are large, and a batch bounds how many are in memory.
const BATCH: usize = 512;

/// What a run compares, and with what.
pub(crate) struct Planner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) finder: &'a UnitFinder<'a>,
    pub(crate) list: &'a SessionList,
    /// The sessions that labels choose; all without labels.
    pub(crate) chosen: Option<HashSet<Session>>,
    /// `None` if all is loaded anew.
    pub(crate) store: Option<&'a ExistingStore>,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) should_stop: &'a (dyn Fn() -> bool + Sync),
}

impl Planner<'_> {
    /// Decides the units that the store has, then those that the list has beside them.
    pub(crate) fn plan(&self) -> Result<UnitPlan, PipelineError> {
        let mut decisions = Decisions::new(self);
        let mut weak_claims = WeakClaims::default();
        let mut stored = BTreeSet::new();
        for_each_record(self.store, self.cache, |unit, record| {
            weak_claims.add(&unit, &record.sources);
            stored.insert(unit.clone());
            if decisions.are_for(&unit) && !record.is_empty() {
                decisions.add(unit, Some(record));
            }
        })?;
        for unit in self.listed_units().map(|(_, unit)| unit) {
            decisions.add(unit, None);
        }
        let made = decisions.finish();
        let comes_in = |unit: &Unit| made.get(unit).is_some_and(UnitDecision::comes_in);
        let evictions = weak_claims.evictions(self.finder, comes_in);
        let plan = UnitPlan { stored, evictions, prunes: self.config.prune, ..UnitPlan::default() };
        Ok(self.fill(plan, made))
    }

    /// The units of the list, in its order, each with its session's index.
    fn listed_units(&self) -> impl Iterator<Item = (usize, Unit)> {
        let kinds = self.finder.inputs.kinds();
        self.list.listing.rows.iter().enumerate().flat_map(move |(index, row)| {
            kinds.iter().map(move |kind| (index, Unit::new(row.session.clone(), kind.clone())))
        })
    }

    /// Adds the decisions in the list's order, then those of units that are not listed.
    fn fill(&self, mut plan: UnitPlan, mut made: HashMap<Unit, UnitDecision>) -> UnitPlan {
        plan.summary.sessions = self.list.listing.rows.len();
        plan.summary.chosen = self.chosen.as_ref().map(HashSet::len);
        for (index, unit) in self.listed_units() {
            if let Some(decided) = made.remove(&unit) {
                plan.add(index, unit, decided);
            }
        }
        let unlisted: BTreeMap<Unit, UnitDecision> = made.into_iter().collect();
        unlisted.into_iter().for_each(|(unit, decided)| plan.add_unlisted(unit, decided));
        plan.absences.sort_by(|first, second| first.unit.cmp(&second.unit));
        plan.to_load.sort_by_key(|unit| !unit.is_changed);
        plan.notes.extend(self.finder.notes());
        let note = note_of_partial(&plan);
        plan.notes.extend(note);
        plan
    }
}

/// One note for all units that have tables which are not chosen.
fn note_of_partial(plan: &UnitPlan) -> Option<String> {
    let partial = || plan.outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Partial);
    let first = partial().next()?;
    let those = match partial().count() {
        1 => "1 session has tables that are not chosen, and is in the store without them:".to_owned(),
        n => format!(
            "{n} sessions have tables that are not chosen, and are in the store without them, such as"
        ),
    };
    Some(format!("{those} {}: {}", first.unit, first.reason))
}

/// Decisions as they are made, batch by batch, on all threads.
struct Decisions<'a> {
    planner: &'a Planner<'a>,
    decider: Decider<'a>,
    kinds: Vec<UnitKind>,
    seen: HashSet<Unit>,
    batch: Vec<(Unit, Option<UnitRecord>)>,
    made: HashMap<Unit, UnitDecision>,
}

impl<'a> Decisions<'a> {
    fn new(planner: &'a Planner<'a>) -> Self {
        let rows = planner.list.listing.rows.iter().enumerate();
        let decider = Decider {
            config: planner.config,
            finder: planner.finder,
            list: planner.list,
            indices: rows.map(|(index, row)| (&row.session, index)).collect(),
            changes: Changes::of(&planner.config.output, planner.finder.inputs),
        };
        Self {
            planner,
            decider,
            kinds: planner.finder.inputs.kinds().to_vec(),
            seen: HashSet::new(),
            batch: Vec::new(),
            made: HashMap::new(),
        }
    }

    /// Whether the run looks for a unit that the store has. One that is not listed stays as it is, unless sessions are
    /// discovered: then it would be listed if its folder were there.
    fn are_for(&self, unit: &Unit) -> bool {
        let is_discovered = self.planner.config.sessions == SessionSource::Discover;
        (is_discovered || self.decider.indices.contains_key(&unit.session)) && self.kinds.contains(&unit.kind)
    }

    /// Adds a unit, unless it is there already or labels choose others.
    fn add(&mut self, unit: Unit, record: Option<UnitRecord>) {
        let chosen = self.planner.chosen.as_ref();
        if chosen.is_some_and(|chosen| !chosen.contains(&unit.session)) {
            return;
        }
        if self.seen.insert(unit.clone()) {
            self.batch.push((unit, record));
        }
        if self.batch.len() >= BATCH {
            self.decide_batch();
        }
    }

    fn decide_batch(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let decided = batch.par_iter().map(|(unit, record)| self.decide(unit, record.as_ref()));
        // Records were read by this thread and are freed by it: others would wait for its memory.
        let decided: Vec<UnitDecision> = decided.collect();
        self.made.extend(batch.into_iter().map(|(unit, _)| unit).zip(decided));
    }

    fn decide(&self, unit: &Unit, record: Option<&UnitRecord>) -> UnitDecision {
        // Cancelled: the decisions are not looked at.
        if (self.planner.should_stop)() {
            return UnitDecision::new(Decision::Skip, record);
        }
        self.decider.decide(unit, record)
    }

    fn finish(mut self) -> HashMap<Unit, UnitDecision> {
        self.decide_batch();
        self.made
    }
}

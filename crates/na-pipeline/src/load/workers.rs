//! Threads read and encode units, each is admitted in the plan's order, and one writer commits.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use foldhash::{HashSet, HashSetExt};
use na_cache::{Cache, CacheError, OwnedCache, SegmentRun, SegmentWriter, UnitSender, Writer};
use na_model::{Names, ReadAt, RegionSet, TableName, Unit, UnitKind, UnitOutcome, UnitStatus, WideMetrics};
use na_store::{Committed, ExistingStore, RegionsInUse, Sealer, StoreError, regions_in_use};
use rayon::prelude::*;

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::inputs::unit_finder::UnitFinder;
use crate::load::admission::Admission;
use crate::load::remarks::Remarks;
use crate::load::reorder_buffer::ReorderBuffer;
use crate::load::thread_pool::thread_pool;
use crate::load::unit_loader::{LoadedUnit, load};
use crate::plan::unit_plan::{PlannedUnit, UnitPlan};
use crate::sessions::session_list::SessionList;
use crate::unit_error::UnitError;

/// Units that may wait for an earlier one, for each thread.
const WINDOW: usize = 4;

/// What comes of reading a unit: `None` if the run was to stop.
type ReadUnit = Result<Option<LoadedUnit>, UnitError>;

/// What a run loads, and from where.
pub(crate) struct Workers<'a> {
    pub(crate) config: &'a Config,
    pub(crate) finder: &'a UnitFinder<'a>,
    pub(crate) list: &'a SessionList,
    pub(crate) plan: &'a UnitPlan,
    pub(crate) metrics: WideMetrics,
    /// Those who withdrew: provenance that names them is not kept.
    pub(crate) names: &'a Names,
    pub(crate) observer: &'a dyn Observer,
}

/// What was loaded.
#[derive(Debug, Default)]
pub(crate) struct LoadOutcome {
    pub(crate) committed: BTreeMap<UnitKind, usize>,
    pub(crate) failed: Vec<UnitOutcome>,
}

/// A unit that cannot be loaded, and when that was seen.
type Failure = (UnitOutcome, ReadAt);

impl Workers<'_> {
    /// What decides which units are admitted, made before the first is committed.
    pub(crate) fn admission(
        &self,
        store: Option<&ExistingStore>,
        cache: Option<&Cache>,
    ) -> Result<Admission, PipelineError> {
        let changed: HashSet<Unit> =
            self.plan.to_load.iter().filter(|unit| unit.is_changed).map(|unit| unit.unit.clone()).collect();
        let in_use = regions_in_use(store, cache, &changed)?;
        let unreadable = if adds_regions(&in_use) { self.unreadable() } else { HashSet::new() };
        Ok(Admission::new(in_use, self.metrics.clone(), |unit| unreadable.contains(unit)))
    }

    /// Changed units that cannot be read. They are read for this alone, and only if their old rows make a difference.
    fn unreadable(&self) -> HashSet<Unit> {
        let changed = self.plan.to_load.par_iter().filter(|planned| planned.is_changed);
        let is_unreadable = |planned: &&PlannedUnit| self.read(planned, &mut RegionSet::default()).is_err();
        changed.filter(is_unreadable).map(|planned| planned.unit.clone()).collect()
    }

    /// Loads into the cache. `sealer` keeps its database small; `None` if it is to keep everything.
    pub(crate) fn run(
        &self,
        cache: &OwnedCache<'_>,
        sealer: Option<Sealer<'_>>,
        admission: Admission,
    ) -> Result<LoadOutcome, PipelineError> {
        let committed: Mutex<BTreeMap<UnitKind, usize>> = Mutex::default();
        let (acknowledged, acknowledgements) = mpsc::channel::<Unit>();
        let mut failed = Vec::new();
        let noted = sealer.as_ref().map(Sealer::committed);
        // The threads of the run are busy with reading, until they wait for these.
        let sealer = match sealer {
            Some(sealer) => Some((sealer, thread_pool(self.config, "seal")?)),
            None => None,
        };
        let (result, sealed) = std::thread::scope(|scope| {
            scope.spawn(|| self.report_commits(acknowledgements, &committed));
            let sealing = sealer.map(|(mut sealer, pool)| scope.spawn(move || pool.install(|| sealer.run())));
            // Also where a thread panics: the sealer must not wait for ever.
            let ends = EndsSealing(noted.clone());
            let result = self.load_and_commit(cache, admission, acknowledged, noted, &mut failed);
            drop(ends);
            (result, sealing.map(ScopedJoinHandle::join))
        });
        match result {
            // Cancelled while another program held the cache: what was committed before counts.
            Err(CacheError::Stopped) => {}
            result => result?,
        }
        match sealed {
            None | Some(Ok(Ok(()) | Err(StoreError::Stopped))) => {}
            Some(Ok(Err(error))) => return Err(error.into()),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
        Ok(LoadOutcome { committed: committed.into_inner().unwrap_or_else(PoisonError::into_inner), failed })
    }

    /// Loads into segments. Those who load at the same time know nothing of each other. The last segment tells what became of all that
    /// this run looked for: `planned` is what was known before, at `run.started`; `None` if there is nothing to tell.
    pub(crate) fn run_into_segments(
        &self,
        run: SegmentRun,
        admission: Admission,
        planned: Option<&[UnitOutcome]>,
    ) -> Result<LoadOutcome, PipelineError> {
        let started = run.started;
        let committed: Mutex<BTreeMap<UnitKind, usize>> = Mutex::default();
        let (acknowledged, acknowledgements) = mpsc::channel::<Unit>();
        let failed = std::thread::scope(|scope| {
            scope.spawn(|| self.report_commits(acknowledgements, &committed));
            let (writer, sender) = SegmentWriter::start(run, move |units| {
                units.iter().for_each(|unit| drop(acknowledged.send(unit.clone())));
            })?;
            let failed = self.load_all(admission, &sender, &|| sender.has_failed());
            drop(sender);
            let planned = planned.filter(|_| !self.observer.should_stop());
            let outcomes = planned.map(|planned| {
                let planned = planned.iter().map(|outcome| (outcome.clone(), started));
                planned.chain(failed.iter().cloned()).collect::<Vec<Failure>>()
            });
            writer.finish(outcomes.as_deref())?;
            Ok::<_, CacheError>(failed)
        })?;
        let committed = committed.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(LoadOutcome { committed, failed: failed.into_iter().map(|(outcome, _)| outcome).collect() })
    }

    /// Counts and reports units as they are committed. It ends with the writer.
    fn report_commits(&self, acknowledgements: Receiver<Unit>, committed: &Mutex<BTreeMap<UnitKind, usize>>) {
        for unit in acknowledgements {
            let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
            *committed.entry(unit.kind.clone()).or_default() += 1;
            drop(committed);
            self.observer.event(Event::Committed(unit));
        }
    }

    fn load_and_commit(
        &self,
        cache: &OwnedCache<'_>,
        admission: Admission,
        acknowledged: mpsc::Sender<Unit>,
        noted: Option<Committed>,
        failed: &mut Vec<UnitOutcome>,
    ) -> Result<(), CacheError> {
        let to_seal = noted.clone();
        let (writer, sender) = Writer::start(cache, move |unit| {
            let _ = acknowledged.send(unit.unit.clone());
            to_seal.iter().for_each(|sealer| sealer.unit(unit));
        })?;
        let has_failed = || sender.has_failed() || noted.as_ref().is_some_and(Committed::has_failed);
        let failures = self.load_all(admission, &sender, &has_failed).into_iter();
        *failed = failures.map(|(outcome, _)| outcome).collect();
        drop(sender);
        writer.finish()
    }

    /// Loads on all threads and hands units to the writer; returns those that failed.
    fn load_all(
        &self,
        admission: Admission,
        sender: &UnitSender,
        has_failed: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Failure> {
        let n_jobs = self.config.n_jobs.max(1);
        let buffer = ReorderBuffer::new(self.plan.to_load.len(), WINDOW * n_jobs);
        let intake = Mutex::new(Intake { admission, failed: Vec::new(), remarks: Remarks::default() });
        let should_stop = || self.observer.should_stop() || has_failed();
        let take = |number: usize, read| {
            let mut intake = intake.lock().unwrap_or_else(PoisonError::into_inner);
            self.plan.to_load.get(number).is_some_and(|planned| self.take(planned, read, &mut intake, sender))
        };
        rayon::scope(|scope| {
            for _ in 0..n_jobs {
                scope.spawn(|_| self.read_next(&buffer, &should_stop, &take));
            }
        });
        let intake = intake.into_inner().unwrap_or_else(PoisonError::into_inner);
        intake.remarks.notes().for_each(|note| self.tell(note));
        intake.failed
    }

    /// Reads units until none is left, or the run is to stop. What one thread does.
    fn read_next(
        &self,
        buffer: &ReorderBuffer<ReadUnit>,
        should_stop: &dyn Fn() -> bool,
        take: &dyn Fn(usize, ReadUnit) -> bool,
    ) {
        let mut regions = RegionSet::default();
        while let Some(number) = buffer.next(should_stop) {
            let Some(planned) = self.plan.to_load.get(number) else { break };
            buffer.hand_over(number, self.read(planned, &mut regions), take);
        }
    }

    /// Reads a unit; `None` if the run is to stop.
    fn read(&self, planned: &PlannedUnit, regions: &mut RegionSet) -> ReadUnit {
        let Some(written) = self.list.as_written.get(planned.index) else { return Ok(None) };
        let found = self.finder.find(&planned.unit, written)?;
        load(self.finder.inputs, planned, &found, regions, &|| self.observer.should_stop())
    }

    /// Admits a unit and hands it to the writer. False if the load is to end.
    fn take(&self, planned: &PlannedUnit, read: ReadUnit, intake: &mut Intake, sender: &UnitSender) -> bool {
        let mut loaded = match read {
            Ok(None) => return false,
            Ok(Some(loaded)) => loaded,
            Err(error) => return self.fail(planned, error.to_string(), intake),
        };
        if let Err(refusal) = intake.admission.admit(&loaded) {
            return self.fail(planned, refusal, intake);
        }
        intake.remarks.add(&planned.unit.session, std::mem::take(&mut loaded.remarks));
        loaded.notes.drain(..).for_each(|note| self.tell(note));
        self.names.take_out_of_all(&mut loaded.unit.sources);
        sender.send(loaded.unit).is_ok()
    }

    /// Tells what the user should know, without the names of those who withdrew.
    fn tell(&self, mut note: String) {
        if self.names.are_in(&note) {
            self.names.leave_untold(&mut note);
        }
        self.observer.event(Event::Note(note));
    }

    /// Records why a unit is not loaded. Always true: the others go on.
    fn fail(&self, planned: &PlannedUnit, mut reason: String, intake: &mut Intake) -> bool {
        self.names.leave_untold(&mut reason);
        let outcome = UnitOutcome { unit: planned.unit.clone(), status: UnitStatus::Failed, reason };
        intake.failed.push((outcome.clone(), ReadAt::now()));
        self.observer.event(Event::Failed(outcome));
        true
    }
}

/// Tells the sealer that nothing more is committed.
struct EndsSealing(Option<Committed>);

impl Drop for EndsSealing {
    fn drop(&mut self) {
        self.0.iter().for_each(Committed::end);
    }
}

/// Where units come in, one after the other.
struct Intake {
    admission: Admission,
    failed: Vec<Failure>,
    remarks: Remarks,
}

/// Whether a unit that is read again has regions that no other unit has.
fn adds_regions(in_use: &RegionsInUse) -> bool {
    let adds = |table: &TableName, set: &RegionSet| {
        let mut with = in_use.others.get(table).cloned().unwrap_or_default();
        let before = with.as_slice().len();
        with.extend(set);
        with.as_slice().len() > before
    };
    in_use.of_units.values().flatten().any(|(table, set)| adds(table, set))
}

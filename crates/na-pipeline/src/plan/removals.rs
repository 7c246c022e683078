//! What leaves the store in a run: what is gone from disk (`--prune`), sessions that are not listed
//! (`--prune-unlisted`), and what another session has a better claim to.

use foldhash::HashSet;
use na_model::{ListedSession, Listing, Removals, Session, SubjectCode, Unit, UnitKind, UnitOutcome};

use crate::config::Config;
use crate::error::PipelineError;
use crate::files::roots::Root;
use crate::identifiers::session_key::SessionKey;
use crate::inputs::listed_inputs::ListedInputs;
use crate::plan::decision::Remains;
use crate::plan::unit_plan::{Absence, UnitPlan, nothing_found};
use crate::safeguard::is_over_a_tenth;
use crate::sessions::session_list::SessionList;

/// Units that an error names.
const EXAMPLES: usize = 3;

/// What `--prune` and `--prune-unlisted` take.
///
/// # Errors
/// A root that looks as if it were not mounted; a row of the list that cannot be identified.
pub(crate) fn pruned(
    config: &Config,
    inputs: &ListedInputs,
    list: &SessionList,
    plan: &UnitPlan,
) -> Result<Removals, PipelineError> {
    let mut removals = Removals::default();
    if config.prune {
        check_mounted(config, inputs, plan)?;
        let read_again: HashSet<&Unit> = plan.to_load.iter().map(|planned| &planned.unit).collect();
        for Absence { unit, files, remains } in &plan.absences {
            match remains {
                Remains::Nothing => removals.add_unit(unit.clone()),
                Remains::Something => {
                    let tables = files.tables.iter().cloned();
                    tables.for_each(|(table, map)| removals.add_table(unit.clone(), table, map));
                    // A unit that is read again has its volume from there.
                    if files.volume && !read_again.contains(unit) {
                        removals.add_volume(unit.clone());
                    }
                }
            }
        }
    }
    if config.prune_unlisted {
        let listed: HashSet<&Session> = list.listing.rows.iter().map(|row| &row.session).collect();
        let unlisted = plan.stored.iter().filter(|unit| !listed.contains(&unit.session));
        let unlisted: Vec<&Unit> = unlisted.collect();
        // A row that is refused may mean a session that the store spells otherwise.
        let keys: HashSet<SessionKey> = unlisted.iter().map(|unit| SessionKey::of(&unit.session)).collect();
        let failed = plan.failed().filter(|outcome| keys.contains(&SessionKey::of(&outcome.unit.session)));
        let untold: Vec<&String> = list.untold.iter().chain(failed.map(|outcome| &outcome.reason)).collect();
        if let Some(first) = untold.first().filter(|_| !config.yes) {
            return Err(PipelineError::RowsOfNobody { n: untold.len(), first: (*first).clone() });
        }
        unlisted.into_iter().for_each(|unit| removals.add_unit(unit.clone()));
    }
    Ok(removals)
}

/// Refuses to take more than a tenth of the store without `--yes`.
pub(crate) fn check_share(
    config: &Config,
    plan: &UnitPlan,
    removals: &Removals,
) -> Result<(), PipelineError> {
    let (pruned, known) = (removals.iter().len(), plan.stored.len());
    if !config.yes && is_over_a_tenth(pruned, known) {
        let examples: Vec<String> =
            removals.iter().take(EXAMPLES).map(|(unit, _)| unit.to_string()).collect();
        let more = pruned.saturating_sub(EXAMPLES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let examples = format!("{}{more}", examples.join(", "));
        return Err(PipelineError::WouldPrune { output: config.output.clone(), pruned, known, examples });
    }
    Ok(())
}

/// Takes sessions out of a listing that were there only because the store has them, and that leave it: the list names
/// their subjects alone. Returns the outcomes of subjects of whom nothing is left.
pub(crate) fn leave_listing(
    listing: &mut Listing,
    kinds: &[UnitKind],
    plan: &UnitPlan,
    removals: &Removals,
) -> Vec<UnitOutcome> {
    let leaves = |session: &Session| {
        let stored = plan.stored_units(session);
        !stored.is_empty() && stored.iter().all(|unit| removals.takes_unit(unit))
    };
    if !listing.found_by_folders || removals.is_empty() {
        return Vec::new();
    }
    let stays = |row: &ListedSession| plan.on_disk.contains(&row.session) || !leaves(&row.session);
    let (stay, go): (Vec<_>, Vec<_>) = std::mem::take(&mut listing.rows).into_iter().partition(stays);
    let mut with_rows: HashSet<SubjectCode> = stay.iter().map(|row| row.session.subject.clone()).collect();
    listing.rows = stay;
    let mut outcomes = Vec::new();
    for row in go {
        // A listed subject without any session stays in the listing.
        if with_rows.insert(row.session.subject.clone()) {
            let session = Session::new(row.session.subject, None);
            let units = kinds.iter().map(|kind| Unit::new(session.clone(), kind.clone()));
            outcomes.extend(units.map(|unit| nothing_found(&unit)));
            listing.rows.push(ListedSession { session, values: row.values });
        }
    }
    outcomes
}

/// Refuses to prune by an empty mount point: everything would be taken for gone.
fn check_mounted(config: &Config, inputs: &ListedInputs, plan: &UnitPlan) -> Result<(), PipelineError> {
    for (setting, path) in inputs.settings() {
        let Some(n_with_folder) = plan.mounts.get(&setting) else { continue };
        let mut of_setting = inputs.roots.all.iter().filter(|root| root.setting == setting);
        let is_flat = of_setting.clone().any(|root| root.flat.is_some());
        if of_setting.all(Root::is_empty) {
            let problem =
                if is_flat { "no session has a folder there" } else { "no sub-* folders are there" };
            return Err(PipelineError::NotMounted { setting, path, problem });
        }
        if let (0, Some(note)) = (*n_with_folder, &inputs.roots.misplaced) {
            return Err(PipelineError::MisplacedRoot { note: note.clone() });
        }
        if *n_with_folder == 0 && !config.yes {
            let problem = "not one session of the store has a folder there";
            return Err(PipelineError::NotMounted { setting, path, problem });
        }
    }
    Ok(())
}

impl UnitPlan {
    /// Adds what units with a weaker claim to a folder lose, if the unit with the better one came in; returns notes.
    pub(crate) fn add_evictions(
        &self,
        removals: &mut Removals,
        has_failed: impl Fn(&Unit) -> bool,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        for eviction in self.evictions.iter().filter(|eviction| !has_failed(&eviction.by)) {
            let tables = eviction.parts.tables.iter().cloned();
            tables.for_each(|(table, map)| removals.add_table(eviction.unit.clone(), table, map));
            if eviction.parts.volume {
                removals.add_volume(eviction.unit.clone());
            }
            notes.push(eviction.note.clone());
        }
        notes
    }
}

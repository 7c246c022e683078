//! What became of units that a cache and segments tell of: the latest counts.

use foldhash::{HashMap, HashMapExt};
use na_model::{ReadAt, Unit, UnitOutcome, UnitStatus};

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::cached_unit::CachedUnit;
use crate::read::joined_record::started;
use crate::read::run_record;

/// How the reason of a unit begins that was read, and could not be read again.
const FAILED_LATER: &str = "it could not be read again: ";

/// The outcomes of several runs, of each unit the latest. What was told of a unit before it was read says nothing any more; a unit that
/// was read stays loaded, also if it could not be read again.
pub(crate) fn read<'d>(
    databases: impl Iterator<Item = &'d Database>,
    units: &[CachedUnit],
) -> Result<Vec<UnitOutcome>, CacheError> {
    let mut latest: HashMap<Unit, (ReadAt, usize, UnitOutcome)> = HashMap::new();
    for database in databases {
        let outcomes = run_record::outcomes(database)?;
        let times = times(database, outcomes.len())?;
        for (outcome, told_at) in outcomes.into_iter().zip(times) {
            let next = latest.len();
            let known = latest.entry(outcome.unit.clone());
            let known = known.or_insert_with(|| (told_at, next, outcome.clone()));
            if known.0 <= told_at {
                (known.0, known.2) = (told_at, outcome);
            }
        }
    }
    for unit in units {
        let Some((told_at, _, outcome)) = latest.get_mut(&unit.unit) else { continue };
        match outcome.status {
            _ if *told_at < unit.read_at => {}
            UnitStatus::Failed => {
                outcome.status = UnitStatus::Loaded;
                outcome.reason.insert_str(0, FAILED_LATER);
                continue;
            }
            UnitStatus::Loaded | UnitStatus::Partial => continue,
            UnitStatus::Missing => {}
        }
        latest.remove(&unit.unit);
    }
    let mut outcomes: Vec<(usize, UnitOutcome)> =
        latest.into_values().map(|(_, first, outcome)| (first, outcome)).collect();
    outcomes.sort_unstable_by_key(|(first, _)| *first);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// When each outcome was known: all of them when the run started, if it does not say.
fn times(database: &Database, n: usize) -> Result<Vec<ReadAt>, CacheError> {
    let times: Vec<ReadAt> = database.json_setting(setting::OUTCOME_TIMES)?;
    if times.len() == n {
        return Ok(times);
    }
    Ok(vec![started(database)?; n])
}

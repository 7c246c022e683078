//! Whether any table has one of the metrics asked for.

use std::collections::BTreeSet;

use na_model::columns::REGION_TEXT_COLUMNS;
use na_model::{Unit, WideMetrics};
use na_store::nearest_names;

use crate::config::Config;
use crate::error::PipelineError;
use crate::inputs::unit_finder::UnitFinder;
use crate::sessions::session_list::SessionList;

/// Refuses a list of metrics if no table has any of them, in the store or on disk: every feature would be removed and
/// none written. Without any table nothing is refused.
pub(crate) fn check_metrics(
    config: &Config,
    stored: &[String],
    finder: &UnitFinder<'_>,
    list: &SessionList,
    should_stop: &dyn Fn() -> bool,
) -> Result<(), PipelineError> {
    let Some(WideMetrics::Listed(asked)) = &config.wide_metrics else { return Ok(()) };
    let mut there = BTreeSet::new();
    let mut has_any = |columns: Vec<String>| {
        let columns = columns.into_iter().filter(|name| !REGION_TEXT_COLUMNS.contains(&name.as_str()));
        there.extend(columns);
        asked.iter().any(|metric| there.contains(metric))
    };
    if asked.is_empty() || has_any(stored.to_vec()) {
        return Ok(());
    }
    for (row, written) in list.listing.rows.iter().zip(&list.as_written) {
        for kind in finder.inputs.kinds() {
            if should_stop() {
                return Ok(());
            }
            let unit = Unit::new(row.session.clone(), kind.clone());
            // A unit that cannot be found or read fails when it is loaded.
            let found = finder.find(&unit, written).map(|found| found.found.tables);
            let mut tables = found.unwrap_or_default().into_iter();
            if tables.any(|table| has_any(finder.inputs.metrics_of(&table))) {
                return Ok(());
            }
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    let there: Vec<String> = there.into_iter().collect();
    let mut nearest: Vec<String> = asked.iter().flat_map(|metric| nearest_names(metric, &there)).collect();
    nearest.dedup();
    Err(PipelineError::UnknownMetrics { asked: asked.join(", "), nearest: nearest.join(", ") })
}

//! Whether any table has one of the metrics asked for.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use na_model::columns::REGION_TEXT_COLUMNS;
use na_model::{Unit, WideMetrics};
use na_store::nearest_names;

use crate::config::Config;
use crate::error::PipelineError;
use crate::inputs::unit_finder::UnitFinder;
use crate::parse::cell::unquoted;
use crate::sessions::session_list::SessionList;

/// The longest header that is read, bytes.
const LONGEST_HEADER: u64 = 1 << 20;

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
        for modality in config.modalities() {
            if should_stop() {
                return Ok(());
            }
            let unit = Unit::new(row.session.clone(), modality);
            // A unit that cannot be found or read fails when it is loaded.
            let found = finder.find(&unit, written).map(|found| found.found.tables);
            let mut tables = found.unwrap_or_default().into_iter();
            if tables.any(|table| has_any(header(&table.path).unwrap_or_default())) {
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

/// The columns of a table, from its first line.
fn header(path: &Path) -> io::Result<Vec<String>> {
    let mut line = String::new();
    BufReader::new(File::open(path)?.take(LONGEST_HEADER)).read_line(&mut line)?;
    let line = line.trim_start_matches('\u{feff}').trim_end();
    Ok(line.split('\t').map(|name| unquoted(name).into_owned()).collect())
}

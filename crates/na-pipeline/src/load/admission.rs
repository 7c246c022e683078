//! Whether a unit may be committed: what is admitted can be exported.
//!
//! Whatever could make an export fail for everybody is checked here, and fails the one unit instead. Units are admitted
//! in the plan's order, whatever the number of threads: of two units that contradict each other the first is in.

use std::collections::BTreeMap;

use foldhash::HashMap;
use na_cache::EncodedTable;
use na_model::{FeatureSource, LONGEST_FEATURE_FILE, Region, RegionSet, TableName, Unit, WideMetrics};
use na_store::{Contradiction, KnownRegions, RegionsInUse};

use crate::load::unit_loader::LoadedUnit;

/// Most columns of a feature: no atlas has as many regions, and no reader takes more.
const MOST_REGIONS: usize = 65_536;

/// Most columns of a table.
const MOST_COLUMNS: usize = 16_384;

/// Most bytes of text of one session in one long table: a reader's array cannot hold 2 GiB.
const MOST_TEXT: usize = 1 << 30;

/// Most bytes of a region's name, which becomes a column's name.
const LONGEST_LABEL: usize = 1_024;

/// Admits units one after the other.
#[derive(Debug)]
pub(crate) struct Admission {
    regions: KnownRegions,
    metrics: WideMetrics,
}

impl Admission {
    /// Units that are read again do not count with their old rows, unless they cannot be read: then they keep them.
    pub(crate) fn new(
        in_use: RegionsInUse,
        metrics: WideMetrics,
        cannot_be_read: impl Fn(&Unit) -> bool,
    ) -> Self {
        let mut regions = KnownRegions::new(in_use.others);
        let changed: HashMap<Unit, BTreeMap<TableName, RegionSet>> = in_use.of_units;
        for (_, tables) in changed.into_iter().filter(|(unit, _)| cannot_be_read(unit)) {
            regions.extend(&tables);
        }
        Self { regions, metrics }
    }

    /// Admits a unit: its regions become those of its tables. A unit that is refused changes nothing.
    ///
    /// # Errors
    /// Why it is refused, and what to do.
    pub(crate) fn admit(&mut self, loaded: &LoadedUnit) -> Result<(), String> {
        let tables = &loaded.unit.tables;
        let told = |table: Option<&EncodedTable>, problem: String| {
            let file = table.map(|table| source_of(loaded, table)).unwrap_or_default();
            format!("{file}: {problem}")
        };
        let mut text: BTreeMap<&TableName, usize> = BTreeMap::new();
        for table in tables {
            let text = text.entry(table.table()).or_default();
            *text += table.text_bytes();
            let checked =
                check_width(table).and_then(|()| check_text(*text)).and_then(|()| self.check_names(table));
            checked.map_err(|problem| told(Some(table), problem))?;
        }
        let regions: Vec<(&TableName, &RegionSet)> =
            tables.iter().map(|table| (table.table(), table.regions())).collect();
        self.regions
            .add(&regions)
            .map_err(|Contradiction { table, problem }| told(tables.get(table), problem))
    }

    fn check_names(&self, table: &EncodedTable) -> Result<(), String> {
        let source = FeatureSource::new(table.table(), table.kind(), table.map().cloned());
        let metrics = self.metrics.choose(table.kind(), &table.numeric_columns());
        match source.longest_file_name(metrics) {
            longest if longest > LONGEST_FEATURE_FILE => Err(format!(
                "the file of a feature of {} would have a name of {longest} bytes: no more than {LONGEST_FEATURE_FILE} are \
                 taken; shorten the workflow's name, or the model and param of the file's",
                table.table()
            )),
            _ => Ok(()),
        }
    }
}

fn check_width(table: &EncodedTable) -> Result<(), String> {
    let regions = table.regions().as_slice();
    if regions.len() > MOST_REGIONS {
        return Err(format!("it has {} regions: no more than {MOST_REGIONS} can be columns", regions.len()));
    }
    if table.n_columns() > MOST_COLUMNS {
        return Err(format!("it has {} columns: no more than {MOST_COLUMNS} are taken", table.n_columns()));
    }
    let length = |region: &&Region| region.label.as_deref().map_or(0, str::len);
    match regions.iter().max_by_key(length).map(|region| length(&region)) {
        Some(longest) if longest > LONGEST_LABEL => Err(format!(
            "the name of a region has {longest} bytes: no more than {LONGEST_LABEL} can name a column"
        )),
        _ => Ok(()),
    }
}

/// Refuses too much text of one session in one long table, all maps together, bytes.
fn check_text(bytes: usize) -> Result<(), String> {
    if bytes > MOST_TEXT {
        return Err(format!(
            "with it the session has {bytes} bytes of text in a table: no more than {MOST_TEXT} fit"
        ));
    }
    Ok(())
}

/// The file of a table.
fn source_of(loaded: &LoadedUnit, table: &EncodedTable) -> String {
    let is_its = |source: &&na_model::SourceFile| {
        source.table_name().as_ref() == Some(table.table()) && source.map.as_ref() == table.map()
    };
    loaded
        .unit
        .sources
        .iter()
        .find(is_its)
        .map_or_else(|| table.table().to_string(), |source| source.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_no_array_could_hold_with_the_rest_is_refused() {
        assert_eq!(check_text(MOST_TEXT), Ok(()));
        let problem = check_text(MOST_TEXT + 1).unwrap_err();
        assert!(problem.contains("1073741825 bytes of text"), "{problem}");
    }
}

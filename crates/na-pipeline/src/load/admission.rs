//! Whether a unit may be committed: what is admitted can be exported.
//!
//! Everything for which an export could fail for everybody is known here, and fails the one unit instead. Units are
//! admitted in the plan's order, whatever the number of threads: the order decides which of two that contradict each other
//! is in.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use na_cache::EncodedTable;
use na_model::{FeatureSource, LONGEST_FEATURE_FILE, Region, RegionSet, TableName, Unit, WideMetrics};
use na_store::RegionsInUse;

use crate::load::unit_loader::LoadedUnit;

/// Columns of a feature: no atlas has as many regions, and no reader takes more.
const MOST_REGIONS: usize = 65_536;

/// Columns of a table.
const MOST_COLUMNS: usize = 16_384;

/// Bytes of text of one session in one long table: no array of a reader holds 2 GiB.
const MOST_TEXT: usize = 1 << 30;

/// Bytes of a region's name, which is the name of a column.
const LONGEST_LABEL: usize = 1_024;

/// Why a unit is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bar {
    /// Its regions are others than the table's.
    Regions,
    /// A feature's file would have a name that file systems do not take.
    FeatureName,
    /// A column holds more text than a row group may.
    Text,
    /// It has more regions, or longer names of regions, than a feature can have columns.
    Width,
}

/// A unit that is not let in: why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) bar: Bar,
    pub(crate) reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Lets units in, one after the other.
#[derive(Debug)]
pub(crate) struct Admission {
    regions: BTreeMap<TableName, RegionSet>,
    metrics: WideMetrics,
}

impl Admission {
    /// Rows of units that are read again do not count, save of those that cannot be read: they keep their rows.
    pub(crate) fn new(
        in_use: RegionsInUse,
        metrics: WideMetrics,
        cannot_be_read: impl Fn(&Unit) -> bool,
    ) -> Self {
        let mut regions = in_use.others;
        let changed: HashMap<Unit, BTreeMap<TableName, RegionSet>> = in_use.of_units;
        for (_, tables) in changed.into_iter().filter(|(unit, _)| cannot_be_read(unit)) {
            for (table, set) in tables {
                regions.entry(table).or_default().extend(&set);
            }
        }
        Self { regions, metrics }
    }

    /// Lets a unit in: its regions become those of its tables. One that is refused changes nothing.
    ///
    /// # Errors
    /// Why it is not let in.
    pub(crate) fn admit(&mut self, loaded: &LoadedUnit) -> Result<(), Refusal> {
        let mut coming: BTreeMap<&TableName, RegionSet> = BTreeMap::new();
        let mut text: BTreeMap<&TableName, usize> = BTreeMap::new();
        for table in &loaded.unit.tables {
            let refuse = |bar, problem: String| Refusal {
                bar,
                reason: format!("{}: {problem}", source_of(loaded, table)),
            };
            self.check_width(table).map_err(|problem| refuse(Bar::Width, problem))?;
            let text = text.entry(table.table()).or_default();
            *text += table.text_bytes();
            check_text(*text).map_err(|problem| refuse(Bar::Text, problem))?;
            self.check_names(table).map_err(|problem| refuse(Bar::FeatureName, problem))?;
            // As a rule a table has the regions that are known.
            if !coming.contains_key(table.table()) && self.regions.get(table.table()) == Some(table.regions())
            {
                continue;
            }
            let known = coming
                .entry(table.table())
                .or_insert_with(|| self.regions.get(table.table()).cloned().unwrap_or_default());
            if let Some((there, here)) = known.disagreement(table.regions()) {
                if !known.as_slice().contains(there) {
                    let problem = format!(
                        "its region {} is also {}: spell its hemisphere in one way",
                        describe(here),
                        describe(there)
                    );
                    return Err(refuse(Bar::Regions, problem));
                }
                let problem = format!(
                    "its region {} is {} in the store; the atlas is another one, or another version of it",
                    describe(here),
                    describe(there)
                );
                return Err(refuse(Bar::Regions, problem));
            }
            known.extend(table.regions());
        }
        let coming: Vec<(TableName, RegionSet)> =
            coming.into_iter().map(|(table, regions)| (table.clone(), regions)).collect();
        self.regions.extend(coming);
        Ok(())
    }

    fn check_width(&self, table: &EncodedTable) -> Result<(), String> {
        let regions = table.regions().as_slice();
        if regions.len() > MOST_REGIONS {
            return Err(format!(
                "it has {} regions: no more than {MOST_REGIONS} can be columns",
                regions.len()
            ));
        }
        if table.n_columns() > MOST_COLUMNS {
            return Err(format!(
                "it has {} columns: no more than {MOST_COLUMNS} are taken",
                table.n_columns()
            ));
        }
        let length = |region: &&Region| region.label.as_deref().map_or(0, str::len);
        match regions.iter().max_by_key(length).map(|region| length(&region)) {
            Some(longest) if longest > LONGEST_LABEL => Err(format!(
                "the name of a region has {longest} bytes: no more than {LONGEST_LABEL} can name a column"
            )),
            _ => Ok(()),
        }
    }

    fn check_names(&self, table: &EncodedTable) -> Result<(), String> {
        let source = FeatureSource { table: table.table().clone(), map: table.map().cloned() };
        let metrics = self.metrics.choose(table.table().modality(), &table.numeric_columns());
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

/// Text of a session in one long table, with all its maps, bytes.
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

fn describe(region: &Region) -> String {
    let name = match (region.index, region.label.as_deref()) {
        (Some(index), Some(label)) => format!("{index} {label:?}"),
        (None, Some(label)) => format!("{label:?} without index"),
        (Some(index), None) => format!("{index} without label"),
        (None, None) => "without index and label".to_owned(),
    };
    match &region.hemisphere {
        Some(hemisphere) => format!("{name} in hemisphere {hemisphere:?}"),
        None => name,
    }
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

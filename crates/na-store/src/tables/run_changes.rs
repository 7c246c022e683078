//! What a run changed: `sources.parquet` tells it of the last one that wrote the store, for the report.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::HashSet;
use na_model::{KEPT, TableName, Unit, UnitKind, UnitOutcome, UnitStatus};
use serde_json::{Value, json};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sessions_tsv::{SessionRow, unit_of_text, unit_to_text};

/// Units of each kind that are named at most.
const NAMED: usize = 500;

/// What became of units between two states of a store. All of it is empty of a first load, but what is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunChanges {
    /// Units that were not in the store before.
    pub new: ChangedUnits,
    /// Units that were, and were read again.
    pub changed: ChangedUnits,
    /// Units with something whose file is gone.
    pub kept: ChangedUnits,
    /// Units that cannot be read now.
    pub failed: ChangedUnits,
    /// Units that could not be read before, and are in the store now.
    pub healed: ChangedUnits,
    /// Units that left the store, whole or in part.
    pub removed: ChangedUnits,
}

/// Units of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedUnits {
    /// How many there are.
    pub n: usize,
    /// In the order of units; of very many, the first.
    pub units: Vec<Unit>,
}

impl ChangedUnits {
    fn of<'u>(units: impl Iterator<Item = &'u Unit>) -> Self {
        let units: BTreeSet<&Unit> = units.collect();
        Self { n: units.len(), units: units.into_iter().take(NAMED).cloned().collect() }
    }

    fn to_json(&self) -> Value {
        json!({ "n": self.n, "units": self.units.iter().map(unit_to_text).collect::<Vec<_>>() })
    }

    /// What [`ChangedUnits::to_json`] made. What is not understood is left out: another version may have written it.
    fn of_json(value: &Value) -> Self {
        let n = value.get("n").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let units = value.get("units").and_then(Value::as_array).into_iter().flatten();
        Self { n: n.unwrap_or(0), units: units.filter_map(|unit| unit_of_text(unit.as_str()?)).collect() }
    }
}

impl RunChanges {
    /// Compares the rows of `sessions.tsv` before a run with what it read, what it removed, and its outcomes. `kind_of` says whose a
    /// table is.
    pub(crate) fn between<'u>(
        before: &[SessionRow],
        kind_of: impl Fn(&TableName) -> UnitKind,
        outcomes: &[UnitOutcome],
        read: impl Iterator<Item = &'u Unit> + Clone,
        removed: impl Iterator<Item = &'u Unit>,
    ) -> Self {
        // What failed may be in the store, too: as an earlier run read it.
        let in_store = |row: &SessionRow| {
            let with_volume_alone =
                row.tables.is_empty() && matches!(row.status, UnitStatus::Loaded | UnitStatus::Partial);
            let alone = with_volume_alone.then(|| UnitKind::of_parcellate(row.modality));
            let kinds: BTreeSet<UnitKind> = row.tables.iter().map(&kind_of).chain(alone).collect();
            kinds.into_iter().map(|kind| Unit::new(row.session.clone(), kind)).collect::<Vec<_>>()
        };
        let stored: HashSet<Unit> = before.iter().flat_map(in_store).collect();
        let failed_before = before.iter().flat_map(SessionRow::outcomes);
        let failed_before = failed_before.filter(|outcome| outcome.status == UnitStatus::Failed);
        let failed_before: HashSet<Unit> = failed_before.map(|outcome| outcome.unit).collect();
        let failed: HashSet<&Unit> = outcomes
            .iter()
            .filter(|outcome| outcome.status == UnitStatus::Failed)
            .map(|outcome| &outcome.unit)
            .collect();
        let kept =
            outcomes.iter().filter(|outcome| outcome.reason.starts_with(KEPT)).map(|outcome| &outcome.unit);
        let is_healed = |unit: &&Unit| failed_before.contains(*unit) && !failed.contains(*unit);
        Self {
            new: ChangedUnits::of(read.clone().filter(|unit| !stored.contains(*unit))),
            changed: ChangedUnits::of(read.clone().filter(|unit| stored.contains(*unit))),
            kept: ChangedUnits::of(kept),
            healed: ChangedUnits::of(read.filter(is_healed)),
            failed: ChangedUnits::of(failed.into_iter()),
            removed: ChangedUnits::of(removed),
        }
    }

    /// Each kind with its word.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &ChangedUnits)> {
        let Self { new, changed, kept, failed, healed, removed } = self;
        [
            ("new", new),
            ("changed", changed),
            ("kept", kept),
            ("failed", failed),
            ("healed", healed),
            ("removed", removed),
        ]
        .into_iter()
    }

    /// The JSON of `sources.parquet` and of `--json`: of each kind how many, and units as the first cells of `sessions.tsv`, with tabs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.kinds().map(|(kind, units)| (kind.to_owned(), units.to_json())).collect()
    }

    /// What [`RunChanges::to_json`] made.
    pub(crate) fn of_json(value: &Value) -> Self {
        let of = |kind: &str| value.get(kind).map(ChangedUnits::of_json).unwrap_or_default();
        Self {
            new: of("new"),
            changed: of("changed"),
            kept: of("kept"),
            failed: of("failed"),
            healed: of("healed"),
            removed: of("removed"),
        }
    }
}

/// What the last run that wrote a store changed. `None` if the store does not tell.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn last_changes(output: &Path) -> Result<Option<RunChanges>, StoreError> {
    let path = output.join(SOURCES_FILE);
    let file = ParquetReader::open(&path)?;
    let Some(text) = file.as_ref().and_then(|file| file.key_value(keys::LAST_RUN)) else { return Ok(None) };
    let value = serde_json::from_str(text).map_err(|error| StoreError::damaged(&path, error))?;
    Ok(Some(RunChanges::of_json(&value)))
}

#[cfg(test)]
mod tests {
    use na_model::{Modality, Session};

    use super::*;

    fn session(subject: &str) -> Session {
        Session::from_store(subject, None).unwrap()
    }

    fn of_parcellate(table: &TableName) -> UnitKind {
        UnitKind::of_parcellate(table.modality())
    }

    fn unit(subject: &str) -> Unit {
        Unit::of_parcellate(session(subject), Modality::Anatomical)
    }

    fn row(subject: &str, status: UnitStatus) -> SessionRow {
        let tables = match status {
            UnitStatus::Loaded => vec![TableName::parse("anatomical_gm").unwrap()],
            _ => Vec::new(),
        };
        let (session, reason) = (session(subject), String::new());
        SessionRow { session, modality: Modality::Anatomical, status, tables, reason }
    }

    fn outcome(subject: &str, status: UnitStatus, reason: &str) -> UnitOutcome {
        UnitOutcome { unit: unit(subject), status, reason: reason.to_owned() }
    }

    #[test]
    fn what_a_run_changed_is_told_and_read_back() {
        use UnitStatus::{Failed, Loaded, Missing};
        let before = [row("1", Loaded), row("2", Failed), row("3", Loaded), row("4", Missing)];
        let after =
            [outcome("3", Loaded, "kept: anatomical_gm: its file is gone"), outcome("4", Failed, "bad")];
        let (read, gone) = (["1", "2"].map(unit), [unit("9")]);
        let changes = RunChanges::between(&before, of_parcellate, &after, read.iter(), gone.iter());
        let told: Vec<(&str, Vec<&str>)> = changes
            .kinds()
            .map(|(kind, of)| (kind, of.units.iter().map(|unit| unit.session.subject.as_str()).collect()))
            .collect();
        assert_eq!(
            told,
            [
                ("new", vec!["2"]),
                ("changed", vec!["1"]),
                ("kept", vec!["3"]),
                ("failed", vec!["4"]),
                ("healed", vec!["2"]),
                ("removed", vec!["9"])
            ]
        );
        assert_eq!(RunChanges::of_json(&changes.to_json()), changes);
    }

    #[test]
    fn of_very_many_units_the_first_are_named() {
        let read: Vec<Unit> = (0..700).map(|n| unit(&format!("{n:04}"))).collect();
        let changes = RunChanges::between(&[], of_parcellate, &[], read.iter(), std::iter::empty());
        assert_eq!((changes.new.n, changes.new.units.len()), (700, NAMED));
    }
}

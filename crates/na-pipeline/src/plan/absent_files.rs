//! What of a stored unit is no longer on disk.

use std::collections::BTreeSet;

use na_model::{KEPT, Modality, SourceFile, SourceKind};

use crate::inputs::found_tables::TableKey;
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::unit_files::FoundUnit;

/// What was looked for and not found. What is not chosen, or cannot be told, is not absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AbsentFiles {
    pub(crate) tables: BTreeSet<TableKey>,
    /// Those of them that another version of a file has no more, which is there.
    left_files: BTreeSet<TableKey>,
    /// Whether the file of total intracranial volume is absent.
    pub(crate) volume: bool,
    /// Tables on disk of which other files are chosen, in words.
    not_chosen: Vec<String>,
}

impl AbsentFiles {
    pub(crate) fn of(
        inputs: &ListedInputs,
        found: &FoundUnit,
        known: &[SourceFile],
        tables: &BTreeSet<TableKey>,
    ) -> Self {
        let mut absent = Self::default();
        let is_there = |key: &TableKey| {
            found.found.tables.iter().any(|table| (&table.table, &table.map) == (&key.0, &key.1))
        };
        for key in tables.iter().filter(|key| !is_there(key)) {
            let other = found.found.not_chosen.iter().find(|other| other.has(key));
            if let Some(other) = other {
                absent.not_chosen.push(other.to_string());
            } else if inputs.looks_for(&key.0) {
                absent.tables.insert(key.clone());
            }
        }
        let paths: BTreeSet<&str> =
            found.found.tables.iter().flat_map(|table| table.files().map(|(_, path)| path)).collect();
        let left = known
            .iter()
            .filter(|source| source.kind == SourceKind::Table && paths.contains(source.path.as_str()));
        let left = left.filter_map(|source| Some((source.table_name()?, source.map.clone())));
        absent.left_files = left.filter(|key| absent.tables.contains(key)).collect();
        let is_known = |relative: &str| known.iter().any(|source| source.path == relative);
        // A new report is read and says what the volume is now, as if one was moved or renamed.
        let is_told_anew = found.tiv.iter().any(|file| !is_known(&file.relative));
        let mut measured = known.iter().filter(|source| source.tiv.is_some() && !is_told_anew);
        absent.volume = measured.any(|source| match source.kind {
            SourceKind::Tiv => is_absent(source, found),
            _ => {
                source.table_name().is_some_and(|table| absent.tables.contains(&(table, source.map.clone())))
            }
        });
        absent
    }

    /// Why a unit stays as it is although files of it are absent; `None` if none are.
    pub(crate) fn reason(&self) -> Option<String> {
        let told = |key: &TableKey| {
            let what =
                if self.left_files.contains(key) { "its file has it no more" } else { "its file is gone" };
            format!("{}: {what}", key.0.with_map(key.1.as_ref()))
        };
        let tables = self.tables.iter().map(told);
        let volume = self.volume.then(|| "total intracranial volume: its file is gone".to_owned());
        let reasons: Vec<String> = tables.chain(volume).chain(self.not_chosen.iter().cloned()).collect();
        (!reasons.is_empty()).then(|| format!("{KEPT}{}", reasons.join(", ")))
    }
}

/// Whether a file that may hold the volume is absent, and its root was searched.
pub(crate) fn is_absent(source: &SourceFile, found: &FoundUnit) -> bool {
    let root = source.root_in(Modality::Anatomical);
    source.kind == SourceKind::Tiv
        && found.tiv.looked().contains(&root)
        && !found.tiv.iter().any(|file| file.root == root && file.relative == source.path)
}

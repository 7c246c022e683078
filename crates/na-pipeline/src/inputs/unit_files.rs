//! The files of one unit, found without being read.

use std::collections::BTreeMap;
use std::path::Path;

use na_model::{MapSource, TableName};

use crate::files::session_entities::{names_same, visit_of};
use crate::files::tiv_files::TivFiles;
use crate::inputs::found_tables::{FoundTable, FoundTables};
use crate::sessions::claims::SessionFolder;
use crate::unit_error::UnitError;

/// What a unit can be read from: what all inputs of its kind have found.
#[derive(Debug, Default)]
pub struct FoundUnit {
    pub(crate) found: FoundTables,
    pub(crate) tiv: TivFiles,
    /// The session's folders, one a root.
    pub(crate) folders: Vec<SessionFolder>,
    /// Whether one of them is under a root of tables.
    pub(crate) has_folder_of_tables: bool,
}

impl FoundUnit {
    /// Adds a table. Each table and map has one file.
    pub fn add(&mut self, table: FoundTable) {
        self.found.tables.push(table);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.tables.is_empty() && self.tiv.is_empty()
    }

    /// Refuses two files of one table or map, whatever input or root they are from.
    pub(super) fn check_one_file_each(&self) -> Result<(), UnitError> {
        let mut seen: BTreeMap<(&TableName, Option<&MapSource>), &Path> = BTreeMap::new();
        for FoundTable { table, map, path, .. } in &self.found.tables {
            if let Some(first) = seen.insert((table, map.as_ref()), path) {
                return Err(UnitError::SeveralFiles {
                    folder: path.parent().unwrap_or(path).to_owned(),
                    table: table.with_map(map.as_ref()),
                    files: format!("{}, {}", first.display(), path.display()),
                    way_out: "keep one of them".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Refuses the tables of two visits in folders that have no visits; a report of another visit than theirs is no
    /// candidate.
    pub(super) fn check_one_visit(&mut self) -> Result<(), UnitError> {
        let named = |table: &FoundTable| {
            let name = table.path.file_name()?.to_str()?;
            Some((table.path.clone(), visit_of(name)?.to_owned()))
        };
        let mut all = self.found.tables.iter().filter_map(named);
        let Some((first, first_visit)) = all.next() else { return Ok(()) };
        if let Some((second, second_visit)) = all.find(|(_, visit)| !names_same(visit, &first_visit)) {
            return Err(UnitError::SeveralVisits { first, first_visit, second, second_visit });
        }
        self.tiv.leave_out_other_visits(&first_visit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use na_model::SourceRoot;

    use super::*;
    use crate::files::roots::Root;
    use crate::inputs::entity_pick::EntityPick;
    use crate::inputs::searched_folder::SearchedFolder;

    #[test]
    fn two_files_of_one_table_are_refused_whoever_found_them() {
        let (pick, mut found) = (EntityPick::default(), FoundUnit::default());
        for (root, file) in [("a", "x.tsv"), ("b", "y.tsv")] {
            let root = Root::unlisted(SourceRoot::CAT12_PARCELLATED, Path::new(root), Vec::new());
            let path = root.path().join("sub-1");
            let folder = SearchedFolder::new(&root, &path, &pick);
            assert!(found.check_one_file_each().is_ok());
            let table = TableName::parse("anatomical_gm").unwrap();
            found.add(FoundTable::new(&folder, table, None, path.join(file)));
        }
        let error = found.check_one_file_each().unwrap_err().to_string();
        assert!(
            error.contains("x.tsv") && error.contains("y.tsv") && error.contains("anatomical_gm"),
            "{error}"
        );
    }
}

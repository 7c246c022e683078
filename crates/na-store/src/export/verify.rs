//! Verifies the written files before the cache is deleted: opened again, they hold every unit with every row.

use std::path::Path;

use foldhash::{HashMap, HashMapExt};
use na_model::{MapSource, Session, WideFeature};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::parquet_file::ParquetFile;
use crate::tables::long_index::index::LongIndex;

/// What a long table and its features must hold after the export.
pub(crate) struct Expected<'a> {
    pub(crate) rows: HashMap<(&'a Session, &'a Option<MapSource>), usize>,
    /// The paths of features' files, each with the feature's map.
    pub(crate) features: Vec<(String, Option<MapSource>)>,
}

impl Expected<'_> {
    /// The paths of features' files, each with its number of rows: one for each session of its map.
    pub(crate) fn feature_rows(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut sessions: HashMap<&Option<MapSource>, u64> = HashMap::new();
        self.rows.keys().for_each(|(_, map)| *sessions.entry(*map).or_default() += 1);
        let rows = move |map| sessions.get(map).copied().unwrap_or(0);
        self.features.iter().map(move |(path, map)| (path.as_str(), rows(map)))
    }
}

/// Checks that a long table holds every session and map with every row. Its index came with its footer: the row groups that were
/// written are decoded, too. The others are copies, of which every column chunk has the hash that it had.
///
/// # Errors
/// [`StoreError::NotVerified`].
pub(crate) fn verify_long(
    path: &Path,
    expected: &Expected<'_>,
    index: &LongIndex,
    decoded: &LongIndex,
    written: &[usize],
) -> Result<(), StoreError> {
    if !written.iter().all(|row_group| index.has_rows_of(decoded, *row_group)) {
        return Err(not_verified(path, "its index is not of its rows".to_owned()));
    }
    let found = index.rows();
    let wrong = expected.rows.iter().find_map(|(key @ (session, _), rows)| {
        let n_found = found.get(key).copied().unwrap_or(0);
        (n_found != *rows).then(|| format!("{n_found} rows of {session} instead of {rows}"))
    });
    let problem = wrong.or_else(|| {
        (found.len() != expected.rows.len())
            .then(|| format!("{} sessions and maps instead of {}", found.len(), expected.rows.len()))
    });
    problem.map_or(Ok(()), |problem| Err(not_verified(path, problem)))
}

/// Checks the number of rows of the features' files, as the entries made from these files say it.
///
/// # Errors
/// [`StoreError::NotVerified`].
pub(crate) fn verify_features<'e>(
    output: &Path,
    expected: impl Iterator<Item = (&'e str, u64)>,
    entries: &[WideFeature],
) -> Result<(), StoreError> {
    let found: HashMap<&str, u64> =
        entries.iter().map(|entry| (entry.file_path.as_str(), entry.n_sessions)).collect();
    for (path, rows) in expected {
        match found.get(path) {
            Some(n_found) => compare(&output.join(path), *n_found, rows)?,
            None => return Err(not_verified(&output.join(path), "it is gone".to_owned())),
        }
    }
    Ok(())
}

/// Checks the number of rows of a file.
///
/// # Errors
/// [`StoreError::NotVerified`]; a file that cannot be read.
pub(crate) fn verify_rows(path: &Path, rows: u64) -> Result<(), StoreError> {
    match ParquetFile::open(path)? {
        Some(file) => compare(path, file.n_rows(), rows),
        None => Err(not_verified(path, "it is gone".to_owned())),
    }
}

/// Checks that every file is where it belongs and as it was when it was synced.
///
/// # Errors
/// [`StoreError::NotVerified`].
pub(crate) fn verify_states(changes: &FileChanges) -> Result<(), StoreError> {
    match changes.first_changed() {
        Some(path) => Err(not_verified(&path, "it is not what was written".to_owned())),
        None => Ok(()),
    }
}

fn compare(path: &Path, found: u64, rows: u64) -> Result<(), StoreError> {
    if found == rows { Ok(()) } else { Err(not_verified(path, format!("{found} rows instead of {rows}"))) }
}

fn not_verified(path: &Path, problem: String) -> StoreError {
    StoreError::NotVerified { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use na_model::{Region, SubjectCode};

    use super::*;
    use crate::tables::long_index::builder::IndexBuilder;

    fn session(subject: &str) -> Session {
        Session::new(SubjectCode::clean(subject).unwrap(), None)
    }

    /// An index of sessions with so many regions, in one row group.
    fn index(sessions: &[(&str, i64)]) -> LongIndex {
        let mut builder = IndexBuilder::default();
        let mut start = 0;
        for (subject, n_regions) in sessions {
            let region = |index| Region { index: Some(index), label: None, hemisphere: None };
            let list = builder.region_list((0..*n_regions).map(region));
            let end = start + usize::try_from(*n_regions).unwrap();
            builder.add_rows(0, start..end, session(subject), None, list);
            start = end;
        }
        builder.index
    }

    #[test]
    fn a_table_without_a_row_or_with_one_too_many_is_not_what_was_to_be_written() {
        let sessions = ["1", "2"].map(session);
        let rows = sessions.each_ref().map(|session| ((session, &None), 3));
        let expected = Expected { rows: rows.into_iter().collect(), features: Vec::new() };
        let verify = |in_footer: &LongIndex, decoded: &LongIndex| {
            verify_long(Path::new("gm"), &expected, in_footer, decoded, &[0])
                .map_err(|error| error.to_string())
        };
        let whole = index(&[("1", 3), ("2", 3)]);
        assert_eq!(verify(&whole, &whole), Ok(()));
        for wrong in
            [index(&[("1", 3), ("2", 2)]), index(&[("1", 3)]), index(&[("1", 3), ("2", 3), ("3", 3)])]
        {
            assert!(verify(&wrong, &wrong).is_err());
            assert!(verify(&whole, &wrong).unwrap_err().contains("its index is not of its rows"));
        }
    }
}

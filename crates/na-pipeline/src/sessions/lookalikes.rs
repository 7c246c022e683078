//! Codes of different roots that only their letters or numbers make one: nothing says whether they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};
use na_model::SessionId;

use crate::identifiers::name_match::{IdKind, Match, MatchKeys};

/// The folders of one code, by the index of their root.
type FolderByRoot = BTreeMap<usize, PathBuf>;

/// The folders of every code.
pub(crate) type FoldersByCode = BTreeMap<String, FolderByRoot>;

/// Two codes that may be one, each with a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lookalikes {
    pub(crate) codes: [String; 2],
    pub(crate) folders: [PathBuf; 2],
}

impl Lookalikes {
    /// A pair of codes. `None` if some root has a folder of both.
    fn of(codes: [&str; 2], folders: &FoldersByCode) -> Option<Self> {
        let [first, second] = codes.map(|code| folders.get(code));
        let (first, second) = (first?, second?);
        if first.keys().any(|root| second.contains_key(root)) {
            return None;
        }
        let (one, other) = (first.values().next()?.clone(), second.values().next()?.clone());
        Some(Self { codes: codes.map(str::to_owned), folders: [one, other] })
    }

    pub(crate) fn has(&self, id: &SessionId) -> bool {
        self.codes.iter().any(|code| code == id.as_str())
    }

    /// Why neither is loaded.
    pub(crate) fn reason(&self) -> String {
        let [first, second] = &self.folders;
        format!(
            "{} and {} could be the same: their names have the same letters and digits, or are equal as numbers; rename one \
         so that both are written alike, or name the sessions in a session list",
            first.display(),
            second.display()
        )
    }
}

/// Pairs of codes that have no root in common, and the same letters and digits, or the same number.
pub(crate) fn lookalikes(kind: IdKind, folders: &FoldersByCode) -> Vec<Lookalikes> {
    let mut alike: HashMap<(Match, String), BTreeSet<&str>> = HashMap::new();
    for (code, by_root) in folders {
        let names = by_root.values().filter_map(|path| name_of(kind, path));
        for keys in names.map(|name| MatchKeys::of_folder(kind, name)) {
            for rule in [Match::Letters, Match::Number] {
                for key in keys.by(rule) {
                    alike.entry((rule, key.into_owned())).or_default().insert(code);
                }
            }
        }
    }
    let mut pairs: BTreeSet<[&str; 2]> = BTreeSet::new();
    for codes in alike.values().filter(|codes| codes.len() > 1) {
        for first in codes {
            pairs.extend(codes.iter().filter(|second| first < *second).map(|second| [*first, *second]));
        }
    }
    pairs.into_iter().filter_map(|codes| Lookalikes::of(codes, folders)).collect()
}

fn name_of(kind: IdKind, path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    // Of folders side by side, the one name has both.
    let side_by_side = || match kind {
        IdKind::Subject => None,
        IdKind::Session => Some(name.split_once("_ses-")?.1.split("_run-").next()?.split(".long.").next()?),
    };
    name.strip_prefix(kind.prefix()).or_else(side_by_side)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(of: &[(&str, &[(usize, &str)])]) -> Vec<[String; 2]> {
        let paths = |paths: &[(usize, &str)]| paths.iter().map(|(root, path)| (*root, path.into())).collect();
        let folders = of.iter().map(|(code, at)| ((*code).to_owned(), paths(at))).collect();
        lookalikes(IdKind::Subject, &folders).into_iter().map(|together| together.codes).collect()
    }

    #[test]
    fn only_folders_of_different_roots_are_told() {
        let pair = [["AB10".to_owned(), "AB_10".to_owned()]];
        assert_eq!(codes(&[("AB_10", &[(0, "a/sub-AB_10")]), ("AB10", &[(1, "b/sub-AB10")])]), pair);
        let in_one = [(0, "a/sub-AB_10")];
        assert!(codes(&[("AB_10", &in_one), ("AB10", &[(0, "a/sub-AB10"), (1, "b/sub-AB10")])]).is_empty());
        assert!(codes(&[("AB_10", &in_one), ("AB11", &[(1, "b/sub-AB11")])]).is_empty());
        let numbers = codes(&[("40772", &[(0, "a/sub-40772")]), ("0040772", &[(1, "b/sub-0040772")])]);
        assert_eq!(numbers.len(), 1);
    }
}

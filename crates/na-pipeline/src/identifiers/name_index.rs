//! Looking an identifier up among many spellings.

use std::sync::OnceLock;

use foldhash::{HashMap, HashMapExt};

use crate::identifiers::name_match::{Match, MatchKeys};

/// Names that can be looked up by each rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    names: Vec<String>,
    keys: Vec<MatchKeys>,
    /// For each of [`Match::ALL`], the positions of the names that have a key: made when the rule is first asked, as
    /// hardly any name needs more than the first.
    by_key: [OnceLock<HashMap<String, Vec<usize>>>; 3],
}

impl NameIndex {
    pub(crate) fn new(names: impl IntoIterator<Item = (String, MatchKeys)>) -> Self {
        let (names, keys) = names.into_iter().unzip();
        Self { names, keys, by_key: Default::default() }
    }

    /// All names, in the order in which they were given.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that match by one rule, in the same order.
    pub(crate) fn by(&self, rule: Match, keys: &MatchKeys) -> Vec<&str> {
        let [code, letters, number] = &self.by_key;
        let by_key = match rule {
            Match::Code => code,
            Match::Letters => letters,
            Match::Number => number,
        };
        let by_key = by_key.get_or_init(|| self.positions(rule));
        let found = keys.by(rule).into_iter().filter_map(|key| by_key.get(&*key));
        let mut positions: Vec<usize> = found.flatten().copied().collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter().filter_map(|position| self.names.get(position)).map(String::as_str).collect()
    }

    fn positions(&self, rule: Match) -> HashMap<String, Vec<usize>> {
        let mut positions: HashMap<String, Vec<usize>> = HashMap::with_capacity(self.names.len());
        for (position, keys) in self.keys.iter().enumerate() {
            for key in keys.by(rule) {
                positions.entry(key.into_owned()).or_default().push(position);
            }
        }
        positions
    }

    /// The surest rule by which any name matches, and those names.
    pub(crate) fn find(&self, keys: &MatchKeys) -> Option<(Match, Vec<&str>)> {
        Match::ALL.into_iter().map(|rule| (rule, self.by(rule, keys))).find(|(_, names)| !names.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::name_match::IdKind;

    #[test]
    fn a_way_is_tried_only_where_those_before_it_found_nothing() {
        let names = ["CLMC10", "CLMC_10", "0050", "50"];
        let index =
            NameIndex::new(names.map(|name| (name.to_owned(), MatchKeys::of_folder(IdKind::Subject, name))));
        let find = |code: &str| {
            let keys = MatchKeys::of_code(&IdKind::Subject.clean(code).unwrap(), Some(code));
            index.find(&keys).map(|(rule, names)| (rule, names.join(" ")))
        };
        assert_eq!(find("CLMC-10"), Some((Match::Code, "CLMC_10".to_owned())));
        assert_eq!(find("CL_MC10"), Some((Match::Letters, "CLMC10 CLMC_10".to_owned())));
        assert_eq!(find("00050"), Some((Match::Number, "0050 50".to_owned())));
        assert_eq!(find("51"), None);
    }
}

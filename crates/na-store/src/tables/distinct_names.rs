//! Distinct names of columns, also without regard to case: `DuckDB`, Spark and others do not tell `sex` from `Sex`.

use foldhash::{HashSet, HashSetExt};

/// A column that wants a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Its name in its file.
    pub(crate) name: &'a str,
    /// Whether readers look for it under its name: then it keeps that, whatever the others are called.
    pub(crate) is_fixed: bool,
    /// Its name in the store so far. `None` if it is new.
    pub(crate) so_far: Option<&'a str>,
}

/// Gives each column a name, in their order. No two are equal without regard to case.
///
/// Of equal names the fixed one stays, then the store's, then the first in byte order; the others get `_2`, `_3`, the next that
/// is free. The order of the columns decides nothing.
pub(crate) fn distinct_names(wanted: &[Wanted<'_>]) -> Vec<String> {
    let mut by_precedence: Vec<(usize, &Wanted<'_>)> = wanted.iter().enumerate().collect();
    by_precedence.sort_by_key(|(_, column)| (!column.is_fixed, column.so_far.is_none(), column.name));
    let own: HashSet<String> = wanted.iter().map(|column| folded(column.name)).collect();
    let mut taken = HashSet::new();
    let mut names: Vec<(usize, String)> = Vec::with_capacity(wanted.len());
    for (index, column) in by_precedence {
        let first = if column.is_fixed { column.name } else { column.so_far.unwrap_or(column.name) };
        let mut name = first.to_owned();
        let mut number = 2;
        while !taken.insert(folded(&name)) {
            // Not the name of a column that has none yet and wants this one.
            while own.contains(&folded(&format!("{}_{number}", column.name))) {
                number += 1;
            }
            name = format!("{}_{number}", column.name);
            number += 1;
        }
        names.push((index, name));
    }
    names.sort_unstable_by_key(|(index, _)| *index);
    names.into_iter().map(|(_, name)| name).collect()
}

/// A name as readers without regard to case compare it.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn new(name: &str) -> Wanted<'_> {
        Wanted { name, is_fixed: false, so_far: None }
    }

    fn known<'a>(name: &'a str, so_far: &'a str) -> Wanted<'a> {
        Wanted { so_far: Some(so_far), ..new(name) }
    }

    #[test]
    fn names_that_differ_in_case_only_get_a_number_whatever_their_order() {
        assert_eq!(distinct_names(&[new("sex"), new("Sex"), new("SEX")]), ["sex_3", "Sex_2", "SEX"]);
        assert_eq!(distinct_names(&[new("SEX"), new("sex"), new("Sex")]), ["SEX", "sex_3", "Sex_2"]);
        assert_eq!(distinct_names(&[new("größe"), new("Größe")]), ["größe_2", "Größe"]);
    }

    #[test]
    fn a_name_that_the_store_has_stays() {
        assert_eq!(distinct_names(&[new("Sex"), known("sex", "sex")]), ["Sex_2", "sex"]);
        assert_eq!(distinct_names(&[known("sex", "sex_2"), known("Sex", "Sex")]), ["sex_2", "Sex"]);
        assert_eq!(distinct_names(&[known("sex", "sex_2")]), ["sex_2"]);
        // What a version without this rule wrote.
        assert_eq!(distinct_names(&[known("sex", "sex"), known("Sex", "Sex")]), ["sex_2", "Sex"]);
    }

    #[test]
    fn a_fixed_name_stays_and_no_number_takes_another_columns_name() {
        let fixed = Wanted { is_fixed: true, ..new("mean") };
        assert_eq!(distinct_names(&[known("Mean", "Mean"), fixed]), ["Mean_2", "mean"]);
        assert_eq!(distinct_names(&[new("a"), new("A"), new("a_2")]), ["a_3", "A", "a_2"]);
        assert_eq!(distinct_names(&[known("sex", "sex_2"), new("sex_2")]), ["sex_2", "sex_2_2"]);
    }

    proptest! {
        #[test]
        fn all_are_distinct_and_the_next_export_gives_the_same(
            names in prop::collection::hash_set("[aA][bB]?(_2)?(_3)?", 1..8),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let first = distinct_names(&names.iter().map(|name| new(name)).collect::<Vec<_>>());
            let folded: HashSet<String> = first.iter().map(|name| folded(name)).collect();
            prop_assert_eq!(folded.len(), names.len());
            let again: Vec<Wanted<'_>> = names.iter().zip(&first).map(|(name, so_far)| known(name, so_far)).collect();
            prop_assert_eq!(&distinct_names(&again), &first);
            let mut backwards = distinct_names(&names.iter().rev().map(|name| new(name)).collect::<Vec<_>>());
            backwards.reverse();
            prop_assert_eq!(backwards, first);
        }
    }
}

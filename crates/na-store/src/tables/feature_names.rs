//! Names features: by their short names, or by longer ones if short names are equal.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashSet;
use na_model::{FeatureName, FeatureSource, LONGEST_FEATURE_FILE, TableKind, TableName, name_key};

/// A feature before it has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unnamed {
    pub(crate) source: FeatureSource,
    pub(crate) metric: String,
    /// The metric in its name.
    word: String,
    short: FeatureName,
    long: Option<FeatureName>,
}

impl Unnamed {
    pub(crate) fn new(source: &FeatureSource, (metric, word): (&str, &str), desc_in_name: bool) -> Self {
        Self {
            source: source.clone(),
            metric: metric.to_owned(),
            word: word.to_owned(),
            short: source.feature(word, desc_in_name),
            long: source.long_feature(word, desc_in_name),
        }
    }

    /// Whether a file can have each name that the feature may get.
    pub(crate) fn can_be_a_file(&self) -> bool {
        self.source.longest_file_name([self.word.as_str()]) <= LONGEST_FEATURE_FILE
    }

    fn source_and_map(&self) -> String {
        self.source.table.with_map(self.source.map.as_ref())
    }
}

/// A feature with its name so far.
struct Candidate {
    /// Its index among the features.
    index: usize,
    feature: Unnamed,
    name: FeatureName,
}

/// Names each feature, no two alike also without regard to case, and tells which do not have their short names.
///
/// Features with equal short names all get their long ones. If these are equal too, the later ones by table, map and metric
/// get a number.
pub(crate) fn named(features: Vec<Unnamed>) -> (Vec<(Unnamed, FeatureName)>, Vec<String>) {
    let candidate = |(index, feature): (usize, Unnamed)| {
        let name = feature.short.clone();
        Candidate { index, feature, name }
    };
    let mut candidates: Vec<Candidate> = features.into_iter().enumerate().map(candidate).collect();
    let mut notes = Notes::default();
    while lengthen_equal_names(&mut candidates, &mut notes) {}
    number_equal_names(&mut candidates);
    let notes = notes.lines(&candidates);
    (candidates.into_iter().map(|candidate| (candidate.feature, candidate.name)).collect(), notes)
}

/// Gives long names to features with equal names. `false` if none changes.
fn lengthen_equal_names(candidates: &mut [Candidate], notes: &mut Notes) -> bool {
    let mut is_changed = false;
    for group in groups_of_equal_names(candidates) {
        notes.add(&group);
        for candidate in group {
            if let Some(long) = candidate.feature.long.as_ref().filter(|long| **long != candidate.name) {
                candidate.name = long.clone();
                is_changed = true;
            }
        }
    }
    is_changed
}

/// Groups of features with equal names, or with the name of total intracranial volume, in the order of their keys.
fn groups_of_equal_names(candidates: &mut [Candidate]) -> Vec<Vec<&mut Candidate>> {
    let mut by_key: BTreeMap<String, Vec<&mut Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_key.entry(candidate.name.key()).or_default().push(candidate);
    }
    let volume = FeatureName::tiv().key();
    let groups = by_key.into_iter().filter(|(key, group)| group.len() > 1 || *key == volume);
    groups.map(|(_, group)| group).collect()
}

/// Puts numbers behind equal names. The first by table, map and metric keeps its own, unless that is the volume's.
fn number_equal_names(candidates: &mut [Candidate]) {
    let volume = FeatureName::tiv().key();
    let names = candidates.iter().map(|candidate| candidate.name.key());
    let mut taken: HashSet<String> = names.chain([volume.clone()]).collect();
    for mut group in groups_of_equal_names(candidates) {
        group.sort_by(|first, second| by_table_map_and_metric(first, second));
        let n_kept = usize::from(!group.iter().any(|candidate| candidate.name.key() == volume));
        for candidate in group.into_iter().skip(n_kept) {
            let mut numbered = (2..).map(|number| candidate.name.numbered(number));
            if let Some(free) = numbered.find(|numbered| taken.insert(numbered.key())) {
                candidate.name = free;
            }
        }
    }
}

/// The order in which equal names get their numbers: files are called by it.
fn by_table_map_and_metric(first: &Candidate, second: &Candidate) -> Ordering {
    let (first, second) = (&first.feature, &second.feature);
    let (table, map, metric) = (&first.source.table, &first.source.map, &first.metric);
    (table, map, metric).cmp(&(&second.source.table, &second.source.map, &second.metric))
}

/// Sources of features with equal names, each with the indices of the first such features.
#[derive(Default)]
struct Notes(BTreeMap<BTreeSet<String>, Vec<usize>>);

impl Notes {
    fn add(&mut self, group: &[&mut Candidate]) {
        let sources = group.iter().map(|candidate| candidate.feature.source_and_map()).collect();
        let indices = || group.iter().map(|candidate| candidate.index).collect();
        self.0.entry(sources).or_insert_with(indices);
    }

    fn lines(&self, candidates: &[Candidate]) -> Vec<String> {
        let line = |(sources, indices): (&BTreeSet<String>, &Vec<usize>)| {
            let group: Vec<&Candidate> =
                candidates.iter().filter(|candidate| indices.contains(&candidate.index)).collect();
            Some(note(sources, &group.first()?.feature.short, &group))
        };
        self.0.iter().filter_map(line).collect()
    }
}

fn note(sources: &BTreeSet<String>, short: &FeatureName, group: &[&Candidate]) -> String {
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let names: Vec<&str> = group.iter().map(|candidate| candidate.name.as_str()).collect();
    format!(
        "features of {} would have one name ({short}): they are called {}",
        sources.join(" and of "),
        names.join(" and ")
    )
}

/// Groups tables so that features of two groups never have equal names. Groups are in the order of their names' starts.
pub(crate) fn families<'k>(
    tables: impl IntoIterator<Item = (TableName, &'k TableKind)>,
) -> Vec<Vec<TableName>> {
    let mut by_start: BTreeMap<String, Vec<TableName>> = BTreeMap::new();
    for (table, kind) in tables {
        by_start.entry(start(kind)).or_default().push(table);
    }
    let mut families: Vec<Vec<TableName>> = Vec::new();
    let mut start_of_family: Option<String> = None;
    for (start, tables) in by_start {
        match (&start_of_family, families.last_mut()) {
            // One start begins with the other: `A` with param `b_c`, `A_b` with param `c`.
            (Some(first), Some(family)) if start.starts_with(first) => family.extend(tables),
            _ => {
                families.push(tables);
                start_of_family = Some(start);
            }
        }
    }
    families
}

/// Whether a table may give a feature of this name.
pub(crate) fn may_give(kind: &TableKind, name: &str) -> bool {
    name_key(name).starts_with(&start(kind))
}

/// The start of the keys of all features of a table.
fn start(kind: &TableKind) -> String {
    format!("{}_", name_key(&kind.feature_prefix))
}

#[cfg(test)]
mod tests {
    use na_model::{MapSource, UNKNOWN};

    use super::*;

    fn feature(workflow: &str, model: &str, param: &str, metric: &str) -> Unnamed {
        let table = TableName::parse(&format!("diffusion_{workflow}")).unwrap();
        let map = MapSource { model: model.into(), param: param.into(), desc: UNKNOWN.into() };
        let prefix = workflow.to_owned();
        Unnamed::new(
            &FeatureSource { table, prefix, says_model: true, map: Some(map) },
            (metric, metric),
            false,
        )
    }

    /// The names of features, in their order. They must not depend on the order.
    fn names(features: &[Unnamed]) -> Vec<String> {
        let of = |features: Vec<Unnamed>| {
            let named = named(features).0.into_iter();
            named.map(|(_, name)| name.to_string()).collect::<Vec<_>>()
        };
        let names = of(features.to_vec());
        let mut reversed = of(features.iter().rev().cloned().collect());
        reversed.reverse();
        assert_eq!(names, reversed);
        names
    }

    #[test]
    fn two_sources_of_one_name_are_both_called_by_their_long_names() {
        let features = [
            feature("A", "b", "c_d", "mean"),
            feature("A", "b_c", "d", "mean"),
            feature("A_b", "c", "d", "mean"),
            feature("A", "b", "d", "mean"),
        ];
        assert_eq!(
            names(&features),
            [
                "A_model-b_param-c_d_mean",
                "A_model-b_c_param-d_mean",
                "A_b_model-c_param-d_mean",
                "A_b_d_mean"
            ]
        );
        let notes = named(features.to_vec()).1;
        assert_eq!(notes.len(), 1);
        for words in ["diffusion_A (model b, param c_d)", "A_b_model-c_param-d_mean"] {
            assert!(notes[0].contains(words), "{notes:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_one_name() {
        let features = [feature("W", "m", "ICVF", "mean"), feature("W", "m", "icvf", "mean")];
        assert_eq!(names(&features), ["W_model-m_param-ICVF_mean", "W_model-m_param-icvf_mean_2"]);
        let features = [feature("W", "m", "a", "mean"), feature("w", "m", "a", "mean")];
        assert_eq!(names(&features), ["W_model-m_param-a_mean", "w_model-m_param-a_mean_2"]);
    }

    #[test]
    fn long_names_that_meet_get_numbers_and_take_nobody_s_name() {
        let features = [
            feature("W", "m", "b", "z_mean"),
            feature("W", "m", "b_z", "mean"),
            feature("W", "model-m", "param-b_z", "mean_2"),
        ];
        assert_eq!(
            names(&features),
            ["W_model-m_param-b_z_mean", "W_model-m_param-b_z_mean_3", "W_model-m_param-b_z_mean_2"]
        );
    }

    #[test]
    fn a_long_name_that_meets_a_short_one_makes_it_long_too() {
        let features = [
            feature("A", "b_c", "d", "mean"),
            feature("A_b", "c", "d", "mean"),
            feature("A", "model-b_c", "param-d", "mean"),
        ];
        assert_eq!(
            names(&features),
            ["A_model-b_c_param-d_mean", "A_b_model-c_param-d_mean", "A_model-model-b_c_param-param-d_mean"]
        );
    }

    #[test]
    fn a_tissue_s_features_keep_their_names() {
        let table = TableName::parse("anatomical_gm").unwrap();
        let tissue = Unnamed::new(
            &FeatureSource { table, prefix: "gm".to_owned(), says_model: true, map: None },
            ("a_b_mean", "a_b_mean"),
            false,
        );
        let features = [feature("gm", "a", "b", "mean"), tissue];
        assert_eq!(names(&features), ["gm_model-a_param-b_mean", "gm_a_b_mean"]);
    }

    #[test]
    fn tables_whose_features_may_meet_are_one_family() {
        let kind = |name: &str| TableKind::of_parcellate(&TableName::parse(name).unwrap());
        let tables = [
            "diffusion_A",
            "diffusion_AB",
            "diffusion_a_b",
            "diffusion_A_c",
            "diffusion_gm",
            "anatomical_gm",
        ];
        let kinds = tables.map(kind);
        let tables = tables.map(|name| TableName::parse(name).unwrap());
        let families = families(tables.into_iter().zip(&kinds));
        let names: Vec<Vec<String>> =
            families.iter().map(|family| family.iter().map(TableName::to_string).collect()).collect();
        assert_eq!(
            names,
            [
                vec!["diffusion_A", "diffusion_a_b", "diffusion_A_c"],
                vec!["diffusion_AB"],
                vec!["diffusion_gm", "anatomical_gm"]
            ]
        );
        assert!(may_give(&kind("diffusion_A"), "a_model-x") && !may_give(&kind("diffusion_A"), "AB_x"));
    }
}

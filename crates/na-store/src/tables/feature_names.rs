//! What features are called: by their short names, and by longer ones where two would have the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use na_model::{FeatureName, FeatureSource, LONGEST_FEATURE_FILE, MapSource, TableName, name_key};

/// A feature before it has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unnamed {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    pub(crate) metric: String,
    short: FeatureName,
    long: Option<FeatureName>,
}

impl Unnamed {
    pub(crate) fn new(source: &FeatureSource, metric: &str, desc_in_name: bool) -> Self {
        Self {
            table: source.table.clone(),
            map: source.map.clone(),
            metric: metric.to_owned(),
            short: source.feature(metric, desc_in_name),
            long: source.long_feature(metric, desc_in_name),
        }
    }

    /// Whether each name that it may get can be a file's.
    pub(crate) fn can_be_a_file(&self) -> bool {
        let source = FeatureSource { table: self.table.clone(), map: self.map.clone() };
        source.longest_file_name([self.metric.as_str()]) <= LONGEST_FEATURE_FILE
    }

    fn source(&self) -> String {
        match &self.map {
            None => self.table.to_string(),
            Some(map) => {
                format!("{} (model {}, param {}, desc {})", self.table, map.model, map.param, map.desc)
            }
        }
    }
}

/// Names each feature, no two alike also where case does not count, and tells which are not called by their short names.
/// Where short names meet, all of them give way to the long ones; where even these meet, the later ones in byte order of
/// what they are get a number.
pub(crate) fn named(features: Vec<Unnamed>) -> (Vec<(Unnamed, FeatureName)>, Vec<String>) {
    let mut names: Vec<FeatureName> = features.iter().map(|feature| feature.short.clone()).collect();
    let mut notes = Notes::default();
    loop {
        let mut is_changed = false;
        for meeting in meetings(&names) {
            let long = |place: &usize| Some((*place, features.get(*place)?.long.clone()?));
            notes.add(&features, &meeting);
            for (place, long) in meeting.iter().filter_map(long) {
                if let Some(name) = names.get_mut(place).filter(|name| **name != long) {
                    *name = long;
                    is_changed = true;
                }
            }
        }
        if !is_changed {
            break;
        }
    }
    number(&features, &mut names);
    let notes = notes.lines(&features, &names);
    (features.into_iter().zip(names).collect(), notes)
}

/// The places of names that meet each other or the volume's, in the order of their keys.
fn meetings(names: &[FeatureName]) -> Vec<Vec<usize>> {
    let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        by_key.entry(name.key()).or_default().push(place);
    }
    let volume = FeatureName::tiv().key();
    by_key
        .into_iter()
        .filter(|(key, places)| places.len() > 1 || *key == volume)
        .map(|(_, places)| places)
        .collect()
}

/// Puts numbers behind names that meet: the first in byte order keeps its own.
fn number(features: &[Unnamed], names: &mut [FeatureName]) {
    let volume = FeatureName::tiv().key();
    let mut taken: HashSet<String> = names.iter().map(FeatureName::key).chain([volume.clone()]).collect();
    for mut places in meetings(names) {
        places.sort_by_key(|place| features.get(*place).map(|of| (&of.table, &of.map, &of.metric)));
        let is_volume = |place: &usize| names.get(*place).is_some_and(|name| name.key() == volume);
        let n_kept = usize::from(!places.iter().any(is_volume));
        for place in places.into_iter().skip(n_kept) {
            let Some(name) = names.get_mut(place) else { continue };
            let mut numbered = (2..).map(|number| name.numbered(number));
            if let Some(free) = numbered.find(|numbered| taken.insert(numbered.key())) {
                *name = free;
            }
        }
    }
}

/// Sources whose features meet, with the places of the first ones that do.
#[derive(Default)]
struct Notes(BTreeMap<BTreeSet<String>, Vec<usize>>);

impl Notes {
    fn add(&mut self, features: &[Unnamed], meeting: &[usize]) {
        let of = meeting.iter().filter_map(|place| features.get(*place));
        self.0.entry(of.map(Unnamed::source).collect()).or_insert_with(|| meeting.to_vec());
    }

    fn lines(&self, features: &[Unnamed], names: &[FeatureName]) -> Vec<String> {
        let line = |(sources, places): (&BTreeSet<String>, &Vec<usize>)| {
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            let short = places.first().and_then(|place| features.get(*place)).map(|of| &of.short)?;
            let called = places.iter().filter_map(|place| Some(names.get(*place)?.as_str()));
            Some(format!(
                "features of {} would have one name ({short}): they are called {}",
                sources.join(" and of "),
                called.collect::<Vec<_>>().join(" and ")
            ))
        };
        self.0.iter().filter_map(line).collect()
    }
}

/// Tables in groups: the features of one group never have a name that one of another group has.
pub(crate) fn families(tables: impl IntoIterator<Item = TableName>) -> Vec<Vec<TableName>> {
    let mut by_start: BTreeMap<String, Vec<TableName>> = BTreeMap::new();
    for table in tables {
        by_start.entry(start(&table)).or_default().push(table);
    }
    let mut families: Vec<Vec<TableName>> = Vec::new();
    let mut of_first: Option<String> = None;
    for (start, tables) in by_start {
        match (&of_first, families.last_mut()) {
            // Names of one start with the other: `A` with param `b_c`, `A_b` with param `c`.
            (Some(first), Some(family)) if start.starts_with(first) => family.extend(tables),
            _ => {
                families.push(tables);
                of_first = Some(start);
            }
        }
    }
    families
}

/// Whether a table can give a feature of this name.
pub(crate) fn may_give(table: &TableName, name: &str) -> bool {
    name_key(name).starts_with(&start(table))
}

/// What the keys of a table's features start with.
fn start(table: &TableName) -> String {
    let word = match table {
        TableName::Anatomical(tissue) => tissue.as_str(),
        TableName::Diffusion(workflow) => workflow.as_str(),
    };
    format!("{}_", name_key(word))
}

#[cfg(test)]
mod tests {
    use na_model::UNKNOWN;

    use super::*;

    fn feature(workflow: &str, model: &str, param: &str, metric: &str) -> Unnamed {
        let table = TableName::parse(&format!("diffusion_{workflow}")).unwrap();
        let map = MapSource { model: model.into(), param: param.into(), desc: UNKNOWN.into() };
        Unnamed::new(&FeatureSource { table, map: Some(map) }, metric, false)
    }

    /// The names in the order of the features, which must not depend on it.
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
        for words in ["diffusion_A (model b, param c_d, desc unknown)", "A_b_model-c_param-d_mean"] {
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
        let tissue = Unnamed::new(&FeatureSource { table, map: None }, "a_b_mean", false);
        let features = [feature("gm", "a", "b", "mean"), tissue];
        assert_eq!(names(&features), ["gm_model-a_param-b_mean", "gm_a_b_mean"]);
    }

    #[test]
    fn tables_whose_features_may_meet_are_one_family() {
        let table = |name: &str| TableName::parse(name).unwrap();
        let tables = [
            "diffusion_A",
            "diffusion_AB",
            "diffusion_a_b",
            "diffusion_A_c",
            "diffusion_gm",
            "anatomical_gm",
        ];
        let families = families(tables.into_iter().map(table));
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
        assert!(may_give(&table("diffusion_A"), "a_model-x") && !may_give(&table("diffusion_A"), "AB_x"));
    }
}

//! How a table's files were made, as their names and sidecars say, where they differ.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{BidsName, Sidecar, SourceFile, SourceKind};

/// Values that a note lists: the rest is counted.
const MOST: usize = 8;

/// Entities of file names that must not differ, and what they say.
const ENTITIES: [(&str, &str); 7] = [
    ("mask", "masks"),
    ("maskthr", "mask thresholds of file names"),
    ("atlasthr", "atlas thresholds of file names"),
    ("space", "spaces"),
    ("res", "resolutions"),
    ("hemi", "hemispheres"),
    ("acq", "acquisitions"),
];

/// By table and kind: each value, and how many sessions have it.
#[derive(Debug, Default)]
pub(crate) struct Provenance(BTreeMap<(String, &'static str), BTreeMap<String, usize>>);

impl Provenance {
    /// Adds a unit's files.
    pub(crate) fn add(&mut self, sources: &[SourceFile]) {
        // A session counts once, whatever number of maps it has.
        let told: BTreeSet<(&str, &'static str, String)> = sources.iter().flat_map(told).collect();
        for (table, what, value) in told {
            *self.0.entry((table.to_owned(), what)).or_default().entry(value).or_default() += 1;
        }
    }

    /// A line for each table and kind of difference.
    pub(crate) fn differences(&self) -> Vec<String> {
        let several = self.0.iter().filter(|(_, values)| values.len() > 1);
        several
            .map(|((table, what), values)| {
                let mut values: Vec<(&String, usize)> = values.iter().map(|(value, n)| (value, *n)).collect();
                values.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
                let sessions = |n| if n == 1 { "1 session".to_owned() } else { format!("{n} sessions") };
                let told = values.iter().take(MOST).map(|(value, n)| format!("{value} ({})", sessions(*n)));
                let told: Vec<String> = told.collect();
                let more = values.len().saturating_sub(MOST);
                let more = if more > 0 { format!(", and {more} others") } else { String::new() };
                format!("{table}: its files differ in their {what}: {}{more}", told.join(", "))
            })
            .collect()
    }
}

/// What a file tells: its table, the kind, and the value.
fn told(source: &SourceFile) -> Vec<(&str, &'static str, String)> {
    let (SourceKind::Table, Some(table)) = (source.kind, &source.table) else { return Vec::new() };
    let mut told = Vec::new();
    let mut add = |what, value: Option<String>| {
        told.push((table.as_str(), what, value.unwrap_or_else(|| "none".to_owned())));
    };
    let name = BidsName::parse(source.path.rsplit('/').next().unwrap_or_default());
    for (entity, what) in ENTITIES {
        let noted = source.mask_entity.as_deref().filter(|_| entity == "mask");
        add(what, name.entity(entity).or(noted).map(str::to_owned));
    }
    let Some(sidecar) = &source.sidecar else {
        add("parcellate versions", Some("unknown (no sidecar)".to_owned()));
        return told;
    };
    let Sidecar { mask, mask_threshold, atlas_threshold, space, software_version, .. } = sidecar;
    add("masks of sidecars", mask.as_deref().map(without_session));
    add("mask thresholds", mask_threshold.map(|number| number.to_string()));
    add("atlas thresholds", atlas_threshold.map(|number| number.to_string()));
    add("spaces of sidecars", space.clone());
    add("parcellate versions", software_version.clone());
    told
}

/// A mask's name. Each session has its own file of one mask: what they have in common is the mask.
fn without_session(mask: &str) -> String {
    let name = mask.rsplit('/').next().unwrap_or(mask);
    let (stem, last) = name.rsplit_once('_').unwrap_or(("", name));
    let mut parts: Vec<&str> =
        stem.split('_').filter(|part| !part.starts_with("sub-") && !part.starts_with("ses-")).collect();
    parts.push(last);
    parts.retain(|part| !part.is_empty());
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use na_model::{Fingerprint, ReadAt};

    use super::*;

    fn file(path: &str, sidecar: Option<Sidecar>) -> SourceFile {
        SourceFile {
            kind: SourceKind::Table,
            table: Some("anatomical_gm".to_owned()),
            map: None,
            root: None,
            path: path.to_owned(),
            tiv: None,
            read_at: ReadAt::UNKNOWN,
            fingerprint: Fingerprint { size: 1, mtime_ns: 1, hash: String::new() },
            mask_entity: None,
            sidecar,
        }
    }

    fn mask(path: &str) -> Option<Sidecar> {
        Some(Sidecar { mask: Some(path.to_owned()), ..Sidecar::default() })
    }

    #[test]
    fn what_differs_between_file_names_is_listed_with_the_sessions_that_have_it() {
        let mut provenance = Provenance::default();
        for (subject, space) in [("1", "MNI"), ("2", "T1w"), ("3", "T1w")] {
            let name =
                |param| format!("sub-{subject}/dwi/sub-{subject}_space-{space}_param-{param}_parc.tsv");
            provenance.add(&[file(&name("icvf"), None), file(&name("od"), None)]);
        }
        assert_eq!(
            provenance.differences(),
            ["anatomical_gm: its files differ in their spaces: T1w (2 sessions), MNI (1 session)"]
        );
    }

    #[test]
    fn masks_of_sidecars_are_compared_without_the_session() {
        let mut provenance = Provenance::default();
        provenance.add(&[file("a_parc.tsv", mask("/data/sub-1_ses-a_label-GM_mask.nii.gz"))]);
        provenance.add(&[file("a_parc.tsv", mask("/other/sub-2_label-GM_mask.nii.gz"))]);
        assert_eq!(provenance.differences(), [""; 0]);
        provenance.add(&[file("a_parc.tsv", mask("brain"))]);
        assert_eq!(
            provenance.differences(),
            [
                "anatomical_gm: its files differ in their masks of sidecars: label-GM_mask.nii.gz (2 sessions), brain (1 \
              session)"
            ]
        );
    }
}

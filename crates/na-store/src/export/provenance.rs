//! Finds where the files of one table were made differently, as their names and sidecars say.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{BidsName, Sidecar, SourceFile, SourceKind, UnitKind};

/// Values that a note lists; others are counted.
const LISTED_VALUES: usize = 8;

/// Entities of file names that must not differ, with the kind of value that each names.
const ENTITIES: [(&str, &str); 7] = [
    ("mask", "masks"),
    ("maskthr", "mask thresholds of file names"),
    ("atlasthr", "atlas thresholds of file names"),
    ("space", "spaces"),
    ("res", "resolutions"),
    ("hemi", "hemispheres"),
    ("acq", "acquisitions"),
];

/// The number of sessions with each value, by table and kind of value.
#[derive(Debug, Default)]
pub(crate) struct Provenance(BTreeMap<(String, &'static str), BTreeMap<String, usize>>);

/// One thing that a file says of how it was made.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Statement<'s> {
    table: &'s str,
    kind: &'static str,
    value: String,
}

impl Provenance {
    /// Adds the files of a unit of this kind.
    pub(crate) fn add(&mut self, kind: &UnitKind, sources: &[SourceFile]) {
        let versions =
            if kind.is_of_parcellate() { "parcellate versions" } else { "versions of their program" };
        // A session counts once, however many maps it has.
        let statements: BTreeSet<Statement<'_>> =
            sources.iter().flat_map(|source| statements(source, versions)).collect();
        for Statement { table, kind, value } in statements {
            *self.0.entry((table.to_owned(), kind)).or_default().entry(value).or_default() += 1;
        }
    }

    /// A line for each table and kind of value that differs.
    pub(crate) fn differences(&self) -> Vec<String> {
        let several = self.0.iter().filter(|(_, values)| values.len() > 1);
        several.map(|((table, kind), values)| difference(table, kind, values)).collect()
    }
}

/// Lists the values by falling number of sessions.
fn difference(table: &str, kind: &str, values: &BTreeMap<String, usize>) -> String {
    let mut values: Vec<(&String, usize)> = values.iter().map(|(value, n)| (value, *n)).collect();
    values.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let sessions = |n| if n == 1 { "1 session".to_owned() } else { format!("{n} sessions") };
    let listed = values.iter().take(LISTED_VALUES);
    let listed: Vec<String> = listed.map(|(value, n)| format!("{value} ({})", sessions(*n))).collect();
    let n_others = values.len().saturating_sub(LISTED_VALUES);
    let others = if n_others > 0 { format!(", and {n_others} others") } else { String::new() };
    format!("{table}: its files differ in their {kind}: {}{others}", listed.join(", "))
}

fn statements<'s>(source: &'s SourceFile, versions: &'static str) -> Vec<Statement<'s>> {
    let (SourceKind::Table, Some(table)) = (source.kind, &source.table) else { return Vec::new() };
    let mut statements = Vec::new();
    let mut add = |kind, value: Option<String>| {
        let value = value.unwrap_or_else(|| "none".to_owned());
        statements.push(Statement { table, kind, value });
    };
    let name = BidsName::parse(source.path.rsplit('/').next().unwrap_or(&source.path));
    for (entity, kind) in ENTITIES {
        let mask = source.mask_entity.as_deref().filter(|_| entity == "mask");
        add(kind, name.entity(entity).or(mask).map(str::to_owned));
    }
    // One that says nothing of it, as other programs write them, is as good as none.
    let sidecar = source.sidecar.as_ref().filter(|sidecar| **sidecar != Sidecar::default());
    let version = sidecar.and_then(|sidecar| sidecar.software_version.clone());
    add(versions, Some(version.unwrap_or_else(|| "unknown".to_owned())));
    let Some(sidecar) = sidecar else { return statements };
    let Sidecar { mask, mask_threshold, atlas_threshold, space, .. } = sidecar;
    add("masks of sidecars", mask.as_deref().map(without_session));
    add("mask thresholds", mask_threshold.map(|number| number.to_string()));
    add("atlas thresholds", atlas_threshold.map(|number| number.to_string()));
    add("spaces of sidecars", space.clone());
    statements
}

/// The name of a mask without subject and session: each session has its own file of the same mask.
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
    use na_model::{Fingerprint, Modality, ReadAt};

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

    fn kind() -> UnitKind {
        UnitKind::of_parcellate(Modality::Anatomical)
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
            provenance.add(&kind(), &[file(&name("icvf"), None), file(&name("od"), None)]);
        }
        assert_eq!(
            provenance.differences(),
            ["anatomical_gm: its files differ in their spaces: T1w (2 sessions), MNI (1 session)"]
        );
    }

    #[test]
    fn a_version_that_is_not_told_is_unknown_whether_there_is_a_sidecar_or_not() {
        let version = |version: &str| {
            Some(Sidecar { software_version: Some(version.to_owned()), ..Sidecar::default() })
        };
        let mut provenance = Provenance::default();
        for sidecar in [None, Some(Sidecar::default()), mask("brain"), mask("brain")] {
            provenance.add(&kind(), &[file("a_parc.tsv", sidecar)]);
        }
        assert_eq!(provenance.differences(), [""; 0]);
        provenance.add(&kind(), &[file("a_parc.tsv", version("1.2"))]);
        let told = provenance.differences();
        assert!(
            told.iter().any(|told| told.contains("versions: unknown (4 sessions), 1.2 (1 session)")),
            "{told:?}"
        );
    }

    #[test]
    fn masks_of_sidecars_are_compared_without_the_session() {
        let mut provenance = Provenance::default();
        provenance.add(&kind(), &[file("a_parc.tsv", mask("/data/sub-1_ses-a_label-GM_mask.nii.gz"))]);
        provenance.add(&kind(), &[file("a_parc.tsv", mask("/other/sub-2_label-GM_mask.nii.gz"))]);
        assert_eq!(provenance.differences(), [""; 0]);
        provenance.add(&kind(), &[file("a_parc.tsv", mask("brain"))]);
        assert_eq!(
            provenance.differences(),
            [
                "anatomical_gm: its files differ in their masks of sidecars: label-GM_mask.nii.gz (2 sessions), brain (1 \
              session)"
            ]
        );
    }
}

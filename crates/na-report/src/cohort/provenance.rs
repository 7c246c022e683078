//! Which program made the tables, with which settings, and which tables are the same in several sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use na_model::{Sidecar, SourceFile, SourceKind, TableName};
use na_store::StoreView;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::cohort::sessions::Sessions;
use crate::error::ReportError;

/// What stands for a version where no sidecar says one.
pub(crate) const UNKNOWN_VERSION: &str = "unknown";

/// The year and its quarter, from 0.
pub(crate) type Quarter = (u16, u8);

/// What the sidecars say, and whose tables are whose.
#[derive(Debug, Default)]
pub(crate) struct Provenance {
    /// The program that made each table.
    pub(crate) producers: BTreeMap<TableName, String>,
    /// The versions of it that did, the newest first.
    pub(crate) versions: BTreeMap<TableName, TableVersions>,
    /// Sessions by the quarter of their first sidecar and by their versions. A session without a timestamp is in none.
    pub(crate) quarters: BTreeMap<Quarter, BTreeMap<String, usize>>,
    /// Sessions by table, setting and value.
    pub(crate) settings: BTreeMap<(TableName, &'static str), BTreeMap<String, Vec<u32>>>,
    /// Sessions with tables of the same content.
    pub(crate) identical: Vec<IdenticalTables>,
}

/// The versions that made a table.
#[derive(Debug, Default)]
pub(crate) struct TableVersions {
    /// As sidecars say; where the maps of a session are of several, these with `+`. The newest first, [`UNKNOWN_VERSION`] last.
    pub(crate) labels: Vec<String>,
    /// The label of each session. `None` if it has no such table.
    pub(crate) of: Vec<Option<usize>>,
}

/// Sessions that hold the same tables, each in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdenticalTables {
    pub(crate) sessions: Vec<usize>,
    pub(crate) tables: Vec<TableName>,
}

/// The content of a session's table, and where its files lie.
struct TableContent {
    session: usize,
    content: u128,
    path: u64,
}

/// What is gathered file by file.
#[derive(Default)]
struct Gathered {
    provenance: Provenance,
    versions: BTreeMap<TableName, Vec<(usize, String)>>,
    contents: BTreeMap<TableName, Vec<TableContent>>,
    /// By session, the quarter of its first sidecar, and its versions.
    made: BTreeMap<usize, (Option<Quarter>, BTreeSet<String>)>,
}

impl Provenance {
    pub(crate) fn read(view: &StoreView<'_>, sessions: &Sessions) -> Result<Self, ReportError> {
        let kinds = view.table_kinds().iter();
        let producers = kinds.map(|(table, kind)| (table.clone(), kind.producer.clone())).collect();
        let provenance = Self { producers, ..Self::default() };
        let mut gathered = Gathered { provenance, ..Gathered::default() };
        view.for_each_unit(|unit, sources| {
            if let Some(session) = sessions.index(&unit.session) {
                gathered.add(session, &sources);
            }
        })?;
        Ok(gathered.finish(sessions.len()))
    }

    /// The versions that made a session's tables, the newest first, with commas. Empty if it has none.
    pub(crate) fn version_of(&self, session: usize) -> String {
        let labels = self.versions.iter().filter_map(|(table, versions)| {
            let label = versions.of.get(session).copied().flatten()?;
            Some((table, versions.labels.get(label)?))
        });
        let single = labels.flat_map(|(table, label)| label.split(JOINS).map(|one| self.named(table, one)));
        newest_first(single.collect::<BTreeSet<String>>()).join(", ")
    }

    /// The program that made a table.
    pub(crate) fn producer_of(&self, table: &TableName) -> &str {
        self.producers.get(table).map_or("its program", String::as_str)
    }

    /// A version of a table, behind its program's name where several programs made the store's tables.
    pub(crate) fn named(&self, table: &TableName, version: &str) -> String {
        let mut producers = self.producers.values();
        let first = producers.next();
        match producers.any(|other| Some(other) != first) {
            true => format!("{} {version}", self.producer_of(table)),
            false => version.to_owned(),
        }
    }

    /// The sessions of each version of each program, the newest first: those with a table that it made.
    pub(crate) fn by_producer(&self) -> BTreeMap<&str, Vec<(String, Vec<usize>)>> {
        let mut all: BTreeMap<&str, BTreeMap<String, BTreeSet<usize>>> = BTreeMap::new();
        for (table, versions) in &self.versions {
            let of_producer = all.entry(self.producer_of(table)).or_default();
            for (session, label) in versions.of.iter().enumerate() {
                let label = label.and_then(|label| versions.labels.get(label));
                for version in label.into_iter().flat_map(|label| label.split(JOINS)) {
                    of_producer.entry(version.to_owned()).or_default().insert(session);
                }
            }
        }
        let sorted = |versions: BTreeMap<String, BTreeSet<usize>>| {
            let mut versions = with_revisions(versions);
            let order = newest_first(versions.keys().cloned());
            let sessions = |version: String| {
                let sessions = versions.remove(&version).unwrap_or_default().into_iter().collect();
                (version, sessions)
            };
            order.into_iter().map(sessions).collect()
        };
        all.into_iter().map(|(producer, versions)| (producer, sorted(versions))).collect()
    }
}

/// The versions of a program, where one that is a revision alone counts for the one version of that revision: CAT12's reports
/// name both, `26.0.rc3 r2874`, and its other files the revision.
fn with_revisions(versions: BTreeMap<String, BTreeSet<usize>>) -> BTreeMap<String, BTreeSet<usize>> {
    let whole_of = |revision: &String| {
        let is_of_it =
            |version: &&String| *version != revision && version.split(' ').any(|word| word == revision);
        let mut whole = versions.keys().filter(is_of_it);
        match (whole.next(), whole.next()) {
            (Some(version), None) => version.clone(),
            _ => revision.clone(),
        }
    };
    let mut merged: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (version, sessions) in &versions {
        merged.entry(whole_of(version)).or_default().extend(sessions);
    }
    merged
}

/// What joins the versions of a session's maps.
const JOINS: &str = " + ";

impl Gathered {
    fn add(&mut self, session: usize, sources: &[SourceFile]) {
        let mut tables: BTreeMap<TableName, Vec<&SourceFile>> = BTreeMap::new();
        for source in sources.iter().filter(|source| source.kind == SourceKind::Table) {
            if let Some(table) = source.table_name() {
                tables.entry(table).or_default().push(source);
            }
        }
        let named = |file: &&SourceFile| {
            quarter_of(file)?;
            Some(self.provenance.named(&file.table_name()?, version(file)))
        };
        let dated: Vec<String> = tables.values().flatten().filter_map(named).collect();
        let (first, of_session) = self.made.entry(session).or_default();
        *first = first.iter().copied().chain(sources.iter().filter_map(quarter_of)).min();
        of_session.extend(dated);
        for (table, mut files) in tables {
            files.sort_by(|one, other| one.map.cmp(&other.map));
            let versions: BTreeSet<&str> = files.iter().map(|file| version(file)).collect();
            let label = joined(&versions);
            self.versions.entry(table.clone()).or_default().push((session, label));
            self.contents.entry(table.clone()).or_default().push(content(session, &files));
            self.add_settings(session, &table, &files);
        }
    }

    fn add_settings(&mut self, session: usize, table: &TableName, files: &[&SourceFile]) {
        let session = u32::try_from(session).unwrap_or(u32::MAX);
        let values: BTreeSet<(&'static str, String)> = files.iter().flat_map(|file| settings(file)).collect();
        for (setting, value) in values {
            let of_table = self.provenance.settings.entry((table.clone(), setting)).or_default();
            of_table.entry(value).or_default().push(session);
        }
    }

    fn finish(mut self, n_sessions: usize) -> Provenance {
        for (quarter, versions) in self.made.into_values() {
            let Some(quarter) = quarter else { continue };
            let label = joined(&versions.iter().map(String::as_str).collect());
            *self.provenance.quarters.entry(quarter).or_default().entry(label).or_default() += 1;
        }
        self.provenance.identical = identical(self.contents);
        for (table, of_sessions) in self.versions {
            let labels =
                newest_first(of_sessions.iter().map(|(_, label)| label.clone()).collect::<BTreeSet<_>>());
            let mut of = vec![None; n_sessions];
            for (session, label) in of_sessions {
                let label = labels.iter().position(|other| *other == label);
                of.get_mut(session).into_iter().for_each(|of| *of = label);
            }
            self.provenance.versions.insert(table, TableVersions { labels, of });
        }
        self.provenance
    }
}

fn version(file: &SourceFile) -> &str {
    let version = file.sidecar.as_ref().and_then(|sidecar| sidecar.software_version.as_deref());
    version.filter(|version| !version.is_empty()).unwrap_or(UNKNOWN_VERSION)
}

fn joined(versions: &BTreeSet<&str>) -> String {
    versions.iter().copied().collect::<Vec<_>>().join(JOINS)
}

/// What a sidecar says of how its table was made.
fn settings(file: &SourceFile) -> Vec<(&'static str, String)> {
    let Some(sidecar) = &file.sidecar else { return Vec::new() };
    // Of a program without sidecars the version alone is known.
    if *sidecar == (Sidecar { software_version: sidecar.software_version.clone(), ..Sidecar::default() }) {
        return Vec::new();
    }
    let number = |number: Option<f64>| number.map(|number| number.to_string());
    // A mask or look-up table may be an image of the user's: where it lies is nobody's business.
    let name = |path: &Option<String>| {
        path.as_deref().map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned())
    };
    let settings = [
        ("mask", Some(name(&sidecar.mask).unwrap_or_else(|| "none".to_owned()))),
        ("mask threshold", number(sidecar.mask_threshold)),
        ("atlas", sidecar.atlas_name.clone()),
        ("atlas threshold", number(sidecar.atlas_threshold)),
        ("look-up table", name(&sidecar.atlas_lut)),
        ("background label", number(sidecar.background_label)),
        ("resampled", sidecar.resampling_target.clone()),
        ("space", sidecar.space.clone()),
    ];
    settings.into_iter().filter_map(|(setting, value)| Some((setting, value?))).collect()
}

fn quarter_of(file: &SourceFile) -> Option<Quarter> {
    let timestamp = file.sidecar.as_ref()?.timestamp.as_deref()?;
    let year = timestamp.get(..4)?.parse().ok()?;
    let month: u8 = timestamp.get(4..)?.strip_prefix('-')?.get(..2)?.parse().ok()?;
    (1..=12).contains(&month).then(|| (year, (month - 1) / 3))
}

fn content(session: usize, files: &[&SourceFile]) -> TableContent {
    let (mut content, mut path) = (Vec::new(), Vec::new());
    for file in files {
        let map = file.map.as_ref().map(ToString::to_string).unwrap_or_default();
        content.extend(format!("{map}\0{}\0", file.fingerprint.hash).bytes());
        path.extend(format!("{}\0", file.path).bytes());
    }
    TableContent { session, content: xxh3_128(&content), path: xxh3_64(&path) }
}

/// The sessions whose tables have the same content in files of other paths. Each group of sessions is named once.
fn identical(contents: BTreeMap<TableName, Vec<TableContent>>) -> Vec<IdenticalTables> {
    let mut groups: BTreeMap<Vec<usize>, Vec<TableName>> = BTreeMap::new();
    for (table, mut contents) in contents {
        contents.sort_unstable_by_key(|of| (of.content, of.session));
        for same in contents.chunk_by(|one, other| one.content == other.content) {
            let is_one_file =
                same.windows(2).all(|pair| matches!(pair, [one, other] if one.path == other.path));
            if same.len() > 1 && !is_one_file {
                let sessions: Vec<usize> = same.iter().map(|of| of.session).collect();
                groups.entry(sessions).or_default().push(table.clone());
            }
        }
    }
    groups.into_iter().map(|(sessions, tables)| IdenticalTables { sessions, tables }).collect()
}

/// Versions by their numbers, the newest first; unknown ones last.
pub(crate) fn newest_first(labels: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut labels: Vec<String> = labels.into_iter().collect();
    labels.sort_by_key(|label| Reverse(version_key(label)));
    labels
}

/// What versions sort by: known or not, then numbers and words by turns, as `1.10` comes after `1.9`, and `1.0` after `1.0rc1`.
fn version_key(label: &str) -> (bool, Vec<(u64, bool, String)>) {
    let mut parts = Vec::new();
    for piece in label.split(['.', '-', '+', ' ']).filter(|piece| !piece.is_empty()) {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, word) = piece.split_at(digits);
        parts.push((number.parse().unwrap_or(0), word.is_empty(), word.to_owned()));
    }
    (!label.ends_with(UNKNOWN_VERSION), parts)
}

#[cfg(test)]
mod tests {
    use na_model::{Fingerprint, ReadAt};

    use super::*;

    fn file(table: &str, path: &str, hash: &str, version: Option<&str>) -> SourceFile {
        let fingerprint = Fingerprint { size: 1, mtime_ns: 1, hash: hash.to_owned() };
        let sidecar = version.map(|version| Sidecar {
            software_version: Some(version.to_owned()),
            timestamp: Some("2026-05-17T09:00:00+00:00".to_owned()),
            mask: Some("/home/somebody/gm.nii.gz".to_owned()),
            ..Sidecar::default()
        });
        SourceFile {
            kind: SourceKind::Table,
            table: Some(table.to_owned()),
            map: None,
            root: None,
            path: path.to_owned(),
            tiv: None,
            read_at: ReadAt::UNKNOWN,
            fingerprint,
            mask_entity: None,
            sidecar,
        }
    }

    fn gathered(files: &[(usize, SourceFile)]) -> Provenance {
        let mut gathered = Gathered::default();
        files.iter().for_each(|(session, file)| gathered.add(*session, std::slice::from_ref(file)));
        gathered.finish(3)
    }

    #[test]
    fn versions_are_those_of_each_table_and_the_newest_come_first() {
        let files = [
            (0, file("anatomical_gm", "a", "1", Some("0.9.0"))),
            (1, file("anatomical_gm", "b", "2", Some("0.10.0"))),
            (2, file("anatomical_gm", "c", "3", None)),
        ];
        let provenance = gathered(&files);
        let versions = provenance.versions.values().next().unwrap();
        assert_eq!(versions.labels, ["0.10.0", "0.9.0", "unknown"]);
        assert_eq!(versions.of, [Some(1), Some(0), Some(2)]);
        assert_eq!(provenance.quarters[&(2026, 1)].len(), 2);
        assert_eq!(provenance.settings.values().next().unwrap()["gm.nii.gz"], [0, 1]);
        assert_eq!(newest_first(["1.0rc1", "1.0", "0.9"].map(str::to_owned)), ["1.0", "1.0rc1", "0.9"]);
    }

    #[test]
    fn a_revision_alone_is_no_other_version_than_the_one_that_it_is_of() {
        let versions = |labels: &[&str]| -> Vec<String> {
            let of = labels.iter().enumerate().map(|(n, label)| ((*label).to_owned(), BTreeSet::from([n])));
            with_revisions(of.collect()).into_keys().collect()
        };
        assert_eq!(versions(&["26.0.rc3 r2874", "r2874"]), ["26.0.rc3 r2874"]);
        assert_eq!(versions(&["12.9 r2577", "r2874"]), ["12.9 r2577", "r2874"]);
        assert_eq!(versions(&["12.8 r1", "12.9 r1", "r1"]).len(), 3, "of which it is, nobody knows");
    }

    #[test]
    fn the_same_content_in_two_files_is_told_and_one_file_twice_is_not() {
        let copy = [(0, file("anatomical_gm", "a", "1", None)), (2, file("anatomical_gm", "b", "1", None))];
        let expected = IdenticalTables {
            sessions: vec![0, 2],
            tables: vec![TableName::parse("anatomical_gm").unwrap()],
        };
        assert_eq!(gathered(&copy).identical, [expected]);
        let link = [(0, file("anatomical_gm", "a", "1", None)), (2, file("anatomical_gm", "a", "1", None))];
        assert_eq!(gathered(&link).identical, []);
        let other = [(0, file("anatomical_gm", "a", "1", None)), (2, file("anatomical_gm", "b", "2", None))];
        assert_eq!(gathered(&other).identical, []);
    }
}

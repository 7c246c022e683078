//! Which volume is a session's, given everything that was read and what the store has.
//!
//! The most trusted source that has a volume decides. Several that are equally trusted count as one if they agree;
//! otherwise the one of the image that the tables were made of is taken, then the one that agrees with the tables' own
//! column; otherwise none is, as nothing tells them apart. The stored volume stays if its file was not examined or
//! cannot be read, unless a better source has a volume, and if its file is gone and there is no other. Begin with
//! [`choose`].

use std::path::{Path, PathBuf};

use na_model::{Modality, SourceFile, SourceKind, SourceRoot, TivFinding, is_volume};

use crate::files::tiv_rank::{Rank, rank_of_file};
use crate::parse::volume::Volume;

/// Volumes that a human head can have, mL.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 500.0..=3000.0;

/// The fraction of a volume that two readings of one head may differ by.
const TOLERANCE: f64 = 0.005;

/// CAT12's prefixes of images that it makes of another, without digits at their end.
const PREFIXES: [&str; 14] =
    ["", "p", "wp", "mwp", "m0wp", "rp", "m", "w", "wm", "mw", "mi", "wmi", "wct", "ct"];

/// Everything that is known about a session's volume.
pub(crate) struct Evidence<'a> {
    /// Every file that was examined, tables of regions included.
    pub(crate) candidates: &'a [VolumeCandidate],
    /// The images that the tables were made from, as their sidecars name them.
    pub(crate) originals: &'a [String],
    /// The roots that were searched.
    pub(crate) looked: &'a [SourceRoot],
    /// The files that were examined when the stored volume was taken, that volume's file among them.
    pub(crate) known: &'a [SourceFile],
}

/// A file that was examined.
#[derive(Debug, Clone)]
pub(crate) struct VolumeCandidate {
    pub(crate) root: SourceRoot,
    pub(crate) path: PathBuf,
    /// Its path under its root.
    pub(crate) relative: String,
    pub(crate) reading: Reading,
}

#[derive(Debug, Clone)]
pub(crate) enum Reading {
    Unreadable,
    /// May be empty.
    Volumes(Vec<Volume>),
}

impl VolumeCandidate {
    /// Whether it has a volume that is trusted more than any in a file of this rank.
    pub(crate) fn has_volume_above(&self, rank: Rank) -> bool {
        matches!(&self.reading, Reading::Volumes(volumes) if volumes.iter().any(|volume| volume.rank < rank))
    }
}

/// The volume that is taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VolumeChoice {
    pub(crate) finding: TivFinding,
    /// The volume's file; `None` if no volume was measured.
    pub(crate) source: Option<(SourceRoot, String)>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl VolumeChoice {
    fn new(finding: TivFinding, note: Option<String>) -> Self {
        Self { finding, source: None, notes: note.into_iter().collect() }
    }
}

/// A volume and its file.
#[derive(Clone, Copy)]
struct FoundVolume<'a> {
    file: &'a VolumeCandidate,
    volume: &'a Volume,
}

/// The volume that is taken, by the rules above.
pub(crate) fn choose(evidence: &Evidence<'_>) -> VolumeChoice {
    let known = evidence.known();
    let all = evidence.found();
    let Some(best) = all.iter().map(|found| found.volume.rank).min() else {
        return evidence.without_volume(known.as_ref());
    };
    let is_new = all.iter().any(|found| found.volume.rank == best && evidence.is_new(found.file));
    if let Some(known) = known.as_ref().filter(|known| known.outranks(best, is_new)) {
        return VolumeChoice::new(TivFinding::Kept, known.why_kept());
    }
    let own = all.iter().find(|found| found.volume.rank == Rank::OwnColumn).map(|own| own.volume.millilitres);
    let mut group: Vec<FoundVolume<'_>> =
        all.iter().filter(|found| found.volume.rank == best).copied().collect();
    group.sort_by(|a, b| (&a.file.relative, &a.file.root).cmp(&(&b.file.relative, &b.file.root)));
    match the_one(&group, evidence.originals, own.filter(|_| best != Rank::OwnColumn)) {
        Some(found) => measured(found, own),
        None => VolumeChoice::new(TivFinding::Unknown, Some(ambiguity(&group))),
    }
}

/// The one of several equally trusted volumes; `None` if nothing tells them apart.
fn the_one<'a>(group: &[FoundVolume<'a>], originals: &[String], own: Option<f64>) -> Option<FoundVolume<'a>> {
    let of_image =
        |found: &&FoundVolume<'_>| originals.iter().any(|original| is_made_of(original, &found.volume.image));
    let as_own = |found: &&FoundVolume<'_>| own.is_some_and(|own| agree([own, found.volume.millilitres]));
    let if_one = |found: Vec<FoundVolume<'a>>| {
        let is_one = agree(found.iter().map(|found| found.volume.millilitres));
        found.first().copied().filter(|_| is_one)
    };
    if_one(group.to_vec())
        .or_else(|| if_one(group.iter().filter(of_image).copied().collect()))
        .or_else(|| if_one(group.iter().filter(as_own).copied().collect()))
}

/// Whether volumes may be of one head.
fn agree(volumes: impl IntoIterator<Item = f64>) -> bool {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for volume in volumes {
        (least, most) = (least.min(volume), most.max(volume));
    }
    most <= least * (1.0 + TOLERANCE)
}

/// Whether CAT12 made the image at a sidecar's path of another image.
fn is_made_of(original: &str, image: &str) -> bool {
    let name = original.rsplit(['/', '\\']).next().unwrap_or(original);
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.strip_suffix(".nii").unwrap_or(stem);
    let prefix = stem.strip_suffix(image).filter(|_| !image.is_empty());
    prefix.is_some_and(|prefix| PREFIXES.contains(&prefix.trim_end_matches(|c: char| c.is_ascii_digit())))
}

fn measured(found: FoundVolume<'_>, own: Option<f64>) -> VolumeChoice {
    let ml = found.volume.millilitres;
    let path = found.file.path.display();
    let mut choice = VolumeChoice::new(TivFinding::Measured(ml), None);
    choice.source = Some((found.file.root.clone(), found.file.relative.clone()));
    choice.notes.extend(implausible(&found.file.path, ml));
    if let Some(own) = own.filter(|own| !agree([*own, ml])) {
        choice.notes.push(format!(
            "{path}: TIV is {ml} mL, and {own} mL by vol_TIV in the session's tables: they may be of another run of CAT12"
        ));
    }
    choice
}

/// What to say of a volume that no head has. `None` if one may.
pub(crate) fn implausible(path: &Path, ml: f64) -> Option<String> {
    let is_plausible = PLAUSIBLE.contains(&ml);
    (!is_plausible).then(|| format!("{}: TIV is {ml} mL, expected 500 to 3000 mL", path.display()))
}

fn ambiguity(group: &[FoundVolume<'_>]) -> String {
    let all: Vec<String> = group
        .iter()
        .map(|found| format!("{} ({} mL)", found.file.path.display(), found.volume.millilitres))
        .collect();
    format!(
        "no total intracranial volume is taken, for these differ and nothing tells which is meant: {}; keep one of them",
        all.join(", ")
    )
}

/// Where the stored volume was read.
struct KnownVolume<'a> {
    file: &'a SourceFile,
    rank: Rank,
    state: FileState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileState {
    NotLooked,
    Gone,
    Unreadable,
    Read,
}

impl KnownVolume<'_> {
    /// Whether the stored volume stays although a source of this rank has one. A new file says what the volume is now, as if
    /// one was moved or renamed; one that was there before, and trusted less, does not.
    fn outranks(&self, found: Rank, is_new: bool) -> bool {
        match self.state {
            FileState::NotLooked | FileState::Unreadable => self.rank <= found,
            FileState::Gone => self.rank < found && (found == Rank::OwnColumn || !is_new),
            FileState::Read => false,
        }
    }

    fn why_kept(&self) -> Option<String> {
        let path = &self.file.path;
        match self.state {
            FileState::NotLooked | FileState::Read => None,
            FileState::Gone => Some(format!(
                "{path}, which total intracranial volume was read from, is gone: the volume stays as it was"
            )),
            FileState::Unreadable => Some(format!("{path}: total intracranial volume stays as it was")),
        }
    }
}

impl Evidence<'_> {
    fn found(&self) -> Vec<FoundVolume<'_>> {
        let mut all = Vec::new();
        for file in self.candidates {
            if let Reading::Volumes(volumes) = &file.reading {
                let are_volumes = volumes.iter().filter(|volume| is_volume(volume.millilitres));
                all.extend(are_volumes.map(|volume| FoundVolume { file, volume }));
            }
        }
        all
    }

    /// Whether a file was not examined when the stored volume was taken.
    fn is_new(&self, file: &VolumeCandidate) -> bool {
        let is_it = |known: &SourceFile| {
            known.path == file.relative && known.root_in(Modality::Anatomical) == file.root
        };
        !self.known.iter().any(is_it)
    }

    /// Where the stored volume was read. Stores of older versions do not say it: they took the most trusted file.
    fn known(&self) -> Option<KnownVolume<'_>> {
        let rank = |file: &SourceFile| match file.kind {
            SourceKind::Tiv => rank_of_file(file.path.rsplit('/').next().unwrap_or_default()),
            SourceKind::Table | SourceKind::Sidecar => Some(Rank::OwnColumn),
        };
        let ranked = |file| rank(file).map(|rank| (rank, file));
        let (rank, file) = match self.known.iter().find(|file| file.tiv.is_some()) {
            Some(file) => ranked(file)?,
            None => self.known.iter().filter_map(ranked).min_by_key(|(rank, file)| (*rank, &file.path))?,
        };
        let root = file.root_in(Modality::Anatomical);
        let candidate =
            self.candidates.iter().find(|file_now| file_now.root == root && file_now.relative == file.path);
        let state = match candidate.map(|candidate| &candidate.reading) {
            Some(Reading::Volumes(_)) => FileState::Read,
            Some(Reading::Unreadable) => FileState::Unreadable,
            None if self.looked.contains(&root) => FileState::Gone,
            None => FileState::NotLooked,
        };
        Some(KnownVolume { file, rank, state })
    }

    /// The choice if no source has a volume. Only files that were read and have none take the stored one away.
    fn without_volume(&self, known: Option<&KnownVolume<'_>>) -> VolumeChoice {
        let is_report = |file: &&VolumeCandidate| {
            rank_of_file(file.relative.rsplit('/').next().unwrap_or_default()).is_some()
        };
        let mut reports = self.candidates.iter().filter(is_report).peekable();
        let is_unsaid = match known {
            Some(known) => known.state == FileState::Read,
            None => {
                reports.peek().is_some() && reports.all(|file| matches!(file.reading, Reading::Volumes(_)))
            }
        };
        let finding = if is_unsaid { TivFinding::Unknown } else { TivFinding::Kept };
        let note = match known.filter(|_| !is_unsaid) {
            Some(known) => known.why_kept(),
            None => Some(
                "no total intracranial volume was found: CAT12 writes it into cat_*.xml under CAT12_ROOT"
                    .to_owned(),
            ),
        };
        VolumeChoice::new(finding, note)
    }
}

#[cfg(test)]
mod tests;

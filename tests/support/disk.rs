//! A disk that keeps only what was synced, and of the rest whatever it likes.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::faults::Call;

/// A sequence that is the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Debug, Clone)]
enum Entry {
    Link(PathBuf, Node),
    Rename(PathBuf, PathBuf, Node),
    Unlink(PathBuf),
}

impl Entry {
    fn folder(&self) -> &Path {
        let (Self::Link(path, _) | Self::Rename(_, path, _) | Self::Unlink(path)) = self;
        path.parent().unwrap()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Link(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl File {
    fn content(&self, is_kept: &mut dyn FnMut() -> Kept) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.pending {
            match (change, is_kept()) {
                (_, Kept::Lost) => {}
                (Change::Truncate(size), _) => content.resize(*size, 0),
                (Change::Write(place, bytes), kept) => {
                    // A sector is whole, or not there.
                    let torn = if kept == Kept::Torn { bytes.len() / 2 / 512 * 512 } else { bytes.len() };
                    content.resize(content.len().max(place + torn), 0);
                    content[*place..place + torn].copy_from_slice(&bytes[..torn]);
                }
            }
        }
        content
    }
}

/// What becomes of a change that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Whole,
    Torn,
    Lost,
}

/// What is left of a folder after a cut: files with their bytes, folders without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Left {
    /// Writes what is left of `folder` to another.
    pub fn write(&self, folder: &Path, to: &Path) {
        for (name, content) in &self.0 {
            let place = to.join(name.strip_prefix(folder).unwrap());
            // Names are sorted: a folder comes before what is in it. Without it nobody finds that.
            if !place.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match content {
                None if place.is_dir() => {}
                None => fs::create_dir(place).unwrap(),
                Some(content) => fs::write(place, content).unwrap(),
            }
        }
    }
}

/// Files and names as a program sees them, and what of them is durable.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    pending: Vec<Entry>,
}

impl Disk {
    /// A folder that is there already, with all that is below it.
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        disk.read(folder);
        disk.durable.clone_from(&disk.names);
        disk
    }

    fn read(&mut self, path: &Path) {
        let node = if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| self.read(&entry.unwrap().path()));
            Node::Folder
        } else {
            self.files.push(File { durable: fs::read(path).unwrap(), pending: Vec::new() });
            Node::File(self.files.len() - 1)
        };
        self.names.insert(path.to_owned(), node);
    }

    pub fn call(&mut self, call: &Call) {
        match call {
            Call::Create(path) => {
                self.files.push(File::default());
                self.entry(Entry::Link(path.clone(), Node::File(self.files.len() - 1)));
            }
            Call::MakeFolder(path) => self.entry(Entry::Link(path.clone(), Node::Folder)),
            Call::Write(path, place, bytes) => self.change(path, Change::Write(*place, bytes.clone())),
            Call::Truncate(path, size) => self.change(path, Change::Truncate(*size)),
            Call::Rename(from, to) => {
                let node = self.names[from];
                self.entry(Entry::Rename(from.clone(), to.clone(), node));
            }
            Call::Unlink(path) => self.entry(Entry::Unlink(path.clone())),
            Call::Sync(path) => match self.names.get(path) {
                Some(Node::Folder) => {
                    let (synced, pending) = std::mem::take(&mut self.pending)
                        .into_iter()
                        .partition(|entry| entry.folder() == path);
                    self.pending = pending;
                    let synced: Vec<Entry> = synced;
                    synced.iter().for_each(|entry| entry.apply(&mut self.durable));
                }
                Some(Node::File(file)) => {
                    let file = &mut self.files[*file];
                    file.durable = file.content(&mut || Kept::Whole);
                    file.pending.clear();
                }
                None => {}
            },
            Call::Acknowledge(_) => {}
        }
    }

    fn entry(&mut self, entry: Entry) {
        entry.apply(&mut self.names);
        self.pending.push(entry);
    }

    /// A file that was deleted may still be written to.
    fn change(&mut self, path: &Path, change: Change) {
        if let Some(Node::File(file)) = self.names.get(path) {
            self.files[*file].pending.push(change);
        }
    }

    /// Whether something stands under a name.
    pub fn has(&self, path: &Path) -> bool {
        self.names.contains_key(path)
    }

    /// Files with bytes that are not durable.
    pub fn unsynced_files(&self) -> BTreeSet<&Path> {
        let is_pending = |node: &Node| match node {
            Node::File(file) => !self.files[*file].pending.is_empty(),
            Node::Folder => false,
        };
        let files = self.names.iter().filter(|(_, node)| is_pending(node));
        files.map(|(path, _)| path.as_path()).collect()
    }

    /// Names that are made, moved or taken away, and not durably so.
    pub fn unsynced_names(&self) -> BTreeSet<&Path> {
        let names = self.pending.iter().map(|entry| match entry {
            Entry::Link(path, _) | Entry::Rename(_, path, _) | Entry::Unlink(path) => path.as_path(),
        });
        names.collect()
    }

    /// The power is cut: writes what is left of `folder` to another.
    pub fn cut(&self, random: &mut Random, folder: &Path, to: &Path) {
        let mood = random.below(4);
        let mut is_kept = || match (mood, random.below(4)) {
            (0, _) => Kept::Lost,
            (1, _) => Kept::Whole,
            (_, 0) => Kept::Torn,
            (_, 1 | 2) => Kept::Whole,
            _ => Kept::Lost,
        };
        let mut names = self.durable.clone();
        for entry in &self.pending {
            if is_kept() != Kept::Lost {
                entry.apply(&mut names);
            }
        }
        self.left(&names, &mut is_kept).write(folder, to);
    }

    /// All that a cut may leave which loses every byte that is not synced, and of the names that are not: all, none, or
    /// all but one change, which alone is kept.
    pub fn cuts(&self) -> BTreeSet<Left> {
        let of = |kept: &[Entry]| {
            let mut names = self.durable.clone();
            kept.iter().for_each(|entry| entry.apply(&mut names));
            self.left(&names, &mut || Kept::Lost)
        };
        let each = self.pending.chunks(1).map(of);
        [of(&[]), of(&self.pending)].into_iter().chain(each).collect()
    }

    fn left(&self, names: &BTreeMap<PathBuf, Node>, is_kept: &mut dyn FnMut() -> Kept) -> Left {
        let mut content = |node: &Node| match node {
            Node::Folder => None,
            Node::File(file) => Some(self.files[*file].content(is_kept)),
        };
        Left(names.iter().map(|(name, node)| (name.clone(), content(node))).collect())
    }
}

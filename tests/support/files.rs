//! The files below a folder.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// How the name of a file begins until it is whole and renamed. If it began otherwise, the exports that
/// [`Cohort::stop_exports_at`](super::cohort::Cohort::stop_exports_at) stops would pass, and their tests fail.
pub const PARTIAL: &str = ".partial-";

/// How the name of a part begins: rows of a long table that a cache has.
pub const PART: &str = ".sealed-";

/// All files below a folder, in the order of their paths.
pub fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// All paths below a folder, links not followed.
pub fn paths_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            paths.extend(paths_below(&path));
        }
        paths.insert(path);
    }
    paths
}

/// All paths below a folder: files with their bytes, links with what they lead to, folders with nothing.
pub fn contents_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let content = |path: &PathBuf| {
        if path.is_symlink() {
            fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
        } else if path.is_dir() {
            Vec::new()
        } else {
            fs::read(path).unwrap()
        }
    };
    let paths = paths_below(folder).into_iter();
    paths.map(|path| (path.clone(), content(&path))).collect()
}

/// The Parquet files below a folder, without those that are being written.
pub fn parquet_below(folder: &Path) -> Vec<PathBuf> {
    let is_parquet = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".parquet") && !name.starts_with('.')
    };
    all_below(folder).into_iter().filter(is_parquet).collect()
}

/// The names in a folder, in order.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// A file's path under a folder.
pub fn name_under(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()
}

/// The names of the files below a folder that hold some bytes.
pub fn holding(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes);
    all_below(folder).into_iter().filter(holds).map(|path| name_under(folder, &path)).collect()
}

/// What an earlier version wrote: `<format>/<version>` in `tests/fixtures`.
pub fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

/// Copies a folder with all below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &target) } else { fs::copy(path, target).map(drop).unwrap() }
    }
}

/// The bytes of all files of a folder. Shown, it gives their sizes.
#[derive(PartialEq)]
pub struct Bytes(BTreeMap<String, Vec<u8>>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(path, bytes)| (path, bytes.len()))).finish()
    }
}

impl Bytes {
    pub fn of(folder: &Path) -> Self {
        Self::of_those(folder, |_| true)
    }

    /// The bytes of a store's files, without its cache and lock.
    pub fn of_store(folder: &Path) -> Self {
        Self::of_those(folder, |name| !name.starts_with(".cache"))
    }

    fn of_those(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Self {
        let files = all_below(folder).into_iter().map(|path| (name_under(folder, &path), path));
        let files = files.filter(|(name, _)| is_meant(name));
        Self(files.map(|(name, path)| (name, fs::read(path).unwrap())).collect())
    }
}

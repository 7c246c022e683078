//! The files below a folder.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

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

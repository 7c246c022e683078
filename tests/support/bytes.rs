//! What the files of a folder hold, byte by byte.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// The files of a folder in which these bytes stand.
pub fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    let files = Bytes::of(folder).0.into_iter();
    files.filter(|(_, bytes)| has(bytes)).map(|(path, _)| path).collect()
}

/// All files of a folder.
#[derive(PartialEq)]
pub struct Bytes(BTreeMap<String, Vec<u8>>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(path, bytes)| (path, bytes.len()))).finish()
    }
}

impl Bytes {
    pub fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                let below = Self::of(&path).0.into_iter();
                let name = entry.file_name().into_string().unwrap();
                files.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
            } else {
                files.insert(entry.file_name().into_string().unwrap(), fs::read(&path).unwrap());
            }
        }
        Self(files)
    }
}

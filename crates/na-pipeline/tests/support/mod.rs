//! Files of other programs with the values that are expected of them beside each: `FILE.oracle.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of files that are shipped.
pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/inputs")
}

/// The shipped files below `folder` that are as asked, and how many these are; then those of the folder that `NA_INPUTS` names, of which
/// some may not be given on. Each with what is expected of it.
pub(crate) fn oracles(folder: &str, is_as_asked: impl Fn(&str) -> bool) -> (usize, Vec<(PathBuf, Value)>) {
    let mut found = Vec::new();
    find(&shipped().join(folder), &is_as_asked, &mut found);
    let n_shipped = found.len();
    if let Some(all) = std::env::var_os("NA_INPUTS") {
        find(&Path::new(&all).join(folder), &is_as_asked, &mut found);
        assert!(found.len() > n_shipped, "NA_INPUTS has none in {folder}");
    }
    (n_shipped, found)
}

fn find(folder: &Path, is_as_asked: &impl Fn(&str) -> bool, found: &mut Vec<(PathBuf, Value)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            find(&path, is_as_asked, found);
        } else if let Some(file) = name.strip_suffix(".oracle.json").filter(|file| is_as_asked(file)) {
            found.push((
                path.with_file_name(file),
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
            ));
        }
    }
}

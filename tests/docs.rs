//! What the pages on architecture and formats name is there: they stand beside the code that they tell of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod support;

const PAGES: [&str; 2] = ["docs/architecture.md", "docs/format.md"];

/// Folders of the repository that a path on a page begins with.
const FOLDERS: [&str; 6] = ["crates/", "bins/", "tests/", "benches/", "docs/", "examples/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between backticks on a page, outside its blocks of code.
fn quoted(page: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```").step_by(2);
    let quoted = blocks.flat_map(|block| block.split('`').skip(1).step_by(2));
    quoted.map(str::to_owned).collect()
}

#[test]
fn every_path_that_a_page_names_exists() {
    let mut missing = Vec::new();
    let mut n_named = 0;
    for page in PAGES {
        for path in quoted(page).iter().filter(|path| FOLDERS.iter().any(|folder| path.starts_with(folder))) {
            n_named += 1;
            let (file, function) = path.split_once("::").map_or((path.as_str(), None), |(f, t)| (f, Some(t)));
            let is_there = match function {
                None => root().join(file).exists(),
                Some(name) => fs::read_to_string(root().join(file))
                    .is_ok_and(|text| text.contains(&format!("fn {name}("))),
            };
            if !is_there {
                missing.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(n_named > 50, "the pages name {n_named} paths: are they read?");
    assert!(missing.is_empty(), "these are nowhere:\n{}", missing.join("\n"));
}

#[test]
fn every_item_that_a_page_names_is_defined() {
    let defined = defined();
    let mut missing = Vec::new();
    let mut n_named = 0;
    for page in PAGES {
        for item in quoted(page).iter().filter(|item| is_item(item)) {
            n_named += 1;
            let names = item.trim_end_matches("()").split("::");
            missing.extend(
                names.filter(|name| !defined.contains(*name)).map(|name| format!("{page}: {name} in {item}")),
            );
        }
    }
    assert!(n_named > 10, "the pages name {n_named} items: are they read?");
    assert!(missing.is_empty(), "these are nowhere:\n{}", missing.join("\n"));
}

#[test]
fn every_key_in_the_parquet_files_stands_on_the_page_of_formats() {
    let code = root().join("crates/na-store/src/format/key_value_metadata.rs");
    let code = fs::read_to_string(code).unwrap();
    let keys: BTreeSet<&str> =
        code.split('"').skip(1).step_by(2).filter(|text| text.starts_with("neuroalign.")).collect();
    assert!(keys.len() > 10, "the keys are {keys:?}: is the file read?");
    let told: BTreeSet<String> = quoted("docs/format.md").into_iter().collect();
    let untold: Vec<&&str> = keys.iter().filter(|key| !told.contains(**key)).collect();
    assert!(untold.is_empty(), "docs/format.md does not tell of {untold:?}");
}

/// `Type`, `Type::method`, `CONSTANT_NAME` or `function()`.
fn is_item(quoted: &str) -> bool {
    let is_name = |name: &str| {
        let is_type = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains(|c: char| c.is_ascii_lowercase());
        let is_constant = name.contains('_')
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        is_type || is_constant
    };
    let has_word_characters =
        |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    let (first, is_call) = (quoted.split("::").next().unwrap(), quoted.ends_with("()"));
    has_word_characters(quoted.trim_end_matches("()"))
        && !quoted.contains('.')
        && (is_call || is_name(first))
        && !is_file(quoted)
}

fn is_file(quoted: &str) -> bool {
    root().join(quoted).exists()
}

/// Names of all that the crates define.
fn defined() -> BTreeSet<String> {
    let words = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static "];
    let mut defined = BTreeSet::new();
    for path in sources(&root().join("crates")) {
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            for word in words {
                let Some((before, after)) = line.split_once(word) else { continue };
                if before.ends_with(|c: char| c.is_alphanumeric()) {
                    continue;
                }
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                defined.insert(after[..end].to_owned());
            }
        }
    }
    defined
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    support::files::paths_below(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

//! The plan of the house: in every crate a room, a folder or a file at the root of `src`, knows only the rooms on the
//! floors below it, and nobody imports from the front page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A crate and its floors, from the ground up. Rooms of one floor do not know each other.
struct Plan {
    name: &'static str,
    floors: &'static [&'static [&'static str]],
}

const PLANS: [Plan; 5] = [
    Plan {
        name: "na-model",
        floors: &[
            &["bids", "columns", "error", "io_remedy", "manifest", "missing", "number", "read_at", "tiv"],
            &["modality", "region", "session"],
            &["unit_kind"],
            &["unit"],
            &["metric", "metric_note", "source_root", "table"],
            &["measurement_unit", "source_file"],
            &["named", "removals", "table_kind"],
            &["column_note", "feature", "named_in_calls", "named_in_cells", "producer_notes", "wide_metrics"],
            &["invocation", "listing", "settings"],
        ],
    },
    Plan {
        name: "na-cache",
        floors: &[
            &["cancel", "holder_name"],
            &["error"],
            &["lock", "format"],
            &["db"],
            &["segment"],
            &["read"],
            &["write"],
            &["legacy"],
        ],
    },
    Plan {
        name: "na-store",
        floors: &[
            &["error"],
            &["format"],
            &["tables"],
            &["merge"],
            &["seal"],
            &["export", "read", "verification"],
            &["withdraw"],
        ],
    },
    Plan {
        name: "na-pipeline",
        floors: &[
            &["error", "event", "safeguard", "unit_error"],
            &["identifiers"],
            &["files"],
            &["parse"],
            &["sessions"],
            &["withdrawals"],
            &["inputs"],
            &["config"],
            &["plan"],
            &["load"],
            &["run"],
        ],
    },
    Plan {
        name: "na-report",
        floors: &[
            &["disclosure", "error", "statistics"],
            &["drawing", "file"],
            &["cohort"],
            &["features", "naming"],
            &["sections"],
            &["page"],
            &["report"],
        ],
    },
];

/// A source file without its unit tests, and the modules of its crate that it names.
struct SourceFile {
    /// Its module, `["format", "blob"]`; a folder's `mod.rs` is the folder.
    module: Vec<String>,
    names: Vec<Vec<String>>,
}

impl SourceFile {
    fn room(&self) -> &str {
        &self.module[0]
    }
}

#[test]
fn every_room_stands_on_one_floor() {
    for plan in &PLANS {
        let files = source_files(plan.name);
        let rooms: BTreeSet<&str> = files.iter().map(SourceFile::room).collect();
        let planned: Vec<&str> = plan.floors.concat();
        let once: BTreeSet<&str> = planned.iter().copied().collect();
        assert_eq!(once.len(), planned.len(), "{}: a room stands on two floors", plan.name);
        assert_eq!(rooms, once, "{}: the rooms that there are, and those of the plan", plan.name);
    }
}

#[test]
fn a_room_imports_from_the_floors_below_it_alone() {
    let mut wrong = Vec::new();
    for plan in &PLANS {
        let floor = |room: &str| plan.floors.iter().position(|rooms| rooms.contains(&room));
        for file in source_files(plan.name) {
            for named in file.names.iter().filter(|named| named[0] != file.room()) {
                let path = format!("{}: {} imports {}", plan.name, file.module.join("/"), named.join("::"));
                match floor(&named[0]) {
                    None => wrong.push(format!("{path} from the front page")),
                    Some(below) if Some(below) < floor(file.room()) => {}
                    Some(_) => wrong.push(format!("{path}, which is not below it")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} imports do not point down:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for plan in &PLANS {
        let files = source_files(plan.name);
        let modules: BTreeSet<&[String]> = files.iter().map(|file| file.module.as_slice()).collect();
        let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
        for file in &files {
            let defined_in = |named: &Vec<String>| {
                (1..=named.len()).rev().find_map(|length| modules.get(&named[..length]).copied())
            };
            let imported = file.names.iter().filter_map(defined_in).filter(|module| *module != file.module);
            imports.entry(&file.module).or_default().extend(imported);
        }
        // What imports nothing that is left is no part of a circle, nor is what nobody imports that is left.
        loop {
            let is_imported = |module: &[String]| imports.values().any(|of| of.contains(module));
            let ends =
                |(module, of): &(&&[String], &BTreeSet<&[String]>)| of.is_empty() || !is_imported(module);
            let Some(end) = imports.iter().find(ends).map(|(module, _)| *module) else { break };
            imports.remove(end);
            imports.values_mut().for_each(|of| {
                of.remove(end);
            });
        }
        let circle: Vec<String> = imports
            .iter()
            .map(|(module, of)| {
                let of: Vec<String> = of.iter().map(|module| module.join("/")).collect();
                format!("{} imports {}", module.join("/"), of.join(", "))
            })
            .collect();
        assert!(circle.is_empty(), "{}: imports go in a circle:\n{}", plan.name, circle.join("\n"));
    }
}

#[test]
fn a_folder_s_first_page_says_what_it_may_know_and_promises() {
    let mut silent = Vec::new();
    for plan in &PLANS {
        for path in paths_below(&sources(plan.name)).iter().filter(|path| path.ends_with("mod.rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            let page: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
            if page.len() < 3 {
                silent.push(path.display().to_string());
            }
        }
    }
    assert!(silent.is_empty(), "these pages say less than three lines:\n{}", silent.join("\n"));
}

fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(name).join("src")
}

fn paths_below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(paths_below(&path));
        } else {
            paths.push(path);
        }
    }
    paths
}

fn source_files(name: &str) -> Vec<SourceFile> {
    let root = sources(name);
    let mut files = Vec::new();
    for path in paths_below(&root) {
        let below = path.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<String> = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if module == ["lib"] || module.last().is_some_and(|last| last == "tests") {
            continue;
        }
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let names = names_in(&code_of(&text), &module);
        files.push(SourceFile { module, names });
    }
    files
}

/// The code of a file: no comments, and no unit tests, which stand at the end.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every module or item of the crate that the code names by `crate::` or `super::`, as a path from the crate's root.
fn names_in(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut names = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
                continue;
            }
            let mut path: Vec<String> = Vec::new();
            let mut rest = &code[at + start.len()..];
            if start == "super::" {
                path = module[..module.len() - 1].to_vec();
                while let Some(further) = rest.strip_prefix("super::") {
                    path.pop();
                    rest = further;
                }
            }
            tree(&mut rest, &path, &mut names);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Reads one branch of a `use` tree: a path, or several in braces.
fn tree(rest: &mut &str, path: &[String], names: &mut Vec<Vec<String>>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        loop {
            tree(rest, path, names);
            *rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(after) = rest.strip_prefix('}') {
                *rest = after;
                return;
            }
        }
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    assert!(!word.is_empty(), "no path is read at {:?}", rest.get(..60));
    let path = if word == "self" { path.to_vec() } else { [path, &[word.to_owned()]].concat() };
    *rest = after;
    if let Some(further) = rest.strip_prefix("::") {
        *rest = further;
        return tree(rest, &path, names);
    }
    if let Some(renamed) = rest.strip_prefix(" as ") {
        let end = renamed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(renamed.len());
        *rest = &renamed[end..];
    }
    names.push(path);
}

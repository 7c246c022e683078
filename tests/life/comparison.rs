//! Two stores compared by what they say, whatever the road there: cells by the names of their columns, without types,
//! codecs and order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::lab::{Item, Lab, Part, Session};
use super::model::{Model, Unit, modality};
use crate::support::files::{holding, names_in};
use crate::support::store::{NULL, Store, Table, number};

/// The column that tables of regions and lists both may have.
const SCORE: &str = "score";

/// The table of QSIRecon itself.
const RECON: &str = "long/diffusion/RECON.parquet";

/// A row by the names of its columns.
type Row = BTreeMap<String, String>;

/// A cell without its type: a column that once held text has its numbers as text.
fn cell(column: &str, cell: &str) -> String {
    if ["subject_code", "session_id", "label"].contains(&column) {
        return cell.to_owned();
    }
    let value = number(cell).or_else(|| cell.parse().ok());
    value.map_or_else(|| cell.to_owned(), |value: f64| format!("{value:?}"))
}

fn rows(table: &Table) -> Vec<Row> {
    let row = |cells: &Vec<String>| {
        table.columns.iter().zip(cells).map(|(name, text)| (name.clone(), cell(name, text))).collect()
    };
    let mut rows: Vec<Row> = table.rows.iter().map(row).collect();
    rows.sort();
    rows
}

fn session_of(row: &Row) -> Session {
    let id = &row["session_id"];
    (row["subject_code"].clone(), if id == NULL { String::new() } else { id.clone() })
}

/// Which file's content a store has of each session, and how many rows; else what of it is from two files.
pub fn contents(store: &Store) -> Result<BTreeMap<Item, (u32, usize)>, String> {
    let mut found: BTreeMap<Item, (u32, usize)> = BTreeMap::new();
    for (name, table) in store.tables.iter().filter(|(name, _)| name.starts_with("long/")) {
        let mut seen = BTreeSet::new();
        // Measures of the whole brain come from the segmentation's file, and two maps from QSIRecon's.
        let is_second = |row: &Row| {
            let of_recon = name == RECON && row["param"] == "md";
            of_recon || name.ends_with("_globals.parquet")
        };
        for row in rows(table).into_iter().filter(|row| !is_second(row)) {
            let part = part_of(name, row.get("param").map(String::as_str));
            let item = (session_of(&row), part);
            let (value, label) = match part {
                Part::Aseg => ("Volume_mm3", "StructName"),
                Part::Rois => ("Vgm", "label"),
                _ => ("mean", "label"),
            };
            let version = row[value].parse::<f64>().unwrap().floor();
            if !seen.insert((item.clone(), row[label].clone())) {
                return Err(format!("{item:?} has {} twice", row[label]));
            }
            let (known, n) = found.entry(item.clone()).or_insert((version as u32, 0));
            if f64::from(*known) != version {
                return Err(format!("{item:?} is of the versions {known} and {version}"));
            }
            *n += 1;
        }
    }
    if let Some(table) = store.tables.get("tiv.parquet") {
        for row in rows(table).into_iter().filter(|row| row["tiv"] != NULL) {
            let version = (row["tiv"].parse::<f64>().unwrap() - 1000.0) * 4.0;
            let twice = found.insert((session_of(&row), Part::Volume), (version as u32, 0));
            if twice.is_some() {
                return Err(format!("two volumes of {:?}", session_of(&row)));
            }
        }
    }
    Ok(found)
}

fn part_of(table: &str, param: Option<&str>) -> Part {
    let all = [
        Part::Tissue("GM"),
        Part::Tissue("WM"),
        Part::Tissue("CT"),
        Part::Map("NODDI", "icvf"),
        Part::Map("NODDI", "od"),
        Part::Map("DSI", "fa"),
        Part::Aseg,
        Part::Rois,
        Part::Recon,
    ];
    let is_meant = |part: &&Part| match part {
        Part::Tissue(tissue) => table == format!("long/anatomical_{}.parquet", tissue.to_lowercase()),
        Part::Map(workflow, of) => {
            table == format!("long/diffusion/{workflow}.parquet") && param == Some(*of)
        }
        Part::Aseg => table == "long/anatomical_aseg.parquet",
        Part::Rois => table == "long/anatomical_cat12.parquet",
        Part::Recon => table == RECON,
        Part::Volume => false,
    };
    *all.iter().find(is_meant).unwrap_or_else(|| panic!("{table} {param:?}"))
}

/// The rows of `sessions.tsv`: status, tables, reason.
pub fn standings(store: &Store) -> BTreeMap<Unit, (String, BTreeSet<String>, String)> {
    let mut standings = BTreeMap::new();
    for line in store.sessions.iter().filter(|line| !line.starts_with("subject_code\t")) {
        let cells: Vec<&str> = line.split('\t').collect();
        let id = if cells[1] == "n/a" { "" } else { cells[1] };
        let modality = if cells[2] == "anatomical" { "anatomical" } else { "diffusion" };
        let tables = cells[4].split(',').map(str::to_owned).collect();
        let unit = ((cells[0].to_owned(), id.to_owned()), modality);
        let twice = standings.insert(unit, (cells[3].to_owned(), tables, cells[5].to_owned()));
        assert!(twice.is_none(), "two rows in sessions.tsv: {line}");
    }
    standings
}

/// Two long tables without the column that tables of regions and lists both may have, where the first has it and no value in
/// it: it stays when the last file goes that had it, and keeps the list's out.
fn without_old_scores(here: &Table, there: &Table) -> (Table, Table) {
    let is_old =
        here.columns.iter().any(|name| name == SCORE) && here.column(SCORE).iter().all(|cell| *cell == NULL);
    let names: &[&str] = if is_old { &[SCORE] } else { &[] };
    (here.clone().without(names), there.clone().without(names))
}

/// Where a store says something else than a fresh load of the same; none if they are equal.
pub fn difference(store: &Store, fresh: &Store, model: &Model, lab: &Lab) -> Option<String> {
    let names = |store: &Store| -> BTreeSet<String> {
        store.tables.keys().filter(|name| *name != "sources.parquet").cloned().collect()
    };
    if names(store) != names(fresh) {
        return Some(format!("files: {:?}, and {:?} of a fresh load", names(store), names(fresh)));
    }
    for name in names(store) {
        let (here, there) = (store.table(&name), fresh.table(&name));
        let (here, there) = match name.starts_with("long/") {
            true => without_old_scores(here, there),
            false => (here.clone(), there.clone()),
        };
        let columns = |table: &Table| -> BTreeSet<String> { table.columns.iter().cloned().collect() };
        if columns(&here) != columns(&there) {
            return Some(format!(
                "columns of {name}: {:?}, {:?} of a fresh load",
                here.columns, there.columns
            ));
        }
        let (here, there) = (rows(&here), rows(&there));
        if here != there {
            let first = |rows: &[Row], others: &[Row]| rows.iter().find(|row| !others.contains(row)).cloned();
            return Some(format!("{name}:\n{:?}\nfresh:\n{:?}", first(&here, &there), first(&there, &here)));
        }
    }
    for key in ["n_sessions", "n_subjects", "has_tiv"] {
        if store.manifest[key] != fresh.manifest[key] {
            return Some(format!("{key}: {}, {} of a fresh load", store.manifest[key], fresh.manifest[key]));
        }
    }
    let (here, there) = (standings(store), standings(fresh));
    let held: BTreeSet<Unit> =
        model.held().into_keys().map(|(session, part)| (session, modality(part))).collect();
    // Of those whose folders are gone the list's own spelling is missing.
    let is_told = |unit: &&Unit| model.listed.contains_key(&unit.0) && !lab.is_spelled_by_folder(&unit.0);
    for unit in held.iter().chain(model.told.iter().filter(is_told)) {
        let said = |rows: &BTreeMap<Unit, (String, BTreeSet<String>, String)>| {
            rows.get(unit).map(|(status, tables, _)| (status.clone(), tables.clone()))
        };
        if said(&here) != said(&there) {
            return Some(format!(
                "sessions.tsv: {unit:?}: {:?}, {:?} of a fresh load",
                here.get(unit),
                there.get(unit)
            ));
        }
    }
    None
}

/// Where `sessions.tsv` does not note what stays though its file is gone; none if it notes exactly that. `gone` is what was
/// looked for, is in the store and is not on disk, of units that were looked at.
pub fn wrongly_noted(
    store: &Store,
    looked_at: &BTreeSet<Unit>,
    gone: &BTreeSet<Item>,
    has_measures: bool,
) -> Option<String> {
    for (unit, (_, _, reason)) in standings(store) {
        let of_unit =
            || gone.iter().filter(|(session, part)| (session, modality(*part)) == (&unit.0, unit.1));
        if !looked_at.contains(&unit) {
            continue;
        }
        let is_noted = reason.contains("kept: ");
        // Of one file are the segmentation and the measures of the whole brain, and QSIRecon's two maps. The volume of a report is
        // told of each unit that has it, beside its table of measures.
        let n_tables = |part| match part {
            Part::Aseg | Part::Recon => 2,
            Part::Volume if has_measures => 3,
            _ => 1,
        };
        let expected: usize = of_unit().map(|(_, part)| n_tables(*part)).sum();
        let noted = reason.matches("its file is gone").count();
        if is_noted != (expected > 0) || noted != expected {
            return Some(format!("{unit:?}: {reason:?}, but gone are {:?}", of_unit().collect::<Vec<_>>()));
        }
        for (_, part) in of_unit() {
            let word = match part {
                Part::Tissue(tissue) => format!("anatomical_{}: its file is gone", tissue.to_lowercase()),
                Part::Map(_, param) => format!("param {param}"),
                Part::Volume => "total intracranial volume: its file is gone".to_owned(),
                Part::Aseg => "anatomical_aseg: its file is gone".to_owned(),
                Part::Rois => "anatomical_cat12: its file is gone".to_owned(),
                Part::Recon => "diffusion_RECON (param fa): its file is gone".to_owned(),
            };
            if !reason.contains(&word) {
                return Some(format!("{unit:?}: {word:?} is not in {reason:?}"));
            }
        }
    }
    None
}

/// The table cells or file texts that still name somebody.
pub fn naming(folder: &Path, store: &Store, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, table) in &store.tables {
        if table.rows.iter().flatten().any(|cell| cell == code) {
            found.push(name.clone());
        }
    }
    for name in names_in(folder) {
        let is_text = ["tsv", "json", "html"].iter().any(|ending| name.ends_with(ending));
        if is_text && std::fs::read_to_string(folder.join(&name)).unwrap().contains(&format!("{code}\t")) {
            found.push(name);
        }
    }
    // A short code may stand in a number.
    if code.len() > 4 {
        found.extend(holding(folder, code.as_bytes()));
    }
    found
}

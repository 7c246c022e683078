//! The tables of FreeSurfer's own tools, and ENIGMA's sheets, are made of a store.

#[path = "../examples/freesurfer_tables.rs"]
#[allow(dead_code, reason = "an example, and a test of it")]
mod freesurfer_tables;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::files::copy;
use support::freesurfer::{BIDS, Lab, shipped};

/// What the example makes of the store.
fn tables_of(lab: &Lab) -> PathBuf {
    freesurfer_tables::write(&lab.path("store"), &lab.path("tables")).unwrap();
    lab.path("tables")
}

/// The cells of a table of text.
fn cells(path: &Path, between: char) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(between).map(str::to_owned).collect()).collect()
}

/// Fails where a table is another than an expected one, names of rows aside: numbers are compared as doubles. A table may have more rows,
/// and more columns behind the others: versions before 6 write no measures of the whole brain into a hemisphere's file.
#[track_caller]
fn assert_has_table(made: &Path, expected: &Path) {
    let (made, expected) = (cells(made, '\t'), cells(expected, '\t'));
    let n_columns = expected[0].len();
    assert_eq!(made[0][..n_columns], expected[0]);
    for row in &expected[1..] {
        let numbers = |cells: &[String]| -> Vec<Option<f64>> {
            cells[1..n_columns].iter().map(|cell| cell.parse().ok()).collect()
        };
        assert!(made[1..].iter().any(|made| numbers(made) == numbers(row)), "{row:?}");
    }
}

/// `NA_INPUTS` names a folder of more files, with the tables that are expected of them.
#[test]
fn the_tables_of_its_own_tools_and_enigmas_sheets_are_made_of_the_store() {
    let mut cohorts = vec![(shipped("fs741_bids"), shipped("tables_of_fs741"))];
    if let Some(more) = std::env::var_os("NA_INPUTS").map(PathBuf::from) {
        let of = |name: &str| {
            (more.join("freesurfer").join(name), more.join("freesurfer/oracle_tables").join(name))
        };
        cohorts.extend(["fs530_bids", "fs700", "fs741_bids"].map(of));
    }
    for (subjects, expected) in cohorts {
        let lab = Lab::new();
        copy(&subjects, &lab.path("fs"));
        lab.run(&["--discover"]).ended(0);
        let made = tables_of(&lab);
        let mut n_tables = 0;
        for table in fs::read_dir(&expected).unwrap() {
            let table = table.unwrap().path();
            assert_has_table(&made.join(table.file_name().unwrap()), &table);
            n_tables += 1;
        }
        assert!(n_tables >= 18, "{n_tables}");
        println!("{}: {n_tables} tables", subjects.display());
    }
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.run(&["--discover"]).ended(0);
    let made = tables_of(&lab);
    let sheet = cells(&made.join("LandRvolumes.csv"), ',');
    let heads = "SubjID,LLatVent,RLatVent,Lthal,Rthal,Lcaud,Rcaud,Lput,Rput,Lpal,Rpal,Lhippo,Rhippo,Lamyg,Ramyg,Laccumb,Raccumb,ICV";
    assert_eq!(sheet[0].join(","), heads);
    assert!(sheet[1][1..].iter().all(|cell| cell.parse::<f64>().is_ok()), "{sheet:?}");
    let sheet = cells(&made.join("CorticalMeasuresENIGMA_ThickAvg.csv"), ',');
    assert_eq!(
        (sheet[0].len(), sheet[0][1].as_str(), sheet[0][35].as_str()),
        (74, "L_bankssts_thickavg", "R_bankssts_thickavg")
    );
    assert_eq!(sheet[0][69..], ["LThickness", "RThickness", "LSurfArea", "RSurfArea", "ICV"]);
}

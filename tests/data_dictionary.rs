//! `columns.json` says of every column what it is, and is the store's like any other file.

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use support::cohort::Cohort;
use support::files::copy;
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const FILE: &str = "data/processed/columns.json";

fn cohort() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    cohort.list("subject_code,session_id,age,Sex,iq\n0001,1,240,f,101\n0002,1,252,m,99\n");
    cohort.write(
        "participants.json",
        r#"{"age": {"Units": "months"}, "sex": {"LongName": "Sex", "Levels": {"f": "female", "m": "male"}},
            "iq": {"Description": "of the test", "Units": "points", "TermURL": "https://example.org/iq"}}"#,
    );
    cohort
}

fn dictionary(cohort: &Cohort) -> Value {
    serde_json::from_str(&fs::read_to_string(cohort.path(FILE)).unwrap()).unwrap()
}

#[test]
fn every_column_of_every_table_is_there() {
    let cohort = cohort();
    cohort.run(&[]).ended(0);
    let told = dictionary(&cohort);
    let store = Store::read(&cohort.store());
    let mut files: BTreeSet<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(files.remove("GeneratedBy"));
    for (path, table) in &store.tables {
        // Its columns are in docs/format.md: it is for programs.
        if path == "sources.parquet" {
            continue;
        }
        assert!(files.remove(path.as_str()), "{path}");
        let columns = told[path].as_object().unwrap();
        for name in &table.columns {
            let note = columns.get(name).or_else(|| columns.get("*").filter(|_| path.starts_with("wide/")));
            let note = note.unwrap_or_else(|| panic!("{path} {name}"));
            assert!(note.as_object().is_some_and(|note| !note.is_empty()), "{path} {name}: {note}");
        }
    }
    assert_eq!(files, BTreeSet::new());
}

#[test]
fn a_statistic_has_its_formula_and_means_what_its_map_is() {
    let cohort = cohort();
    cohort.run(&[]).ended(0);
    let told = dictionary(&cohort);
    let mean = json!({
        "LongName": "Mean", "Description": "Mean of the map over the region.", "Units": "dimensionless", "Source": "parcellate",
    });
    assert_eq!(told["long/anatomical_gm.parquet"]["mean"], mean);
    let volume = |file: &str| told[file]["volume_mm3"].clone();
    let tissue = volume("long/anatomical_gm.parquet");
    assert_eq!(tissue["Units"], "mm3");
    assert!(tissue["Description"].as_str().unwrap().ends_with("this is the volume of the tissue."));
    for file in ["long/anatomical_ct.parquet", "long/diffusion/NODDI.parquet"] {
        let none = volume(file);
        assert!(none["Description"].as_str().unwrap().contains("this is no volume"), "{file}: {none}");
        assert_eq!(none["Units"], "unknown");
    }
    let feature = &told["wide/anatomical/gm_mean.parquet"]["*"];
    assert_eq!(feature["Source"], "long/anatomical_gm.parquet, mean");
    assert_eq!(told["tiv.parquet"]["tiv"]["Units"], "mL");
}

#[test]
fn the_json_beside_the_list_describes_its_columns_in_every_table() {
    let cohort = cohort();
    cohort.run(&[]).ended(0);
    let sex =
        json!({ "LongName": "Sex", "Levels": { "f": "female", "m": "male" }, "Source": "session list" });
    for file in ["metadata.parquet", "long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet"] {
        let told = dictionary(&cohort)[file].clone();
        assert_eq!(told["Sex"], sex, "{file}");
        assert_eq!(told["AGE"]["Units"], "years", "{file}");
        assert_eq!(told["iq"]["TermURL"], "https://example.org/iq", "{file}");
    }
    // A run that has nothing else to do notices that the JSON says something else.
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    cohort.write("participants.json", r#"{"iq": {"Description": "of another test"}}"#);
    cohort.run(&[]).ended(0).says(&["The store is in"]);
    let told = dictionary(&cohort)["metadata.parquet"].clone();
    assert_eq!(told["iq"], json!({ "Description": "of another test", "Source": "session list" }));
    assert_eq!(told["Sex"], json!({ "Source": "session list" }));
    // A broken JSON is said once, and stops nothing.
    cohort.write("participants.json", "{");
    let ran = cohort.run(&[]).ended(0);
    assert_eq!(ran.stderr.matches("participants.json").count(), 1, "{ran:?}");
}

#[test]
fn what_was_known_stays_until_a_list_says_otherwise() {
    let cohort = cohort();
    // Committed, and exported by the other command: the cache remembers it.
    cohort.run_stopped_at("metadata.parquet", &[]);
    cohort.export_cache(&[]).ended(0);
    let before = dictionary(&cohort);
    assert_eq!(before["metadata.parquet"]["iq"]["Units"], "points");
    let folders = ["--discover", "--reload"];
    cohort.run(&folders).ended(0);
    assert_eq!(dictionary(&cohort), before);
    // It is made again where it is gone; what only it knew is what the list says.
    cohort.remove(FILE);
    cohort.run(&[]).ended(0);
    assert_eq!(dictionary(&cohort), before);
}

#[test]
fn nobody_who_withdrew_is_named_in_it() {
    let cohort = cohort();
    let said =
        r#"{"iq": {"Description": "measured twice in sub-0002"}, "Sex": {"Description": "as recorded"}}"#;
    cohort.write("participants.json", said);
    cohort.run(&[]).ended(0);
    cohort.write("gone.txt", "0002\n");
    cohort.export_cache(&["--withdrawn", "gone.txt"]).ended(0);
    let told = fs::read_to_string(cohort.path(FILE)).unwrap();
    assert!(!told.contains("0002") && told.contains("as recorded"), "{told}");
    cohort.run(&["--withdrawn", "gone.txt"]).ended(0);
    assert!(!fs::read_to_string(cohort.path(FILE)).unwrap().contains("0002"));
}

#[test]
fn it_is_the_store_s_and_another_program_s_is_refused() {
    let cohort = cohort();
    cohort.run(&[]).ended(0);
    cohort.export_cache(&["--verify"]).ended(0);
    let text = fs::read_to_string(cohort.path(FILE)).unwrap();
    cohort.write(FILE, &text.replace("points", "pounds"));
    cohort.export_cache(&["--verify"]).ended(3).says(&["columns.json"]);
    cohort.write(FILE, "{\"of\": \"somebody else\"}");
    cohort.run(&["--force"]).ended(1).says(&["columns.json", "not"]);
    assert_eq!(fs::read_to_string(cohort.path(FILE)).unwrap(), "{\"of\": \"somebody else\"}");
}

#[test]
fn volumes_and_measures_are_those_of_the_program_that_wrote_them() {
    let cohort = Cohort::empty();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/freesurfer/fs741_bids");
    copy(&shipped, &cohort.path("fs"));
    cohort.write(".env", "FREESURFER_DIR=fs\n");
    cohort.run(&["--discover"]).ended(0);
    let told = dictionary(&cohort);
    for path in ["tiv.parquet", "wide/anatomical/tiv.parquet", "long/anatomical_fs.parquet"] {
        assert_eq!(told[path]["tiv"]["Source"], "FreeSurfer", "{path}");
        assert!(told[path]["tiv"]["Description"].as_str().unwrap().contains("eTIV / 1000"), "{path}");
    }
    let globals = &told["wide/anatomical/fs_globals.parquet"];
    assert_eq!(
        (&globals["eTIV"]["Units"], &globals["lh_MeanThickness"]["Units"]),
        (&json!("mm3"), &json!("mm"))
    );
    assert!(globals["*"]["Description"].as_str().unwrap().starts_with("A column a measure."));
    let store = Store::read(&cohort.store());
    let columns = &store.table("wide/anatomical/fs_globals.parquet").columns;
    let named = globals.as_object().unwrap().keys().filter(|name| *name != "*");
    named.for_each(|name| assert!(columns.contains(name), "{name} is no column"));
    assert_eq!(told["long/anatomical_fs_globals.parquet"]["label"]["LongName"], "Measure");
    assert_eq!(told["long/anatomical_fs.parquet"]["ThickAvg"]["LongName"], "Thickness");
}

//! CAT12's reports are read value by value as their text says, whatever version wrote them, or refused with the place.

mod support;

use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use na_pipeline::UnitError;
use na_pipeline::parse::cat12_globals::{Cat12Globals, LABEL, VALUE, parse_globals};
use serde_json::Value;
use support::{oracles, shipped};

fn parse(path: &Path) -> Result<Cat12Globals, UnitError> {
    parse_globals(path, &fs::read(path).unwrap())
}

/// The rows of a report: label, value and unit.
fn rows(globals: &Cat12Globals) -> Vec<(String, f64, Option<String>)> {
    let text = |name: &str, row: usize| {
        let column = globals.measures[name].as_string_opt::<i32>().unwrap();
        column.iter().nth(row).unwrap().map(str::to_owned)
    };
    let values = globals.measures[VALUE].as_primitive::<Float64Type>();
    let row = |row: usize| (text(LABEL, row).unwrap(), values.value(row), text("unit", row));
    (0..globals.measures.num_rows()).map(row).collect()
}

#[track_caller]
fn assert_as_the_oracle_says(file: &Path, expected: &Value) {
    let globals = parse(file).unwrap();
    let mut rows = rows(&globals);
    for (name, of) in expected["measures"].as_object().unwrap() {
        let label = match name.as_str() {
            "vol_csf" => "vol_CSF",
            "vol_gm" => "vol_GM",
            "vol_wm" => "vol_WM",
            "vol_wmh" => "vol_WMH",
            other => other,
        };
        let place = rows.iter().position(|(of, ..)| of == label);
        let (_, value, unit) = rows.remove(place.unwrap_or_else(|| panic!("{}: no {label}", file.display())));
        let text = of["text"].as_str().unwrap();
        assert_eq!(Some(value), text.parse().ok(), "{label} of {}", file.display());
        if let Some(told) = of["unit"].as_str() {
            assert_eq!(unit.as_deref(), Some(told), "{label} of {}", file.display());
        }
    }
    let further: Vec<&str> = rows.iter().map(|(label, ..)| label.as_str()).collect();
    let thickness = ["thickness_mean", "thickness_std"];
    assert!(further.iter().all(|label| thickness.contains(label) || *label == "IQR_percent"), "{further:?}");
    assert_eq!(globals.volume, expected["tiv_mL"].as_f64(), "{}", file.display());
    let [version, revision] = [0, 1].map(|place| expected["version"][place].as_str().unwrap());
    let written = match revision {
        "" => format!("r{version}"),
        revision => format!("{version} r{revision}"),
    };
    assert_eq!(globals.version, Some(written), "{}", file.display());
    assert_eq!(globals.remarks, [], "{}", file.display());
}

#[test]
fn every_value_is_the_double_of_its_text() {
    let (n_shipped, oracles) = oracles("cat12", |name| name.starts_with("cat_"));
    assert_eq!(n_shipped, 2);
    assert!(oracles.len() == 2 || oracles.len() >= 6, "{}", oracles.len());
    oracles.iter().for_each(|(file, expected)| assert_as_the_oracle_says(file, expected));
}

#[test]
fn a_run_that_failed_has_its_image_and_no_volumes() {
    let failed =
        parse(&shipped().join("cat12/malformed/failed_run/sub-914/ses-01/anat/cat_sub-914_ses-01_T1w.xml"));
    let failed = failed.unwrap();
    assert_eq!(rows(&failed), [("res_RMS".to_owned(), 1.0, None)]);
    assert_eq!((failed.volume, failed.remarks.len()), (None, 1));
    assert!(failed.remarks[0].example.contains("Error in cat_main"), "{:?}", failed.remarks);
}

#[test]
fn a_cut_report_is_refused_wherever_it_is_cut() {
    let path = shipped().join("cat12/made/cat26/sub-0126/ses-01/anat/report/cat_sub-0126_ses-01_T1w.xml");
    let whole = fs::read(&path).unwrap();
    let end = whole.iter().rposition(|byte| *byte == b'<').unwrap();
    for cut in (0..=end).step_by(7) {
        let error = parse_globals(&path, &whole[..cut]).unwrap_err().to_string();
        assert!(error.contains("cat_sub-0126") && error.lines().count() == 1, "{cut}: {error}");
    }
}

//! CAT12's regional values are read value by value as their text says, of every atlas in a file, or refused with the measure.

mod support;

use std::fs;
use std::path::Path;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use na_pipeline::parse::cat12_rois::{RoiKind, parse_rois};
use serde_json::Value;
use support::{oracles, shipped};

#[track_caller]
fn assert_as_the_oracle_says(file: &Path, expected: &Value) {
    let bytes = fs::read(file).unwrap();
    let is_of_surfaces = file.file_name().unwrap().to_string_lossy().starts_with("catROIs_");
    let kind = if is_of_surfaces { RoiKind::Surfaces } else { RoiKind::Volumes };
    for (atlas, of) in expected["atlases"].as_object().unwrap() {
        let rois = parse_rois(file, &bytes, atlas, kind).unwrap();
        let regions = &rois.regions;
        let at = |what: &str| format!("{what} of {atlas} in {}", file.display());
        assert_eq!(Some(regions.num_rows() as u64), of["n_rows"].as_u64(), "{}", at("rows"));
        let measures: Vec<&str> =
            of["numeric_columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let n_nulls: usize = measures.iter().map(|measure| regions[*measure].null_count()).sum();
        assert_eq!(Some(n_nulls as u64), of["n_nulls"].as_u64(), "{}", at("nulls"));
        let label = |row: usize| regions["label"].as_string::<i32>().value(row);
        assert_eq!(of["first_region"], label(0), "{}", at("first"));
        assert_eq!(of["last_region"], label(regions.num_rows() - 1), "{}", at("last"));
        assert_eq!(rois.remarks.is_empty(), of["names_given"].as_bool().unwrap_or(true), "{}", at("names"));
        if kind == RoiKind::Volumes {
            let ids = regions["index"].as_primitive::<Int64Type>();
            let [first, last] = ["first_id", "last_id"].map(|id| of[id].as_str().unwrap().parse().unwrap());
            assert_eq!((ids.value(0), ids.value(ids.len() - 1)), (first, last), "{}", at("ids"));
        } else {
            assert!(regions.column_by_name("index").is_none(), "colours are no numbers of regions");
        }
        let version = of["version"].as_str().map(|revision| format!("r{revision}"));
        assert_eq!(rois.version, version, "{}", at("version"));
        for of in of["values"].as_array().unwrap() {
            let (row, text) = (of["row"].as_u64().unwrap() as usize, of["text"].as_str().unwrap());
            assert_eq!(of["region"], label(row), "{}", at("region"));
            let column = regions[of["column"].as_str().unwrap()].as_primitive::<Float64Type>();
            let value = column.is_valid(row).then(|| column.value(row));
            let expected = text.parse::<f64>().ok().filter(|value| !value.is_nan());
            assert_eq!(value, expected, "{of} {}", at("value"));
        }
    }
}

#[test]
fn every_value_is_the_double_of_its_text() {
    let (n_shipped, oracles) = oracles("cat12", |name| name.starts_with("catROI"));
    assert_eq!(n_shipped, 4);
    assert!([4, 4 + 8].contains(&oracles.len()), "{}", oracles.len());
    oracles.iter().for_each(|(file, expected)| assert_as_the_oracle_says(file, expected));
}

#[test]
fn what_is_malformed_is_refused_with_the_measure_and_both_lengths() {
    let path = shipped().join("cat12/made/cat26/sub-0126/ses-01/anat/label/catROIs_sub-0126_ses-01_T1w.xml");
    let whole = fs::read_to_string(&path).unwrap();
    for (from, to, says) in [
        ("2.431;", "", "thickness with 7 values for 8 regions"),
        ("2.431;", "2,431;", "thickness with 9 values for 8 regions"),
        ("2.431;", "Inf;", "thickness with Inf"),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole);
        let error = parse_rois(&path, changed.as_bytes(), "aparc_DK40", RoiKind::Surfaces);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("catROIs_sub-0126"), "{error}");
    }
    let end = whole.rfind('<').unwrap();
    for cut in (0..=end).step_by(11) {
        let cut = parse_rois(&path, &whole.as_bytes()[..cut], "aparc_DK40", RoiKind::Surfaces);
        assert!(cut.is_err());
    }
}

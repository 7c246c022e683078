//! FreeSurfer's stats files are read value by value as their text says, whatever version wrote them, or refused with the place.

mod support;

use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use na_pipeline::UnitError;
use na_pipeline::parse::freesurfer_stats::{FreeSurferStats, STRUCT_NAME, parse_stats};
use serde_json::Value;
use support::{oracles, shipped};

fn parse(path: &Path) -> Result<FreeSurferStats, UnitError> {
    parse_stats(path, &fs::read(path).unwrap(), &|| false)
}

fn malformed(path: &str) -> Result<FreeSurferStats, UnitError> {
    parse(&shipped().join("freesurfer/malformed").join(path))
}

fn value(regions: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = &regions[column];
    match column.data_type() {
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row) as f64),
        _ => column.is_valid(row).then(|| column.as_primitive::<Float64Type>().value(row)),
    }
}

#[track_caller]
fn assert_as_the_oracle_says(file: &Path, expected: &Value) {
    let stats = parse(file).unwrap();
    let n = |key: &str| expected[key].as_u64().unwrap() as usize;
    let regions = stats.regions.as_ref();
    assert_eq!(regions.map_or(0, RecordBatch::num_rows), n("n_rows"), "{}", file.display());
    let n_nulls: usize = regions.map_or(0, |of| of.columns().iter().map(|column| column.null_count()).sum());
    assert_eq!(n_nulls, n("n_nulls"), "{}", file.display());
    for of in expected["values"].as_array().unwrap() {
        let (row, column) = (of["row"].as_u64().unwrap() as usize, of["column"].as_str().unwrap());
        let region = regions.unwrap()[STRUCT_NAME].as_string::<i32>().value(row);
        assert!(of["region"].as_str().unwrap().ends_with(region), "{}: {of}", file.display());
        let text = of["text"].as_str().unwrap();
        assert_eq!(value(regions.unwrap(), column, row), text.parse().ok(), "{}: {of}", file.display());
    }
    let measures = expected["measures"].as_object().unwrap();
    assert_eq!(stats.measures.len(), measures.len(), "{}", file.display());
    for (name, of) in measures {
        let measure = stats.measure(name).unwrap_or_else(|| panic!("{}: no {name}", file.display()));
        let text = of["text"].as_str().unwrap();
        assert_eq!((measure.value, measure.unit.as_str()), (text.parse().ok(), of["unit"].as_str().unwrap()));
    }
    let header = &expected["header"];
    let told = |key: &str| header.get(key).and_then(Value::as_str).map(str::to_owned);
    for (key, read) in
        [("cvs_version", &stats.version), ("subjectname", &stats.subject), ("hemi", &stats.hemisphere)]
    {
        if let Some(told) = told(key) {
            assert_eq!(read.as_ref(), Some(&told), "{}", file.display());
        }
    }
}

#[test]
fn every_value_is_the_double_of_its_text() {
    let (n_shipped, oracles) = oracles("", |name| name.ends_with(".stats"));
    assert!(n_shipped > 20, "{oracles:?}");
    oracles.iter().for_each(|(file, expected)| assert_as_the_oracle_says(file, expected));
}

#[test]
fn units_are_those_that_the_file_says() {
    let stats = parse(&shipped().join("freesurfer/fs741_bids/sub-741/stats/lh.aparc.stats")).unwrap();
    let unit = |column: &str| stats.units.get(column).map(String::as_str);
    assert_eq!(unit("ThickAvg"), Some("mm"));
    assert_eq!(unit("GausCurv"), Some("mm^-2"));
    assert_eq!(unit("NumVert"), Some("unitless"));
    assert_eq!(unit("StructName"), None);
}

#[test]
fn what_is_no_stats_file_is_refused_with_its_place() {
    for (path, words) in [
        ("truncated_row/sub-901/stats/lh.aparc.stats", &["3 words", "10 words, as # ColHeaders"][..]),
        ("no_colheaders/sub-902/stats/lh.aparc.stats", &["line ", "ColHeaders"]),
        ("empty/sub-903/stats/aseg.stats", &["an empty file"]),
        ("text_in_number/sub-905/stats/lh.aparc.stats", &["line ", "ThickAvg", "2,451", "comma"]),
        ("twice_the_region/sub-906/stats/lh.aparc.stats", &["line ", "caudalanteriorcingulate", "again"]),
    ] {
        let error = malformed(path).unwrap_err().to_string();
        for word in words.iter().chain(&[path]) {
            assert!(error.contains(word), "{word} is missing in {error}");
        }
    }
    // Its measures are there, and its columns are not: whoever wants a table of regions refuses it.
    let header = malformed("header_only/sub-904/stats/aseg.stats").unwrap();
    assert!(header.regions.is_none() && !header.measures.is_empty());
}

#[test]
fn what_is_no_number_is_null_and_what_is_infinite_is_refused() {
    let stats = malformed("nan_value/sub-908/stats/lh.aparc.stats").unwrap();
    let regions = stats.regions.unwrap();
    assert_eq!((value(&regions, "ThickAvg", 1), value(&regions, "ThickAvg", 2)), (None, Some(2.371)));
    let of = |word: &str| {
        let text = format!("# Measure X, Y, a measure, {word}, mm\n# ColHeaders StructName Mean\na {word}\n");
        parse_stats(Path::new("x.stats"), text.as_bytes(), &|| false)
    };
    assert_eq!(of("-nan").unwrap().measures[0].value, None);
    for word in ["inf", "-inf", "1e999", "0x1p3", "1,5"] {
        assert!(of(word).is_err(), "{word}");
    }
}

#[test]
fn a_cut_file_is_refused() {
    let whole = fs::read(shipped().join("freesurfer/fs741_bids/sub-741/stats/aseg.stats")).unwrap();
    let n_rows = |bytes: &[u8]| {
        let parsed = parse_stats(Path::new("aseg.stats"), bytes, &|| false);
        parsed.map(|stats| stats.regions.map_or(0, |regions| regions.num_rows()))
    };
    let all = n_rows(&whole).unwrap();
    let table = String::from_utf8(whole.clone()).unwrap().find("# NRows").unwrap() + 20;
    for end in table..whole.len() {
        // A cut in the last number leaves a line without an end; one between rows too few of them.
        assert!(n_rows(&whole[..end]).map_or(true, |n| n == 0), "cut at {end} of {}", whole.len());
    }
    assert_eq!(all, 45);
}

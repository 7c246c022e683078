//! QSIRecon's own tables are read cell by cell as their text says, map by map.

mod support;

use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use na_pipeline::UnitError;
use na_pipeline::parse::scalarstats::{maps_of, parse_scalarstats};
use serde_json::Value;
use support::{oracles, shipped};

fn parse(file: &Path, map: &str) -> Result<RecordBatch, UnitError> {
    let mut folders = file.iter().filter_map(|folder| folder.to_str());
    let workflow = folders.find_map(|folder| folder.strip_prefix("qsirecon-")).unwrap();
    let tables = parse_scalarstats(file, &fs::read(file).unwrap(), workflow, &[map], &|| false)?;
    Ok(tables[0].batch.clone())
}

#[track_caller]
fn assert_as_the_oracle_says(file: &Path, expected: &Value) {
    let text = fs::read_to_string(file).unwrap();
    let maps = maps_of(file, text.as_bytes(), true).unwrap().unwrap();
    let mut sorted = maps.clone();
    sorted.sort();
    let of_oracle: Vec<&str> =
        expected["scalars"].as_array().unwrap().iter().map(|map| map.as_str().unwrap()).collect();
    assert_eq!(sorted, of_oracle, "{}", file.display());
    let tables: Vec<RecordBatch> = maps.iter().map(|map| parse(file, map).unwrap()).collect();
    for table in &tables {
        assert_eq!(Some(table.num_rows() as u64), expected["n_regions"].as_u64(), "{}", file.display());
    }
    // The oracle counts the lines of the file, and two maps of one name are one here.
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(Some(rows.len() as u64), expected["n_rows"].as_u64());
    let columns: Vec<&str> = text.lines().next().unwrap().split('\t').collect();
    let values = expected["values"].as_array().unwrap();
    assert!(!values.is_empty());
    for of in values {
        let (row, column) = (&rows[of["row"].as_u64().unwrap() as usize], of["column"].as_str().unwrap());
        assert_eq!(row[0], of["region"].as_str().unwrap());
        assert_eq!(
            row[columns.iter().position(|name| *name == column).unwrap()],
            of["text"].as_str().unwrap()
        );
    }
    // Every value of the file is the double of its text, where it belongs.
    let mut n_nulls = 0;
    for row in &rows {
        let table = &tables[maps.iter().position(|map| map == row[1]).unwrap()];
        let labels = table["label"].as_string::<i32>();
        let at = labels.iter().position(|label| label == Some(row[0])).unwrap();
        for (name, text) in columns.iter().zip(row).skip(3) {
            let values = table[*name].as_primitive::<Float64Type>();
            let value = values.is_valid(at).then(|| values.value(at));
            assert_eq!(value, text.parse().ok(), "{} {row:?}", file.display());
            n_nulls += u64::from(value.is_none());
        }
    }
    assert_eq!(Some(n_nulls), expected["n_nulls"].as_u64(), "{}", file.display());
}

#[test]
fn every_value_is_the_double_of_its_text() {
    let (n_shipped, oracles) = oracles("qsirecon", |name| name.contains("_seg-"));
    assert_eq!(n_shipped, 2);
    oracles.iter().for_each(|(file, expected)| assert_as_the_oracle_says(file, expected));
}

#[test]
fn what_is_malformed_is_refused_with_what_stands_there() {
    for (folder, map, says) in [
        ("two_values_for_one", "icvf", ["line 3", "icvf of LH_Vis_1 than line 2"]),
        ("suffix_disagrees", "fa", ["line 2", "found qsirecon_suffix DSIStudio, expected NODDI"]),
    ] {
        let tables = "derivatives/qsirecon-NODDI/sub-921/ses-01/dwi";
        let name = "sub-921_ses-01_space-ACPC_seg-4S156Parcels_scalarstats.tsv";
        let file = shipped().join("qsirecon/malformed").join(folder).join(tables).join(name);
        let error = parse(&file, map).unwrap_err().to_string();
        assert!(says.iter().all(|words| error.contains(words)) && error.contains(name), "{error}");
    }
}

//! On the cohort that the project ships, the store equals, cell by cell, what the pandas package wrote.

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use support::store::{Table, number};
use support::{Ran, preprocess};

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn load(output: &Path) -> Ran {
    let mut command = preprocess(output);
    command.arg("--env-file").arg(shipped("cohort/.env")).arg("-o").arg(output.join("store"));
    Ran::of(command.output().unwrap())
}

fn of_0475(mut table: Table) -> Table {
    let subject = table.columns.iter().position(|column| column == "subject_code").unwrap();
    table.rows.retain(|row| row[subject] == "0475");
    table
}

fn keyed(table: &Table) -> HashMap<Vec<String>, Vec<String>> {
    let keys = ["subject_code", "session_id", "model", "param", "desc", "label"];
    let keys: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, c)| keys.contains(&c.as_str()))
        .map(|(i, _)| i)
        .collect();
    let rows = table.rows.iter().map(|row| (keys.iter().map(|key| row[*key].clone()).collect(), row.clone()));
    rows.collect()
}

#[test]
fn the_store_of_the_shipped_cohort_is_what_it_was_in_pandas() {
    let output = tempfile::tempdir().unwrap();
    load(output.path()).ended(0).says(&["3 anatomical, 2 diffusion", "46"]);
    let store = output.path().join("store");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(store.join("manifest.json")).unwrap()).unwrap();

    let mut cells = 0;
    for name in
        ["anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_AMICONODDI", "diffusion_DSIStudio"]
    {
        let expected = Table::read(&shipped(&format!("expected/{name}.parquet")));
        let path = manifest["long_formats"][name]["file_path"].as_str().unwrap();
        let found = of_0475(Table::read(&store.join(path)));
        assert_eq!(found.columns, expected.columns, "{name}");
        let (found, expected) = (keyed(&found), keyed(&expected));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (key, row) in &expected {
            assert_eq!(found.get(key), Some(row), "{name} {key:?}");
            cells += row.len();
        }
    }

    let features: serde_json::Value =
        serde_json::from_slice(&std::fs::read(shipped("expected/features.json")).unwrap()).unwrap();
    let wanted = Table::read(&shipped("expected/wide_cells.parquet"));
    let mut values: HashMap<Vec<String>, Option<f64>> =
        wanted.rows.into_iter().map(|row| (row[..4].to_vec(), number(&row[4]))).collect();
    for (name, entry) in features["features"].as_object().unwrap() {
        let info = &manifest["wide_features"][name];
        for key in
            ["file_path", "modality", "metric", "source_modality", "workflow", "model", "param", "n_regions"]
        {
            assert_eq!(info[key], entry[key], "{name} {key}");
        }
        let table = of_0475(Table::read(&store.join(info["file_path"].as_str().unwrap())));
        if name != "tiv" {
            assert_eq!(serde_json::json!(table.columns), features["columns"], "{name}");
        }
        let rows: Vec<_> = table.rows.iter().map(|row| serde_json::json!(&row[..2])).collect();
        assert_eq!(serde_json::json!(rows), entry["rows"], "{name}");
        for row in &table.rows {
            for (region, value) in table.columns.iter().zip(row).skip(2) {
                let key = vec![name.clone(), row[0].clone(), row[1].clone(), region.clone()];
                let expected = values.remove(&key).unwrap_or_else(|| panic!("{key:?} is not expected"));
                assert_eq!(number(value).map(f64::to_bits), expected.map(f64::to_bits), "{key:?}");
                cells += 1;
            }
        }
    }
    assert!(values.is_empty(), "{} cells are missing", values.len());
    assert!(cells > 150_000, "{cells}");

    for name in ["tiv", "metadata"] {
        let table = Table::read(&store.join(format!("{name}.parquet")));
        let text = std::fs::read_to_string(shipped(&format!("expected/{name}.csv"))).unwrap();
        let mut lines = text.lines();
        let column = lines.next().unwrap().rsplit(',').next().unwrap();
        let expected: Vec<(&str, &str, Option<f64>)> = lines
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                (cells[0], cells[1], Some(cells[2].parse().unwrap()))
            })
            .collect();
        let (subjects, sessions, numbers) =
            (table.column("subject_code"), table.column("session_id"), table.doubles(column));
        let found: Vec<_> =
            subjects.into_iter().zip(sessions).zip(numbers).map(|((s, e), n)| (s, e, n)).collect();
        assert_eq!(found[..expected.len()], expected, "{name}");
    }
}

#[test]
fn a_second_run_finds_nothing_to_do() {
    let output = tempfile::tempdir().unwrap();
    load(output.path()).ended(0);
    load(output.path()).ended(0).says(&["Nothing to do", "3 anatomical, 2 diffusion"]);
}

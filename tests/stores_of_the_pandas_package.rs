//! A store that the pandas package left is read, added to and taken over: what stays is what it was, value for value.

mod support;

use std::fs;
use std::path::Path;

use na_store::{FeatureStore, ReadOptions};
use serde_json::Value;
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::files::{Bytes, copy, fixture, holding};
use support::store::{NULL, Store, Table, number};

/// The first has files today, with other values than then; those of the second are archived.
const STORED: [(&str, &str); 2] = [("0001", "20250101"), ("0002", "20250102")];
const NEW: (&str, &str) = ("0003", "1");
const FLAGS: [&str; 3] = ["is_bimodal", "has_outliers", "fails_normality"];
const LONG: [&str; 4] = ["anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_NODDI"];

/// The package's store, as each pandas writes it, beside a cohort.
fn each_store(test: impl Fn(&Cohort, &str)) {
    for pandas in ["pandas-2", "pandas-3"] {
        let cohort = Cohort::empty();
        copy(&fixture(&format!("pandas_package/{pandas}")), &cohort.store());
        fs::remove_file(cohort.store().join("cache.db")).unwrap();
        add(&cohort, STORED[0]);
        // A volume that changed would reach the rows that stay, too.
        cohort.tiv(STORED[0].0, STORED[0].1, 1410.0);
        cohort.list_of(&STORED);
        test(&cohort, pandas);
    }
}

/// What the package was asked for beside its own choice stays; what no table gives is told before it goes.
#[test]
fn its_features_stay_and_those_that_nothing_gives_are_told() {
    each_store(|cohort, pandas| {
        let path = cohort.store().join("manifest.json");
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let features = manifest["wide_features"].as_object_mut().unwrap();
        for metric in ["voxel_count", "my_stat"] {
            let mut entry = features["gm_mean"].clone();
            entry["name"] = format!("gm_{metric}").into();
            entry["metric"] = metric.into();
            entry["file_path"] = format!("wide/anatomical/gm_{metric}.parquet").into();
            features.insert(format!("gm_{metric}"), entry);
            let wide = cohort.store().join("wide/anatomical");
            fs::copy(wide.join("gm_mean.parquet"), wide.join(format!("gm_{metric}.parquet"))).unwrap();
        }
        fs::write(&path, manifest.to_string()).unwrap();
        let created = FeatureStore::open(cohort.store()).unwrap().feature_info("gm_mean").unwrap().created_at;
        assert_eq!(
            created.as_deref(),
            manifest["wide_features"]["gm_mean"]["created_at"].as_str(),
            "{pandas}"
        );
        let ran = cohort.run(&[]).ended(0).says(&["no table of the store gives are gone: gm_my_stat"]);
        assert!(!ran.stderr.contains("gm_voxel_count"), "{pandas}: {}", ran.stderr);
        let store = Store::read(&cohort.store());
        assert!(store.tables.contains_key("wide/anatomical/gm_voxel_count.parquet"), "{pandas}");
        assert!(!store.tables.contains_key("wide/anatomical/gm_my_stat.parquet"), "{pandas}");
    });
}

/// The files of a session, with the regions of the fixture.
fn add(cohort: &Cohort, (subject, session): (&str, &str)) {
    cohort.add(subject, session);
    let regions = |value| {
        let tsv = tsv(value);
        let rows = tsv.lines().filter(|line| !line.starts_with('4'));
        rows.flat_map(|row| [row, "\n"]).collect::<String>()
    };
    for (value, tissue) in [(1.5, "GM"), (2.5, "WM"), (3.5, "CT")] {
        cohort.write(&anatomical(subject, session, tissue), &regions(value));
    }
    for (value, param) in [(4.5, "icvf"), (5.5, "od")] {
        cohort.write(&diffusion("NODDI", subject, session, param), &regions(value));
    }
}

fn path_of(table: &str) -> String {
    match table.strip_prefix("diffusion_") {
        Some(workflow) => format!("long/diffusion/{workflow}.parquet"),
        None => format!("long/{table}.parquet"),
    }
}

/// The cells of a session in a long table of a reader, of these columns.
fn rows_of(output: &Path, table: &str, subject: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let store = FeatureStore::open(output).unwrap();
    let (schema, batches) = store.scan_long_with(table, &ReadOptions::default()).unwrap().read_all().unwrap();
    let table = Table::of(&schema, &batches);
    let place = |name: &str| table.columns.iter().position(|column| column == name);
    let rows = table.rows.iter().filter(|row| row[place("subject_code").unwrap()] == subject);
    let cells = |row: &Vec<String>| {
        let cell = |name: &&str| place(name).map_or(NULL.to_owned(), |place| row[place].clone());
        columns.iter().map(cell).collect()
    };
    rows.map(cells).collect()
}

/// What a reader sees of a session.
fn seen(output: &Path, subject: &str, tables: &[&str]) -> Vec<Vec<Vec<String>>> {
    let columns = [
        "index",
        "label",
        "volume_mm3",
        "voxel_count",
        "mean",
        "std",
        "skewness",
        "is_bimodal",
        "has_outliers",
        "fails_normality",
        "modality",
        "metric",
        "workflow",
        "model",
        "param",
        "desc",
        "session_id",
        "tiv",
    ];
    tables.iter().map(|table| rows_of(output, table, subject, &columns)).collect()
}

fn assert_no_bookkeeping(store: &Store) {
    for (name, table) in &store.tables {
        let own = |column: &&String| column.ends_with("_loaded") || column.starts_with("__index");
        assert_eq!(table.columns.iter().find(own), None, "{name}");
    }
}

fn assert_flags_are_booleans(store: &Store) {
    for (name, table) in &store.tables {
        for (column, data_type) in table.columns.iter().zip(&table.types) {
            let is_flag = FLAGS.contains(&column.as_str());
            assert!(!is_flag || data_type == "Boolean", "{name}: {column} is {data_type}");
        }
    }
}

#[test]
fn a_reader_sees_flags_as_booleans_and_features_with_their_facts() {
    each_store(|cohort, _| {
        let bimodal =
            |table| -> Vec<String> { rows_of(&cohort.store(), table, "0002", &["is_bimodal"]).concat() };
        assert_eq!(bimodal("anatomical_gm"), ["true", "false", "true"]);
        assert_eq!(bimodal("anatomical_wm"), ["true", "false", "true"]);
        assert_eq!(bimodal("anatomical_ct"), ["true", NULL, "true"]);
        let flags = rows_of(&cohort.store(), "diffusion_NODDI", "0002", &FLAGS);
        assert_eq!(flags[..3], [["true", "true", "true"], [NULL, "false", "false"], ["true", NULL, NULL]]);
        let store = FeatureStore::open(cohort.store()).unwrap();
        let info = store.feature_info("gm_volume_mm3").unwrap();
        assert_eq!((info.metric.as_str(), info.tissue.as_deref()), ("volume_mm3", Some("gm")));
        assert_eq!((info.unit.as_str(), info.atlas_name.as_str()), ("mm3", "4S456Parcels"));
        let info = store.feature_info("NODDI_noddi_icvf_voxel_count").unwrap();
        let source = [&info.workflow, &info.model, &info.param].map(|word| word.as_deref().unwrap());
        assert_eq!((source, info.unit.as_str()), (["NODDI", "noddi", "icvf"], "dimensionless"));
        let metadata = store.metadata_batch().unwrap();
        let names: Vec<&str> =
            metadata.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["subject_code", "session_id", "AGE", "sex", "DoB"]);
    });
}

#[test]
fn what_a_run_does_not_load_stays_value_for_value() {
    each_store(|cohort, pandas| {
        let ct = seen(&cohort.store(), "0001", &["anatomical_ct"]);
        let archived = seen(&cohort.store(), "0002", &LONG);
        cohort.run(&["--no-ct"]).ended(0);
        assert_eq!(seen(&cohort.store(), "0001", &["anatomical_ct"]), ct, "{pandas}");
        assert_eq!(seen(&cohort.store(), "0002", &LONG), archived, "{pandas}");
        let store = Store::read(&cohort.store());
        assert_flags_are_booleans(&store);
        assert_no_bookkeeping(&store);
        for name in LONG {
            let rows = if name.starts_with('d') { 12 } else { 6 };
            assert_eq!(store.table(&path_of(name)).rows.len(), rows, "{name}");
        }
        assert_eq!(store.sessions_of("metadata.parquet"), ["0001/20250101", "0002/20250102"]);
    });
}

#[test]
fn a_session_that_is_added_leaves_the_old_rows_as_they_were() {
    each_store(|cohort, pandas| {
        let before = seen(&cohort.store(), "0002", &LONG);
        let features = FeatureStore::open(cohort.store()).unwrap().list_features(None).unwrap();
        add(cohort, NEW);
        cohort.list_of(&[STORED[0], NEW]);
        let ran = cohort.run(&["--json"]).ended(0);
        assert_eq!(ran.units("loaded"), [2, 2]);
        assert_eq!(seen(&cohort.store(), "0002", &LONG), before, "{pandas}");
        let store = Store::read(&cohort.store());
        assert_flags_are_booleans(&store);
        assert_no_bookkeeping(&store);
        let now = FeatureStore::open(cohort.store()).unwrap().list_features(None).unwrap();
        let lost: Vec<_> = features.iter().filter(|feature| !now.contains(feature)).collect();
        assert!(lost.is_empty(), "{lost:?} of {features:?}");
        // Who is not listed keeps what was known.
        assert_eq!(store.by_session("metadata.parquet", "sex")["0002/20250102"], "M");
        assert_eq!(store.by_session("tiv.parquet", "tiv").len(), 3);
        // A statistic that had no value in the old rows is no text.
        let gm = store.table("long/anatomical_gm.parquet");
        let skewness = gm.columns.iter().position(|column| column == "skewness").unwrap();
        assert_eq!(gm.types[skewness], "Float64");
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    });
}

#[test]
fn a_session_that_is_loaded_again_is_replaced_and_takes_its_types_along() {
    each_store(|cohort, _| {
        add(cohort, STORED[1]);
        let ran = cohort.run(&["--json"]).ended(0);
        assert_eq!(ran.units("loaded"), [2, 2]);
        cohort.run(&["-o", "fresh", "--json"]).ended(0);
        let (store, fresh) = (Store::read(&cohort.store()), Store::read(&cohort.path("fresh")));
        for name in fresh.tables.keys().filter(|name| name.starts_with("long/")) {
            let (one, other) =
                (store.table(name).clone().without(&["DoB"]), fresh.table(name).clone().without(&[]));
            assert_eq!((one.columns, one.types), (other.columns, other.types), "{name}");
            assert_eq!(one.rows, other.rows, "{name}");
        }
        assert_eq!(store.tables.keys().collect::<Vec<_>>(), fresh.tables.keys().collect::<Vec<_>>());
        assert_eq!(store.sessions, fresh.sessions);
    });
}

#[test]
fn what_the_rows_alone_say_of_a_session_stays_known() {
    each_store(|cohort, _| {
        // As versions of the package that wrote age alone: here there is not even that.
        cohort.remove("data/processed/metadata.parquet");
        cohort.list_of(&STORED[..1]);
        cohort.run(&["--compression", "none"]).ended(0);
        let store = Store::read(&cohort.store());
        assert_eq!(store.by_session("metadata.parquet", "sex")["0002/20250102"], "M");
        assert_eq!(number(&store.by_session("metadata.parquet", "AGE")["0002/20250102"]), Some(41.0));
        assert_eq!(holding(&cohort.store(), "1980-03-04".as_bytes()), [""; 0]);
        let gm = store.table("long/anatomical_gm.parquet");
        assert_eq!(gm.column("sex").iter().filter(|sex| **sex == "M").count(), 3);
    });
}

#[test]
fn what_is_archived_is_noted_and_goes_with_prune() {
    each_store(|cohort, _| {
        cohort.run(&[]).ended(0);
        let (status, reason) = cohort.standing("0002", "20250102", "anatomical");
        assert_eq!(status, "loaded");
        assert!(reason.starts_with("kept: ") && reason.contains("anatomical_ct"), "{reason}");
        // The next run says the same, and changes nothing.
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
        assert_eq!(cohort.standing("0002", "20250102", "anatomical").1, reason);
        cohort.run(&["--prune"]).ended(1).says(&["--yes"]);
        cohort.run(&["--prune", "--yes"]).ended(0);
        let store = Store::read(&cohort.store());
        assert_eq!(store.by_session("metadata.parquet", "AGE").len(), 1);
        assert_eq!(store.by_session("tiv.parquet", "tiv").len(), 1);
        cohort.run(&["-o", "fresh"]).ended(0);
        let fresh = Store::read(&cohort.path("fresh"));
        for (name, table) in &fresh.tables {
            let one = store.table(name).clone().without(&[]);
            assert_eq!(one.rows.len(), table.rows.len(), "{name}");
        }
        assert_eq!(store.sessions, fresh.sessions);
    });
}

#[test]
fn an_empty_mount_point_is_not_pruned_for() {
    each_store(|cohort, _| {
        cohort.remove("parcellated/cat12/sub-0001");
        cohort.run(&["--prune", "--yes"]).ended(1).says(&["CAT12_PARCELLATED_ROOT"]);
        assert_eq!(rows_of(&cohort.store(), "anatomical_ct", "0002", &["label"]).len(), 3);
    });
}

#[test]
fn who_is_not_listed_goes_with_prune_unlisted() {
    each_store(|cohort, _| {
        cohort.list_of(&STORED[..1]);
        cohort.run(&["--prune-unlisted"]).ended(1).says(&["--yes"]);
        cohort.run(&["--prune-unlisted", "--yes"]).ended(0);
        let store = Store::read(&cohort.store());
        for (name, table) in &store.tables {
            assert!(!table.column("subject_code").contains(&"0002"), "{name}");
        }
    });
}

#[test]
fn a_session_is_read_again_where_that_is_asked_for() {
    each_store(|cohort, _| {
        cohort.run(&[]).ended(0);
        let archived = seen(&cohort.store(), "0002", &LONG);
        let ran = cohort.run(&["--reload", "--participant-label", "0001", "--json"]).ended(0);
        assert_eq!(ran.units("loaded"), [1, 1]);
        assert_eq!(seen(&cohort.store(), "0002", &LONG), archived);
        assert_eq!(rows_of(&cohort.store(), "anatomical_gm", "0001", &["label"]).len(), 3);
    });
}

#[test]
fn force_says_what_it_would_let_go_and_takes_the_whole_place() {
    each_store(|cohort, _| {
        cohort.run(&["--force", "--dry-run"]).ended(0).says(&["2"]);
        cohort.run(&["--force"]).ended(1).says(&["--yes"]);
        assert_eq!(rows_of(&cohort.store(), "anatomical_ct", "0002", &["label"]).len(), 3);
        cohort.run(&["--force", "--yes"]).ended(0);
        cohort.run(&["-o", "fresh"]).ended(0);
        let (mut store, fresh) = (Store::read(&cohort.store()), Store::read(&cohort.path("fresh")));
        store.sessions.clone_from(&fresh.sessions);
        assert_eq!(store.tables, fresh.tables);
    });
}

#[test]
fn who_withdraws_leaves_no_trace() {
    each_store(|cohort, _| {
        cohort.write("withdrawn.txt", "0002\n");
        cohort.run(&["--withdrawn", "withdrawn.txt"]).ended(0);
        // A code of four digits may stand in a hash by chance; the visit's does not.
        assert_eq!(holding(&cohort.store(), "20250102".as_bytes()), [""; 0]);
        assert_eq!(rows_of(&cohort.store(), "anatomical_ct", "0002", &["label"]).len(), 0);
        assert_eq!(rows_of(&cohort.store(), "anatomical_ct", "0001", &["label"]).len(), 3);
    });
}

#[test]
fn status_and_verify_look_at_it_and_change_nothing() {
    each_store(|cohort, _| {
        let before = Bytes::of(&cohort.store());
        cohort.export_cache(&["--verify"]).ended(0);
        cohort.export_cache(&["--status"]).ended(0).says(&["STORE STATUS", "There is no cache"]);
        cohort.run(&["--dry-run"]).ended(0);
        assert_eq!(Bytes::of(&cohort.store()), before);
        cohort.run(&[]).ended(0);
        cohort.export_cache(&["--verify"]).ended(0);
    });
}

#[test]
fn a_column_that_tells_who_somebody_is_leaves_every_file() {
    each_store(|cohort, _| {
        assert!(holding(&cohort.store(), "\u{3}DoB".as_bytes()).len() > 3);
        cohort.run(&["--compression", "none"]).ended(0).says(&["DoB"]);
        // Behind its length, as Parquet's footer writes the name: the schema's Base64 may have any letters by chance.
        for words in ["\u{3}DoB", "\"DoB\"", "1980-03-04", "1990-01-02"] {
            assert_eq!(holding(&cohort.store(), words.as_bytes()), [""; 0], "{words}");
        }
    });
}

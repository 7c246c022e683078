//! A cache that the pandas package left is exported: its complete sessions, each row once; the others are named.

mod support;

use std::fs;

use rusqlite::{Connection, params};
use support::cohort::Cohort;
use support::files::{copy, fixture, names_in};
use support::store::{NULL, Store, number, rows_each};

/// Rows as pandas wrote them: a row a region, flags as integers, sessions' ids in each row.
fn add_anatomical(connection: &Connection, subject: &str, session: Option<&str>, value: f64) {
    for (index, label) in ["a", "b", "NA"].into_iter().enumerate() {
        let index = i64::try_from(index).unwrap() + 1;
        let row = params![index, label, value / 3.0, 12, 1, "gm", "volume", subject, session, 1400.5];
        let sql = "INSERT INTO anatomical_gm VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        connection.execute(sql, row).unwrap();
    }
}

fn add_diffusion(connection: &Connection, subject: &str, session: &str, param: &str, value: f64) {
    for (index, label) in ["a", "b"].into_iter().enumerate() {
        let index = i64::try_from(index).unwrap() + 1;
        let row = params![index, label, value, "x_act-HSVS", "m", param, "unknown", subject, session];
        let sql = "INSERT INTO \"diffusion_x_act-HSVS\" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        connection.execute(sql, row).unwrap();
    }
}

fn complete(connection: &Connection, subject: &str, session: Option<&str>, modality: &str) {
    let sql = "INSERT INTO completed_sessions VALUES (?1, ?2, ?3, '2025-01-01')";
    connection.execute(sql, params![subject, session, modality]).unwrap();
}

/// A cache with all that happened to such caches.
fn cohort() -> Cohort {
    let cohort = Cohort::empty();
    fs::create_dir_all(cohort.store()).unwrap();
    let connection = Connection::open(cohort.store().join(".cache.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE completed_sessions (subject_code TEXT, session_id TEXT, modality TEXT, completed_at TEXT);
             CREATE TABLE anatomical_gm (\"index\" BIGINT, label TEXT, mean FLOAT, voxel_count BIGINT,
                is_bimodal INTEGER, modality TEXT, metric TEXT, subject_code TEXT, session_id TEXT, tiv FLOAT);
             CREATE TABLE \"diffusion_x_act-HSVS\" (\"index\" BIGINT, label TEXT, mean FLOAT, workflow TEXT,
                model TEXT, param TEXT, \"desc\" TEXT, subject_code TEXT, session_id TEXT);",
        )
        .unwrap();
    add_anatomical(&connection, "0001", Some("20250101"), 1.0);
    complete(&connection, "0001", Some("20250101"), "anatomical");
    // Loaded again after a crash: rows and mark are there twice.
    for _ in 0..2 {
        add_anatomical(&connection, "0002", Some("20250102"), 2.0);
        complete(&connection, "0002", Some("20250102"), "anatomical");
    }
    // Cut short: rows without a mark, and a mark without rows.
    add_anatomical(&connection, "0003", Some("1"), 3.0);
    complete(&connection, "0004", Some("1"), "anatomical");
    // Twice with other values: which of them is right cannot be told.
    add_anatomical(&connection, "0005", Some("1"), 5.0);
    add_anatomical(&connection, "0005", Some("1"), 5.5);
    complete(&connection, "0005", Some("1"), "anatomical");
    add_diffusion(&connection, "0001", "20250101", "fa", 0.1 + 0.2);
    add_diffusion(&connection, "0001", "20250101", "md", f64::MIN_POSITIVE);
    complete(&connection, "0001", Some("20250101"), "diffusion");
    cohort
}

#[test]
fn complete_sessions_are_exported_once_and_the_others_are_named() {
    let cohort = cohort();
    let status = cohort.export_cache(&["--status", "--json"]).ended(0).json()["cache"].clone();
    assert_eq!(
        (status["anatomical_sessions"].as_u64(), status["diffusion_sessions"].as_u64()),
        (Some(3), Some(1))
    );
    let ran = cohort.export_cache(&["--atlas-name", "AAL"]).ended(0);
    for named in ["0003 1 anatomical: it was cut short", "0004 1 anatomical", "sub-0005/ses-1 anatomical"] {
        assert!(ran.stderr.contains(named), "{named:?} is not in {}", ran.stderr);
    }
    let store = Store::read(&cohort.store());
    let gm = store.table("long/anatomical_gm.parquet");
    assert_eq!(gm.rows.len(), 6);
    assert_eq!(gm.types[..5], ["Int64", "Utf8", "Float64", "Int64", "Boolean"]);
    assert_eq!(gm.column("label").iter().filter(|label| **label == "NA").count(), 2);
    assert!(gm.doubles("tiv").iter().all(|tiv| *tiv == Some(1400.5)));
    let diffusion = store.table("long/diffusion/x_act-HSVS.parquet");
    assert_eq!(diffusion.rows.len(), 4);
    assert!(diffusion.doubles("mean").contains(&Some(0.1 + 0.2)), "every bit of a double is kept");
    assert_eq!(store.table("wide/anatomical/gm_mean.parquet").rows.len(), 2);
    assert_eq!(store.manifest["atlas_name"], "AAL");
    assert!(!cohort.store().join(".cache.db").exists());
    assert_eq!(left(&cohort, ".cache"), [""; 0]);
}

#[test]
fn an_old_cache_is_not_changed_before_its_export_is_verified() {
    let cohort = cohort();
    let path = cohort.store().join(".cache.db");
    let before = fs::read(&path).unwrap();
    // Something in a file's place stops the export.
    fs::create_dir_all(cohort.path("data/processed/wide/anatomical/gm_mean.parquet/x")).unwrap();
    cohort.export_cache(&["--atlas-name", "AAL"]).ended(1);
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_dir_all(cohort.path("data/processed/wide/anatomical/gm_mean.parquet")).unwrap();
    cohort.export_cache(&["--atlas-name", "AAL", "--keep-cache"]).ended(0);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(Store::read(&cohort.store()).table("long/anatomical_gm.parquet").rows.len(), 6);
}

#[test]
fn a_load_beside_an_old_cache_says_how_to_export_it_first() {
    let cohort = cohort();
    cohort.add("1", "20250101");
    cohort.list("subject_code,session_id\n1,20250101\n");
    let ran = cohort.run(&[]).ended(1);
    assert!(
        ran.stderr.contains("pandas package") && ran.stderr.contains("neuroalign-export-cache"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_session_without_an_id_is_taken_over() {
    let cohort = cohort();
    let connection = Connection::open(cohort.store().join(".cache.db")).unwrap();
    add_anatomical(&connection, "0009", None, 9.0);
    complete(&connection, "0009", None, "anatomical");
    drop(connection);
    cohort.export_cache(&["--atlas-name", "AAL"]).ended(0);
    let store = Store::read(&cohort.store());
    let gm = store.table("long/anatomical_gm.parquet");
    let ids = gm.column("subject_code").into_iter().zip(gm.column("session_id"));
    assert_eq!(ids.filter(|ids| *ids == ("0009", NULL)).count(), 3);
}

/// The cache of the package beside its store, as a pandas writes them.
fn beside_a_store(pandas: &str) -> Cohort {
    let cohort = Cohort::empty();
    copy(&fixture(&format!("pandas_package/{pandas}")), &cohort.store());
    fs::rename(cohort.store().join("cache.db"), cohort.store().join(".cache.db")).unwrap();
    cohort.list_of(&[]);
    cohort
}

/// Names of the store's folder that begin so.
fn left(cohort: &Cohort, start: &str) -> Vec<String> {
    names_in(&cohort.store()).into_iter().filter(|name| name.starts_with(start)).collect()
}

#[test]
fn a_cache_beside_a_store_of_the_package_joins_it() {
    for pandas in ["pandas-2", "pandas-3"] {
        let cohort = beside_a_store(pandas);
        cohort.export_cache(&[]).ended(0).says(&["0007 20250107 diffusion: it was cut short"]);
        let store = Store::read(&cohort.store());
        let sessions = ["0001/20250101", "0002/20250102", "0006/20250106", "0007/20250107"];
        for table in ["gm", "wm", "ct"] {
            let path = format!("long/anatomical_{table}.parquet");
            assert_eq!(store.sessions_of(&path), rows_each(3, &sessions), "{pandas}");
            let table = store.table(&path);
            let flag = table.columns.iter().position(|column| column == "is_bimodal").unwrap();
            assert_eq!(table.types[flag], "Boolean", "{path}");
            let ours =
                |row: &&Vec<String>| row.contains(&"0007".to_owned()) && row.contains(&"RH_Vis_1".to_owned());
            assert_eq!(table.rows.iter().find(ours).unwrap()[flag], "false", "{path}");
            // Behind what the package adds stand the session list's columns.
            assert_eq!(table.columns.iter().filter(|column| *column == "AGE").count(), 1);
            assert!(!table.columns.iter().any(|column| column.ends_with("_loaded")));
        }
        assert_eq!(store.sessions_of("long/diffusion/NODDI.parquet"), rows_each(6, &sessions[..3]));
        let ages = store.by_session("metadata.parquet", "AGE");
        assert_eq!(ages.values().filter_map(|age| number(age)).collect::<Vec<_>>(), [30.5, 41.0, 61.0, 71.0]);
        assert_eq!(store.by_session("metadata.parquet", "sex")["0006/20250106"], "F");
        assert_eq!(store.by_session("tiv.parquet", "tiv").len(), 4);
        assert_eq!(left(&cohort, ".cache.db"), [""; 0]);
    }
}

#[test]
fn age_comes_along_where_there_is_no_metadata_yet_and_is_no_column_of_the_tables() {
    let cohort = beside_a_store("pandas-3");
    for path in ["long", "wide", "manifest.json", "metadata.parquet", "tiv.parquet"] {
        cohort.remove(&format!("data/processed/{path}"));
    }
    cohort.export_cache(&["--atlas-name", "AAL"]).ended(0);
    let store = Store::read(&cohort.store());
    let metadata = store.table("metadata.parquet");
    assert_eq!(metadata.columns, ["subject_code", "session_id", "AGE"]);
    assert_eq!(metadata.doubles("AGE"), [Some(61.0), Some(71.0)]);
    // What the session list says of sex is no column of the tables' own: the next list's stands there.
    cohort.list("subject_code,session_id,AGE,sex\n0006,20250106,62,F\n0007,20250107,72,M\n");
    cohort.run(&["--atlas-name", "AAL"]).ended(0);
    let store = Store::read(&cohort.store());
    assert!(store.table("long/anatomical_gm.parquet").column("sex").contains(&"M"));
    assert!(!store.table("long/anatomical_gm.parquet").columns.contains(&"DoB".to_owned()));
}

#[test]
fn the_atlas_of_an_old_cache_is_asked_for_and_never_guessed() {
    let cohort = cohort();
    cohort.export_cache(&[]).ended(1).says(&["--atlas-name"]);
    assert_eq!(left(&cohort, ".cache-taken"), [""; 0]);
    let connection = Connection::open(cohort.store().join(".cache.db")).unwrap();
    for table in ["anatomical_gm", "\"diffusion_x_act-HSVS\""] {
        let name =
            format!("ALTER TABLE {table} ADD COLUMN atlas_name TEXT; UPDATE {table} SET atlas_name = 'AAL'");
        connection.execute_batch(&name).unwrap();
    }
    drop(connection);
    cohort.export_cache(&[]).ended(0);
    assert_eq!(Store::read(&cohort.store()).manifest["atlas_name"], "AAL");
}

#[test]
fn a_take_over_that_was_killed_leaves_nothing_behind() {
    let killed = || {
        let cohort = beside_a_store("pandas-3");
        cohort.add("6", "20250106");
        cohort.list("subject_code,session_id\n0006,20250106\n");
        for name in ["", "-wal", "-shm", "-journal"] {
            cohort
                .write(&format!("data/processed/.cache-taken-over.db{name}"), "0006 with all that is known");
        }
        cohort
    };
    let cohort = killed();
    cohort.export_cache(&[]).ended(0);
    assert_eq!(left(&cohort, ".cache"), [""; 0]);
    let cohort = killed();
    cohort.run(&["--force", "--yes"]).ended(0);
    assert_eq!(left(&cohort, ".cache"), [""; 0]);
    let cohort = killed();
    cohort.remove("data/processed/.cache.db");
    cohort.run(&[]).ended(0);
    assert_eq!(left(&cohort, ".cache"), [""; 0]);
}

#[test]
fn whoever_withdrew_is_in_no_cache_of_the_package() {
    let cohort = beside_a_store("pandas-2");
    cohort.write("withdrawn.txt", "0006\n0001\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.txt"]).ended(0);
    let store = Store::read(&cohort.store());
    for (name, table) in &store.tables {
        let subjects = table.column("subject_code");
        assert!(!subjects.contains(&"0006") && !subjects.contains(&"0001"), "{name}");
    }
}

#[test]
fn whoever_withdrew_leaves_a_cache_of_the_package_however_it_writes_identifiers() {
    let tables = ["completed_sessions", "anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_NODDI"];
    for pandas in ["pandas-2", "pandas-3"] {
        for (change, list) in [
            ("session_id = ''", "0006"),
            ("session_id = NULL", "0006"),
            ("session_id = '2025-01-06'", "0006"),
            ("session_id = '2025-01-06'", "0006,2025-01-06"),
            ("session_id = '20250106.0'", "0006"),
            ("session_id = 'nan'", "0006"),
            ("subject_code = 'AB.6'", "AB.6"),
            ("subject_code = '6'", "6"),
        ] {
            let cohort = beside_a_store(pandas);
            let connection = Connection::open(cohort.store().join(".cache.db")).unwrap();
            // The mark of a session is never without an id.
            for table in tables.into_iter().skip(usize::from(change.ends_with("NULL"))) {
                let sql = format!("UPDATE {table} SET {change} WHERE subject_code = '0006'");
                connection.execute(&sql, []).unwrap();
            }
            drop(connection);
            cohort.write("withdrawn.txt", &format!("{list}\n"));
            cohort.export_cache(&["--withdrawn", "withdrawn.txt"]).ended(0);
            let store = Store::read(&cohort.store());
            for (name, table) in &store.tables {
                let gone = |code: &&str| ["0006", "0AB_6", "AB_6"].contains(code);
                assert!(!table.column("subject_code").iter().any(gone), "{pandas} {change} {name}");
            }
        }
    }
}

#[test]
fn whole_numbers_that_a_cache_of_the_package_holds_as_doubles_are_identifiers_without_a_point() {
    for pandas in ["pandas-2", "pandas-3"] {
        let cohort = beside_a_store(pandas);
        let connection = Connection::open(cohort.store().join(".cache.db")).unwrap();
        for table in ["anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_NODDI"] {
            let sql = format!(
                "ALTER TABLE {table} RENAME COLUMN session_id TO as_text; ALTER TABLE {table} ADD COLUMN session_id REAL;
                 UPDATE {table} SET session_id = as_text; ALTER TABLE {table} DROP COLUMN as_text;"
            );
            connection.execute_batch(&sql).unwrap();
        }
        drop(connection);
        cohort.write("withdrawn.txt", "0006,20250106\n");
        cohort.export_cache(&["--withdrawn", "withdrawn.txt"]).ended(0);
        let sessions = Store::read(&cohort.store()).sessions_of("long/anatomical_gm.parquet");
        let left = rows_each(3, &["0001/20250101", "0002/20250102", "0007/20250107"]);
        assert_eq!(sessions, left, "{pandas}");
    }
}

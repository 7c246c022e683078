//! Rows move from the cache's database to parts beside the long tables while others are loaded. Whatever happens to a load, to
//! its files or to the people in it, the store is the one that a load without parts makes.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use na_store::{FeatureStore, Origin, ReadOptions};
use rusqlite::Connection;
use support::Ran;
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::files::{copy, holding};
use support::sealing::{
    SEALED, SESSIONS, assert_whole, cohort_of, cut_short, list, parts, sealed_units, subject, unsealed,
};
use support::store::Store;

const MARK: &[u8] = b"bytes behind the sealed ones";

fn sealed_subjects(store: &Path) -> BTreeSet<String> {
    let cache = Connection::open(store.join(".cache.db")).unwrap();
    let sql = "SELECT subject_code FROM units JOIN tables USING (unit) WHERE seal IS NOT NULL";
    let mut statement = cache.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_load_that_seals_makes_the_same_store_and_leaves_no_part() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

/// Whatever the sealer does at that moment.
#[test]
fn a_load_that_is_interrupted_says_what_is_safe() {
    for after in [3, 5, 8, 13, 21, 34, 55] {
        let cohort = cohort_of(0..60);
        let mut command = cohort.command(&[&SEALED[..], &["--verbose", "--no-progress", "-j", "1"]].concat());
        let mut load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(load.stderr.take().unwrap()).lines();
        let committed = said.by_ref().filter(|line| line.as_ref().unwrap().contains("is committed"));
        assert_eq!(committed.take(after).count(), after);
        assert!(Command::new("kill").arg("-INT").arg(load.id().to_string()).status().unwrap().success());
        said.for_each(drop);
        let ran = Ran::of(load.wait_with_output().unwrap());
        if ran.code == Some(130) {
            let status = cohort.export_cache(&["--status", "--json"]).ended(0).json();
            let n = |modality: &str| status["cache"][format!("{modality}_sessions")].as_u64().unwrap();
            let safe = format!("{} anatomical, {} diffusion are safe", n("anatomical"), n("diffusion"));
            ran.says(&[&safe]);
        }
    }
}

#[test]
fn what_was_sealed_is_read_counted_and_exported_after_a_load_that_was_cut_short() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    let read = FeatureStore::open(&store).unwrap().feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    let committed = cohort.export_cache(&["--status", "--json"]).ended(0).json()["cache"].clone();
    assert_eq!(committed["anatomical_sessions"].as_u64().unwrap(), read.num_rows() as u64);
    let ran = cohort.run(&["--json"]).ended(0).json();
    assert!(ran["skipped"]["anatomical"].as_u64().unwrap() >= (SESSIONS - 1) as u64, "{ran}");
    assert_whole(&cohort, &expected);
    cut_short(cohort_again(&cohort), &[]);
    for part in parts(&store) {
        File::options().append(true).open(part).unwrap().write_all(MARK).unwrap();
    }
    cohort.export_cache(&["--keep-cache"]).ended(0);
    assert!(parts(&store).len() >= 4, "a cache that stays keeps its parts");
    assert_eq!(holding(&store, MARK), [""; 0], "what was never sealed is cut off");
    let kept = Store::read(&store);
    cohort.export_cache(&[]).ended(0);
    kept.assert_same(&Store::read(&store));
    cohort.run(&[]).ended(0);
    assert_whole(&cohort, &expected);
}

/// The same cohort without its store.
fn cohort_again(cohort: &Cohort) -> &Cohort {
    fs::remove_dir_all(cohort.store()).unwrap();
    cohort
}

#[test]
fn files_that_changed_after_they_were_sealed_are_read_again() {
    let cohort = cohort_of(0..SESSIONS);
    cut_short(&cohort, &[]);
    cohort.write(&anatomical("0002", "1", "GM"), &tsv(77.5));
    cohort.write(&diffusion("NODDI", "0005", "1", "od"), &tsv(0.123));
    cohort.remove(&anatomical("0003", "1", "CT"));
    cohort.run(&SEALED).ended(0);
    let expected = unsealed(&cohort);
    let long = Store::read(&cohort.store());
    for table in ["long/anatomical_gm.parquet", "long/anatomical_wm.parquet", "long/diffusion/NODDI.parquet"]
    {
        assert_eq!(sorted(&long, table), sorted(&expected, table), "{table}");
    }
    assert_eq!(parts(&cohort.store()).len(), 0);
}

fn sorted(store: &Store, table: &str) -> Vec<Vec<String>> {
    let mut rows = store.table(table).rows.clone();
    rows.sort();
    rows
}

/// A table with further columns, which have the same cells in every row.
fn with_columns(value: f64, names: &str, cells: &str) -> String {
    let lines = tsv(value);
    let (header, rows) = lines.split_once('\n').unwrap();
    let rows: String = rows.lines().map(|row| format!("{row}\t{cells}\n")).collect();
    format!("{header}\t{names}\n{rows}")
}

/// A column of whole numbers becomes one of fractions, then of words; another column comes and stands first.
#[test]
fn columns_that_come_and_change_after_a_sealing_are_as_if_all_was_loaded_at_once() {
    let cohort = cohort_of(0..SESSIONS);
    for place in 0..SESSIONS {
        let cell = match place {
            0..4 => "5",
            4..8 => "2.5",
            _ => "many",
        };
        let text = tsv(1.5).lines().enumerate().fold(String::new(), |text, (line, cells)| {
            let (first, last) = match (line, place) {
                (0, 6..) => ("first\t", "\tcount"),
                (0, _) => ("", "\tcount"),
                (_, 6..) => ("f\t", ""),
                _ => ("", ""),
            };
            let last = if line == 0 { last.to_owned() } else { format!("\t{cell}") };
            text + first + cells + &last + "\n"
        });
        cohort.write(&anatomical(&subject(place), "1", "GM"), &text);
        // Two maps of one session, of which one has whole numbers where the other has not.
        for (param, count) in [("icvf", "7"), ("od", if place < 8 { "0.5" } else { "few" })] {
            let path = diffusion("NODDI", &subject(place), "1", param);
            cohort.write(&path, &with_columns(0.25, "count", count));
        }
    }
    let expected = unsealed(&cohort);
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
    cut_short(cohort_again(&cohort), &[]);
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

/// A column of `n/a` has no type: it goes with the sessions that have numbers in it.
#[test]
fn columns_without_values_make_no_parts_of_their_own() {
    let cohort = cohort_of(0..SESSIONS);
    for place in 0..SESSIONS {
        let cell = |column: usize| if (place >> column) & 1 == 0 { "n/a" } else { "0.5" };
        let cells = [0, 1, 2].map(cell).join("\t");
        cohort.write(&anatomical(&subject(place), "1", "GM"), &with_columns(2.5, "a\tb\tc", &cells));
    }
    let expected = unsealed(&cohort);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &SEALED);
    assert_eq!(parts(&cohort.store()).len(), 4, "a part for each table");
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

/// Columns whose types vary from session to session: whole numbers, fractions, words.
#[test]
fn columns_that_vary_from_session_to_session_make_few_parts() {
    let cohort = cohort_of(0..2 * SESSIONS);
    for place in 0..2 * SESSIONS {
        let cells = [1, 3, 9].map(|turn| ["1", "0.5", "word"][(place / turn) % 3]).join("\t");
        cohort.write(&anatomical(&subject(place), "1", "GM"), &with_columns(2.5, "a\tb\tc", &cells));
    }
    let expected = unsealed(&cohort);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &SEALED);
    let n_parts = parts(&cohort.store()).len();
    assert!((6..=7).contains(&n_parts), "{n_parts}: four at most of the table whose columns vary");
    assert!(sealed_units(&cohort.store()) >= 2 * (2 * SESSIONS - 2), "the others go to their parts");
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

/// Two scanners, whose tables have other columns, in turns.
#[test]
fn sessions_of_two_layouts_in_turns_are_all_sealed() {
    let cohort = cohort_of(0..2 * SESSIONS);
    for place in (0..2 * SESSIONS).filter(|place| place % 5 < 2) {
        cohort.write(&anatomical(&subject(place), "1", "GM"), &with_columns(2.5, "scanner", "fast"));
    }
    let expected = unsealed(&cohort);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &["--sealed-at-once", "20"]);
    let cache = Connection::open(cohort.store().join(".cache.db")).unwrap();
    let sql = "SELECT count(*) FROM tables WHERE table_name = 'anatomical_gm' AND seal IS NULL";
    let left: i64 = cache.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(left < 5 + 5 / 2 + 4, "{left}: no more than wait for a window");
    drop(cache);
    assert_eq!(parts(&cohort.store()).len(), 5);
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

#[test]
fn who_reads_a_folder_of_tables_while_it_is_loaded_finds_no_parts_there() {
    let cohort = cohort_of(0..SESSIONS);
    let store = cut_short(&cohort, &[]);
    assert_eq!(parts(&store).iter().filter(|path| path.extension().is_some()).count(), 0);
}

#[test]
fn a_window_of_no_rows_is_one_of_a_session() {
    let cohort = cohort_of(0..4);
    let expected = unsealed(&cohort);
    cohort.run(&["--sealed-at-once", "0"]).ended(0);
    assert_whole(&cohort, &expected);
}

#[test]
fn a_part_that_is_cut_lost_or_damaged_is_told_and_its_sessions_are_loaded_again() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let flip = |part: &Path, place: u64| {
        let file = File::options().read(true).write(true).open(part).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).unwrap();
        file.write_all_at(&[!byte[0]], place).unwrap();
    };
    let spoil: [&dyn Fn(&Path); 4] = [
        &|part| File::options().write(true).open(part).unwrap().set_len(100).unwrap(),
        &|part| fs::remove_file(part).unwrap(),
        &|part| flip(part, 60),
        &|part| flip(part, 3),
    ];
    for spoil in spoil {
        let store = cut_short(&cohort, &[]);
        spoil(parts(&store).first().unwrap());
        let ran = cohort.run(&["--json"]).ended(0).says(&["these sessions are loaded again", "sub-0000"]);
        let [anatomical, _] = ran.units("loaded");
        assert!(anatomical >= 2, "{ran:?}");
        assert_whole(&cohort, &expected);
        fs::remove_dir_all(&store).unwrap();
    }
}

/// A session is there with all that was loaded of it, or not at all.
#[test]
fn who_reads_is_not_told_of_sessions_of_which_rows_are_gone() {
    let cohort = cohort_of(0..SESSIONS);
    let store = cut_short(&cohort, &[]);
    let sessions = |table: &str| {
        let store = FeatureStore::open(&store).unwrap();
        if !store.list_long_formats().unwrap().iter().any(|name| name == table) {
            return BTreeSet::new();
        }
        let read = store.load_long(table).unwrap();
        let codes = read.column("subject_code").unwrap().str().unwrap();
        codes.iter().map(|code| code.unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    assert_eq!(sessions("anatomical_gm").len(), SESSIONS);
    fs::remove_file(parts(&store).first().unwrap()).unwrap();
    let left = sessions("anatomical_gm");
    assert!(left.len() < SESSIONS, "{left:?}");
    assert_eq!([sessions("anatomical_wm"), sessions("anatomical_ct")], [left.clone(), left]);
}

#[test]
fn a_fresh_load_that_lost_rows_loads_them_again() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    cohort.run(&[]).ended(0);
    let store = cut_short(&cohort, &["--force"]);
    fs::remove_file(parts(&store).first().unwrap()).unwrap();
    cohort.run(&["--force"]).ended(0).says(&["these sessions are loaded again"]);
    assert_whole(&cohort, &expected);
}

#[test]
fn whoever_withdraws_leaves_the_parts_with_every_byte() {
    const GONE: &str = "WXQ77Z";
    let cohort = cohort_of(0..SESSIONS);
    cohort.add(GONE, "1");
    cohort.write(&anatomical(GONE, "1", "GM"), &tsv(12_345.678_912_3));
    let names: Vec<String> = std::iter::once(GONE.to_owned()).chain((0..SESSIONS).map(subject)).collect();
    list(&cohort, &names);
    let store = cut_short(&cohort, &["--compression", "none"]);
    let value = 12_345.678_912_3_f64.to_le_bytes();
    assert!(!holding(&store, GONE.as_bytes()).is_empty());
    cohort.write("withdrawn.txt", &format!("{GONE}\n"));
    let withdrawn = ["--withdrawn", "withdrawn.txt", "--compression", "none"];
    cohort.run_stopped_at("long/anatomical_gm.parquet", &withdrawn);
    for left in [GONE.as_bytes(), &value] {
        assert_eq!(holding(&store, left), [""; 0]);
    }
    assert!(!parts(&store).is_empty(), "the others' rows are in parts still");
    let rows: Vec<String> = (0..SESSIONS).map(subject).collect();
    list(&cohort, &rows);
    cohort.run(&withdrawn).ended(0);
    assert_eq!(holding(&store, GONE.as_bytes()), [""; 0]);
    cohort.remove(&format!("parcellated/cat12/sub-{GONE}"));
    let expected = unsealed(&cohort);
    let read = Store::read(&store);
    for table in
        ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet", "wide/anatomical/gm_mean.parquet"]
    {
        assert_eq!(read.table(table).rows, expected.table(table).rows, "{table}");
    }
}

#[test]
fn an_export_by_hand_refuses_a_cache_that_lost_rows_and_says_how_to_go_on() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    let store = cut_short(&cohort, &[]);
    fs::remove_file(parts(&store).first().unwrap()).unwrap();
    cohort.export_cache(&[]).ended(1).says(&["are gone from", "run the load again"]);
    assert!(!store.join("manifest.json").exists());
    cohort.run(&[]).ended(0);
    assert_whole(&cohort, &expected);
}

/// The manifest does not name them yet.
#[test]
fn features_of_a_table_that_just_got_its_name_are_listed() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&["--no-diffusion"]).ended(0);
    cohort.stop_exports_at("sources.parquet");
    cohort.run(&SEALED).ended(1);
    assert!(cohort.store().join("long/diffusion/NODDI.parquet").exists());
    let listed = FeatureStore::open(cohort.store()).unwrap().list_features(None).unwrap();
    assert!(listed.contains(&"NODDI_noddi_icvf_mean".to_owned()), "{listed:?}");
    assert!(listed.contains(&"gm_mean".to_owned()), "{listed:?}");
}

/// The part that became the table is needed once more when the table is replaced.
#[test]
fn a_cache_that_stays_has_the_rows_of_parts_that_got_the_name_of_their_table() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run_stopped_at("sources.parquet", &SEALED);
    cohort.add("new", "1");
    let names: Vec<String> = (0..SESSIONS).map(subject).chain(["new".to_owned()]).collect();
    list(&cohort, &names);
    cohort.run(&["--keep-cache"]).ended(0);
    let store = FeatureStore::open(cohort.store()).unwrap();
    let rows = |origin| store.feature_batch("gm_mean", &ReadOptions::default().from(origin)).unwrap();
    assert_eq!(rows(Origin::Cache).num_rows(), SESSIONS + 1);
    assert_eq!(rows(Origin::Cache).columns(), rows(Origin::Parquet).columns());
    for part in parts(&cohort.store()) {
        assert_eq!(fs::metadata(&part).unwrap().permissions().mode() & 0o777, 0o600, "{part:?}");
    }
}

#[test]
fn a_fresh_load_never_joins_the_store_that_it_replaces() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    for place in 0..SESSIONS {
        cohort.write(&anatomical(&subject(place), "1", "GM"), &tsv(1.25));
    }
    let expected = unsealed(&cohort);
    let store = cohort.store();
    let run = |arguments: &[&str]| cohort.run(&[&SEALED[..], arguments].concat());
    for stopped_at in ["long/anatomical_gm.parquet", "wide/anatomical/gm_mean.parquet", "sources.parquet"] {
        cohort.stop_exports_at(stopped_at);
        run(&["--force"]).ended(1);
        assert!(parts(&store).len() >= 4, "{stopped_at}");
        cohort.let_exports_pass(stopped_at);
    }
    let shown =
        FeatureStore::open(&store).unwrap().feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    assert_eq!(shown.num_rows(), SESSIONS);
    let backup = cohort.path("backup");
    copy(&store, &backup);
    assert_eq!(run(&["--json"]).ended(0).units("loaded"), [0, 0]);
    assert_whole(&cohort, &expected);
    // Somebody thinks better of it.
    fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    cohort.export_cache(&["--discard"]).ended(0);
    assert_whole(&cohort, &before);
}

#[test]
fn sessions_that_the_store_has_are_not_sealed_and_are_replaced_once() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&[]).ended(0);
    for place in 0..4 {
        cohort.write(&anatomical(&subject(place), "1", "GM"), &tsv(3.25));
    }
    cohort.add("new", "1");
    cohort.add("newer", "1");
    cohort.add("newest", "1");
    let names = (0..SESSIONS).map(subject).chain(["new", "newer", "newest"].map(str::to_owned));
    let names: Vec<String> = names.collect();
    list(&cohort, &names);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &SEALED);
    let sealed = sealed_subjects(&cohort.store());
    assert!(sealed.iter().all(|subject| subject.contains("new")) && !sealed.is_empty(), "{sealed:?}");
    cohort.run(&SEALED).ended(0);
    let expected = unsealed(&cohort);
    let read = Store::read(&cohort.store());
    for table in ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet"] {
        assert_eq!(sorted(&read, table), sorted(&expected, table), "{table}");
    }
    assert_eq!(
        read.table("wide/anatomical/gm_mean.parquet").rows,
        expected.table("wide/anatomical/gm_mean.parquet").rows
    );
    assert_eq!(parts(&cohort.store()).len(), 0);
}

/// The session list says something else when the load goes on: the facts in sealed rows are not those of the list.
#[test]
fn what_the_list_says_after_a_sealing_counts() {
    let cohort = cohort_of(0..SESSIONS);
    cut_short(&cohort, &[]);
    let mut list = "subject_code,session_id,AGE,sex,site\n".to_owned();
    (0..SESSIONS).for_each(|place| list.push_str(&format!("{},1,{}.25,X,far\n", subject(place), 40 + place)));
    cohort.list(&list);
    let expected = unsealed(&cohort);
    cohort.run(&SEALED).ended(0);
    assert_whole(&cohort, &expected);
}

#[test]
fn with_keep_cache_the_database_has_everything() {
    let cohort = cohort_of(0..SESSIONS);
    cohort.run(&[&SEALED[..], &["--keep-cache"]].concat()).ended(0);
    assert_eq!((parts(&cohort.store()).len(), sealed_units(&cohort.store())), (0, 0));
}

#[test]
fn an_export_that_stopped_after_some_tables_had_their_names_goes_on() {
    let cohort = cohort_of(0..SESSIONS);
    let expected = unsealed(&cohort);
    for stopped_at in ["long/diffusion/NODDI.parquet", "wide/anatomical/gm_mean.parquet", "sources.parquet"] {
        let _ = fs::remove_dir_all(cohort.store());
        fs::create_dir_all(cohort.store().join(stopped_at).parent().unwrap()).unwrap();
        cohort.stop_exports_at(stopped_at);
        cohort.run(&SEALED).ended(1);
        let store = cohort.store();
        assert!(store.join("long/anatomical_gm.parquet").exists(), "{stopped_at}");
        let shown = FeatureStore::open(&store).unwrap();
        let shown = shown.feature_batch("NODDI_noddi_icvf_mean", &ReadOptions::default());
        assert_eq!(shown.unwrap().num_rows(), SESSIONS, "{stopped_at}");
        cohort.let_exports_pass(stopped_at);
        let again: Ran = cohort.run(&["--json"]).ended(0);
        assert_eq!(again.units("loaded"), [0, 0], "{stopped_at}");
        assert_whole(&cohort, &expected);
    }
}

//! What a merge makes of its list, of damage, and of what others do meanwhile.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Ran;
use support::cohort::{Cohort, anatomical};
use support::files;
use support::segments::{assert_is_one_run, segments_in, store_of_one_run};
use support::store::Store;

/// Four sessions of as many subjects, published by two processes.
fn published() -> Cohort {
    let cohort = Cohort::of(&["0001", "0002", "0003", "0004"].map(|subject| (subject, "1")));
    for shard in ["0/2", "1/2"] {
        cohort.run(&["--segment", "--shard", shard]).ended(0);
    }
    cohort
}

fn segments(cohort: &Cohort) -> Vec<PathBuf> {
    segments_in(&cohort.store())
}

fn merge(cohort: &Cohort) -> Ran {
    cohort.export_cache(&["--sessions", "sessions.csv"])
}

/// As a disk does.
fn turn_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_segment_that_a_disk_has_changed_is_set_aside_and_its_sessions_are_read_again() {
    let cohort = published();
    let damaged = segments(&cohort).remove(0);
    turn_a_bit(&damaged);
    let json = cohort.export_cache(&["--json"]).ended(3).json();
    assert_eq!(json["left_out"]["segments"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
    let aside = PathBuf::from(format!("{}.damaged", damaged.display()));
    assert!(aside.exists());
    cohort.export_cache(&["--status", "--sessions", "sessions.csv"]).ended(3).says(&["There: 4 of 8"]);
    // Nobody is needed: who comes next reads what is not there.
    cohort.run(&["--segment", "--shard", "0/1"]).ended(0);
    merge(&cohort).ended(0);
    assert_is_one_run(&cohort);
    // Whom it names nobody can tell.
    cohort.write("withdrawn.csv", "subject_code\n0099\n");
    let withdrawn = ["--withdrawn", "withdrawn.csv"];
    cohort.export_cache(&withdrawn).ended(3).says(&["was damaged and is deleted"]);
    assert!(!aside.exists());
    // Also where a list of as many was told before, and where nobody can open it.
    for _ in 0..2 {
        cohort.run(&[&["--segment"], &withdrawn[..]].concat()).ended(0);
        let segment = segments(&cohort).remove(0);
        fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(5000).unwrap();
        let merge = [&["--sessions", "sessions.csv"], &withdrawn[..]].concat();
        cohort.export_cache(&merge).ended(3).says(&["was damaged and is deleted"]);
        let left = cohort.store().join(".segments");
        assert!(!left.exists() || files::names_in(&left).is_empty());
    }
}

#[test]
fn an_ordinary_run_that_finds_a_damaged_segment_says_so_and_the_next_one_mends_it() {
    let cohort = published();
    turn_a_bit(&segments(&cohort)[1]);
    cohort.run(&[]).ended(3).says(&["is not what was published"]);
    cohort.run(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn a_withdrawal_takes_no_damaged_segment_for_a_whole_one() {
    let cohort = published();
    for segment in segments(&cohort) {
        turn_a_bit(&segment);
    }
    cohort.write("withdrawn.csv", "subject_code\n0001\n");
    let withdrawn = ["--withdrawn", "withdrawn.csv", "--yes"];
    let merge = [&["--sessions", "sessions.csv"], &withdrawn[..]].concat();
    cohort.export_cache(&merge).says(&["was damaged and is deleted"]);
    assert!(!cohort.store().join("manifest.json").exists());
    cohort.run(&withdrawn).ended(0);
    let store = Store::read(&cohort.store());
    cohort.run(&[&["-o", "in-one-run"], &withdrawn[..]].concat()).ended(0);
    let expected = Store::read(&cohort.path("in-one-run"));
    for table in ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet", "tiv.parquet"] {
        assert_eq!(store.table(table), expected.table(table));
    }
}

#[test]
fn a_merge_that_finds_nothing_left_changes_nothing() {
    let cohort = published();
    // Not in the order of the codes, and with somebody of whom nothing is there.
    cohort.list_of(&["0003", "0001", "0090", "0004", "0002"].map(|subject| (subject, "1")));
    merge(&cohort).ended(0);
    let store = Store::read(&cohort.store());
    merge(&cohort).ended(0).says(&["Nothing was waiting"]).keeps_quiet_about(&["which files were chosen"]);
    let again = Store::read(&cohort.store());
    assert_eq!(store.sessions, again.sessions);
    again.assert_same(&store);
    assert!(!cohort.store().join(".cache.db").exists());
    // Another list is one.
    cohort.list_of(&["0090", "0002", "0003", "0004", "0001"].map(|subject| (subject, "1")));
    merge(&cohort).ended(0);
    assert_eq!(
        (cohort.session_rows()[0][0].as_str(), cohort.session_rows()[2][0].as_str()),
        ("0090", "0002")
    );
    let ages = Store::read(&cohort.store()).table("metadata.parquet").doubles("AGE");
    cohort.run(&[]).ended(0);
    assert_eq!(ages, Store::read(&cohort.store()).table("metadata.parquet").doubles("AGE"));
    cohort.write("withdrawn.csv", "subject_code\n0099\n");
    cohort.list_of(&["0002", "0090", "0003", "0004", "0001"].map(|subject| (subject, "1")));
    cohort.export_cache(&["--sessions", "sessions.csv", "--withdrawn", "withdrawn.csv"]).ended(0);
    assert_eq!(cohort.session_rows()[0][0], "0002");
    let told = ["--withdrawn", "withdrawn.csv", "--sessions"];
    cohort.export_cache(&[&told[..], &["sessions.csv", "--atlas-name", "AAL"]].concat()).ended(1);
    assert!(!cohort.store().join(".cache.db").exists());
    cohort.export_cache(&[&told[..], &["none.csv"]].concat()).ended(1).says(&["none.csv"]);
}

#[test]
fn a_folder_without_a_store_is_told_from_a_damaged_one() {
    let cohort = published();
    cohort.export_cache(&["--verify"]).ended(1).says(&["no store is in"]);
    let list = ["--status", "--sessions", "sessions.csv"];
    fs::remove_dir_all(cohort.store()).unwrap();
    cohort.export_cache(&list).ended(3).says(&["There: 0 of 8", "Not read yet: 8"]);
}

#[test]
fn a_merge_reads_its_list_as_a_run_does() {
    let cohort = Cohort::of(&["0001", "0002"].map(|subject| (subject, "1")));
    let list = fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    let lines = list.lines().enumerate().map(|(row, line)| match row {
        0 => format!("{line},years,e-mail,note\n"),
        _ => format!("{line},{},a@b.example,private\n", 20 + row),
    });
    cohort.write("sessions.csv", &lines.collect::<String>());
    let columns =
        ["--age-column", "years", "--keep-column", "e-mail", "--metadata-columns", "years,e-mail,sex"];
    // Told at the merge, or not: what the tasks were told counts.
    for told in [&columns[..], &[]] {
        let _ = fs::remove_dir_all(cohort.store());
        cohort.run(&[&["--segment", "--shard", "0/1"], &columns[..]].concat()).ended(0);
        cohort.export_cache(&columns).ended(2).says(&["--sessions"]);
        cohort.export_cache(&[&["--sessions", "sessions.csv"], told].concat()).ended(0);
        let store = Store::read(&cohort.store());
        cohort.run(&[&["-o", "in-one-run", "--force", "--yes"], &columns[..]].concat()).ended(0);
        store.assert_same(&Store::read(&cohort.path("in-one-run")));
        let metadata = store.table("metadata.parquet");
        assert_eq!(metadata.doubles("AGE")[0], Some(21.0));
        assert!(!metadata.columns.contains(&"note".to_owned()), "{:?}", metadata.columns);
        // The store remembers it, when nothing else does.
        merge(&cohort).ended(0).says(&["Nothing was waiting"]);
        Store::read(&cohort.store()).assert_same(&store);
        cohort.run(&["-o", "of-a-run", columns[0], columns[1], columns[4], columns[5]]);
        let mut again = support::export_cache(cohort.root());
        again.args(["of-a-run", "--sessions", "sessions.csv"]);
        Ran::of(again.output().unwrap()).ended(0);
        let of_run = Store::read(&cohort.path("of-a-run"));
        assert_eq!(of_run.table("metadata.parquet").doubles("AGE")[0], Some(21.0));
        fs::remove_dir_all(cohort.path("of-a-run")).unwrap();
    }
}

#[test]
fn of_the_lists_of_tasks_nothing_is_left_that_the_merge_s_list_does_not_have() {
    let cohort = Cohort::of(&["0001", "0002"].map(|subject| (subject, "1")));
    let list = fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    let with_site = list.lines().enumerate().map(|(row, line)| match row {
        0 => format!("{line},site\n"),
        _ => format!("{line},Bonn\n"),
    });
    cohort.write("sessions.csv", &with_site.collect::<String>());
    cohort.run(&["--segment", "--shard", "0/1"]).ended(0);
    cohort.write("sessions.csv", &list);
    merge(&cohort).ended(0);
    assert_is_one_run(&cohort);
    // Whom the list does not have is counted: it may be the wrong one.
    cohort.run(&["--segment"]).ended(0);
    cohort.list_of(&[("0001", "1")]);
    merge(&cohort)
        .ended(0)
        .says(&["1 sessions that were merged are not in the list, such as sub-0002/ses-1"]);
}

#[test]
fn who_is_pruned_from_the_list_is_in_no_row() {
    let cohort = Cohort::of(&["0001", "0002", "zq77"].map(|subject| (subject, "1")));
    cohort.run(&["--segment"]).ended(0);
    cohort.list_of(&["0001", "0002"].map(|subject| (subject, "1")));
    cohort.run(&["--prune-unlisted", "--yes"]).ended(0);
    assert_eq!(cohort.session_rows().iter().filter(|row| row[0] == "zq77").count(), 0);
    assert_is_one_run(&cohort);
}

#[test]
fn the_atlas_of_a_new_store_is_that_which_somebody_asks_for() {
    let stray = Cohort::of(&[("0009", "1")]);
    stray.rename_atlas("AAL");
    stray.run(&["--segment", "--atlas-name", "AAL"]).ended(0);
    let cohort = Cohort::of(&["0001", "0002"].map(|subject| (subject, "1")));
    files::copy(&stray.store(), &cohort.store());
    // Of another atlas than the task's, it keeps nobody from loading.
    cohort.run(&["--segment", "--shard", "0/1"]).ended(0);
    merge(&cohort).ended(1).says(&["AAL", "4S456Parcels", "--atlas-name"]);
    assert!(!cohort.store().join(".cache.db").exists());
    cohort.export_cache(&["--sessions", "sessions.csv", "--atlas-name", "4S456Parcels"]).ended(3);
    assert_eq!(segments(&cohort).len(), 1);
    Store::read(&cohort.store()).assert_same(&store_of_one_run(&cohort));
}

#[test]
fn a_task_without_a_shard_says_that_it_reads_again() {
    let cohort = published();
    cohort.run(&["--segment"]).ended(0).says(&["8 to load (8 of them read again, as asked)"]);
    cohort.write(&anatomical("0001", "1", "GM"), &support::cohort::tsv(5.0));
    let said = "8 to load (1 of them changed, 7 read again, as asked)";
    cohort.run(&["--segment"]).ended(0).says(&[said]);
}

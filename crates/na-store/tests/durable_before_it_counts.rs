//! Nothing is relied on before a power cut would leave it: files are synced before they are renamed, all that the
//! manifest names before the manifest, and that before anything goes.
//!
//! The calls of three exports are written down, and looked at one by one.
#![cfg(target_os = "linux")]

#[path = "../../../tests/support/disk.rs"]
mod disk;
#[path = "../../../tests/support/faults.rs"]
mod faults;
mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use disk::Disk;
use faults::Call;
use na_cache::OwnerLock;
use na_model::{Modality, WideMetrics};
use support::{load, record, unit};

/// Where the process exports to whose calls are written down.
const BELOW: &str = "EXPORT_BELOW";

/// Three exports into a new folder: into an empty store; of no metric, so that all features go; of another session.
#[test]
fn exports() {
    let Some(below) = std::env::var_os(BELOW) else { return };
    let output = Path::new(&below).join("new/store");
    na_store::create_output(&output).unwrap();
    let lock = OwnerLock::acquire(&output).unwrap();
    for (subject, metric) in [("1", "mean"), ("1", "std"), ("2", "mean")] {
        let mut record = record(&["1", "2"]);
        record.settings.wide_metrics = WideMetrics::Listed(vec![metric.to_owned()]);
        load(&lock, &record, Modality::ALL.map(|modality| unit(subject, modality, 1.0)).into());
    }
}

/// The disk before the exports, and their calls.
fn recorded() -> &'static (Disk, Vec<Call>) {
    static RECORDED: OnceLock<(Disk, Vec<Call>)> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (below, log) = (folder.path().join("below"), folder.path().join("log"));
        fs::create_dir(&below).unwrap();
        let before = Disk::of(&below);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "exports", "--test-threads=1"]).env(BELOW, &below);
        faults::record(&mut command, &below, &log);
        assert!(command.output().unwrap().status.success());
        (before, faults::calls(&fs::read(&log).unwrap()).0)
    })
}

/// What is not durable of the store itself: its cache and its lock are for another day.
fn unsynced(disk: &Disk) -> Vec<PathBuf> {
    let is_of_cache = |path: &&Path| name(path).as_encoded_bytes().starts_with(b".cache");
    let all = disk.unsynced_files().into_iter().chain(disk.unsynced_names());
    all.filter(|path| !is_of_cache(path)).map(Path::to_owned).collect()
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap()
}

fn is_feature(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "wide")
}

/// Looks at each call with the disk as it finds it, and gives the disk after the last.
fn each_call(mut look: impl FnMut(&Disk, &Call)) -> Disk {
    let (before, calls) = recorded();
    let mut disk = before.clone();
    for call in calls {
        look(&disk, call);
        disk.call(call);
    }
    disk
}

#[test]
fn a_file_is_synced_before_it_is_renamed() {
    let mut renamed = 0;
    each_call(|disk, call| {
        if let Call::Rename(from, to) = call {
            assert!(!disk.unsynced_files().contains(from.as_path()), "{}", to.display());
            renamed += 1;
        }
    });
    assert!(renamed > 30, "{renamed} files were renamed");
}

#[test]
fn the_output_s_folders_are_durable_before_anything_is_in_them() {
    let mut first = None;
    each_call(|disk, call| {
        if let (Call::Create(_), None) = (call, &first) {
            first = Some(unsynced(disk));
        }
    });
    assert_eq!(first, Some(Vec::new()));
}

#[test]
fn all_that_the_manifest_names_is_durable_before_the_manifest() {
    let mut manifests = 0;
    each_call(|disk, call| {
        if let Call::Rename(from, to) = call
            && name(to) == "manifest.json"
        {
            let others: Vec<PathBuf> = unsynced(disk).into_iter().filter(|path| path != from).collect();
            assert_eq!(others, Vec::<PathBuf>::new());
            manifests += 1;
        }
    });
    assert_eq!(manifests, 3);
}

#[test]
fn features_that_no_table_gives_any_more_go_when_the_manifest_is_durable() {
    let mut gone = 0;
    each_call(|disk, call| {
        if let Call::Unlink(path) = call
            && is_feature(path)
        {
            let others = unsynced(disk).into_iter().filter(|other| !is_feature(other));
            assert_eq!(others.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "{}", path.display());
            gone += 1;
        }
    });
    assert!(gone >= 4, "{gone} features went");
}

#[test]
fn the_cache_goes_when_the_store_is_durable_and_its_database_before_its_log() {
    let mut gone = [0, 0];
    let after = each_call(|disk, call| match call {
        Call::Unlink(path) if name(path) == ".cache.db" => {
            assert_eq!(unsynced(disk), Vec::<PathBuf>::new());
            assert!(disk.has(&path.with_file_name(".cache.db-wal")), "the log went first");
            gone[0] += 1;
        }
        // SQLite, too, deletes a log: when all of it is in the database, which stays.
        Call::Unlink(path)
            if name(path) == ".cache.db-wal" && !disk.has(&path.with_file_name(".cache.db")) =>
        {
            let database = path.with_file_name(".cache.db");
            assert!(!disk.unsynced_names().contains(database.as_path()), "a cut could leave it alone");
            gone[1] += 1;
        }
        _ => {}
    });
    assert_eq!(gone, [3, 3]);
    let left: Vec<&Path> = after.unsynced_names().into_iter().collect();
    assert!(left.iter().all(|path| name(path) == ".cache.lock"), "{left:?}");
}

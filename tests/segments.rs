//! Segments: what any number of processes publish beside a store, and one export merges.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::faults::{self, Fault};
use support::files;
use support::segments::{assert_is_one_run, segments_in, store_of_one_run};
use support::store::Store;
use support::{Ran, export_cache};

/// Twelve sessions of eight subjects.
fn cohort() -> Cohort {
    let sessions: Vec<(String, String)> = (0..12)
        .map(|n| (format!("{:04}", n / 3 * 2 + n % 2 + 1), format!("20240{}010900", n % 9 + 1)))
        .collect();
    let sessions: Vec<(&str, &str)> =
        sessions.iter().map(|(subject, id)| (subject.as_str(), id.as_str())).collect();
    Cohort::of(&sessions)
}

fn segments(cohort: &Cohort) -> Vec<PathBuf> {
    segments_in(&cohort.store())
}

fn shard(cohort: &Cohort, shard: &str) -> Ran {
    cohort.run(&["--segment", "--shard", shard])
}

#[test]
fn shards_that_are_merged_are_one_run() {
    let cohort = cohort();
    let children: Vec<Child> = (0..4)
        .map(|index| {
            let mut command = cohort.command(&["--segment", "--shard", &format!("{index}/4")]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert_eq!(segments(&cohort).len(), 4);
    assert!(!cohort.store().join("manifest.json").exists());
    cohort.export_cache(&[]).ended(0).says(&["Segments: 4"]);
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
    assert_is_one_run(&cohort);
    // Finished shards have nothing to do, and an ordinary run neither.
    shard(&cohort, "2/4").ended(0).says(&["Nothing to do"]);
    cohort.run(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn other_shards_find_what_is_there() {
    let cohort = cohort();
    shard(&cohort, "0/4").ended(0);
    shard(&cohort, "2/4").ended(0);
    cohort.export_cache(&[]).ended(0);
    shard(&cohort, "1/4").ended(0);
    // The array is resized, and only some of its tasks run.
    for index in 0..7 {
        shard(&cohort, &format!("{index}/7")).ended(0);
    }
    cohort.export_cache(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn of_two_versions_of_a_unit_the_later_counts_and_none_is_there_twice() {
    let cohort = cohort();
    shard(&cohort, "0/1").ended(0);
    let changed = anatomical("0001", "202401010900", "GM");
    cohort.write(&changed, &tsv(77.5));
    // It does not look what is there, and reads all of it.
    cohort.run(&["--segment"]).ended(0);
    assert_eq!(segments(&cohort).len(), 2);
    cohort.export_cache(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn what_is_published_can_be_read_before_it_is_merged() {
    let cohort = cohort();
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&[]).ended(0);
    shard(&cohort, "1/2").ended(0);
    let read = |cohort: &Cohort| {
        let store = na_store::FeatureStore::open(cohort.store()).unwrap();
        let options = na_store::ReadOptions::default().with_tiv();
        let features = store.list_features(None).unwrap();
        let batches: Vec<_> = features
            .iter()
            .filter(|name| *name != "tiv")
            .map(|name| store.feature_batch(name, &options).unwrap())
            .collect();
        (features, batches, store.tiv_batch().unwrap(), store.metadata_batch().unwrap())
    };
    let before = read(&cohort);
    cohort.export_cache(&[]).ended(0);
    assert_eq!(before, read(&cohort));
}

#[test]
fn an_ordinary_run_merges_what_is_there_and_leaves_nothing_behind() {
    let cohort = cohort();
    shard(&cohort, "0/3").ended(0);
    cohort.run(&[]).ended(0);
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
    assert_is_one_run(&cohort);
}

#[test]
fn a_killed_shard_loses_what_it_did_not_publish_and_nothing_else() {
    let cohort = cohort();
    for n in 0..8 {
        let arguments = ["--segment", "--shard", "0/1", "--segment-units", "3", "-j", "1"];
        let mut child =
            cohort.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(3 * n));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Half-written ones are nobody's.
    cohort.export_cache(&[]);
    shard(&cohort, "0/1").ended(0);
    cohort.export_cache(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn what_is_pruned_reloaded_or_fails_is_so_in_segments_too() {
    let cohort = cohort();
    shard(&cohort, "0/1").ended(0);
    cohort.remove(&diffusion("NODDI", "0001", "202401010900", "icvf"));
    cohort.run(&["--prune", "--yes"]).ended(0);
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
    assert_is_one_run(&cohort);
    // A table that cannot be read fails its unit alone, and what the store has of it stays.
    let broken = anatomical("0001", "202401010900", "GM");
    let whole = fs::read_to_string(cohort.path(&broken)).unwrap();
    cohort.write(&broken, "");
    cohort.run(&["--segment"]).ended(3);
    cohort.export_cache(&[]);
    cohort.write(&broken, &whole);
    cohort.run(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn who_withdraws_is_in_no_segment() {
    let cohort = Cohort::of(&["zq77", "0002", "0003"].map(|subject| (subject, "1")));
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&[]).ended(0);
    cohort.run(&["--segment"]).ended(0);
    cohort.write("withdrawn.csv", "subject_code\nzq77\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--yes"]).ended(0);
    let holding = files::holding(&cohort.store(), b"zq77");
    assert_eq!(holding, Vec::<String>::new());
    // Whoever writes a segment from now on has to say who withdrew, and reads nobody of them.
    cohort.run(&["--segment"]).ended(2);
    cohort.run(&["--segment", "--withdrawn", "withdrawn.csv"]).ended(0);
    assert_eq!(files::holding(&cohort.store(), b"zq77"), Vec::<String>::new());
}

#[test]
fn a_segment_of_another_atlas_stays_and_the_others_go() {
    let cohort = cohort();
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&[]).ended(0);
    shard(&cohort, "1/2").ended(0);
    let other = Cohort::of(&[("0009", "202401010900")]);
    other.rename_atlas("AAL");
    other.run(&["--segment", "--atlas-name", "AAL"]).ended(0);
    let of_other = segments(&other).remove(0);
    let moved = cohort.store().join(".segments").join(of_other.file_name().unwrap());
    fs::copy(&of_other, &moved).unwrap();
    cohort.export_cache(&[]).ended(3).says(&["AAL", "4S456Parcels"]);
    assert_eq!(segments(&cohort), [moved]);
    cohort.export_cache(&["--status"]).ended(0).says(&["Not to be merged"]);
}

#[test]
fn a_status_says_what_of_a_list_is_missing() {
    let cohort = cohort();
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&["--status", "--sessions", "sessions.csv"]).ended(3).says(&[
        "Segments: 1",
        "Not on disk: 0",
        "Not read yet: ",
    ]);
    shard(&cohort, "1/2").ended(0);
    let all_there = &["There: 24 of 24", "Not read yet: 0"];
    cohort.export_cache(&["--status", "--sessions", "sessions.csv"]).ended(0).says(all_there);
    cohort.export_cache(&["--sessions", "sessions.csv"]).ended(0);
    cohort.export_cache(&["--status", "--sessions", "sessions.csv"]).ended(0).says(all_there);
    assert_is_one_run(&cohort);
    // What is not on disk, and what cannot be read, will not come by reading again; what nobody looked for may.
    cohort.list_of(&[("0001", "202401010900"), ("0091", "1"), ("0092", "1"), ("0093", "1")]);
    cohort.add("0092", "1");
    cohort.write(&anatomical("0092", "1", "GM"), "");
    cohort.run(&["--segment", "--participant-label", "0091", "0092"]).ended(3);
    let why =
        &["There: 3 of 8", "Failed: 1", "Not on disk: 2", "Not read yet: 2", "  - sub-0093/ses-1 diffusion"];
    for merges in [false, true] {
        if merges {
            cohort.export_cache(&["--sessions", "sessions.csv"]).ended(0);
        }
        cohort.export_cache(&["--status", "--sessions", "sessions.csv"]).ended(3).says(why);
    }
}

#[test]
fn a_fresh_load_takes_the_segments_that_it_found_and_leaves_those_that_came() {
    let cohort = cohort();
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&[]).ended(0);
    // Of a file that changes before the fresh load begins.
    cohort.run(&["--segment"]).ended(0);
    let found = segments(&cohort);
    cohort.write(&anatomical("0001", "202401010900", "GM"), &tsv(55.0));
    cohort.run_stopped_at("manifest.json", &["--force", "--yes"]);
    cohort.write(&anatomical("0002", "202402010900", "GM"), &tsv(66.0));
    cohort.run(&["--segment", "--participant-label", "0002"]).ended(0);
    let came: Vec<PathBuf> = segments(&cohort).into_iter().filter(|path| !found.contains(path)).collect();
    cohort.run(&[]);
    assert!(found.iter().all(|path| !path.exists()), "{found:?}");
    cohort.run(&[]).ended(0);
    assert!(came.iter().all(|path| !path.exists()), "{came:?}");
    cohort.run(&["--force", "--segment"]).ended(2).says(&["--reload"]);
    assert_is_one_run(&cohort);
}

/// Whichever call of a merge fails, and all after it: segments go when the manifest names what they held, and not before.
#[test]
fn a_merge_that_fails_anywhere_is_done_again() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1"), ("0003", "1")]);
    for index in 0..3 {
        cohort.run(&["--segment", "--shard", &format!("{index}/3")]).ended(0);
    }
    let (before, out) = (cohort.path("before"), cohort.path("out"));
    files::copy(&cohort.store(), &before);
    let expected = store_of_one_run(&cohort);
    let merge = || {
        let mut command = export_cache(cohort.root());
        command.args(["out", "--no-report"]);
        command
    };
    let step = if std::env::var_os("EVERY_CALL").is_some() { 1 } else { 5 };
    let (mut at, mut n_failed) = (1, 0);
    loop {
        let _ = fs::remove_dir_all(&out);
        files::copy(&before, &out);
        let mut command = merge();
        faults::fail(&mut command, Path::new("out"), Fault { at, errno: 5, on: true });
        let ran = Ran::of(command.output().unwrap());
        if segments_in(&out).len() < 3 {
            let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
            assert!(manifest.contains("\"n_sessions\": 3"), "call {at}: {manifest}");
        }
        if ran.code == Some(0) {
            break;
        }
        n_failed += 1;
        if !segments_in(&out).is_empty() || out.join(".cache.db").exists() {
            Ran::of(merge().output().unwrap()).ended(0);
        }
        Store::read(&out).assert_same(&expected);
        at += step;
    }
    assert!(n_failed > 10, "{n_failed} calls failed");
}

#[test]
fn segments_that_cannot_be_merged_make_no_store() {
    let cohort = cohort();
    fs::create_dir_all(cohort.store().join(".segments")).unwrap();
    fs::write(cohort.store().join(".segments/20260101T000000.000000Z-x-0.seg"), "no database").unwrap();
    cohort.export_cache(&[]).ended(3).says(&["nothing of data/processed can be merged", "-x-0.seg: "]);
    assert_eq!(files::names_in(&cohort.store()), [".segments"]);
}

#[test]
fn a_unit_that_contradicts_the_store_fails_at_the_merge_and_the_others_go_on() {
    let cohort = cohort();
    shard(&cohort, "0/2").ended(0);
    cohort.export_cache(&[]).ended(0);
    let rows = cohort.session_rows();
    let stored: Vec<String> =
        rows.iter().filter(|row| row[3] == "loaded").map(|row| row[0].clone()).collect();
    // A table of another version of the atlas, published by a process that saw an empty store.
    let (subject, session) = (0..12)
        .map(|n| (format!("{:04}", n / 3 * 2 + n % 2 + 1), format!("20240{}010900", n % 9 + 1)))
        .find(|(subject, _)| !stored.contains(subject))
        .unwrap();
    let whole = tsv(9.0);
    let path = anatomical(&subject, &session, "GM");
    cohort.write(&path, &whole.replace("1\tLH_Vis_1", "1\tLH_Other_1"));
    cohort.run(&["--segment", "-o", "elsewhere", "--participant-label", &subject]).ended(0);
    fs::create_dir_all(cohort.store().join(".segments")).unwrap();
    for segment in files::all_below(&cohort.path("elsewhere/.segments")) {
        fs::copy(&segment, cohort.store().join(".segments").join(segment.file_name().unwrap())).unwrap();
    }
    cohort.export_cache(&[]).ended(3).says(&["LH_Other_1"]);
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
    assert_eq!(cohort.standing(&subject, &session, "anatomical").0, "failed");
    assert_eq!(cohort.standing(&subject, &session, "diffusion").0, "loaded");
    cohort.write(&path, &whole);
    cohort.run(&[]).ended(0);
    assert_is_one_run(&cohort);
}

#[test]
fn a_fresh_load_asks_before_it_lets_go_of_what_only_a_segment_holds() {
    let cohort = cohort();
    cohort.run(&["--participant-label", "0001"]).ended(0);
    cohort.run(&["--segment"]).ended(0);
    let foreign = cohort.store().join(".segments/notes.txt");
    fs::write(&foreign, "precious").unwrap();
    for path in files::all_below(cohort.root()) {
        let path_text = path.to_string_lossy();
        if path_text.contains("parcellated") && path_text.contains("sub-0004/") {
            fs::remove_file(&path).unwrap();
        }
    }
    cohort.run(&["--force"]).ended(1).says(&["--yes"]);
    cohort.run(&["--force", "--yes"]).ended(0);
    assert_eq!(fs::read_to_string(foreign).unwrap(), "precious");
    assert_eq!(segments(&cohort), Vec::<PathBuf>::new());
}

#[test]
fn a_withdrawal_leaves_nothing_of_a_killed_writer() {
    let cohort = cohort();
    cohort.run(&["--segment", "--participant-label", "0002"]).ended(0);
    // What a killed process left: its id is nobody's.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let left = format!(".segments/.20260101T000000.000000Z-x-0~{}~4194303.seg.tmp", host.trim());
    fs::write(cohort.store().join(&left), "sub-0001").unwrap();
    cohort.write("withdrawn.csv", "subject_code\n0001\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--yes"]).ended(0);
    assert_eq!(files::holding(&cohort.store(), b"sub-0001"), Vec::<String>::new());
}

#[test]
fn a_shard_is_of_segments_alone_and_what_is_no_file_is_nobody_s() {
    let cohort = cohort();
    cohort.run(&["--shard", "0/2", "--prune"]).ended(2);
    cohort.run(&["--shard", "0/2", "--dry-run"]).ended(2);
    shard(&cohort, "0/1").ended(0);
    let pipe = cohort.store().join(".segments/pipe.seg");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    cohort.export_cache(&["--status"]).ended(0).says(&["Segments: 1"]);
    cohort.export_cache(&[]).ended(0);
    assert_is_one_run(&cohort);
}

//! After a power cut only what was synced is sure to be there; of the rest whatever the disk liked, in any order. What
//! was acknowledged is not lost, and the next run ends in the same store.
//!
//! `CUTS=10000 cargo test --test power_is_cut` cuts so often.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use support::Ran;
use support::cohort::{Cohort, anatomical, tsv};
use support::disk::{Disk, Left, Random};
use support::faults::{self, Call};
use support::files::PART;
use support::store::Store;

const ARGUMENTS: [&str; 5] = ["--wide-metrics", "mean", "--no-progress", "--verbose", "--json"];

/// A run whose calls are known.
struct Recorded {
    before: Disk,
    calls: Vec<Call>,
    ran: Ran,
}

fn run(cohort: &Cohort, out: &Path, store: &str) -> Recorded {
    run_with(cohort, out, store, &[])
}

fn run_with(cohort: &Cohort, out: &Path, store: &str, arguments: &[&str]) -> Recorded {
    let log = cohort.path("log");
    let _ = fs::remove_file(&log);
    let before = Disk::of(out);
    let mut command = cohort.command(&ARGUMENTS);
    command.args(arguments).arg("-o").arg(out.join(store));
    faults::record(&mut command, out, &log);
    let ran = Ran::of(command.output().unwrap()).ended(0);
    let (calls, _) = faults::calls(&fs::read(&log).unwrap());
    Recorded { before, calls, ran }
}

/// Units that a run found in the store or its cache.
fn skipped(ran: &Ran) -> usize {
    let skipped = &ran.json()["skipped"];
    let of = |modality: &str| usize::try_from(skipped[modality].as_u64().unwrap()).unwrap();
    of("anatomical") + of("diffusion")
}

/// Cuts a recorded run at some call; gives the folder that is left, and the units that were acknowledged.
fn cut(cohort: &Cohort, recorded: &Recorded, out: &Path, random: &mut Random, n: usize) -> (PathBuf, usize) {
    let at = random.below(recorded.calls.len() + 1);
    let mut disk = recorded.before.clone();
    let mut acknowledged = 0;
    for call in &recorded.calls[..at] {
        disk.call(call);
        if let Call::Acknowledge(units) = call {
            acknowledged += units;
        }
    }
    let left = cohort.path(&format!("cut-{n}"));
    let _ = fs::remove_dir_all(&left);
    fs::create_dir(&left).unwrap();
    disk.cut(random, out, &left);
    (left, acknowledged)
}

/// How often the power is cut.
fn cuts() -> usize {
    std::env::var("CUTS").map_or(60, |cuts| cuts.parse().unwrap())
}

/// A load of a whole cohort, and one that merges it into a store of its first session. Both end in the same store.
struct Loads<'c> {
    cohort: &'c Cohort,
    arguments: &'c [&'c str],
    /// With the folder of each, and how many units were in its store before.
    recorded: [(Recorded, PathBuf, usize); 2],
    expected: Store,
}

impl<'c> Loads<'c> {
    fn of(cohort: &'c Cohort, arguments: &'c [&'c str]) -> Self {
        let [whole, merged] = ["out", "merged"].map(|folder| cohort.path(folder));
        fs::create_dir(&whole).unwrap();
        let first = run_with(cohort, &whole, "store", arguments);
        let expected = Store::read(&whole.join("store"));
        fs::create_dir(&merged).unwrap();
        let mut one = cohort.command(&["--wide-metrics", "mean"]);
        cohort.write("one.csv", "subject_code,session_id,AGE,sex\n1,1,20.5,F\n");
        one.arg("-s").arg(cohort.path("one.csv")).arg("-o").arg(merged.join("store"));
        Ran::of(one.output().unwrap()).ended(0);
        let second = run_with(cohort, &merged, "store", arguments);
        Store::read(&merged.join("store")).assert_same(&expected);
        Self { cohort, arguments, recorded: [(first, whole, 0), (second, merged, 2)], expected }
    }

    /// Cuts one and the other: nothing that was acknowledged is lost, and the next run ends in the same store.
    fn survive(&self, mut random: Random) {
        let Self { cohort, expected, .. } = self;
        for n in 0..cuts() {
            let (recorded, out, before) = &self.recorded[n % 2];
            let (left, acknowledged) = cut(cohort, recorded, out, &mut random, 0);
            let recovery = run_with(cohort, &left, "store", self.arguments);
            let kept = skipped(&recovery.ran);
            assert!(kept >= acknowledged.max(*before), "cut {n}: {kept} units are left of {acknowledged}");
            assert!(!recovery.ran.stderr.contains("loaded again"), "cut {n}: {:?}", recovery.ran);
            Store::read(&left.join("store")).assert_same(expected);
            // Every third time the power goes again, while the program recovers.
            if n % 3 == 0 {
                let (again, _) = cut(cohort, &recovery, &left, &mut random, 1);
                let last = run(cohort, &again, "store");
                assert!(skipped(&last.ran) >= kept.min(acknowledged), "cut {n}, again");
                Store::read(&again.join("store")).assert_same(expected);
            }
        }
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_wherever_the_power_is_cut() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1"), ("3", "1")]);
    Loads::of(&cohort, &[]).survive(Random(7));
}

/// Rows move to parts, and the parts become tables: the log may have what the parts lack, or the parts what the log lacks.
#[test]
fn rows_are_in_the_cache_or_in_a_part_wherever_the_power_is_cut() {
    let subjects = ["1", "2", "3", "4", "5"];
    let cohort = Cohort::of(&subjects.map(|subject| (subject, "1")));
    let loads = Loads::of(&cohort, &["--sealed-at-once", "8", "-j", "1"]);
    let is_part = |call: &&Call| matches!(call, Call::Create(path) if path.to_str().unwrap().contains(PART));
    for (recorded, _, _) in &loads.recorded {
        assert!(recorded.calls.iter().filter(is_part).count() >= 4);
    }
    loads.survive(Random(11));
}

/// The list gets a column: each table begins as it was, which the system copies, and the cut comes in between.
#[test]
fn a_table_that_grows_is_the_old_one_or_the_new_one_wherever_the_power_is_cut() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1"), ("3", "1")]);
    let cuts = cuts() / 2;
    let out = cohort.path("out");
    fs::create_dir(&out).unwrap();
    run(&cohort, &out, "store");
    let long = out.join("store/long/anatomical_gm.parquet");
    let then = fs::read(&long).unwrap();
    cohort
        .list("subject_code,session_id,AGE,sex,site\n1,1,20.5,F,north\n2,1,21.5,M,south\n3,1,22.5,F,north\n");
    let recorded = run(&cohort, &out, "store");
    assert_eq!(fs::read(&long).unwrap()[..400], then[..400], "the table begins as it was");
    let expected = Store::read(&out.join("store"));
    let mut random = Random(9);
    for n in 0..cuts {
        let (left, _) = cut(&cohort, &recorded, &out, &mut random, 0);
        let recovery = run(&cohort, &left, "store");
        assert_eq!(skipped(&recovery.ran), 6, "cut {n}");
        Store::read(&left.join("store")).assert_same(&expected);
    }
}

/// From the manifest on, the end of a run is a few calls that nothing may come between: whatever a cut there leaves is
/// tried. The store had a session before; the cache is of a run that was interrupted, and one of its units changed since.
#[test]
fn whatever_a_cut_leaves_from_the_manifest_on_ends_in_the_same_store() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1"), ("3", "1")]);
    let out = cohort.path("data");
    cohort.list_of(&[("1", "1")]);
    cohort.run(&ARGUMENTS).ended(0);
    cohort.list_of(&[("1", "1"), ("2", "1")]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &ARGUMENTS);
    let size = |file: &str| fs::metadata(cohort.store().join(file)).map_or(0, |metadata| metadata.len());
    assert!(size(".cache.db") > 0 && size(".cache.db-wal") == 0, "older units are in the database itself");
    cohort.list_of(&[("1", "1"), ("2", "1"), ("3", "1")]);
    cohort.write(&anatomical("2", "1", "GM"), &tsv(77.0));
    let recorded = run(&cohort, &out, "processed");
    let expected = Store::read(&cohort.store());

    let is_manifest =
        |call: &Call| matches!(call, Call::Rename(_, to) if to.ends_with("processed/manifest.json"));
    let from = recorded.calls.iter().position(is_manifest).unwrap();
    let mut disk = recorded.before;
    let mut left: BTreeSet<Left> = BTreeSet::new();
    for (place, call) in recorded.calls.iter().enumerate() {
        if place >= from {
            left.extend(disk.cuts());
        }
        disk.call(call);
    }
    left.extend(disk.cuts());
    assert!(left.len() > 4, "{} ends", left.len());
    for (n, left) in left.iter().enumerate() {
        let folder = cohort.path(&format!("left-{n}"));
        fs::create_dir(&folder).unwrap();
        left.write(&out, &folder);
        let mut next = cohort.command(&ARGUMENTS);
        Ran::of(next.arg("-o").arg(folder.join("processed")).output().unwrap()).ended(0);
        Store::read(&folder.join("processed")).assert_same(&expected);
    }
}

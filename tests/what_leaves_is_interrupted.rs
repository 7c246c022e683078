//! A commit that takes something out of a store is killed, fails at a call, or loses power: the store is what it was or
//! what it is to be, and the same command ends in the latter.
//!
//! `KILLS=3000 CUTS=1000 EVERY_CALL=1 cargo test --test what_leaves_is_interrupted` interrupts so often.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::Ran;
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::disk::{Disk, Random};
use support::faults::{self, Call, Fault};
use support::files::{copy, holding};
use support::store::Store;

/// A code and a value that no other session has.
const GONE: (&str, &str) = ("WXQ77Z", "1");
const VALUE: f64 = 12_345.678_912_3;
const OTHERS: [(&str, &str); 2] = [("0002", "1"), ("0003", "1")];

/// What all commands are told.
const ALWAYS: [&str; 7] =
    ["--wide-metrics", "mean", "--compression", "none", "--no-progress", "--sealed-at-once", "4"];

/// A command that takes something out of a store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Force,
    Prune,
    Withdrawn,
}

const WAYS: [Way; 3] = [Way::Force, Way::Prune, Way::Withdrawn];

/// A cohort whose store was made before someone was to leave it.
struct Lab {
    way: Way,
    cohort: Cohort,
    before: Store,
    after: Store,
}

impl Lab {
    fn new(way: Way) -> Self {
        let cohort = Cohort::of(&[OTHERS[0], OTHERS[1], GONE]);
        for tissue in ["GM", "WM", "CT"] {
            cohort.write(&anatomical(GONE.0, GONE.1, tissue), &tsv(VALUE));
        }
        for param in ["icvf", "od"] {
            cohort.write(&diffusion("NODDI", GONE.0, GONE.1, param), &tsv(VALUE));
        }
        cohort.tiv(GONE.0, GONE.1, VALUE);
        cohort.write("withdrawn.txt", &format!("{}\n", GONE.0));
        let base = cohort.path("base");
        Ran::of(command(&cohort, &base, &[]).output().unwrap()).ended(0);
        let before = Store::read(&base);
        if way == Way::Prune {
            for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI", "cat12"] {
                cohort.remove(&format!("{root}/sub-{}", GONE.0));
            }
        } else if way == Way::Force {
            cohort.list_of(&OTHERS);
            cohort.write(&anatomical("0002", "1", "GM"), &tsv(77.5));
        }
        let mut lab = Self { way, cohort, after: before.clone(), before };
        let done = lab.cohort.path("done");
        copy(&base, &done);
        lab.run(&done).ended(0);
        lab.after = lab.store(&done);
        assert_ne!(lab.after.tables, lab.before.tables);
        lab
    }

    fn arguments(&self) -> &'static [&'static str] {
        match self.way {
            Way::Force => &["--force", "--yes"],
            Way::Prune => &["--prune", "--yes"],
            Way::Withdrawn => &["--withdrawn", "withdrawn.txt", "--yes"],
        }
    }

    /// The store as it was before, in a folder of its own.
    fn anew(&self, name: &str) -> PathBuf {
        let folder = self.cohort.path(name);
        let _ = fs::remove_dir_all(&folder);
        copy(&self.cohort.path("base"), &folder.join("store"));
        folder
    }

    fn command(&self, output: &Path) -> std::process::Command {
        command(&self.cohort, output, self.arguments())
    }

    fn run(&self, output: &Path) -> Ran {
        Ran::of(self.command(output).output().unwrap())
    }

    /// The store but for what it says of when, and in how many runs, people were taken out.
    fn store(&self, output: &Path) -> Store {
        let mut store = Store::read(output);
        if let Some(manifest) = store.manifest.as_object_mut() {
            manifest.remove("withdrawn");
        }
        store
    }

    /// Goes on after an interruption, now and then with another command first.
    fn recover(&self, output: &Path, n: usize) {
        let other = match n % 4 {
            0 => Some(Ran::of(command(&self.cohort, output, &[]).output().unwrap())),
            1 => {
                let mut export = support::export_cache(self.cohort.root());
                Some(Ran::of(export.arg(output).output().unwrap()))
            }
            2 => {
                // A load of everything that comes to no end either, and one that goes on with it.
                let mut force = command(&self.cohort, output, &["--force", "--yes", "-j", "1"]);
                let fault = Fault { at: 20 + n * 29 % 200, errno: 5, on: true };
                faults::fail(&mut force, output.parent().unwrap(), fault);
                let _ = force.output().unwrap();
                Some(Ran::of(command(&self.cohort, output, &["--yes"]).output().unwrap()))
            }
            _ => None,
        };
        if let Some(other) = other {
            assert!(!other.stderr.contains("panicked"), "{other:?}");
            assert!(matches!(other.code, Some(0..=3)), "{other:?}");
            if n.is_multiple_of(4) && self.way == Way::Withdrawn && other.code == Some(0) {
                // Who is not told of a withdrawal that has begun loads nothing.
                self.store(output).assert_same(&self.before);
            }
        }
        self.run(output).ended(0);
        self.store(output).assert_same(&self.after);
        if self.way == Way::Withdrawn {
            assert_eq!(holding(output, GONE.0.as_bytes()), Vec::<String>::new());
            assert_eq!(holding(output, &VALUE.to_le_bytes()), Vec::<String>::new());
        }
    }
}

fn command(cohort: &Cohort, output: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = cohort.command(&ALWAYS);
    command.args(arguments).arg("-o").arg(output);
    command
}

fn often(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |times| times.parse().unwrap())
}

fn in_each_way(check: impl Fn(Lab) + Sync) {
    std::thread::scope(|scope| {
        for way in WAYS {
            let check = &check;
            scope.spawn(move || check(Lab::new(way)));
        }
    });
}

#[test]
fn killed_at_any_time_it_is_finished_or_has_not_begun() {
    let kills = often("KILLS", 60) / WAYS.len();
    in_each_way(|lab| {
        let started = Instant::now();
        lab.run(&lab.anew("timed").join("store")).ended(0);
        let whole = usize::try_from(started.elapsed().as_millis()).unwrap().max(20);
        let mut random = Random(11);
        for kill in 0..kills {
            let output = lab.anew("killed").join("store");
            // Now and then it is killed more than once.
            for _ in 0..=random.below(3) {
                let mut child =
                    lab.command(&output).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                std::thread::sleep(Duration::from_millis(u64::try_from(random.below(whole)).unwrap()));
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let _ = Ran::of(
                support::export_cache(lab.cohort.root()).arg(&output).arg("--status").output().unwrap(),
            );
            lab.recover(&output, kill);
        }
    });
}

#[test]
fn whichever_call_fails_the_same_command_ends_as_it_should() {
    let every = std::env::var_os("EVERY_CALL").is_some();
    in_each_way(|lab| {
        let folder = lab.anew("recorded");
        let log = lab.cohort.path("log");
        let mut command = lab.command(&folder.join("store"));
        command.args(["-j", "1"]);
        faults::record(&mut command, &folder, &log);
        Ran::of(command.output().unwrap()).ended(0);
        let (_, n_calls) = faults::calls(&fs::read(&log).unwrap());
        assert!(n_calls > 50, "only {n_calls} calls were seen");
        for at in (1..=n_calls).filter(|at| every || at % 9 == 0) {
            let folder = lab.anew("failed");
            let mut command = lab.command(&folder.join("store"));
            command.args(["-j", "1"]);
            let errno = if at % 2 == 0 { 5 } else { 28 };
            faults::fail(&mut command, &folder, Fault { at, errno, on: at % 4 < 2 });
            let failed = Ran::of(command.output().unwrap());
            assert!(!failed.stderr.contains("panicked"), "call {at}: {failed:?}");
            lab.recover(&folder.join("store"), at);
        }
    });
}

#[test]
fn wherever_the_power_is_cut_the_same_command_ends_as_it_should() {
    let cuts = often("CUTS", 60) / WAYS.len();
    in_each_way(|lab| {
        let folder = lab.anew("recorded");
        let log = lab.cohort.path("log");
        let before = Disk::of(&folder);
        let mut command = lab.command(&folder.join("store"));
        faults::record(&mut command, &folder, &log);
        Ran::of(command.output().unwrap()).ended(0);
        let (calls, _) = faults::calls(&fs::read(&log).unwrap());
        let is_manifest = |call: &Call| matches!(call, Call::Rename(_, to) if to.ends_with("manifest.json"));
        let committed = calls.iter().rposition(is_manifest).unwrap();
        let mut random = Random(13);
        for cut in 0..cuts {
            // Half of the cuts are about the commit, which is a small part of the calls.
            let at = match cut % 2 {
                0 => random.below(calls.len() + 1),
                _ => (committed + random.below(20)).saturating_sub(random.below(40)).min(calls.len()),
            };
            let mut disk = before.clone();
            calls[..at].iter().for_each(|call| disk.call(call));
            let left = lab.cohort.path("cut");
            let _ = fs::remove_dir_all(&left);
            fs::create_dir(&left).unwrap();
            disk.cut(&mut random, &folder, &left);
            lab.recover(&left.join("store"), cut);
        }
    });
}

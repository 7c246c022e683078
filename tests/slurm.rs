//! Array jobs in a real SLURM on this machine's loopback: preempted, requeued, killed, resized, and merged meanwhile.
//!
//! `NA_SKIP=slurm` goes on without SLURM. `ROUNDS=50 cargo test --test slurm -- --nocapture` is what the figures of docs/cluster.md come
//! from; without it, each kind of fault is tried once. `SEED=<seed>` repeats what a failure printed.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use support::Ran;
use support::cohort::{Cohort, anatomical, tsv};
use support::faults::Surroundings;
use support::segments::{segments_in, store_of_one_run};
use support::store::Store;

/// Sessions of a cohort; with [`SLOW`] a task of four reads them for a second.
const SESSIONS: usize = 40;

/// Microseconds for each table that is opened.
const SLOW: u64 = 20_000;

/// The same where a task has to outlast the cluster's patience with its node: a busy machine's cluster is more patient.
const SLOWER: [u64; 3] = [400_000, 800_000, 1_600_000];

/// Ends a test on a machine whose owner goes on without SLURM.
macro_rules! in_slurm {
    () => {
        if std::env::var("NA_SKIP").is_ok_and(|skipped| skipped.split(',').any(|what| what == "slurm")) {
            println!("not tried: NA_SKIP=slurm");
            return;
        }
    };
}

fn rounds() -> usize {
    std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cohort() -> Cohort {
    let names: Vec<String> = (1..=SESSIONS).map(|n| format!("{n:04}")).collect();
    Cohort::of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>())
}

/// Where a cluster's jobs run.
#[derive(Clone, Copy, Default)]
struct Setting {
    no_locks: bool,
    /// Every process finds itself on a host of another name.
    other_hosts: bool,
    /// Microseconds for each table, if not [`SLOW`].
    slow: Option<u64>,
}

/// A file system that has locks, and one that has none, on hosts that change their names.
const SETTINGS: [Setting; 2] = [
    Setting { no_locks: false, other_hosts: false, slow: None },
    Setting { no_locks: true, other_hosts: true, slow: None },
];

/// Runs a test in both settings at once.
fn in_both(test: impl Fn(Setting) + Sync) {
    thread::scope(|scope| {
        for setting in SETTINGS {
            let test = &test;
            scope.spawn(move || test(setting));
        }
    });
}

/// Runs a script beside a SLURM, in the cohort's folder. `$EXAMPLES` has the scripts that people copy, `$SLOWLY` what lets jobs read
/// slowly, and `drain` waits until no job is left.
fn in_cluster(cohort: &Cohort, setting: Setting, script: &str) -> Ran {
    let programs = Path::new(env!("CARGO_BIN_EXE_neuroalign-preprocess")).parent().unwrap();
    let bin = cohort.path("bin");
    fs::create_dir_all(&bin).unwrap();
    for program in ["neuroalign-preprocess", "neuroalign-export-cache"] {
        let real = programs.join(program).display().to_string();
        // Whoever calls it, in whatever job, is on that file system.
        let on = Surroundings { no_locks: setting.no_locks.then_some(38), ..Surroundings::default() };
        let variables = on.variables().into_iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        let variables: String = variables.collect();
        let text = match setting.other_hosts {
            true => format!(
                "#!/bin/sh\n{variables}exec unshare --uts sh -c 'hostname \"host-$$\"; exec \"$@\"' - {real} \"$@\"\n"
            ),
            false => format!("#!/bin/sh\n{variables}exec {real} \"$@\"\n"),
        };
        let shim = bin.join(program);
        fs::write(&shim, text).unwrap();
        fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let with = Surroundings { slow: Some(setting.slow.unwrap_or(SLOW)), ..Surroundings::default() };
    let slowly: Vec<String> =
        with.variables().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let prelude = format!(
        "set -euo pipefail
        export SLOWLY='--export=ALL,{}' EXAMPLES='{}'
        drain() {{ while [ -n \"$(squeue --noheader --states=all --format=%T | grep -Ev \
         'COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|DEADLINE|OUT_OF_MEMORY|BOOT_FAIL' || true)\" ]; do sleep 0.2; done; }}
        ",
        slowly.join(","),
        root().join("examples/slurm").display()
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(root().join("tests/slurm/cluster"));
    command.args(["-n", "4", "-t", "240", "bash", "-c"]).arg(prelude + script);
    command.current_dir(cohort.root()).env("PATH", path).env_remove("SLURM_CONF");
    Ran::of(command.output().unwrap())
}

/// What became of the jobs, if a store is not what it should be.
#[track_caller]
fn assert_is_one_run(cohort: &Cohort, ran: &Ran, what: &str) {
    let logs = fs::read_dir(cohort.root()).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<PathBuf> = logs.filter(|path| path.to_string_lossy().contains("slurm-")).collect();
    let said: String = logs.iter().map(|log| fs::read_to_string(log).unwrap_or_default()).collect();
    assert!(cohort.store().join("manifest.json").exists(), "{what}: {ran:?}\n{said}");
    let store = Store::read(&cohort.store());
    let expected = store_of_one_run(cohort);
    assert!(store.sessions == expected.sessions, "{what}: {ran:?}\n{said}\n{:?}", store.sessions);
    store.assert_same(&expected);
    assert_eq!(segments_in(&cohort.store()), Vec::<PathBuf>::new(), "{what}");
}

#[test]
fn an_array_and_its_merge_are_one_run() {
    in_slurm!();
    in_both(|setting| {
        let cohort = cohort();
        let script = r#""$EXAMPLES/cohort.sh" sessions.csv data/processed; drain; squeue --states=all"#;
        let ran = in_cluster(&cohort, setting, script).ended(0);
        assert_is_one_run(&cohort, &ran, "array");
    });
}

/// The ways in which tasks end before their end, each with what a person does then.
const FAULTS: [(&str, &str); 6] = [
    ("preempted", "sbatch --partition=high --nodes=4 --wrap 'sleep 1' --output=/dev/null; drain"),
    ("requeued", "scontrol requeue ${ARRAY}_1; scontrol requeue ${ARRAY}_3; drain"),
    ("cancelled", "scancel ${ARRAY}_0 ${ARRAY}_2; drain"),
    ("killed step and job", "scancel --signal=KILL --full $ARRAY; drain"),
    ("killed node", "\"$CLUSTER_DIR/kill-node\" n2; sleep 6; \"$CLUSTER_DIR/start-node\" n2; drain"),
    (
        ZOMBIE,
        "\"$CLUSTER_DIR/kill-daemon\" n1; for _ in $(seq 200); do scontrol show job $ARRAY | grep -q 'Restarts=[1-9]' && break; sleep 0.2; \
         done; \"$CLUSTER_DIR/start-node\" n1; drain",
    ),
];

/// An attempt that goes on writing while another does the same work.
const ZOMBIE: &str = "a zombie beside its second attempt";

/// Clusters that a test runs at a time: most of what they do is wait.
const AT_ONCE: usize = 3;

fn whatever_happens(setting: Setting, n_rounds: usize) {
    let rounds = (0..n_rounds).flat_map(|round| FAULTS.map(|(fault, script)| (fault, script, round)));
    let rounds = Mutex::new(rounds);
    let next = || rounds.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((fault, script, round)) = next() {
                    if fault == ZOMBIE {
                        let was_beside =
                            |slow| happens(Setting { slow: Some(slow), ..setting }, fault, script, round);
                        assert!(SLOWER.into_iter().any(was_beside), "no second attempt");
                    } else {
                        happens(setting, fault, script, round);
                    }
                    println!("{fault}, round {round}: 0 lost, 0 doubled");
                }
            });
        }
    });
    println!("{n_rounds} rounds of each of {} faults: 0 lost, 0 doubled", FAULTS.len());
}

/// One round, and whether a second attempt of a task had published something when its script ended.
fn happens(setting: Setting, fault: &str, script: &str, round: usize) -> bool {
    let cohort = cohort();
    // The fault comes at another moment in each round.
    let after = 0.3 + (round * 37 % 100) as f64 / 100.0;
    let script = format!(
        r#"ARRAY=$(sbatch --parsable --requeue "$SLOWLY" "$EXAMPLES/array.sh" sessions.csv data/processed --segment-units 3)
        while [ -z "$(squeue --noheader --states=RUNNING)" ]; do sleep 0.05; done
        sleep {after}
        {script}
        ls data/processed/.segments | grep -q 'restart[0-9]' && echo started again || true
        # Whoever lost a task submits the array again: finished parts end at once.
        sbatch --parsable --wait "$EXAMPLES/array.sh" sessions.csv data/processed
        sbatch --wait "$EXAMPLES/merge.sh" sessions.csv data/processed"#
    );
    let ran = in_cluster(&cohort, setting, &script);
    assert_is_one_run(&cohort, &ran, &format!("{fault}, round {round}"));
    ran.stdout.contains("started again")
}

#[test]
fn whatever_happens_to_tasks_nothing_is_lost_or_doubled() {
    in_slurm!();
    whatever_happens(SETTINGS[0], rounds());
}

#[test]
fn nor_where_locks_fail_and_hosts_change_their_names() {
    in_slurm!();
    let rounds = if rounds() > 1 { (rounds() * 2).div_ceil(5) } else { 1 };
    whatever_happens(SETTINGS[1], rounds);
}

#[test]
fn arrays_may_be_resized_and_run_in_parts() {
    in_slurm!();
    in_both(|setting| {
        let cohort = cohort();
        let script = r#"
        submit() { sbatch --parsable --wait "$@" sessions.csv data/processed; }
        submit --array=0-3 "$EXAMPLES/array.sh" & submit --array=1-7:3 "$EXAMPLES/array.sh"; wait
        # Some tasks of an array are refused, with the way out.
        submit --array=1,3 --output=refused-%a "$EXAMPLES/array.sh" || echo refused
        sbatch --wait --array=1,3 --wrap 'exec neuroalign-preprocess --segment --shard $SLURM_ARRAY_TASK_ID/4 --no-progress -s sessions.csv -o data/processed'
        submit "$EXAMPLES/merge.sh""#;
        let ran = in_cluster(&cohort, setting, script).ended(0);
        assert!(ran.stdout.contains("refused"), "{ran:?}");
        let refused = fs::read_to_string(cohort.path("refused-3")).unwrap();
        assert!(refused.contains("--shard $SLURM_ARRAY_TASK_ID/N"), "{refused}");
        assert_is_one_run(&cohort, &ran, "resized");
    });
}

#[test]
fn fifty_epilogues_end_in_one_store_while_it_is_merged_again_and_again() {
    in_slurm!();
    in_both(|setting| {
        let cohort = Cohort::of(&[]);
        let names: Vec<String> = (1..=50).map(|n| format!("{n:04}")).collect();
        cohort.list_of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
        for name in &names {
            cohort.add(name, "1");
            let list = fs::read_to_string(cohort.path("sessions.csv")).unwrap();
            let (header, row) =
                (list.lines().next().unwrap(), list.lines().find(|line| line.starts_with(name)).unwrap());
            cohort.write(&format!("lists/{name}.csv"), &format!("{header}\n{row}\n"));
        }
        // One is read twice, and has changed in between; one withdraws, whose epilogue may be before or after that.
        let changed = anatomical("0007", "1", "GM");
        let script = format!(
            r#"
        export WITHDRAWN=$PWD/withdrawn.csv
        printf 'subject_code\n9999\n' >"$WITHDRAWN"
        for n in $(seq 1 50); do
            name=$(printf '%04d' "$n")
            sbatch --output=epilogue-%j --wrap "$EXAMPLES/epilogue.sh lists/$name.csv sessions.csv data/processed" >/dev/null
        done
        while [ "$(squeue --noheader | wc -l)" -gt 20 ]; do sleep 0.2; done
        printf 'subject_code\n9999\n0013\n' >withdrawn.new
        mv withdrawn.new "$WITHDRAWN"
        neuroalign-export-cache data/processed --yes --wait 100 >/dev/null
        cp changed.tsv "{changed}"
        sbatch --output=epilogue-%j --wrap "$EXAMPLES/epilogue.sh lists/0007.csv sessions.csv data/processed" >/dev/null
        drain
        sbatch --wait "$EXAMPLES/merge.sh" sessions.csv data/processed || true
        neuroalign-export-cache data/processed --status --sessions sessions.csv"#
        );
        cohort.write("changed.tsv", &tsv(123.0));
        let ran = in_cluster(&cohort, setting, &script).ended(0);
        assert!(!cohort.session_rows().iter().any(|row| row[0] == "0013"), "{ran:?}");
        cohort.run(&["-o", "in-one-run", "--withdrawn", "withdrawn.csv"]).ended(0);
        let stores = ["data/processed", "in-one-run"].map(|store| {
            let mut store = Store::read(&cohort.path(store));
            // How many withdrew, and when, is of the store's past.
            store.manifest.as_object_mut().unwrap().remove("withdrawn").unwrap();
            store
        });
        stores[0].assert_same(&stores[1]);
        assert_eq!(segments_in(&cohort.store()), Vec::<PathBuf>::new(), "{ran:?}");
    });
}

#[test]
fn a_queue_that_kills_what_takes_long_gets_there_in_the_end() {
    in_slurm!();
    in_both(|setting| {
        let cohort = cohort();
        let script = r#""$EXAMPLES/until_complete.sh" 5 sessions.csv data/processed"#;
        let ran = in_cluster(&cohort, setting, script).ended(0).says(&["is in data/processed"]);
        assert_is_one_run(&cohort, &ran, "until complete");
    });
}

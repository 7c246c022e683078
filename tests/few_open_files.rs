//! A store of many features is made and read where few files may be open.
#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use na_store::{FeatureStore, ReadOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::Ran;
use support::cohort::{Cohort, diffusion, tsv};
use support::store::Store;

const SESSIONS: [(&str, &str); 2] = [("0001", "1"), ("0002", "1")];
const MAPS: usize = 100;
const WORKFLOWS: usize = 20;

/// A hundred maps of one workflow, and one map of each of many.
fn cohort() -> Cohort {
    let cohort = Cohort::of(&SESSIONS);
    for (subject, session) in SESSIONS {
        for map in 0..MAPS {
            cohort.write(&diffusion("NODDI", subject, session, &format!("p{map:03}")), &tsv(2.0));
        }
        for workflow in 0..WORKFLOWS {
            cohort.write(&diffusion(&format!("W{workflow:02}"), subject, session, "fa"), &tsv(3.0));
        }
    }
    cohort
}

/// Runs a command with 64 open files at most.
fn limited(command: &Command) -> Ran {
    support::limited(command, "-n 64")
}

#[test]
fn a_hundred_maps_and_twenty_workflows_need_no_more_than_64_open_files() {
    let cohort = cohort();
    let arguments = ["--wide-metrics", "mean,std", "-j", "8", "--sealed-at-once", "1"];
    limited(&cohort.command(&arguments)).ended(0);
    let store = Store::read(&cohort.store());
    let n_features = store.manifest["wide_features"].as_object().unwrap().len();
    assert_eq!(n_features, (MAPS + 2 + WORKFLOWS + 3) * 2 + 1);
    cohort.run(&[&arguments[..], &["-o", "unlimited"]].concat()).ended(0);
    store.assert_same(&Store::read(&cohort.path("unlimited")));
    // A merge into tables that are there, and reads while the cache is.
    cohort.write(&diffusion("W00", "0001", "1", "fa"), &tsv(9.0));
    cohort.write(&diffusion("NODDI", "0001", "1", "p000"), &tsv(9.0));
    cohort.stop_exports_at("manifest.json");
    limited(&cohort.command(&arguments)).ended(1);
    read_all_limited(&cohort);
    cohort.let_exports_pass("manifest.json");
    limited(&cohort.command(&arguments)).ended(0);
    read_all_limited(&cohort);
    limited(&cohort.command(&arguments)).ended(0).says(&["Nothing to do"]);
}

/// Reads all features at once in this process, with 64 open files at most: it has this one test.
fn read_all_limited(cohort: &Cohort) {
    let usual = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..usual }).unwrap();
    let store = FeatureStore::open(cohort.store()).unwrap();
    let names = store.list_features(None).unwrap();
    let batch = store.features_batch(&names, &ReadOptions::default()).unwrap();
    assert!(names.len() > 200 && batch.num_columns() > 800, "{} features", names.len());
    setrlimit(Resource::Nofile, usual).unwrap();
}

//! Who withdraws while others load and merge is in no store afterwards.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use na_cache::OwnerLock;
use support::cohort::Cohort;
use support::faults::{Surroundings, surround};
use support::files;
use support::segments::segments_in;

/// Who withdraws.
const SHE: &str = "zq77";

/// The files of the store that name her.
fn files_with_her(cohort: &Cohort) -> Vec<String> {
    files::holding(&cohort.store(), SHE.as_bytes())
}

/// Six sessions, hers among them, and a segment that names her, of a process that nobody told.
fn cohort_and_segment() -> (Cohort, PathBuf) {
    let cohort = Cohort::of(&["0001", "0002", SHE, "0004", "0005", "0006"].map(|subject| (subject, "1")));
    cohort.write("withdrawn.csv", &format!("subject_code\n{SHE}\n"));
    cohort.run(&["-o", "of-a-zombie", "--segment"]).ended(0);
    let segment = segments_in(&cohort.path("of-a-zombie")).remove(0);
    (cohort, segment)
}

fn publish(cohort: &Cohort, segment: &PathBuf) {
    let folder = cohort.store().join(".segments");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(segment, folder.join(segment.file_name().unwrap())).unwrap();
}

#[test]
fn a_merge_that_waited_looks_again_whether_somebody_withdrew() {
    let (cohort, segment) = cohort_and_segment();
    cohort.run(&[]).ended(0);
    files::copy(&cohort.store(), &cohort.path("before"));
    cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--yes"]).ended(0);
    files::copy(&cohort.store(), &cohort.path("after"));
    fs::remove_dir_all(cohort.store()).unwrap();
    files::copy(&cohort.path("before"), &cohort.store());
    publish(&cohort, &segment);
    let lock = OwnerLock::acquire(&cohort.store()).unwrap();
    let mut command = support::export_cache(cohort.root());
    command.args(["data/processed", "--sessions", "sessions.csv", "--wait", "600"]);
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("waiting for 600 s")));
    // What a withdrawal of somebody else does meanwhile.
    for path in files::all_below(&cohort.path("before")) {
        let name = path.strip_prefix(cohort.path("before")).unwrap();
        let (from, to) = (cohort.path("after").join(name), cohort.store().join(name));
        match from.exists() {
            true => fs::copy(&from, &to).map(drop).unwrap(),
            false => fs::remove_file(&to).unwrap(),
        }
    }
    drop(lock);
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(waiting.wait().unwrap().code(), Some(2), "{said:?}");
    assert!(said.iter().any(|line| line.contains("--withdrawn FILE")), "{said:?}");
    fs::remove_dir_all(cohort.store().join(".segments")).unwrap();
    assert_eq!(files_with_her(&cohort), Vec::<String>::new());
}

#[test]
fn what_was_published_while_a_run_loaded_brings_nobody_back() {
    let (cohort, segment) = cohort_and_segment();
    let mut command = cohort.command(&["-j", "1", "--withdrawn", "withdrawn.csv"]);
    surround(&mut command, Surroundings { slow: Some(100_000), ..Surroundings::default() });
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("to load")));
    publish(&cohort, &segment);
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{said:?}");
    assert_eq!(segments_in(&cohort.store()), Vec::<PathBuf>::new());
    assert_eq!(files_with_her(&cohort), Vec::<String>::new());
}

#[test]
fn the_list_of_a_merge_may_still_name_who_withdrew() {
    let (cohort, segment) = cohort_and_segment();
    let withdrawn = ["--withdrawn", "withdrawn.csv"];
    cohort.run(&[&["--keep-cache"], &withdrawn[..]].concat()).ended(0);
    let merge = [&["--sessions", "sessions.csv"], &withdrawn[..]].concat();
    cohort.export_cache(&merge).ended(0);
    assert_eq!(files_with_her(&cohort), Vec::<String>::new());
    publish(&cohort, &segment);
    cohort.export_cache(&merge).ended(0);
    assert_eq!(files_with_her(&cohort), Vec::<String>::new());
}

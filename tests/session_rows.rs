//! Of whom `sessions.tsv` tells: whom a list named, and who is on disk or in the store.

mod support;

use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const LATER: (&str, &str) = ("0002", "2");

/// Three visits, of which the last has no diffusion.
fn cohort() -> Cohort {
    let cohort = Cohort::of(&[A, B, LATER]);
    cohort.remove(&diffusion("NODDI", LATER.0, LATER.1, "icvf"));
    cohort.remove("parcellated/qsirecon-NODDI/sub-0002/ses-2");
    cohort
}

fn archive(cohort: &Cohort, (subject, session): (&str, &str)) {
    for root in ["parcellated/cat12", "cat12"] {
        cohort.remove(&format!("{root}/sub-{subject}/ses-{session}"));
    }
}

/// The rows of a session: modality and status.
fn told(cohort: &Cohort, (subject, session): (&str, &str)) -> Vec<[String; 2]> {
    let rows = cohort.session_rows().into_iter().filter(|row| row[0] == subject && row[1] == session);
    rows.map(|row| [row[2].clone(), row[3].clone()]).collect()
}

fn is(rows: &[[&str; 2]]) -> Vec<[String; 2]> {
    rows.iter().map(|row| row.map(str::to_owned)).collect()
}

fn assert_is_as_loaded_anew(cohort: &Cohort, arguments: &[&str]) {
    let output = cohort.path("anew");
    let _ = std::fs::remove_dir_all(&output);
    cohort.run(&[&["-o", output.to_str().unwrap()], arguments].concat()).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&output));
}

#[test]
fn a_visit_that_no_list_named_is_told_of_no_more_when_it_is_gone() {
    for (list, arguments) in [("participant_id\n0001\n0002\n", &[][..]), ("", &["--discover"])] {
        let cohort = cohort();
        if !list.is_empty() {
            cohort.list(list);
        }
        cohort.run(arguments).ended(0);
        let as_found = [["anatomical", "loaded"], ["diffusion", "missing"]];
        assert_eq!(told(&cohort, LATER), is(&as_found));
        archive(&cohort, LATER);
        cohort.run(arguments).ended(0);
        let kept = cohort.standing(LATER.0, LATER.1, "anatomical").1;
        assert!(kept.starts_with("kept: anatomical_gm: its file is gone"), "{kept}");
        cohort.run(&[arguments, &["--json"]].concat()).ended(0).says(&["\"store\": null"]);
        cohort.run(&[arguments, &["--prune", "--yes"]].concat()).ended(0);
        assert_eq!(told(&cohort, LATER), is(&[]));
        assert_is_as_loaded_anew(&cohort, arguments);
    }
}

#[test]
fn a_visit_that_a_list_named_stays_told_of() {
    let cohort = cohort();
    cohort.list_of(&[A, B, LATER, ("0003", "1")]);
    cohort.run(&[]).ended(0);
    archive(&cohort, LATER);
    cohort.run(&["--discover", "--prune", "--yes"]).ended(0);
    let nothing = is(&[["anatomical", "missing"], ["diffusion", "missing"]]);
    assert_eq!(told(&cohort, LATER), nothing);
    assert_eq!(told(&cohort, ("0003", "1")), nothing);
    cohort.list_of(&[A, B]);
    cohort.run(&["--prune-unlisted", "--yes"]).ended(0);
    assert_eq!(told(&cohort, LATER), is(&[]));
    assert_is_as_loaded_anew(&cohort, &[]);
}

#[test]
fn whom_a_list_names_is_remembered_although_nothing_else_changes() {
    for (starts_over, rows) in [(false, 2), (true, 0)] {
        let cohort = cohort();
        cohort.run(&["--discover"]).ended(0);
        // A list that says nothing else of them.
        cohort.list("subject_code,session_id\n0001,1\n0002,1\n0002,2\n");
        cohort.run(&[]).ended(0);
        if starts_over {
            // It knows no earlier list.
            cohort.run(&["--discover", "--force", "--yes"]).ended(0);
        }
        archive(&cohort, LATER);
        cohort.run(&["--discover", "--prune", "--yes"]).ended(0);
        assert_eq!(told(&cohort, LATER).len(), rows, "starts over: {starts_over}");
    }
}

#[test]
fn a_subject_of_whom_nothing_is_left_is_missing_at_once() {
    let cohort = Cohort::empty();
    for subject in ["0001", "0002"] {
        cohort.add(subject, "");
    }
    cohort.list("subject_code\n0001\n0002\n");
    cohort.run(&[]).ended(0);
    for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI", "cat12"] {
        cohort.remove(&format!("{root}/sub-0002"));
    }
    cohort.run(&["--prune", "--yes"]).ended(0);
    assert_eq!(told(&cohort, ("0002", "n/a")).len(), 2);
    assert_is_as_loaded_anew(&cohort, &[]);
    cohort.run(&["--prune", "--yes", "--json"]).ended(0).says(&["\"store\": null"]);
}

#[test]
fn who_was_missing_under_another_spelling_is_told_of_once() {
    let cohort = cohort();
    cohort.list("subject_code,session_id\n0001,1\n29,03\n");
    cohort.run(&[]).ended(0);
    assert_eq!(told(&cohort, ("0029", "03")).len(), 2);
    cohort.add("29", "3");
    cohort.list("subject_code,session_id\n0001,1\n0029,3\n");
    cohort.run(&[]).ended(0);
    assert_eq!(told(&cohort, ("0029", "03")), is(&[]));
    assert_eq!(told(&cohort, ("0029", "3"))[0][1], "loaded");
}

#[test]
fn a_subject_that_a_list_of_subjects_named_stays_missing_until_there_is_a_session() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "")]);
    let list = |codes: &[&str]| cohort.list(&format!("participant_id\n{}\n", codes.join("\n")));
    list(&["1", "2", "3"]);
    cohort.run(&[]).ended(0);
    list(&["1", "2"]);
    cohort.run(&[]).ended(0);
    cohort.write(&anatomical("0001", "1", "GM"), &tsv(8.0));
    cohort.run(&[]).ended(0);
    assert_eq!(cohort.standing("0003", "n/a", "anatomical").0, "missing");
    cohort.add("0003", "1");
    list(&["1", "2", "3"]);
    cohort.run(&[]).ended(0);
    assert_eq!(cohort.standing("0003", "1", "anatomical").0, "loaded");
    assert!(
        !cohort.session_rows().iter().any(|row| row[..2] == ["0003", "n/a"]),
        "{:?}",
        cohort.session_rows()
    );
}

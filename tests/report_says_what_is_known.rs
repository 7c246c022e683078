//! What a report says of values that stand for something else, of sessions that are not in the store, and of a store that is not whole.

mod report;
mod support;

use std::fs;
use std::path::PathBuf;

use bench_support::lab::Lab;
use report::made_up::MadeUp;
use report::page::Page;
use serde_json::{Value, json};
use support::cohort::Cohort;
use support::{Ran, export_cache, files, preprocess};

const A: (&str, &str) = ("0001", "202401010900");
const B: (&str, &str) = ("0002", "202401020900");

fn page(cohort: &Cohort) -> Page {
    Page::read(&cohort.store().join("report.html"))
}

/// The files of a session's grey matter.
fn grey_matter(made_up: &MadeUp, session: usize) -> PathBuf {
    let (subject, id) = made_up.lab.session(session);
    let folder = made_up.folder().join(format!("parcellated/cat12/sub-{subject}/ses-{id}/anat"));
    let is_it = |path: &PathBuf| path.to_string_lossy().ends_with("tissue-GM_parc.tsv");
    files::all_below(&folder).into_iter().find(is_it).unwrap()
}

#[test]
fn a_value_that_is_not_finite_is_none_and_flags_nobody() {
    let made_up = MadeUp::load(Lab { sessions: 40, regions: 30, maps: 3, seed: 5, ..Lab::default() });
    let clean = Page::read(&made_up.page());
    for session in 0..40 {
        let path = grey_matter(&made_up, session);
        let text = fs::read_to_string(&path).unwrap();
        let line = |(n, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split('\t').collect();
            // Region 1 in half of the sessions, and others here and there.
            if n > 0 && (n == 1 && session % 2 == 0 || (n + session) % 7 == 0) {
                cells[2..].fill(if session % 3 == 0 { "-inf" } else { "inf" });
            }
            cells.join("\t") + "\n"
        };
        fs::write(&path, text.lines().enumerate().map(line).collect::<String>()).unwrap();
    }
    made_up.run(&["--yes"]).ended(0);
    let page = Page::read(&made_up.page());
    let flagged = |page: &Page| page.arrays["flagged"].iter().filter(|flag| **flag == 1).count();
    assert!(flagged(&page) <= flagged(&clean), "{} flagged of {}", flagged(&page), flagged(&clean));
    let counts = |name: &str| -> Vec<u32> {
        page.arrays[name].chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let (empty, unusual) = (counts("regionEmpty"), counts("regionUnusual"));
    assert!(empty.iter().any(|n| *n >= 20), "{empty:?}");
    assert!(empty.iter().zip(&unusual).all(|(empty, unusual)| empty + unusual <= 40));
}

#[test]
fn nothing_is_said_of_the_age_of_a_session_that_is_not_in_the_store() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list("subject_code,session_id,AGE\n0001,202401010900,30\n0002,202401020900,40\n");
    for path in files::all_below(cohort.root()) {
        let path_text = path.to_string_lossy().into_owned();
        if path_text.contains("sub-0002") && path_text.ends_with(".tsv") {
            fs::write(&path, "").unwrap();
        }
    }
    cohort.run(&[]).ended(3);
    let look = page(&cohort).section("look").to_owned();
    assert!(look.contains("failed to load") && !look.contains("without an age"), "{look}");
}

#[test]
fn a_code_for_a_missing_age_is_no_age_anywhere() {
    let made_up = MadeUp::load(Lab { sessions: 60, regions: 10, maps: 3, seed: 7, ..Lab::default() });
    let list = made_up.folder().join("sessions.csv");
    let text = fs::read_to_string(&list).unwrap();
    let line = |(n, line): (usize, &str)| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if n > 0 && n % 2 == 0 {
            cells[2] = "999";
        }
        cells.join(",") + "\n"
    };
    fs::write(&list, text.lines().enumerate().map(line).collect::<String>()).unwrap();
    made_up.run(&[]).ended(0);
    let page = Page::read(&made_up.page());
    assert!(page.section("look").contains("<span class=cnt>30 sessions</span>"));
    let cohort = page.section("cohort");
    assert!(cohort.contains("30 sessions have none") && !cohort.contains("1,000 years"), "{cohort}");
}

#[test]
fn many_sessions_of_one_person_are_not_told_from_few() {
    let sessions: Vec<(String, String)> = (0..40)
        .map(|n| (if n < 6 { "0001".to_owned() } else { format!("{:04}", n + 1) }, format!("{:02}", n + 1)))
        .collect();
    let as_written: Vec<(&str, &str)> =
        sessions.iter().map(|(subject, id)| (subject.as_str(), id.as_str())).collect();
    let cohort = Cohort::of(&as_written);
    let mut list = "subject_code,session_id,AGE,diagnosis\n".to_owned();
    for (n, (subject, id)) in as_written.iter().enumerate() {
        let (age, diagnosis) = if n < 6 { (95, "RARE") } else { (30 + n % 20, "NONE") };
        list.push_str(&format!("{subject},{id},{age},{diagnosis}\n"));
    }
    cohort.list(&list);
    cohort.run(&[]).ended(0);
    let section = page(&cohort).section("cohort").to_owned();
    assert!(!section.contains("RARE") && section.contains("from 45 years: 16"), "{section}");
}

#[test]
fn a_store_that_is_not_whole_says_so() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.remove("data/processed/tiv.parquet");
    cohort.run(&["--report-only"]).ended(0);
    let look = page(&cohort).section("look").to_owned();
    assert!(look.contains("of the store that are gone") && look.contains("tiv.parquet"), "{look}");
    let folder = tempfile::tempdir().unwrap();
    for (mut command, output) in
        [(preprocess(folder.path()), vec!["-o", "."]), (export_cache(folder.path()), vec!["."])]
    {
        let ran = Ran::of(command.arg("--report-only").args(output).output().unwrap());
        ran.ended(1).says(&["there is no store"]);
    }
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn no_report_is_made_while_somebody_who_withdrew_may_be_in_the_store() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "subject_code\n0002\n");
    // As a withdrawal leaves it that is killed right after its beginning.
    let path = cohort.store().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["withdrawn"] = json!({ "n_subjects": 0, "n_sessions": 0, "n_listed": 1, "has_begun": true });
    fs::write(&path, manifest.to_string()).unwrap();
    fs::remove_file(cohort.store().join("report.html")).unwrap();
    cohort.run(&["--report-only"]).ended(1).says(&["a withdrawal", "--withdrawn"]);
    assert!(!cohort.store().join("report.html").exists());
    cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--yes"]).ended(0);
    assert!(!page(&cohort).html.contains("0002/"));
}

#[test]
fn what_nobody_knows_is_not_called_complete() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.remove("data/processed/sessions.tsv");
    cohort.run(&["--report-only"]).ended(0);
    assert!(page(&cohort).section("look").contains("sessions.tsv is gone"));
    cohort.write("data/processed/sessions.tsv", "subject_code\tsession_id\tmodality\tstatus\ttables\treason\n0001\t202401010900\tanatomical\tloaded\tn/a\tn/a\n");
    cohort.run(&["--report-only"]).ended(0);
    assert!(page(&cohort).section("look").contains("without a row in sessions.tsv"));
}

#[test]
fn of_few_sessions_neither_ages_nor_volumes_are_drawn() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let section = page(&cohort).section("cohort").to_owned();
    assert!(!section.contains("<rect") && section.contains("too few"), "{section}");
}

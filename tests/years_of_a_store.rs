//! What a lab does to a store over the years: files are archived, mended and moved, lists are edited, old caches turn up.

mod support;

use std::fs;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::store::{NULL, Store};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn of_one_run(cohort: &Cohort, arguments: &[&str]) -> Store {
    let output = cohort.path("fresh");
    let _ = fs::remove_dir_all(&output);
    let mut all = vec!["-o", output.to_str().unwrap()];
    all.extend(arguments);
    cohort.run(&all).ended(0);
    Store::read(&output)
}

fn volumes(cohort: &Cohort, session: (&str, &str)) -> Vec<f64> {
    let store = Store::read(&cohort.store());
    let table = store.table("long/anatomical_gm.parquet");
    let of_session = table.column("subject_code").into_iter().zip(table.doubles("tiv"));
    of_session.filter(|(subject, _)| *subject == session.0).filter_map(|(_, tiv)| tiv).collect()
}

#[test]
fn a_report_that_changes_reaches_every_row_of_tables_that_are_archived() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.remove("parcellated/cat12/sub-0001");
    cohort.tiv(A.0, A.1, 1777.5);
    cohort.run(&[]).ended(0);
    assert_eq!(volumes(&cohort, A), [1777.5; 4]);
    assert!(cohort.standing(A.0, A.1, "anatomical").1.starts_with("kept: anatomical_gm: its file is gone"));
}

#[test]
fn a_table_that_changes_where_nobody_looks_for_reports_keeps_the_volume() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = volumes(&cohort, A);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(9.0));
    let env = fs::read_to_string(cohort.path(".env")).unwrap().replace("CAT12_ROOT=cat12\n", "");
    cohort.write(".env", &env);
    cohort.run(&[]).ended(0);
    assert_eq!(volumes(&cohort, A), before);
}

#[test]
fn a_table_s_column_never_takes_the_list_s_values() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list("subject_code,session_id,score\n0001,1,7\n0002,1,8\n");
    cohort.run(&[]).ended(0);
    let scored = tsv(9.0).replacen("label", "label\tscore", 1);
    let mut lines = scored.lines().map(str::to_owned).collect::<Vec<_>>();
    for line in lines.iter_mut().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        *line = [&cells[..2], &["0.5"], &cells[2..]].concat().join("\t");
    }
    cohort.write(&anatomical(A.0, A.1, "GM"), &(lines.join("\n") + "\n"));
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    store.assert_same(&of_one_run(&cohort, &[]));
    let table = store.table("long/anatomical_gm.parquet");
    let of_b = table.column("subject_code").into_iter().zip(table.column("score"));
    assert!(of_b.filter(|(subject, _)| *subject == B.0).all(|(_, score)| score == NULL));
}

#[test]
fn a_kept_cache_never_brings_older_values_back() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["--keep-cache"]).ended(0);
    fs::rename(cohort.path("data/processed/.cache.db"), cohort.path("kept.db")).unwrap();
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(9.0));
    cohort.run(&[]).ended(0);
    fs::rename(cohort.path("kept.db"), cohort.path("data/processed/.cache.db")).unwrap();
    let expected = of_one_run(&cohort, &[]);
    let store = FeatureStore::open(cohort.store()).unwrap();
    let read = store.feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    cohort.export_cache(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&expected);
    let store = FeatureStore::open(cohort.store()).unwrap();
    assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap(), read);
}

#[test]
fn one_person_stays_one_however_the_list_writes_the_number() {
    let cohort = Cohort::empty();
    cohort.add("0050772", "1");
    for (code, arguments) in [("50772", &[][..]), ("0050772", &[]), ("50772", &["--discover"])] {
        cohort.list_of(&[(code, "1")]);
        cohort.run(arguments).ended(0);
        let store = Store::read(&cohort.store());
        assert_eq!(store.manifest["n_subjects"], 1, "{code} {arguments:?}");
    }
}

#[test]
fn another_choice_of_files_over_a_table_is_refused_and_the_same_is_remembered() {
    let cohort = Cohort::of(&[A, B]);
    for session in [A, B] {
        let plain = anatomical(session.0, session.1, "GM");
        for (mask, value) in [("gm", 3.0), ("brain", 4.0)] {
            cohort.write(&plain.replace("_tissue-GM", &format!("_tissue-GM_mask-{mask}")), &tsv(value));
        }
        cohort.remove(&plain);
    }
    cohort.run(&["--mask", "gm"]).ended(0);
    cohort.run(&["--mask", "brain"]).ended(1).says(&["anatomical_gm", "mask-gm", "mask-brain", "--force"]);
    cohort.write(&anatomical(A.0, A.1, "GM").replace("_tissue-GM", "_tissue-GM_mask-gm"), &tsv(5.0));
    let ran = cohort.run(&["--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [1, 0], "without a choice the store's own counts");
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &["--mask", "gm"]));
    cohort.run(&["--mask", "brain", "--force"]).ended(0);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &["--mask", "brain"]));
}

#[test]
fn other_roots_with_other_people_of_the_same_names_are_not_taken_for_changes() {
    let all: Vec<String> = (1..=12).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = all.iter().map(|code| (code.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    let env = fs::read_to_string(cohort.path(".env")).unwrap();
    let moved_to = |folder: &str| {
        let roots = env.replace("=cat12", &format!("={folder}/cat12"));
        cohort.write(".env", &roots.replace("=parcellated", &format!("={folder}/parcellated")));
    };
    // The same files elsewhere are the same dataset.
    fs::create_dir(cohort.path("moved")).unwrap();
    for root in ["cat12", "parcellated"] {
        fs::rename(cohort.path(root), cohort.path("moved").join(root)).unwrap();
    }
    moved_to("moved");
    cohort.run(&[]).ended(0);
    // Other people of the same names are not.
    for (place, (subject, session)) in (100_u32..).zip(&sessions) {
        cohort.add(subject, session);
        cohort.write(&anatomical(subject, session, "GM"), &tsv(f64::from(place)));
        cohort.write(&diffusion("NODDI", subject, session, "od"), &tsv(f64::from(place)));
    }
    fs::create_dir(cohort.path("other")).unwrap();
    for root in ["cat12", "parcellated"] {
        fs::rename(cohort.path(root), cohort.path("other").join(root)).unwrap();
    }
    moved_to("other");
    for how in [&[][..], &["--force"]] {
        cohort.run(how).ended(1).says(&["24 of 24", "CAT12_ROOT", "other/cat12", "another dataset", "--yes"]);
    }
    cohort.export_cache(&["--discard"]).ended(0);
    Store::read(&cohort.store()).assert_same(&before);
    cohort.run(&["--yes"]).ended(0);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn a_list_of_subjects_is_edited_and_pruned() {
    let all: Vec<String> = (1..=12).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = all.iter().map(|code| (code.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    let list = |age: u32| {
        let rows: Vec<String> = all.iter().map(|code| format!("sub-{code}\t{age}\n")).collect();
        cohort.write("participants.tsv", &format!("participant_id\tage\n{}", rows.concat()));
    };
    list(30);
    let arguments = ["-s", "participants.tsv"];
    cohort.run(&arguments).ended(0);
    list(31);
    for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI", "cat12"] {
        cohort.remove(&format!("{root}/sub-0003"));
    }
    cohort.run(&arguments).ended(0);
    let ages = Store::read(&cohort.store()).table("metadata.parquet").doubles("AGE");
    assert_eq!(ages, [Some(31.0); 12], "who is archived stays, with today's age");
    cohort.run(&["-s", "participants.tsv", "--prune"]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("metadata.parquet").rows.len(), 11);
    // A list of subjects has no visit for one who has none: nothing is told of the one who left.
    let mut fresh = of_one_run(&cohort, &arguments);
    fresh.sessions.retain(|row| !row.contains("0003"));
    let mut here = store;
    here.sessions.retain(|row| !row.contains("0003"));
    here.assert_same(&fresh);
}

#[test]
fn what_was_told_of_those_who_are_not_looked_for_stays() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&anatomical(B.0, B.1, "GM"), "index\tlabel\tmean\n1\tx\tno number\n");
    cohort.list_of(&[A, B, ("0009", "1")]);
    cohort.run(&[]).ended(3);
    cohort.list_of(&[A]);
    cohort.run(&["--no-anatomical"]).ended(0);
    assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "failed");
    assert_eq!(cohort.standing("0009", "1", "anatomical").0, "missing");
    cohort.run(&["--no-anatomical"]).ended(0).says(&["Nothing to do"]);
    cohort.remove(&tiv_path(A.0, A.1));
    cohort.run(&[]).ended(0);
    assert!(
        cohort.standing(A.0, A.1, "anatomical").1.contains("total intracranial volume: its file is gone")
    );
    assert_eq!(volumes(&cohort, A).len(), 4);
}

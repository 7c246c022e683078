//! Identifiers are text, cleaned by one rule in every run; two that could be one are told, never merged.

mod support;

use support::cohort::{Cohort, tiv_path};
use support::store::{NULL, Store};

const METADATA: &str = "metadata.parquet";
const GM: &str = "long/anatomical_gm.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

fn ages(cohort: &Cohort) -> Vec<(String, String)> {
    let ages = Store::read(&cohort.store()).by_session(METADATA, "AGE");
    ages.into_iter().map(|(session, age)| (session, age.rsplit(' ').next().unwrap().to_owned())).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(session, age)| ((*session).to_owned(), (*age).to_owned())).collect()
}

#[test]
fn leading_zeros_17_digits_and_words_survive() {
    let sessions = ["01", "1", "20240101123045678", "20240101123045679", "baseline"];
    let cohort = Cohort::of(&sessions.map(|session| ("0042", session)));
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    let expected = sessions.map(|session| format!("0042/{session}"));
    for table in [METADATA, "tiv.parquet", "wide/anatomical/gm_mean.parquet", "wide/anatomical/tiv.parquet"] {
        assert_eq!(store.sessions_of(table), expected, "{table}");
    }
    for table in [GM, NODDI, "sources.parquet"] {
        let mut found = store.sessions_of(table);
        found.dedup();
        assert_eq!(found, expected, "{table}");
    }
    let listed: Vec<String> =
        cohort.session_rows().iter().map(|row| format!("{}/{}", row[0], row[1])).collect();
    assert!(expected.iter().all(|session| listed.contains(session)), "{listed:?}");
}

#[test]
fn a_session_in_float_clothing_is_the_session() {
    let cohort = Cohort::of(&[("0001", "202507271541"), ("0002", "20240101123045678")]);
    cohort.list("subject_code,session_id,AGE\n0001,202507271541.0,30\n0002,20240101123045678.0,40\n");
    cohort.run(&[]).ended(0).says(&["2 anatomical, 2 diffusion"]);
    let expected = pairs(&[("0001/202507271541", "30.0"), ("0002/20240101123045678", "40.0")]);
    assert_eq!(ages(&cohort), expected);
    cohort.list("subject_code,session_id,AGE\n0001,202507271541,30\n0002,20240101123045678,40\n");
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn a_subject_is_one_however_list_and_folder_write_it() {
    for (written, folder) in [
        ("7", "7"),
        ("7", "0007"),
        ("0007", "7"),
        ("sub-7", "0007"),
        ("07", "007"),
        ("A-b.c", "A_b_c"),
        ("A_b_c", "A-b.c"),
        ("A-b.c", "Abc"),
    ] {
        let cohort = Cohort::empty();
        cohort.add(folder, "1");
        cohort.list(&format!("subject_code,session_id,AGE\n{written},1,33.25\n"));
        cohort.run(&[]).ended(0).says(&["1 anatomical, 1 diffusion"]);
        let code = if folder.contains('A') { "A_b_c" } else { "0007" };
        assert_eq!(ages(&cohort), pairs(&[(&format!("{code}/1"), "33.25")]), "{written} {folder}");
        let store = Store::read(&cohort.store());
        assert!(store.table(GM).column("AGE").iter().all(|age| age.ends_with(" 33.25")));
        assert!(store.table(NODDI).column("subject_code").iter().all(|subject| *subject == code));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
        cohort.list(&format!("subject_code,session_id,AGE\n{code},1,33.25\n"));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn two_folders_that_could_be_one_subject_fail_it_by_name_and_nobody_else() {
    let cohort = Cohort::of(&[("7", "1"), ("0001", "1")]);
    cohort.add("0007", "1");
    cohort.run(&[]).ended(3).says(&[
        "parcellated/cat12/sub-7",
        "parcellated/cat12/sub-0007",
        "qsirecon-NODDI/sub-7",
        "could both be",
    ]);
    assert_eq!(cohort.standing("0007", "1", "anatomical").0, "failed");
    assert_eq!(ages(&cohort), pairs(&[("0001/1", "21.5")]));
    for root in ["cat12", "parcellated/cat12", "parcellated/qsirecon-NODDI"] {
        cohort.remove(&format!("{root}/sub-0007"));
    }
    cohort.run(&[]).ended(0);
    assert_eq!(ages(&cohort), pairs(&[("0001/1", "21.5"), ("0007/1", "20.5")]));
}

#[test]
fn datasets_without_sessions_have_null_sessions() {
    let cohort = Cohort::empty();
    cohort.add("0001", "");
    cohort.add("0002", "");
    cohort.add("0002", "x");
    cohort.list("subject_code,session_id,AGE\n0001,,30\n0002,n/a,40\n0002,x,41\n");
    cohort.run_stopped_at("manifest.json", &[]);
    cohort.run(&["--keep-cache"]).ended(0).says(&["Skipped   3 anatomical, 3 diffusion"]);
    cohort.run(&[]).ended(0);
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    let store = Store::read(&cohort.store());
    let expected = [format!("0001/{NULL}"), "0002/x".to_owned(), format!("0002/{NULL}")];
    assert_eq!(store.sessions_of(METADATA), expected);
    assert_eq!(store.sessions_of("tiv.parquet"), expected);
    assert_eq!(store.table(GM).rows.len(), 3 * 4);
    assert_eq!((&store.manifest["n_sessions"], &store.manifest["n_subjects"]), (&3.into(), &2.into()));
    assert_eq!(cohort.standing("0002", "n/a", "diffusion").0, "loaded");

    cohort.list("subject_code,AGE\n0001,30\n0002,40\n");
    cohort.run(&["-o", "no_column"]).ended(0).says(&["3 anatomical, 3 diffusion"]);
    cohort.run(&["-o", "no_column"]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn other_names_of_the_identifier_columns_are_known() {
    let cohort = Cohort::of(&[("0001", "01")]);
    cohort.run(&[]).ended(0);
    for (header, row) in [
        ("SubjectCode,ScanID,AGE,sex", "1,01,20.5,F"),
        ("participant_id,session_id,AGE,sex", "sub-0001,ses-01,20.5,F"),
        ("AGE,sex,ScanID,subject_code", "20.5,F,01,0001"),
    ] {
        cohort.list(&format!("{header}\n{row}\n"));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
    cohort.list("Proband,Visit,AGE,sex\n0001,01,20.5,F\n");
    cohort
        .run(&["--subject-column", "Proband", "--session-column", "Visit"])
        .ended(0)
        .says(&["Nothing to do"]);
    cohort.write("sessions.tsv", "participant_id\tsession_id\tAGE\tsex\nsub-0001\tses-01\t20.5\tF\n");
    cohort.run(&["-s", "sessions.tsv"]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn a_list_without_identifiers_is_told_which_columns_it_has_and_which_option_helps() {
    let cohort = Cohort::of(&[("0001", "01")]);
    cohort.list("Proband,Visit\n0001,01\n");
    let words = ["sessions.csv", "Proband, Visit", "subject_code", "SubjectCode", "--subject-column"];
    cohort.run(&[]).ended(1).says(&words);
    assert!(!cohort.store().exists());
}

#[test]
fn identifiers_are_the_same_in_list_cache_and_store_after_a_crash() {
    let cohort = Cohort::empty();
    cohort.add("7", "01");
    cohort.list("subject_code,session_id,AGE\n7,01.0,30\n");
    cohort.run_stopped_at("metadata.parquet", &[]);
    cohort.export_cache(&[]).ended(0);
    assert_eq!(ages(&cohort), pairs(&[("0007/01", "30.0")]));
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert!(cohort.path(&tiv_path("7", "01")).exists());
}

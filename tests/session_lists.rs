//! What people's session lists look like: a wrong shape is an error with its line, a value never stops a run.

mod support;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use support::Ran;
use support::cohort::Cohort;
use support::files::names_in;
use support::store::{NULL, Store, unit_of};

const METADATA: &str = "metadata.parquet";

fn column(cohort: &Cohort, name: &str) -> Vec<(String, String)> {
    let last = |cell: String| cell.rsplit(' ').next().unwrap().to_owned();
    let column = Store::read(&cohort.store()).by_session(METADATA, name);
    column.into_iter().map(|(session, cell)| (session, last(cell))).collect()
}

fn cells(cohort: &Cohort, name: &str) -> Vec<String> {
    column(cohort, name).into_iter().map(|(_, cell)| cell).collect()
}

#[test]
fn a_quote_that_is_not_closed_in_its_line_is_an_error_and_takes_no_rows() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1"), ("0003", "1"), ("0004", "1")]);
    cohort.list("subject_code,session_id,remark\n0001,1,\"moved\n0002,1,a\n0003,1,b\n0004,1,still\"\n");
    cohort.run(&[]).ended(1).says(&["sessions.csv, line 2", "quote"]);
    assert!(!cohort.store().exists());
}

#[test]
fn a_cell_that_is_no_value_is_an_error_with_its_row_and_column() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.list(&format!("subject_code,session_id,remark\n0001,1,{}\n", "x".repeat(5_000_000)));
    cohort.run(&[]).ended(1).says(&["line 2", "column remark", "64 KiB"]);
}

#[test]
fn lists_are_read_under_their_usual_names_separators_and_endings() {
    let rows = [("subject", "session"), ("Subject_Code", "Session_ID"), ("sub", "ses"), ("id", "ScanId")];
    for (subject, session) in rows {
        let cohort = Cohort::of(&[("0001", "1")]);
        cohort.list(&format!("{subject};{session};Age\n1;1;30,5\n"));
        cohort.run(&[]).ended(0);
        assert_eq!(cells(&cohort, "AGE"), ["30.5"]);
    }
    let cohort = Cohort::of(&[("0001", "1")]);
    let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzipped.write_all(b"subject_code,session_id,AGE\n1,1,30.5\n").unwrap();
    fs::write(cohort.path("list.csv.gz"), gzipped.finish().unwrap()).unwrap();
    cohort.run(&["-s", "list.csv.gz"]).ended(0);
    assert_eq!(cells(&cohort, "AGE"), ["30.5"]);
}

#[test]
fn a_list_comes_from_standard_input() {
    let cohort = Cohort::of(&[("0001", "1")]);
    let mut command = cohort.command(&["-s", "-"]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"participant_id\tses\tage\nsub-0001\tses-1\t31\n").unwrap();
    Ran::of(child.wait_with_output().unwrap()).ended(0);
    assert_eq!(cells(&cohort, "AGE"), ["31.0"]);
}

#[test]
fn a_list_that_is_something_else_is_named() {
    let cohort = Cohort::of(&[("0001", "1")]);
    for (list, words) in [
        ("sep=;\nsubject_code;session_id\n0001;1\n", "sep=;"),
        ("subject_code,session_id\r0001,1\r", "old Macs"),
        ("subject_code,session_id\n0001,1,x\n", "found 3 cells"),
    ] {
        cohort.list(list);
        cohort.run(&[]).ended(1).says(&["sessions.csv", words]);
        assert!(!cohort.store().exists());
    }
}

#[test]
fn an_age_that_is_no_number_is_null_and_its_text_stays() {
    let sessions = ["0001", "0002", "0003", "0004", "0005"].map(|subject| (subject, "1"));
    let cohort = Cohort::of(&sessions);
    cohort.list("subject_code,session_id,Age\n1,1,30.5\n2,1,89+\n3,1,N/A\n4,1,-\n5,1,35-40\n");
    let ran = cohort.run(&[]).ended(0).says(&["1 ages are no numbers", "1 are written with a +", "Age_text"]);
    ran.keeps_quiet_about(&["35-40", "89+"]);
    assert_eq!(cells(&cohort, "AGE"), ["30.5", "89.0", NULL, NULL, NULL]);
    assert_eq!(cells(&cohort, "Age_text"), [NULL, "89+", NULL, NULL, "35-40"]);
    cohort.list("subject_code,session_id,Age\n1,1,young\n2,1,old\n");
    cohort.run(&["-o", "other"]).ended(1).says(&["Age", "--age-column"]).keeps_quiet_about(&["young"]);
}

#[test]
fn ages_in_months_are_years_in_the_store() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.write("participants.tsv", "participant_id\tage\nsub-0001\t90\nsub-0002\t129\n");
    cohort.write("participants.json", "{\"age\": {\"Units\": \"months\"}}");
    cohort.run(&["-s", "participants.tsv"]).ended(0).says(&["months", "Age       7.5 to 10.75 years"]);
    assert_eq!(cells(&cohort, "AGE"), ["7.5", "10.75"]);
    assert_eq!(unit_of(&cohort.store().join(METADATA), "AGE").as_deref(), Some("years"));
}

/// Somebody made the list of the pandas package's metadata.
#[test]
fn what_the_pandas_package_had_loaded_is_left_out() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.list(
        "subject_code,session_id,anatomical_gm_loaded,anatomical_wm_loaded,anatomical_ct_loaded,diffusion_loaded,site\n\
         0001,1,True,True,True,False,x\n",
    );
    let said = "they are what the pandas package had loaded: anatomical_gm_loaded, anatomical_wm_loaded";
    cohort.run(&[]).ended(0).says(&[said]);
    let metadata = &Store::read(&cohort.store()).tables[METADATA];
    assert_eq!(metadata.columns, ["subject_code", "session_id", "site"]);
}

#[test]
fn both_pairs_of_identifiers_are_told_and_the_package_s_later_one_is_taken() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.list("SubjectCode,ScanID,subject_code,session_id\nX1,9,0001,1\n,,,\nY2,8,,\n");
    let ran = cohort.run(&[]).ended(0);
    let said = [
        "subject_code, SubjectCode could all be meant: subject_code is taken",
        "session_id, ScanID could all be meant: session_id is taken",
        "1 without an id",
    ];
    assert!(ran.stdout.contains("1 anatomical"), "{ran:?}");
    ran.says(&said);
}

#[test]
fn every_spelling_of_missing_is_null_among_numbers() {
    let names: Vec<String> = (1..=8).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    let missing = ["21.5", "N/A", "None", "<NA>", "#N/A", "-nan", "-", "."];
    let rows: String =
        names.iter().zip(missing).map(|(name, cell)| format!("{name},1,{cell},{cell}x\n")).collect();
    cohort.list(&format!("subject_code,session_id,score,word\n{rows}"));
    cohort.run(&[]).ended(0);
    let mut expected = vec![NULL.to_owned(); 8];
    expected[0] = "21.5".to_owned();
    assert_eq!(cells(&cohort, "score"), expected);
    assert_eq!(cells(&cohort, "word")[2], "Nonex");
}

#[test]
fn a_semicolon_list_has_decimal_commas_in_columns_of_numbers_alone() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.list("subject_code;session_id;AGE;score;drugs\n0001;1;30,5;-1,25;a,b\n0002;1;;7;1,2\n");
    cohort.run(&[]).ended(0);
    assert_eq!(cells(&cohort, "AGE"), ["30.5", NULL]);
    assert_eq!(cells(&cohort, "score"), ["-1.25", "7.0"]);
    assert_eq!(cells(&cohort, "drugs"), ["a,b", "1,2"]);
}

#[test]
fn columns_that_differ_in_case_alone_have_names_that_no_reader_confuses() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.list("subject_code,session_id,AGE,Age,sex,Sex\n0001,1,30,31,f,F\n");
    cohort.run(&[]).ended(0).says(&["_2"]);
    let names = |cohort: &Cohort| Store::read(&cohort.store()).table(METADATA).columns.clone();
    let first = names(&cohort);
    let lower: std::collections::BTreeSet<String> = first.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), first.len(), "{first:?}");
    assert_eq!(cells(&cohort, "AGE"), ["30.0"]);
    cohort.list("subject_code,session_id,Sex,sex,Age,AGE\n0001,1,F,f,31,30\n");
    cohort.run(&[]).ended(0);
    let mut second = names(&cohort);
    let mut first = first;
    first.sort();
    second.sort();
    assert_eq!(first, second, "the order of the list's columns changes no name");
    assert_eq!(cells(&cohort, "AGE"), ["30.0"]);
}

#[test]
fn a_run_that_finds_nobody_makes_no_store_and_says_where_it_looked() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.list("subject_code,session_id\n0100,1\n0200,1\n");
    let words = [
        "nothing was found for any of 2 sessions",
        "parcellated/cat12 (sub-0001/ses-1, sub-0002/ses-1)",
        "qsirecon-NODDI",
    ];
    cohort.run(&[]).ended(1).says(&words);
    assert!(!cohort.store().exists());
    fs::create_dir_all(cohort.store()).unwrap();
    cohort.run(&[]).ended(1).says(&words);
    assert_eq!(names_in(&cohort.store()), [""; 0]);
    cohort.run(&["--dry-run"]).ended(1);
    cohort.list("subject_code,session_id\n0001,1\n");
    cohort.run(&[]).ended(0);
    cohort.list("subject_code,session_id\n0100,1\n");
    cohort.run(&[]).ended(0).says(&["Missing"]);
}

#[test]
fn the_age_that_is_chosen_is_age_over_a_store_that_took_the_other() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.list("subject_code,session_id,AGE,Age@Scan\n0001,1,30,31.5\n0002,1,40,41.5\n");
    cohort.run(&[]).ended(0);
    assert_eq!(cells(&cohort, "AGE"), ["30.0", "40.0"]);
    for header in
        ["AGE,Age@Scan\n0001,1,30,31.5\n0002,1,40,41.5", "Age@Scan,AGE\n0001,1,31.5,30\n0002,1,41.5,40"]
    {
        cohort.list(&format!("subject_code,session_id,{header}\n"));
        cohort
            .run(&["--age-column", "Age@Scan"])
            .ended(0)
            .says(&["AGE is called AGE_2", "31.5 to 41.5 years"]);
        assert_eq!(cells(&cohort, "AGE"), ["31.5", "41.5"], "{header}");
        assert_eq!(cells(&cohort, "AGE_2"), ["30.0", "40.0"], "{header}");
    }
    let gm = Store::read(&cohort.store()).table("long/anatomical_gm.parquet").clone();
    assert_eq!((gm.doubles("AGE")[0], gm.doubles("AGE_2")[0]), (Some(31.5), Some(30.0)));
}

#[test]
fn an_age_in_a_unit_that_nobody_knows_is_nowhere_called_years() {
    const GM: &str = "long/anatomical_gm.parquet";
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.write("visits.tsv", "participant_id\tage\nsub-0001\t3\nsub-0002\t4\n");
    let units = || [METADATA, GM].map(|file| unit_of(&cohort.store().join(file), "AGE").unwrap_or_default());
    cohort.write("visits.json", "{\"age\": {\"Units\": \"decades\"}}");
    let list = ["-s", "visits.tsv"];
    cohort.run_stopped_at(METADATA, &list);
    // The cache remembers it.
    cohort.export_cache(&[]).ended(0);
    assert_eq!(units(), ["unknown", "unknown"]);
    cohort.write("visits.json", "{\"age\": {\"Units\": \"deca");
    let ran = cohort.run(&[&list[..], &["--keep-cache"]].concat()).ended(0);
    ran.says(&["visits.json", "unknown unit"]);
    assert_eq!(units(), ["unknown", "unknown"]);
    cohort.remove("visits.json");
    cohort.run(&list).ended(0).says(&["3 to 4 years"]).keeps_quiet_about(&["unknown"]);
    assert_eq!(units(), ["years", "years"]);
    cohort.write("visits.json", "{\"age\": {\"Units\": \"decades\"}}");
    cohort.run(&list).ended(0).says(&["Age       3 to 4, in an unknown unit"]);
    assert_eq!(units(), ["unknown", "unknown"]);
}

#[test]
fn a_list_that_lost_a_column_says_who_loses_what_it_held() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.list("subject_code,session_id,site,score\n0001,1,a,1\n0002,1,,2\n");
    cohort.run(&[]).ended(0).keeps_quiet_about(&["no longer has"]);
    cohort.list("subject_code,session_id,score\n0001,1,1\n0002,1,2\n");
    cohort.run(&[]).ended(0).says(&["no longer has the column site: 1 of its sessions"]);
    cohort.run(&[]).ended(0).keeps_quiet_about(&["no longer has"]);
}

/// Ages of two lists, of which one holds a text.
#[test]
fn an_age_of_text_is_told_the_same_whichever_list_brought_it() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.list("subject_code,session_id,AGE\n0001,1,89+\n");
    cohort.run(&[]).ended(0);
    cohort.list("subject_code,session_id,AGE\n0002,1,30\n");
    cohort.run(&[]).ended(0);
    let in_two = Store::read(&cohort.store());
    cohort.list("subject_code,session_id,AGE\n0001,1,89+\n0002,1,30\n");
    cohort.run(&["--force"]).ended(0);
    let in_one = Store::read(&cohort.store());
    for column in ["AGE", "AGE_text"] {
        let of = |store: &Store| store.by_session("metadata.parquet", column);
        assert_eq!(of(&in_two), of(&in_one), "{column}");
    }
}

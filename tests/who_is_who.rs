//! One folder, one session: a value is never under a name that another has a better claim to, and what cannot be told
//! fails by name while the others load.

mod support;

use std::fs;

use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::store::Store;

const GM: &str = "long/anatomical_gm.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

/// Sessions that a table has rows of, each once.
fn sessions(cohort: &Cohort, table: &str) -> Vec<String> {
    if !cohort.store().join(table).exists() {
        return Vec::new();
    }
    let mut all = Store::read(&cohort.store()).sessions_of(table);
    all.dedup();
    all
}

/// The first grey-matter volume of a session: each session's is its own.
fn volume(cohort: &Cohort, session: &str) -> String {
    Store::read(&cohort.store()).by_session("wide/anatomical/gm_volume_mm3.parquet", "LH_Vis_1")[session]
        .clone()
}

fn listed(rows: &[(&str, &str)]) -> String {
    let rows: String = rows.iter().map(|(subject, session)| format!("{subject},{session}\n")).collect();
    format!("subject_code,session_id\n{rows}")
}

#[test]
fn a_folder_that_two_listed_subjects_could_have_is_neither_s() {
    for (first, second, folder) in
        [("2-22", "22-2", "222"), ("A.B-C", "AB.C", "ABC"), ("00050", "050", "0000050")]
    {
        let cohort = Cohort::of(&[(folder, "1"), ("other", "1")]);
        cohort.list(&listed(&[(first, "1"), (second, "1"), ("other", "1")]));
        let ran = cohort.run(&[]).ended(3);
        ran.says(&[&format!("sub-{folder} could be that of"), &format!("qsirecon-NODDI/sub-{folder}")]);
        for root in [GM, NODDI] {
            assert_eq!(sessions(&cohort, root), ["other/1"], "{first} {second}");
        }
    }
}

#[test]
fn a_visit_that_was_not_scanned_yet_does_not_get_another_s_scan() {
    let cohort = Cohort::of(&[("0007", "21")]);
    cohort.list(&listed(&[("0007", "2-1"), ("0007", "21")]));
    cohort.run(&[]).ended(3).says(&["sub-0007/ses-21", "sub-0007/ses-2_1", "ses-21"]);
    assert_eq!(sessions(&cohort, GM), ["0007/21"]);
    assert_eq!(cohort.standing("0007", "2_1", "anatomical").0, "failed");
    assert_eq!(cohort.standing("0007", "2_1", "diffusion").0, "failed");
}

#[test]
fn numbers_in_a_spreadsheet_s_clothing_are_the_numbers() {
    let cohort = Cohort::of(&[("8", "1"), ("80", "1"), ("808", "2")]);
    cohort.list("subject_code,session_id,AGE\n8.0,1.0,30\n80.0,1,40\n,,\n808,2.0,50\n");
    cohort.run(&[]).ended(0).says(&["end in .0", "8.0 as 8"]);
    let store = Store::read(&cohort.store());
    let ages = store.by_session("metadata.parquet", "AGE");
    assert_eq!(ages.keys().collect::<Vec<_>>(), ["0008/1", "0080/1", "0808/2"]);
    assert!(ages["0008/1"].ends_with(" 30.0") && ages["0080/1"].ends_with(" 40.0"));
    let own = Cohort::of(&[("8", "1"), ("80", "1"), ("808", "2")]);
    own.run(&[]).ended(0);
    for session in ["0008/1", "0080/1", "0808/2"] {
        assert_eq!(volume(&cohort, session), volume(&own, session), "{session}");
    }
}

#[test]
fn a_code_that_only_looks_like_a_number_is_the_name_of_its_folder() {
    let subjects = ["12E4", "1.1", "2.0", "NA", "nan", "O'Brien"];
    let cohort = Cohort::of(&subjects.map(|subject| (subject, "1.0")));
    cohort.run(&[]).ended(0);
    let expected = ["00NA/1_0", "01_1/1_0", "02_0/1_0", "0nan/1_0", "12E4/1_0", "O'Brien/1_0"];
    assert_eq!(sessions(&cohort, GM), expected);
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn lost_digits_fail_their_row_and_no_other() {
    let cohort = Cohort::of(&[("0001", "202507271541"), ("0002", "1")]);
    cohort.list(&listed(&[("0001", "2.02507E+11"), ("0002", "1"), ("1.2E+12", "1")]));
    cohort.run(&[]).ended(3).says(&["line 2", "2.02507E+11", "line 4", "digits were lost"]);
    assert_eq!(sessions(&cohort, GM), ["0002/1"]);
    assert_eq!(cohort.standing("0001", "2_02507E+11", "anatomical").0, "failed");
}

#[test]
fn discovered_folders_that_only_their_letters_or_numbers_bring_together_fail_by_name() {
    for (one, other) in [("AB_10", "AB10"), ("40772", "0040772")] {
        let cohort = Cohort::of(&[("other", "1")]);
        cohort.write(&anatomical(one, "1", "GM"), &tsv(2.0));
        let path = diffusion("NODDI", other, "1", "icvf");
        cohort.write(&path, &tsv(3.0));
        cohort
            .run(&["--discover"])
            .ended(3)
            .says(&[&format!("parcellated/cat12/sub-{one}"), &format!("qsirecon-NODDI/sub-{other}")]);
        for table in [GM, NODDI] {
            assert_eq!(sessions(&cohort, table), ["other/1"]);
        }
    }
}

#[test]
fn discovered_visits_are_told_apart_like_subjects() {
    let cohort = Cohort::of(&[("0007", "2")]);
    cohort.write(&anatomical("0007", "1", "GM"), &tsv(2.0));
    cohort.write(&diffusion("NODDI", "0007", "01", "icvf"), &tsv(3.0));
    cohort.run(&["--discover"]).ended(3).says(&["cat12/sub-0007/ses-1 ", "sub-0007/ses-01"]);
    assert_eq!(sessions(&cohort, GM), ["0007/2"]);
}

#[cfg(unix)]
#[test]
fn one_folder_that_cannot_be_told_does_not_keep_discovery_from_the_others() {
    use std::os::unix::ffi::OsStrExt;
    let cohort = Cohort::of(&[("7", "1"), ("0008", "1")]);
    cohort.add("0007", "1");
    fs::create_dir(cohort.path("parcellated/cat12").join(std::ffi::OsStr::from_bytes(b"sub-\xff9"))).unwrap();
    cohort.run(&["--discover"]).ended(3).says(&[
        "sub-0007 and",
        "sub-7 could both be",
        "its name is no text",
    ]);
    assert_eq!(sessions(&cohort, GM), ["0008/1"]);
}

#[test]
fn a_report_of_a_subject_with_the_same_letters_is_taken_only_by_the_one_who_could_have_it() {
    let cohort = Cohort::of(&[("x_yz", "1"), ("0008", "1")]);
    cohort.remove("cat12/sub-x_yz");
    cohort.tiv("xyz", "1", 1234.5);
    cohort.run(&[]).ended(0).says(&["by their letters and digits alone", "cat12/sub-xyz"]);
    let tiv = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    assert!(tiv["x_yz/1"].ends_with(" 1234.5"));

    let cohort = Cohort::of(&[("x_yz", "1"), ("xyz", "1")]);
    cohort.remove("cat12/sub-x_yz");
    cohort.run(&[]).ended(3).says(&["cat12/sub-xyz could be that of sub-x_yz and of sub-0xyz"]);
    let tiv = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    assert_eq!(tiv.keys().collect::<Vec<_>>(), ["0xyz/1"]);
}

#[test]
fn what_nobody_sees_in_an_identifier_makes_no_other_person() {
    for (subject, session) in [
        ("sub-\u{a0}7", "ses-\u{a0}1"),
        ("\u{feff}7", "1\u{200b}"),
        ("7\u{3000}", "\u{2003}1"),
        ("7\u{202c}", "ses- 1"),
    ] {
        let cohort = Cohort::of(&[("0007", "1")]);
        cohort.list(&format!("subject_code,session_id,AGE\n{subject},{session},33\n"));
        cohort.run(&[]).ended(0);
        let ages = Store::read(&cohort.store()).by_session("metadata.parquet", "AGE");
        assert_eq!(ages.keys().collect::<Vec<_>>(), ["0007/1"], "{subject:?}");
        assert!(ages["0007/1"].ends_with(" 33.0"));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn a_composed_name_finds_the_decomposed_folder() {
    let (composed, decomposed) = ("M\u{fc}ller", "Mu\u{308}ller");
    for (listed_as, folder) in [(composed, decomposed), (decomposed, composed)] {
        let cohort = Cohort::of(&[(folder, "1")]);
        cohort.list(&listed(&[(listed_as, "1")]));
        cohort.run(&[]).ended(0);
        assert_eq!(sessions(&cohort, GM), [format!("{composed}/1")]);
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn a_list_of_subjects_means_all_their_visits() {
    let cohort = Cohort::of(&[("0007", "1"), ("0007", "2"), ("0008", "x"), ("0009", "")]);
    for list in [
        "participant_id\tsex\tage\nsub-0007\tF\t30\nsub-0008\tM\t40\nsub-0009\tM\t50\n".replace('\t', ","),
        "participant_id,session_id,sex,age\n0007,,F,30\n0008,n/a,M,40\n0009,,M,50\n".to_owned(),
    ] {
        cohort.list(&list);
        let _ = fs::remove_dir_all(cohort.store());
        cohort.run(&[]).ended(0).says(&["1 subjects have several visits"]);
        assert_eq!(sessions(&cohort, GM), ["0007/1", "0007/2", "0008/x", "0009/∅"]);
        let ages = Store::read(&cohort.store()).by_session("metadata.parquet", "AGE");
        assert!(ages["0007/1"].ends_with(" 30.0") && ages["0007/2"].ends_with(" 30.0"));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
    cohort.add("0008", "y");
    cohort.run(&[]).ended(0).says(&["Loaded    1 anatomical, 1 diffusion"]);
    cohort.remove("parcellated/cat12/sub-0007");
    cohort.remove("parcellated/qsirecon-NODDI/sub-0007");
    cohort.remove("cat12/sub-0007");
    cohort.list("participant_id,sex,age\n0007,F,31\n0008,M,40\n");
    cohort.run(&[]).ended(0);
    let ages = Store::read(&cohort.store()).by_session("metadata.parquet", "AGE");
    assert!(ages["0007/1"].ends_with(" 31.0"), "a visit that is in the store alone follows the list");
}

#[test]
fn a_visit_without_a_scan_is_left_out_and_counted() {
    let cohort = Cohort::of(&[("ABC", "02"), ("D", "")]);
    cohort.list("subject_code,session_id,sex\nABC,,F\nABC,02,F\n,02,F\nn/a,1,M\nD,,M\nABC,02,F\n");
    cohort
        .run(&[])
        .ended(0)
        .says(&["6: 2 sessions, 1 visits without a scan, 2 without an id, 1 repetitions"]);
    assert_eq!(sessions(&cohort, GM), ["000D/∅", "0ABC/02"]);
}

#[test]
fn folders_with_other_zeros_in_front_are_found_and_give_the_code() {
    let cohort = Cohort::of(&[("0040772", "03"), ("0007", "1")]);
    cohort.list(&listed(&[("40772", "3"), ("7", "1")]));
    cohort.run(&[]).ended(0).says(&["40772 as 0040772", "sub-0040772/ses-3 as ses-03"]);
    assert_eq!(sessions(&cohort, GM), ["0007/1", "0040772/03"]);
    for (subject, session) in [("40772", "3"), ("040772", "003"), ("0040772", "03")] {
        cohort.list(&listed(&[(subject, session), ("7", "1")]));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
    cohort.run(&["--discover"]).ended(0);
    assert_eq!(sessions(&cohort, GM), ["0007/1", "0040772/03"]);
}

#[test]
fn a_session_of_the_store_has_a_claim_on_the_folder_of_its_files() {
    let cohort = Cohort::of(&[("222", "1")]);
    cohort.list(&listed(&[("2-22", "1")]));
    cohort.run(&[]).ended(0);
    assert_eq!(sessions(&cohort, GM), ["2_22/1"]);
    cohort.list(&listed(&[("22-2", "1")]));
    cohort.run(&[]).ended(3).says(&["sub-222 could be that of sub-22_2 and of sub-2_22"]);
    assert_eq!(sessions(&cohort, GM), ["2_22/1"]);
    assert_eq!(cohort.standing("22_2", "1", "anatomical").0, "failed");
}

#[test]
fn rows_of_one_session_that_differ_fail_it_and_no_other() {
    for (rows, words) in [
        ("a-b,1,30\na.b,1,31\n", ["line 2 (\"a-b, 1\")", "line 3 (\"a.b, 1\")", "sub-0a_b/ses-1"]),
        ("a b,1,30\na/b,1,30\n", ["line 2", "line 3 (\"a/b, 1\")", "keep one"]),
        ("7,1,30\n0007,1.0,30\n", ["line 2 (\"7, 1\")", "line 3 (\"0007, 1.0\")", "sub-0007/ses-1"]),
    ] {
        let cohort = Cohort::of(&[("a-b", "1"), ("0007", "1"), ("0009", "1")]);
        cohort.list(&format!("subject_code,session_id,AGE\n{rows}0009,1,40\n"));
        cohort.run(&[]).ended(3).says(&words);
        assert_eq!(sessions(&cohort, GM), ["0009/1"]);
    }
}

#[test]
fn a_folder_of_somebody_who_stands_beside_the_listed_one_is_not_taken_in_another_root() {
    for (listed_as, other) in [("x_yz", "xyz"), ("00050", "0050")] {
        let cohort = Cohort::of(&[(listed_as, "1"), (other, "1"), ("0008", "1")]);
        cohort.list(&listed(&[(listed_as, "1"), ("0008", "1")]));
        // TIV and diffusion are there of the other alone.
        cohort.remove(&format!("cat12/sub-{listed_as}"));
        cohort.remove(&format!("parcellated/qsirecon-NODDI/sub-{listed_as}"));
        let claimed = |root: &str| format!("{root}/sub-{other} could be that of sub-{listed_as} and of");
        cohort.run(&[]).ended(3).says(&[&claimed("cat12"), &claimed("qsirecon-NODDI")]);
        for table in [GM, NODDI] {
            assert_eq!(sessions(&cohort, table), ["0008/1"], "{listed_as}");
        }
        // Who is nowhere beside it could be the same.
        for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI"] {
            let _ = fs::remove_dir_all(cohort.path(&format!("{root}/sub-{other}")));
        }
        cohort.run(&[]).ended(0);
        assert_eq!(sessions(&cohort, GM).len(), 2, "{listed_as}");
    }
}

#[test]
fn a_visit_that_stands_beside_the_listed_one_is_not_taken_in_another_root() {
    let cohort = Cohort::of(&[("0007", "1-0"), ("0007", "10")]);
    cohort.list(&listed(&[("0007", "1-0")]));
    cohort.remove("parcellated/qsirecon-NODDI/sub-0007/ses-1-0");
    cohort.run(&[]).ended(3).says(&["ses-10 could be that of sub-0007/ses-1_0 and of ses-10"]);
    assert_eq!(sessions(&cohort, GM), ["0007/1_0"]);
    assert!(sessions(&cohort, NODDI).is_empty());
}

#[test]
fn a_code_in_clothing_that_cannot_come_off_is_nobody_else_s() {
    let cohort = Cohort::of(&[("8", "1"), ("80", "1"), ("AB1", "1")]);
    cohort.list(&listed(&[("8.0", "1"), ("AB1", "1")]));
    cohort.run(&[]).ended(0).says(&["1 subject codes", "such as 8.0, and no folder is called so", "as text"]);
    assert_eq!(sessions(&cohort, GM), ["0AB1/1"]);
    assert_eq!(cohort.standing("08_0", "1", "anatomical").0, "missing");

    let cohort = Cohort::of(&[("0007", "1"), ("0007", "10"), ("0007", "baseline")]);
    cohort.list(&listed(&[("0007", "1.0"), ("0007", "baseline")]));
    cohort.run(&[]).ended(0).says(&["1 session ids", "such as 1.0, and no folder is called so"]);
    assert_eq!(sessions(&cohort, GM), ["0007/baseline"]);
    assert_eq!(cohort.standing("0007", "1_0", "diffusion").0, "missing");
}

#[test]
fn identifiers_of_a_semicolon_list_have_decimal_commas() {
    let cohort = Cohort::of(&[("8", "1"), ("80", "1"), ("9", "2"), ("90", "20")]);
    cohort.list("subject_code;session_id;AGE\n8,0;1,0;30,5\n9,0;2,0;40\n");
    cohort.run(&[]).ended(0).says(&["8.0 as 8", "1.0 as 1"]);
    assert_eq!(sessions(&cohort, GM), ["0008/1", "0009/2"]);
    cohort.list("subject_code;session_id;AGE\n8;1;30,5\n2,02E+11;1,0;50\n");
    cohort.run(&[]).ended(3).says(&["line 3", "digits were lost"]);
}

#[test]
fn tables_of_two_visits_in_a_folder_without_visits_fail_naming_both() {
    let cohort = Cohort::of(&[("0007", ""), ("0008", "")]);
    for (tissue, visit) in [("GM", "1"), ("WM", "2")] {
        let plain = anatomical("0007", "", tissue);
        let text = fs::read_to_string(cohort.path(&plain)).unwrap();
        cohort.write(&plain.replace("sub-0007_atlas", &format!("sub-0007_ses-{visit}_atlas")), &text);
        cohort.remove(&plain);
    }
    cohort.run(&[]).ended(3).says(&[
        "sub-0007_ses-1_",
        "sub-0007_ses-2_",
        "of ses-1 by its name",
        "of ses-2",
    ]);
    assert_eq!(sessions(&cohort, GM), ["0008/∅"]);
    // Two spellings of one visit are one.
    let second = anatomical("0007", "", "WM").replace("sub-0007_atlas", "sub-0007_ses-2_atlas");
    let text = fs::read_to_string(cohort.path(&second)).unwrap();
    cohort.remove(&second);
    cohort.write(&second.replace("_ses-2_", "_ses-01_"), &text);
    cohort.run(&[]).ended(0);
    assert_eq!(sessions(&cohort, GM), ["0007/∅", "0008/∅"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_a_dead_link_fails_its_unit_and_says_so() {
    use std::os::unix::fs::symlink;
    let in_root = |folder: &str| format!("parcellated/cat12/{folder}");
    for folder in
        ["sub-0007", "sub-0007/ses-1", "sub-0007/ses-1/anat", "sub-0007/ses-1/anat/atlas-4S456Parcels"]
    {
        let cohort = Cohort::of(&[("0007", "1"), ("0008", "1")]);
        let path = cohort.path(&in_root(folder));
        fs::remove_dir_all(&path).unwrap();
        symlink("/mnt/not-mounted/scans", &path).unwrap();
        let says = [&in_root(folder), "is a link to /mnt/not-mounted/scans", "mount the disk"];
        cohort.run(&[]).ended(3).says(&says);
        assert_eq!(cohort.standing("0007", "1", "anatomical").0, "failed", "{folder}");
        assert_eq!(cohort.standing("0007", "1", "diffusion").0, "loaded", "{folder}");
        assert_eq!(sessions(&cohort, GM), ["0008/1"], "{folder}");
    }
}

#[cfg(unix)]
#[test]
fn a_dead_link_that_holds_volumes_alone_costs_no_measurement_and_one_of_a_workflow_is_told() {
    use std::os::unix::fs::symlink;
    let cohort = Cohort::of(&[("0007", "1")]);
    cohort.remove("cat12/sub-0007");
    symlink("/mnt/not-mounted", cohort.path("cat12/sub-0007")).unwrap();
    symlink("/mnt/not-mounted", cohort.path("parcellated/qsirecon-DSI")).unwrap();
    cohort.run(&[]).ended(0).says(&["cat12/sub-0007 is a link", "qsirecon-DSI is a link", "mount the disk"]);
    assert_eq!(sessions(&cohort, GM), ["0007/1"]);
}

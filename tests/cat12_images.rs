//! Whose an image is whose report lies with those of others: never another session's.

mod support;

use std::collections::BTreeMap;
use std::fs;

use support::Ran;
use support::cat12::Lab;
use support::store::{Store, number};

const FEATURE: &str = "wide/anatomical/cat12_globals.parquet";

/// The volumes by session that a list gives with these images, and how the run ended.
fn volumes(list: &str, images: &[(&str, u32)]) -> (BTreeMap<String, f64>, Ran) {
    let lab = Lab::new();
    let reports = lab.path("cat12/report");
    fs::create_dir_all(&reports).unwrap();
    for (image, volume) in images {
        let (grey, tissues) = (volume - 900, "<vol_abs_CGW>[300 G 600 0]</vol_abs_CGW>");
        let tissues = tissues.replace('G', &grey.to_string());
        let text = format!("<S><subjectmeasures>{tissues}<vol_TIV>{volume}</vol_TIV></subjectmeasures></S>");
        fs::write(reports.join(format!("cat_{image}.xml")), text).unwrap();
    }
    fs::write(lab.path("sessions.csv"), format!("subject_code,session_id\n{list}")).unwrap();
    let mut command = support::preprocess(lab.path("").as_path());
    command.args(["-s", "sessions.csv", "--cat12-root", "cat12", "--cat12-globals", "-o", "store"]);
    let ran = Ran::of(command.output().unwrap());
    let values = match lab.path("store").join(FEATURE).exists() {
        true => Store::read(&lab.path("store")).by_session(FEATURE, "vol_TIV"),
        false => BTreeMap::new(),
    };
    (values.into_iter().map(|(session, cell)| (session, number(&cell).unwrap())).collect(), ran)
}

fn told(values: &BTreeMap<String, f64>) -> Vec<(&str, f64)> {
    values.iter().map(|(session, value)| (session.as_str(), *value)).collect()
}

#[test]
fn an_image_is_of_the_session_whose_name_it_begins_with_furthest() {
    let (values, ran) = volumes("ABC,\nABC-003,\n", &[("ABC-003-T1", 1001), ("ABC-T1", 1011)]);
    ran.ended(0);
    assert_eq!(told(&values), [("0ABC/∅", 1011.0), ("ABC_003/∅", 1001.0)]);
    // Its rank does not count before that.
    let (values, ran) = volumes("ABC,\nABC-003,\n", &[("ABC-003_T1w", 1001), ("ABC-T1", 1011)]);
    ran.ended(0);
    assert_eq!(told(&values), [("0ABC/∅", 1011.0), ("ABC_003/∅", 1001.0)]);
    // Nothing of others is anybody's who has no image.
    let images = [("ABC-003-T1", 1001), ("ABC-004-T1", 1011)];
    let (values, ran) = volumes("ABC,\nABC-003,\nABC-004,\n", &images);
    ran.ended(0);
    assert_eq!(told(&values), [("ABC_003/∅", 1001.0), ("ABC_004/∅", 1011.0)]);
}

#[test]
fn an_image_that_is_called_as_the_session_comes_before_those_that_begin_so() {
    let (values, ran) = volumes("ABC,\n", &[("ABC-003_T1w", 1001), ("ABC", 1011)]);
    ran.ended(0);
    assert_eq!(told(&values), [("0ABC/∅", 1011.0)]);
}

#[test]
fn an_image_with_another_visit_s_number_is_not_the_visit_s() {
    let (values, ran) = volumes("ABC,3\nABD,2\n", &[("ABC_1_T1", 1001), ("ABD_02_T1", 1011)]);
    ran.ended(0);
    assert_eq!(told(&values), [("0ABD/2", 1011.0)]);
}

#[test]
fn of_an_image_in_the_session_s_folder_and_one_among_all_the_better_counts() {
    for (own, among_all, expected) in [
        ("sub-S1_ses-1_T1w", "S1_1_x", Some(1001.0)),
        ("sub-S1_ses-1_inv-2_MP2RAGE", "sub-S1_ses-1_T1w", Some(1011.0)),
        ("sub-S1_ses-1_T1w", "sub-S1_ses-1_T1w", None),
    ] {
        let lab = Lab::new();
        let (anat, all) = (lab.path("cat12/sub-S1/ses-1/anat"), lab.path("cat12/report"));
        for (folder, image, volume) in [(anat, own, 1001), (all, among_all, 1011)] {
            fs::create_dir_all(&folder).unwrap();
            let text = format!("<S><subjectmeasures><vol_TIV>{volume}</vol_TIV></subjectmeasures></S>");
            fs::write(folder.join(format!("cat_{image}.xml")), text).unwrap();
        }
        fs::write(lab.path("sessions.csv"), "subject_code,session_id\nS1,1\n").unwrap();
        let mut command = support::preprocess(lab.path("").as_path());
        command.args(["-s", "sessions.csv", "--cat12-root", "cat12", "--cat12-globals", "-o", "store"]);
        let ran = Ran::of(command.output().unwrap());
        let Some(volume) = expected else {
            ran.ended(3).says(&["keep one of them"]);
            let again = Ran::of(command.output().unwrap());
            again.ended(3).says(&["Nothing was loaded: what was found failed"]);
            continue;
        };
        ran.ended(0);
        assert_eq!(lab.table(FEATURE).doubles("vol_TIV"), [Some(volume)], "{own} {among_all}");
    }
}

#[test]
fn an_accent_is_found_however_it_is_composed() {
    let (values, ran) = volumes("M\u{fc}ller,\n", &[("Mu\u{308}ller_T1", 1001)]);
    ran.ended(0);
    assert_eq!(values.values().copied().collect::<Vec<_>>(), [1001.0]);
}

#[test]
fn of_many_images_an_error_names_some() {
    let names: Vec<String> = (0..50).map(|n| format!("IXI-{n:04}-T1")).collect();
    let images: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1001)).collect();
    let (_, ran) = volumes("IXI,\nother,\n", &images);
    ran.ended(3).says(&["report/IXI-0004-T1, 45 more; keep one of them"]);
}

#[test]
fn an_image_that_could_be_several_sessions_costs_no_table_of_others() {
    for images in [&["sub-0475_T1w"][..], &["0475-99-T1"], &["sub-0475_run-1_T1w", "sub-0475_run-2_T1w"]] {
        let lab = Lab::of_cohort();
        lab.load(&["--atlas-name", "AICHA384"]).ended(0);
        let tables = lab.table("long/anatomical_gm.parquet");
        fs::remove_dir_all(lab.path("store")).unwrap();
        let reports = lab.path("cat12/report");
        fs::create_dir(&reports).unwrap();
        for image in images {
            let text = "<S><subjectmeasures><vol_TIV>1001</vol_TIV></subjectmeasures></S>";
            fs::write(reports.join(format!("cat_{image}.xml")), text).unwrap();
        }
        lab.load(&["--atlas-name", "AICHA384"]).ended(0);
        assert_eq!(lab.table("long/anatomical_gm.parquet"), tables, "{images:?}");
    }
}

#[test]
fn segments_of_tables_without_an_atlas_merge_with_those_of_any() {
    let lab = Lab::of_cohort();
    lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(0);
    let one = Store::read(&lab.path("store"));
    for is_first in [true, false] {
        fs::remove_dir_all(lab.path("store")).unwrap();
        let globals = || {
            let mut command = support::preprocess(lab.path("").as_path());
            let what = ["-s", "sessions.csv", "--cat12-root", "cat12", "--cat12-globals", "--segment"];
            Ran::of(command.args(["-o", "store"]).args(what).output().unwrap()).ended(0);
        };
        if is_first {
            globals();
        }
        lab.load(&["--segment", "--atlas-name", "AICHA384"]).ended(0);
        if !is_first {
            globals();
        }
        Ran::of(support::export_cache(lab.path("").as_path()).arg("store").output().unwrap()).ended(0);
        let merged = Store::read(&lab.path("store"));
        for table in ["long/anatomical_gm.parquet", "tiv.parquet", FEATURE] {
            assert_eq!(merged.table(table), one.table(table), "{table}");
        }
        // The store has the atlas of those that have one.
        lab.load(&["--atlas-name", "AICHA384"]).ended(0);
    }
}

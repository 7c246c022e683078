//! FreeSurfer's statistics, from a `SUBJECTS_DIR` to the store, by the binaries that people run.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use support::Ran;
use support::freesurfer::{BIDS, CAT12, Lab, NO_ETIV, PLAIN};
use support::store::{NULL, Store, Table, unit_of};

#[test]
fn surfaces_segmentation_and_globals_are_tables_of_their_own_with_the_doubles_of_the_texts() {
    let lab = Lab::new();
    lab.add("sub-741_ses-1", BIDS);
    lab.run(&["--discover"]).ended(0);
    let long = lab.table("long/anatomical_fs.parquet");
    assert_eq!(
        long.columns,
        [
            "label",
            "hemisphere",
            "StructName",
            "NumVert",
            "SurfArea",
            "GrayVol",
            "ThickAvg",
            "ThickStd",
            "MeanCurv",
            "GausCurv",
            "FoldInd",
            "CurvInd",
            "modality",
            "metric",
            "subject_code",
            "session_id",
            "tiv"
        ]
    );
    assert_eq!(long.rows.len(), 68);
    assert_eq!(long.column("metric"), ["fs"; 68]);
    let text = |file: &str, region: &str| -> Vec<String> {
        let text = fs::read_to_string(lab.stats("sub-741_ses-1", file)).unwrap();
        let line = text.lines().find(|line| !line.starts_with('#') && line.contains(region)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    for (side, place) in [("lh", "lh_bankssts"), ("rh", "rh_insula")] {
        let words = text(&format!("{side}.aparc.stats"), &place[3..]);
        for (feature, column) in [("fs_area", 2), ("fs_volume", 3), ("fs_thickness", 4)] {
            assert_eq!(lab.value(feature, place), words[column].parse().ok(), "{feature} {place}");
        }
    }
    let words = text("aseg.stats", "Left-Hippocampus");
    assert_eq!(lab.value("aseg_volume", "Left-Hippocampus"), words[3].parse().ok());
    assert_eq!(lab.table("long/anatomical_aseg.parquet").rows.len(), 45);
    assert_eq!(lab.value("fs_globals", "eTIV"), Some(1_626_503.552_457));
    assert!(lab.value("fs_globals", "lh_MeanThickness").is_some());
    assert_eq!(lab.value("tiv", "tiv"), Some(1_626_503.552_457 / 1000.0));
    let manifest = fs::read_to_string(lab.path("store/manifest.json")).unwrap();
    assert!(manifest.contains("\"tiv_from\": \"freesurfer\""), "{manifest}");
    let sources = lab.table("sources.parquet");
    assert!(sources.column("input").iter().all(|input| *input == "freesurfer"));
    assert!(sources.column("software_version").iter().all(|version| *version == "7.4.1"));
    assert_eq!(lab.sessions()[0][..4], ["0741", "1", "anatomical", "loaded"]);
    let before = Store::read(&lab.path("store"));
    assert_eq!(lab.run(&["--discover", "--json"]).ended(0).json()["skipped"]["anatomical freesurfer"], 1);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn any_of_its_statistics_may_be_asked_for_by_either_name() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.run(&["--discover", "--wide-metrics", "thicknessstd,MeanCurv,nvoxels,mean"]).ended(0);
    for (feature, region) in [
        ("fs_thicknessstd", "lh_bankssts"),
        ("fs_meancurv", "lh_bankssts"),
        ("aseg_nvoxels", "Brain-Stem"),
        ("aseg_mean", "Brain-Stem"),
    ] {
        assert!(lab.value(feature, region).is_some(), "{feature}");
    }
    assert!(!lab.path("store/wide/anatomical/fs_thickness.parquet").exists());
}

#[test]
fn sessions_are_found_as_bids_calls_them_as_they_are_listed_and_by_the_subject_alone() {
    let lab = Lab::new();
    for name in ["sub-0001_ses-a", "sub-0001_ses-b", "sub-0002", "sub-0003_ses-a_run-1"] {
        lab.add(name, BIDS);
    }
    lab.add("9001_20000101_MPRAGE", BIDS);
    lab.add("bert", BIDS);
    for name in ["fsaverage", "fsaverage5", "V1_average", "cvs_avg35_inMNI152"] {
        lab.add(name, NO_ETIV);
    }
    lab.list("0001,a\n1,b\n0002,x\n0003,a\n9001,20000101_MPRAGE\nbert,\n0004,a\n");
    let ran = lab.load(&["--json"]).ended(0);
    assert_eq!(ran.json()["loaded"]["anatomical freesurfer"], 6);
    assert_eq!(lab.sessions().iter().filter(|row| row[3] == "missing").count(), 1);
    let lab = Lab::new();
    lab.add("sub-0001", BIDS);
    lab.list("0001,a\n0001,b\n");
    lab.load(&[]).ended(3).says(&["fs/sub-0001 is per subject", "2 sessions of sub-0001"]);
}

#[test]
fn a_base_is_no_session_and_of_two_streams_one_is_chosen() {
    let lab = Lab::new();
    for name in ["sub-1_ses-a", "sub-1_ses-a.long.sub-1", "sub-1"] {
        lab.add(name, BIDS);
    }
    lab.change("sub-1_ses-a.long.sub-1", "lh.aparc.stats", "bankssts ", "bankssts  ");
    lab.change("sub-1_ses-a.long.sub-1", "aseg.stats", "1626503.552457", "1500000.5");
    for side in ["lh", "rh"] {
        lab.change("sub-1_ses-a.long.sub-1", &format!("{side}.aparc.stats"), "1626503.552457", "1500000.5");
    }
    let words = ["fs/sub-1_ses-a,", "fs/sub-1_ses-a.long.sub-1;", "--freesurfer-stream cross or long"];
    lab.run(&["--discover"]).ended(3).says(&words);
    for (stream, etiv) in [("cross", 1_626_503.552_457), ("long", 1_500_000.5)] {
        lab.run(&["--discover", "--force", "--freesurfer-stream", stream]).ended(0);
        assert_eq!(lab.value("fs_globals", "eTIV"), Some(etiv), "{stream}");
        assert_eq!(lab.sessions().len(), 1, "{:?}", lab.sessions());
    }
}

#[test]
fn a_malformed_file_fails_its_session_and_says_where() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    for (name, says) in [
        ("truncated_row/sub-901", "10 words, as # ColHeaders"),
        ("no_colheaders/sub-902", "ColHeaders"),
        ("empty/sub-903", "an empty file"),
        ("header_only/sub-904", "measures and no # ColHeaders"),
        ("text_in_number/sub-905", "2,451"),
        ("twice_the_region/sub-906", "again"),
        ("hemi_disagrees/sub-907", "# hemi"),
    ] {
        let (_, session) = name.split_once('/').unwrap();
        lab.add(session, &format!("malformed/{name}"));
        lab.run(&["--discover"]).ended(3).says(&[says, &format!("fs/{session}/stats/")]);
        fs::remove_dir_all(lab.path("fs").join(session)).unwrap();
    }
    assert_eq!(lab.table("wide/anatomical/fs_thickness.parquet").rows.len(), 1);
    lab.add("sub-908", "malformed/nan_value/sub-908");
    lab.run(&["--discover"]).ended(0);
    let table = lab.table("long/anatomical_fs.parquet");
    assert_eq!(table.column("ThickAvg").iter().filter(|cell| **cell == NULL).count(), 1);
}

#[test]
fn what_versions_call_otherwise_is_not_mixed_into_one_table() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.add("9001", PLAIN);
    lab.list("1,\n9001,\n");
    lab.load(&[]).ended(3).says(&["sub-9001", "Left-Thalamus", "versions of its program mixed?"]);
    let lab = Lab::new();
    lab.add("9001", PLAIN);
    lab.list("9001,\n");
    lab.load(&[]).ended(0).says(&["there is no file of the left hemisphere beside it"]);
    assert!(lab.value("fs_globals", "rh_NumVert").is_some());
    assert!(lab.table("long/anatomical_fs.parquet").column("hemisphere").iter().all(|side| *side == "rh"));
}

#[test]
fn a_hemisphere_that_is_gone_stays_in_the_store_until_it_is_pruned() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.run(&["--discover"]).ended(0);
    fs::remove_file(lab.stats("sub-1", "rh.aparc.stats")).unwrap();
    lab.run(&["--discover"]).ended(0);
    assert!(lab.value("fs_thickness", "rh_insula").is_some());
    assert!(lab.sessions()[0][5].contains("kept: "), "{:?}", lab.sessions());
    lab.run(&["--discover", "--prune", "--yes"]).ended(0);
    assert!(!lab.table("wide/anatomical/fs_thickness.parquet").columns.contains(&"rh_insula".to_owned()));
    assert!(lab.value("fs_thickness", "lh_insula").is_some());
}

#[test]
fn a_parcellation_is_chosen_and_a_table_has_one() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    let absent = lab.run(&["--discover", "--atlas", "freesurfer=HCP-MMP1"]).ended(1);
    absent.says(&["aparc.DKTatlas", "aparc.a2009s", "--atlas freesurfer=NAME"]);
    assert!(!lab.path("store").exists());
    lab.run(&["--discover", "--atlas", "freesurfer=aparc.a2009s"]).ended(0);
    assert!(lab.value("fs_thickness", "lh_G_and_S_frontomargin").is_some());
    assert!(lab.value("fs_globals", "lh_MeanThickness").is_some());
    // The store's counts where none is chosen.
    lab.run(&["--discover"]).ended(0).says(&["Skipped   1"]);
    lab.run(&["--discover", "--atlas", "freesurfer=aparc"]).ended(1).says(&[
        "anatomical_fs",
        "aparc.a2009s",
        "not of aparc",
        "another folder",
    ]);
}

#[test]
fn volumes_are_of_one_producer() {
    let lab = Lab::new();
    lab.add_cohort();
    for name in ["sub-0475_ses-202507271541", "sub-0999_ses-1"] {
        lab.add(name, BIDS);
    }
    let rows = fs::read_to_string(lab.path("sessions.csv")).unwrap();
    let commas = rows.lines().next().unwrap().matches(',').count();
    fs::write(lab.path("sessions.csv"), format!("{rows}\n0999,1{}\n", ",".repeat(commas - 1))).unwrap();
    let said =
        lab.load(&CAT12).ended(0).says(&["1 sessions, such as sub-0999/ses-1", "--tiv-from freesurfer"]);
    assert!(!said.stderr.contains("error"), "{}", said.stderr);
    let volumes = lab.table("tiv.parquet");
    let alone = lab.path("alone");
    let cat12 = [&CAT12[..], &["-s", "sessions.csv", "-o", "alone"]].concat();
    Ran::of(support::preprocess(lab.0.path()).args(cat12).output().unwrap()).ended(0);
    let of_cat12 = Table::read(&alone.join("tiv.parquet"));
    assert_eq!(
        volumes.doubles("tiv").into_iter().flatten().collect::<Vec<_>>(),
        of_cat12.doubles("tiv").into_iter().flatten().collect::<Vec<_>>()
    );
    assert_eq!(
        lab.table("long/anatomical_gm.parquet"),
        Table::read(&alone.join("long/anatomical_gm.parquet"))
    );
    let of_fs = lab.table("long/anatomical_fs.parquet");
    assert_eq!(
        of_fs.column("tiv").iter().filter(|tiv| **tiv == NULL).count(),
        68,
        "the session without CAT12's"
    );
    lab.load(&[&CAT12[..], &["--tiv-from", "freesurfer"]].concat())
        .ended(1)
        .says(&["those of cat12, not of freesurfer", "--force"]);
    lab.load(&[&CAT12[..], &["--tiv-from", "freesurfer", "--force", "--yes"]].concat()).ended(0);
    assert_eq!(
        lab.table("tiv.parquet").doubles("tiv").into_iter().flatten().collect::<Vec<_>>(),
        [1_626_503.552_457 / 1000.0; 2]
    );
}

#[test]
fn a_session_without_an_estimate_has_no_volume_and_two_that_differ_are_refused() {
    let lab = Lab::new();
    lab.add("sub-1", NO_ETIV);
    fs::remove_file(lab.stats("sub-1", "brainvol.stats")).unwrap();
    lab.run(&["--discover"]).ended(0);
    let build = fs::read_to_string(lab.path("fs/sub-1/scripts/build-stamp.txt")).unwrap();
    let versions = lab.table("sources.parquet");
    assert!(versions.column("software_version").iter().all(|version| *version == build.trim()), "{build}");
    let globals = lab.table("long/anatomical_fs_globals.parquet");
    let has_etiv = globals.column("label").contains(&"eTIV");
    assert_eq!(lab.path("store/tiv.parquet").exists(), has_etiv);
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.change("sub-1", "lh.aparc.stats", "1626503.552457", "1626504.5");
    lab.run(&["--discover"]).ended(3).says(&["1626504.5", "1626503.552457", "one run of FreeSurfer"]);
}

#[test]
fn segments_and_rows_that_are_sealed_make_the_store_of_one_run() {
    let lab = Lab::new();
    for n in 1..=12 {
        lab.add(&format!("sub-{n:04}_ses-1"), BIDS);
        lab.change(&format!("sub-{n:04}_ses-1"), "aseg.stats", "Left-Hippocampus", "Left-Hippocampus ");
    }
    lab.list(&(1..=12).map(|n| format!("{n:04},1\n")).collect::<String>());
    lab.load(&[]).ended(0);
    let one = Store::read(&lab.path("store"));
    let again = |arguments: &[&str]| {
        fs::remove_dir_all(lab.path("store")).unwrap();
        lab.load(arguments).ended(0);
        Store::read(&lab.path("store"))
    };
    one.assert_same(&again(&["--sealed-at-once", "130"]));
    one.assert_same(&again(&["-j", "1", "--sealed-at-once", "40"]));
    fs::remove_dir_all(lab.path("store")).unwrap();
    for shard in ["0/3", "1/3", "2/3"] {
        lab.load(&["--segment", "--shard", shard]).ended(0);
    }
    Ran::of(
        support::export_cache(lab.0.path()).args(["store", "--sessions", "sessions.csv"]).output().unwrap(),
    )
    .ended(0);
    one.assert_same(&Store::read(&lab.path("store")));
}

/// A load that is killed once so many units are committed, whatever their input.
fn killed_after(lab: &Lab, units: usize, arguments: &[&str]) {
    let mut command = support::preprocess(lab.0.path());
    command.args([
        "--freesurfer",
        "fs",
        "-s",
        "sessions.csv",
        "-o",
        "store",
        "--no-progress",
        "--verbose",
        "-j",
        "1",
    ]);
    let mut load = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(load.stderr.take().unwrap()).lines();
    let committed = said.filter(|line| line.as_ref().unwrap().contains("is committed"));
    assert_eq!(committed.take(units).count(), units);
    load.kill().unwrap();
    load.wait().unwrap();
}

#[test]
fn a_load_of_both_producers_that_is_killed_goes_on_where_it_was() {
    let lab = Lab::new();
    lab.add_cohort();
    for name in ["sub-0475_ses-202507271541", "sub-0475_ses-202601121004", "sub-CLMC_10_ses-202407110849"] {
        lab.add(name, BIDS);
    }
    lab.load(&CAT12).ended(0);
    let whole = Store::read(&lab.path("store"));
    for units in [1, 3, 5, 7] {
        fs::remove_dir_all(lab.path("store")).unwrap();
        killed_after(&lab, units, &CAT12);
        let ran = lab.load(&[&CAT12[..], &["--json"]].concat()).ended(0).json();
        let n =
            |what: &str| ran[what].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
        assert!(n("skipped") >= units as u64 && n("skipped") + n("loaded") == 8, "{ran}");
        whole.assert_same(&Store::read(&lab.path("store")));
    }
    // One after the other, and the other way round, it is the same store.
    for first in [&[][..], &CAT12[..]] {
        fs::remove_dir_all(lab.path("store")).unwrap();
        if first.is_empty() {
            let mut cat12 = support::preprocess(lab.0.path());
            Ran::of(cat12.args(["-s", "sessions.csv", "-o", "store"]).args(CAT12).output().unwrap()).ended(0);
        } else {
            lab.load(&["--tiv-from", "cat12"]).ended(0);
        }
        lab.load(&CAT12).ended(0);
        whole.assert_same(&Store::read(&lab.path("store")));
    }
}

#[test]
fn a_store_of_it_alone_takes_any_atlas_of_others_and_it_is_added_to_a_store_of_any() {
    let lab = Lab::new();
    lab.add_cohort();
    fs::remove_file(lab.path(".env")).unwrap();
    lab.add("sub-0475_ses-202507271541", BIDS);
    let atlas_of_manifest = || {
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(lab.path("store/manifest.json")).unwrap()).unwrap();
        manifest["atlas_name"].as_str().unwrap().to_owned()
    };
    lab.load(&[]).ended(0);
    assert_eq!(atlas_of_manifest(), "aparc");
    lab.load(&CAT12).ended(0);
    assert_eq!(atlas_of_manifest(), "AICHA384");
    lab.change("sub-0475_ses-202507271541", "lh.aparc.stats", "bankssts ", "bankssts  ");
    assert_eq!(lab.load(&["--json"]).ended(0).json()["loaded"]["anatomical freesurfer"], 1);
    assert_eq!(atlas_of_manifest(), "AICHA384");
}

#[test]
fn a_folder_is_of_one_session_today_and_over_the_years() {
    let lab = Lab::new();
    lab.add("9001_2", BIDS);
    lab.list("9001,2\n9001_2,\n");
    lab.load(&[]).ended(3).says(&["sub-9001/ses-2", "sub-9001_2", "fs/9001_2 could be that of"]);
    let lab = Lab::new();
    lab.add("sub-0001", BIDS);
    lab.list("0001,a\n");
    lab.load(&[]).ended(0);
    lab.list("0001,b\n");
    lab.load(&[]).ended(3).says(&["fs/sub-0001 is per subject", "2 sessions"]);
    let taken = lab.load(&["--freesurfer-per-subject"]).ended(3);
    taken.says(&["in the store as that of sub-0001/ses-a", "--prune-unlisted"]);
    assert_eq!(lab.table("wide/anatomical/fs_thickness.parquet").rows.len(), 1);
    lab.load(&["--prune-unlisted", "--yes"]);
    lab.load(&["--freesurfer-per-subject"]).ended(0);
    assert_eq!(lab.table("wide/anatomical/fs_thickness.parquet").rows.len(), 1);
}

#[test]
fn two_runs_of_it_are_not_mixed_within_a_session() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.run(&["--discover"]).ended(0);
    fs::remove_file(lab.stats("sub-1", "brainvol.stats")).unwrap();
    let before = lab.value("aseg_volume", "Left-Hippocampus").unwrap();
    lab.change("sub-1", "aseg.stats", &format!("{before:?}"), "1234.5");
    lab.run(&["--discover", "--reload"]).ended(0);
    assert_eq!(lab.value("aseg_volume", "Left-Hippocampus"), Some(before));
    assert!(lab.sessions()[0][5].contains("kept: anatomical_fs_globals"), "{:?}", lab.sessions());
    lab.run(&["--discover", "--prune", "--yes"]).ended(0);
    assert_eq!(lab.value("aseg_volume", "Left-Hippocampus"), Some(1234.5));
}

#[test]
fn what_is_not_chosen_is_not_gone() {
    let lab = Lab::new();
    lab.add("sub-1_ses-1", BIDS);
    lab.add("sub-2_ses-1_run-2", BIDS);
    lab.run(&["--discover"]).ended(0);
    for choice in [["--entity", "run-1"], ["--freesurfer-stream", "long"]] {
        let arguments = [&["--discover", "--prune", "--yes"][..], &choice].concat();
        lab.run(&arguments).ended(3).says(&["fs/sub-2_ses-1_run-2", "choose others"]);
        assert_eq!(lab.table("wide/anatomical/fs_thickness.parquet").rows.len(), 2, "{choice:?}");
    }
    lab.run(&["--discover", "--atlas", "freesurfer-seg=gtmseg"]).ended(1).says(&[
        "gtmseg.stats",
        "aseg",
        "wmparc",
    ]);
}

#[test]
fn versions_may_have_other_measures_of_the_whole_brain() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.add("sub-820", "made/fs820/sub-820");
    lab.run(&["--discover"]).ended(0);
    let statuses: Vec<String> = lab.sessions().iter().map(|row| format!("{} {}", row[0], row[3])).collect();
    assert!(statuses.contains(&"0001 loaded".to_owned()), "{statuses:?}");
    assert_eq!(lab.value("fs_globals", "sTIV"), None);
}

#[test]
fn a_measure_of_the_whole_brain_has_its_own_unit_in_the_feature() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    lab.run(&["--discover"]).ended(0);
    for (feature, region, unit) in [
        ("fs_globals", "eTIV", "mm3"),
        ("fs_globals", "lh_MeanThickness", "mm"),
        ("fs_globals", "SurfaceHoles", "dimensionless"),
        ("fs_thickness", "lh_insula", "mm"),
    ] {
        let path = lab.path(&format!("store/wide/anatomical/{feature}.parquet"));
        assert_eq!(unit_of(&path, region).as_deref(), Some(unit), "{feature} {region}");
    }
}

#[test]
fn what_many_headers_have_alike_is_told_once() {
    let lab = Lab::new();
    for name in ["sub-1", "sub-2", "sub-741"] {
        lab.add(name, BIDS);
    }
    let said = lab.run(&["--discover"]).ended(0);
    let told = said.stderr.matches("header names another subject").count();
    assert_eq!(told, 1, "{}", said.stderr);
    said.says(&["2 sessions have statistics whose header", "fs/sub-1/stats/", "(subjectname sub-741)"]);
}

#[test]
fn a_root_that_is_too_high_or_too_low_is_named_with_the_one_that_is_meant() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    fs::write(lab.path("sessions.csv"), "subject_code\n1\n").unwrap();
    let command = |root: &str, arguments: &[&str]| {
        let mut command = support::preprocess(lab.0.path());
        command.args(["-o", "store", "--no-progress", "--freesurfer", root]).args(arguments);
        Ran::of(command.output().unwrap())
    };
    for root in [".", "fs/sub-1", "fs/sub-1/stats"] {
        command(root, &["--discover"]).ended(1).says(&["FREESURFER_DIR is", "fs meant?"]);
        assert!(!lab.path("store").exists(), "{root}");
    }
    command("fs", &["--discover"]).ended(0);
    // Nobody is gone because of it.
    let before = Store::read(&lab.path("store"));
    command(".", &["-s", "sessions.csv", "--prune", "--yes"]).ended(1).says(&["fs meant?"]);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn sessions_of_both_streams_are_told_unless_one_is_chosen() {
    let lab = Lab::new();
    for name in ["sub-1_ses-a", "sub-2_ses-a.long.sub-2", "sub-2", "sub-3_ses-a.long.sub-3"] {
        lab.add(name, BIDS);
    }
    let words = "2 sessions have been through FreeSurfer's longitudinal stream, and 1 have not";
    lab.run(&["--discover"]).ended(0).says(&[words, "--freesurfer-stream"]);
    let chosen = lab.run(&["--discover", "--freesurfer-stream", "long"]);
    assert!(!chosen.stderr.contains(words), "{}", chosen.stderr);
    // Who is not loaded does not count.
    fs::write(lab.path("sessions.csv"), "subject_code,session_id\n2,a\n3,a\n").unwrap();
    let listed = lab.run(&["-s", "sessions.csv"]).ended(0);
    assert!(!listed.stderr.contains("longitudinal stream"), "{}", listed.stderr);
}

#[test]
fn what_is_of_a_subject_is_loaded_for_it_alone_if_that_is_asked_for() {
    let lab = Lab::new();
    for name in ["sub-0001", "sub-0002", "bert", "sub-0003_ses-a", "sub-0003"] {
        lab.add(name, BIDS);
    }
    lab.list("0001,a\n1,b\n0002,x\nbert,1\nbert,2\n0003,a\n0003,b\n");
    let refused = lab.load(&[]).ended(3);
    refused.says(&["fs/sub-0001 is per subject, not per session", "--freesurfer-per-subject"]);
    let ran = lab.load(&["--freesurfer-per-subject", "--json"]).ended(0).json();
    assert_eq!(ran["failed"], 0, "{ran}");
    let loaded: Vec<(String, String)> = lab
        .sessions()
        .into_iter()
        .filter(|row| row[3] == "loaded")
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let expected = [("0001", "n/a"), ("0002", "x"), ("0003", "a"), ("0003", "n/a"), ("bert", "n/a")];
    let mut loaded: Vec<(&str, &str)> =
        loaded.iter().map(|(code, id)| (code.as_str(), id.as_str())).collect();
    loaded.sort_unstable();
    assert_eq!(loaded, expected);
    let before = Store::read(&lab.path("store"));
    lab.load(&["--freesurfer-per-subject"]).ended(0);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn an_option_that_changes_nothing_is_told() {
    let lab = Lab::new();
    lab.add("sub-1", BIDS);
    let ran = lab.run(&["--discover", "--atlas-name", "aparc.a2009s", "--atlas", "cat12=lpba40"]).ended(0);
    ran.says(&[
        "--atlas-name changes nothing",
        "--atlas KIND=NAME",
        "--atlas cat12=lpba40 changes nothing: --cat12-roi is not given",
    ]);
    fs::write(lab.path(".env"), "TIV_FROM=cat12\n").unwrap();
    lab.run(&["--discover"]).ended(0).says(&["TIV_FROM, which is no setting: give --tiv-from"]);
    fs::write(lab.path(".env"), "").unwrap();
    let quiet = lab.run(&["--discover", "--atlas", "freesurfer=aparc"]).ended(0);
    quiet.keeps_quiet_about(&["changes nothing"]);
}

#[test]
fn folders_that_only_a_list_can_name_are_counted_where_there_is_none() {
    let lab = Lab::new();
    for name in ["sub-1", "9001_20000101_MPRAGE", "9002"] {
        lab.add(name, BIDS);
    }
    fs::create_dir_all(lab.stats("logs", "x").parent().unwrap().parent().unwrap()).unwrap();
    let ran = lab.run(&["--discover"]).ended(0);
    ran.says(&[
        "9001_20000101_MPRAGE names no sub-*, and is left out (2 of these are in that folder)",
        "--sessions",
    ]);
    fs::write(lab.path("sessions.csv"), "subject_code,session_id\n1,\n9001_20000101_MPRAGE,\n").unwrap();
    let listed = lab.run(&["-s", "sessions.csv"]).ended(0);
    listed.says(&["Loaded    1"]).keeps_quiet_about(&["names no sub-*"]);
}

#[test]
fn a_folder_goes_to_the_subject_that_is_called_so_and_leaves_the_one_that_only_its_letters_found() {
    let lab = Lab::new();
    lab.add("sub-CL-4X", BIDS);
    let list =
        |rows: &str| fs::write(lab.path("sessions.csv"), format!("subject_code,session_id\n{rows}")).unwrap();
    let subjects = || lab.table("tiv.parquet").column("subject_code").join(" ");
    list("CL_4-X,\n");
    lab.run(&["-s", "sessions.csv"]).ended(0);
    assert_eq!(subjects(), "CL_4_X");
    list("CL_4-X,\nCL-4X,\n");
    lab.run(&["-s", "sessions.csv"]);
    assert_eq!(subjects(), "CL_4X");
}

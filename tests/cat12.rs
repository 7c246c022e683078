//! CAT12's own files, from `CAT12_ROOT` to the store, by the binaries that people run.

mod support;

use std::fs;
use std::path::Path;

use support::Ran;
use support::cat12::{Lab, OF_12_9, OF_26};
use support::store::{Store, Table, number, unit_of};

const GLOBALS: &str = "long/anatomical_cat12_globals.parquet";
const FEATURE: &str = "wide/anatomical/cat12_globals.parquet";

#[test]
fn reports_are_a_table_of_measures_and_a_feature_with_a_column_each() {
    let lab = Lab::new();
    lab.add("sub-0001/ses-a", OF_12_9);
    lab.add("sub-0002", OF_26);
    lab.load(&["--cat12-globals"]).ended(0);
    let long = lab.table(GLOBALS);
    let columns =
        ["label", "value", "unit", "source", "modality", "metric", "subject_code", "session_id", "tiv"];
    assert_eq!(long.columns, columns);
    assert!(long.column("metric").iter().all(|metric| *metric == "cat12_globals"));
    let wide = lab.table(FEATURE);
    for (measure, unit, values) in [
        ("vol_GM", "mL", [Some(640.5); 2]),
        ("surf_TSA", "cm2", [Some(1820.5); 2]),
        ("IQR_percent", "%", [Some(79.5); 2]),
        ("mark_SIQR", "mark", [None, Some(2.55)]),
        ("thickness_mean", "mm", [Some(2.61); 2]),
        ("NCR", "unknown", [Some(0.04); 2]),
    ] {
        assert_eq!(wide.doubles(measure), values, "{measure}");
        assert_eq!(unit_of(&lab.path("store").join(FEATURE), measure).as_deref(), Some(unit), "{measure}");
    }
    assert_eq!(lab.table("tiv.parquet").doubles("tiv"), [Some(1474.405); 2]);
    assert!(long.doubles("tiv").iter().all(|tiv| *tiv == Some(1474.405)));
    let manifest = fs::read_to_string(lab.path("store/manifest.json")).unwrap();
    assert!(manifest.contains("\"tiv_from\": \"cat12\""), "{manifest}");
    let sources = lab.table("sources.parquet");
    assert_eq!(sources.column("input"), ["cat12-globals"; 2]);
    assert_eq!(sources.column("software_version"), ["12.9 r2577", "26.0.rc3 r2874"]);
    assert!(lab.sessions().iter().all(|row| row[2..4] == ["anatomical", "loaded"]), "{:?}", lab.sessions());
    let before = Store::read(&lab.path("store"));
    let again = lab.load(&["--cat12-globals", "--json"]).ended(0).json();
    assert_eq!(again["skipped"]["anatomical cat12-globals"], 2);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn they_are_loaded_if_they_are_asked_for_and_offered_once_if_not() {
    let lab = Lab::of_cohort();
    let first = lab.load(&["--atlas-name", "AICHA384"]).ended(0);
    first.says(&["--cat12-globals (CAT12_GLOBALS=1) loads them"]);
    let tables = lab.table("long/anatomical_gm.parquet");
    let again = lab.load(&["--atlas-name", "AICHA384"]).ended(0);
    assert!(!again.stderr.contains("--cat12-globals"), "{}", again.stderr);
    assert!(!lab.path("store").join(GLOBALS).exists());
    fs::write(lab.path(".env"), "CAT12_GLOBALS=1\n").unwrap();
    lab.load(&["--atlas-name", "AICHA384"]).ended(0);
    assert!(lab.path("store").join(FEATURE).exists());
    assert_eq!(lab.table("long/anatomical_gm.parquet"), tables);
    fs::write(lab.path(".env"), "CAT12_GLOBALS=maybe\n").unwrap();
    lab.load(&[]).ended(1).says(&["CAT12_GLOBALS is \"maybe\": expected 1 or 0"]);
    fs::write(lab.path(".env"), "").unwrap();
    let mut alone = support::preprocess(lab.path("").as_path());
    let alone = alone.args(["--discover", "--cat12-globals", "-o", "other"]).output().unwrap();
    Ran::of(alone).ended(1).says(&["--cat12-globals (CAT12_GLOBALS) needs --cat12-root (CAT12_ROOT)"]);
}

#[test]
fn a_report_that_is_broken_takes_no_table_along_and_one_of_a_failed_run_is_partial() {
    let lab = Lab::of_cohort();
    let report = lab.report("sub-0475", "ses-202507271541");
    let whole = fs::read(&report).unwrap();
    // Behind the volume: it is the one thing that tables need of a report.
    let end = whole.windows(10).position(|bytes| bytes == b"</vol_TIV>").unwrap() + 10;
    fs::write(&report, &whole[..end]).unwrap();
    let ran = lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(3);
    ran.says(&["sub-0475/ses-202507271541 anatomical cat12-globals", "it may be cut"]);
    let row = lab.sessions().into_iter().find(|row| row[1] == "202507271541").unwrap();
    assert_eq!(row[3], "partial");
    assert!(row[5].contains("cat12-globals failed: "), "{row:?}");
    let lab = Lab::new();
    lab.add("sub-0001", OF_12_9);
    lab.add("sub-0914/ses-01", "malformed/failed_run/sub-914/ses-01");
    let ran = lab.load(&["--cat12-globals"]).ended(0);
    ran.says(&["1 session has reports of runs of CAT12 that ended with an error", "Error in cat_main"]);
    let row = lab.sessions().into_iter().find(|row| row[0] == "0914").unwrap();
    assert_eq!(row[3], "partial");
    let lacks = "anatomical_cat12_globals lacks vol_CSF, vol_GM, vol_TIV, vol_WM";
    assert!(row[5].contains(lacks), "{row:?}");
    assert_eq!(lab.table("tiv.parquet").doubles("tiv"), [Some(1474.405)]);
    assert_eq!(lab.table(FEATURE).doubles("res_RMS"), [Some(1.0); 2]);
}

#[test]
fn of_several_images_the_one_counts_whose_volume_would_and_two_as_good_are_refused() {
    let lab = Lab::new();
    lab.add("sub-0001", OF_12_9);
    let anat = lab.path("cat12/sub-0001/anat");
    let report = anat.join("cat_sub-0001_T1w.xml");
    let text = fs::read_to_string(&report).unwrap();
    fs::write(anat.join("cat_sub-0001_ce-corrected_T1w.xml"), text.replace("640.5", "641.5")).unwrap();
    lab.load(&["--cat12-globals"]).ended(0);
    assert_eq!(lab.table(FEATURE).doubles("vol_GM"), [Some(641.5)]);
    fs::remove_file(&report).unwrap();
    fs::remove_file(anat.join("cat_sub-0001_ce-corrected_T1w.xml")).unwrap();
    // A folder of reports that is a link to the images' own has none besides.
    fs::write(&report, &text).unwrap();
    std::os::unix::fs::symlink(".", anat.join("report")).unwrap();
    lab.load(&["--cat12-globals", "--reload"]).ended(0);
    assert_eq!(lab.table(FEATURE).doubles("vol_GM"), [Some(640.5)]);
    fs::remove_file(anat.join("report")).unwrap();
    fs::remove_file(&report).unwrap();
    for run in ["1", "2"] {
        fs::write(anat.join(format!("cat_sub-0001_run-{run}_T1w.xml")), &text).unwrap();
    }
    let refused = lab.load(&["--cat12-globals", "--reload"]).ended(3);
    refused.says(&["cat_sub-0001_run-1_T1w.xml", "--entity run-VALUE (1, 2)"]);
    lab.load(&["--cat12-globals", "--entity", "run-2"]).ended(0);
    let sources = lab.table("sources.parquet");
    assert!(sources.column("path")[0].ends_with("run-2_T1w.xml"), "{:?}", sources.column("path"));
    fs::rename(anat.join("cat_sub-0001_run-2_T1w.xml"), anat.join("cat_sub-0002_T1w.xml")).unwrap();
    fs::remove_file(anat.join("cat_sub-0001_run-1_T1w.xml")).unwrap();
    lab.load(&["--cat12-globals"]).ended(3).says(&["is of sub-0002 by its name"]);
}

#[test]
fn a_volume_is_the_tables_unit_s_whichever_was_loaded_last() {
    let lab = Lab::of_cohort();
    let tables = ["--atlas-name", "AICHA384"];
    lab.load(&tables).ended(0);
    let volumes = lab.table("tiv.parquet");
    lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(0);
    assert_eq!(lab.table("tiv.parquet"), volumes);
    // Where both name another, the tables' counts; it is their choice among several reports.
    let report = lab.report("sub-0475", "ses-202507271541");
    let text = fs::read_to_string(&report).unwrap();
    let tiv = text.split("<vol_TIV>").nth(2).unwrap().split('<').next().unwrap().to_owned();
    let alone = |arguments: &[&str]| {
        let mut command = support::preprocess(lab.path("").as_path());
        let own = ["--cat12-root", "cat12", "--cat12-globals", "-s", "sessions.csv", "-o", "store"];
        Ran::of(command.args(own).args(arguments).output().unwrap())
    };
    fs::write(&report, text.replace(&tiv, "1234.5")).unwrap();
    alone(&["--atlas-name", "AICHA384"]).ended(0);
    assert_eq!(lab.table("tiv.parquet"), volumes);
    lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(0);
    assert!(lab.table("tiv.parquet").doubles("tiv").contains(&Some(1234.5)));
    // The other way round: reports first, and the tables' unit takes over.
    fs::write(&report, &text).unwrap();
    fs::remove_dir_all(lab.path("store")).unwrap();
    alone(&["--atlas-name", "AICHA384"]).ended(0);
    assert_eq!(lab.table("tiv.parquet").rows.len(), volumes.rows.len());
    lab.load(&tables).ended(0);
    assert_eq!(lab.table("tiv.parquet"), volumes);
    // A report that leaves takes no volume that a table has.
    let one = Store::read(&lab.path("store"));
    fs::remove_dir_all(lab.path("store")).unwrap();
    lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(0);
    one.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn tables_without_a_volume_leave_it_to_the_report_whichever_was_loaded_first() {
    let lab = Lab::of_cohort();
    lab.load(&["--atlas-name", "AICHA384", "--cat12-globals"]).ended(0);
    let volumes = lab.table("tiv.parquet");
    fs::rename(lab.path("parcellated/cat12"), lab.path("whole")).unwrap();
    without_volumes(&lab.path("whole"), &lab.path("parcellated/cat12"));
    let load = |arguments: &[&str]| {
        let mut command = support::preprocess(lab.path("").as_path());
        command.args(["-s", "sessions.csv", "-o", "store", "--atlas-name", "AICHA384"]).args(arguments);
        Ran::of(command.output().unwrap()).ended(0);
    };
    let tables = ["--cat12-parcellated-root", "parcellated/cat12"];
    let reports = ["--cat12-root", "cat12", "--cat12-globals"];
    for order in [[tables.as_slice(), &reports], [&reports, &tables]] {
        fs::remove_dir_all(lab.path("store")).unwrap();
        order.into_iter().for_each(load);
        assert_eq!(lab.table("tiv.parquet").doubles("tiv"), volumes.doubles("tiv"), "{order:?}");
    }
}

#[test]
fn tables_that_are_pruned_leave_the_volume_to_the_report() {
    let lab = Lab::of_cohort();
    let report = lab.report("sub-0475", "ses-202507271541");
    let text = fs::read_to_string(&report).unwrap();
    let tiv = text.split("<vol_TIV>").nth(2).unwrap().split('<').next().unwrap().to_owned();
    fs::write(&report, text.replace(&tiv, "1234.5")).unwrap();
    let load = |output: &str, arguments: &[&str]| {
        let mut command = support::preprocess(lab.path("").as_path());
        command.args(["-s", "sessions.csv", "-o", output, "--atlas-name", "AICHA384"]).args(arguments);
        Ran::of(command.output().unwrap()).ended(0);
    };
    let tables = ["--cat12-parcellated-root", "parcellated/cat12"];
    let reports = ["--cat12-root", "cat12", "--cat12-globals"];
    load("store", &tables);
    load("store", &reports);
    assert!(!lab.table("tiv.parquet").doubles("tiv").contains(&Some(1234.5)));
    fs::remove_dir_all(lab.path("parcellated/cat12/sub-0475/ses-202507271541/anat")).unwrap();
    load("store", &[&tables[..], &["--prune", "--yes"]].concat());
    assert!(lab.table("tiv.parquet").doubles("tiv").contains(&Some(1234.5)));
    // As if the tables had never been there.
    load("other", &tables);
    load("other", &reports);
    for table in ["tiv.parquet", GLOBALS, FEATURE, "long/anatomical_gm.parquet"] {
        let there = Table::read(&lab.path("other").join(table));
        assert_eq!(lab.table(table), there, "{table}");
    }
}

/// Copies tables without their columns and files of total intracranial volume.
fn without_volumes(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            without_volumes(&path, &to.join(name));
        } else if name.ends_with("_parc.tsv") {
            let text = fs::read_to_string(&path).unwrap();
            let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
            let volume = rows[0].iter().position(|name| *name == "vol_TIV");
            let line = |row: &Vec<&str>| {
                let kept = row.iter().enumerate().filter(|(place, _)| Some(*place) != volume);
                kept.map(|(_, cell)| *cell).collect::<Vec<_>>().join("\t") + "\n"
            };
            fs::write(to.join(name), rows.iter().map(line).collect::<String>()).unwrap();
        } else if !name.ends_with("_tiv.tsv") {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn sealed_rows_and_segments_make_the_store_of_one_run() {
    let lab = Lab::new();
    for n in 1..=9 {
        lab.add(&format!("sub-{n:04}"), if n % 2 == 0 { OF_26 } else { OF_12_9 });
    }
    let load = |arguments: &[&str]| lab.load(&[&["--cat12-globals"][..], arguments].concat()).ended(0);
    load(&[]);
    let one = Store::read(&lab.path("store"));
    fs::remove_dir_all(lab.path("store")).unwrap();
    load(&["-j", "1", "--sealed-at-once", "30"]);
    one.assert_same(&Store::read(&lab.path("store")));
    fs::remove_dir_all(lab.path("store")).unwrap();
    for shard in ["0/2", "1/2"] {
        load(&["--segment", "--shard", shard]);
    }
    let merge = support::export_cache(lab.path("").as_path()).arg("store").output().unwrap();
    Ran::of(merge).ended(0);
    let (merged, one) = (Table::read(&lab.path("store").join(FEATURE)), one.table(FEATURE).clone());
    assert_eq!(merged, one);
}

#[test]
fn reports_in_one_folder_are_found_by_their_images() {
    let lab = Lab::new();
    let reports = lab.path("cat12/report");
    fs::create_dir(&reports).unwrap();
    let text = fs::read_to_string(lab.shipped(OF_12_9, "cat_sub-0129_ses-01_T1w.xml")).unwrap();
    let add = |image: &str, grey: &str| {
        fs::write(reports.join(format!("cat_{image}.xml")), text.replace("640.5", grey)).unwrap();
    };
    for (image, grey) in [
        ("ABC002-Town-0001-T1", "601"),
        ("ABC-003_T1", "603"),
        ("sub-0004_ses-a_T1w", "604"),
        ("sub-0004_ses-b_T1w", "605"),
        ("sub-0004_ses-b_ce-corrected_T1w", "606"),
        ("S7", "607"),
        ("S70", "670"),
        ("twice_1", "608"),
        ("twice_2", "609"),
    ] {
        add(image, grey);
    }
    fs::write(reports.join("catlog_ABC002-Town-0001-T1.txt"), "").unwrap();
    let rows = "ABC002,x\nABC,003\nS7,\nS70,\n0004,a\n0004,b\nnobody,\ntwice,\n";
    fs::write(lab.path("sessions.csv"), format!("subject_code,session_id\n{rows}")).unwrap();
    let load_into = |store: &str, arguments: &[&str]| {
        let mut command = support::preprocess(lab.path("").as_path());
        command.args(["--cat12-root", "cat12", "--cat12-globals", "-o", store]).args(arguments);
        Ran::of(command.output().unwrap())
    };
    let load = |arguments: &[&str]| load_into("store", arguments);
    let ran = load(&["-s", "sessions.csv"]).ended(3);
    ran.says(&["cat12/report/twice_1, ", "cat12/report/twice_2", "keep one of them"]);
    let values = || Store::read(&lab.path("store")).by_session(FEATURE, "vol_GM");
    let of = |session: &str| values().get(session).cloned();
    for (session, grey) in [
        ("ABC002/x", "601"),
        ("0ABC/003", "603"),
        ("0004/a", "604"),
        ("0004/b", "606"),
        ("00S7/∅", "607"),
        ("0S70/∅", "670"),
    ] {
        assert_eq!(
            of(session).and_then(|cell| number(&cell)),
            grey.parse().ok(),
            "{session} of {:?}",
            values()
        );
    }
    assert_eq!(values().len(), 6);
    assert_eq!(lab.table("tiv.parquet").rows.len(), 6);
    let paths = lab.table("sources.parquet");
    assert!(paths.column("path").contains(&"report/cat_ABC002-Town-0001-T1.xml"));
    fs::remove_file(reports.join("cat_twice_2.xml")).unwrap();
    let again = load(&["-s", "sessions.csv", "--json"]).ended(0).json();
    assert_eq!(again["skipped"]["anatomical cat12-globals"], 6, "{again}");
    assert_eq!(again["loaded"]["anatomical cat12-globals"], 1);
    let before = Store::read(&lab.path("store"));
    load(&["-s", "sessions.csv"]).ended(0);
    before.assert_same(&Store::read(&lab.path("store")));
    // Names with entities say whose they are without a list.
    load_into("discovered", &["--discover"]).ended(0);
    assert_eq!(Store::read(&lab.path("discovered")).by_session(FEATURE, "vol_GM").len(), 2);
}

#[test]
fn tables_of_others_take_their_volume_from_reports_in_one_folder() {
    let lab = Lab::of_cohort();
    let volumes = || {
        fs::remove_dir_all(lab.path("store")).unwrap_or_default();
        lab.load(&["--atlas-name", "AICHA384"]).ended(0);
        lab.table("tiv.parquet")
    };
    let expected = volumes();
    let reports = lab.path("cat12/report");
    fs::create_dir(&reports).unwrap();
    for (subject, session) in [
        ("sub-0475", "ses-202507271541"),
        ("sub-0475", "ses-202601121004"),
        ("sub-CLMC_10", "ses-202407110849"),
    ] {
        let report = lab.report(subject, session);
        fs::rename(&report, reports.join(report.file_name().unwrap())).unwrap();
    }
    for subject in ["sub-0475", "sub-CLMC_10"] {
        fs::remove_dir_all(lab.path("cat12").join(subject)).unwrap();
    }
    assert_eq!(volumes(), expected);
}

/// A number in a feature of the store's first session.
fn value(lab: &Lab, feature: &str, region: &str) -> Option<f64> {
    lab.table(&format!("wide/anatomical/{feature}.parquet")).doubles(region)[0]
}

#[test]
fn values_of_regions_are_tables_of_volumes_and_of_surfaces() {
    let lab = Lab::new();
    lab.add("sub-0001", OF_26);
    lab.load(&["--cat12-roi"]).ended(0);
    let volumes = lab.table("long/anatomical_cat12.parquet");
    assert_eq!(volumes.columns[..4], ["index", "label", "Vgm", "Vcsf"]);
    assert_eq!(volumes.rows.len(), 12);
    let surfaces = lab.table("long/anatomical_cat12_surface.parquet");
    assert_eq!(surfaces.columns[..4], ["label", "thickness", "gyrification", "fractaldimension"]);
    for (feature, region, number, unit) in [
        ("cat12_Vgm", "lHip", Some(2.4), "mL"),
        ("cat12_Vcsf", "rHip", Some(0.718), "mL"),
        ("cat12_thickness", "lbankssts", Some(2.431), "mm"),
        ("cat12_thickness", "lunknown", None, "mm"),
        ("cat12_gyrification", "rbankssts", Some(25.68), "degree"),
        ("cat12_fractaldimension", "lbankssts", Some(2.5), "dimensionless"),
    ] {
        assert_eq!(value(&lab, feature, region), number, "{feature} {region}");
        let path = lab.path(&format!("store/wide/anatomical/{feature}.parquet"));
        assert_eq!(unit_of(&path, region).as_deref(), Some(unit), "{feature}");
    }
    assert!(!lab.path("store/tiv.parquet").exists(), "the reports were not asked for");
    let before = Store::read(&lab.path("store"));
    let again = lab.load(&["--cat12-roi", "--json"]).ended(0).json();
    assert_eq!(again["skipped"]["anatomical cat12-roi"], 1, "{again}");
    before.assert_same(&Store::read(&lab.path("store")));
    // Beside the measures of the whole brain their volume comes in.
    lab.load(&["--cat12-roi", "--cat12-globals"]).ended(0);
    assert!(
        lab.table("long/anatomical_cat12.parquet").doubles("tiv").iter().all(|tiv| *tiv == Some(1474.405))
    );
}

#[test]
fn an_atlas_is_chosen_for_each_and_a_table_has_one() {
    let lab = Lab::new();
    lab.add("sub-0001", OF_26);
    let absent = lab.load(&["--cat12-roi", "--atlas", "cat12=hammers"]).ended(1);
    absent.says(&[
        "catROI_*.xml with the atlas hammers",
        "cobra, mine_4S456, neuromorphometrics",
        "--atlas cat12=NAME",
    ]);
    let absent = lab.load(&["--cat12-roi", "--atlas", "cat12-surface=aparc_a2009s"]).ended(1);
    absent.says(&["aparc_DK40, aparc_HCP_MMP1", "--atlas cat12-surface=NAME"]);
    assert!(!lab.path("store").exists());
    let own = ["--cat12-roi", "--atlas", "cat12=mine-4S456", "--atlas", "cat12-surface=aparc_HCP_MMP1"];
    lab.load(&own).ended(0).says(&["1 session has an atlas without names of regions"]);
    assert_eq!((value(&lab, "cat12_Vgm", "2"), value(&lab, "cat12_Vgm", "5")), (Some(2.25), None));
    assert_eq!(value(&lab, "cat12_thickness", "rV1"), Some(1.81));
    // The store's count where none is chosen.
    let again = lab.load(&["--cat12-roi", "--json"]).ended(0).json();
    assert_eq!(again["skipped"]["anatomical cat12-roi"], 1, "{again}");
    lab.load(&["--cat12-roi", "--atlas", "cat12=neuromorphometrics"]).ended(1).says(&[
        "anatomical_cat12",
        "mine-4S456",
        "not of neuromorphometrics",
    ]);
}

#[test]
fn a_file_of_regions_that_is_broken_fails_its_unit_alone() {
    let lab = Lab::new();
    for n in 1..=4 {
        lab.add(&format!("sub-000{n}"), OF_26);
    }
    let file = |n: u8| lab.path(&format!("cat12/sub-000{n}/anat/label/catROIs_sub-000{n}_T1w.xml"));
    let text = fs::read_to_string(file(1)).unwrap();
    fs::write(file(2), &text[..text.len() / 2]).unwrap();
    fs::write(file(3), text.replacen("2.431;", "", 1)).unwrap();
    fs::write(file(4), text.replacen("2.431;", "2,431;", 1)).unwrap();
    let ran = lab.load(&["--cat12-roi", "--cat12-globals"]).ended(3);
    let says =
        ["it may be cut", "thickness with 7 values for 8 regions", "thickness with 9 values for 8 regions"];
    ran.says(&says);
    assert_eq!(lab.table("wide/anatomical/cat12_thickness.parquet").doubles("lbankssts"), [Some(2.431)]);
    assert_eq!(lab.table(FEATURE).rows.len(), 4, "the reports are whole");
}

#[test]
fn values_of_regions_in_one_folder_are_found_by_their_images() {
    let lab = Lab::new();
    let labels = lab.path("cat12/label");
    fs::create_dir(&labels).unwrap();
    for (kind, image) in [("catROI", "ABC002-T1"), ("catROIs", "ABC002-T1"), ("catROI", "sub-0004_ses-a_T1w")]
    {
        let from = lab.shipped(OF_26, &format!("label/{kind}_sub-0126_ses-01_T1w.xml"));
        fs::copy(from, labels.join(format!("{kind}_{image}.xml"))).unwrap();
    }
    fs::write(labels.join("catROI_rsub-0004_ses-a_T1w.xml"), "of an image in another space").unwrap();
    fs::write(lab.path("sessions.csv"), "subject_code,session_id\nABC002,\n0004,a\n").unwrap();
    let mut command = support::preprocess(lab.path("").as_path());
    command.args(["-s", "sessions.csv", "--cat12-root", "cat12", "--cat12-roi", "-o", "store"]);
    Ran::of(command.output().unwrap()).ended(0);
    assert_eq!(lab.table("wide/anatomical/cat12_Vgm.parquet").rows.len(), 2);
    assert_eq!(lab.table("wide/anatomical/cat12_thickness.parquet").rows.len(), 1);
    let again = Ran::of(command.arg("--json").output().unwrap()).ended(0).json();
    assert_eq!(again["skipped"]["anatomical cat12-roi"], 2, "{again}");
}

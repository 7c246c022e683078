//! Total intracranial volume comes from the most trusted file that has it, and columns say what they are measured in.

mod support;

use support::cohort::{Cohort, anatomical, tiv_path, tsv};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const CT: &str = "long/anatomical_ct.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

#[test]
fn the_most_trusted_file_that_has_it_counts_and_the_others_stand_in() {
    let cohort = Cohort::of(&[A]);
    cohort.remove(&tiv_path(A.0, A.1));
    let report = |ml: &str| format!("<S><subjectmeasures><vol_TIV>{ml}</vol_TIV></subjectmeasures></S>");
    let files = [
        ("cat_x_ce-corrected_T1w.xml", report("1401")),
        ("cat_x_ce-uncorrected_T1w.xml", report("1402")),
        ("cat_x_T1w.xml", report("1403")),
        ("cat_a.xml", report("1404")),
        ("x_tiv.tsv", "source_file\tvol_TIV\nx\t1405\n".to_owned()),
    ];
    let path = |name: &str| format!("cat12/sub-0001/ses-1/anat/{name}");
    files.iter().for_each(|(name, text)| cohort.write(&path(name), text));
    let rows = tsv(2.0);
    let rows = rows
        .lines()
        .enumerate()
        .map(|(row, line)| format!("{line}\t{}\n", if row == 0 { "vol_TIV" } else { "1406" }));
    cohort.write(&anatomical(A.0, A.1, "GM"), &rows.collect::<String>());
    for (place, ml) in [1401.0, 1402.0, 1403.0, 1404.0, 1405.0, 1406.0].into_iter().enumerate() {
        let _ = std::fs::remove_dir_all(cohort.store());
        cohort.run(&[]).ended(0);
        assert_eq!(Store::read(&cohort.store()).table("tiv.parquet").doubles("tiv"), [Some(ml)]);
        if let Some((name, _)) = files.get(place) {
            let nothing = match name.ends_with("tsv") {
                true => "source_file\tvol_TIV\nx\tn/a\n".to_owned(),
                false => report("n/a"),
            };
            cohort.write(&path(name), &nothing);
        }
    }
}

#[test]
fn a_session_without_it_is_loaded_and_has_none() {
    let cohort = Cohort::of(&[A, B]);
    cohort.remove(&tiv_path(A.0, A.1));
    cohort.run(&[]).ended(0).says(&["sub-0001/ses-1 anatomical: no total intracranial volume was found"]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of("tiv.parquet"), ["0002/1"]);
    assert_eq!(store.sessions_of("wide/anatomical/gm_mean.parquet"), ["0001/1", "0002/1"]);
    assert_eq!(store.table(GM).doubles("tiv").iter().flatten().count(), 4);
}

#[test]
fn a_report_that_was_cut_gives_no_tiv_and_the_next_file_does() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&tiv_path(A.0, A.1), "<S><subjectmeasures><vol_TIV>14");
    cohort.write("cat12/sub-0001/ses-1/anat/sub-0001_ses-1_tiv.tsv", "source_file\tvol_TIV\nx\t1444.5\n");
    cohort.run(&[]).ended(0).says(&[&tiv_path(A.0, A.1), "TIV is looked for elsewhere"]);
    let tiv = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    assert!(tiv["0001/1"].ends_with(" 1444.5"), "{tiv:?}");
}

#[test]
fn the_table_of_volumes_beside_the_tables_is_read() {
    let cohort = Cohort::of(&[A, B]);
    cohort.remove(&tiv_path(A.0, A.1));
    let tiv = "parcellated/cat12/sub-0001/ses-1/anat/sub-0001_ses-1_tiv.tsv";
    cohort.write(tiv, "source_file\tvol_TIV\n/d/cat_sub-0001_ses-1_T1w.xml\t1444.5\n");
    cohort.run(&[]).ended(0).keeps_quiet_about(&["no total intracranial volume"]);
    assert_eq!(volume_of(&cohort, "0001/1"), " 1444.5");
    // Where the root of reports is not given, it is all there is.
    cohort.write(".env", &without_reports(&cohort));
    cohort.run(&["-o", "other"]).ended(0);
    let tiv = Store::read(&cohort.path("other")).by_session("tiv.parquet", "tiv");
    assert!(tiv["0001/1"].ends_with(" 1444.5") && !tiv.contains_key("0002/1"), "{tiv:?}");
}

#[test]
fn a_second_report_of_the_same_rank_that_differs_leaves_none() {
    let cohort = Cohort::of(&[A, B]);
    cohort.tiv(A.0, A.1, 1400.0);
    cohort.run(&[]).ended(0);
    let second = tiv_path(A.0, A.1).replace("_T1w", "_run-2_T1w");
    let report = |ml: &str| format!("<S><subjectmeasures><vol_TIV>{ml}</vol_TIV></subjectmeasures></S>");
    cohort.write(&second, &report("1403"));
    cohort.run(&[]).ended(0).keeps_quiet_about(&["nothing tells"]);
    assert_eq!(volume_of(&cohort, "0001/1"), " 1400.0");
    cohort.write(&second, &report("1600"));
    cohort.run(&[]).ended(0).says(&["nothing tells which is meant", &tiv_path(A.0, A.1), &second]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of("tiv.parquet"), ["0002/1"]);
    assert_eq!(store.table(GM).doubles("tiv").iter().flatten().count(), 4);
    // The tables say which of the images they were made from.
    let sidecar = anatomical(A.0, A.1, "GM").replace(".tsv", ".json");
    cohort.write(&sidecar, "{\"original_file\": \"/d/mwp1sub-0001_ses-1_run-2_T1w.nii.gz\"}");
    cohort.run(&[]).ended(0);
    assert_eq!(volume_of(&cohort, "0001/1"), " 1600.0");
}

#[test]
fn a_changed_table_does_not_replace_a_volume_whose_report_was_not_looked_for() {
    let cohort = Cohort::of(&[A, B]);
    cohort.tiv(A.0, A.1, 1400.0);
    cohort.run(&[]).ended(0);
    let settings = std::fs::read_to_string(cohort.path(".env")).unwrap();
    cohort.write(".env", &without_reports(&cohort));
    let with_column = |ml: &str| -> String {
        let line =
            |(row, line): (usize, &str)| format!("{line}\t{}\n", if row == 0 { "vol_TIV" } else { ml });
        tsv(2.0).lines().enumerate().map(line).collect()
    };
    for ml in ["1500", "1501"] {
        cohort.write(&anatomical(A.0, A.1, "GM"), &with_column(ml));
        assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 0]);
        assert_eq!(volume_of(&cohort, "0001/1"), " 1400.0");
    }
    // A report that was looked for, and says otherwise, does.
    cohort.write(".env", &settings);
    cohort.tiv(A.0, A.1, 1450.0);
    cohort.run(&[]).ended(0).says(&["1450 mL, and 1501 mL by vol_TIV"]);
    assert_eq!(volume_of(&cohort, "0001/1"), " 1450.0");
    // And one that is gone leaves it.
    cohort.remove(&tiv_path(A.0, A.1));
    cohort.write(&anatomical(A.0, A.1, "GM"), &with_column("1502"));
    cohort.run(&[]).ended(0).says(&["is gone: the volume stays as it was"]);
    assert_eq!(volume_of(&cohort, "0001/1"), " 1450.0");
}

fn volume_of(cohort: &Cohort, session: &str) -> String {
    let all = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    let row = &all[session];
    format!(" {}", row.rsplit(' ').next().unwrap())
}

fn without_reports(cohort: &Cohort) -> String {
    let settings = std::fs::read_to_string(cohort.path(".env")).unwrap();
    settings.lines().filter(|line| !line.starts_with("CAT12_ROOT")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_tiv_that_no_head_has_is_kept_with_a_warning_and_columns_say_their_unit() {
    let cohort = Cohort::of(&[A, B]);
    cohort.tiv(A.0, A.1, 1_400_000.0);
    cohort.run(&[]).ended(0).says(&[&tiv_path(A.0, A.1), "TIV is 1400000 mL, expected 500 to 3000 mL"]);
    let tiv = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    assert!(tiv["0001/1"].ends_with(" 1400000.0"), "{tiv:?}");
    let unit = |table: &str, column: &str| support::store::unit_of(&cohort.store().join(table), column);
    assert_eq!(unit("tiv.parquet", "tiv").as_deref(), Some("mL"));
    assert_eq!(unit(GM, "tiv").as_deref(), Some("mL"));
    assert_eq!(unit(GM, "volume_mm3").as_deref(), Some("mm3"));
    assert_eq!(unit(CT, "volume_mm3").as_deref(), Some("unknown"));
    assert_eq!(unit(CT, "mean").as_deref(), Some("mm"));
    assert_eq!(unit(NODDI, "volume_mm3").as_deref(), Some("unknown"));
    assert_eq!(unit("wide/anatomical/gm_volume_mm3.parquet", "LH_Vis_1").as_deref(), Some("mm3"));
    assert_eq!(unit("wide/anatomical/ct_volume_mm3.parquet", "LH_Vis_1").as_deref(), Some("unknown"));
}

#[test]
fn tiv_is_a_feature_like_others() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("wide/anatomical/tiv.parquet"), store.table("tiv.parquet"));
    let entry = &store.manifest["wide_features"]["tiv"];
    assert_eq!(
        (&entry["n_regions"], &entry["n_sessions"], &store.manifest["has_tiv"]),
        (&1.into(), &2.into(), &true.into())
    );
    let volumes = store.table("tiv.parquet").doubles("tiv");
    assert!(volumes.iter().all(|ml| ml.is_some_and(|ml| (1400.0..1500.0).contains(&ml))), "{volumes:?}");
}

#[test]
fn a_row_of_another_session_is_no_candidate_and_is_named() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    for subject in ["0001", "0002"] {
        cohort.remove(&tiv_path(subject, "1"));
        cohort.write(
            &format!("cat12/sub-{subject}/ses-1/anat/sub-{subject}_ses-1_tiv.tsv"),
            "source_file\tvol_TIV\n/a/cat_sub-0001_ses-1_T1w.xml\t1401\n/a/cat_sub-0003_ses-1_T1w.xml\t1603\n",
        );
    }
    cohort.run(&[]).ended(0).says(&[
        "rows are of other sessions",
        "sub-0001_ses-1_T1w",
        "sub-0003_ses-1_T1w",
    ]);
    let tiv = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    assert_eq!(tiv.keys().collect::<Vec<_>>(), ["0001/1"]);
    assert!(tiv["0001/1"].ends_with(" 1401.0"));
}

#[test]
fn a_report_of_another_visit_than_the_tables_is_none_where_no_folder_says_a_visit() {
    let cohort = Cohort::of(&[("0001", "")]);
    cohort.remove("parcellated/cat12/sub-0001");
    for tissue in ["GM", "WM"] {
        let plain = anatomical("0001", "", tissue);
        cohort.write(&plain.replace("sub-0001_atlas", "sub-0001_ses-1_atlas"), &tsv(3.0));
    }
    cohort.remove(&tiv_path("0001", ""));
    cohort.write(&tiv_path("0001", "").replace("sub-0001_T1w", "sub-0001_ses-2_T1w"), TIV);
    cohort.run(&[]).ended(0).says(&["it is of ses-2, and the tables are of ses-1"]);
    assert!(!cohort.store().join("tiv.parquet").exists());
}

const TIV: &str = "<S><subjectmeasures><vol_TIV>1500</vol_TIV></subjectmeasures></S>\n";

#[test]
fn a_report_that_is_moved_or_renamed_is_not_gone() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store()).by_session("tiv.parquet", "tiv");
    let renamed = tiv_path(A.0, A.1).replace("/cat_", "/report/cat_").replace("_T1w", "_run-1_T1w");
    std::fs::create_dir_all(cohort.path(&renamed).parent().unwrap()).unwrap();
    std::fs::rename(cohort.path(&tiv_path(A.0, A.1)), cohort.path(&renamed)).unwrap();
    cohort.run(&[]).ended(0);
    assert_eq!(cohort.standing(A.0, A.1, "anatomical"), ("loaded".to_owned(), "n/a".to_owned()));
    cohort.run(&["--prune"]).ended(0);
    assert_eq!(Store::read(&cohort.store()).by_session("tiv.parquet", "tiv"), before);
    cohort.remove(&renamed);
    cohort.run(&[]).ended(0);
    assert!(
        cohort.standing(A.0, A.1, "anatomical").1.contains("total intracranial volume: its file is gone")
    );
}

#[test]
fn a_session_that_is_a_report_alone_is_discovered_and_follows_its_report() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    cohort.run(&["--discover"]).ended(0);
    cohort.remove("parcellated/cat12/sub-0002");
    cohort.remove("parcellated/qsirecon-NODDI/sub-0002");
    cohort.tiv("0002", "1", 1777.5);
    // CAT12's root may be that of the images, too.
    cohort.write("cat12/sub-0003/ses-1/anat/sub-0003_ses-1_T1w.nii", "");
    cohort.run(&["--discover"]).ended(0);
    let store = Store::read(&cohort.store());
    for table in ["tiv.parquet", GM] {
        assert!(store.by_session(table, "tiv")["0002/1"].ends_with(" 1777.5"), "{table}");
    }
    assert!(cohort.session_rows().iter().all(|row| row[0] != "0003"));
    cohort.run(&["--discover", "--prune", "--yes"]).ended(0);
    cohort.run(&["--discover", "-o", "anew"]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("anew")));
}

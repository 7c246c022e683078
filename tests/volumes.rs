//! Total intracranial volume comes from the most trusted file that has it, and columns say what they are measured in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

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

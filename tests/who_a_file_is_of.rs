//! A file says who it is of by its folder, by its own name and by its sidecar; where they disagree, somebody is told.

mod support;

use std::fs;

use support::cohort::{Cohort, anatomical, tiv_path};
use support::store::Store;

const A: (&str, &str) = ("0003", "2");
const B: (&str, &str) = ("0004", "2");

#[test]
fn a_table_whose_name_is_of_another_session_fails_its_unit() {
    let cohort = Cohort::of(&[A, B]);
    let of_b = anatomical(B.0, B.1, "GM");
    let strange = of_b.replace("sub-0004_ses-2", "sub-0003_ses-2");
    fs::rename(cohort.path(&of_b), cohort.path(&strange)).unwrap();
    let says = [strange.as_str(), "sub-0003/ses-2 by its name", "sub-0004/ses-2 by its folder"];
    cohort.run(&[]).ended(3).says(&says);
    assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "failed");
    let spelled = of_b.replace("sub-0004_ses-2", "sub-4_ses-02");
    fs::rename(cohort.path(&strange), cohort.path(&spelled)).unwrap();
    cohort.run(&[]).ended(0);
    let sessions = Store::read(&cohort.store()).sessions_of("wide/anatomical/gm_mean.parquet");
    assert_eq!(sessions, ["0003/2", "0004/2"]);
}

#[test]
fn a_report_of_another_session_gives_no_volume() {
    let cohort = Cohort::of(&[A, B]);
    let strange = tiv_path(B.0, B.1).replace("cat_sub-0004", "cat_sub-0003");
    fs::rename(cohort.path(&tiv_path(B.0, B.1)), cohort.path(&strange)).unwrap();
    cohort.run(&[]).ended(0).says(&[&strange, "its name says that it is of sub-0003/ses-2"]);
    assert_eq!(Store::read(&cohort.store()).sessions_of("tiv.parquet"), ["0003/2"]);
}

#[test]
fn sidecars_of_other_sessions_are_one_warning_with_a_count() {
    let cohort = Cohort::of(&[A, B]);
    for (of, named) in [(A, "0004"), (B, "0003")] {
        for tissue in ["GM", "WM"] {
            let sidecar = anatomical(of.0, of.1, tissue).replace(".tsv", ".json");
            cohort
                .write(&sidecar, &format!("{{\"original_file\": \"/d/mwp1sub-{named}_ses-2_T1w.nii.gz\"}}"));
        }
    }
    cohort.run(&[]).ended(0).says(&["2 sessions have tables", "data may have been renamed"]);
}

#[test]
fn a_sidecar_of_another_atlas_fails_its_unit() {
    let cohort = Cohort::of(&[A, B]);
    let sidecar = anatomical(B.0, B.1, "GM").replace(".tsv", ".json");
    cohort.write(&sidecar, "{\"parcellation_scheme\": {\"name\": \"Schaefer2018\"}}");
    cohort.run(&[]).ended(3).says(&[&sidecar, "\"Schaefer2018\"", "\"4S456Parcels\""]);
    cohort.write(&sidecar, "{\"parcellation_scheme\": {\"name\": \"4S456Parcels\"}}");
    cohort.run(&[]).ended(0);
}

//! Workflows may be called anything that a folder can be called.

mod support;

use support::cohort::{Cohort, diffusion, tsv};
use support::store::Store;

const NAMES: [&str; 14] = [
    "MRtrix3_act-HSVS",
    "MRtrix3_act",
    "a.b",
    "a-b",
    "a_b",
    "with space",
    "quo\"te",
    "it's",
    "Ünïcode-β",
    "noddi",
    "x'); DROP TABLE units; --",
    "50%",
    "select",
    "units",
];

/// One session with a map of each workflow, each with its own values.
fn cohort() -> Cohort {
    let cohort = Cohort::of(&[("0001", "1")]);
    for (place, name) in NAMES.iter().enumerate() {
        let value = 100.0 + f64::from(u32::try_from(place).unwrap());
        cohort.write(&diffusion(name, "0001", "1", "fa"), &tsv(value));
    }
    cohort
}

fn assert_holds_all(store: &Store) {
    for (place, name) in NAMES.iter().enumerate() {
        let mean = (100.0 + f64::from(u32::try_from(place).unwrap())) / 3.0;
        let entry = &store.manifest["long_formats"][format!("diffusion_{name}")];
        let table = store.table(entry["file_path"].as_str().unwrap());
        assert_eq!((table.column("workflow"), table.doubles("mean")[0]), (vec![*name; 4], Some(mean)));
        let entry = &store.manifest["wide_features"][format!("{name}_noddi_fa_mean")];
        assert_eq!(entry["workflow"], *name);
        let feature = store.table(entry["file_path"].as_str().unwrap());
        assert_eq!(feature.doubles("LH_Vis_1"), [Some(mean)], "{name}");
    }
    assert_eq!(
        store.table("long/diffusion/NODDI.parquet").column("param").len(),
        8,
        "noddi is another workflow"
    );
}

#[test]
fn every_name_has_its_table_and_its_features() {
    let cohort = cohort();
    cohort.run(&[]).ended(0);
    assert_holds_all(&Store::read(&cohort.store()));
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn every_name_survives_a_crash_and_an_export_by_hand() {
    let cohort = cohort();
    cohort.run_stopped_at("manifest.json", &[]);
    let status = cohort.export_cache(&["--status"]).ended(0);
    for name in NAMES {
        assert!(status.stdout.contains(&format!("  - diffusion_{name}\n")), "{name} in {}", status.stdout);
    }
    cohort.export_cache(&[]).ended(0);
    assert_holds_all(&Store::read(&cohort.store()));
    cohort.run(&["-o", "one_run"]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("one_run")));
}

#[test]
fn every_name_can_be_asked_for_and_replaced() {
    let cohort = cohort();
    for name in NAMES {
        cohort.run(&["--workflows", name, "--no-anatomical", "-o", "some"]).ended(0);
    }
    let store = Store::read(&cohort.path("some"));
    let manifest = store.manifest["long_formats"].as_object().unwrap();
    assert_eq!(manifest.len(), NAMES.len());
    for name in ["quo\"te", "Ünïcode-β"] {
        cohort.write(&diffusion(name, "0001", "1", "fa"), &tsv(7.0));
    }
    cohort.run(&["--no-anatomical", "-o", "some"]).ended(0);
    let store = Store::read(&cohort.path("some"));
    for (name, mean) in [("quo\"te", 7.0 / 3.0), ("Ünïcode-β", 7.0 / 3.0), ("it's", 107.0 / 3.0)] {
        assert_eq!(store.table(&format!("long/diffusion/{name}.parquet")).doubles("mean")[0], Some(mean));
    }
}

#[test]
fn a_name_that_would_hide_its_table_is_left_out_by_name() {
    let cohort = cohort();
    cohort.write(&diffusion(".hidden", "0001", "1", "fa"), &tsv(1.0));
    cohort.run(&[]).ended(0).says(&["qsirecon-.hidden is left out"]);
    assert!(!cohort.store().join("long/diffusion/.hidden.parquet").exists());
    cohort.run(&["--workflows", ".hidden", "-o", "other"]).ended(1).says(&[".hidden"]);
}

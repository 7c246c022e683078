//! A name never costs data: sources whose features would have one name are all there.

mod support;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::{Cohort, diffusion, tsv};
use support::store::Store;

const SESSIONS: [(&str, &str); 4] = [("0001", "1"), ("0002", "1"), ("0003", "1"), ("0004", "1")];

fn map(workflow: &str, (subject, session): (&str, &str), model: &str, param: &str) -> String {
    diffusion(workflow, subject, session, param).replace("model-noddi", &format!("model-{model}"))
}

/// Workflows `A` and `A_b` whose features would have one name, in the sessions that say so, and two maps whose names
/// differ in case only.
fn cohort(has_a: impl Fn(usize) -> bool, has_a_b: impl Fn(usize) -> bool) -> Cohort {
    let cohort = Cohort::of(&SESSIONS);
    for (place, session) in SESSIONS.into_iter().enumerate() {
        let value = f64::from(u32::try_from(place).unwrap());
        if has_a(place) {
            cohort.write(&map("A", session, "m", "b_c").replace("model-m_", "model-b_"), &tsv(10.0 + value));
            cohort.write(&map("A", session, "m", "ICVF"), &tsv(20.0 + value));
        }
        if has_a_b(place) {
            cohort.write(&map("A_b", session, "b", "c"), &tsv(30.0 + value));
            cohort.write(&map("A", session, "m", "icvf"), &tsv(40.0 + value));
        }
    }
    cohort
}

fn names(store: &Store) -> Vec<String> {
    let names = store.manifest["wide_features"].as_object().unwrap().keys().cloned();
    names.filter(|name| name.starts_with('A')).collect()
}

#[test]
fn sources_of_one_name_are_all_written_under_their_long_names() {
    let halves: [fn(usize) -> bool; 3] = [|_| true, |place| place < 2, |place| place >= 2];
    for (has_a, has_a_b) in [(halves[0], halves[0]), (halves[1], halves[2])] {
        let cohort = cohort(has_a, has_a_b);
        let arguments = ["--wide-metrics", "mean"];
        let ran = cohort.run(&[&arguments[..], &["-j", "1"]].concat()).ended(0);
        ran.says(&["diffusion_A (model b, param b_c)", "A_b_model-b_param-c_mean"]);
        let store = Store::read(&cohort.store());
        let expected = [
            "A_b_model-b_param-c_mean",
            "A_model-b_param-b_c_mean",
            "A_model-m_param-ICVF_mean",
            "A_model-m_param-icvf_mean_2",
        ];
        assert_eq!(names(&store), expected);
        for (name, value) in expected.into_iter().zip([30.0, 10.0, 20.0, 40.0]) {
            let sessions = (0..4)
                .filter(|place| if [10.0, 20.0].contains(&value) { has_a(*place) } else { has_a_b(*place) });
            let means: Vec<Option<f64>> = sessions
                .map(|place| Some((value + f64::from(u32::try_from(place).unwrap())) / 3.0))
                .collect();
            let feature = store.table(&format!("wide/diffusion/{name}.parquet"));
            assert_eq!(feature.doubles("LH_Vis_1"), means, "{name}");
        }
        cohort.run(&[&arguments[..], &["-j", "16", "-o", "many_threads"]].concat()).ended(0);
        Store::read(&cohort.path("many_threads")).assert_same(&store);
        // One session after the other.
        for session in SESSIONS.into_iter().rev() {
            cohort.list_of(&[session]);
            cohort.run(&[&arguments[..], &["-o", "one_by_one"]].concat()).ended(0);
        }
        let one_by_one = Store::read(&cohort.path("one_by_one"));
        assert_eq!(one_by_one.tables.keys().collect::<Vec<_>>(), store.tables.keys().collect::<Vec<_>>());
        assert_eq!(names(&one_by_one), expected);
    }
}

#[test]
fn a_short_name_becomes_a_long_one_when_another_source_needs_it_and_the_old_file_goes() {
    let cohort = cohort(|_| true, |_| false);
    cohort.run(&["--wide-metrics", "mean"]).ended(0).keeps_quiet_about(&["would have one name"]);
    assert_eq!(names(&Store::read(&cohort.store())), ["A_b_b_c_mean", "A_m_ICVF_mean"]);
    cohort.write(&map("A_b", SESSIONS[0], "b", "c"), &tsv(30.0));
    cohort.run(&["--wide-metrics", "mean"]).ended(0).says(&["would have one name (A_b_b_c_mean)"]);
    let store = Store::read(&cohort.store());
    assert_eq!(names(&store), ["A_b_model-b_param-c_mean", "A_m_ICVF_mean", "A_model-b_param-b_c_mean"]);
    assert!(!store.tables.contains_key("wide/diffusion/A_b_b_c_mean.parquet"));
}

#[test]
fn a_reader_finds_features_under_the_names_that_an_export_would_give_them() {
    let cohort = cohort(|place| place < 2, |_| false);
    cohort.run(&[]).ended(0);
    for session in SESSIONS {
        cohort.write(&map("A_b", session, "b", "c"), &tsv(30.0));
    }
    cohort.stop_exports_at("manifest.json");
    cohort.run(&[]).ended(1);
    let read = |name: &str| {
        let store = FeatureStore::open(cohort.store()).unwrap();
        store.feature_batch(name, &ReadOptions::default()).map(|batch| batch.num_rows())
    };
    let store = FeatureStore::open(cohort.store()).unwrap();
    let before = store.list_features(None).unwrap();
    assert_eq!(
        (read("A_b_model-b_param-c_mean").unwrap(), read("A_model-b_param-b_c_mean").unwrap()),
        (4, 2)
    );
    assert!(read("A_b_b_c_mean").is_err());
    cohort.let_exports_pass("manifest.json");
    cohort.run(&[]).ended(0);
    assert_eq!(FeatureStore::open(cohort.store()).unwrap().list_features(None).unwrap(), before);
    // Also one that is in no file.
    assert_eq!(read("A_model-b_param-b_c_voxel_count").unwrap(), 2);
}

#[test]
fn a_metric_that_is_named_twice_gives_one_feature() {
    let cohort = Cohort::of(&SESSIONS[..1]);
    cohort.run(&["--wide-metrics", "mean,std,mean", "--no-diffusion"]).ended(0);
    let manifest = Store::read(&cohort.store()).manifest;
    assert_eq!(manifest["neuroalign"]["wide_metrics"], "mean,std");
    assert!(manifest["wide_features"]["gm_mean"].is_object());
    cohort.run(&["--no-diffusion"]).ended(0);
}

//! A store has one atlas, and each of its tables one set of regions.

mod support;

use support::cohort::{ATLAS, Cohort, anatomical, diffusion, tsv};
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

/// The same sessions, parcellated with another atlas too.
fn with_other_atlas() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        for tissue in ["GM", "WM", "CT"] {
            cohort.write(&anatomical(subject, session, tissue).replace(ATLAS, "Other"), &tsv(3.0));
        }
        cohort.write(&diffusion("NODDI", subject, session, "od").replace(ATLAS, "Other"), &tsv(3.0));
    }
    cohort
}

#[test]
fn another_atlas_is_an_error_that_names_both_and_changes_nothing() {
    let cohort = with_other_atlas();
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    let words = [ATLAS, "Other", "--output"];
    cohort.run(&["--atlas-name", "Other"]).ended(1).says(&words);
    std::fs::remove_file(cohort.path("data/processed/manifest.json")).unwrap();
    cohort.run(&["--atlas-name", "Other"]).ended(1).says(&words);
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&before);
    cohort.run(&["--atlas-name", "Other", "-o", "other"]).ended(0).says(&["2 anatomical, 2 diffusion"]);
    assert_eq!(Store::read(&cohort.path("other")).manifest["atlas_name"], "Other");
    cohort.run(&["--atlas-name", "Other", "--force"]).ended(0);
    assert_eq!(Store::read(&cohort.store()).manifest["atlas_name"], "Other");
}

#[test]
fn another_atlas_in_the_cache_is_an_error_too() {
    let cohort = with_other_atlas();
    cohort.stop_exports_at("manifest.json");
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    cohort.run(&[]).ended(1);
    cohort.let_exports_pass("manifest.json");
    cohort.let_exports_pass("long/anatomical_gm.parquet");
    cohort.run(&["--atlas-name", "Other"]).ended(1).says(&["the cache", ATLAS, "Other"]);
    cohort.export_cache(&["--atlas-name", "Other"]).ended(1).says(&["the cache holds atlas", ATLAS, "Other"]);
    cohort.export_cache(&[]).ended(0);
    assert_eq!(Store::read(&cohort.store()).manifest["atlas_name"], ATLAS);
}

#[test]
fn a_cache_of_one_atlas_is_not_exported_into_a_store_of_another() {
    let cohort = with_other_atlas();
    cohort.stop_exports_at("long/anatomical_gm.parquet");
    cohort.run(&[]).ended(1);
    let cache = cohort.path("data/processed/.cache.db");
    std::fs::copy(&cache, cohort.path("cache.db")).unwrap();
    cohort.remove("data/processed");
    cohort.run(&["--atlas-name", "Other"]).ended(0);
    let store = Store::read(&cohort.store());
    std::fs::copy(cohort.path("cache.db"), &cache).unwrap();
    // The manifest says whose the store is, and where there is none, the files do.
    let (manifest, aside) = (cohort.path("data/processed/manifest.json"), cohort.path("manifest.json"));
    cohort.export_cache(&[]).ended(1).says(&["holds atlas Other", ATLAS, "--output"]);
    std::fs::rename(&manifest, &aside).unwrap();
    cohort.export_cache(&[]).ended(1).says(&["holds atlas Other", ATLAS, "--output"]);
    std::fs::rename(&aside, &manifest).unwrap();
    Store::read(&cohort.store()).assert_same(&store);

    // In a folder of its own, the cache gives all that it held.
    std::fs::rename(&cache, cohort.path("cache.db")).unwrap();
    cohort.remove("data/processed");
    std::fs::create_dir(cohort.store()).unwrap();
    std::fs::rename(cohort.path("cache.db"), &cache).unwrap();
    cohort.export_cache(&[]).ended(0);
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
}

#[test]
fn a_region_that_disagrees_fails_its_unit_by_name_and_no_other() {
    let good = tsv(2.0);
    let cases = [
        (good.replacen("RH_Vis_1", "RH_Vis_9", 1), ["2 \"RH_Vis_9\"", "2 \"RH_Vis_1\""]),
        (good.replacen("4\tNA", "9\tNA", 1), ["9 \"NA\"", "4 \"NA\""]),
    ];
    for (text, words) in cases {
        let cohort = Cohort::of(&[A, B]);
        cohort.write(&anatomical(B.0, B.1, "GM"), &text);
        for arguments in [&[][..], &["-j", "1"], &["--force"]] {
            cohort
                .run(arguments)
                .ended(3)
                .says(&words)
                .says(&[&anatomical(B.0, B.1, "GM")["parcellated/cat12/".len()..]]);
            let store = Store::read(&cohort.store());
            assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1"]));
            assert_eq!(store.sessions_of(NODDI), rows_each(8, &["0001/1", "0002/1"]));
        }
        cohort.write(&anatomical(B.0, B.1, "GM"), &good);
        cohort.run(&[]).ended(0);
        assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
    }
}

#[test]
fn a_region_that_disagrees_with_the_cache_fails_after_a_crash_too() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run_stopped_at(GM, &[]);
    cohort.list_of(&[A, B]);
    cohort.write(&anatomical(B.0, B.1, "GM"), &tsv(2.0).replacen("RH_Vis_1", "RH_Vis_9", 1));
    cohort.run(&[]).ended(3).says(&["\"RH_Vis_9\""]);
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1"]));
}

#[test]
fn tables_of_other_maps_may_have_other_regions() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        let path = diffusion("DSIStudio", subject, session, "fa");
        cohort.write(&path, &tsv(2.0).replacen("RH_Vis_1", "RH_Vis_9", 1));
    }
    cohort.run(&[]).ended(0);
}

#[test]
fn a_session_with_fewer_regions_is_partial_and_null_where_it_lacks_them() {
    let cohort = Cohort::of(&[A, B]);
    let text = tsv(2.0);
    let fewer: String =
        text.lines().filter(|line| !line.contains("LH_Cont_1")).map(|line| format!("{line}\n")).collect();
    cohort.write(&anatomical(B.0, B.1, "GM"), &fewer);
    cohort.run(&[]).ended(0);
    assert_eq!(
        cohort.standing("0002", "1", "anatomical"),
        ("partial".to_owned(), "anatomical_gm lacks 1 of 4 regions".to_owned())
    );
    let wide = Store::read(&cohort.store()).table("wide/anatomical/gm_mean.parquet").clone();
    assert_eq!(wide.columns[2..], ["LH_Cont_1", "LH_Vis_1", "NA", "RH_Vis_1"]);
    let missing: Vec<bool> = wide.doubles("LH_Cont_1").iter().map(Option::is_none).collect();
    assert_eq!((wide.column("subject_code"), missing), (vec!["0001", "0002"], vec![false, true]));
}

#[test]
fn what_a_session_is_said_to_lack_does_not_depend_on_threads_crashes_or_the_order_of_runs() {
    let names: Vec<String> = (0..9).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    for (place, (subject, session)) in sessions.iter().enumerate() {
        let text = tsv(2.0);
        // Three sessions with all regions, among others with fewer.
        let n = if place % 3 == 1 { 5 } else { 4 };
        let fewer: String = text.lines().take(n).map(|line| format!("{line}\n")).collect();
        cohort.write(&anatomical(subject, session, "GM"), &fewer);
        if place == 7 {
            cohort.write(&diffusion("NODDI", subject, session, "late"), &text);
        }
    }
    cohort.run(&["-j", "1", "-o", "one_thread"]).ended(0);
    let expected = Store::read(&cohort.path("one_thread"));
    cohort.run(&["-j", "8", "-o", "eight_threads"]).ended(0);
    Store::read(&cohort.path("eight_threads")).assert_same(&expected);
    for end in [1, 2, 5, 9] {
        cohort.list_of(&sessions[..end]);
        cohort.run(&[]).ended(0);
    }
    Store::read(&cohort.store()).assert_same(&expected);
}

#[test]
fn masks_thresholds_and_versions_that_differ_within_a_table_are_listed() {
    let cohort = Cohort::of(&[A, B]);
    for ((subject, session), mask, version, threshold) in
        [(A, "mask-gm", "0.3.0", 0.5), (B, "mask-brain", "0.2.1", 0.25)]
    {
        let plain = anatomical(subject, session, "GM");
        cohort.remove(&plain);
        let path = plain.replace("_parc.tsv", &format!("_{mask}_parc.tsv"));
        cohort.write(&path, &tsv(2.0));
        let json = format!("{{\"software_version\": \"{version}\", \"mask_threshold\": {threshold}}}");
        cohort.write(&path.replace(".tsv", ".json"), &json);
    }
    cohort.run(&[]).ended(0).says(&[
        "anatomical_gm: its files differ in their masks: brain (1 session), gm (1 session)",
        "anatomical_gm: its files differ in their mask thresholds: 0.25 (1 session), 0.5 (1 session)",
        "anatomical_gm: its files differ in their parcellate versions: 0.2.1 (1 session), 0.3.0 (1 session)",
    ]);
}

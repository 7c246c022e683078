//! `--verify` reads every file of a store, and names each that is not what was written.

mod support;

use std::fs;
use std::path::Path;

use support::cohort::{Cohort, anatomical, tsv};
use support::files::{all_below, name_under};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const GM_MEAN: &str = "wide/anatomical/gm_mean.parquet";

/// The files of a store, as paths under it.
fn files(folder: &Path) -> Vec<String> {
    let names = all_below(folder).into_iter().map(|path| name_under(folder, &path));
    // The report is made from the others, and can be made again.
    let is_verified = |name: &String| name != "manifest.json" && name != "report.html";
    names.filter(|name| !name.starts_with('.') && is_verified(name)).collect()
}

#[test]
fn a_store_that_grew_and_changed_is_what_was_written() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&[A, B]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(9.0));
    // An export that is cut short has written some of the files.
    cohort.run_stopped_at("sources.parquet", &[]);
    cohort.run(&[]).ended(0);
    let n = files(&cohort.store()).len();
    let words = format!("All {n} files");
    cohort.export_cache(&["--verify"]).ended(0).says(&[&words]).keeps_quiet_about(&["no hash"]);
    // A copy, and one whose times were lost, is the same store.
    fs::rename(cohort.store(), cohort.path("data/elsewhere")).unwrap();
    fs::create_dir_all(cohort.store()).unwrap();
    for file in files(&cohort.path("data/elsewhere")).iter().map(String::as_str).chain(["manifest.json"]) {
        let place = cohort.store().join(file);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(cohort.path("data/elsewhere").join(file), place).unwrap();
    }
    cohort.export_cache(&["--verify"]).ended(0).says(&[&words]);
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn each_file_that_is_not_what_was_written_is_named() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    for file in files(&cohort.store()) {
        let path = cohort.store().join(&file);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        for content in [Some(damaged), Some(whole[..whole.len() - 1].to_vec()), None] {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let told = cohort.export_cache(&["--verify", "--json"]).ended(3).json();
            let problems = told["problems"].as_array().unwrap();
            let named = problems.iter().filter(|problem| problem["file"].as_str().unwrap().ends_with(&file));
            assert_eq!(named.count(), 1, "{file}: {told}");
            fs::write(&path, &whole).unwrap();
        }
        cohort.export_cache(&["--verify"]).ended(0);
    }
}

#[test]
fn files_of_other_states_are_told_though_each_is_whole() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    let keep = |file: &str| fs::read(cohort.store().join(file)).unwrap();
    let (feature, sources) = (keep("wide/anatomical/gm_mean.parquet"), keep("long/anatomical_gm.parquet"));
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(0);
    for (file, content) in
        [("wide/anatomical/gm_mean.parquet", feature), ("long/anatomical_gm.parquet", sources)]
    {
        let now = keep(file);
        fs::write(cohort.store().join(file), content).unwrap();
        cohort.export_cache(&["--verify"]).ended(3).says(&[file]);
        fs::write(cohort.store().join(file), now).unwrap();
    }
    fs::remove_file(cohort.store().join("manifest.json")).unwrap();
    cohort.export_cache(&["--verify"]).ended(3).says(&["manifest.json"]);
}

#[test]
fn where_there_is_no_folder_there_is_no_store() {
    let cohort = Cohort::of(&[A]);
    cohort.export_cache(&["--verify"]).ended(1).keeps_quiet_about(&["a run makes it again"]);
}

#[test]
fn a_table_that_was_moved_away_is_told_and_read_again_where_it_can_be() {
    let cohort = Cohort::of(&[A, B, ("0003", "1")]);
    cohort.run(&[]).ended(0);
    for tissue in ["GM", "WM", "CT"] {
        cohort.remove(&anatomical(A.0, A.1, tissue));
    }
    cohort.list_of(&[A, ("0003", "1")]);
    cohort.run(&[]).ended(0);
    fs::remove_file(cohort.store().join(GM)).unwrap();
    // Of two of the three, one is archived and one not listed.
    cohort.run(&[]).ended(0).says(&["anatomical_gm: it has no rows any more of 2 files", "is read again"]);
    cohort.export_cache(&["--verify"]).ended(0);
    cohort.list_of(&[A, B, ("0003", "1")]);
    let ran = cohort.run(&["--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [1, 0], "what is listed again is read again");
    cohort.export_cache(&["--verify"]).ended(0);
}

#[test]
fn files_that_contradict_each_other_are_told_where_the_manifest_has_no_hashes() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    let keep = |file: &str| fs::read(cohort.store().join(file)).unwrap();
    let (old_long, old_feature) = (keep(GM), keep(GM_MEAN));
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(0);
    let feature_of_before = keep(GM_MEAN);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(9.0));
    cohort.run(&[]).ended(0);
    without_hashes(&cohort, |_| {});
    cohort.export_cache(&["--verify"]).ended(0).says(&["no hash"]);
    let told = |file: &str, content: &[u8], words: &[&str]| {
        let now = keep(file);
        fs::write(cohort.store().join(file), content).unwrap();
        cohort.export_cache(&["--verify"]).ended(3).says(words);
        fs::write(cohort.store().join(file), now).unwrap();
    };
    told(GM_MEAN, &feature_of_before, &[GM_MEAN, "another state of its long table"]);
    told(GM_MEAN, &old_feature, &[GM_MEAN, "1 rows, the manifest says 2"]);
    told(GM, &old_long, &[GM, "the manifest says"]);
    // A table that lost a session, by a program that wrote the manifest, too.
    without_hashes(&cohort, |manifest| {
        let entry = &mut manifest["long_formats"]["anatomical_gm"];
        entry["n_rows"] = (entry["n_rows"].as_u64().unwrap() / 2).into();
        entry["n_sessions"] = 1.into();
    });
    told(GM, &old_long, &["sources.parquet", "1 files of anatomical_gm", "of which it has no rows"]);
    without_hashes(&cohort, |manifest| {
        manifest["long_formats"]["anatomical_gm"]["columns"] = serde_json::json!([])
    });
    told(GM, &old_long, &[GM, "its columns are not those of the manifest"]);
    without_hashes(&cohort, |manifest| {
        manifest["wide_features"]["gm_mean"]["region_names"] = serde_json::json!([])
    });
    cohort.export_cache(&["--verify"]).ended(3).says(&["its regions are not those of the manifest"]);
}

/// Changes a store's manifest, which then no longer remembers its files.
fn without_hashes(cohort: &Cohort, change: impl Fn(&mut serde_json::Value)) {
    let path = cohort.store().join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["neuroalign"]["files"] = serde_json::json!({});
    manifest["neuroalign"].as_object_mut().unwrap().remove("hash");
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

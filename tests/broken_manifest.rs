//! A manifest that is gone or broken is made again from the files, and nothing is lost or loaded twice.

mod support;

use std::fs;

use support::cohort::{Cohort, anatomical, tsv};
use support::files::contents_below;
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

/// What becomes of the manifest: none, or these bytes.
fn damages(manifest: &[u8]) -> [Option<Vec<u8>>; 6] {
    [
        None,
        Some(Vec::new()),
        Some(manifest[..manifest.len() / 2].to_vec()),
        Some(b"no JSON at all".to_vec()),
        Some(b"{}".to_vec()),
        Some(vec![0; 4096]),
    ]
}

/// What another program leaves of it that writes what it knows alone.
fn without_our_own(manifest: &[u8]) -> Option<Vec<u8>> {
    let mut value: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let keys = value.as_object_mut().unwrap();
    assert!(keys.remove("neuroalign").is_some());
    keys.remove("withdrawn");
    Some(value.to_string().into_bytes())
}

fn damage(cohort: &Cohort, with: Option<&[u8]>) {
    let path = cohort.path("data/processed/manifest.json");
    match with {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

fn manifest(cohort: &Cohort) -> Vec<u8> {
    fs::read(cohort.path("data/processed/manifest.json")).unwrap()
}

#[test]
fn a_run_makes_it_again_and_loads_nothing() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = Store::read(&cohort.store());
    for with in damages(&manifest(&cohort)) {
        damage(&cohort, with.as_deref());
        let ran = cohort.run(&["--json"]).ended(0);
        assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [2, 2]));
        let said = ran.stderr.matches("the manifest is broken").count();
        assert_eq!(said, usize::from(with.is_some()), "{}", ran.stderr);
        Store::read(&cohort.store()).assert_same(&expected);
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn new_sessions_join_those_whose_manifest_is_gone() {
    for with in damages(b"{\"version\": \"2.0\", ") {
        let cohort = Cohort::of(&[A, B]);
        cohort.run(&["-o", "one_run"]).ended(0);
        cohort.list_of(&[A]);
        cohort.run(&[]).ended(0);
        damage(&cohort, with.as_deref());
        cohort.list_of(&[A, B]);
        assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 1]);
        Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("one_run")));
    }
}

#[test]
fn an_export_by_hand_makes_it_again_from_files_and_cache() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "one_run"]).ended(0);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    let whole = manifest(&cohort);
    cohort.list_of(&[A, B]);
    cohort.run_stopped_at("metadata.parquet", &[]);
    for with in damages(&whole) {
        damage(&cohort, with.as_deref());
        cohort.export_cache(&["--keep-cache"]).ended(0);
        Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("one_run")));
    }
}

#[test]
fn the_choice_of_features_is_known_without_it() {
    let cohort = Cohort::of(&[A, B]);
    for metrics in ["default", "all", "voxel_count", "std,mean"] {
        cohort.run(&["--wide-metrics", metrics]).ended(0);
        let expected = Store::read(&cohort.store());
        for with in damages(&manifest(&cohort)).into_iter().take(3) {
            damage(&cohort, with.as_deref());
            cohort.run(&[]).ended(0);
            let store = Store::read(&cohort.store());
            let names = |store: &Store| -> Vec<String> {
                store.manifest["wide_features"].as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(names(&store), names(&expected), "{metrics}");
            assert_eq!(store.tables, expected.tables, "{metrics}");
        }
    }
}

#[test]
fn a_broken_table_is_named_and_its_sessions_are_loaded_again_once_it_is_away() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "one_run"]).ended(0);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&[A, B]);
    for table in ["long/anatomical_gm.parquet", "sources.parquet", "metadata.parquet", "tiv.parquet"] {
        let path = cohort.store().join(table);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        cohort.run(&[]).ended(1).says(&[table]);
        fs::write(&path, whole).unwrap();
    }
    fs::remove_file(cohort.store().join("long/anatomical_gm.parquet")).unwrap();
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("one_run")));
}

#[test]
fn another_atlas_is_refused_without_it() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    for with in damages(&manifest(&cohort)) {
        damage(&cohort, with.as_deref());
        cohort.run(&["--atlas-name", "Other"]).ended(1).says(&["holds atlas 4S456Parcels, not Other"]);
    }
}

#[test]
fn one_of_another_version_is_left_alone_and_named() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["--keep-cache"]).ended(0);
    let same_form = String::from_utf8(manifest(&cohort)).unwrap().replacen("\"2.0\"", "\"3.0\"", 1);
    let with_mark = format!("\u{feff}{same_form}");
    for later in [same_form.as_str(), &with_mark, "{\"version\": \"3.0\", \"tables\": []}"] {
        damage(&cohort, Some(later.as_bytes()));
        let before = contents_below(&cohort.store());
        let refused = ["manifest.json", "3.0", "2.0"];
        for arguments in [&[][..], &["--force", "--yes"], &["--dry-run"], &["--status"], &["--prune"]] {
            cohort.run(arguments).ended(1).says(&refused);
        }
        for arguments in [&[][..], &["--status"], &["--discard"], &["--verify"]] {
            cohort.export_cache(arguments).ended(1).says(&refused);
        }
        assert!(contents_below(&cohort.store()) == before, "nothing is touched, nothing is made");
    }
    let gm = support::store::Table::read(&cohort.store().join("long/anatomical_gm.parquet"));
    assert_eq!(gm.rows.len(), rows_each(4, &["0001/1"]).len());
}

/// Two files of one table.
fn masked(cohort: &Cohort) {
    for (session, value) in [(A, 3.0), (B, 5.0)] {
        let plain = anatomical(session.0, session.1, "GM");
        for (mask, factor) in [("gm", 1.0), ("brain", 2.0)] {
            cohort
                .write(&plain.replace("_parc.tsv", &format!("_mask-{mask}_parc.tsv")), &tsv(value * factor));
        }
        cohort.remove(&plain);
    }
}

#[test]
fn what_was_chosen_is_known_without_it() {
    let cohort = Cohort::of(&[A, B]);
    masked(&cohort);
    cohort.run(&["--mask", "gm"]).ended(0);
    let expected = Store::read(&cohort.store());
    let whole = manifest(&cohort);
    for with in damages(&whole).into_iter().chain([without_our_own(&whole)]) {
        damage(&cohort, with.as_deref());
        let other = ["anatomical_gm", "mask-gm", "mask-brain"];
        cohort.run(&["--mask", "brain"]).ended(1).says(&other);
        // A run that does not choose goes by what was chosen, and writes it down again.
        cohort.run(&[]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
        cohort.run(&["--mask", "brain"]).ended(1).says(&other);
    }
}

#[test]
fn that_participants_withdrew_is_known_without_it() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "2\n9\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
    let told = |cohort: &Cohort| {
        serde_json::from_slice::<serde_json::Value>(&manifest(cohort)).unwrap()["withdrawn"].clone()
    };
    let before = told(&cohort);
    assert_eq!(before["n_subjects"], 1);
    let whole = manifest(&cohort);
    for with in damages(&whole).into_iter().chain([without_our_own(&whole)]) {
        damage(&cohort, with.as_deref());
        cohort.run(&[]).ended(2).says(&["--withdrawn"]);
        cohort.export_cache(&[]).ended(2).says(&["--withdrawn"]);
        cohort.write("withdrawn.csv", "2\n");
        cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(2).says(&["has 1 lines", "had 2"]);
        cohort.write("withdrawn.csv", "2\n9\n");
        cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(0);
        assert_eq!(told(&cohort), before);
        assert_eq!(cohort.session_rows().len(), 2);
    }
}

#[test]
fn what_is_lost_with_the_sources_is_said_before_anything_is_loaded() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0).keeps_quiet_about(&["says any more"]);
    let lost = ["says any more which files were chosen", "--mask, --space, --entity", "--withdrawn"];
    for by_hand in [false, true] {
        if by_hand {
            cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(30.0));
            cohort.run_stopped_at("metadata.parquet", &[]);
        }
        damage(&cohort, None);
        fs::remove_file(cohort.store().join("sources.parquet")).unwrap();
        cohort.run(&["--dry-run"]).ended(0).says(&lost);
        let ran = if by_hand { cohort.export_cache(&[]) } else { cohort.run(&[]) };
        ran.ended(0).says(&lost);
        cohort.run(&[]).ended(0).keeps_quiet_about(&["says any more"]);
    }
}

//! Nothing is left of a participant who withdrew: not in any byte under the store's folder.

mod support;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::files::holding;
use support::store::Store;

/// A code that is in no number by chance.
const GONE: (&str, &str) = ("WXQ77Z", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");

/// The values of the one who withdraws, as no other has them.
const VALUE: f64 = 12_345.678_912_3;

fn cohort() -> Cohort {
    let cohort = Cohort::of(&[B, C, GONE]);
    for tissue in ["GM", "WM", "CT"] {
        cohort.write(&anatomical(GONE.0, GONE.1, tissue), &tsv(VALUE));
    }
    for param in ["icvf", "od"] {
        cohort.write(&diffusion("NODDI", GONE.0, GONE.1, param), &tsv(VALUE));
    }
    cohort.tiv(GONE.0, GONE.1, VALUE);
    cohort
}

/// Fails unless neither the code nor a value is in any file.
#[track_caller]
fn assert_nothing_is_left(cohort: &Cohort) {
    let store = cohort.store();
    assert_eq!(holding(&store, GONE.0.as_bytes()), Vec::<String>::new());
    for value in [VALUE, VALUE * 100.0, VALUE / 3.0, VALUE / 11.0] {
        assert_eq!(holding(&store, &value.to_le_bytes()), Vec::<String>::new(), "{value}");
        assert_eq!(holding(&store, format!("{value:?}").as_bytes()), Vec::<String>::new(), "{value}");
    }
}

fn n_sessions(cohort: &Cohort) -> usize {
    let store = FeatureStore::open(cohort.store()).unwrap();
    store.feature_batch("gm_mean", &ReadOptions::default()).unwrap().num_rows()
}

fn of_one_run_without(cohort: &Cohort) -> Store {
    cohort.list_of(&[B, C]);
    let output = cohort.path("fresh");
    cohort.run(&["-o", output.to_str().unwrap(), "--compression", "none"]).ended(0);
    Store::read(&output)
}

#[test]
fn nothing_is_left_in_any_byte_of_the_store() {
    for list in ["WXQ77Z\n", "participant_id\r\nsub-WXQ77Z\r\n", "subject_code,session_id\nWXQ77Z,1\n"] {
        let cohort = cohort();
        cohort.run(&["--compression", "none"]).ended(0);
        assert!(!holding(&cohort.store(), GONE.0.as_bytes()).is_empty(), "the search finds what is there");
        cohort.write("withdrawn.csv", list);
        cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0).says(&["1 sessions of 1 subjects"]);
        assert_nothing_is_left(&cohort);
        assert_eq!(n_sessions(&cohort), 2);
        let manifest = std::fs::read_to_string(cohort.path("data/processed/manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!((&manifest["withdrawn"]["n_subjects"], &manifest["n_sessions"]), (&1.into(), &2.into()));
        cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0).says(&["nothing was taken out"]);
    }
}

#[test]
fn a_load_never_brings_them_back_and_counts_them() {
    let cohort = cohort();
    cohort.run(&["--compression", "none"]).ended(0);
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    let ran = cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
    ran.says(&["1 session of 1 subject taken out", "3: 2 sessions, 1 withdrawn"]);
    assert_nothing_is_left(&cohort);
    // What says nothing of withdrawals would load them again.
    cohort.run(&[]).ended(2).says(&["--withdrawn"]);
    cohort.run(&["--force"]).ended(2).says(&["--withdrawn none"]);
    cohort.export_cache(&[]).ended(2).says(&["--withdrawn"]);
    cohort.run(&["--withdrawn", "withdrawn.csv", "--force", "--compression", "none"]).ended(0);
    cohort.run(&["--discover", "--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
    assert_nothing_is_left(&cohort);
    let mut store = Store::read(&cohort.store());
    store.manifest.as_object_mut().unwrap().remove("withdrawn");
    store.assert_same(&of_one_run_without(&cohort));
}

#[test]
fn a_cache_is_cleared_of_them_too_whoever_left_it() {
    for (file, arguments) in
        [("sources.parquet", &["--force"][..]), ("manifest.json", &[]), ("sources.parquet", &[])]
    {
        let cohort = cohort();
        if arguments == ["--force"] {
            cohort.run(&["--compression", "none"]).ended(0);
        }
        cohort.run_stopped_at(file, &[&["--compression", "none"], arguments].concat());
        assert!(holding(&cohort.store(), GONE.0.as_bytes()).iter().any(|file| file.starts_with(".cache.db")));
        cohort.write("withdrawn.csv", "WXQ77Z\n");
        let arguments = ["--withdrawn", "../../withdrawn.csv"];
        let mut command = support::export_cache(&cohort.store());
        let _ = command.arg(".").args(arguments).output().unwrap();
        assert_nothing_is_left(&cohort);
        cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
        assert_nothing_is_left(&cohort);
        assert_eq!(n_sessions(&cohort), 2);
    }
}

#[test]
fn reasons_that_name_them_are_told_no_more() {
    let cohort = Cohort::of(&[B, C]);
    // Two who could have one folder: each fails, and the reason names both.
    cohort.add("WXQ7.7Z", "1");
    cohort.list_of(&[B, C, ("WXQ-77Z", "1"), ("WXQ7-7Z", "1")]);
    for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI", "cat12"] {
        std::fs::rename(
            cohort.path(&format!("{root}/sub-WXQ7.7Z")),
            cohort.path(&format!("{root}/sub-WXQ77Z")),
        )
        .unwrap();
    }
    cohort.run(&[]).ended(3);
    let named = |cohort: &Cohort| cohort.session_rows().iter().any(|row| row[5].contains("WXQ_77Z"));
    assert!(named(&cohort));
    cohort.write("withdrawn.csv", "WXQ-77Z\n");
    let told = cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(3);
    told.says(&["it named a participant who withdrew"]).keeps_quiet_about(&["WXQ_77Z", "WXQ-77Z"]);
    assert!(!named(&cohort), "{:?}", cohort.session_rows());
    assert_eq!(holding(&cohort.store(), b"WXQ_77Z"), Vec::<String>::new());
}

#[test]
fn the_same_letters_mean_nobody() {
    let cohort = Cohort::of(&[B, ("AB-10", "1")]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "AB10\n2\n");
    let told = cohort.run(&["--withdrawn", "withdrawn.csv", "--dry-run", "--json"]).ended(0).json();
    assert_eq!((&told["withdrawn"]["n_subjects"], &told["withdrawn"]["near_misses"]), (&1.into(), &1.into()));
    assert_eq!(n_sessions(&cohort), 2);
    cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(0).says(&["they mean nobody"]);
    assert_eq!(n_sessions(&cohort), 1);
    cohort.run(&["--withdrawn", "none"]).ended(0);
}

#[test]
fn a_withdrawal_that_was_cut_short_is_done_again_by_either_command() {
    for (file, by_run) in [("manifest.json", false), ("manifest.json", true), ("sources.parquet", false)] {
        let cohort = cohort();
        cohort.run(&["--compression", "none"]).ended(0);
        cohort.write("withdrawn.csv", "WXQ77Z\n");
        cohort.stop_exports_at(file);
        cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(1);
        cohort.let_exports_pass(file);
        match by_run {
            true => cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0),
            false => cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0),
        };
        assert_nothing_is_left(&cohort);
        assert_eq!(n_sessions(&cohort), 2);
        cohort.run(&[]).ended(2);
    }
}

/// It is of another atlas and other metrics than those that a load takes when nothing says which.
#[test]
fn a_first_export_that_was_cut_short_keeps_its_settings() {
    let settings = ["--atlas-name", "Other", "--wide-metrics", "std", "--compression", "none"];
    let cohort = cohort();
    for (subject, session) in [B, C, GONE] {
        let rename = |path: String| {
            let other = path.replace("4S456Parcels", "Other");
            let text = std::fs::read_to_string(cohort.path(&path)).unwrap();
            cohort.write(&other, &text);
        };
        ["GM", "WM", "CT"].into_iter().for_each(|tissue| rename(anatomical(subject, session, tissue)));
        ["icvf", "od"].into_iter().for_each(|param| rename(diffusion("NODDI", subject, session, param)));
    }
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    cohort.run_stopped_at("sources.parquet", &[&settings[..], &["--keep-cache"]].concat());
    cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
    assert_nothing_is_left(&cohort);
    cohort.run(&[&settings[..], &["--withdrawn", "withdrawn.csv"]].concat()).ended(0);
    assert_nothing_is_left(&cohort);
    let store = Store::read(&cohort.store());
    assert_eq!(store.manifest["atlas_name"], "Other");
    assert!(store.tables.contains_key("wide/anatomical/gm_std.parquet"), "{:?}", store.tables.keys());
}

/// The cache alone knows of it.
#[test]
fn a_withdrawal_from_a_cache_that_was_cut_short_is_remembered() {
    let cohort = cohort();
    cohort.run_stopped_at("long/anatomical_gm.parquet", &["--compression", "none"]);
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    cohort.stop_exports_at("manifest.json");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(1);
    cohort.let_exports_pass("manifest.json");
    cohort.run(&[]).ended(2).says(&["--withdrawn FILE"]);
    cohort.export_cache(&[]).ended(2).says(&["--withdrawn FILE"]);
    cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
    assert_nothing_is_left(&cohort);
    assert_eq!(n_sessions(&cohort), 2);
}

/// What earlier lists said is not forgotten by one that begins, nor by one that is cut short.
#[test]
fn a_longer_list_that_was_cut_short_cannot_be_followed_by_the_old_one() {
    let cohort = cohort();
    cohort.run(&["--compression", "none"]).ended(0);
    cohort.write("one.csv", "0002\n");
    cohort.run(&["--withdrawn", "one.csv", "--compression", "none"]).ended(0);
    cohort.write("two.csv", "0002\nWXQ77Z\n");
    cohort.run_stopped_at("sources.parquet", &["--withdrawn", "two.csv", "--compression", "none"]);
    cohort.run(&["--withdrawn", "one.csv", "--compression", "none"]).ended(2).says(&["1 lines", "had 2"]);
    cohort.run(&["--withdrawn", "two.csv", "--compression", "none"]).ended(0);
    assert_nothing_is_left(&cohort);
    assert_eq!(n_sessions(&cohort), 1);
    let manifest = Store::read(&cohort.store()).manifest;
    assert_eq!(manifest["withdrawn"]["n_subjects"], 2);
    assert!(manifest["withdrawn"].get("has_begun").is_none());
}

#[test]
fn a_store_of_which_nobody_was_taken_out_has_to_be_told_too() {
    let cohort = Cohort::of(&[B, C]);
    cohort.run(&[]).ended(0);
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
    cohort.add(GONE.0, GONE.1);
    cohort.list_of(&[B, C, GONE]);
    cohort.run(&[]).ended(2);
    cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(0);
    assert_eq!(n_sessions(&cohort), 2);
}

/// What `parcellate` says in a sidecar of the image that it was given.
fn sidecar(cohort: &Cohort, of: (&str, &str), original_file: &str) {
    let table = anatomical(of.0, of.1, "GM");
    let text = format!(
        "{{\"original_file\": \"{original_file}\", \"mask\": \"{original_file}.mask\", \"software_version\": \"1.2.3\"}}"
    );
    cohort.write(&table.replace("_parc.tsv", "_parc.json"), &text);
}

/// What `sources.parquet` says of a session's table of grey matter.
fn provenance(cohort: &Cohort, of: (&str, &str)) -> Vec<String> {
    let sources = Store::read(&cohort.store()).table("sources.parquet").clone();
    let [subject, kind, table, original, version] =
        ["subject_code", "kind", "table", "original_file", "software_version"]
            .map(|name| sources.column(name));
    let row = (0..sources.rows.len())
        .find(|row| (subject[*row], kind[*row], table[*row]) == (of.0, "table", "anatomical_gm"))
        .unwrap();
    vec![original[row].to_owned(), version[row].to_owned()]
}

#[test]
fn provenance_of_others_that_names_them_is_null_and_all_else_of_it_stays() {
    for spelled in ["sub-WXQ77Z", "sub-WXQ-77Z", "sub-WXQ.77Z_ses-1"] {
        let cohort = cohort();
        sidecar(&cohort, B, &format!("/raw/{spelled}/anat/T1w.nii.gz"));
        sidecar(&cohort, C, "/raw/sub-WXQ77Z0/anat/T1w.nii.gz");
        cohort.run(&["--compression", "none"]).ended(0);
        let named = spelled.trim_start_matches("sub-");
        assert!(!holding(&cohort.store(), named.as_bytes()).is_empty());
        cohort.write("withdrawn.csv", "WXQ77Z\n");
        cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
        assert_eq!(holding(&cohort.store(), format!("{spelled}/").as_bytes()), Vec::<String>::new());
        assert_eq!(provenance(&cohort, B), ["∅", "1.2.3"], "{spelled}");
        assert_eq!(provenance(&cohort, C)[0], "/raw/sub-WXQ77Z0/anat/T1w.nii.gz");
        assert_eq!(n_sessions(&cohort), 2);
        // Nothing is loaded for it, and what is loaded anew says no more.
        let list = ["--withdrawn", "withdrawn.csv", "--compression", "none", "--json"];
        assert_eq!(cohort.run(&list).ended(0).units("loaded"), [0, 0]);
        cohort.run(&[&list[..], &["--reload"]].concat()).ended(0);
        assert_eq!(provenance(&cohort, B), ["∅", "1.2.3"], "{spelled}");
        assert_eq!(holding(&cohort.store(), format!("{spelled}/").as_bytes()), Vec::<String>::new());
    }
}

#[test]
fn a_code_of_digits_alone_is_null_as_a_word_of_a_path_of_others() {
    for image in ["/data/4000123/T1.nii", "/data/4000123_20252_2_0.nii"] {
        let cohort = Cohort::of(&[B, C, ("4000123", "1")]);
        sidecar(&cohort, B, image);
        sidecar(&cohort, C, "/data/4000124_20252_2_0.nii");
        cohort.run(&["--compression", "none"]).ended(0);
        cohort.write("withdrawn.csv", "eid\n4000123\n");
        cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
        assert_eq!(holding(&cohort.store(), b"4000123"), Vec::<String>::new());
        assert_eq!(provenance(&cohort, B), ["∅", "1.2.3"]);
        assert_eq!(provenance(&cohort, C)[0], "/data/4000124_20252_2_0.nii");
    }
}

#[test]
fn text_of_others_that_names_them_stays_and_is_told_by_column_without_its_values() {
    let cohort = cohort();
    cohort.list(
        "subject_code,session_id,AGE,related,site\n0002,1,30,twin of wxq-77z,A\n0003,1,31,n/a,B\nWXQ77Z,1,32,self,A\n",
    );
    for (of, note) in [(B, "from sub-WXQ77Z"), (C, "by hand"), (GONE, "by hand")] {
        let table = tsv(1.0);
        let rows = table.lines().enumerate();
        let rows = rows.map(|(row, line)| format!("{line}\t{}\n", if row == 0 { "note" } else { note }));
        cohort.write(&anatomical(of.0, of.1, "GM"), &rows.collect::<String>());
    }
    cohort.run(&["--compression", "none"]).ended(0);
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    let told = cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none", "--json"]).ended(0);
    let told = told.says(&["metadata.parquet: related (1 rows)", "was not changed"]);
    let cells = serde_json::json!({ "long/anatomical_gm.parquet: note": 4, "metadata.parquet: related": 1 });
    assert_eq!(told.json()["withdrawn"]["named_in_cells"], cells);
    told.keeps_quiet_about(&["twin of", "WXQ77Z", "wxq-77z"]);
    let related = Store::read(&cohort.store()).by_session("metadata.parquet", "related");
    assert_eq!(related["0002/1"], "twin of wxq-77z");
}

#[test]
fn a_store_that_only_names_them_names_them_no_more() {
    let cohort = Cohort::of(&[B, C]);
    sidecar(&cohort, B, "/raw/WXQ77Z/T1w.nii.gz");
    cohort.run(&["--compression", "none"]).ended(0);
    // Told before the list had them.
    cohort.run(&["--withdrawn", "none"]).ended(0);
    cohort.write("withdrawn.csv", "sub-WXQ77Z\n");
    cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
    assert_eq!(holding(&cohort.store(), b"WXQ77Z"), Vec::<String>::new());
    assert_eq!((n_sessions(&cohort), provenance(&cohort, B)), (2, vec!["∅".to_owned(), "1.2.3".to_owned()]));
}

#[test]
fn a_cache_that_stays_names_them_no_more() {
    for arguments in [&["--force"][..], &[]] {
        let cohort = cohort();
        if !arguments.is_empty() {
            cohort.run(&[]).ended(0);
        }
        sidecar(&cohort, B, "/raw/sub-WXQ77Z/T1w.nii.gz");
        cohort.stop_exports_at("sources.parquet");
        cohort.run(&[&["--compression", "none"], arguments].concat()).ended(1);
        assert!(holding(&cohort.store(), b"/sub-WXQ77Z/").iter().any(|file| file.starts_with(".cache.db")));
        cohort.write("withdrawn.csv", "WXQ77Z\n");
        // The cache is cleared first: it is, whatever becomes of the rest.
        cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--keep-cache"]).ended(1);
        let left = holding(&cohort.store(), b"/sub-WXQ77Z/");
        assert!(!left.iter().any(|file| file.starts_with(".cache")), "{left:?}");
        cohort.let_exports_pass("sources.parquet");
        cohort.run(&["--withdrawn", "withdrawn.csv", "--compression", "none"]).ended(0);
        assert_nothing_is_left(&cohort);
        assert_eq!(provenance(&cohort, B), ["∅", "1.2.3"]);
    }
}

#[test]
fn roots_that_name_them_are_forgotten() {
    let cohort = cohort();
    let named = cohort.path("sub-WXQ77Z");
    std::os::unix::fs::symlink(cohort.root(), &named).unwrap();
    let roots = format!("{}/parcellated/cat12", named.display());
    let arguments = ["--cat12-parcellated-root", roots.as_str(), "--compression", "none"];
    cohort.run(&arguments).ended(0);
    let manifest = cohort.path("data/processed/manifest.json");
    assert!(std::fs::read_to_string(&manifest).unwrap().contains("WXQ77Z"));
    cohort.write("withdrawn.csv", "WXQ77Z\n");
    cohort.export_cache(&["--withdrawn", "withdrawn.csv"]).ended(0);
    assert_nothing_is_left(&cohort);
    cohort.run(&[&arguments[..], &["--withdrawn", "withdrawn.csv", "--reload"]].concat()).ended(0);
    assert_nothing_is_left(&cohort);
}

//! What leaves a store, and what stays though its file is gone.

mod support;

use std::path::Path;

use na_store::{FeatureStore, ReadOptions};
use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const C: (&str, &str) = ("0003", "1");
const ALL: [(&str, &str); 12] = [
    A,
    B,
    C,
    ("0004", "1"),
    ("0005", "1"),
    ("0006", "1"),
    ("0007", "1"),
    ("0008", "1"),
    ("0009", "1"),
    ("0010", "1"),
    ("0011", "1"),
    ("0012", "1"),
];

fn of_one_run(cohort: &Cohort, arguments: &[&str]) -> Store {
    let output = cohort.path("fresh");
    let _ = std::fs::remove_dir_all(&output);
    let mut all = vec!["-o", output.to_str().unwrap()];
    all.extend(arguments);
    cohort.run(&all).ended(0);
    Store::read(&output)
}

/// A store of two sessions, of which one has also a file of its volume beside its tables.
fn with_a_volume_beside_the_tables() -> (Cohort, String) {
    let cohort = Cohort::of(&[A, B]);
    let table = anatomical(A.0, A.1, "GM");
    let folder = Path::new(&table).parent().unwrap().display();
    let beside = format!("{folder}/sub-{}_ses-{}_tiv.tsv", A.0, A.1);
    cohort.write(&beside, "vol_TIV\n1500.5\n");
    cohort.run(&[]).ended(0);
    (cohort, beside)
}

fn archive(cohort: &Cohort, session: (&str, &str)) {
    for root in ["parcellated/cat12", "parcellated/qsirecon-NODDI", "cat12"] {
        cohort.remove(&format!("{root}/sub-{}", session.0));
    }
}

/// The sessions that have rows in a feature.
fn sessions_of(cohort: &Cohort, feature: &str) -> usize {
    let store = FeatureStore::open(cohort.store()).unwrap();
    store.feature_batch(feature, &ReadOptions::default()).unwrap().num_rows()
}

#[test]
fn an_archived_session_stays_until_it_is_pruned() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0).keeps_quiet_about(&["\nKept", "\nPartial"]);
    archive(&cohort, B);
    cohort.run(&[]).ended(0).says(&["\nKept      2, with what today's files do not have: see sessions.tsv"]);
    let (status, reason) = cohort.standing(B.0, B.1, "anatomical");
    assert!(
        status == "loaded" && reason.starts_with("kept: anatomical_gm: its file is gone"),
        "{status} {reason}"
    );
    cohort.run(&["--json"]).ended(0).says(&["\"store\": null"]);
    let told = cohort.run(&["--prune", "--dry-run", "--json"]).ended(0).json();
    assert_eq!(told["removed"].as_array().unwrap().len(), 2);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12);
    cohort.run(&["--prune"]).ended(0).says(&["sub-0002/ses-1 anatomical", "sub-0002/ses-1 diffusion"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
    assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "missing");
}

#[test]
fn one_tissue_or_map_that_is_gone_goes_alone() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    cohort.remove(&anatomical(A.0, A.1, "GM"));
    cohort.write(&anatomical(A.0, A.1, "WM"), &tsv(5.0));
    cohort.remove(&diffusion("NODDI", A.0, A.1, "od"));
    cohort.write(&diffusion("NODDI", A.0, A.1, "icvf"), &tsv(6.0));
    cohort.run(&[]).ended(0);
    assert_eq!((sessions_of(&cohort, "gm_mean"), sessions_of(&cohort, "NODDI_noddi_od_mean")), (12, 12));
    let reason = cohort.standing(A.0, A.1, "diffusion").1;
    assert!(reason.contains("param od") && !reason.contains("icvf"), "{reason}");
    let pruned = cohort.run(&["--prune"]).ended(0).says(&["anatomical_gm", "param od"]);
    pruned.says(&["\nPartial   2, lacking what others have: see sessions.tsv"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn what_was_not_looked_for_is_not_gone() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    for tissue in ["GM", "WM"] {
        cohort.remove(&anatomical(A.0, A.1, tissue));
    }
    cohort.remove(&diffusion("NODDI", A.0, A.1, "od"));
    cohort.remove(&tiv_path(A.0, A.1));
    cohort.write(".env", "SESSIONS_CSV=sessions.csv\nCAT12_PARCELLATED_ROOT=parcellated/cat12\n");
    cohort
        .run(&["--prune", "--no-wm"])
        .ended(0)
        .says(&["anatomical_gm"])
        .keeps_quiet_about(&["anatomical_wm,"]);
    assert_eq!((sessions_of(&cohort, "gm_mean"), sessions_of(&cohort, "wm_mean")), (11, 12));
    assert_eq!((sessions_of(&cohort, "tiv"), sessions_of(&cohort, "NODDI_noddi_od_mean")), (12, 12));
}

#[test]
fn an_empty_mount_point_is_not_taken_for_gone() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    std::fs::create_dir(cohort.path("empty")).unwrap();
    for arguments in [["--prune", "--cat12-root", "empty"], ["--prune", "--cat12-parcellated-root", "empty"]]
    {
        cohort.run(&arguments).ended(1).says(&["empty", "is it mounted?"]);
    }
    std::fs::create_dir_all(cohort.path("other/sub-0099/ses-1/anat")).unwrap();
    cohort.run(&["--prune", "--cat12-root", "other"]).ended(1).says(&["is it mounted?"]);
    assert!(Store::read(&cohort.store()) == before);
}

#[test]
fn a_dry_run_says_where_the_run_would_stop() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    for session in &ALL[..3] {
        archive(&cohort, *session);
    }
    cohort.run(&["--prune"]).ended(1);
    cohort
        .run(&["--prune", "--dry-run"])
        .ended(0)
        .says(&["The run would stop: 6 of the 24 sessions", "--yes"]);
    cohort.run(&["--prune", "--dry-run", "--yes"]).ended(0).keeps_quiet_about(&["would stop"]);
    cohort.run(&["--force", "--dry-run"]).ended(0).says(&["The run would stop", "--yes"]);
}

#[test]
fn more_than_a_tenth_needs_yes() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    [A, B, C].into_iter().for_each(|session| archive(&cohort, session));
    cohort.run(&["--prune"]).ended(1).says(&["6 of the 24 sessions", "--yes"]);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12);
    cohort.run(&["--prune", "--yes"]).ended(0);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn discovering_prunes_what_is_nowhere_any_more() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&["--discover"]).ended(0);
    archive(&cohort, B);
    cohort.run(&["--discover"]).ended(0);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12);
    cohort.run(&["--discover", "--prune"]).ended(0).says(&["sub-0002/ses-1"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &["--discover"]));
    cohort.run(&["--discover", "--prune-unlisted"]).ended(2);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_not_gone() {
    use std::os::unix::fs::PermissionsExt;
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    let folder = cohort.path("parcellated/cat12/sub-0002");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).unwrap();
    let can_be_read = std::fs::read_dir(&folder).is_ok();
    let ran = cohort.run(&["--prune"]);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    // Whoever may read everything finds all there.
    ran.ended(if can_be_read { 0 } else { 3 });
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12);
}

#[test]
fn what_is_pruned_does_not_come_back_from_a_kept_cache() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&["--keep-cache"]).ended(0);
    archive(&cohort, B);
    cohort.remove(&anatomical(A.0, A.1, "GM"));
    cohort.run(&["--prune", "--yes", "--keep-cache"]).ended(0);
    let expected = of_one_run(&cohort, &[]);
    Store::read(&cohort.store()).assert_same(&expected);
    cohort.run(&["--keep-cache"]).ended(0);
    cohort.export_cache(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&expected);
}

#[test]
fn a_prune_that_was_cut_short_is_finished_or_has_not_begun() {
    for (file, is_done) in [("sources.parquet", false), ("manifest.json", true)] {
        let cohort = Cohort::of(&ALL);
        cohort.run(&[]).ended(0);
        archive(&cohort, B);
        cohort.run_stopped_at(file, &["--prune"]);
        assert_eq!(sessions_of(&cohort, "gm_mean"), if is_done { 11 } else { 12 }, "{file}");
        cohort.run(&[]).ended(0);
        assert_eq!(sessions_of(&cohort, "gm_mean"), if is_done { 11 } else { 12 }, "{file}");
        cohort.run(&["--prune"]).ended(0);
        Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
    }
}

#[test]
fn sessions_that_are_not_listed_stay_until_they_are_pruned() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    cohort.list_of(&ALL[1..]);
    cohort.run(&["--prune"]).ended(0);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12);
    cohort.run(&["--prune-unlisted"]).ended(0).says(&["sub-0001/ses-1"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn a_run_that_does_not_look_for_reports_reads_nothing_again_for_them() {
    let (cohort, beside) = with_a_volume_beside_the_tables();
    cohort.remove(&beside);
    let roots = "CAT12_PARCELLATED_ROOT=parcellated/cat12\nQSIPARC_PATH=parcellated\n";
    cohort.write(".env", &format!("SESSIONS_CSV=sessions.csv\n{roots}"));
    for _ in 0..2 {
        let ran = cohort.run(&["--prune", "--json"]).ended(0);
        assert_eq!(ran.units("loaded"), [0, 0]);
    }
}

#[test]
fn where_more_left_than_are_shown_it_says_where_all_of_them_are() {
    let sessions: Vec<String> = (1..=12).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = sessions.iter().map(|code| (code.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    cohort.run(&[]).ended(0);
    cohort.list_of(&sessions[..1]);
    let ran = cohort.run(&["--prune-unlisted", "--yes"]).ended(0).says(&["and 2 more: see --json"]);
    ran.keeps_quiet_about(&["sessions.tsv"]);
}

#[test]
fn a_row_of_nobody_keeps_the_unlisted_where_they_are() {
    let cohort = Cohort::of(&[("20250727", "1"), B]);
    cohort.run(&[]).ended(0);
    cohort.list("subject_code,session_id\n2.03E+07,1\n0002,1\n");
    let broken = cohort.run(&["--prune-unlisted"]).ended(1);
    broken.says(&["1 rows", "line 2", "digits were lost", "--yes"]);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 2);
    cohort.list("subject_code,session_id\n20250727,1\n");
    cohort.run(&["--prune-unlisted", "--yes"]).ended(0).says(&["sub-0002/ses-1"]);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 1);
}

#[test]
fn labels_choose_what_is_read_again_and_all_else_stays() {
    let cohort = Cohort::of(&[A, B, C]);
    cohort.run(&[]).ended(0);
    let ran = cohort.run(&["--reload", "--participant-label", "2", "sub-0003", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([2, 2], [0, 0]));
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
    cohort.run(&["--participant-label", "9"]).ended(1).says(&["--participant-label 9"]);
    cohort.add("0004", "1");
    cohort.list_of(&[A, B, C, ("0004", "1"), ("0005", "1")]);
    cohort.run(&["--participant-label", "1"]).ended(0).says(&["1 of them chosen"]);
    let reason = cohort.standing("0004", "1", "anatomical").1;
    assert!(reason.contains("labels"), "{reason}");
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn whoever_has_the_better_claim_gets_the_folder_and_its_rows() {
    let cohort = Cohort::of(&[("AB-10", "1"), B]);
    cohort.remove("parcellated/qsirecon-NODDI/sub-AB-10");
    for root in ["parcellated/cat12", "cat12"] {
        std::fs::rename(cohort.path(&format!("{root}/sub-AB-10")), cohort.path(&format!("{root}/sub-AB10")))
            .unwrap();
    }
    let renamed = |tissue: &str| anatomical("AB10", "1", tissue);
    for tissue in ["GM", "WM", "CT"] {
        let from = renamed(tissue).replace("sub-AB10_", "sub-AB-10_");
        std::fs::rename(cohort.path(&from), cohort.path(&renamed(tissue))).unwrap();
    }
    cohort.run(&["--no-diffusion"]).ended(0);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 2);
    cohort.list_of(&[("AB10", "1"), B]);
    cohort.run(&["--no-diffusion"]).ended(0).says(&["sub-AB_10/ses-1", "the folder is sub-AB10/ses-1's"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &["--no-diffusion"]));
}

#[test]
fn what_is_found_anew_stays_where_all_that_was_known_is_gone() {
    let cohort = Cohort::of(&ALL);
    let env = std::fs::read_to_string(cohort.path(".env")).unwrap().replace("CAT12_ROOT=cat12\n", "");
    cohort.write(".env", &env);
    for tissue in ["WM", "CT"] {
        cohort.remove(&anatomical(A.0, A.1, tissue));
    }
    cohort.run(&[]).ended(0);
    cohort.remove(&anatomical(A.0, A.1, "GM"));
    cohort.write(&anatomical(A.0, A.1, "WM"), "index\tlabel\tmean\n1\tx\tno number\n");
    cohort.run(&["--prune"]).ended(3);
    assert_eq!(sessions_of(&cohort, "gm_mean"), 12, "of what cannot be read nothing goes");
    cohort.write(&anatomical(A.0, A.1, "WM"), &tsv(5.0));
    cohort.run(&["--prune"]).ended(0).says(&["anatomical_gm"]);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
}

#[test]
fn a_volume_whose_file_is_gone_goes_and_the_tables_stay() {
    let cohort = Cohort::of(&ALL);
    cohort.run(&[]).ended(0);
    cohort.remove(&tiv_path(A.0, A.1));
    cohort.run(&[]).ended(0);
    assert_eq!(sessions_of(&cohort, "tiv"), 12);
    cohort.run(&["--prune"]).ended(0);
    Store::read(&cohort.store()).assert_same(&of_one_run(&cohort, &[]));
    cohort.run(&["--prune"]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn who_was_left_out_by_labels_and_is_loaded_by_a_run_that_was_cut_short_is_not_missing() {
    for by_hand in [true, false] {
        let cohort = Cohort::of(&[A, B]);
        cohort.run(&["--participant-label", "1"]).ended(0);
        assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "missing");
        cohort.run_stopped_at("sources.parquet", &["--participant-label", "2"]);
        match by_hand {
            true => cohort.export_cache(&[]).ended(0),
            false => cohort.run(&["--participant-label", "1"]).ended(0),
        };
        for modality in ["anatomical", "diffusion"] {
            assert_eq!(cohort.standing(B.0, B.1, modality), ("loaded".to_owned(), "n/a".to_owned()));
        }
        cohort.run(&["--participant-label", "1"]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn whoever_may_be_meant_by_a_row_is_not_unlisted() {
    let listed = |last: &str| {
        let rows: Vec<String> =
            ALL.iter().map(|(subject, session)| format!("{subject},{session}\n")).collect();
        format!("subject_code,session_id\n{}{last}\n", rows.concat())
    };
    let cohort = Cohort::of(&ALL);
    cohort.add("WXQ77Z", "1");
    cohort.list(&listed("WXQ77Z,1"));
    cohort.run(&[]).ended(0);
    // A row without a code, without a visit, and with a code that the folder's name does not tell.
    for (last, code) in [(",1", 1), ("n/a,1", 1), ("WXQ77Z,", 0), ("WXQ-77-Z,1", 1)] {
        cohort.list(&listed(last));
        cohort.run(&["--prune-unlisted"]).ended(code);
        assert_eq!(sessions_of(&cohort, "gm_mean"), 13, "{last}");
    }
    cohort.list(&listed("WXQ77Z,"));
    cohort.run(&[]).ended(0);
    let rows = cohort.session_rows();
    let of_last: Vec<_> = rows.iter().filter(|row| row[0] == "WXQ77Z").collect();
    assert!(of_last.iter().all(|row| row[1] == "1" && row[3] == "loaded"), "{of_last:?}");
}

#[test]
fn what_a_gone_file_was_looked_into_for_is_forgotten_though_the_session_has_another() {
    let (cohort, beside) = with_a_volume_beside_the_tables();
    let paths = || {
        let sources = Store::read(&cohort.store());
        let paths = sources.table("sources.parquet").column("path").into_iter().map(str::to_owned);
        paths.filter(|path| path.contains("sub-0001") && path.contains("anat")).collect::<Vec<_>>()
    };
    assert!(paths().iter().any(|path| path.ends_with("_tiv.tsv")));
    cohort.remove(&beside);
    for tissue in ["GM", "WM", "CT"] {
        cohort.remove(&anatomical(A.0, A.1, tissue));
    }
    cohort.run(&["--prune", "--yes"]).ended(0);
    assert_eq!(paths(), [tiv_path(A.0, A.1).strip_prefix("cat12/").unwrap()]);
    cohort.run(&["--prune"]).ended(0).says(&["Nothing to do"]);
}

#[cfg(unix)]
#[test]
fn a_workflow_whose_folder_is_a_link_to_nowhere_is_not_gone() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        cohort.write(&diffusion("DSI", subject, session, "fa"), &tsv(0.5));
    }
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    let folder = cohort.path("parcellated/qsirecon-NODDI");
    std::fs::rename(&folder, cohort.path("away")).unwrap();
    std::os::unix::fs::symlink("nowhere", &folder).unwrap();
    cohort.run(&["--prune", "--yes"]).ended(0).says(&["mount the disk", "its tables are left out"]);
    before.assert_same(&Store::read(&cohort.store()));
}

//! What changed on disk or in the session list is in the store after the next run, and nothing else is read again.

mod support;

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::files::all_below;
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const WM: &str = "long/anatomical_wm.parquet";

/// The store that a run over what is on disk now would make from nothing.
fn anew(cohort: &Cohort) -> Store {
    let _ = fs::remove_dir_all(cohort.path("anew"));
    cohort.run(&["-o", "anew"]).ended(0);
    Store::read(&cohort.path("anew"))
}

#[test]
fn a_changed_table_replaces_its_unit_alone() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(77.0));
    let ran = cohort.run(&["--json"]).ended(0);
    assert_eq!((ran.units("loaded"), &ran.json()["changed"]), ([1, 0], &1.into()));
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
    cohort.write(&diffusion("NODDI", B.0, B.1, "od"), &tsv(78.0));
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 1]);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_table_of_the_same_size_with_other_values_is_noticed() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let path = anatomical(A.0, A.1, "WM");
    let text = fs::read_to_string(cohort.path(&path)).unwrap();
    let other = text.replacen("LH_Vis_1\t3", "LH_Vis_1\t4", 1).replacen("LH_Vis_1\t5", "LH_Vis_1\t6", 1);
    let other = if other == text { text.replacen("\t10\t", "\t11\t", 1) } else { other };
    assert_eq!((other.len(), other == text), (text.len(), false));
    cohort.write(&path, &other);
    cohort.run(&[]).ended(0).says(&["Loaded    1 anatomical"]);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_file_that_was_only_touched_is_not_loaded_again() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let later = SystemTime::now() + Duration::from_secs(3600);
    for path in [anatomical(A.0, A.1, "GM"), diffusion("NODDI", A.0, A.1, "od"), tiv_path(A.0, A.1)] {
        File::options().write(true).open(cohort.path(&path)).unwrap().set_modified(later).unwrap();
    }
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
}

#[test]
fn files_that_come_later_complete_a_partial_session() {
    let cohort = Cohort::of(&[A, B]);
    for tissue in ["WM", "CT"] {
        cohort.remove(&anatomical(A.0, A.1, tissue));
    }
    cohort.remove(&diffusion("NODDI", A.0, A.1, "od"));
    cohort.run(&[]).ended(0);
    let (status, reason) = cohort.standing("0001", "1", "anatomical");
    assert_eq!(status, "partial");
    assert!(reason.contains("anatomical_wm") && reason.contains("anatomical_ct"), "{reason}");
    assert!(cohort.standing("0001", "1", "diffusion").1.contains("param od"));
    assert_eq!(cohort.standing("0002", "1", "anatomical").0, "loaded");
    assert_eq!(Store::read(&cohort.store()).sessions_of(WM), rows_each(4, &["0002/1"]));
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);

    cohort.add(A.0, A.1);
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 1]);
    assert_eq!(cohort.standing("0001", "1", "anatomical").0, "loaded");
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_session_that_was_missing_is_loaded_when_it_comes() {
    let cohort = Cohort::of(&[A]);
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(0).says(&["Missing   2"]);
    cohort.add(B.0, B.1);
    cohort.run(&[]).ended(0).says(&["Loaded    1 anatomical, 1 diffusion", "Missing   0"]);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_new_workflow_and_a_new_map_are_loaded() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    for (subject, session) in [A, B] {
        cohort.write(&diffusion("DSIStudio", subject, session, "fa"), &tsv(3.0));
        cohort.write(&diffusion("NODDI", subject, session, "isovf"), &tsv(4.0));
    }
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 2]);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_sidecar_that_comes_or_changes_is_noticed() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let sidecar = anatomical(A.0, A.1, "GM").replace(".tsv", ".json");
    for version in ["0.3.0", "0.3.1"] {
        cohort.write(&sidecar, &format!("{{\"software_version\": \"{version}\"}}"));
        cohort.run(&[]).ended(0).says(&["Loaded    1 anatomical"]);
        let store = Store::read(&cohort.store());
        assert!(store.table("sources.parquet").column("software_version").contains(&version));
        store.assert_same(&anew(&cohort));
    }
}

#[test]
fn a_changed_report_changes_tiv_everywhere() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.tiv(A.0, A.1, 1234.5);
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 0]);
    let store = Store::read(&cohort.store());
    assert!(store.by_session("tiv.parquet", "tiv")["0001/1"].ends_with(" 1234.5"));
    assert!(store.by_session("wide/anatomical/tiv.parquet", "tiv")["0001/1"].ends_with(" 1234.5"));
    for table in [GM, WM] {
        let table = store.table(table);
        for (subject, tiv) in table.column("subject_code").iter().zip(table.doubles("tiv")) {
            assert_eq!(tiv == Some(1234.5), *subject == "0001");
        }
    }
    store.assert_same(&anew(&cohort));
}

#[test]
fn a_changed_value_in_the_session_list_changes_everywhere_without_loading() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    for list in [
        "subject_code,session_id,AGE,sex\n0001,1,99.25,F\n0002,1,21.5,M\n",
        "subject_code,session_id,AGE,sex,site\n0001,1,99.25,F,north\n0002,1,21.5,M,\n",
        "subject_code,session_id,sex,AGE\n0002,1,M,21.5\n0001,1,X,99.25\n",
        "subject_code,session_id,AGE\n0001,1,\n0002,1,21.5\n",
    ] {
        cohort.list(list);
        let ran = cohort.run(&["--json"]).ended(0);
        assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [2, 2]), "{list}");
        Store::read(&cohort.store()).assert_same(&anew(&cohort));
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    }
}

#[test]
fn long_tables_that_stay_as_they_are_are_not_written_again() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let tables = || {
        ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet"]
            .map(|t| fs::read(cohort.store().join(t)).unwrap())
    };
    let before = tables();
    cohort.run(&["--wide-metrics", "mean"]).ended(0).keeps_quiet_about(&["writing anatomical_gm"]);
    assert!(tables() == before);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(77.0));
    cohort.run(&[]).ended(0);
    let after = tables();
    assert!(after[0] != before[0] && after[1] == before[1]);
}

#[test]
fn sessions_join_change_and_get_other_metadata_in_tables_of_many_row_groups() {
    let names: Vec<String> = (0..45).map(|n| format!("{n:04}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::empty();
    let table = |value: usize| {
        let mut text = "index\tlabel\tmean\tname\n".to_owned();
        (0..1500).for_each(|n| text.push_str(&format!("{n}\tregion_{n}\t{}.5\ttext of {n}\n", n + value)));
        text
    };
    for (place, (subject, session)) in all.iter().enumerate() {
        cohort.write(&anatomical(subject, session, "GM"), &table(place));
    }
    cohort.list_of(&all[..40]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&all);
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
    cohort.write(&anatomical(all[2].0, all[2].1, "GM"), &table(7000));
    cohort.run(&[]).ended(0);
    let list = fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    cohort.list(&list.replace("0044,1,64.5", "0044,1,99.5"));
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
    assert!(support::store::row_groups_of(&cohort.store().join(GM)) > 2);
}

#[test]
fn sessions_that_left_the_list_keep_their_rows_and_their_metadata() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    cohort.list("subject_code,session_id,AGE,site\n0002,1,50,north\n");
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
    let of = |column: &str| store.by_session("metadata.parquet", column);
    assert!(of("AGE")["0001/1"].ends_with(" 20.5") && of("AGE")["0002/1"].ends_with(" 50.0"));
    assert_eq!((of("sex")["0001/1"].as_str(), of("site")["0002/1"].as_str()), ("F", "north"));
    let gm = store.table(GM);
    for (subject, age) in gm.column("subject_code").iter().zip(gm.doubles("AGE")) {
        assert_eq!(age, Some(if *subject == "0001" { 20.5 } else { 50.0 }));
    }
    assert_eq!(cohort.standing("0001", "1", "anatomical").0, "loaded");
}

#[test]
fn a_session_with_a_report_and_no_table_keeps_its_metadata_when_it_leaves_the_list() {
    let cohort = Cohort::of(&[A, B]);
    cohort.remove(&format!("parcellated/cat12/sub-{}", A.0));
    cohort.remove(&format!("parcellated/qsirecon-NODDI/sub-{}", A.0));
    cohort.run(&[]).ended(0);
    let told = || {
        let store = Store::read(&cohort.store());
        ["AGE", "sex"].map(|column| store.by_session("metadata.parquet", column))
    };
    let before = told();
    assert!(before[0]["0001/1"].ends_with(" 20.5") && before[1]["0001/1"] == "F");
    cohort.list("subject_code,session_id,AGE,sex\n0002,1,21.5,M\n");
    cohort.write(&anatomical(B.0, B.1, "GM"), &tsv(77.0));
    cohort.run(&[]).ended(0);
    assert_eq!(told(), before);
}

#[test]
fn sessions_that_left_the_list_after_a_crash_keep_their_metadata_too() {
    for arguments in [&[][..], &["--discover"]] {
        let cohort = Cohort::of(&[A, B]);
        cohort.stop_exports_at(GM);
        cohort.run(&[]).ended(1);
        cohort.list("subject_code,session_id,AGE,site\n0002,1,50,north\n");
        cohort.run(arguments).ended(1);
        cohort.run(arguments).ended(1);
        cohort.let_exports_pass(GM);
        cohort.run(arguments).ended(0);
        let store = Store::read(&cohort.store());
        let of = |column: &str| store.by_session("metadata.parquet", column);
        assert!(of("AGE")["0001/1"].ends_with(" 20.5"), "{arguments:?}");
        let age = if arguments.is_empty() { " 50.0" } else { " 21.5" };
        assert!(of("AGE")["0002/1"].ends_with(age), "{arguments:?}");
        assert_eq!(of("sex")["0001/1"], "F", "{arguments:?}");
        assert_eq!(store.table(GM).doubles("AGE").iter().flatten().count(), 8);
    }
}

#[test]
fn what_changed_between_a_crash_and_the_next_run_is_loaded_anew() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run_stopped_at("manifest.json", &[]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(77.0));
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 0]);
    Store::read(&cohort.store()).assert_same(&anew(&cohort));
}

#[test]
fn a_table_of_the_store_that_was_deleted_is_loaded_again() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = Store::read(&cohort.store());
    for (file, loaded) in [(GM, [2, 0]), ("long/diffusion/NODDI.parquet", [0, 2])] {
        fs::remove_file(cohort.store().join(file)).unwrap();
        assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), loaded, "{file}");
        Store::read(&cohort.store()).assert_same(&expected);
    }
    for file in ["wide/anatomical/gm_mean.parquet", "wide/diffusion/NODDI_noddi_od_mean.parquet"] {
        fs::remove_file(cohort.store().join(file)).unwrap();
        assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 0], "{file}");
        Store::read(&cohort.store()).assert_same(&expected);
    }
    for file in
        ["tiv.parquet", "metadata.parquet", "sources.parquet", "sessions.tsv", "wide/anatomical/tiv.parquet"]
    {
        fs::remove_file(cohort.store().join(file)).unwrap();
        cohort.run(&[]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
    }
}

#[test]
fn features_that_were_lost_are_made_again_as_they_were_whichever_they_were() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = Store::read(&cohort.store());
    let features = all_below(&cohort.store().join("wide/diffusion"));
    assert!(features.len() >= 8, "two maps with four metrics: {features:?}");
    for lost in 1..1 << features.len().min(8) {
        let is_lost = |(place, _): &(usize, _)| lost >> place & 1 == 1;
        for (_, feature) in features.iter().enumerate().filter(is_lost) {
            fs::remove_file(feature).unwrap();
        }
        cohort.run(&[]).ended(0);
        Store::read(&cohort.store()).assert_same(&expected);
    }
}

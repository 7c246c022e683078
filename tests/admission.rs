//! What is admitted can be exported: what could keep everybody from it fails its own session, in the list's order, whatever
//! the number of threads.

mod support;

use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::store::{Store, rows_each};

const GM: &str = "long/anatomical_gm.parquet";

fn wrong() -> String {
    tsv(2.0).replacen("RH_Vis_1", "RH_Vis_9", 1)
}

#[test]
fn a_first_session_whose_wrong_label_is_mended_is_not_refused_by_its_own_old_rows() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1"), ("0003", "1")]);
    cohort.write(&anatomical("0001", "1", "GM"), &wrong());
    cohort.run(&[]).ended(3);
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1"]));
    cohort.write(&anatomical("0001", "1", "GM"), &tsv(2.0));
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1", "0002/1", "0003/1"]));
    let regions = &store.table("wide/anatomical/gm_mean.parquet").columns[2..];
    assert_eq!(regions, ["LH_Cont_1", "LH_Vis_1", "NA", "RH_Vis_1"]);
}

#[test]
fn two_first_sessions_with_a_wrong_label_are_mended_together() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    for subject in ["0001", "0002"] {
        cohort.write(&anatomical(subject, "1", "GM"), &wrong());
    }
    cohort.run(&[]).ended(0);
    for subject in ["0001", "0002"] {
        cohort.write(&anatomical(subject, "1", "GM"), &tsv(2.0));
    }
    cohort.run(&[]).ended(0).says(&["Loaded    2 anatomical"]);
    assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
}

#[test]
fn a_changed_session_that_cannot_be_read_counts_with_its_old_rows() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    for subject in ["0001", "0002"] {
        cohort.write(&anatomical(subject, "1", "GM"), &wrong());
    }
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    cohort.write(&anatomical("0001", "1", "GM"), &tsv(2.0));
    cohort.write(&anatomical("0002", "1", "GM"), &tsv(2.0).replace("\t10\t", "\tten\t"));
    for jobs in ["1", "8"] {
        cohort.run(&["-j", jobs]).ended(3).says(&["its region 2 \"RH_Vis_1\" is 2 \"RH_Vis_9\"", "ten"]);
        let store = Store::read(&cohort.store());
        assert_eq!(store.table(GM), before.table(GM));
    }
}

#[test]
fn who_is_in_is_decided_in_the_list_s_order_whatever_the_threads() {
    let names: Vec<String> = (1..=24).map(|n| format!("{n:04}")).collect();
    let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let cohort = Cohort::of(&sessions);
    for (index, (subject, session)) in sessions.iter().enumerate() {
        // Every third has other regions; the first is slow to read.
        let text = if index % 3 == 1 { wrong() } else { tsv(2.0) };
        let padding = if index == 0 { "\n".repeat(200_000) } else { String::new() };
        cohort.write(&anatomical(subject, session, "GM"), &format!("{text}{padding}"));
    }
    cohort.run(&["-j", "1", "-o", "one"]).ended(3);
    let expected = Store::read(&cohort.path("one"));
    for jobs in ["2", "16"] {
        cohort.run(&["-j", jobs, "-o", jobs]).ended(3);
        Store::read(&cohort.path(jobs)).assert_same(&expected);
    }
}

#[test]
fn a_workflow_whose_features_no_file_could_be_named_after_fails_its_sessions_alone() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    let long = "W".repeat(230);
    cohort.write(&diffusion(&long, "0001", "1", "fa"), &tsv(1.0));
    cohort.run(&[]).ended(3).says(&["a name of", "no more than 200", "shorten"]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
    assert_eq!(store.sessions_of("long/diffusion/NODDI.parquet"), rows_each(8, &["0002/1"]));
    cohort.remove(&format!("parcellated/qsirecon-{long}"));
    cohort.run(&[]).ended(0);
}

#[test]
fn a_session_with_files_that_are_not_chosen_says_which_there_are() {
    let cohort = Cohort::of(&[("0001", "1"), ("0002", "1")]);
    for (subject, run) in [("0001", "run-1"), ("0002", "run-2")] {
        for tissue in ["GM", "WM", "CT"] {
            let path = anatomical(subject, "1", tissue);
            cohort.write(&path.replace("_tissue", &format!("_{run}_tissue")), &tsv(2.0));
            cohort.remove(&path);
        }
        cohort.remove(&format!("cat12/sub-{subject}"));
    }
    cohort.run(&[]).ended(0);
    cohort.run(&["--entity", "run-1"]).ended(0).says(&["has run-2 only"]).keeps_quiet_about(&["are gone"]);
    cohort.run(&["--entity", "run-1", "-o", "other", "--no-diffusion"]).ended(0).says(&["run-2 only"]);
    let outcome = std::fs::read_to_string(cohort.path("other/sessions.tsv")).unwrap();
    assert!(outcome.contains("0002\t1\tanatomical\tmissing\tn/a\tanatomical_gm has run-2 only"), "{outcome}");
}

/// What is odd about a session's table, and how its reason tells that it was refused for it.
const TRAITS: &[(&str, Option<&str>)] = &[
    ("regions", Some("the atlas is another one")),
    ("feature name", Some("would have a name of")),
    ("region name", Some("can name a column")),
    ("many regions", Some("can be columns")),
    ("many columns", Some("are taken")),
    ("text in a statistic", Some("expected")),
    ("names in other case", None),
    ("store's names in other case", None),
    ("names of other features", None),
    ("long text", None),
    ("plain", None),
];

fn odd(cohort: &Cohort, subject: &str, what: &str) {
    let gm = anatomical(subject, "1", "GM");
    let table =
        |columns: &str, cells: &str| format!("index\tlabel\tmean{columns}\n1\tLH_Vis_1\t0.5{cells}\n");
    let regions = |n: usize, name: &str| {
        (1..=n).fold("index\tlabel\tmean\n".to_owned(), |text, index| {
            text + &format!("{index}\t{name}{index}\t0.5\n")
        })
    };
    match what {
        "regions" => cohort.write(&gm, &wrong()),
        "feature name" => cohort.write(&diffusion(&"W".repeat(196), subject, "1", "fa"), &tsv(1.0)),
        "region name" => cohort.write(&gm, &tsv(1.0).replace("NA", &"n".repeat(2000))),
        "many regions" => cohort.write(&diffusion("Many", subject, "1", "fa"), &regions(66_000, "R")),
        "many columns" => {
            let names: String = (0..17_000).map(|n| format!("\tc{n}")).collect();
            cohort.write(&diffusion("Wide", subject, "1", "fa"), &table(&names, &"\t1".repeat(17_000)));
        }
        "text in a statistic" => cohort.write(&gm, &tsv(1.0).replace("\t10\t", "\tERR\t")),
        "names in other case" => cohort.write(&gm, &table("\tMean\tx\tX", "\t0.25\ta\tb")),
        "store's names in other case" => cohort.write(&gm, &table("\tSubject_Code\tTIV", "\ta\tb")),
        "names of other features" => {
            cohort.write(&diffusion("A", subject, "1", "x").replace("model-noddi", "model-b_c"), &tsv(1.0));
            cohort.write(&diffusion("A_b", subject, "1", "x").replace("model-noddi", "model-c"), &tsv(1.0));
        }
        "long text" => cohort.write(&gm, &table("\tremark", &format!("\t{}", "t".repeat(3_000_000)))),
        _ => {}
    }
}

#[test]
fn whatever_is_admitted_can_be_exported() {
    let n: usize = std::env::var("ADMISSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let mut refused: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for cohort_number in 0..n {
        let names: Vec<String> = (1..=TRAITS.len() + 1).map(|n| format!("{n:04}")).collect();
        let sessions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let cohort = Cohort::of(&sessions);
        // The first is plain: it says what the regions are.
        for (index, name) in names.iter().enumerate().skip(1) {
            odd(&cohort, name, TRAITS[(index - 1 + cohort_number) % TRAITS.len()].0);
        }
        let jobs = ["1", "2", "7"][cohort_number % 3];
        cohort.run(&["-j", jobs]).ended(3);
        let store = Store::read(&cohort.store());
        let in_table = store.sessions_of(GM);
        for (index, name) in names.iter().enumerate().skip(1) {
            let (what, reason) = TRAITS[(index - 1 + cohort_number) % TRAITS.len()];
            let standings = ["anatomical", "diffusion"].map(|modality| cohort.standing(name, "1", modality));
            let failed = standings.iter().find(|(status, _)| status == "failed");
            match (reason, failed) {
                (Some(words), Some((_, said))) if said.contains(words) => {
                    *refused.entry(what).or_default() += 1
                }
                (None, None) => assert!(in_table.contains(&format!("{name}/1")), "{what}"),
                (_, other) => panic!("{what}: {other:?}"),
            }
        }
    }
    println!("refused: {refused:?}");
    let barred = TRAITS.iter().filter(|(_, reason)| reason.is_some());
    assert!(barred.clone().all(|(what, _)| refused.contains_key(what)), "{refused:?}");
}

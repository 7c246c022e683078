//! QSIParc's tables, from `QSIPARC_PATH` to the store, by the binaries that people run.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Ran;
use support::files::copy;
use support::store::{NULL, Store, Table};
use tempfile::TempDir;

const AMICO: &str = "long/diffusion/AMICONODDI.parquet";

/// A folder with a `QSIPARC_PATH` called `maps`, which has the shipped session.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        copy(&shipped("made"), &lab.path("maps"));
        lab
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// The folder of the session's tables.
    fn tables(&self) -> PathBuf {
        self.path("maps/sub-0503/ses-202508041200/dwi/atlas-AICHA384")
    }

    /// A table of the session by a part of its name, and its JSON.
    fn table_named(&self, part: &str) -> (PathBuf, PathBuf) {
        let entries = fs::read_dir(self.tables()).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.contains(part) && name.ends_with("_diffmap.tsv")
        };
        let table = entries.into_iter().find(is_it).unwrap();
        (table.clone(), table.with_extension("json"))
    }

    fn load(&self, arguments: &[&str]) -> Ran {
        let mut command = support::preprocess(self.0.path());
        command.args([
            "--discover",
            "--qsiparc",
            "maps",
            "--atlas-name",
            "AICHA384",
            "-o",
            "store",
            "--no-progress",
        ]);
        Ran::of(command.args(arguments).output().unwrap())
    }

    fn table(&self, relative: &str) -> Table {
        Table::read(&self.path("store").join(relative))
    }
}

fn shipped(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/qsiparc").join(of)
}

fn renamed(path: &Path, from: &str, to: &str) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.contains(from), "{name}");
    path.with_file_name(name.replace(from, to))
}

#[test]
fn a_map_is_a_part_of_its_workflow_s_table_and_has_features_of_its_own() {
    let lab = Lab::new();
    copy(&shipped("made_docs_form"), &lab.path("maps"));
    lab.load(&[]).ended(0);
    let long = lab.table(AMICO);
    assert_eq!(long.rows.len(), 80);
    for (column, values) in
        [("workflow", vec!["AMICONODDI"]), ("model", vec!["noddi"]), ("param", vec!["icvf", "isovf"])]
    {
        let mut there = long.column(column);
        there.sort_unstable();
        there.dedup();
        assert_eq!(there, values, "{column}");
    }
    assert!(long.column("scalar").contains(&"ICVF"));
    let means = lab.table("wide/diffusion/AMICONODDI_noddi_icvf_mean.parquet");
    assert_eq!(means.doubles("G_Frontal_Sup-1-L"), [Some(0.378074)]);
    let documented = lab.table("wide/diffusion/DSIStudio_tensor_md_mean.parquet");
    assert_eq!(documented.doubles("G_Frontal_Sup-1-L"), [Some(0.000812)]);
    let sources = lab.table("sources.parquet");
    assert!(sources.column("input").iter().all(|input| *input == "qsiparc"));
    assert!(sources.column("software_version").contains(&"0.2.0"));
    let originals = sources.column("original_file");
    assert!(originals.iter().all(|name| *name == NULL || !name.contains('/')), "{originals:?}");
    let before = Store::read(&lab.path("store"));
    let again = lab.load(&["--json"]).ended(0).json();
    assert_eq!(again["skipped"]["diffusion qsiparc"], 1, "{again}");
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn a_name_that_lacks_something_is_completed_by_the_json_or_the_first_row() {
    let lab = Lab::new();
    let (table, json) = lab.table_named("param-icvf");
    for file in [table, json] {
        let bare = renamed(&renamed(&file, "_software-AMICONODDI", ""), "_param-icvf", "");
        fs::rename(&file, bare).unwrap();
    }
    let (table, json) = lab.table_named("param-isovf");
    fs::rename(&table, renamed(&table, "_software-AMICONODDI", "")).unwrap();
    fs::remove_file(json).unwrap();
    lab.load(&[]).ended(0);
    let of_json = lab.table(AMICO);
    assert_eq!((of_json.rows.len(), of_json.column("param")[0]), (40, "ICVF"));
    assert_eq!(lab.table("long/diffusion/QSIRecon.parquet").column("param")[0], "isovf");
}

#[test]
fn a_table_whose_json_cannot_be_read_is_not_taken_for_another_workflow_s() {
    let lab = Lab::new();
    let (table, json) = lab.table_named("param-icvf");
    for file in [&table, &json] {
        fs::rename(file, renamed(file, "_software-AMICONODDI", "")).unwrap();
    }
    let json = renamed(&json, "_software-AMICONODDI", "");
    lab.load(&[]).ended(0);
    let before = Store::read(&lab.path("store"));
    let text = fs::read(&json).unwrap();
    for broken in ["/annex/objects/MD5E-s1--x.json\n", "{\"software\": "] {
        fs::write(&json, broken).unwrap();
        lab.load(&[]).ended(3).says(&["param-icvf_diffmap.json"]);
        assert!(!lab.path("store/long/diffusion/QSIRecon.parquet").exists());
    }
    fs::write(&json, text).unwrap();
    lab.load(&[]).ended(0);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn workflows_have_underscores_and_are_chosen() {
    let lab = Lab::new();
    let (table, json) = lab.table_named("param-isovf");
    for file in [table, json] {
        fs::rename(&file, renamed(&file, "software-AMICONODDI", "software-AMICO_NODDI-2")).unwrap();
    }
    lab.load(&["--workflows", "AMICO_NODDI-2"]).ended(0);
    assert!(lab.path("store/long/diffusion/AMICO_NODDI-2.parquet").exists());
    assert!(!lab.path("store").join(AMICO).exists());
    lab.load(&["--workflows", "FOO"])
        .ended(1)
        .says(&["there is no workflow \"FOO\"", "AMICONODDI, AMICO_NODDI-2"]);
    lab.load(&[]).ended(0);
    assert!(lab.path("store").join(AMICO).exists());
}

#[test]
fn a_table_that_is_broken_fails_its_session_and_says_where() {
    for (from, to, says) in [
        ("index\tlabel", "number\tlabel", "a column index or region_index"),
        ("\tICVF\n2\t", "\tMD\n2\t", "one map a file"),
        ("0.378074", "much", "column z_filtered_mean"),
        ("1\tG_Frontal_Sup-1-L\tL\t", "1\tG_Frontal_Sup-1-L\t", "line 2"),
    ] {
        let lab = Lab::new();
        let (table, _) = lab.table_named("param-icvf");
        let text = fs::read_to_string(&table).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&table, text.replacen(from, to, 1)).unwrap();
        lab.load(&[]).ended(3).says(&[says, "_param-icvf_diffmap.tsv"]);
    }
    let lab = Lab::new();
    let (_, json) = lab.table_named("param-icvf");
    let text = fs::read_to_string(&json).unwrap();
    fs::write(&json, text.replace("\"AICHA384\"", "\"Other\"")).unwrap();
    lab.load(&[]).ended(3).says(&["made with the atlas \"Other\""]);
}

#[test]
fn where_both_programs_wrote_parcellate_s_is_read_unless_the_other_is_chosen_and_neither_is_mixed() {
    let lab = Lab::new();
    let cohort = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort/parcellated");
    for workflow in fs::read_dir(&cohort).unwrap().map(|entry| entry.unwrap().path()) {
        let name = workflow.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("qsirecon-") {
            copy(&workflow, &lab.path("maps").join(name));
        }
    }
    lab.load(&[]).ended(0).says(&["--qsiparc-layout diffmap loads them"]);
    assert!(!lab.table(AMICO).column("subject_code").contains(&"0503"));
    let words = ["diffusion_AMICONODDI", "made by parcellate", "one of qsiparc", "--output another folder"];
    lab.load(&["--qsiparc-layout", "diffmap"]).ended(1).says(&words);
    lab.load(&["--qsiparc-layout", "diffmap", "--output", "other"]).ended(2);
    fs::remove_dir_all(lab.path("store")).unwrap();
    lab.load(&["--qsiparc-layout", "diffmap"]).ended(0);
    assert_eq!(lab.table(AMICO).column("subject_code")[0], "0503");
    lab.load(&[]).ended(1).says(&["made by qsiparc", "one of parcellate"]);
}

/// A lab whose sessions have a table of both programs, for one workflow.
fn lab_of_both_programs() -> Lab {
    let lab = Lab::new();
    fs::remove_dir_all(lab.path("maps")).unwrap();
    for n in 1..=3 {
        let session = format!("sub-000{n}/ses-1/dwi/atlas-AICHA384");
        let name = format!("sub-000{n}_ses-1_atlas-AICHA384");
        for (path, value) in [
            (format!("qsirecon-X/{session}/{name}_model-t_param-fa_parc.tsv"), "0.411111"),
            (format!("{session}/{name}_software-X_model-t_param-fa_diffmap.tsv"), "0.711111"),
        ] {
            let path = lab.path("maps").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let row = |n: u8| format!("{n}\tR{n}\tL\t{value}\n");
            fs::write(path, format!("index\tlabel\themisphere\tmean\n{}{}", row(1), row(2))).unwrap();
        }
    }
    lab
}

#[test]
fn tables_of_two_programs_are_mixed_neither_in_a_cache_nor_by_segments() {
    const TABLE: &str = "long/diffusion/X.parquet";
    let diffmap = ["--qsiparc-layout", "diffmap"];
    for (first, second) in [(&[][..], &diffmap[..]), (&diffmap[..], &[][..])] {
        let of_first = if first.is_empty() { 0.411111 } else { 0.711111 };
        let refused = ["diffusion_X", "values of two programs are not mixed"];
        let holds = |lab: &Lab, value: f64| assert_eq!(lab.table(TABLE).doubles("mean"), [Some(value); 6]);
        // A load that was cut short.
        let lab = lab_of_both_programs();
        fs::create_dir_all(lab.path("store/long/diffusion/.partial-X.parquet")).unwrap();
        lab.load(first).ended(1);
        fs::remove_dir(lab.path("store/long/diffusion/.partial-X.parquet")).unwrap();
        lab.load(second).ended(1).says(&refused);
        lab.load(first).ended(0);
        holds(&lab, of_first);
        // Segments that were written at once: the first session's program has the table, and what is of the other stays out.
        let lab = lab_of_both_programs();
        lab.load(&[second, &["--segment"]].concat()).ended(0);
        let segments = lab.path("segments");
        fs::rename(lab.path("store/.segments"), &segments).unwrap();
        lab.load(&[first, &["--segment", "--participant-label", "0001"]].concat()).ended(0);
        copy(&segments, &lab.path("store/.segments"));
        let merged = Ran::of(support::export_cache(lab.path("").as_path()).arg("store").output().unwrap());
        merged.ended(3).says(&["diffusion_X", "values of two programs are not mixed"]);
        let values = lab.table(TABLE).doubles("mean");
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        // A segment of the one, and a run of the other.
        let lab = lab_of_both_programs();
        lab.load(&[first, &["--segment"]].concat()).ended(0);
        lab.load(second).ended(1).says(&refused);
        lab.load(first).ended(0);
        holds(&lab, of_first);
    }
}

#[test]
fn small_values_that_lost_their_digits_are_told_once() {
    let lab = Lab::new();
    fs::remove_dir_all(lab.path("maps/sub-0503")).unwrap();
    copy(&shipped("made_docs_form"), &lab.path("maps"));
    lab.load(&[])
        .ended(0)
        .says(&["1 session has statistics of which their files keep three digits or fewer", "six decimals"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    for part in ["_param-icvf_diffmap.tsv", "_param-icvf_diffmap.json"] {
        let lab = Lab::new();
        let (table, json) = lab.table_named("param-icvf");
        for file in [table, json] {
            let bare = renamed(&renamed(&file, "_software-AMICONODDI", ""), "_param-icvf", "");
            let is_pipe = file.to_str().unwrap().ends_with(part);
            fs::rename(&file, &bare).unwrap();
            if is_pipe {
                fs::remove_file(&bare).unwrap();
                assert!(std::process::Command::new("mkfifo").arg(&bare).status().unwrap().success());
            }
        }
        lab.load(&["--wide-metrics", "mean"]).ended(3).says(&["is not a regular file"]);
    }
}

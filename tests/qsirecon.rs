//! QSIRecon's own tables, from `QSIRECON_STATS_PATH` to the store, by the binaries that people run.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Ran;
use support::files::copy;
use support::store::{NULL, Store, Table};
use tempfile::TempDir;

const NODDI: &str = "long/diffusion/NODDI.parquet";
const SESSION: &str = "sub-0503/ses-202508041200/dwi";

/// A folder with a `QSIRECON_STATS_PATH` called `recon`, which has the shipped session.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        copy(&shipped("made"), &lab.path("recon"));
        lab
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// The session's table of a workflow.
    fn table_of(&self, workflow: &str) -> PathBuf {
        let folder = self.path("recon/derivatives").join(format!("qsirecon-{workflow}")).join(SESSION);
        folder.join(
            "sub-0503_ses-202508041200_acq-multishell_dir-AP_space-ACPC_seg-4S156Parcels_scalarstats.tsv",
        )
    }

    fn rewrite(&self, workflow: &str, change: impl Fn(String) -> String) {
        let table = self.table_of(workflow);
        let text = fs::read_to_string(&table).unwrap();
        let changed = change(text.clone());
        assert_ne!(text, changed);
        fs::write(table, changed).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = support::preprocess(self.0.path());
        Ran::of(
            command.args(["--discover", "-o", "store", "--no-progress"]).args(arguments).output().unwrap(),
        )
    }

    fn load(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--qsirecon-stats", "recon", "--atlas", "qsirecon=4S156Parcels"], arguments].concat())
    }

    fn table(&self, relative: &str) -> Table {
        Table::read(&self.path("store").join(relative))
    }

    fn has(&self, relative: &str) -> bool {
        self.path("store").join(relative).exists()
    }
}

fn shipped(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/qsirecon").join(of)
}

fn distinct<'t>(table: &'t Table, column: &str) -> Vec<&'t str> {
    let mut there = table.column(column);
    there.sort_unstable();
    there.dedup();
    there
}

#[test]
fn a_file_of_several_maps_is_a_table_with_a_feature_for_each() {
    let lab = Lab::new();
    let words = ["1 session has rows of one node and one map twice", "cannot tell maps of one name apart"];
    lab.load(&[]).ended(0).says(&words);
    let long = lab.table(NODDI);
    assert_eq!(long.rows.len(), 6 * 8);
    let maps = ["coverage", "direction", "icvf", "isovf", "nrmse", "od", "rmse", "tf"];
    assert_eq!(distinct(&long, "param"), maps);
    assert_eq!((distinct(&long, "model"), distinct(&long, "workflow")), (vec!["unknown"], vec!["NODDI"]));
    for absent in ["scalar", "node", "qsirecon_suffix"] {
        assert!(!long.columns.iter().any(|name| name == absent), "{absent}");
    }
    let mean = lab.table("wide/diffusion/NODDI_icvf_mean.parquet");
    assert_eq!(mean.doubles("LH_Vis_1"), [Some(0.411)]);
    assert_eq!(
        lab.table("wide/diffusion/NODDI_isovf_stdev.parquet").doubles("LH_Vis_1"),
        [Some(0.038714285714286)]
    );
    assert_eq!(lab.table("wide/diffusion/NODDI_coverage_mean.parquet").doubles("LH_Vis_1"), [Some(1.0)]);
    assert_eq!(lab.table("wide/diffusion/NODDI_direction_mean.parquet").doubles("LH_Vis_1"), [None]);
    assert!(lab.has("wide/diffusion/DSIStudio_fa_median.parquet"));
    let sources = lab.table("sources.parquet");
    assert!(sources.column("input").iter().all(|input| *input == "qsirecon"));
    assert!(sources.column("path").iter().all(|path| !path.contains("bundles")));
    assert!(sources.column("software_version").iter().all(|version| *version == NULL));
    let before = Store::read(&lab.path("store"));
    let again = lab.load(&["--json"]).ended(0).json();
    assert_eq!(again["skipped"]["diffusion qsirecon"], 1, "{again}");
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn the_root_is_the_output_its_derivatives_or_one_workflow_s_folder() {
    let lab = Lab::new();
    let atlas = ["--atlas", "qsirecon=4S156Parcels"];
    let mut stores = Vec::new();
    for root in ["recon", "recon/derivatives", "recon/derivatives/qsirecon-NODDI"] {
        let _ = fs::remove_dir_all(lab.path("store"));
        lab.run(&[&["--qsirecon-stats", root], &atlas[..]].concat()).ended(0);
        stores.push(lab.table(NODDI).rows);
        assert_eq!(lab.has("long/diffusion/DSIStudio.parquet"), !root.ends_with("NODDI"));
    }
    assert!(stores.iter().all(|rows| *rows == stores[0]));
    fs::remove_dir_all(lab.path("store")).unwrap();
    let nothing =
        lab.run(&[&["--qsirecon-stats", "recon/derivatives/qsirecon-NODDI/sub-0503"], &atlas[..]].concat());
    nothing.ended(1).says(&["QSIRECON_STATS_PATH", "qsirecon-NODDI meant?"]);
}

#[test]
fn an_atlas_that_is_nowhere_is_refused_with_those_that_are_there() {
    let lab = Lab::new();
    let other = lab.run(&["--qsirecon-stats", "recon"]);
    other.ended(1).says(&["4S456Parcels", "there are 4S156Parcels", "--atlas qsirecon=NAME"]);
    let (table, json) = (lab.table_of("NODDI"), lab.table_of("NODDI").with_extension("json"));
    for file in [table, json] {
        let name = file.file_name().unwrap().to_str().unwrap().replace("_seg-", "_atlas-");
        fs::rename(&file, file.with_file_name(name)).unwrap();
    }
    lab.load(&[]).ended(0);
    assert_eq!(lab.table(NODDI).rows.len(), 6 * 8);
    let text = fs::read_to_string(lab.table_of("DSIStudio")).unwrap();
    let second = lab.table_of("DSIStudio").to_str().unwrap().replace("4S156Parcels", "AAL116");
    fs::write(second, text).unwrap();
    let before = Store::read(&lab.path("store"));
    lab.run(&["--qsirecon-stats", "recon", "--atlas", "qsirecon=AAL116"]).ended(1).says(&[
        "4S156Parcels",
        "AAL116",
        "--output",
    ]);
    before.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn a_table_that_is_broken_fails_its_session_and_takes_nothing_else_with_it() {
    for (from, to, says) in [
        ("LH_Vis_1\tod\tNODDI\t0.481", "LH_Vis_1\tod\tNODDI\t0.482", "another row of od of LH_Vis_1"),
        ("\tisovf\tNODDI\t", "\tisovf\tnoddi\t", "qsirecon_suffix noddi"),
        ("\t0.271\t", "\tmuch\t", "column mean"),
        ("LH_Vis_2\tisovf", "LH_Vis_2\tnew", "the first node"),
        ("node\tscalar", "parcel\tscalar", "node, scalar, qsirecon_suffix"),
    ] {
        let lab = Lab::new();
        lab.rewrite("NODDI", |text| text.replacen(from, to, 1));
        lab.load(&[]).ended(3).says(&[says, "_scalarstats.tsv"]);
        assert!(!lab.has(NODDI), "{says}");
    }
    let lab = Lab::new();
    fs::write(lab.table_of("NODDI"), "").unwrap();
    lab.load(&[]).ended(3).says(&["an empty file"]);
    let malformed = shipped("malformed/suffix_disagrees");
    fs::remove_dir_all(lab.path("recon")).unwrap();
    copy(&malformed, &lab.path("recon"));
    lab.load(&[]).ended(3).says(&["DSIStudio"]);
}

#[test]
fn maps_that_come_and_go_are_noticed_and_what_is_gone_stays_until_it_is_pruned() {
    let lab = Lab::new();
    lab.load(&[]).ended(0);
    let first = Store::read(&lab.path("store"));
    let is_of = |line: &str, map: &str| line.split('\t').nth(1) == Some(map);
    let original = fs::read_to_string(lab.table_of("NODDI")).unwrap();
    lab.rewrite("NODDI", |text| {
        text.lines().filter(|line| !is_of(line, "tf")).map(|line| format!("{line}\n")).collect()
    });
    lab.load(&[]).ended(0).says(&["Kept      1"]).keeps_quiet_about(&["differ"]);
    let sessions = fs::read_to_string(lab.path("store/sessions.tsv")).unwrap();
    assert!(sessions.contains("diffusion_NODDI (param tf): its file is gone"), "{sessions}");
    assert_eq!(lab.table(NODDI).rows.len(), 6 * 8);
    let before = Store::read(&lab.path("store"));
    let again = lab.load(&["--json"]).ended(0).json();
    assert_eq!(again["loaded"]["diffusion qsirecon"].as_u64().unwrap_or(0), 0, "{again}");
    before.assert_same(&Store::read(&lab.path("store")));
    lab.load(&["--prune", "--yes"]).ended(0);
    assert_eq!(lab.table(NODDI).rows.len(), 6 * 7);
    assert!(!lab.has("wide/diffusion/NODDI_tf_mean.parquet"));
    fs::write(lab.table_of("NODDI"), original).unwrap();
    lab.load(&[]).ended(0);
    first.assert_same(&Store::read(&lab.path("store")));
}

#[test]
fn several_files_of_a_session_are_chosen_by_an_entity_and_what_is_not_chosen_is_not_gone() {
    let lab = Lab::new();
    let other = lab.table_of("NODDI").to_str().unwrap().replace("space-ACPC", "space-T1w");
    let text = fs::read_to_string(lab.table_of("NODDI")).unwrap();
    fs::write(&other, text.replace("\t0.411\t", "\t0.412\t")).unwrap();
    lab.load(&[]).ended(3).says(&["several files", "--space S (ACPC, T1w)"]);
    lab.load(&["--space", "T1w"]).ended(0);
    let mean = || lab.table("wide/diffusion/NODDI_icvf_mean.parquet").doubles("LH_Vis_1");
    assert_eq!(mean(), [Some(0.412)]);
    fs::remove_file(other).unwrap();
    lab.load(&["--space", "T1w", "--prune", "--yes"]).ended(0);
    assert_eq!(mean(), [Some(0.412)], "another file is there");
    lab.load(&["--space", "ACPC", "--force"]).ended(0);
    assert_eq!(mean(), [Some(0.411)]);
}

#[test]
fn workflows_are_chosen_wherever_they_lie_and_one_table_has_one_program() {
    let lab = Lab::new();
    let cohort = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort/parcellated");
    copy(&cohort, &lab.path("maps"));
    let both = ["--qsiparc", "maps", "--atlas-name", "AICHA384"];
    lab.load(&[&both[..], &["--workflows", "AMICONODDI,NODDI"]].concat()).ended(0);
    assert!(lab.has("long/diffusion/AMICONODDI.parquet") && lab.has(NODDI));
    assert!(!lab.has("long/diffusion/DSIStudio.parquet"));
    lab.load(&[&both[..], &["--workflows", "NODDI,FOO"]].concat()).ended(1).says(&[
        "there is no workflow \"FOO\"",
        "maps",
        "recon",
        "DSIStudio, NODDI",
    ]);
    lab.load(&both).ended(1).says(&[
        "diffusion_DSIStudio",
        "parcellate (QSIPARC_PATH)",
        "qsirecon (QSIRECON_STATS_PATH)",
        "another --output",
    ]);
    fs::rename(lab.path("maps/qsirecon-AMICONODDI"), lab.path("maps/qsirecon-NODDI")).unwrap();
    lab.run(&[&both[..], &["--workflows", "NODDI"]].concat())
        .ended(1)
        .says(&["made by qsirecon", "one of parcellate"]);
}

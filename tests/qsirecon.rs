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
    let nothing = nothing.ended(1).says(&["QSIRECON_STATS_PATH", "recon/derivatives meant?"]);
    nothing.keeps_quiet_about(&["looked in"]);
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
        ("LH_Vis_2\tisovf", "LH_Vis_2\tnew", "the same maps of each node"),
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
    assert!(sessions.contains("diffusion_NODDI (param tf): its file has it no more"), "{sessions}");
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
        "parcellate (QSIPARC_PATH) and qsirecon (QSIRECON_STATS_PATH)",
        "another --output",
    ]);
    fs::rename(lab.path("maps/qsirecon-AMICONODDI"), lab.path("maps/qsirecon-NODDI")).unwrap();
    lab.run(&[&both[..], &["--workflows", "NODDI"]].concat())
        .ended(1)
        .says(&["made by qsirecon", "one of parcellate"]);
}

/// A row of a table of two nodes and two maps.
fn row(node: &str, map: &str, value: f64) -> String {
    format!("{node}\t{map}\tNODDI\t{value:?}\tn/a\tn/a\n")
}

#[test]
fn rows_that_are_sorted_by_map_lose_none() {
    let lab = Lab::new();
    let header = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\n";
    let [a, b, c, d] = [row("a", "fa", 0.1), row("b", "fa", 0.2), row("a", "md", 0.3), row("b", "md", 0.4)];
    fs::write(lab.table_of("NODDI"), [header, &a, &c, &b, &d].concat()).unwrap();
    lab.load(&[]).ended(0);
    let before = Store::read(&lab.path("store"));
    fs::write(lab.table_of("NODDI"), [header, &a, &b, &c, &d].concat()).unwrap();
    lab.load(&["--prune", "--yes"]).ended(3).says(&["line 4", "a node's rows together"]);
    let now = Store::read(&lab.path("store"));
    assert_eq!(now.table(NODDI), before.table(NODDI), "what the store has of it stays");
}

#[test]
fn a_first_node_that_does_not_end_is_refused() {
    let lab = Lab::new();
    lab.rewrite("NODDI", |text| {
        let note = "x".repeat(20_000);
        let lines = text.lines().enumerate();
        let line = |(n, line): (usize, &str)| match n {
            0 => format!("{line}\tnote\n"),
            _ => format!("{line}\t{note}\n"),
        };
        lines.map(line).collect()
    });
    lab.load(&[]).ended(0);
    assert_eq!(lab.table(NODDI).rows.len(), 6 * 8, "more than is read at first");
    lab.rewrite("NODDI", |text| text.replace(&"x".repeat(20_000), &"x".repeat(200_000)));
    lab.load(&[]).ended(3).says(&["bytes of the first node"]);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_reached_is_not_taken_for_gone() {
    use std::os::unix::fs::symlink;
    for (at, code) in [
        ("recon/derivatives/qsirecon-NODDI", 0),
        ("recon/derivatives/qsirecon-NODDI/sub-0503", 3),
        ("recon/derivatives/qsirecon-NODDI/sub-0503/ses-202508041200", 3),
        ("recon/derivatives/qsirecon-NODDI/sub-0503/ses-202508041200/dwi", 3),
        ("recon/derivatives", 1),
    ] {
        let lab = Lab::new();
        if code == 1 {
            fs::create_dir_all(lab.path("recon/qsirecon-Other").join(SESSION)).unwrap();
        }
        lab.load(&[]).ended(0);
        let before = lab.table(NODDI);
        fs::rename(lab.path(at), lab.path("away")).unwrap();
        symlink("nowhere", lab.path(at)).unwrap();
        lab.load(&["--prune", "--yes"]).ended(code);
        assert_eq!(lab.table(NODDI), before, "{at}");
        fs::remove_file(lab.path(at)).unwrap();
        fs::rename(lab.path("away"), lab.path(at)).unwrap();
        lab.load(&[]).ended(0);
        assert_eq!(lab.table(NODDI), before, "{at}");
    }
}

#[test]
fn a_workflow_of_other_atlases_or_of_packed_tables_is_told() {
    let lab = Lab::new();
    let table = lab.table_of("NODDI");
    let other = PathBuf::from(table.to_str().unwrap().replace("4S156Parcels", "AAL116"));
    fs::rename(&table, &other).unwrap();
    lab.load(&[])
        .ended(0)
        .says(&["tables of NODDI are left out", "of the atlas AAL116, not of 4S156Parcels"]);
    lab.load(&["--workflows", "NODDI"]).ended(1).says(&["of NODDI with the atlas", "there are AAL116"]);
    fs::rename(&other, table.with_extension("tsv.gz")).unwrap();
    lab.load(&[]).ended(3).says(&["is compressed"]);
    let folder = table.parent().unwrap().join("atlas-4S156Parcels");
    fs::create_dir(&folder).unwrap();
    let plain = fs::read(
        shipped("made").join("derivatives/qsirecon-NODDI").join(SESSION).join(table.file_name().unwrap()),
    );
    fs::write(folder.join(table.file_name().unwrap()), plain.unwrap()).unwrap();
    fs::remove_file(table.with_extension("tsv.gz")).unwrap();
    lab.load(&[]).ended(0);
    assert_eq!(lab.table(NODDI).rows.len(), 6 * 8);
}

#[test]
fn the_root_may_be_spelled_otherwise_and_no_file_is_another() {
    let lab = Lab::new();
    lab.load(&[]).ended(0);
    let before = Store::read(&lab.path("store"));
    let atlas = ["--atlas", "qsirecon=4S156Parcels", "--json"];
    for root in ["recon/derivatives", "recon/derivatives/qsirecon-NODDI", "recon"] {
        let ran = lab.run(&[&["--qsirecon-stats", root], &atlas[..]].concat()).ended(0).json();
        assert_eq!(ran["skipped"]["diffusion qsirecon"], 1, "{root}: {ran}");
        // What the run did not look at does not leave with it.
        let ran = lab.run(&[&["--qsirecon-stats", root, "--prune", "--yes"], &atlas[..]].concat());
        ran.ended(0);
        before.assert_same(&Store::read(&lab.path("store")));
    }
    for (root, says) in [("recon/nope", "no such folder"), ("store/manifest.json", "not a folder")] {
        let ran = lab.run(&[&["--qsirecon-stats", root], &atlas[..]].concat());
        ran.ended(1).says(&[says, &format!("is {root}:")]);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let lab = Lab::new();
    let table = lab.table_of("NODDI");
    fs::remove_file(&table).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&table).status().unwrap().success());
    lab.load(&[]).ended(3).says(&["is not a regular file"]);
}

#[test]
fn a_sidecar_that_is_broken_is_told_once_a_file() {
    let lab = Lab::new();
    fs::write(lab.table_of("NODDI").with_extension("json"), "{").unwrap();
    let ran = lab.load(&[]).ended(0);
    assert_eq!(ran.stderr.matches("its table is loaded without it").count(), 1, "{}", ran.stderr);
}

/// A lab whose second subject has tables of another atlas alone, with the same names.
fn lab_of_two_atlases() -> Lab {
    let lab = Lab::new();
    let text = fs::read_to_string(lab.table_of("NODDI")).unwrap();
    let folder = lab.path("recon/derivatives/qsirecon-NODDI/sub-0600/ses-1/dwi");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("sub-0600_ses-1_seg-AAL116_scalarstats.tsv"), text.replace("0.411", "0.511"))
        .unwrap();
    lab
}

#[test]
fn tables_of_two_atlases_are_mixed_neither_in_a_cache_nor_by_segments() {
    let load = |lab: &Lab, atlas: &str, arguments: &[&str]| {
        let atlas = format!("qsirecon={atlas}");
        let own = ["--qsirecon-stats", "recon", "--atlas", &atlas, "--workflows", "NODDI"];
        lab.run(&[&own[..], arguments].concat())
    };
    let subjects = |lab: &Lab| -> Vec<String> {
        let mut subjects: Vec<String> =
            lab.table(NODDI).column("subject_code").into_iter().map(str::to_owned).collect();
        subjects.dedup();
        subjects
    };
    // A load that was cut short.
    let lab = lab_of_two_atlases();
    fs::create_dir_all(lab.path("store/long/diffusion/.partial-NODDI.parquet")).unwrap();
    load(&lab, "4S156Parcels", &[]).ended(1);
    fs::remove_dir(lab.path("store/long/diffusion/.partial-NODDI.parquet")).unwrap();
    load(&lab, "AAL116", &[]).ended(1).says(&["is of 4S156Parcels, not of AAL116"]);
    load(&lab, "4S156Parcels", &[]).ended(0);
    assert_eq!(subjects(&lab), ["0503"]);
    // A segment of the one, and a run of the other.
    let lab = lab_of_two_atlases();
    load(&lab, "4S156Parcels", &["--segment"]).ended(0);
    load(&lab, "AAL116", &["--segment"]).ended(1).says(&["is of 4S156Parcels, not of AAL116"]);
    load(&lab, "AAL116", &[]).ended(1).says(&["is of 4S156Parcels, not of AAL116"]);
    // Segments that were written at once.
    let lab = lab_of_two_atlases();
    load(&lab, "AAL116", &["--segment"]).ended(0);
    fs::rename(lab.path("store/.segments"), lab.path("segments")).unwrap();
    load(&lab, "4S156Parcels", &["--segment"]).ended(0);
    copy(&lab.path("segments"), &lab.path("store/.segments"));
    let merged = Ran::of(support::export_cache(lab.path("").as_path()).arg("store").output().unwrap());
    merged.ended(3).says(&["of the atlas", "a table has one atlas"]);
    assert_eq!(subjects(&lab).len(), 1);
}

#[test]
fn the_atlas_of_the_store_counts_where_none_is_chosen() {
    let lab = Lab::new();
    lab.load(&[]).ended(0);
    let before = Store::read(&lab.path("store"));
    let rows = lab.table(NODDI);
    let again = lab.run(&["--qsirecon-stats", "recon", "--json"]).ended(0).json();
    assert_eq!(again["skipped"]["diffusion qsirecon"], 1, "{again}");
    before.assert_same(&Store::read(&lab.path("store")));
    // That of a cache or a segment, too.
    let lab = Lab::new();
    lab.load(&["--segment"]).ended(0);
    lab.run(&["--qsirecon-stats", "recon"]).ended(0);
    assert_eq!(lab.table(NODDI), rows);
}

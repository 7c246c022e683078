//! A third kind of input is one implementation of [`Input`], and nobody below the pipeline knows it: its own root, files
//! of another form, a table with statistics, units, defaults and a column of regions of its own.

#[path = "third_input/demo.rs"]
mod demo;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatchReader;
use demo::{Demo, HEADER};
use na_model::{SourceRoot, TableKind, TableName, UnitKind, UnitStatus};
use na_pipeline::{
    Config, Event, FileBytes, FoundTable, FoundUnit, Input, Observer, ParsedTable, PipelineError, RootList,
    RunReport, SearchedFolder, SessionListOptions, SessionSource, UnitError, Withdrawn, run, withdraw,
};
use na_store::{FeatureStore, Origin, ReadOptions, Unobserved};
use support::files::{Bytes, copy};
use support::store::{NULL, Table, unit_of};
use tempfile::TempDir;

// The tests.

/// The tables of a session that has all.
const TABLES: &str = "anatomical_gm,anatomical_wm,anatomical_ct,anatomical_demo";

const SESSIONS: [&str; 3] =
    ["sub-0475/ses-202507271541", "sub-0475/ses-202601121004", "sub-CLMC_10/ses-202407110849"];

/// The shipped cohort, which a test can change, with tables of the third input beside those of CAT12.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort"), lab.0.path());
        for (session, thickness) in SESSIONS.into_iter().zip([2.5, 2.25, 3.0]) {
            lab.write(
                session,
                &format!("{HEADER}\nprecuneus;{thickness};1.5\ncuneus;-99;0.5\ninsula;2.75;-99\n"),
            );
        }
        lab
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn file(&self, session: &str) -> PathBuf {
        self.path("demo").join(session).join("regions.csv")
    }

    fn write(&self, session: &str, text: &str) {
        let path = self.file(session);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn input(&self, setting: &str, folder: &str, table: &str) -> Arc<dyn Input> {
        let (setting, table) = (setting.parse().unwrap(), TableName::parse(table).unwrap());
        Arc::new(Demo { setting, root: self.path(folder), table })
    }

    fn demo(&self) -> Arc<dyn Input> {
        self.input("DEMO_ROOT", "demo", "anatomical_demo")
    }

    /// A run of CAT12's tables and of the third input.
    fn config(&self) -> Config {
        let list =
            SessionSource::List { path: self.path("sessions.csv"), options: SessionListOptions::default() };
        Config {
            cat12_root: Some(self.path("cat12")),
            cat12_parcellated_root: Some(self.path("parcellated/cat12")),
            further_inputs: vec![self.demo()],
            atlas_name: "AICHA384".to_owned(),
            ..Config::new(list, self.path("store"))
        }
    }

    fn run(&self) -> RunReport {
        run(&self.config(), &StopsAfter::new(usize::MAX)).unwrap()
    }

    fn store(&self) -> FeatureStore {
        FeatureStore::open(self.path("store")).unwrap()
    }

    /// The cells of `sessions.tsv` below its header.
    fn sessions(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("store/sessions.tsv")).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    fn table(&self, relative: &str) -> Table {
        Table::read(&self.path("store").join(relative))
    }
}

/// Asks to stop once so many units are committed.
struct StopsAfter {
    units: usize,
    committed: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl StopsAfter {
    fn new(units: usize) -> Self {
        Self { units, committed: AtomicUsize::new(0), notes: Mutex::default() }
    }
}

impl Observer for StopsAfter {
    fn event(&self, event: Event) {
        match event {
            Event::Committed(_) => drop(self.committed.fetch_add(1, Ordering::SeqCst)),
            Event::Note(note) => self.notes.lock().unwrap().push(note),
            _ => {}
        }
    }

    fn should_stop(&self) -> bool {
        self.committed.load(Ordering::SeqCst) >= self.units
    }
}

/// Units that were loaded, and units that the store had.
fn counts(report: &RunReport) -> (usize, usize) {
    (report.loaded.values().sum(), report.skipped.values().sum())
}

/// Its long table, and a feature of it with the unit of each region.
fn read(store: &FeatureStore, origin: Origin) -> (Table, Table, Vec<(String, String)>) {
    let options = ReadOptions::default().from(origin);
    let long = store.scan_long_with("anatomical_demo", &options).unwrap();
    let schema = long.schema();
    let long = Table::of(&schema, &long.map(Result::unwrap).collect::<Vec<_>>()).without(&[]);
    let feature = store.feature_batch("demo_thickness", &options.without_metadata()).unwrap();
    let unit = |name: &str| feature.schema().field_with_name(name).unwrap().metadata()["unit"].clone();
    let regions = feature.schema().fields()[2..].iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let units = regions.into_iter().map(|region| (region.clone(), unit(&region))).collect();
    (long, Table::of(&feature.schema(), &[feature]), units)
}

#[test]
fn its_tables_are_loaded_beside_those_of_cat12_in_units_of_their_own() {
    let lab = Lab::new();
    assert_eq!(counts(&lab.run()), (6, 0));
    let long = lab.table("long/anatomical_demo.parquet");
    assert_eq!(
        long.columns[..8],
        ["parcel", "thickness", "folding", "modality", "metric", "subject_code", "session_id", "tiv"]
    );
    assert_eq!(long.column("metric"), ["cortex"; 9]);
    let expected = [2.5, 2.25, 3.0].into_iter().flat_map(|x| [Some(x), None, Some(2.75)]);
    assert_eq!(long.doubles("thickness"), expected.collect::<Vec<_>>());
    assert!(!long.column("tiv").contains(&NULL), "the volume is its session's, which CAT12 gives");
    let store = lab.path("store");
    let unit = |column| unit_of(&store.join("long/anatomical_demo.parquet"), column);
    assert_eq!(
        [unit("thickness"), unit("folding")],
        [Some("mm".to_owned()), Some("dimensionless".to_owned())]
    );
    let features = lab.store().list_features(None).unwrap();
    assert!(features.contains(&"demo_thickness".to_owned()) && features.contains(&"gm_mean".to_owned()));
    assert!(!features.contains(&"demo_fold".to_owned()), "it is no default of the table");
    let sources = lab.table("sources.parquet");
    assert_eq!(sources.column("root").iter().filter(|root| **root == "DEMO_ROOT").count(), 3);
    // What CAT12 brings is as it is without the third input.
    let alone = Config { further_inputs: Vec::new(), output: lab.path("alone"), ..lab.config() };
    run(&alone, &StopsAfter::new(usize::MAX)).unwrap();
    for file in ["long/anatomical_gm.parquet", "wide/anatomical/ct_mean.parquet", "tiv.parquet"] {
        assert_eq!(lab.table(file), Table::read(&lab.path("alone").join(file)), "{file}");
    }
}

#[test]
fn what_did_not_change_is_not_loaded_again_and_what_did_is() {
    let lab = Lab::new();
    lab.run();
    let before = Bytes::of_store(&lab.path("store"));
    assert_eq!(counts(&lab.run()), (0, 6));
    assert!(Bytes::of_store(&lab.path("store")) == before);
    lab.write(SESSIONS[1], &format!("{HEADER}\nprecuneus;4.5;1.5\ncuneus;2;0.5\ninsula;2.75;-99\n"));
    assert_eq!(counts(&lab.run()), (1, 5));
    let feature = lab.table("wide/anatomical/demo_thickness.parquet");
    assert_eq!(feature.doubles("precuneus"), [Some(2.5), Some(4.5), Some(3.0)]);
    assert_eq!(feature.doubles("cuneus"), [None, Some(2.0), None]);
}

#[test]
fn a_malformed_file_fails_its_unit_with_path_and_line_and_no_other() {
    let text = |rows: &str| format!("{HEADER}\nprecuneus;2.5;1.5\n{rows}");
    for (rows, says) in [
        ("cuneus;x;0.5\n", "regions.csv, line 3: found x"),
        ("cuneus;0.5\n", "regions.csv, line 3: found cuneus;0.5"),
        ("precuneus;2;1\n", "the region \"precuneus\" twice"),
    ] {
        let lab = Lab::new();
        lab.write(SESSIONS[0], &text(rows));
        let report = lab.run();
        assert_eq!(counts(&report), (5, 0));
        let [failed] = report.outcomes.as_slice() else { panic!("{:?}", report.outcomes) };
        assert_eq!(failed.status, UnitStatus::Failed);
        assert!(failed.reason.contains(SESSIONS[0]), "{}", failed.reason);
        assert!(failed.reason.contains(says), "{}", failed.reason);
        let sessions = lab.sessions();
        assert_eq!(sessions[0][3..5], ["partial", "anatomical_gm,anatomical_wm,anatomical_ct"]);
        assert!(sessions[0][5].starts_with("demo failed: "), "{sessions:?}");
        assert_eq!(lab.table("wide/anatomical/gm_mean.parquet").rows.len(), 3);
        // It is told again by a run that does not look for it, and tried again by one that does.
        let without = Config { further_inputs: Vec::new(), ..lab.config() };
        run(&without, &StopsAfter::new(usize::MAX)).unwrap();
        assert_eq!(lab.sessions(), sessions);
        lab.write(SESSIONS[0], &text("cuneus;1;1\n"));
        assert_eq!(counts(&lab.run()), (1, 5));
        assert_eq!(
            lab.sessions()[0][3..],
            ["partial", TABLES, "demo partial: anatomical_demo lacks 1 of 3 regions"]
        );
    }
}

#[test]
fn a_malformed_file_of_cat12_takes_nothing_of_it_along() {
    let lab = Lab::new();
    let table =
        fs::read_dir(lab.path("parcellated/cat12").join(SESSIONS[0]).join("anat/atlas-AICHA384")).unwrap();
    let table =
        table.map(|file| file.unwrap().path()).find(|path| path.to_str().unwrap().ends_with("GM_parc.tsv"));
    fs::write(table.unwrap(), "index\tlabel\tmean\n1\tleft\tx\n").unwrap();
    assert_eq!(counts(&lab.run()), (5, 0));
    let first = lab.sessions().remove(0);
    assert_eq!(first[3..5], ["partial", "anatomical_demo"]);
    assert!(first[5].starts_with("parcellate failed: ") && first[5].contains("line 2"), "{first:?}");
    assert_eq!(counts(&lab.run()), (0, 5));
    assert_eq!(lab.sessions()[0], first);
}

#[test]
fn it_is_read_from_the_cache_before_an_export_as_from_parquet_after_it() {
    let lab = Lab::new();
    let report = run(&lab.config(), &StopsAfter::new(6)).unwrap();
    assert!(report.interrupted && !lab.path("store/long").exists());
    let cached = read(&lab.store(), Origin::Newest);
    let (_, feature, units) = &cached;
    let of_region = |region: &str| (region.to_owned(), "mm".to_owned());
    assert_eq!(*units, ["cuneus", "insula", "precuneus"].map(of_region));
    assert_eq!(feature.doubles("precuneus"), [Some(2.5), Some(2.25), Some(3.0)]);
    assert_eq!(counts(&lab.run()), (0, 6));
    assert!(!lab.path("store/.cache.db").exists());
    assert_eq!(read(&lab.store(), Origin::Parquet), cached);
}

#[test]
fn a_store_without_its_manifest_knows_what_the_table_is() {
    let lab = Lab::new();
    lab.run();
    let before = read(&lab.store(), Origin::Parquet);
    fs::remove_file(lab.path("store/manifest.json")).unwrap();
    assert_eq!(counts(&lab.run()), (0, 6));
    assert_eq!(read(&lab.store(), Origin::Parquet), before);
    fs::remove_file(lab.path("store/manifest.json")).unwrap();
    lab.write(SESSIONS[0], &format!("{HEADER}\nprecuneus;4.5;1.5\n"));
    let without = Config { further_inputs: Vec::new(), reload: true, ..lab.config() };
    assert_eq!(counts(&run(&without, &StopsAfter::new(usize::MAX)).unwrap()), (3, 0));
    assert_eq!(read(&lab.store(), Origin::Parquet), before, "a run that does not know it leaves it alone");
}

#[test]
fn a_run_of_it_alone_leaves_volumes_and_tables_of_cat12() {
    let lab = Lab::new();
    lab.run();
    let files = ["tiv.parquet", "long/anatomical_gm.parquet"];
    let before = files.map(|file| lab.table(file));
    lab.write(SESSIONS[2], &format!("{HEADER}\nprecuneus;4.5;1.5\n"));
    let alone = Config { cat12_root: None, cat12_parcellated_root: None, ..lab.config() };
    let report = run(&alone, &StopsAfter::new(usize::MAX)).unwrap();
    assert_eq!(counts(&report), (1, 2));
    assert_eq!(files.map(|file| lab.table(file)), before);
    assert_eq!(lab.table("wide/anatomical/demo_thickness.parquet").doubles("precuneus")[2], Some(4.5));
    let observer = StopsAfter::new(usize::MAX);
    run(&Config { output: lab.path("fresh"), ..alone }, &observer).unwrap();
    assert_eq!(*observer.notes.lock().unwrap(), [""; 0], "nobody misses a volume that no input gives");
    assert_eq!(counts(&lab.run()), (0, 6), "what it read is known to the run of both");
}

#[test]
fn a_file_that_is_gone_leaves_with_prune_and_stays_without() {
    let lab = Lab::new();
    lab.run();
    fs::remove_file(lab.file(SESSIONS[2])).unwrap();
    let sessions = || lab.table("wide/anatomical/demo_thickness.parquet").column("session_id").len();
    lab.run();
    assert_eq!(sessions(), 3);
    let prunes = Config { prune: true, yes: true, ..lab.config() };
    run(&prunes, &StopsAfter::new(usize::MAX)).unwrap();
    assert_eq!(sessions(), 2);
    assert_eq!(lab.table("wide/anatomical/gm_mean.parquet").rows.len(), 3);
}

#[test]
fn its_sessions_are_discovered_and_its_statistics_can_be_asked_for() {
    let lab = Lab::new();
    lab.write("sub-0009", &format!("{HEADER}\nprecuneus;1;1\n"));
    let discovers = |metrics: &str| Config {
        sessions: SessionSource::Discover,
        wide_metrics: Some(na_model::WideMetrics::parse(metrics)),
        ..lab.config()
    };
    let error = run(&discovers("fol"), &StopsAfter::new(usize::MAX)).unwrap_err().to_string();
    assert!(error.contains("fol") && error.contains("the nearest that there are, are fold"), "{error}");
    let report = run(&discovers("folding"), &StopsAfter::new(usize::MAX)).unwrap();
    assert_eq!(counts(&report), (7, 0));
    run(&discovers("fold"), &StopsAfter::new(usize::MAX)).unwrap();
    let feature = lab.table("wide/anatomical/demo_fold.parquet");
    assert_eq!(feature.column("subject_code"), ["0009", "0475", "0475", "CLMC_10"]);
    assert_eq!(feature.column("session_id")[0], NULL);
}

#[test]
fn a_table_of_two_files_is_read_from_both_and_keeps_what_one_of_them_had() {
    let lab = Lab::new();
    let more = lab.file(SESSIONS[0]).with_file_name("more.csv");
    let write_more =
        |value: &str| fs::write(&more, format!("{HEADER}\nfusiform;{value};1\noutside;7;7\n")).unwrap();
    let fusiform = || lab.table("wide/anatomical/demo_thickness.parquet").doubles("fusiform")[0];
    write_more("1.5");
    assert_eq!(counts(&lab.run()), (6, 0));
    assert_eq!(fusiform(), Some(1.5));
    let sources = lab.table("sources.parquet");
    let of_demo = sources.column("path").iter().filter(|path| path.ends_with(".csv")).count();
    assert_eq!(of_demo, 4);
    write_more("3.5");
    assert_eq!((counts(&lab.run()), counts(&lab.run())), ((1, 5), (0, 6)));
    assert_eq!(fusiform(), Some(3.5));
    fs::remove_file(&more).unwrap();
    lab.write(SESSIONS[0], &format!("{HEADER}\nprecuneus;9;9\n"));
    assert_eq!(counts(&lab.run()), (0, 6));
    assert_eq!(fusiform(), Some(3.5));
    assert_eq!(lab.sessions()[0][5], "demo loaded: kept: anatomical_demo: its file is gone");
    let prunes = Config { prune: true, yes: true, ..lab.config() };
    assert_eq!(counts(&run(&prunes, &StopsAfter::new(usize::MAX)).unwrap()), (1, 5));
    let feature = lab.table("wide/anatomical/demo_thickness.parquet");
    assert!(!feature.columns.contains(&"fusiform".to_owned()));
    assert_eq!(feature.doubles("precuneus")[0], Some(9.0));
    assert_eq!(counts(&lab.run()), (0, 6));
}

#[test]
fn what_is_no_region_stays_in_the_long_table_and_is_no_column_of_a_feature() {
    let lab = Lab::new();
    lab.write(SESSIONS[1], &format!("{HEADER}\noutside;1;1\ncuneus;2;0.5\nprecuneus;3;3\n"));
    let asked = Config { wide_metrics: Some(na_model::WideMetrics::parse("fold,thickness")), ..lab.config() };
    run(&asked, &StopsAfter::new(6)).unwrap();
    let before = lab.store().feature_batch("demo_thickness", &ReadOptions::default()).unwrap();
    run(&asked, &StopsAfter::new(usize::MAX)).unwrap();
    assert_eq!(lab.store().feature_batch("demo_thickness", &ReadOptions::default()).unwrap(), before);
    assert!(lab.table("long/anatomical_demo.parquet").column("parcel").contains(&"outside"));
    for (feature, cuneus) in [("demo_thickness", 2.0), ("demo_fold", 0.5)] {
        let feature = lab.table(&format!("wide/anatomical/{feature}.parquet"));
        assert_eq!(feature.columns[2..], ["cuneus", "insula", "precuneus"]);
        assert_eq!(feature.doubles("cuneus")[1], Some(cuneus));
        assert_eq!(feature.doubles("precuneus")[1], Some(3.0));
    }
}

#[test]
fn two_inputs_may_have_one_path_under_roots_of_their_own() {
    let lab = Lab::new();
    copy(&lab.path("demo"), &lab.path("twin"));
    let twin = lab.input("TWIN_ROOT", "twin", "anatomical_twin");
    let both = Config { further_inputs: vec![lab.demo(), twin], ..lab.config() };
    let load = |config: &Config| counts(&run(config, &StopsAfter::new(usize::MAX)).unwrap());
    assert_eq!([load(&both), load(&both)], [(9, 0), (0, 9)]);
    fs::write(lab.path("twin").join(SESSIONS[0]).join("regions.csv"), format!("{HEADER}\nprecuneus;9;9\n"))
        .unwrap();
    assert_eq!([load(&both), load(&both)], [(1, 8), (0, 9)]);
    let of = |feature: &str| lab.table(&format!("wide/anatomical/{feature}.parquet")).doubles("precuneus")[0];
    assert_eq!([of("demo_thickness"), of("twin_thickness")], [Some(2.5), Some(9.0)]);
}

#[test]
fn two_inputs_with_one_table_or_two_folders_of_one_setting_are_refused() {
    let lab = Lab::new();
    let elsewhere = Demo {
        setting: "DEMO_ROOT".parse().unwrap(),
        root: lab.path("elsewhere"),
        table: TableName::parse("anatomical_other").unwrap(),
    };
    for (other, says) in [
        (Arc::new(elsewhere) as Arc<dyn Input>, "the setting DEMO_ROOT"),
        (lab.input("OTHER_ROOT", "demo", "anatomical_demo"), "the table anatomical_demo"),
        (
            lab.input("OTHER_ROOT", "demo", "diffusion_demo"),
            "the table diffusion_demo, whose name and kind say diffusion demo",
        ),
    ] {
        let config = Config { further_inputs: vec![lab.demo(), other], ..lab.config() };
        let error = run(&config, &StopsAfter::new(usize::MAX)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!lab.path("store").exists());
    }
}

#[test]
fn who_withdraws_leaves_it_too_and_volumes_stay_where_it_alone_leaves() {
    let lab = Lab::new();
    lab.run();
    let volumes = lab.table("tiv.parquet");
    for session in SESSIONS {
        fs::remove_file(lab.file(session)).unwrap();
    }
    let prunes = Config { prune: true, yes: true, ..lab.config() };
    run(&prunes, &StopsAfter::new(usize::MAX)).unwrap();
    assert!(!lab.path("store/long/anatomical_demo.parquet").exists());
    assert_eq!(lab.table("tiv.parquet"), volumes);
    let lab = Lab::new();
    lab.run();
    fs::write(lab.path("withdrawn.txt"), "CLMC_10\n").unwrap();
    let withdrawn = Withdrawn::read(&lab.path("withdrawn.txt")).unwrap();
    withdraw(&lab.path("store"), &withdrawn, true, &lab.config().claim(), &Unobserved).unwrap();
    for file in ["long/anatomical_demo.parquet", "wide/anatomical/demo_thickness.parquet", "sources.parquet"]
    {
        assert!(!lab.table(file).column("subject_code").contains(&"CLMC_10"), "{file}");
    }
}

#[test]
fn its_rows_are_sealed_beside_a_store_that_has_others_of_the_sessions() {
    let lab = Lab::new();
    let sealed = |further_inputs| Config { further_inputs, sealed_at_once: Some(3), ..lab.config() };
    run(&sealed(Vec::new()), &StopsAfter::new(usize::MAX)).unwrap();
    let report = run(&sealed(vec![lab.demo()]), &StopsAfter::new(3)).unwrap();
    assert!(report.interrupted);
    let parts = || fs::read_dir(lab.path("store/long")).unwrap().map(|file| file.unwrap().file_name());
    assert!(
        parts().any(|name| name.to_string_lossy().starts_with(".sealed-")),
        "{:?}",
        parts().collect::<Vec<_>>()
    );
    let cached = read(&lab.store(), Origin::Newest);
    assert_eq!(counts(&run(&sealed(vec![lab.demo()]), &StopsAfter::new(usize::MAX)).unwrap()), (0, 6));
    assert_eq!(read(&lab.store(), Origin::Parquet), cached);
    assert!(!lab.table("long/anatomical_demo.parquet").column("tiv").contains(&NULL));
}

/// An input that takes its files for a table of CAT12.
#[derive(Debug)]
struct Stray(Arc<dyn Input>);

impl Input for Stray {
    fn unit_kind(&self) -> UnitKind {
        self.0.unit_kind()
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        self.0.settings()
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.0.looks_for(table)
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        self.0.list_roots(roots)
    }

    fn kind(&self, table: &TableName) -> TableKind {
        self.0.kind(table)
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        let table = TableName::parse("anatomical_wm").unwrap();
        found.add(FoundTable::new(folder, table, None, folder.path().join("regions.csv")));
        Ok(())
    }

    fn parse(
        &self,
        _: &FoundTable,
        _: &[FileBytes<'_>],
        _: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        unreachable!("no table that it finds is its own")
    }
}

#[test]
fn an_input_that_finds_a_table_of_another_fails_the_unit() {
    let lab = Lab::new();
    let stray = Config { further_inputs: vec![Arc::new(Stray(lab.demo()))], ..lab.config() };
    let report = run(&stray, &StopsAfter::new(usize::MAX)).unwrap();
    assert_eq!(counts(&report), (3, 0));
    let failed: Vec<&str> = report.outcomes.iter().map(|outcome| outcome.reason.as_str()).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|reason| reason.contains("found anatomical_wm there")), "{failed:?}");
}

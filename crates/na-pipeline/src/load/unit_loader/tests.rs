use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use na_model::{Modality, Session, SourceRoot, SubjectCode, TableName, Tissue, Unit};

use super::*;
use crate::inputs::cat12::Cat12;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::searched_folder::SearchedFolder;

const TABLE: &str = "label\tmean\tvol_TIV\na\t0.5\t1500.5\nb\t1\t1500.5\n";
const GM: &str = "t/sub-1/anat/atlas-A/sub-1_tissue-GM_parc.tsv";
const JSON: &str = "t/sub-1/anat/atlas-A/sub-1_tissue-GM_parc.json";
const REPORT: &str = "c/sub-1/anat/cat_sub-1_T1w.xml";

/// The files of subject 1, under two roots.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let all = Self(tempfile::tempdir().unwrap());
        all.write(GM, TABLE);
        files.iter().for_each(|(file, content)| all.write(file, content));
        all
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, content: &str) {
        fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        fs::write(self.path(file), content).unwrap();
    }

    fn inputs(&self) -> ListedInputs {
        let cat12 = Cat12 {
            reports: Some(self.path("c")).filter(|path| path.is_dir()),
            tables: Some(self.path("t")),
            tissues: Tissue::ALL.to_vec(),
            atlas: "A".to_owned(),
            run: None,
        };
        ListedInputs::list(vec![Arc::new(cat12)]).unwrap()
    }

    fn found(&self) -> FoundUnit {
        let (inputs, pick, mut found) = (self.inputs(), EntityPick::default(), FoundUnit::default());
        for root in &inputs.roots.all {
            let folder = root.path().join("sub-1");
            inputs.of(root).unwrap().find(&SearchedFolder::new(root, &folder, &pick), &mut found).unwrap();
        }
        found
    }

    fn read(
        &self,
        planned: &PlannedUnit,
        regions: &mut RegionSet,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Option<LoadedUnit>, UnitError> {
        load(&self.inputs(), planned, &self.found(), regions, should_stop)
    }

    fn load_knowing(&self, known_tiv: &[SourceFile]) -> Result<LoadedUnit, UnitError> {
        self.read(&planned(known_tiv), &mut RegionSet::default(), &|| false)
            .map(|loaded| loaded.expect("nobody stops"))
    }

    fn load(&self) -> LoadedUnit {
        self.load_knowing(&[]).unwrap()
    }

    fn refused(&self) -> String {
        self.load_knowing(&[]).err().expect("it is refused").to_string()
    }
}

fn planned(known_tiv: &[SourceFile]) -> PlannedUnit {
    let session = Session::new(SubjectCode::clean("1").unwrap(), None);
    PlannedUnit {
        kept: BTreeSet::new(),
        index: 0,
        is_changed: false,
        known_read_at: na_model::ReadAt::UNKNOWN,
        loses_volume: false,
        unit: Unit::of_parcellate(session, Modality::Anatomical),
        known_tiv: known_tiv.to_vec(),
    }
}

fn report(ml: &str) -> String {
    format!("<S><subjectmeasures><vol_TIV>{ml}</vol_TIV></subjectmeasures></S>")
}

fn is_loaded_with(loaded: &LoadedUnit, words: &[&str]) {
    assert_eq!(loaded.unit.tables[0].table(), &TableName::from(Tissue::Gm));
    let notes = loaded.notes.join("\n");
    assert!(words.iter().all(|words| notes.contains(words)), "{notes}");
}

fn paths(loaded: &LoadedUnit) -> Vec<(SourceKind, &str, Option<f64>)> {
    let key = |source: &SourceFile| source.path.rsplit('/').next().unwrap().len();
    let mut all: Vec<_> = loaded.unit.sources.iter().collect();
    all.sort_by_key(|source| (source.kind, key(source)));
    all.into_iter().map(|source| (source.kind, source.path.rsplit('/').next().unwrap(), source.tiv)).collect()
}

fn link(path: &Path, target: &str) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, path).unwrap();
}

#[test]
fn a_sidecar_that_cannot_be_read_costs_its_provenance_and_no_table() {
    let annex = "/annex/objects/MD5E-s12--0.json\n";
    for (content, words) in [
        ("{\"mask\": \"g", "parc.json, line 1"),
        ("", "parc.json"),
        (annex, "git annex get"),
        ("[]", "a JSON object"),
    ] {
        let loaded = Files::new(&[(JSON, content)]).load();
        is_loaded_with(&loaded, &[words, "its table is loaded without it"]);
        assert_eq!(loaded.unit.sources[0].sidecar, None);
        // Its mending is noticed.
        assert_eq!(loaded.unit.sources[1].kind, SourceKind::Sidecar, "{content}");
    }
}

#[cfg(unix)]
#[test]
fn a_sidecar_without_a_state_is_no_source() {
    let files = Files::new(&[]);
    link(&files.path(JSON), "../../../.git/annex/objects/x/y");
    is_loaded_with(
        &files.load(),
        &["parc.json is a link to", "git annex get", "its table is loaded without it"],
    );
    assert_eq!(files.load().unit.sources.len(), 1);
    fs::remove_file(files.path(JSON)).unwrap();
    fs::create_dir(files.path(JSON)).unwrap();
    is_loaded_with(&files.load(), &["parc.json is not a regular file", "its table is loaded without it"]);
    assert_eq!(files.load().unit.sources.len(), 1);
}

#[test]
fn no_number_in_a_sidecar_is_null_and_nothing_is_said() {
    let loaded = Files::new(&[(JSON, "{\"mask\": \"gm\", \"mask_threshold\": NaN}")]).load();
    let sidecar = loaded.unit.sources[0].sidecar.clone().unwrap();
    assert_eq!((sidecar.mask.as_deref(), sidecar.mask_threshold), (Some("gm"), None));
    assert_eq!(loaded.notes, Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_table_that_is_a_link_to_nowhere_or_a_pointer_fails_with_that_reason() {
    let files = Files::new(&[(GM, "/annex/objects/MD5E-s12--0.tsv\n")]);
    assert!(files.refused().contains("is a pointer of git-annex"), "{}", files.refused());
    fs::remove_file(files.path(GM)).unwrap();
    link(&files.path(GM), "/mnt/archive/gm.tsv");
    let error = files.refused();
    assert!(error.contains("GM_parc.tsv is a link to /mnt/archive/gm.tsv, which is not there"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_report_that_cannot_be_read_beside_a_good_one_is_a_note() {
    let files = Files::new(&[(REPORT, &report("1501.25"))]);
    link(&files.path("c/sub-1/anat/cat_sub-1_ce-corrected_T1w.xml"), "nowhere.xml");
    fs::create_dir(files.path("c/sub-1/anat/cat_sub-1_ce-uncorrected_T1w.xml")).unwrap();
    let loaded = files.load();
    is_loaded_with(
        &loaded,
        &["cat_sub-1_ce-corrected_T1w.xml is a link to nowhere.xml", "not a regular file"],
    );
    assert_eq!(loaded.unit.tiv, TivFinding::Measured(1501.25));
    assert_eq!(
        paths(&loaded),
        [
            (SourceKind::Table, "sub-1_tissue-GM_parc.tsv", None),
            (SourceKind::Tiv, "cat_sub-1_T1w.xml", Some(1501.25))
        ]
    );
}

#[test]
fn the_table_of_volumes_that_parcellate_writes_beside_its_tables_is_read() {
    let tiv = ("t/sub-1/anat/sub-1_tiv.tsv", "source_file\tvol_TIV\n/d/cat_sub-1_T1w.xml\t1502.5\n");
    let loaded = Files::new(&[tiv]).load();
    assert_eq!(loaded.unit.tiv, TivFinding::Measured(1502.5));
    assert!(loaded.unit.sources.iter().all(|source| source.root == Some(SourceRoot::CAT12_PARCELLATED)));
    let without = Files::new(&[]).load();
    assert_eq!(without.unit.tiv, TivFinding::Measured(1500.5));
    assert_eq!(paths(&without), [(SourceKind::Table, "sub-1_tissue-GM_parc.tsv", Some(1500.5))]);
}

#[test]
fn of_two_reports_the_one_of_the_tables_image_is_taken() {
    let other = "c/sub-1/anat/cat_sub-1_run-2_T1w.xml";
    let files = [
        (REPORT, report("1400")),
        (other, report("1600")),
        (JSON, "{\"original_file\": \"/d/mwp1sub-1_run-2_T1w.nii.gz\"}".to_owned()),
    ];
    let files: Vec<_> = files.iter().map(|(file, content)| (*file, content.as_str())).collect();
    assert_eq!(Files::new(&files).load().unit.tiv, TivFinding::Measured(1600.0));
    let without = Files::new(&files[..2]).load();
    assert_eq!(without.unit.tiv, TivFinding::Unknown);
    is_loaded_with(&without, &["cat_sub-1_T1w.xml (1400 mL)", "cat_sub-1_run-2_T1w.xml (1600 mL)"]);
}

#[test]
fn what_a_volume_that_stays_was_read_from_stays_a_source() {
    let files = Files::new(&[(REPORT, &report("1501.25"))]);
    let known: Vec<SourceFile> = files.load().unit.sources.into_iter().filter(|s| s.tiv.is_some()).collect();
    fs::remove_dir_all(files.path("c")).unwrap();
    let loaded = files.load_knowing(&known).unwrap();
    assert_eq!(loaded.unit.tiv, TivFinding::Kept);
    assert_eq!(paths(&loaded)[1], (SourceKind::Tiv, "cat_sub-1_T1w.xml", Some(1501.25)));
    files.write(REPORT, "<S><subjectmeasures>");
    let cut = files.load_knowing(&known).unwrap();
    assert_eq!(cut.unit.tiv, TivFinding::Kept);
    assert_eq!(paths(&cut)[1], (SourceKind::Tiv, "cat_sub-1_T1w.xml", Some(1501.25)));
    assert_ne!(cut.unit.sources[1].fingerprint, known[0].fingerprint, "its mending is noticed");
}

#[test]
fn a_sidecar_of_another_atlas_fails_the_unit() {
    let sidecar = |name: &str| format!("{{\"parcellation_scheme\": {{\"name\": \"{name}\"}}}}");
    for same in ["A", "a", "atlas-A"] {
        Files::new(&[(JSON, &sidecar(same))]).load();
    }
    let error = Files::new(&[(JSON, &sidecar("B456"))]).refused();
    assert!(
        error.contains("parc.json says") && error.contains("\"B456\"") && error.contains("\"A\""),
        "{error}"
    );
}

#[test]
fn a_sidecar_of_another_session_is_told_to_the_run() {
    let sidecar = |file: &str| format!("{{\"original_file\": \"/d/sub-9/{file}\"}}");
    for same in ["mwp1sub-0001_T1w.nii.gz", "wctsub-1_ses-3_T1w.nii", "mwp1scan.nii"] {
        assert_eq!(Files::new(&[(JSON, &sidecar(same))]).load().remarks, [], "{same}");
    }
    let other = Files::new(&[(JSON, &sidecar("mwp1sub-2_T1w.nii.gz"))]).load().remarks.remove(0).example;
    assert!(other.contains("GM_parc.tsv was made of mwp1sub-2_T1w.nii.gz"), "{other}");
}

#[test]
fn a_unit_says_when_its_reading_began() {
    let before = ReadAt::now();
    let files = Files::new(&[]);
    let planned = planned(&[]);
    let seen = std::cell::Cell::new(None);
    let loaded = files.read(&planned, &mut RegionSet::default(), &|| {
        seen.set(seen.get().or(Some(ReadAt::now())));
        false
    });
    let read_at = loaded.unwrap().unwrap().unit.read_at;
    assert!(before <= read_at && read_at <= seen.get().unwrap());
}

#[test]
fn a_run_that_stops_inside_a_table_leaves_the_unit() {
    let rows: String = (0..20_000).map(|row| format!("r{row}\t0.5\tx\n")).collect();
    let files = Files::new(&[(GM, &format!("label\tmean\textra\n{rows}"))]);
    let asked = std::cell::Cell::new(0);
    let stops_late = || asked.replace(asked.get() + 1) >= 10;
    assert!(files.read(&planned(&[]), &mut RegionSet::default(), &stops_late).unwrap().is_none());
    assert_eq!(asked.get(), 11, "nothing goes on once it was told to stop");
}

#[test]
fn a_table_has_its_own_regions_whatever_was_read_before_it() {
    let mut regions = RegionSet::default();
    for table in [
        "index\tlabel\tmean\n1\ta\t0.5\n2\tb\t0.5\n",
        "index\tlabel\tmean\n1\ta\t0.25\n2\tb\t0.25\n",
        "index\tlabel\tmean\n1\ta\t0.5\n2\tc\t0.5\n",
        "index\tlabel\tmean\n1\ta\t0.5\n",
    ] {
        let files = Files::new(&[(GM, table)]);
        let read = |regions: &mut RegionSet| {
            let loaded = files.read(&planned(&[]), regions, &|| false).unwrap().unwrap();
            loaded.unit.tables[0].regions().clone()
        };
        let own = read(&mut RegionSet::default());
        assert_eq!(read(&mut regions), own);
        assert_eq!(regions, own);
    }
}

#[test]
fn a_table_that_its_input_did_not_list_is_refused() {
    let files = Files::new(&[]);
    let tables = Some(files.path("t"));
    let white = Cat12 { reports: None, tables, tissues: vec![Tissue::Wm], atlas: "A".to_owned(), run: None };
    let inputs = ListedInputs::list(vec![Arc::new(white)]).unwrap();
    let error = load(&inputs, &planned(&[]), &files.found(), &mut RegionSet::default(), &|| false);
    let error = error.err().unwrap().to_string();
    assert!(error.contains("GM_parc.tsv") && error.contains("anatomical_gm"), "{error}");
}

//! A feature into which sessions are inserted is the one that is made of all of them at once.

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::Fields;
use na_cache::{EncodedUnit, OwnerLock, RunRecord};
use na_model::{MapSource, Modality, Removals, TivFinding, Unit, WideMetrics};
use na_store::{ExportRequest, Unobserved, export, verify_store};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use support::{cases, commit, load, noddi, read, record, session, stored, unit_of};

const METRICS: [&str; 4] = ["mean", "gaps", "voxel_count", "flag"];
const REGIONS: u32 = 5;

/// A session's table: doubles, doubles with gaps, integers, flags. No two cells of a column are alike, where they can be.
fn batch(subject: u32, version: u32, map: u32) -> RecordBatch {
    let cells = || (0..REGIONS).map(move |region| ((version * 10 + map) * 1000 + subject) * 10 + region);
    let gaps = cells().map(|cell| (cell % 3 > 0).then(|| f64::from(cell).sqrt()));
    let columns: [(&str, ArrayRef); 6] = [
        ("index", Arc::new(Int64Array::from_iter_values((0..REGIONS).map(i64::from)))),
        ("label", Arc::new(StringArray::from_iter_values((0..REGIONS).map(|region| format!("r{region}"))))),
        ("mean", Arc::new(Float64Array::from_iter_values(cells().map(|cell| f64::from(cell) / 3.0)))),
        ("gaps", Arc::new(gaps.collect::<Float64Array>())),
        (
            "voxel_count",
            Arc::new(cells().map(|cell| (cell % 5 > 0).then_some(i64::from(cell))).collect::<Int64Array>()),
        ),
        (
            "flag",
            Arc::new(cells().map(|cell| (cell % 7 > 0).then_some(cell % 2 == 0)).collect::<BooleanArray>()),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn unit(subject: u32, version: u32) -> EncodedUnit {
    // Every third session lacks the second map.
    let maps = if subject.is_multiple_of(3) { 1 } else { 2 };
    let tables = [(0, noddi("icvf")), (1, noddi("od"))].into_iter().take(maps);
    let tables = tables.map(|(map, source)| ("diffusion_NODDI", source, batch(subject, version, map)));
    unit_of(&format!("{subject:04}"), Modality::Diffusion, tables.collect(), TivFinding::Kept)
}

fn listed() -> RunRecord {
    let mut record = record(&[]);
    record.settings.wide_metrics = WideMetrics::Listed(METRICS.map(str::to_owned).into());
    record
}

/// A file's name, fields and columns.
type Feature = (String, Fields, Vec<ArrayRef>);

fn features(output: &Path) -> Vec<Feature> {
    let names = ["icvf", "od"]
        .into_iter()
        .flat_map(|param| METRICS.map(|metric| format!("NODDI_noddi_{param}_{metric}")));
    let path = |name: &String| output.join("wide/diffusion").join(format!("{name}.parquet"));
    let files = names.filter(|name| path(name).exists());
    let feature = |name: String| {
        let batch = read(&path(&name));
        (name, batch.schema().fields().clone(), batch.columns().to_vec())
    };
    files.map(feature).collect()
}

/// Sessions and their versions.
type Cohort = BTreeMap<u32, u32>;

/// The features of a store that is made of these sessions at once.
#[track_caller]
fn assert_as_if_made_at_once(output: &Path, cohort: &Cohort) {
    let fresh = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(fresh.path()).unwrap();
    load(&lock, &listed(), cohort.iter().map(|(subject, version)| unit(*subject, *version)).collect());
    let (grown, whole) = (features(output), features(fresh.path()));
    assert_eq!(grown.len(), if cohort.keys().all(|subject| subject.is_multiple_of(3)) { 4 } else { 8 });
    for (grown, whole) in grown.iter().zip(&whole) {
        assert_eq!(grown, whole);
    }
    assert_eq!(grown.len(), whole.len());
    assert_eq!(verify_store(output).unwrap().problems, []);
}

fn leave(lock: &OwnerLock, subjects: &[u32]) {
    let mut removals = Removals::default();
    for subject in subjects {
        removals.add_unit(Unit::of_parcellate(session(&format!("{subject:04}")), Modality::Diffusion));
    }
    let cache = commit(lock, &listed(), Vec::new());
    let request = ExportRequest { removals, ..ExportRequest::new(listed()) };
    export(lock, &stored(lock), cache, &request, &Unobserved).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    #[test]
    fn whoever_comes_is_read_again_or_leaves(
        first in prop::collection::btree_set(0..60_u32, 20..40),
        steps in prop::collection::vec((prop::collection::btree_set(0..60_u32, 1..6), any::<bool>()), 1..5),
    ) {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let mut cohort: Cohort = first.into_iter().map(|subject| (subject, 1)).collect();
        load(&lock, &listed(), cohort.iter().map(|(subject, version)| unit(*subject, *version)).collect());
        for (number, (subjects, is_leaving)) in (2..).zip(steps) {
            if is_leaving {
                let subjects: Vec<u32> = subjects.into_iter().filter(|subject| cohort.remove(subject).is_some()).collect();
                leave(&lock, &subjects);
            } else {
                cohort.extend(subjects.iter().map(|subject| (*subject, number)));
                load(&lock, &listed(), subjects.iter().map(|subject| unit(*subject, number)).collect());
            }
            assert_as_if_made_at_once(output.path(), &cohort);
        }
    }
}

#[test]
fn a_row_group_without_a_new_session_stays_as_it_is() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort: Cohort = (1..=4200).map(|subject| (2 * subject, 1)).collect();
    load(&lock, &listed(), cohort.keys().map(|subject| unit(*subject, 1)).collect());
    let path = output.path().join("wide/diffusion/NODDI_noddi_icvf_mean.parquet");
    let groups = || {
        let file = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let of_group = |group: usize| {
            let group = file.metadata().row_group(group);
            let chunk = |column: usize| {
                let (start, length) = group.column(column).byte_range();
                let [start, length] = [start, length].map(|of| usize::try_from(of).unwrap());
                bytes[start..start + length].to_vec()
            };
            (group.num_rows(), (0..group.num_columns()).map(chunk).collect::<Vec<_>>())
        };
        (0..file.metadata().num_row_groups()).map(of_group).collect::<Vec<_>>()
    };
    let before = groups();
    assert_eq!(before.iter().map(|(rows, _)| *rows).collect::<Vec<_>>(), [4096, 104]);
    // One behind all of them, then one amid the first.
    for (subject, rows) in [(9001, [4096, 105]), (7, [4097, 105])] {
        cohort.insert(subject, 1);
        load(&lock, &listed(), vec![unit(subject, 1)]);
        let now = groups();
        assert_eq!(now.iter().map(|(rows, _)| *rows).collect::<Vec<_>>(), rows);
        assert_eq!(now[0] == before[0], subject == 9001);
        assert_as_if_made_at_once(output.path(), &cohort);
    }
}

#[test]
fn a_feature_of_an_older_state_is_made_anew() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort: Cohort = (1..=20).map(|subject| (subject, 1)).collect();
    load(&lock, &listed(), cohort.keys().map(|subject| unit(*subject, 1)).collect());
    let path = output.path().join("wide/diffusion/NODDI_noddi_icvf_mean.parquet");
    let older = std::fs::read(&path).unwrap();
    for subject in [21, 22] {
        cohort.insert(subject, 1);
        load(&lock, &listed(), vec![unit(subject, 1)]);
        // As an export leaves it that is cut short after its long tables.
        if subject == 21 {
            std::fs::write(&path, &older).unwrap();
        }
    }
    assert_as_if_made_at_once(output.path(), &cohort);
}

/// A lone description is not in the names of its features; beside a file without one it is, and that has the names then.
#[test]
fn a_name_that_passes_to_another_map_takes_no_rows_along() {
    let unit_with = |subject: u32, desc: &str| {
        let map = MapSource { model: "noddi".into(), param: "od".into(), desc: desc.into() };
        let tables = vec![("diffusion_NODDI", Some(map), batch(subject, 1, 0))];
        unit_of(&format!("{subject:04}"), Modality::Diffusion, tables, TivFinding::Kept)
    };
    let [grown, whole] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let lock = OwnerLock::acquire(grown.path()).unwrap();
    let modulated = || (1..=20).map(|subject| unit_with(subject, "modulated")).collect::<Vec<_>>();
    let without = || (21..=24).map(|subject| unit_with(subject, "unknown")).collect::<Vec<_>>();
    load(&lock, &listed(), modulated());
    load(&lock, &listed(), without());
    let lock = OwnerLock::acquire(whole.path()).unwrap();
    load(&lock, &listed(), modulated().into_iter().chain(without()).collect());
    let files = |output: &Path| {
        let files =
            std::fs::read_dir(output.join("wide/diffusion")).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        files.map(|path| (name(&path), read(&path).columns().to_vec())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(files(grown.path()).len(), 2 * METRICS.len());
    assert_eq!(files(grown.path()), files(whole.path()));
}

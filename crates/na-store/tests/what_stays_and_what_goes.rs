//! An export replaces what was read again, map by map, and leaves all else as it was.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, RecordBatch, StringArray, cast::AsArray, types::Float64Type};
use na_cache::{EncodedUnit, OwnerLock};
use na_model::{
    MapSource, Modality, ReadAt, SourceFile, SourceKind, TivFinding, Unit, UnitOutcome, UnitStatus,
};
use na_store::{
    CacheExport, ExistingStore, ExportRequest, FeatureStore, ReadOptions, SourceDetail, Unobserved, export,
    export_cache,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{batch, cells, commit, export_all, load, noddi, read, record, session, unit_of};

fn gm(subject: &str, value: f64, tiv: TivFinding) -> EncodedUnit {
    unit_of(subject, Modality::Anatomical, vec![("anatomical_gm", None, batch(value))], tiv)
}

fn maps(subject: &str, maps: &[(&str, f64)]) -> EncodedUnit {
    let table = |(param, value): &(&str, f64)| ("diffusion_NODDI", noddi(param), batch(*value));
    unit_of(subject, Modality::Diffusion, maps.iter().map(table).collect(), TivFinding::Kept)
}

/// The distinct values of a column, by subject.
fn values(batch: &RecordBatch, column: &str) -> BTreeSet<(String, String)> {
    cells(batch, column).into_iter().collect()
}

fn pair(subject: &str, value: &str) -> (String, String) {
    (subject.to_owned(), value.to_owned())
}

/// The mean of the first region of each map, with whom it is of.
fn first_means(batch: &RecordBatch) -> BTreeSet<String> {
    let (subjects, params) = (cells(batch, "subject_code"), cells(batch, "param"));
    let (labels, means) = (cells(batch, "label"), cells(batch, "mean"));
    let rows = (0..batch.num_rows()).filter(|row| labels[*row].1 == "b");
    rows.map(|row| format!("{} {} {}", subjects[row].1, params[row].1, means[row].1)).collect()
}

#[test]
fn a_map_that_is_read_again_replaces_that_map_alone() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2"]);
    load(&lock, &record, vec![maps("1", &[("icvf", 1.0), ("od", 2.0)]), maps("2", &[("icvf", 3.0)])]);
    load(&lock, &record, vec![maps("1", &[("od", 5.0)]), maps("2", &[("od", 4.0)])]);
    let path = output.path().join("long/diffusion/NODDI.parquet");
    let expected = ["0001 icvf 1.0", "0001 od 5.0", "0002 icvf 3.0", "0002 od 4.0"].map(str::to_owned);
    assert_eq!(first_means(&read(&path)), expected.into());
    let mut files = Vec::new();
    ExistingStore::open(output.path())
        .unwrap()
        .for_each_unit(SourceDetail::Sidecars, |unit| {
            files.extend(unit.sources.into_iter().map(|source| source.path));
            Ok::<(), na_store::StoreError>(())
        })
        .unwrap();
    files.sort();
    let file = |subject: &str, param: &str| format!("sub-{subject}/tablediffusion_NODDI{param}.tsv");
    assert_eq!(files, [file("1", "icvf"), file("1", "od"), file("2", "icvf"), file("2", "od")]);
}

#[test]
fn a_session_of_which_one_map_is_read_again_is_not_split() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let large = |value: f64| {
        let rows = 20_000_u32;
        let labels = (0..rows).map(|row| format!("r{row}"));
        RecordBatch::try_from_iter([
            ("label", Arc::new(StringArray::from_iter_values(labels)) as _),
            ("mean", Arc::new(Float64Array::from_iter_values((0..rows).map(|_| value))) as _),
        ])
        .unwrap()
    };
    let unit = |subject, params: &[&str], value: f64| {
        let table = |param: &&str| ("diffusion_NODDI", noddi(param), large(value));
        unit_of(subject, Modality::Diffusion, params.iter().map(table).collect(), TivFinding::Kept)
    };
    let record = record(&["1", "2"]);
    load(&lock, &record, vec![unit("1", &["icvf", "od"], 1.0), unit("2", &["icvf", "od"], 1.0)]);
    let store = FeatureStore::open(output.path()).unwrap();
    let sessions_of = |batch: &RecordBatch| -> BTreeSet<String> {
        cells(batch, "subject_code").into_iter().map(|(subject, _)| subject).collect()
    };
    let cache = commit(&lock, &record, vec![unit("1", &["od"], 2.0)]);
    let scanned: Vec<RecordBatch> = store.scan_long("diffusion_NODDI").unwrap().map(Result::unwrap).collect();
    let of_first = scanned.iter().filter(|batch| sessions_of(batch).contains("0001"));
    assert_eq!(of_first.map(RecordBatch::num_rows).collect::<Vec<_>>(), [40_000], "read beside a cache");
    export_all(&lock, cache, &record, false, &na_store::Unobserved).unwrap();
    let file = std::fs::File::open(output.path().join("long/diffusion/NODDI.parquet")).unwrap();
    let groups = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let rows: Vec<i64> = groups.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [40_000, 40_000]);
    let params = cells(&read(&output.path().join("long/diffusion/NODDI.parquet")), "param");
    assert_eq!((params[0].1.as_str(), params[20_000].1.as_str()), ("icvf", "od"));
}

#[test]
fn what_the_store_read_later_than_a_cache_stays() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1"]);
    let mut late = maps("1", &[("icvf", 1.0), ("od", 1.0)]);
    let mut old = maps("1", &[("icvf", 2.0)]);
    let mut later = maps("1", &[("od", 3.0)]);
    for (unit, read_at) in [(&mut late, 20), (&mut old, 10), (&mut later, 30)] {
        unit.read_at = ReadAt(read_at);
    }
    load(&lock, &record, vec![late]);
    let path = output.path().join("long/diffusion/NODDI.parquet");
    load(&lock, &record, vec![old]);
    assert_eq!(first_means(&read(&path)), ["0001 icvf 1.0", "0001 od 1.0"].map(str::to_owned).into());
    load(&lock, &record, vec![later]);
    assert_eq!(first_means(&read(&path)), ["0001 icvf 1.0", "0001 od 3.0"].map(str::to_owned).into());
}

#[test]
fn a_changed_volume_reaches_rows_whose_tables_were_archived() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2"]);
    load(
        &lock,
        &record,
        vec![gm("1", 1.0, TivFinding::Measured(1500.0)), gm("2", 2.0, TivFinding::Measured(1600.0))],
    );
    let path = output.path().join("long/anatomical_gm.parquet");
    let expected = |first: &str| BTreeSet::from([pair("0001", first), pair("0002", "1600.0")]);
    assert_eq!(values(&read(&path), "tiv"), expected("1500.0"));
    let alone = unit_of("1", Modality::Anatomical, Vec::new(), TivFinding::Measured(1400.0));
    let cache = commit(&lock, &record, vec![alone]);
    let store = FeatureStore::open(output.path()).unwrap();
    let scanned: Vec<RecordBatch> = store.scan_long("anatomical_gm").unwrap().map(Result::unwrap).collect();
    assert_eq!(values(&scanned[0], "tiv"), expected("1400.0"), "read beside a cache");
    export_all(&lock, cache, &record, false, &na_store::Unobserved).unwrap();
    assert_eq!(values(&read(&path), "tiv"), expected("1400.0"));
    // Read again without a look for the volume: it stays, and on one file.
    load(&lock, &record, vec![gm("1", 3.0, TivFinding::Kept)]);
    assert_eq!(values(&read(&path), "tiv"), expected("1400.0"));
    let told = || {
        let mut told = Vec::new();
        ExistingStore::open(output.path())
            .unwrap()
            .for_each_unit(SourceDetail::Sidecars, |unit| {
                let is_of_volume =
                    |source: &SourceFile| source.kind == SourceKind::Tiv || source.tiv.is_some();
                let sources = unit.sources.into_iter().filter(is_of_volume);
                told.extend(
                    sources.map(|source| (unit.unit.session.subject.to_string(), source.kind, source.tiv)),
                );
                Ok::<(), na_store::StoreError>(())
            })
            .unwrap();
        told.sort_by(|first, second| first.0.cmp(&second.0));
        told
    };
    let file = |subject: &str, tiv| (subject.to_owned(), SourceKind::Tiv, Some(tiv));
    assert_eq!(told(), [file("0001", 1400.0), file("0002", 1600.0)]);
    // There is none any more.
    load(&lock, &record, vec![unit_of("1", Modality::Anatomical, Vec::new(), TivFinding::Unknown)]);
    assert_eq!(values(&read(&path), "tiv"), expected(""));
    assert_eq!(read(&path).num_rows(), 6);
    assert_eq!(told(), [file("0002", 1600.0)]);
}

#[test]
fn a_session_of_volume_alone_that_leaves_the_list_keeps_its_metadata() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let alone = unit_of("1", Modality::Anatomical, Vec::new(), TivFinding::Measured(1500.0));
    load(&lock, &record(&["1", "2"]), vec![alone, gm("2", 2.0, TivFinding::Kept)]);
    let path = output.path().join("metadata.parquet");
    let both = BTreeSet::from([pair("0001", "30.0"), pair("0002", "30.0")]);
    assert_eq!(values(&read(&path), "AGE"), both);
    load(&lock, &record(&["2"]), vec![gm("2", 3.0, TivFinding::Kept)]);
    assert_eq!(values(&read(&path), "AGE"), both);
}

#[test]
fn a_cohort_that_grows_session_by_session_has_one_row_group() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let subjects: Vec<String> = (1..=30).map(|subject| subject.to_string()).collect();
    for subject in &subjects {
        load(&lock, &record(&[subject]), vec![gm(subject, 1.0, TivFinding::Kept)]);
    }
    let file = std::fs::File::open(output.path().join("long/anatomical_gm.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 1);
    assert_eq!(reader.metadata().file_metadata().num_rows(), 90);
}

#[test]
fn what_the_store_tells_of_units_stays_where_a_run_was_cut_short_before_it_told_of_any() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let list = record(&["1", "2", "3"]);
    let outcome = |subject: &str, status: UnitStatus, reason: &str| UnitOutcome {
        unit: Unit::of_parcellate(session(subject), Modality::Anatomical),
        status,
        reason: reason.to_owned(),
    };
    let kept = "kept: anatomical_wm: its file is gone";
    let outcomes = vec![
        outcome("1", UnitStatus::Loaded, kept),
        outcome("2", UnitStatus::Loaded, kept),
        outcome("3", UnitStatus::Missing, "none was found"),
    ];
    let units = ["1", "2"].map(|subject| gm(subject, 1.0, TivFinding::Kept));
    let cache = commit(&lock, &list, units.into());
    let request = ExportRequest { outcomes, ..ExportRequest::new(list.clone()) };
    export(&lock, &ExistingStore::open(output.path()).unwrap(), cache, &request, &Unobserved).unwrap();
    drop(commit(&lock, &list, vec![gm("2", 2.0, TivFinding::Kept)]));
    drop(lock);
    export_cache(output.path(), &CacheExport::default(), &Unobserved).unwrap();
    let told = std::fs::read_to_string(output.path().join("sessions.tsv")).unwrap();
    let of = |subject: &str| told.lines().find(|line| line.starts_with(subject)).unwrap().to_owned();
    assert!(of("0001").ends_with(kept), "{told}");
    assert!(of("0002").ends_with("\tn/a"), "it was read again: {told}");
    assert!(of("0003").ends_with("missing\tn/a\tnone was found"), "{told}");
}

#[test]
fn what_an_export_that_was_cut_short_left_goes_with_the_next_wherever_it_is() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1"]);
    load(&lock, &record, vec![gm("1", 1.0, TivFinding::Kept), maps("1", &[("icvf", 1.0)])]);
    let left = ["", "long", "long/diffusion", "wide/anatomical", "wide/diffusion"]
        .map(|folder| output.path().join(folder).join(".partial-other.parquet"));
    left.iter().for_each(|path| std::fs::write(path, "half").unwrap());
    load(&lock, &record, vec![gm("1", 2.0, TivFinding::Kept)]);
    left.iter().for_each(|path| assert!(!path.exists(), "{}", path.display()));
}

#[test]
fn regions_of_rows_that_are_gone_are_not_the_tables() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let with = |label: &str| {
        let batch = RecordBatch::try_from_iter([
            ("label", Arc::new(StringArray::from(vec![label])) as _),
            ("mean", Arc::new(Float64Array::from(vec![1.0])) as _),
        ]);
        let map: Option<MapSource> = None;
        unit_of("1", Modality::Anatomical, vec![("anatomical_gm", map, batch.unwrap())], TivFinding::Kept)
    };
    load(&lock, &record(&["1"]), vec![with("wrong")]);
    load(&lock, &record(&["1"]), vec![with("right")]);
    let regions = na_store::regions_in_use(
        Some(&ExistingStore::open(output.path()).unwrap()),
        None,
        &foldhash::HashSet::default(),
    )
    .unwrap();
    let labels: Vec<_> =
        regions.others.values().flat_map(|set| set.as_slice()).map(|r| r.label.clone()).collect();
    assert_eq!(labels, [Some("right".to_owned())]);
    let store = FeatureStore::open(output.path()).unwrap();
    let feature = store.feature_batch("gm_mean", &ReadOptions::default().without_metadata()).unwrap();
    assert_eq!(
        feature.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>()[2..],
        ["right"]
    );
    assert!(feature.column(2).as_primitive::<Float64Type>().is_valid(0));
}

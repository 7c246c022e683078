//! Segments: published whole or not at all, read together, and of two versions the later counts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use arrow_array::{Float64Array, RecordBatch, StringArray, cast::AsArray, types::Float64Type};
use na_cache::{
    Cache, CacheError, EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, SegmentLimits,
    SegmentRun, SegmentWriter, Segments, Writer, withdraw_from_segments,
};
use na_model::{
    Compression, ExportSettings, Fingerprint, ListedSession, Listing, Modality, Names, ReadAt, Session,
    SourceFile, SourceKind, SubjectCode, TableName, TivFinding, Unit, UnitKind, UnitOutcome, UnitStatus,
    WideMetrics,
};

fn session(subject: &str) -> Session {
    Session::new(SubjectCode::clean(subject).unwrap(), None)
}

/// A unit of these tables of one value each, read then.
fn unit(subject: &str, read_at: i64, tables: &[(&str, f64)], tiv: TivFinding) -> EncodedUnit {
    let encode = |(table, value): &(&str, f64)| {
        let batch = RecordBatch::try_from_iter([
            ("label", Arc::new(StringArray::from(vec!["a", "b"])) as _),
            ("mean", Arc::new(Float64Array::from(vec![*value, -*value])) as _),
        ]);
        EncodedTable::encode(TableName::parse(table).unwrap(), None, &batch.unwrap()).unwrap()
    };
    let source = |(table, value): &(&str, f64)| SourceFile {
        kind: SourceKind::Table,
        table: Some((*table).to_owned()),
        map: None,
        path: format!("sub-{subject}/{table}-{value}.tsv"),
        fingerprint: Fingerprint { size: 1, mtime_ns: 2, hash: format!("{value}") },
        root: None,
        tiv: None,
        read_at: ReadAt(read_at),
        mask_entity: None,
        sidecar: None,
    };
    EncodedUnit {
        unit: Unit::of_parcellate(session(subject), Modality::Anatomical),
        read_at: ReadAt(read_at),
        tiv,
        tables: tables.iter().map(encode).collect(),
        sources: tables.iter().map(source).collect(),
    }
}

fn record(subjects: &[&str], age: &str) -> RunRecord {
    let settings = ExportSettings {
        atlas_name: "A".to_owned(),
        wide_metrics: WideMetrics::Default,
        compression: Compression::default(),
    };
    let row =
        |subject: &&str| ListedSession { session: session(subject), values: vec![Some(age.to_owned())] };
    let listing = Listing {
        columns: vec!["AGE".to_owned()],
        rows: subjects.iter().map(row).collect(),
        ..Listing::default()
    };
    RunRecord::new(settings, listing, vec![UnitKind::of_parcellate(Modality::Anatomical)])
}

fn run(output: &Path, record: RunRecord, started: i64) -> SegmentRun {
    SegmentRun {
        output: output.to_owned(),
        writer: "test".to_owned(),
        record,
        started: ReadAt(started),
        limits: SegmentLimits::default(),
    }
}

fn publish(output: &Path, record: RunRecord, started: i64, units: Vec<EncodedUnit>) {
    let (writer, sender) = SegmentWriter::start(run(output, record, started), |_| {}).unwrap();
    units.into_iter().for_each(|unit| sender.send(unit).unwrap());
    drop(sender);
    writer.finish(Some(&[])).unwrap();
}

fn joined(output: &Path, own: Option<Cache>) -> Cache {
    let segments = Segments::list(output).unwrap();
    Cache::with_segments(own, &segments, None).unwrap().0.unwrap()
}

/// The values of each table of a unit, in words.
fn values(cache: &Cache, unit: &na_cache::CachedUnit) -> BTreeSet<String> {
    let tables: BTreeSet<TableName> = unit.tables.iter().map(|info| info.table.clone()).collect();
    let value = |table: TableName| {
        let read = cache.read_table(unit, &table).unwrap();
        assert_eq!(read.len(), 1, "{table} is there once");
        let mean = read[0].batch["mean"].as_primitive::<Float64Type>().value(0);
        format!("{table} {mean}")
    };
    tables.into_iter().map(value).collect()
}

fn files(output: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(output.join(".segments")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn units_are_acknowledged_when_their_segment_has_its_name() {
    let output = tempfile::tempdir().unwrap();
    let limits = SegmentLimits { units: 2, ..SegmentLimits::default() };
    let run = SegmentRun { limits, ..run(output.path(), record(&["1", "2", "3"], "30"), 1) };
    let (told, published) = channel();
    let (writer, sender) = SegmentWriter::start(run, move |units| told.send(units.len()).unwrap()).unwrap();
    for (n, subject) in ["1", "2", "3"].into_iter().enumerate() {
        sender.send(unit(subject, 5, &[("anatomical_gm", n as f64)], TivFinding::Unknown)).unwrap();
    }
    assert_eq!(published.recv(), Ok(2));
    assert_eq!(Segments::list(output.path()).unwrap().len(), 1);
    assert_eq!(joined(output.path(), None).units().unwrap().len(), 2);
    drop(sender);
    writer.finish(None).unwrap();
    assert_eq!(published.recv(), Ok(1));
    assert_eq!(joined(output.path(), None).units().unwrap().len(), 3);
    assert_eq!(files(output.path()).len(), 2);
}

#[test]
fn what_waits_is_published_after_a_while() {
    let output = tempfile::tempdir().unwrap();
    let limits = SegmentLimits { time: Duration::from_millis(20), ..SegmentLimits::default() };
    let run = SegmentRun { limits, ..run(output.path(), record(&["1"], "30"), 1) };
    let (told, published) = channel();
    let (writer, sender) = SegmentWriter::start(run, move |units| told.send(units.len()).unwrap()).unwrap();
    sender.send(unit("1", 5, &[("anatomical_gm", 1.0)], TivFinding::Unknown)).unwrap();
    // Nobody sends any more, and the sender stays.
    assert_eq!(published.recv(), Ok(1));
    drop(sender);
    writer.finish(None).unwrap();
}

#[test]
fn a_writer_whose_file_was_deleted_writes_it_again() {
    let output = tempfile::tempdir().unwrap();
    let (writer, sender) = SegmentWriter::start(run(output.path(), record(&["1"], "30"), 1), |_| {}).unwrap();
    sender.send(unit("1", 5, &[("anatomical_gm", 1.0)], TivFinding::Unknown)).unwrap();
    while !output.path().join(".segments").is_dir() || files(output.path()).is_empty() {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(50));
    fs::remove_dir_all(output.path().join(".segments")).unwrap();
    drop(sender);
    writer.finish(None).unwrap();
    let cache = joined(output.path(), None);
    assert_eq!(values(&cache, &cache.units().unwrap()[0]), BTreeSet::from(["anatomical_gm 1".to_owned()]));
    assert_eq!(files(output.path()).len(), 1);
}

#[test]
fn a_file_that_is_not_published_is_nobody_s_and_stays_for_a_day() {
    let output = tempfile::tempdir().unwrap();
    publish(output.path(), record(&["1"], "30"), 1, vec![]);
    let folder = output.path().join(".segments");
    // Process ids end at 4,194,304.
    let dead = folder.join(".20260101T000000.000000Z-x-0~elsewhere~99999999.seg.tmp");
    fs::write(&dead, "half").unwrap();
    let own = folder.join(format!(
        ".20260101T000000.000000Z-x-1~{}~{}.seg.tmp",
        na_cache::HolderName::of_this_process().host,
        std::process::id()
    ));
    fs::write(&own, "half").unwrap();
    assert_eq!(Segments::list_to_merge(output.path()).unwrap().len(), 1);
    assert!(dead.exists() && own.exists());
    let two_days_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 86_400);
    for path in [&dead, &own] {
        fs::File::options().write(true).open(path).unwrap().set_modified(two_days_ago).unwrap();
    }
    assert_eq!(Segments::list_to_merge(output.path()).unwrap().len(), 1);
    assert!(!dead.exists() && own.exists());
}

#[test]
fn of_each_table_and_volume_the_later_version_counts_with_its_files() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let owned = OwnedCache::open_or_create(&lock).unwrap();
    let (writer, sender) = Writer::start(&owned, |_| {}).unwrap();
    let both = [("anatomical_gm", 1.0), ("anatomical_wm", 2.0)];
    sender.send(unit("1", 100, &both, TivFinding::Measured(1500.0))).unwrap();
    drop(sender);
    writer.finish().unwrap();
    let later = [("anatomical_gm", 10.0), ("anatomical_ct", 30.0)];
    publish(output.path(), record(&["1"], "30"), 1, vec![unit("1", 200, &later, TivFinding::Kept)]);
    // A zombie that read earlier and published later.
    let earlier = unit("1", 150, &[("anatomical_gm", 5.0)], TivFinding::Measured(1600.0));
    publish(output.path(), record(&["1"], "31"), 0, vec![earlier]);
    let cache = joined(output.path(), Some((*owned).clone()));
    let units = cache.units().unwrap();
    assert_eq!(units.len(), 1);
    assert_eq!(
        values(&cache, &units[0]),
        ["anatomical_ct 30", "anatomical_gm 10", "anatomical_wm 2"].map(str::to_owned).into()
    );
    assert_eq!((units[0].tiv, units[0].read_at), (TivFinding::Measured(1600.0), ReadAt(200)));
    let paths: BTreeSet<String> =
        cache.sources(&units[0]).unwrap().into_iter().map(|source| source.path).collect();
    let expected = ["sub-1/anatomical_ct-30.tsv", "sub-1/anatomical_gm-10.tsv", "sub-1/anatomical_wm-2.tsv"];
    assert_eq!(paths, expected.map(str::to_owned).into());
    // Of a session that two lists have, that of the run that started last counts.
    let listing = cache.run_record().unwrap().unwrap().listing;
    assert_eq!(listing.rows, record(&["1"], "30").listing.rows);
}

#[test]
fn a_volume_of_a_table_never_replaces_one_of_a_report() {
    let output = tempfile::tempdir().unwrap();
    let table = [("anatomical_gm", 1.0)];
    let with_report = |read_at, volume| {
        let mut unit = unit("1", read_at, &table, TivFinding::Measured(volume));
        let table = unit.sources[0].clone();
        unit.sources.push(SourceFile {
            kind: SourceKind::Tiv,
            table: None,
            path: "sub-1/cat_sub-1.xml".to_owned(),
            tiv: Some(volume),
            ..table
        });
        unit
    };
    let of_table = unit("1", 200, &table, TivFinding::Measured(1700.0));
    publish(output.path(), record(&["1"], "30"), 1, vec![with_report(100, 1500.0)]);
    publish(output.path(), record(&["1"], "30"), 2, vec![of_table]);
    let volume = || {
        let cache = joined(output.path(), None);
        let unit = cache.units().unwrap().remove(0);
        let reports =
            cache.sources(&unit).unwrap().into_iter().filter(|source| source.kind == SourceKind::Tiv);
        (unit.tiv, reports.count())
    };
    assert_eq!(volume(), (TivFinding::Measured(1500.0), 1));
    publish(output.path(), record(&["1"], "30"), 3, vec![with_report(300, 1600.0)]);
    assert_eq!(volume(), (TivFinding::Measured(1600.0), 1));
}

#[test]
fn what_was_told_of_a_unit_before_it_was_read_says_nothing_any_more() {
    let output = tempfile::tempdir().unwrap();
    let tell = |told: &[(&str, UnitStatus, i64)], units: Vec<EncodedUnit>| {
        let subjects = ["1", "2", "3", "4"];
        let run = run(output.path(), record(&subjects, "30"), 1);
        let (writer, sender) = SegmentWriter::start(run, |_| {}).unwrap();
        units.into_iter().for_each(|unit| sender.send(unit).unwrap());
        drop(sender);
        let outcome = |(subject, status, at): &(&str, UnitStatus, i64)| {
            let unit = Unit::of_parcellate(session(subject), Modality::Anatomical);
            (UnitOutcome { unit, status: *status, reason: format!("{status} at {at}") }, ReadAt(*at))
        };
        writer.finish(Some(&told.iter().map(outcome).collect::<Vec<_>>())).unwrap();
    };
    let table = [("anatomical_gm", 1.0)];
    tell(
        &[("1", UnitStatus::Missing, 10), ("2", UnitStatus::Failed, 10), ("4", UnitStatus::Failed, 10)],
        vec![unit("3", 20, &table, TivFinding::Unknown)],
    );
    tell(
        &[("3", UnitStatus::Failed, 30), ("4", UnitStatus::Failed, 40)],
        vec![unit("1", 20, &table, TivFinding::Unknown), unit("2", 20, &table, TivFinding::Unknown)],
    );
    let told: Vec<(String, UnitStatus, String)> = joined(output.path(), None)
        .outcomes()
        .unwrap()
        .into_iter()
        .map(|outcome| (outcome.unit.session.subject.to_string(), outcome.status, outcome.reason))
        .collect();
    let expected = [
        ("0004", UnitStatus::Failed, "failed at 40"),
        ("0003", UnitStatus::Loaded, "it could not be read again: failed at 30"),
    ];
    assert_eq!(
        told,
        expected.map(|(subject, status, why)| (subject.to_owned(), status, why.to_owned())).to_vec()
    );
}

#[test]
fn a_segment_that_is_none_is_refused_and_one_that_was_merged_is_gone() {
    let output = tempfile::tempdir().unwrap();
    publish(output.path(), record(&["1"], "30"), 1, vec![unit("1", 5, &[], TivFinding::Unknown)]);
    let foreign = output.path().join(".segments/20260101T000000.000000Z-x-0.seg");
    fs::write(&foreign, "no database").unwrap();
    let segments = Segments::list(output.path()).unwrap();
    let (cache, refused) = Cache::with_segments(None, &segments, None).unwrap();
    assert_eq!((cache.unwrap().units().unwrap().len(), refused.len()), (1, 1));
    fs::remove_file(foreign).unwrap();
    let gone = Cache::with_segments(None, &segments, None).unwrap_err();
    assert!(matches!(gone, CacheError::SegmentGone { .. }), "{gone}");
}

#[test]
fn who_withdraws_leaves_no_byte_in_a_segment() {
    let output = tempfile::tempdir().unwrap();
    let table = [("anatomical_gm", 1.0)];
    let units = ["7777", "8888"].map(|subject| unit(subject, 5, &table, TivFinding::Unknown));
    publish(output.path(), record(&["7777", "8888"], "30"), 1, units.into());
    let before = files(output.path());
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let sessions = BTreeSet::from([session("7777")]);
    assert!(withdraw_from_segments(&lock, &sessions, &Names::of(&sessions, []), 1).unwrap());
    let after = files(output.path());
    assert!(after.len() == 1 && after != before);
    assert!(!fs::read(&after[0]).unwrap().windows(4).any(|bytes| bytes == b"7777"));
    let cache = joined(output.path(), None);
    assert_eq!(cache.units().unwrap().len(), 1);
    assert_eq!(cache.run_record().unwrap().unwrap().n_listed_withdrawn, Some(1));
    // Those who are in none are rewritten nowhere.
    withdraw_from_segments(&lock, &sessions, &Names::of(&sessions, []), 1).unwrap();
    assert_eq!(files(output.path()), after);
}

#[test]
fn a_listing_deletes_what_it_names_and_nothing_else() {
    let output = tempfile::tempdir().unwrap();
    publish(output.path(), record(&["1"], "30"), 1, vec![]);
    let listed = Segments::list_to_merge(output.path()).unwrap();
    publish(output.path(), record(&["2"], "30"), 2, vec![]);
    listed.delete().unwrap();
    assert_eq!(Segments::list(output.path()).unwrap().len(), 1);
    Segments::list(output.path()).unwrap().delete().unwrap();
    assert!(!output.path().join(".segments").exists());
}

//! A unit is in the cache with all that belongs to it, once, or not at all.

use std::sync::{Arc, Mutex};

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use na_cache::{Cache, CacheError, EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    ColumnNote, ColumnNotes, Compression, ExportSettings, Fingerprint, ListedSession, Listing, MapSource,
    Modality, Session, SessionId, SourceFile, SourceKind, SubjectCode, TableName, Unit, UnitKind,
    UnitOutcome, UnitStatus, WideMetrics,
};

fn session(subject: &str, id: &str) -> Session {
    Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean(id).unwrap())
}

fn batch(first: f64) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("index", Arc::new(Int64Array::from(vec![1, 2])) as _),
        ("label", Arc::new(StringArray::from(vec!["left", "right"])) as _),
        ("mean", Arc::new(Float64Array::from(vec![first, 0.25])) as _),
    ])
    .unwrap()
}

fn map(param: &str) -> MapSource {
    MapSource { model: "noddi".into(), param: param.into(), desc: "unknown".into() }
}

fn unit(subject: &str, modality: Modality, value: f64) -> EncodedUnit {
    let encode = |table: &str, map| {
        EncodedTable::encode(TableName::parse(table).unwrap(), map, &batch(value)).unwrap()
    };
    let tables = match modality {
        Modality::Anatomical => vec![encode("anatomical_wm", None), encode("anatomical_gm", None)],
        Modality::Diffusion => {
            ["od", "icvf"].map(|p| encode("diffusion_MRtrix3_act-HSVS \"x\"", Some(map(p)))).into()
        }
    };
    EncodedUnit {
        unit: Unit::of_parcellate(session(subject, "01"), modality),
        read_at: na_model::ReadAt::now(),
        tiv: match modality {
            Modality::Anatomical => na_model::TivFinding::Measured(1500.25),
            Modality::Diffusion => na_model::TivFinding::Kept,
        },
        tables,
        sources: vec![SourceFile {
            kind: SourceKind::Table,
            table: Some("anatomical_gm".into()),
            map: None,
            path: format!("sub-{subject}/x.tsv"),
            fingerprint: Fingerprint { size: 3, mtime_ns: -5, hash: "ab".into() },
            root: None,
            tiv: None,
            read_at: na_model::ReadAt::UNKNOWN,
            mask_entity: None,
            sidecar: None,
        }],
    }
}

fn commit(cache: &OwnedCache<'_>, units: Vec<EncodedUnit>) -> Vec<String> {
    let committed = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&committed);
    let (writer, sender) =
        Writer::start(cache, move |unit| note.lock().unwrap().push(unit.unit.to_string())).unwrap();
    units.into_iter().for_each(|unit| sender.send(unit).unwrap());
    drop(sender);
    writer.finish().unwrap();
    Arc::into_inner(committed).unwrap().into_inner().unwrap()
}

#[test]
fn what_was_committed_is_read_back_by_another_connection() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let acknowledged = commit(
        &cache,
        vec![unit("2", Modality::Diffusion, 0.5), unit("1", Modality::Anatomical, f64::MIN_POSITIVE)],
    );
    assert_eq!(acknowledged, ["sub-0002/ses-01 diffusion", "sub-0001/ses-01 anatomical"]);

    let reader = Cache::open_existing(output.path()).unwrap().unwrap();
    let units = reader.units().unwrap();
    let names: Vec<String> = units.iter().map(|unit| unit.unit.to_string()).collect();
    assert_eq!(names, ["sub-0001/ses-01 anatomical", "sub-0002/ses-01 diffusion"]);
    let [anatomical, diffusion] = units.as_slice() else { panic!("two units") };
    assert_eq!(anatomical.tiv, na_model::TivFinding::Measured(1500.25));
    assert_eq!(
        anatomical.tables.iter().map(|info| info.table.to_string()).collect::<Vec<_>>(),
        ["anatomical_gm", "anatomical_wm"]
    );
    let gm = reader.read_table(anatomical, &TableName::parse("anatomical_gm").unwrap()).unwrap();
    assert_eq!(gm.len(), 1);
    assert_eq!(gm[0].batch.columns(), batch(f64::MIN_POSITIVE).columns());
    let maps = reader.read_table(diffusion, &diffusion.tables[0].table).unwrap();
    assert_eq!(maps.iter().map(|t| t.map.clone().unwrap().param).collect::<Vec<_>>(), ["icvf", "od"]);
    // The files of a unit were read when it was.
    let mut sources = unit("1", Modality::Anatomical, 0.).sources;
    sources.iter_mut().for_each(|source| source.read_at = anatomical.read_at);
    assert_eq!(reader.sources(anatomical).unwrap(), sources);
    let forms = reader.table_forms(&reader.units().unwrap()).unwrap();
    assert_eq!(forms.len(), 3);
    assert!(forms.iter().all(|form| form.columns.fields().len() == 3 && form.regions.as_slice().len() == 2));

    let status = reader.status().unwrap();
    assert_eq!((status.anatomical_sessions, status.diffusion_sessions), (1, 1));
    assert_eq!(status.tables.len(), 3);
    assert!(status.size_bytes > 8192);
}

#[test]
fn a_unit_committed_again_replaces_itself() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    for value in [1.0, 2.0, 3.0] {
        let cache = OwnedCache::open_or_create(&lock).unwrap();
        commit(&cache, vec![unit("1", Modality::Anatomical, value), unit("1", Modality::Anatomical, value)]);
    }
    let mut without_session = unit("1", Modality::Anatomical, 4.0);
    without_session.unit.session.id = None;
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    commit(&cache, vec![without_session.clone(), without_session]);

    let units = cache.units().unwrap();
    assert_eq!(units.len(), 2);
    let value = |unit| {
        let tables = cache.read_table(unit, &TableName::parse("anatomical_gm").unwrap()).unwrap();
        assert_eq!(tables.len(), 1);
        tables[0].batch.column(2).to_data().buffer::<f64>(0)[0]
    };
    assert!(units[0].unit.session.id.is_none());
    assert_eq!(units.iter().map(value).collect::<Vec<_>>(), [4.0, 3.0]);
    assert_eq!(units[0].tables.len(), 2);
}

#[test]
fn an_export_from_the_cache_alone_finds_what_the_run_was_asked() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    assert_eq!(cache.run_record().unwrap(), None);
    let record = RunRecord::new(
        ExportSettings {
            atlas_name: "AICHA384".into(),
            wide_metrics: WideMetrics::parse("mean,cv"),
            compression: Compression::Lz4,
        },
        Listing {
            left_out: Vec::new(),
            unknown_age_unit: false,
            found_by_folders: false,
            is_discovered: false,
            notes: ColumnNotes::from([(
                "sex".to_owned(),
                ColumnNote { description: Some("as recorded".to_owned()), ..ColumnNote::default() },
            )]),
            columns: vec!["AGE".into(), "a \"quoted\" column".into()],
            rows: vec![
                ListedSession { session: session("9", "01"), values: vec![Some("007".into()), None] },
                ListedSession { session: session("1", ""), values: vec![None, Some("é\n".into())] },
            ],
        },
        vec![UnitKind::of_parcellate(Modality::Anatomical)],
    );
    cache.write_run_record(&record).unwrap();
    cache.write_run_record(&record).unwrap();
    let outcome = UnitOutcome {
        unit: Unit::of_parcellate(session("9", "01"), Modality::Anatomical),
        status: UnitStatus::Failed,
        reason: "x.tsv, line 3".into(),
    };
    cache.write_outcomes(std::slice::from_ref(&outcome)).unwrap();
    let reader = Cache::open_existing(output.path()).unwrap().unwrap();
    assert_eq!(reader.run_record().unwrap(), Some(record.clone()));
    assert_eq!(reader.outcomes().unwrap(), [outcome]);
    cache.write_run_record(&record).unwrap();
    assert_eq!(reader.outcomes().unwrap(), []);
}

#[test]
fn only_its_own_schema_is_opened() {
    let output = tempfile::tempdir().unwrap();
    let path = Cache::path_in(output.path());
    assert!(Cache::open_existing(output.path()).unwrap().is_none());
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE x (y); PRAGMA user_version = 77").unwrap();
    drop(foreign);
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let before = std::fs::read(&path).unwrap();
    for error in
        [Cache::open_existing(output.path()).unwrap_err(), OwnedCache::open_or_create(&lock).unwrap_err()]
    {
        assert!(matches!(error, CacheError::UnknownSchema { found: 77, .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "no database at all, but long enough to be looked at as one ".repeat(50)).unwrap();
    let error = OwnedCache::open_or_create(&lock).unwrap_err();
    assert!(matches!(error, CacheError::Damaged { .. }), "{error}");
}

#[test]
fn where_no_log_is_possible_a_journal_under_a_lock_does() {
    let output = tempfile::tempdir().unwrap();
    let shared_memory = Cache::path_in(output.path()).with_extension("db-shm");
    let lock = OwnerLock::acquire(output.path()).unwrap();
    // The index of the log cannot be created, as on some network file systems.
    drop(OwnedCache::open_or_create(&lock).unwrap());
    let _ = std::fs::remove_file(&shared_memory);
    std::fs::create_dir(&shared_memory).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    assert!(!cache.readers_can_join());
    commit(&cache, vec![unit("1", Modality::Anatomical, 1.0)]);
    assert_eq!(cache.units().unwrap().len(), 1);
    drop(cache);
    std::fs::remove_dir(&shared_memory).unwrap();
    assert_eq!(Cache::open_existing(output.path()).unwrap().unwrap().units().unwrap().len(), 1);
}

#[test]
fn removing_a_cache_leaves_nothing() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    commit(&cache, vec![unit("1", Modality::Anatomical, 1.0)]);
    cache.remove().unwrap();
    drop(lock);
    assert_eq!(std::fs::read_dir(output.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_cache() {
    use std::os::unix::fs::PermissionsExt;
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    commit(&cache, vec![unit("1", Modality::Anatomical, 1.0)]);
    let mut seen = 0;
    for entry in std::fs::read_dir(output.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        seen += 1;
    }
    assert!(seen >= 3, "the cache, its log and the lock");
}

/// Some network file systems share no memory between processes: a folder under the name of the log's index has the same effect.
#[test]
fn where_a_write_ahead_log_does_not_work_a_unit_is_committed_all_the_same() {
    let output = tempfile::tempdir().unwrap();
    std::fs::write(output.path().join(".cache.db"), "").unwrap();
    std::fs::create_dir(output.path().join(".cache.db-shm")).unwrap();
    {
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let cache = OwnedCache::open_or_create(&lock).unwrap();
        assert!(!cache.readers_can_join());
        assert_eq!(commit(&cache, vec![unit("1", Modality::Anatomical, 1.0)]).len(), 1);
    }
    // Later owners and readers can open it, even where the log would work.
    std::fs::remove_dir(output.path().join(".cache.db-shm")).unwrap();
    let cache = Cache::open_existing(output.path()).unwrap().unwrap();
    assert_eq!(cache.units().unwrap().len(), 1);
}

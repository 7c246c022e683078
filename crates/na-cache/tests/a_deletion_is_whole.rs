//! A cache with parts is there, or it is gone: nobody finds one of which some parts are deleted.

use std::fs;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use na_cache::{Cache, EncodedTable, EncodedUnit, NewSeal, OwnedCache, OwnerLock, Writer};
use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};

/// A cache with a unit of two tables, of which each is in a part.
fn sealed(lock: &OwnerLock) -> OwnedCache<'_> {
    let cache = OwnedCache::open_or_create(lock).unwrap();
    let batch = RecordBatch::try_from_iter([("mean", Arc::new(Float64Array::from(vec![0.5])) as _)]).unwrap();
    let table = |name: &str| EncodedTable::encode(TableName::parse(name).unwrap(), None, &batch).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    let unit = EncodedUnit {
        unit: Unit::new(Session::new(SubjectCode::clean("7").unwrap(), None), Modality::Anatomical),
        read_at: ReadAt::now(),
        tiv: TivFinding::Unknown,
        tables: vec![table("anatomical_gm"), table("anatomical_wm")],
        sources: Vec::new(),
    };
    sender.send(unit).unwrap();
    drop(sender);
    writer.finish().unwrap();
    fs::create_dir_all(lock.output().join("long")).unwrap();
    for info in &cache.units().unwrap()[0].tables {
        let part = cache.begin_part(&info.table).unwrap();
        fs::write(part.path_in(lock.output()), "PAR1").unwrap();
        let seal = NewSeal { part: &part, length: 4, footer: b"a footer", tables: vec![info] };
        cache.seal(&[seal]).unwrap();
    }
    cache
}

#[test]
fn a_cache_of_which_a_part_could_not_be_deleted_holds_nothing_and_goes_the_next_time() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let parts: Vec<_> = cache.parts().unwrap().iter().map(|part| part.path_in(output.path())).collect();
    // A folder is no file that can be deleted.
    fs::remove_file(&parts[1]).unwrap();
    fs::create_dir(&parts[1]).unwrap();
    cache.remove().unwrap_err();
    assert!(!parts[0].exists() && Cache::path_in(output.path()).exists());
    assert!(Cache::open_existing(output.path()).unwrap().is_none());
    assert!(Cache::snapshot(output.path()).unwrap().is_none());
    OwnedCache::end_deletion(&lock).unwrap_err();
    fs::remove_dir(&parts[1]).unwrap();
    OwnedCache::end_deletion(&lock).unwrap();
    assert!(!Cache::path_in(output.path()).exists());
}

#[test]
fn whoever_opens_a_cache_that_was_let_go_gets_an_empty_one() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let part = cache.parts().unwrap()[1].path_in(output.path());
    fs::remove_file(&part).unwrap();
    fs::create_dir(&part).unwrap();
    cache.remove().unwrap_err();
    fs::remove_dir(&part).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    assert!(cache.units().unwrap().is_empty() && cache.parts().unwrap().is_empty());
}

#[test]
fn a_name_that_a_file_has_is_no_part_s() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let table = TableName::parse("anatomical_gm").unwrap();
    let theirs = output.path().join("long/.sealed-anatomical_gm-3.parquet");
    fs::write(&theirs, "mine").unwrap();
    let part = cache.begin_part(&table).unwrap();
    assert!(!part.path_in(output.path()).exists());
    cache.delete_empty_parts().unwrap();
    assert_eq!(cache.parts().unwrap().len(), 2);
    cache.remove().unwrap();
    assert_eq!(fs::read_to_string(theirs).unwrap(), "mine");
}

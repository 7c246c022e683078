//! A cache with parts is there, or it is gone: nobody finds one of which some parts are deleted.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch};
use na_cache::{Cache, EncodedTable, EncodedUnit, NewSeal, OwnedCache, OwnerLock, Writer};
use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};

/// A cache with a unit of two tables, of which each is in a part.
fn sealed(lock: &OwnerLock) -> OwnedCache<'_> {
    let cache = OwnedCache::open_or_create(lock).unwrap();
    let batch = RecordBatch::try_from_iter([("mean", Arc::new(Float64Array::from(vec![0.5])) as _)]).unwrap();
    let table = |name: &str| EncodedTable::encode(TableName::parse(name).unwrap(), None, &batch).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    let unit = EncodedUnit {
        unit: Unit::of_parcellate(Session::new(SubjectCode::clean("7").unwrap(), None), Modality::Anatomical),
        read_at: ReadAt::now(),
        tiv: TivFinding::Unknown,
        tables: vec![table("anatomical_gm"), table("diffusion_NODDI")],
        sources: Vec::new(),
    };
    sender.send(unit).unwrap();
    drop(sender);
    writer.finish().unwrap();
    fs::create_dir_all(lock.output().join("long/diffusion")).unwrap();
    for info in &cache.units().unwrap()[0].tables {
        let part = cache.begin_part(&info.table).unwrap();
        fs::write(part.path_in(lock.output()), "PAR1").unwrap();
        let seal = NewSeal { part: &part, length: 4, footer: b"a footer", tables: vec![info] };
        cache.seal(&[seal]).unwrap();
    }
    cache
}

/// Puts a file in the place of a part's folder: nothing below it can be deleted. Returns what brings the folder back.
fn hide_folder_of(part: &Path) -> impl FnOnce() {
    let folder = part.parent().unwrap().to_owned();
    let hidden = folder.with_extension("hidden");
    fs::rename(&folder, &hidden).unwrap();
    fs::write(&folder, "").unwrap();
    move || {
        fs::remove_file(&folder).unwrap();
        fs::rename(&hidden, &folder).unwrap();
    }
}

#[test]
fn a_cache_of_which_a_part_could_not_be_deleted_holds_nothing_and_goes_the_next_time() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let parts: Vec<_> = cache.parts().unwrap().iter().map(|part| part.path_in(output.path())).collect();
    let put_back = hide_folder_of(&parts[1]);
    cache.remove().unwrap_err();
    assert!(!parts[0].exists() && Cache::path_in(output.path()).exists());
    assert!(Cache::open_existing(output.path()).unwrap().is_none());
    assert!(Cache::snapshot(output.path()).unwrap().is_none());
    OwnedCache::end_deletion(&lock).unwrap_err();
    put_back();
    OwnedCache::end_deletion(&lock).unwrap();
    assert!(!Cache::path_in(output.path()).exists());
}

#[test]
fn whoever_opens_a_cache_that_was_let_go_gets_an_empty_one() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let part = cache.parts().unwrap()[1].path_in(output.path());
    let put_back = hide_folder_of(&part);
    cache.remove().unwrap_err();
    put_back();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    assert!(cache.units().unwrap().is_empty() && cache.parts().unwrap().is_empty());
}

#[test]
fn a_name_that_a_file_has_is_no_part_s() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = sealed(&lock);
    let table = TableName::parse("anatomical_gm").unwrap();
    let theirs = output.path().join("long/.sealed-3");
    fs::write(&theirs, "mine").unwrap();
    let part = cache.begin_part(&table).unwrap();
    assert!(!part.path_in(output.path()).exists());
    cache.delete_empty_parts().unwrap();
    assert_eq!(cache.parts().unwrap().len(), 2);
    cache.remove().unwrap();
    assert_eq!(fs::read_to_string(theirs).unwrap(), "mine");
}

#[test]
fn the_name_of_a_part_is_short_where_that_of_its_table_is_as_long_as_can_be() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let table = TableName::parse(&format!("diffusion_{}", "W".repeat(247))).unwrap();
    let path = cache.begin_part(&table).unwrap().path_in(output.path());
    assert_eq!(path.parent(), output.path().join(table.file_path()).parent());
    assert!(path.file_name().unwrap().len() < 32, "{path:?}");
}

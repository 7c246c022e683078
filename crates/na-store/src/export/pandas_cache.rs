//! Exports a cache of the pandas package.

use std::collections::BTreeMap;

use na_cache::{Cache, OwnedCache, OwnerLock, PandasCache, PandasRead, TakenUnit, Writer};
use na_model::columns::AGE;
use na_model::{ListedSession, Session};

use crate::error::StoreError;
use crate::export::job::export;
use crate::export::observer::ExportObserver;
use crate::export::request::{ExportReport, ExportRequest};
use crate::merge::run_record::run_record;
use crate::tables::existing_store::store::ExistingStore;

/// How to export a cache of the pandas package.
#[derive(Debug, Default)]
pub(crate) struct PandasExport {
    /// Needed if neither the cache nor the store records the atlas.
    pub(crate) atlas_name: Option<String>,
    pub(crate) keep_cache: bool,
    /// Lines of the list of withdrawals. `None` if there is no list.
    pub(crate) n_listed_withdrawn: Option<u64>,
}

/// Exports the complete sessions of a cache of the pandas package, each row once. The cache is not changed, and it is
/// deleted when all of them are verified. The next load reads their files again: this cache does not record them.
pub(crate) fn take_over(
    lock: &OwnerLock,
    pandas: PandasCache,
    how: &PandasExport,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let store = ExistingStore::open(lock.output())?;
    let atlas_name = match how.atlas_name.clone().or(store.settings()?.atlas_name) {
        Some(atlas_name) => Some(atlas_name),
        None => pandas.atlas_name()?,
    };
    let atlas_name =
        atlas_name.ok_or_else(|| StoreError::AtlasNotTold { location: Cache::path_in(lock.output()) })?;
    let cache = OwnedCache::create_beside(lock)?;
    let mut units = pandas.units()?;
    let (writer, sender) = Writer::start(&cache, |_| {})?;
    // By subject and session: metadata rows are written in this order.
    let mut ages: BTreeMap<Session, f64> = BTreeMap::new();
    for unit in &units.whole {
        match pandas.read(unit)? {
            PandasRead::Taken(TakenUnit { unit, age }) => {
                ages.extend(age.map(|age| (unit.unit.session.clone(), age)));
                sender.send(unit)?;
            }
            PandasRead::LeftOut(line) => units.left_out.push(line),
        }
    }
    drop(sender);
    writer.finish()?;
    let mut record = run_record(&cache, &store, Some(&atlas_name))?;
    let with_metadata = store.metadata()?.sessions;
    ages.retain(|session, _| !with_metadata.contains(session));
    if !ages.is_empty() {
        let row = |(session, age)| ListedSession { session, values: vec![Some(format!("{age:?}"))] };
        record.listing.columns = vec![AGE.to_owned()];
        record.listing.rows = ages.into_iter().map(row).collect();
    }
    record.n_listed_withdrawn = how.n_listed_withdrawn;
    let mut report = export(lock, &store, cache, &ExportRequest::new(record), observer)?;
    if !how.keep_cache {
        pandas.remove(lock)?;
    }
    report.notes.extend(units.left_out.iter().map(|line| format!("left out of the old cache: {line}")));
    Ok(report)
}

//! Exports a cache without the run that filled it.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::HashSet;
use na_cache::{Cache, Claim, OwnedCache, OwnerLock, PandasCache, Segments, cache_status};
use na_model::{Invocation, Listing, Session};

use crate::error::StoreError;
use crate::export::fresh_load::check_fresh_load;
use crate::export::job::{IncompleteFreshLoad, export, finish_if_begun};
use crate::export::observer::ExportObserver;
use crate::export::pandas_cache::{PandasExport, take_over};
use crate::export::request::{ExportReport, ExportRequest};
use crate::merge::run_record::run_record;
use crate::merge::segments::{LeftOut, join_all_segments, joined_listing};
use crate::seal::recovery::recover_parts;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::runs::RunEntry;
use crate::tables::withdrawals::WithdrawalsTold;

/// How to export a cache.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CacheExport {
    /// Needed if neither the cache nor the store records the atlas.
    pub atlas_name: Option<String>,
    pub keep_cache: bool,
    /// The session list. `None` for those of the runs that filled the cache and its segments.
    pub listing: Option<Listing>,
    /// How that list was read, as whoever read it writes that down. `None` if as the runs' lists were, or the store's.
    pub list_read_as: Option<String>,
    /// A store with withdrawals is written to only by those who say who may not come back.
    pub withdrawals: WithdrawalsTold,
    /// How the output is taken; a stop is the observer's.
    pub claim: Claim,
    /// For the manifest. `None` if nobody says how the export was called.
    pub invocation: Option<Invocation>,
}

/// Exports the cache and the segments of an output folder, as the runs that filled them would have.
///
/// # Errors
/// No cache; a cache of another atlas; a load that is running; everything that [`export`] fails with.
pub fn export_cache(
    output: &Path,
    how: &CacheExport,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let store = ExistingStore::open(output)?;
    let no_cache = || StoreError::NoCache { location: Cache::path_in(output) };
    let cancel = observer.cancel();
    match cache_status(output, &cancel) {
        Err(error) if error.leaves_the_export() => {}
        // A store and its list: the list may have changed.
        Ok(None) if how.listing.is_some() && !store.is_empty()? => {}
        Ok(None) if !Segments::list(output)?.is_empty() => {}
        status => status?.map(drop).ok_or_else(no_cache)?,
    }
    let lock = OwnerLock::claim(output, &Claim { cancel: cancel.clone(), ..how.claim.clone() })?;
    // Whoever had the lock may have changed all of it.
    let store = ExistingStore::open(output)?;
    store.check_withdrawals(how.withdrawals)?;
    let lost = store.what_is_lost()?;
    store.check()?;
    Cache::check_file(output)?;
    if let Some(pandas) = PandasCache::open_existing(output)? {
        let how = PandasExport {
            atlas_name: how.atlas_name.clone(),
            keep_cache: how.keep_cache,
            n_listed_withdrawn: how.withdrawals.n_listed(),
        };
        return take_over(&lock, pandas, &how, observer);
    }
    let forgotten = recover_parts(&lock)?;
    check_fresh_load(output, &cancel)?;
    if !forgotten.is_empty() {
        return Err(StoreError::SealedRowsLost { output: output.to_owned(), n_units: forgotten.len() });
    }
    if let Some(report) = finish_if_begun(&lock, IncompleteFreshLoad::IsLoadedFirst, observer)? {
        return Ok(report);
    }
    let own = OwnedCache::open_or_create(&lock)?;
    let is_of_export = own.run_record()?.is_none() && own.units()?.is_empty();
    let prepared = prepare(own.clone(), &store, how);
    if prepared.is_err() && is_of_export {
        own.remove()?;
    }
    let Prepared { cache, left_out, request, unlisted } = prepared?;
    let request = ExportRequest { keep_cache: how.keep_cache && !is_of_export, ..request };
    let exported = export(&lock, &store, cache, &request, observer);
    if let (Err(_), true) = (&exported, is_of_export)
        && Cache::path_in(output).exists()
    {
        OwnedCache::open_or_create(&lock)?.remove()?;
    }
    let mut report = exported?;
    report.notes.extend(lost);
    report.notes.extend(unlisted);
    report.left_out = left_out;
    Ok(report)
}

/// What an export of a cache and of segments needs.
struct Prepared<'lock> {
    cache: OwnedCache<'lock>,
    left_out: LeftOut,
    request: ExportRequest,
    /// A note on sessions that are not in the list.
    unlisted: Option<String>,
}

fn prepare<'lock>(
    own: OwnedCache<'lock>,
    store: &ExistingStore,
    how: &CacheExport,
) -> Result<Prepared<'lock>, StoreError> {
    let output = store.output();
    let is_told_atlas = how.atlas_name.is_some() || store.atlas()?.is_some() || own.atlas_name()?.is_some();
    let no_list = Listing::default();
    let order = how.listing.as_ref().unwrap_or(&no_list);
    let (cache, left_out) = join_all_segments(own, store, order, how.atlas_name.as_deref())?;
    if let Some(other) = left_out.segments.iter().find_map(|refused| refused.atlas.clone())
        && !is_told_atlas
    {
        let first = cache.run_record()?.map(|record| record.settings.atlas_name).unwrap_or_default();
        return Err(StoreError::SeveralAtlases { output: output.to_owned(), first, other });
    }
    let is_blank = !cache.has_segments() && cache.run_record()?.is_none();
    if let (Some(refused), true) = (left_out.segments.first(), is_blank) {
        let why = format!("{}: {}", refused.name, refused.why);
        return Err(StoreError::SegmentsRefused { output: output.to_owned(), why });
    }
    let unlisted = how.listing.as_ref().map(|listing| unlisted(listing, &cache)).transpose()?.flatten();
    let mut record = run_record(&cache, store, how.atlas_name.as_deref())?;
    if let Some(listing) = &how.listing {
        record.listing = joined_listing(listing.clone(), &cache)?;
        record.list_read_as = how.list_read_as.clone().or(record.list_read_as);
    }
    if is_blank {
        record.kinds = store.kinds()?;
    }
    how.withdrawals.check(output, record.n_listed_withdrawn)?;
    record.n_listed_withdrawn = how.withdrawals.n_listed();
    if record.fresh {
        return Err(StoreError::FreshLoad { output: output.to_owned() });
    }
    let run = how.invocation.clone().map(|invocation| {
        let roots = record.roots.clone();
        RunEntry { invocation, roots, counts: None }
    });
    let request = ExportRequest::of_cache(store, &cache, record)?;
    let mut request = ExportRequest { run, ..request };
    left_out.tell(&mut request.outcomes);
    Ok(Prepared { cache, left_out, request, unlisted })
}

/// A note on sessions that a cache or segments hold and that the list does not have. `None` if it has all.
fn unlisted(listing: &Listing, cache: &Cache) -> Result<Option<String>, StoreError> {
    let listed: HashSet<&Session> = listing.rows.iter().map(|row| &row.session).collect();
    let units = cache.units()?;
    let others: BTreeSet<&Session> =
        units.iter().map(|unit| &unit.unit.session).filter(|session| !listed.contains(session)).collect();
    Ok(others.first().map(|first| {
        let n = others.len();
        format!("{n} sessions that were merged are not in the list, such as {first}: is it the whole list?")
    }))
}

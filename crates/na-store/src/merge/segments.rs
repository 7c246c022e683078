//! A store's cache together with its segments, without what cannot be merged: readers and exports leave out the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use foldhash::{HashMap, HashSet};
use na_cache::{Cache, CachedKinds, CachedTableInfo, CachedUnit, OwnedCache, RefusedSegment, Segments};
use na_model::{Listing, RegionSet, Session, SourceFile, TableName, Unit, UnitOutcome, UnitStatus};

use crate::error::StoreError;
use crate::format::locked::locked;
use crate::merge::known_regions::{Contradiction, KnownRegions};
use crate::merge::regions_in_use::regions_in_use;
use crate::merge::table_inputs::TableInputs;
use crate::tables::existing_store::store::ExistingStore;

/// Every read opens each segment: above so many the user is told to merge them.
const MANY: usize = 1000;

/// What segments hold and is not merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// They stay where they are, or are set aside.
    pub segments: Vec<RefusedSegment>,
    /// Units that contradict the store or each other, as failed: the next run reads them again.
    pub units: Vec<UnitOutcome>,
}

impl LeftOut {
    /// Adds its units to outcomes: what was told of them before says nothing any more.
    pub fn tell(&self, outcomes: &mut Vec<UnitOutcome>) {
        let units: HashSet<&Unit> = self.units.iter().map(|outcome| &outcome.unit).collect();
        outcomes.retain(|outcome| !units.contains(&outcome.unit));
        outcomes.extend(self.units.iter().cloned());
    }
}

/// Joins the cache that an owner writes to, if there is one, with segments. Units are admitted in the order of a list; those that it
/// does not have come behind, by subject and session. Where neither cache nor store says their atlas, it is the one asked for, else that
/// of the first segment.
///
/// # Errors
/// A store, cache or segment that cannot be read.
pub fn join_segments(
    store: &ExistingStore,
    own: Option<Cache>,
    segments: &Segments,
    order: &Listing,
    asked: Option<&str>,
) -> Result<(Option<Cache>, LeftOut), StoreError> {
    if segments.is_empty() {
        return Ok((own, LeftOut::default()));
    }
    let atlas_name = match own.as_ref().map(Cache::atlas_name).transpose()?.flatten() {
        Some(atlas_name) => Some(atlas_name),
        None => store.atlas()?.or_else(|| asked.map(str::to_owned)),
    };
    let (joined, refused) = Cache::with_segments(own.clone(), segments, atlas_name.as_deref())?;
    let Some(joined) = joined else { return Ok((None, LeftOut { segments: refused, units: Vec::new() })) };
    let units = refused_units(store, own.as_ref(), &joined, order)?;
    let names = units.iter().map(|outcome| outcome.unit.clone()).collect();
    Ok((Some(joined.refusing(names)), LeftOut { segments: refused, units }))
}

/// Joins an owner's cache with all segments that its output has now: an export brings these into the store, and no other.
///
/// # Errors
/// As [`join_segments`].
pub fn join_all_segments<'lock>(
    own: OwnedCache<'lock>,
    store: &ExistingStore,
    order: &Listing,
    asked: Option<&str>,
) -> Result<(OwnedCache<'lock>, LeftOut), StoreError> {
    // What is merged is deleted: it has to be what was published.
    let (listed, damaged) = Segments::list_to_merge(own.output())?.set_aside_damaged()?;
    let (own, mut left_out) = join_owned(own, store, listed, order, asked)?;
    left_out.segments.extend(damaged);
    Ok((own, left_out))
}

/// The same with these segments.
pub(crate) fn join_owned<'lock>(
    own: OwnedCache<'lock>,
    store: &ExistingStore,
    segments: Segments,
    order: &Listing,
    asked: Option<&str>,
) -> Result<(OwnedCache<'lock>, LeftOut), StoreError> {
    let (joined, left_out) = join_segments(store, Some((*own).clone()), &segments, order, asked)?;
    let refused: Vec<_> = left_out.segments.iter().map(|refused| refused.name.clone()).collect();
    let owned = match joined {
        Some(joined) => own.joined_with(joined, segments.without(&refused)),
        None => own,
    };
    Ok((owned, left_out))
}

/// A run's list together with those of the segments that it merges: of a session that both list, the run's words count.
///
/// # Errors
/// A segment that cannot be read.
pub fn joined_listing(listing: Listing, cache: &Cache) -> Result<Listing, StoreError> {
    if !cache.has_segments() {
        return Ok(listing);
    }
    let of_segments = cache.run_record()?.map(|record| record.listing);
    Ok(Listing::joined(std::iter::once(listing).chain(of_segments)))
}

/// Warns a reader of what is not read, and of too many segments, once for each store.
pub(crate) fn warn_once(output: &Path, segments: &Segments, left_out: &LeftOut) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let say = |what: String| {
        if locked(&SAID).insert(what.clone()) {
            tracing::warn!("{what}");
        }
    };
    for RefusedSegment { name, why, .. } in &left_out.segments {
        say(format!("{} is not read: {why}", segments.path_of(name).display()));
    }
    if segments.len() > MANY {
        say(format!(
            "{} has over {MANY} segments, and each read opens all of them: merge them with neuroalign-export-cache",
            output.display()
        ));
    }
}

/// The units of segments whose tables are of another input or atlas than in the store, in the cache, or in units before them, or whose regions
/// contradict those there.
fn refused_units(
    store: &ExistingStore,
    own: Option<&Cache>,
    joined: &Cache,
    order: &Listing,
) -> Result<Vec<UnitOutcome>, StoreError> {
    let mut units = joined.units()?;
    units.retain(|unit| unit.tables.iter().any(|info| joined.is_in_segment(info)));
    let others = regions_in_use(Some(store), own, &HashSet::default())?.others;
    let own_units = own.map(Cache::units).transpose()?.unwrap_or_default();
    let own_kinds = own.map(Cache::table_kinds).transpose()?.unwrap_or_default();
    let mut inputs = TableInputs::of(Some(store), &own_units, &own_kinds)?;
    let kinds = joined.table_kinds()?;
    if are_of_one_input(inputs.clone(), &units, &kinds) && agree(others, joined, &units)? {
        return Ok(Vec::new());
    }
    let ranks: HashMap<&Session, usize> =
        order.rows.iter().enumerate().map(|(rank, row)| (&row.session, rank)).collect();
    // Stable: those that are not listed stay in the order of the units.
    units.sort_by_key(|unit| ranks.get(&unit.unit.session).copied().unwrap_or(usize::MAX));
    let apart: HashSet<Unit> = units.iter().map(|unit| unit.unit.clone()).collect();
    let mut in_use = regions_in_use(Some(store), own, &apart)?;
    let mut known = KnownRegions::new(std::mem::take(&mut in_use.others));
    let mut refused = Vec::new();
    for unit in &units {
        let regions = joined.regions_of(unit)?;
        let tables: Vec<(&TableName, &RegionSet)> =
            regions.iter().map(|(info, regions)| (&info.table, regions)).collect();
        let added = inputs.add(unit, &kinds).and_then(|()| known.add(&tables));
        if let Err(Contradiction { table, problem }) = added {
            let table = unit.tables.get(table);
            let file =
                joined.sources(unit)?.into_iter().find(|source| table.is_some_and(|of| is_of(source, of)));
            let file = file.map(|source| source.path).or_else(|| table.map(|of| of.table.to_string()));
            let reason = format!("{}: {problem}", file.unwrap_or_default());
            refused.push(UnitOutcome { unit: unit.unit.clone(), status: UnitStatus::Failed, reason });
            // What the store has of it stays.
            if let Some(stays) = in_use.of_units.get(&unit.unit) {
                known.extend(stays);
            }
        }
    }
    Ok(refused)
}

fn is_of(source: &SourceFile, info: &CachedTableInfo) -> bool {
    source.table_name().as_ref() == Some(&info.table) && source.map == info.map
}

/// Whether no table is of two inputs, or of two atlases.
fn are_of_one_input(mut inputs: TableInputs, units: &[CachedUnit], kinds: &CachedKinds) -> bool {
    units.iter().all(|unit| inputs.add(unit, kinds).is_ok())
}

/// Whether no two regions of units and of others contradict each other: as a rule, one look at each form of a table tells.
fn agree(
    others: BTreeMap<TableName, RegionSet>,
    joined: &Cache,
    units: &[CachedUnit],
) -> Result<bool, StoreError> {
    let mut known = KnownRegions::new(others);
    let forms = joined.table_forms(units)?;
    Ok(forms.iter().all(|form| known.add(&[(&form.table, &form.regions)]).is_ok()))
}

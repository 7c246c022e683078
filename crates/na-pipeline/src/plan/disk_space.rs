//! Disk space: what a load is going to take, and what is free.
//!
//! Of a run with hundreds of sessions, what is measured is a sample of the files to read. Peaks of whole loads were 0.41 to 0.69
//! bytes a byte of text, and 1.22 where the cache stays, of tables with hundreds of regions; of small ones the cache's log is most of it.
//! Files that exist are written anew beside the old ones.

use std::fmt;
use std::fs;
use std::path::Path;

use na_store::{ExistingStore, StoreError};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::config::Config;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::fresh_load::Base;
use crate::plan::run_plan::RunPlan;

/// Units whose files are measured. Each is looked for once more, which takes its time where folders are on another machine.
const SAMPLE: usize = 24;

/// Bytes on disk a byte of text, in percent: parts, the files that they become, and the cache beside them.
const TAKEN: u64 = 75;
const TAKEN_WITH_CACHE: u64 = 125;

/// Bytes that any store takes: features of few sessions are footers above all.
const ANY_STORE: u64 = 16 << 20;

/// Bytes of the cache's log a unit, whatever it holds: the pages that each commit writes.
const A_COMMIT: u64 = 160 << 10;

/// Bytes of text in a byte of a compressed table.
const INFLATED: u64 = 3;

/// What a load is going to take on the disk of its output, and what is free there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Estimated; bytes.
    pub needed: u64,
    /// Bytes that this user may write.
    pub free: u64,
}

impl DiskSpace {
    /// `None` if there is nothing to load, or the file system does not say what is free.
    ///
    /// # Errors
    /// A store whose files cannot be listed.
    pub(crate) fn of(
        config: &Config,
        finder: &UnitFinder<'_>,
        plan: &RunPlan,
        store: &ExistingStore,
        base: Base,
    ) -> Result<Option<Self>, StoreError> {
        if plan.units.to_load.is_empty() {
            return Ok(None);
        }
        let Some(free) = free(&config.output) else { return Ok(None) };
        let percent = if config.keep_cache { TAKEN_WITH_CACHE } else { TAKEN };
        let of_inputs = (text_to_read(finder, plan).saturating_mul(percent) / 100).saturating_add(ANY_STORE);
        let n_units = u64::try_from(plan.units.to_load.len()).unwrap_or(u64::MAX);
        let of_inputs = of_inputs.saturating_add(n_units.saturating_mul(A_COMMIT));
        let rewritten = base.store(store).map(ExistingStore::size_bytes).transpose()?.unwrap_or_default();
        Ok(Some(Self { needed: of_inputs.saturating_add(rewritten), free }))
    }

    /// Whether more is needed than is free.
    #[must_use]
    pub fn is_short(self) -> bool {
        self.needed > self.free
    }
}

impl fmt::Display for DiskSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} needed, {} free", size(self.needed), size(self.free))
    }
}

/// A size in words; one MB is 1024² bytes, as everywhere in the commands.
fn size(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    let tenths = |unit: u64| bytes.saturating_mul(10) / unit;
    let (tenths, name) = if bytes < 1000 * MB { (tenths(MB), "MB") } else { (tenths(MB << 10), "GB") };
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// The size of the tables to read, as text.
fn text_to_read(finder: &UnitFinder<'_>, plan: &RunPlan) -> u64 {
    let to_load = &plan.units.to_load;
    let step = to_load.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<_> = to_load.iter().step_by(step).collect();
    let size = |path: &Path| {
        let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
        let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
        if is_compressed { size.saturating_mul(INFLATED) } else { size }
    };
    let measured: u64 = sample
        .par_iter()
        .filter_map(|planned| finder.find(&planned.unit, plan.list.as_written.get(planned.index)?).ok())
        .flat_map_iter(|found| found.found.tables)
        .map(|table| table.files().map(|(path, _)| size(path)).sum::<u64>())
        .sum();
    let (all, some) = (u64::try_from(to_load.len()), u64::try_from(sample.len().max(1)));
    measured.saturating_mul(all.unwrap_or(u64::MAX)) / some.unwrap_or(1)
}

/// What is free on the disk of a folder, which may not be there yet.
fn free(output: &Path) -> Option<u64> {
    let absolute = std::path::absolute(output).ok()?;
    let found = absolute.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_megabytes_or_gigabytes() {
        for (bytes, said) in
            [(0, "0.0 MB"), (1 << 19, "0.5 MB"), (999 << 20, "999.0 MB"), (3 << 29, "1.5 GB")]
        {
            assert_eq!(size(bytes), said);
        }
    }
}

//! Limits how many files are open at once.

use rayon::prelude::*;

/// Open files left for everything else: standard streams, lock, log, cache, the long tables that are read and written.
const FOR_OTHERS: u64 = 40;

/// Files that threads look at in parallel at most, whatever their number.
const LOOKED_AT: usize = 16;

/// Files written at once at most, whatever the limit: each has its buffers.
const MOST: u64 = 128;

/// How many files are written at once. As many others are completed meanwhile.
pub(crate) fn written_at_once() -> usize {
    written_within(limit())
}

fn written_within(limit: Option<u64>) -> usize {
    let left = limit.map_or(MOST, |limit| limit.saturating_sub(FOR_OTHERS) / 2);
    left.clamp(4, MOST) as usize
}

/// The files that this process may have open. `None` if there is no limit.
#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

/// Calls `look` for many files in parallel, and returns what it gives in their order. No more than [`LOOKED_AT`] are open at
/// once.
pub(crate) fn each_file<T: Sync, R: Send, E: Send>(
    files: &[T],
    look: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let share = files.len().div_ceil(LOOKED_AT).max(1);
    let shares = files.par_chunks(share).map(|share| share.iter().map(&look).collect::<Result<Vec<R>, E>>());
    Ok(shares.collect::<Result<Vec<_>, E>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::yield_now;

    use super::*;

    #[test]
    fn twice_what_is_written_at_once_stays_within_the_limit() {
        for limit in [64, 100, 256, 1024, 1 << 20] {
            let written = u64::try_from(written_within(Some(limit))).unwrap();
            assert!(written >= 4 && 2 * written + FOR_OTHERS <= limit, "{written} of {limit}");
        }
        assert_eq!(written_within(None), 128);
    }

    #[test]
    fn many_threads_look_at_few_files_at_once() {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(64).build().unwrap();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let files: Vec<usize> = (0..1000).collect();
        let looked: Result<Vec<usize>, ()> = threads.install(|| {
            each_file(&files, |file| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                (0..100).for_each(|_| yield_now());
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(*file)
            })
        });
        assert_eq!(looked.unwrap(), files);
        assert!(most.into_inner() <= LOOKED_AT);
    }
}

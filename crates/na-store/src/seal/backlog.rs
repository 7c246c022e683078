//! How many committed rows wait to be sealed. Who commits more than the sealer keeps up with waits for it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use na_model::UnitKind;

use crate::format::locked::locked;

/// Rows that wait, of each kind of unit.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    kinds: BTreeMap<UnitKind, WaitingRows>,
    /// Nothing more is committed.
    has_ended: bool,
    /// Nothing more is sealed.
    is_over: bool,
}

impl Backlog {
    /// Adds rows of a unit that was committed, and waits while there are too many.
    pub(crate) fn add(&self, kind: &UnitKind, rows: usize) {
        let mut waiting = locked(&self.waiting);
        waiting.of(kind).rows += rows;
        self.changed.notify_all();
        while waiting.of(kind).is_too_much() && !waiting.is_over {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes rows away that are sealed, or are not going to be.
    pub(crate) fn remove(&self, kind: &UnitKind, rows: usize) {
        let mut waiting = locked(&self.waiting);
        let of = waiting.of(kind);
        of.rows = of.rows.saturating_sub(rows);
        self.changed.notify_all();
    }

    /// How many rows wait.
    pub(crate) fn rows(&self, kind: &UnitKind) -> usize {
        locked(&self.waiting).of(kind).rows
    }

    /// Corrects how many rows wait: `counted` where there were `believed` when the count began. What was added meanwhile stays.
    pub(crate) fn correct(&self, kind: &UnitKind, believed: usize, counted: usize) {
        let mut waiting = locked(&self.waiting);
        let of = waiting.of(kind);
        of.rows = (of.rows + counted).saturating_sub(believed);
        self.changed.notify_all();
    }

    /// Waits for a kind of which enough rows wait, and returns it with what is enough. `None` once nothing more is committed and
    /// less waits.
    pub(crate) fn next<'k>(
        &self,
        enough: impl Iterator<Item = (&'k UnitKind, usize)> + Clone,
    ) -> Option<(&'k UnitKind, usize)> {
        let mut waiting = locked(&self.waiting);
        enough.clone().for_each(|(kind, enough)| waiting.of(kind).enough = enough);
        self.changed.notify_all();
        loop {
            if let Some(next) = enough.clone().find(|(kind, enough)| waiting.of(kind).rows >= *enough) {
                return Some(next);
            }
            if waiting.has_ended {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing more is committed.
    pub(crate) fn end(&self) {
        locked(&self.waiting).has_ended = true;
        self.changed.notify_all();
    }

    /// Nothing more is sealed: nobody waits for it.
    pub(crate) fn give_up(&self) {
        locked(&self.waiting).is_over = true;
        self.changed.notify_all();
    }

    /// Whether nothing more is sealed.
    pub(crate) fn is_over(&self) -> bool {
        locked(&self.waiting).is_over
    }
}

#[derive(Default)]
struct WaitingRows {
    rows: usize,
    /// How many are sealed at once. 0 before the sealer has begun.
    enough: usize,
}

impl WaitingRows {
    /// More than what is being sealed, and as much again: who commits goes on while what was sealed comes to the disk.
    fn is_too_much(&self) -> bool {
        self.rows > self.enough.saturating_mul(2)
    }
}

impl Waiting {
    fn of(&mut self, kind: &UnitKind) -> &mut WaitingRows {
        self.kinds.entry(kind.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use na_model::Modality;

    use super::*;

    const ANATOMICAL: UnitKind = UnitKind::of_parcellate(Modality::Anatomical);
    const DIFFUSION: UnitKind = UnitKind::of_parcellate(Modality::Diffusion);
    const WINDOW: [(&UnitKind, usize); 2] = [(&ANATOMICAL, 10), (&DIFFUSION, 20)];

    #[test]
    fn who_commits_waits_for_the_sealer_and_never_longer() {
        let backlog = Backlog::default();
        let committed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..40 {
                    committed.fetch_add(1, Ordering::SeqCst);
                    backlog.add(&ANATOMICAL, 1);
                }
                backlog.end();
            });
            let mut sealed = 0;
            while let Some((kind, rows)) = backlog.next(WINDOW.into_iter()) {
                assert_eq!((kind, rows), WINDOW[0]);
                assert!(
                    committed.load(Ordering::SeqCst) <= sealed + 21,
                    "two windows, and a unit that waits"
                );
                sealed += rows;
                backlog.remove(kind, rows);
            }
            assert_eq!((sealed, committed.load(Ordering::SeqCst)), (40, 40));
            writer.join().unwrap();
        });
    }

    #[test]
    fn nobody_waits_for_a_sealer_that_gave_up() {
        let backlog = Backlog::default();
        std::thread::scope(|scope| {
            scope.spawn(|| backlog.add(&DIFFUSION, 1_000_000));
            backlog.give_up();
        });
        backlog.add(&DIFFUSION, 1_000_000);
        assert!(backlog.is_over());
    }

    #[test]
    fn what_is_added_during_a_count_is_not_forgotten() {
        let backlog = Backlog::default();
        backlog.correct(&DIFFUSION, 0, 20);
        assert_eq!(backlog.next(WINDOW.into_iter()), Some(WINDOW[1]));
        let believed = backlog.rows(&DIFFUSION);
        backlog.add(&DIFFUSION, 2);
        backlog.correct(&DIFFUSION, believed, 3);
        assert_eq!(backlog.rows(&DIFFUSION), 5);
    }

    #[test]
    fn less_than_a_window_stays() {
        let backlog = Backlog::default();
        backlog.correct(&DIFFUSION, 0, 39);
        backlog.end();
        assert_eq!(backlog.next(WINDOW.into_iter()), Some(WINDOW[1]));
        backlog.remove(&DIFFUSION, 20);
        assert_eq!(backlog.next(WINDOW.into_iter()), None);
    }
}

//! Results of many threads, taken in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a thread that waits checks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Hands out the numbers below `n`, and takes the results in their order. No thread runs further ahead than a window,
/// which bounds the results that wait.
pub(crate) struct ReorderBuffer<T> {
    n: usize,
    window: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    given: usize,
    taken: usize,
    waiting: BTreeMap<usize, T>,
    is_closed: bool,
}

impl<T> ReorderBuffer<T> {
    pub(crate) fn new(n: usize, window: usize) -> Self {
        let state = State { given: 0, taken: 0, waiting: BTreeMap::new(), is_closed: false };
        Self { n, window: window.max(1), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next number; `None` at the end, or to stop.
    pub(crate) fn next(&self, should_stop: &dyn Fn() -> bool) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.is_closed || state.given >= self.n || should_stop() {
                return None;
            }
            if state.given < state.taken + self.window {
                state.given += 1;
                return Some(state.given - 1);
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the result of a number. Results go to `take` in order, one at a time; once it returns false, no number is
    /// handed out and no result taken any more.
    pub(crate) fn hand_over(&self, number: usize, made: T, take: &dyn Fn(usize, T) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.insert(number, made);
        while !state.is_closed {
            let next = state.taken;
            let Some(made) = state.waiting.remove(&next) else { break };
            state.is_closed = !take(next, made);
            state.taken += 1;
        }
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_make_is_taken_in_order_and_a_window_bounds_what_waits() {
        let buffer = ReorderBuffer::new(500, 6);
        let (taken, ahead) = (Mutex::new(Vec::new()), Mutex::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let Some(number) = buffer.next(&|| false) {
                        if number % 7 == 0 {
                            std::thread::yield_now();
                        }
                        let far = number - taken.lock().unwrap().len().min(number);
                        let mut most = ahead.lock().unwrap();
                        *most = far.max(*most);
                        drop(most);
                        buffer.hand_over(number, number * 2, &|number, made| {
                            taken.lock().unwrap().push((number, made));
                            true
                        });
                    }
                });
            }
        });
        let expected: Vec<(usize, usize)> = (0..500).map(|number| (number, number * 2)).collect();
        assert_eq!(*taken.lock().unwrap(), expected);
        assert!(*ahead.lock().unwrap() <= 6, "{ahead:?}");
    }

    #[test]
    fn nothing_is_given_out_after_a_stop() {
        let buffer = ReorderBuffer::new(5, 10);
        assert_eq!(buffer.next(&|| false), Some(0));
        assert_eq!(buffer.next(&|| true), None);
        assert_eq!(buffer.next(&|| false), Some(1));
        buffer.hand_over(1, (), &|_, ()| unreachable!("0 comes first"));
        buffer.hand_over(0, (), &|_, ()| false);
        assert_eq!(buffer.next(&|| false), None);
    }
}

//! Robust statistics of numbers: what is told of values, without knowing what they measure.
//!
//! Knows nothing of sessions and regions. The same values in the same order give the same bits, whatever the threads. Open `sorted`
//! first.

pub(crate) mod histogram;
pub(crate) mod intraclass;
pub(crate) mod ranks;
pub(crate) mod sorted;

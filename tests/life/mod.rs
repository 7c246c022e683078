//! The parts of a model of what happens to a store, step by step.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test's helpers may fail it"
)]

pub mod comparison;
pub mod days;
pub mod lab;
pub mod lists;
pub mod model;
pub mod pandas;
pub mod program;
pub mod rivals;
pub mod runs;
pub mod steps;

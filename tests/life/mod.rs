//! The parts of a model of what happens to a store, step by step.
#![allow(unreachable_pub, reason = "a module of a test")]

pub mod comparison;
pub mod days;
pub mod lab;
pub mod lists;
pub mod model;
pub mod pandas;
pub mod program;
pub mod rivals;
pub mod runs;
pub mod segments;
pub mod steps;

//! What the tests of the report share: a browser, cohorts with planted faults, and an oracle that reads a store by itself.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod browser;
pub mod made_up;
pub mod oracle;
pub mod page;
pub mod shown;

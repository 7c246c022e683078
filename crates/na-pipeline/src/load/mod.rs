//! Units are read on all threads, admitted in the plan's order, and committed by one writer.
//!
//! Knows the plan and the inputs. Promises that what is committed can be exported, and that the number of threads
//! changes nothing but the time. Begin with [`workers`].

pub(crate) mod admission;
mod parsed_checks;
mod remarks;
mod reorder_buffer;
mod sidecar_checks;
pub(crate) mod thread_pool;
mod tiv_choice;
mod unit_loader;
pub(crate) mod workers;

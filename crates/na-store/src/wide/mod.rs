//! Features: one metric of one source, a row a session, a column a region.

pub(crate) mod chosen;
pub(crate) mod decode;
pub(crate) mod names;
pub(crate) mod pivot;
pub(crate) mod plan;
pub(crate) mod regions;
pub(crate) mod write;

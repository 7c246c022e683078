pub(crate) mod cache;
pub(crate) mod cached_table;
pub(crate) mod status;

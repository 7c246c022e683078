pub(crate) mod pandas_cache;

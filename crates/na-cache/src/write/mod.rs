pub(crate) mod commit;
pub(crate) mod encoded_unit;
pub(crate) mod owned_cache;
pub(crate) mod withdraw;
pub(crate) mod writer;

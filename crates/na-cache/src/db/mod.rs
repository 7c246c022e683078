pub(crate) mod application_id;
pub(crate) mod busy;
pub(crate) mod open;
pub(crate) mod open_to_read;
pub(crate) mod pool;
pub(crate) mod recovery;
pub(crate) mod schema;

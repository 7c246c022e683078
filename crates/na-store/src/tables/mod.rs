//! The files of a store, one kind a module: its columns, its rows, and how it is read.
//!
//! Knows `format`, and nothing of what a cache holds. Only the store's own files are read, into types: sessions, maps, regions.
//! Open `existing_store` first, then `long_index`.

pub(crate) mod columns_json;
pub(crate) mod distinct_names;
pub(crate) mod existing_store;
pub(crate) mod feature_names;
pub(crate) mod features;
pub(crate) mod found_by_folder;
pub(crate) mod key_columns;
pub(crate) mod long_file;
pub(crate) mod long_index;
pub(crate) mod long_schema;
pub(crate) mod manifest;
pub(crate) mod manifest_entries;
pub(crate) mod metadata;
pub(crate) mod own_files;
pub(crate) mod paths;
pub(crate) mod region_columns;
pub(crate) mod report_page;
pub(crate) mod row_groups;
pub(crate) mod run_changes;
pub(crate) mod runs;
pub(crate) mod scalar;
pub(crate) mod session_rows;
pub(crate) mod sessions_by_kind;
pub(crate) mod sessions_tsv;
pub(crate) mod sources;
pub(crate) mod store_record;
pub(crate) mod store_version;
pub(crate) mod tiv;
pub(crate) mod withdrawals;

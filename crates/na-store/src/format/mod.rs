//! The bytes of one file: atomic replacement, Parquet's pages, the keys of its metadata.
//!
//! Knows columns, their types and whose they are (a table's, the store's, the session list's); no session and no feature.
//! After a power cut a file is whole or absent, and a damaged file is an error that names it. Open `parquet_reader` first.

pub(crate) mod arrays;
pub(crate) mod atomic_file;
pub(crate) mod byte_stream_split;
pub(crate) mod checked_pages;
pub(crate) mod chunk_hashes;
pub(crate) mod column_chunk;
pub(crate) mod column_chunk_reader;
pub(crate) mod column_chunk_writer;
pub(crate) mod column_encoder;
pub(crate) mod column_origin;
pub(crate) mod column_splice;
pub(crate) mod decoder_panic;
pub(crate) mod decompressed_pages;
pub(crate) mod doubles_page;
pub(crate) mod fields;
pub(crate) mod file_changes;
pub(crate) mod file_state;
pub(crate) mod file_window;
pub(crate) mod footer;
pub(crate) mod kept_chunks;
pub(crate) mod key_value_metadata;
pub(crate) mod locked;
pub(crate) mod open_file_limit;
pub(crate) mod page_compression;
pub(crate) mod page_size;
pub(crate) mod parquet_file;
pub(crate) mod parquet_reader;
pub(crate) mod parquet_writer;
pub(crate) mod positioned_file;
pub(crate) mod reopened_file;
pub(crate) mod shown_types;
pub(crate) mod text_rows;

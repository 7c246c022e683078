//! Says which version this is, and of the libraries that write its files.

use std::sync::LazyLock;

/// For `--version`: the program's version, the commit that it was built from if the build says it, and SQLite's and Parquet's.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let of = option_env!("NEUROALIGN_REVISION").map(|revision| format!(" ({revision})"));
        let version = env!("CARGO_PKG_VERSION");
        let (sqlite, parquet) = (na_cache::sqlite_version(), na_store::parquet_version());
        format!("{version}{}\nSQLite {sqlite}\n{parquet}", of.unwrap_or_default())
    });
    &LONG
}

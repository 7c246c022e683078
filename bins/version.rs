//! Says which version this is, and of the libraries that write its files.

use std::sync::LazyLock;

/// For `--version`: the program's version and revision, and SQLite's and Parquet's.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let (sqlite, parquet) = (na_cache::sqlite_version(), na_store::parquet_version());
        let revision =
            option_env!("NEUROALIGN_REVISION").map(|commit| format!(" ({commit})")).unwrap_or_default();
        format!("{}{revision}\nSQLite {sqlite}\n{parquet}", env!("CARGO_PKG_VERSION"))
    });
    &LONG
}

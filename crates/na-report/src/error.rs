//! Why there is no report.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;
use na_model::ModelError;
use na_store::StoreError;

/// Why a report cannot be made or written. The store is as it was.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A store holds an identifier that is none.
    #[error(
        "the store names a session that cannot be one: {0}; neuroalign-export-cache --verify says what is damaged"
    )]
    Model(ModelError),
    /// A table of the store lacks a column that every such table has.
    #[error(
        "a table of the store has no column {column}: neuroalign-export-cache --verify says what is damaged"
    )]
    NoColumn { column: String },
    /// A feature has rows of sessions that nothing else in the store names.
    #[error(
        "a feature with {n_rows} rows has sessions that metadata.parquet does not have: neuroalign-export-cache --verify says what is damaged"
    )]
    UnnamedSessions { n_rows: usize },
    /// Values are not of the type that they should be.
    #[error("a table of the store holds what cannot be read as numbers or text: {0}")]
    Type(#[from] ArrowError),
    /// A picture cannot be encoded.
    #[error("a picture of the report cannot be made: {0}")]
    Picture(#[from] png::EncodingError),
    /// The page cannot be put together.
    #[error("the report's page cannot be put together: {0}")]
    Page(#[from] askama::Error),
    /// What the page's script reads cannot be put together.
    #[error("the report's data cannot be put together: {0}")]
    Data(#[from] serde_json::Error),
    /// The store was written again and again while its report was made.
    #[error("the store in {} changes all the time: whoever writes it last makes its report", output.display())]
    Changing { output: PathBuf },
    /// Somebody who withdrew may still be in the store.
    #[error(
        "a withdrawal from {} is under way, or was cut short: run it again (--withdrawn), and make the report after it",
        output.display()
    )]
    WithdrawalUnderWay { output: PathBuf },
    /// A report of an older state of the store cannot be deleted.
    #[error("{} is of an older state of the store, and cannot be deleted: {source}", path.display())]
    Outdated { path: PathBuf, source: io::Error },
    /// The file of another program has the report's path.
    #[error("{} is no report of this program: move it, or write the report to another path", path.display())]
    Foreign { path: PathBuf },
}

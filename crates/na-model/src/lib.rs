//! The words of the feature store: sessions, units, tables, features and the manifest.
//!
//! Everything here is plain data with the rules that make it valid. A [`SubjectCode`] that exists is clean, a
//! [`TableName`] that exists names a table the store can hold. What this crate is not: it reads no file, writes
//! none, and knows neither SQLite nor Parquet.
//!
//! ```
//! use na_model::{Modality, Session, SessionId, SubjectCode, TableName, Unit};
//!
//! let session = Session::new(SubjectCode::clean("7")?, SessionId::clean("202507271541")?);
//! assert_eq!(session.to_string(), "sub-0007/ses-202507271541");
//! let unit = Unit::of_parcellate(session, Modality::Anatomical);
//! assert_eq!(unit.to_string(), "sub-0007/ses-202507271541 anatomical");
//! assert_eq!(TableName::parse("anatomical_gm")?.to_string(), "anatomical_gm");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

pub mod columns;

mod bids;
mod column_note;
mod error;
mod feature;
mod invocation;
mod io_remedy;
mod listing;
mod manifest;
mod measurement_unit;
mod metric;
mod metric_note;
mod missing;
mod modality;
mod named;
mod named_in_calls;
mod named_in_cells;
mod number;
mod producer_notes;
mod read_at;
mod region;
mod removals;
mod session;
mod settings;
mod source_file;
mod source_root;
mod table;
mod table_kind;
mod tiv;
mod unit;
mod unit_kind;
mod wide_metrics;

pub use bids::BidsName;
pub use column_note::{ColumnNote, ColumnNotes, take_out_of_notes};
pub use error::ModelError;
pub use feature::{FeatureName, FeatureSource, LONGEST_FEATURE_FILE, name_key};
pub use invocation::{Invocation, Setting, UNTOLD};
pub use io_remedy::{reading_remedy, writing_remedy};
pub use listing::{ListedSession, Listing};
pub use manifest::{LongFormat, MANIFEST_VERSION, Manifest, WideFeature};
pub use measurement_unit::MeasurementUnit;
pub use metric::{MetricKind, metric_kind};
pub use metric_note::{MetricNote, metric_note};
pub use missing::{is_missing, is_missing_in_list, is_missing_text};
pub use modality::Modality;
pub use named::Names;
pub use number::Number;
pub use producer_notes::note_of;
pub use read_at::ReadAt;
pub use region::{Region, RegionSet, matched_regions};
pub use removals::{Leaving, Parts, Removals};
pub use session::{Session, SessionId, SubjectCode, code_letters, code_number, visible};
pub use settings::{Compression, DEFAULT_ATLAS, ExportSettings};
pub use source_file::{Fingerprint, Sidecar, SourceFile, SourceKind, mtime_ns};
pub use source_root::SourceRoot;
pub use table::{Choices, MapSource, TableName, Tissue, UNKNOWN, Workflow};
pub use table_kind::{Metric, RegionKey, TableKind};
pub use tiv::{TivFinding, is_volume};
pub use unit::{CHOOSE_OTHERS, KEPT, NOT_READ_YET, Unit, UnitOutcome, UnitStatus};
pub use unit_kind::{InputName, TivSource, UnitKind};
pub use wide_metrics::WideMetrics;

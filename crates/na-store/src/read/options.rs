//! Which rows and columns of a table or feature a reader wants.

use foldhash::HashSet;
use na_model::{Session, SubjectCode};

/// Where units are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Each unit from Parquet, or from the cache if that holds it newer or alone.
    #[default]
    Newest,
    /// Only what was exported. While an export runs, or after one that was cut short, tables and metadata may be of the state before
    /// it and after it; a feature is always of its table's.
    Parquet,
    /// Only what the cache holds.
    Cache,
}

/// Which rows and columns to read. The default is all sessions and regions, with metadata and without TIV.
///
/// An unknown name or an empty list is an error of the read: a session gives no row only if it has none in that table.
///
/// ```
/// use na_model::SubjectCode;
/// use na_store::ReadOptions;
///
/// let options = ReadOptions::default()
///     .subjects([SubjectCode::clean("7")?])
///     .regions(["7Networks_LH_Vis_1"])
///     .with_tiv();
/// # Ok::<(), na_model::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReadOptions {
    pub(crate) sessions: Option<HashSet<Session>>,
    pub(crate) subjects: Option<HashSet<SubjectCode>>,
    pub(crate) regions: Option<Vec<String>>,
    pub(crate) metrics: Option<Vec<String>>,
    pub(crate) metadata: bool,
    pub(crate) tiv: bool,
    pub(crate) text_as_views: bool,
    pub(crate) sidecars: bool,
    pub(crate) origin: Origin,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            sessions: None,
            subjects: None,
            regions: None,
            metrics: None,
            metadata: true,
            tiv: false,
            text_as_views: false,
            sidecars: false,
            origin: Origin::default(),
        }
    }
}

impl ReadOptions {
    /// Only these sessions.
    #[must_use]
    pub fn sessions(mut self, sessions: impl IntoIterator<Item = Session>) -> Self {
        self.sessions = Some(sessions.into_iter().collect());
        self
    }

    /// Only these subjects.
    #[must_use]
    pub fn subjects(mut self, subjects: impl IntoIterator<Item = SubjectCode>) -> Self {
        self.subjects = Some(subjects.into_iter().collect());
        self
    }

    /// Only these regions: rows of a long table, columns of a feature in this order.
    #[must_use]
    pub fn regions<S: Into<String>>(mut self, regions: impl IntoIterator<Item = S>) -> Self {
        self.regions = Some(regions.into_iter().map(Into::into).collect());
        self
    }

    /// Only these metrics of a long table. A feature has only one and is not affected.
    #[must_use]
    pub fn metrics<S: Into<String>>(mut self, metrics: impl IntoIterator<Item = S>) -> Self {
        self.metrics = Some(metrics.into_iter().map(Into::into).collect());
        self
    }

    /// Without the session list's columns.
    #[must_use]
    pub fn without_metadata(mut self) -> Self {
        self.metadata = false;
        self
    }

    /// With total intracranial volume, mL, in a column `tiv`. Anatomical long tables always have it.
    #[must_use]
    pub fn with_tiv(mut self) -> Self {
        self.tiv = true;
        self
    }

    /// Text of long tables as Arrow's `Utf8View`: words that repeat are in memory once. Polars and DuckDB take it over as it is.
    #[must_use]
    pub fn with_text_as_views(mut self) -> Self {
        self.text_as_views = true;
        self
    }

    /// With what `parcellate`'s sidecar said of each map, in columns behind those of a long table: `mask_entity`, `mask`,
    /// `mask_threshold`, `atlas_threshold`, `atlas_name`, `atlas_lut`, `background_label`, `resampling_target`, `space`,
    /// `software_version`; `sidecar:NAME` where the table has one of these names. Null where there was no sidecar.
    #[must_use]
    pub fn with_sidecars(mut self) -> Self {
        self.sidecars = true;
        self
    }

    /// Reads units from this origin.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    pub(crate) fn wants(&self, session: &Session) -> bool {
        self.sessions.as_ref().is_none_or(|sessions| sessions.contains(session))
            && self.subjects.as_ref().is_none_or(|subjects| subjects.contains(&session.subject))
    }

    pub(crate) fn wants_all_sessions(&self) -> bool {
        self.sessions.is_none() && self.subjects.is_none()
    }
}

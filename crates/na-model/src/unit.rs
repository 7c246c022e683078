//! What is read, committed, skipped and replaced as a whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::modality::Modality;
use crate::session::Session;
use crate::unit_kind::UnitKind;

/// One session of one kind of input. It is read, committed, skipped, failed and replaced as a whole, and by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unit {
    /// Whose visit.
    pub session: Session,
    /// Which of its scans, by whose program.
    #[serde(flatten)]
    pub kind: UnitKind,
}

impl Unit {
    /// What one kind of input has of a visit.
    #[must_use]
    pub fn new(session: Session, kind: UnitKind) -> Self {
        Self { session, kind }
    }

    /// What `parcellate` has of one modality of a visit.
    #[must_use]
    pub fn of_parcellate(session: Session, modality: Modality) -> Self {
        Self::new(session, UnitKind::of_parcellate(modality))
    }

    /// Which of the visit's scans.
    #[must_use]
    pub fn modality(&self) -> Modality {
        self.kind.modality
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.session, self.kind)
    }
}

/// How a reason begins that says why something of a unit stays though its file is gone.
pub const KEPT: &str = "kept: ";

/// Why tables that are there are not in the store: the end of a reason in `sessions.tsv`.
pub const CHOOSE_OTHERS: &str = "--entity, --mask and --space choose others";

/// Why a listed unit is missing that no run has come to.
pub const NOT_READ_YET: &str = "not read yet: no run has come to it";

/// Where a unit stands, as `sessions.tsv` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitStatus {
    /// In the store, with every table that was asked for.
    Loaded,
    /// In the store, with some tables that others have missing.
    Partial,
    /// Nothing was found for it.
    Missing,
    /// Something was found and could not be read: nothing of it is in the store.
    Failed,
}

impl UnitStatus {
    const ALL: [Self; 4] = [Self::Loaded, Self::Partial, Self::Missing, Self::Failed];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Partial => "partial",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for UnitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for UnitStatus {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| ModelError::NotOneOf {
            found: word.to_owned(),
            expected: "loaded, partial, missing, failed",
        })
    }
}

/// What became of a unit: a row of `sessions.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnitOutcome {
    /// Which.
    pub unit: Unit,
    /// Where it stands.
    pub status: UnitStatus,
    /// Why, where it is not simply loaded.
    pub reason: String,
}

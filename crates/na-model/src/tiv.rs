//! Total intracranial volume, as a unit reports it.

use serde::{Deserialize, Serialize};

/// What reading a unit says of its session's total intracranial volume.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TivFinding {
    /// Nothing: what is known stays. The run did not look where it was read, or could not read what is there.
    #[default]
    Kept,
    /// There is none, or several that cannot be told apart: what was known goes.
    Unknown,
    /// A volume, mL.
    Measured(f64),
}

/// Whether a number can be a volume, mL: it is finite and above 0.
#[must_use]
pub fn is_volume(millilitres: f64) -> bool {
    millilitres.is_finite() && millilitres > 0.0
}

impl TivFinding {
    /// The volume of a session after this finding, mL.
    ///
    /// ```
    /// use na_model::TivFinding;
    ///
    /// assert_eq!(TivFinding::Kept.after(Some(1500.0)), Some(1500.0));
    /// assert_eq!(TivFinding::Unknown.after(Some(1500.0)), None);
    /// ```
    #[must_use]
    pub fn after(self, known: Option<f64>) -> Option<f64> {
        match self {
            Self::Kept => known,
            Self::Unknown => None,
            Self::Measured(volume) => Some(volume),
        }
    }
}

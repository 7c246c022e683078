//! Total intracranial volume as a file gives it.

use na_model::{Number, is_volume};

use crate::files::tiv_rank::Rank;

/// A volume that a file gives.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    pub rank: Rank,
    /// The image that it was measured in, without folder, prefix and extension; empty if it is not known.
    pub image: String,
    /// The volume, mL: finite and above 0.
    pub millilitres: f64,
}

/// The volume that a text gives, mL: a finite number above 0.
pub(crate) fn volume(text: &str) -> Option<f64> {
    Number::parse(text.trim_ascii()).map(Number::to_double).filter(|ml| is_volume(*ml))
}

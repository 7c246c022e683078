//! What of a head was scanned.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;

/// What was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Structural MRI, segmented by CAT12.
    Anatomical,
    /// Diffusion MRI, reconstructed by QSIRecon.
    Diffusion,
}

impl Modality {
    /// Both, in the store's order.
    pub const ALL: [Self; 2] = [Self::Anatomical, Self::Diffusion];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anatomical => "anatomical",
            Self::Diffusion => "diffusion",
        }
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Modality {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        Self::ALL
            .into_iter()
            .find(|m| m.as_str() == word)
            .ok_or_else(|| ModelError::NotOneOf { found: word.to_owned(), expected: "anatomical, diffusion" })
    }
}

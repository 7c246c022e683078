//! What an export needs to know beside the data; the cache keeps it, so that an export from a cache alone is the same.

use std::fmt;
use std::str::FromStr;

use crate::error::ModelError;
use crate::wide_metrics::WideMetrics;

/// The atlas unless another is named.
pub const DEFAULT_ATLAS: &str = "4S456Parcels";

/// How the store is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSettings {
    /// The atlas of every table.
    pub atlas_name: String,
    /// Which metrics become features.
    pub wide_metrics: WideMetrics,
    /// How Parquet pages are compressed.
    pub compression: Compression,
}

/// A compression of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Fast, little gain on doubles.
    Snappy,
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// LZ4, raw blocks.
    Lz4,
    /// GZIP, default level.
    Gzip,
    /// Brotli, default level.
    Brotli,
    /// None.
    None,
}

impl Compression {
    /// All.
    pub const ALL: [Self; 6] = [Self::Snappy, Self::Zstd, Self::Lz4, Self::Gzip, Self::Brotli, Self::None];

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Gzip => "gzip",
            Self::Brotli => "brotli",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Compression {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|c| c.as_str() == word).ok_or_else(|| ModelError::NotOneOf {
            found: word.to_owned(),
            expected: "snappy, zstd, lz4, gzip, brotli, none",
        })
    }
}

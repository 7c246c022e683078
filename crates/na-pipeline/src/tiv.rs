//! Total intracranial volume: where it may stand, and what is believed.

use na_model::Number;

mod choice;
mod files;
mod table;
mod xml;

pub(crate) use choice::{Candidate, Evidence, Reading, choose};
pub(crate) use files::{TivFile, TivFiles};
pub use table::tiv_from_tsv;
pub use xml::tiv_from_xml;

/// How far a place is trusted: the least is the most trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A report of CAT12, by the image that it is of: see `rank_of_image`.
    Report(u8),
    /// A row of an `…_tiv.tsv`, by the same.
    Table(u8),
    /// The column `vol_TIV` of a table of regions.
    OwnColumn,
}

/// A volume that a file gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// How far it is trusted.
    pub rank: Rank,
    /// The name of the image that it was measured in, without folder, prefix and ending; empty if nothing says it.
    pub image: String,
    /// The volume, mL: finite and above 0.
    pub millilitres: f64,
}

/// The volume that a text gives, mL: a finite number above 0.
pub(crate) fn volume(text: &str) -> Option<f64> {
    Number::parse(text.trim_ascii()).map(Number::to_double).filter(|ml| is_volume(*ml))
}

/// Whether a number can be a volume.
pub(crate) fn is_volume(millilitres: f64) -> bool {
    millilitres.is_finite() && millilitres > 0.0
}

/// The image that a report is of, by the report's name: `cat_sub-1_T1w.xml` is of `sub-1_T1w`.
pub(crate) fn image_of_report(file_name: &str) -> Option<&str> {
    file_name.strip_prefix("cat_")?.strip_suffix(".xml")
}

/// 0 for the bias-corrected image, 1 for the uncorrected, 2 for another T1w, 3 for others.
pub(crate) fn rank_of_image(image: &str) -> u8 {
    let ranks = ["_ce-corrected_T1w", "_ce-uncorrected_T1w", "_T1w"];
    ranks.iter().zip(0..).find(|(ending, _)| image.ends_with(**ending)).map_or(3, |(_, rank)| rank)
}

/// How far a file is trusted, by its name; `None` if it is none that has a volume.
pub(crate) fn rank_of_file(file_name: &str) -> Option<Rank> {
    if file_name.ends_with("_tiv.tsv") && !file_name.starts_with('.') {
        return Some(Rank::Table(0));
    }
    image_of_report(file_name).map(|image| Rank::Report(rank_of_image(image)))
}

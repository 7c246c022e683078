//! How far a file's total intracranial volume is trusted, by its name.

/// How far a source of the volume is trusted: the least rank is the most trusted, as the derived order has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A report of CAT12, by its image: 0 is the best, see `rank_of_image`.
    Report(u8),
    /// A row of an `…_tiv.tsv`, by its image.
    Table(u8),
    /// The column `vol_TIV` of a table of regions.
    OwnColumn,
}

/// What the names of CAT12's reports begin with.
pub(crate) const REPORT_PREFIX: &str = "cat_";

/// What those of its regional values do, of volumes and of surfaces.
pub(crate) const VOLUMES_PREFIX: &str = "catROI_";
pub(crate) const SURFACES_PREFIX: &str = "catROIs_";

/// The image of a file of CAT12, from its name and what that begins with: `cat_sub-1_T1w.xml` is of `sub-1_T1w`.
pub(crate) fn image_of<'n>(prefix: &str, file_name: &'n str) -> Option<&'n str> {
    file_name.strip_prefix(prefix)?.strip_suffix(".xml")
}

/// The image of a report.
pub(crate) fn image_of_report(file_name: &str) -> Option<&str> {
    image_of(REPORT_PREFIX, file_name)
}

/// 0 for the bias-corrected image, 1 for the uncorrected, 2 for another T1w, 3 for others.
pub(crate) fn rank_of_image(image: &str) -> u8 {
    let ranks = ["_ce-corrected_T1w", "_ce-uncorrected_T1w", "_T1w"];
    ranks.iter().zip(0..).find(|(ending, _)| image.ends_with(**ending)).map_or(3, |(_, rank)| rank)
}

/// How far a file is trusted, by its name; `None` if such a file has no volume.
pub(crate) fn rank_of_file(file_name: &str) -> Option<Rank> {
    if file_name.ends_with("_tiv.tsv") && !file_name.starts_with('.') {
        return Some(Rank::Table(0));
    }
    image_of_report(file_name).map(|image| Rank::Report(rank_of_image(image)))
}

//! Whether sessions differ by the version of the program that made their tables. A difference, not an effect: versions come with times,
//! sites and ages.

use crate::cohort::provenance::{TableVersions, UNKNOWN_VERSION};
use crate::statistics::sorted::Sorted;

/// Groups of fewer sessions are not compared.
pub(crate) const SMALLEST_GROUP: usize = 20;

/// Differences beyond this many robust standard deviations are marked.
const MARKED: f64 = 0.5;

/// The sessions of a version, held against those of the newest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VersionShift {
    pub(crate) version: String,
    pub(crate) n: usize,
    /// The difference of the medians of session means, in robust standard deviations. `None` if a group is too small, or nothing spreads.
    pub(crate) shift: Option<f64>,
}

/// The versions of a feature's table, the newest first, each with its difference from the newest that enough sessions have. `means` are the
/// session means, by session.
pub(crate) fn version_shifts(versions: &TableVersions, means: &[f64]) -> Vec<VersionShift> {
    let of_label = |label: usize| {
        let sessions = versions.of.iter().zip(means).filter(move |(of, _)| **of == Some(label));
        Sorted::of(sessions.map(|(_, mean)| *mean))
    };
    let groups: Vec<Sorted> = (0..versions.labels.len()).map(of_label).collect();
    let is_large = |group: &&Sorted| group.len() >= SMALLEST_GROUP;
    let known = versions.labels.iter().zip(&groups).filter(|(label, _)| *label != UNKNOWN_VERSION);
    let newest = known.map(|(_, group)| group).find(is_large).and_then(Sorted::median);
    let scale =
        Sorted::of(means.iter().copied()).spread().map(|spread| spread.scale).filter(|scale| *scale > 0.0);
    let shift = |group: &Sorted| {
        let median = Some(group).filter(is_large).and_then(Sorted::median)?;
        Some((median - newest?) / scale?)
    };
    let shifts = versions.labels.iter().zip(&groups);
    shifts
        .map(|(version, group)| VersionShift {
            version: version.clone(),
            n: group.len(),
            shift: shift(group),
        })
        .collect()
}

/// The largest difference, whichever its sign.
pub(crate) fn largest(shifts: &[VersionShift]) -> Option<&VersionShift> {
    let size = |of: &&VersionShift| of.shift.map(f64::abs).unwrap_or(-1.0);
    shifts.iter().filter(|of| of.shift.is_some()).max_by(|one, other| size(one).total_cmp(&size(other)))
}

/// Whether a difference is large enough to be marked.
pub(crate) fn is_marked(shift: f64) -> bool {
    shift.abs() > MARKED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(labels: &[&str], of: Vec<Option<usize>>) -> TableVersions {
        TableVersions { labels: labels.iter().map(|label| (*label).to_owned()).collect(), of }
    }

    #[test]
    fn a_shift_is_told_from_the_newest_version_that_enough_have() {
        let of = (0..63)
            .map(|n| {
                Some(if n < 30 {
                    2
                } else if n < 60 {
                    1
                } else {
                    0
                })
            })
            .collect();
        let means: Vec<f64> = (0..63).map(|n| f64::from(n % 30) + if n < 30 { 100.0 } else { 0.0 }).collect();
        let shifts = version_shifts(&versions(&["0.4.0", "0.3.0", "0.2.0"], of), &means);
        let scale = Sorted::of(means.iter().copied()).spread().unwrap().scale;
        let told: Vec<_> = shifts.iter().map(|of| (of.n, of.shift)).collect();
        assert_eq!(told, [(3, None), (30, Some(0.0)), (30, Some(100.0 / scale))]);
        assert_eq!(largest(&shifts).unwrap().version, "0.2.0");
    }

    #[test]
    fn unknown_versions_are_no_reference() {
        let of = vec![Some(0); 40];
        let means: Vec<f64> = (0..40).map(f64::from).collect();
        let shifts = version_shifts(&versions(&[UNKNOWN_VERSION], of), &means);
        assert_eq!(shifts[0].shift, None);
    }
}

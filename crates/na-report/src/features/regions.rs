//! What the values of one region say: where they lie, how they spread, and whether they can be scored.

use crate::features::matrix::Matrix;
use crate::statistics::histogram::Histogram;
use crate::statistics::intraclass::icc;
use crate::statistics::sorted::{Sorted, Spread};

/// With fewer sessions nothing is scored: of ten normal values, 1.2 % are beyond the cut-off.
pub(crate) const FEWEST_SCORED: usize = 30;

/// Values whose smallest difference is a larger part of their robust standard deviation were rounded too far.
const COARSEST: f64 = 0.1;

/// What the values of a region say, over all sessions that have the feature.
#[derive(Debug, Clone)]
pub(crate) struct RegionStatistics {
    /// Sessions with a value, and without.
    pub(crate) n: usize,
    pub(crate) n_empty: usize,
    /// The 1st and the 99th percentile.
    pub(crate) tails: Option<(f64, f64)>,
    pub(crate) spread: Option<Spread>,
    pub(crate) histogram: Histogram,
    pub(crate) texture: Texture,
    /// ICC(1). `None` if too few have repeated measures.
    pub(crate) icc: Option<f64>,
    /// Sessions in which the value is unusual.
    pub(crate) n_unusual: usize,
}

/// How fine values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texture {
    Fine,
    /// More than half of them are the same.
    Constant,
    /// They are few steps apart: rounded too far.
    Quantised,
}

impl RegionStatistics {
    /// How the values spread, if others can be held against them: there are enough, and they differ.
    pub(crate) fn scored(&self) -> Option<Spread> {
        self.spread.filter(|spread| self.n >= FEWEST_SCORED && spread.scale > 0.0)
    }

    /// The share of its values that are unusual.
    pub(crate) fn share_unusual(&self) -> f64 {
        self.n_unusual as f64 / self.n.max(1) as f64
    }

    fn of(values: &[f64], subjects: &[std::ops::Range<usize>], sorted: &mut Sorted) -> Self {
        sorted.fill(values.iter().copied());
        let spread = sorted.spread();
        let repeated = subjects.iter().filter_map(|rows| values.get(rows.clone()));
        Self {
            n: sorted.len(),
            n_empty: values.len() - sorted.len(),
            tails: sorted.quantile(0.01).zip(sorted.quantile(0.99)),
            spread,
            histogram: Histogram::of(sorted),
            texture: texture(sorted, spread),
            icc: icc(repeated.map(|values| values.iter().copied())),
            n_unusual: 0,
        }
    }
}

fn texture(sorted: &Sorted, spread: Option<Spread>) -> Texture {
    let Some(spread) = spread.filter(|_| sorted.len() >= FEWEST_SCORED) else { return Texture::Fine };
    match sorted.smallest_step() {
        _ if spread.scale <= 0.0 => Texture::Constant,
        Some(step) if step > COARSEST * spread.scale => Texture::Quantised,
        _ => Texture::Fine,
    }
}

/// The statistics of every region of a feature. `subjects` are the rows of those with several sessions.
pub(crate) fn region_statistics(
    matrix: &Matrix,
    subjects: &[std::ops::Range<usize>],
    sorted: &mut Sorted,
) -> Vec<RegionStatistics> {
    (0..matrix.n_regions())
        .map(|region| RegionStatistics::of(matrix.region(region), subjects, sorted))
        .collect()
}

/// The rows of each subject that has several.
pub(crate) fn rows_of_subjects(sessions: &[usize], subjects: &[usize]) -> Vec<std::ops::Range<usize>> {
    let subject = |session: &usize| subjects.get(*session);
    let mut start = 0;
    let groups = sessions.chunk_by(|one, other| subject(one) == subject(other)).map(|group| {
        let rows = start..start + group.len();
        start = rows.end;
        rows
    });
    groups.filter(|rows| rows.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> RegionStatistics {
        RegionStatistics::of(values, &[], &mut Sorted::default())
    }

    #[test]
    fn a_region_with_few_values_is_not_scored() {
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        assert!(of(&values).scored().is_some());
        assert_eq!(of(&values[..29]).scored(), None);
        assert_eq!(of(&[1.0; 40]).scored(), None);
    }

    #[test]
    fn rounded_and_equal_values_are_told_from_fine_ones() {
        let fine: Vec<f64> = (0..100).map(|n| f64::from(n).sqrt()).collect();
        assert_eq!(of(&fine).texture, Texture::Fine);
        let rounded: Vec<f64> = fine.iter().map(|value| value.round()).collect();
        assert_eq!(of(&rounded).texture, Texture::Quantised);
        assert_eq!(of(&[0.0; 40]).texture, Texture::Constant);
        // Of few values nothing is said.
        assert_eq!(of(&[0.0; 20]).texture, Texture::Fine);
    }

    #[test]
    fn rows_of_one_subject_are_together() {
        let rows = rows_of_subjects(&[0, 2, 3, 4, 5], &[0, 0, 1, 1, 1, 2]);
        assert_eq!((rows.len(), rows.first()), (1, Some(&(1..4))));
    }
}

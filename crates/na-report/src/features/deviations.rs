//! How each session deviates: its level over all regions, and the regions that stick out of it.

use crate::features::matrix::Matrix;
use crate::features::regions::RegionStatistics;
use crate::statistics::sorted::median_of;

/// A deviation beyond this is unusual: of normal values 0.05 % are (Iglewicz & Hoaglin 1993).
pub(crate) const CUT_OFF: f64 = 3.5;

/// The farthest that any value is said to be: what is beyond has no meaning, and could not be compared.
const FARTHEST: f64 = 1e6;

/// Deviations that are kept of a session.
pub(crate) const LARGEST: usize = 6;

/// Sessions whose scores are computed at once: their values lie together in each region's column.
const ROWS_AT_ONCE: usize = 32;

/// A region that sticks out of a session, in robust standard deviations.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Deviation {
    pub(crate) feature: u16,
    pub(crate) region: u32,
    pub(crate) z: f32,
}

/// What is said of a session in one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SessionScore {
    /// The median of z over the scored regions. NaN if none is scored.
    pub(crate) level: f32,
    pub(crate) n_unusual: u32,
    pub(crate) n_scored: u32,
    /// The largest first. z is 0 behind the last.
    pub(crate) largest: [Deviation; LARGEST],
}

impl Default for SessionScore {
    fn default() -> Self {
        Self { level: f32::NAN, n_unusual: 0, n_scored: 0, largest: [Deviation::default(); LARGEST] }
    }
}

impl SessionScore {
    /// The share of the scored regions that are unusual.
    pub(crate) fn share(&self) -> f64 {
        f64::from(self.n_unusual) / f64::from(self.n_scored.max(1))
    }
}

/// Scores the sessions of a matrix, a score a row, and counts the unusual ones of each region. The regions are those of the matrix.
pub(crate) fn scores(matrix: &Matrix, regions: &mut [RegionStatistics], feature: u16) -> Vec<SessionScore> {
    let n_regions = matrix.n_regions();
    let mut scores = Vec::with_capacity(matrix.n_sessions());
    // Region by region, as the values lie, then session by session, as they are compared.
    let mut of_regions = vec![[f64::NAN; ROWS_AT_ONCE]; n_regions];
    let (mut of_session, mut sorted) = (vec![f64::NAN; n_regions], Vec::with_capacity(n_regions));
    for first in (0..matrix.n_sessions()).step_by(ROWS_AT_ONCE) {
        let rows = first..(first + ROWS_AT_ONCE).min(matrix.n_sessions());
        for (region, (statistics, z)) in regions.iter().zip(&mut of_regions).enumerate() {
            let values = matrix.region(region).get(rows.clone()).unwrap_or_default();
            if let Some(spread) = statistics.scored() {
                z.iter_mut().zip(values).for_each(|(z, value)| {
                    *z = ((value - spread.median) / spread.scale).clamp(-FARTHEST, FARTHEST)
                });
            }
        }
        for row in 0..rows.len() {
            for (z, of_region) in of_session.iter_mut().zip(&of_regions) {
                *z = of_region.get(row).copied().unwrap_or(f64::NAN);
            }
            scores.push(score(&of_session, feature, regions, &mut sorted));
        }
    }
    scores
}

fn score(z: &[f64], feature: u16, regions: &mut [RegionStatistics], sorted: &mut Vec<f64>) -> SessionScore {
    sorted.clear();
    sorted.extend(z.iter().copied().filter(|z| z.is_finite()));
    let Some(level) = median_of(sorted) else { return SessionScore::default() };
    let mut score = SessionScore { level: level as f32, ..SessionScore::default() };
    for (index, (z, region)) in z.iter().zip(regions).enumerate().filter(|(_, (z, _))| z.is_finite()) {
        let deviation = z - level;
        score.n_scored += 1;
        if deviation.abs() > CUT_OFF {
            score.n_unusual += 1;
            region.n_unusual += 1;
        }
        let deviation =
            Deviation { feature, region: u32::try_from(index).unwrap_or(u32::MAX), z: deviation as f32 };
        insert(&mut score.largest, deviation);
    }
    score
}

/// Puts a deviation where it belongs among the largest. Of equal ones the first stays in front.
pub(crate) fn insert(largest: &mut [Deviation; LARGEST], new: Deviation) {
    let place = largest.iter().position(|known| new.z.abs() > known.z.abs());
    if let Some(behind) = place.and_then(|place| largest.get_mut(place..)) {
        behind.rotate_right(1);
        behind.first_mut().into_iter().for_each(|first| *first = new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_deviations_stand_first_and_the_smallest_falls_out() {
        let mut largest = [Deviation::default(); LARGEST];
        for (region, z) in [1.0, -9.0, 3.0, 3.0, -2.0, 7.0, 0.5, 8.0].into_iter().enumerate() {
            insert(&mut largest, Deviation { feature: 0, region: region as u32, z });
        }
        assert_eq!(largest.map(|deviation| deviation.z), [-9.0, 8.0, 7.0, 3.0, 3.0, -2.0]);
        assert_eq!((largest[3].region, largest[4].region), (2, 3));
    }
}

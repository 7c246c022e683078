//! Spearman's rank correlation.

use crate::statistics::sorted::Sorted;

/// Fewer pairs than these say nothing.
pub(crate) const FEWEST_PAIRS: usize = 20;

/// Spearman's ρ of pairs of which both values are finite; equal values share the mean of their ranks. `None` if there are fewer than
/// [`FEWEST_PAIRS`], or one side has the same value everywhere.
pub(crate) fn spearman(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (ones, others): (Vec<f64>, Vec<f64>) =
        pairs.filter(|(one, other)| one.is_finite() && other.is_finite()).unzip();
    if ones.len() < FEWEST_PAIRS {
        return None;
    }
    let (ones, others) = (ranks(&ones), ranks(&others));
    // The mean of all ranks, whatever the ties.
    let mean = (ones.len() as f64 - 1.0) / 2.0;
    let (mut both, mut of_one, mut of_other) = (0.0, 0.0, 0.0);
    for (one, other) in ones.iter().zip(&others) {
        let (one, other) = (one - mean, other - mean);
        both += one * other;
        of_one += one * one;
        of_other += other * other;
    }
    let scale = (of_one * of_other).sqrt();
    (scale > 0.0).then(|| both / scale)
}

/// The rank of each value, from 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let sorted = Sorted::of(values.iter().copied());
    let sorted = sorted.values();
    let rank = |value: &f64| {
        let first = sorted.partition_point(|other| other < value);
        let behind = sorted.partition_point(|other| other <= value);
        (first + behind - 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_rank() {
        assert_eq!(ranks(&[10.0, 20.0, 10.0, 5.0]), [1.5, 3.0, 1.5, 0.0]);
    }

    #[test]
    fn what_rises_together_is_one_and_what_falls_minus_one() {
        let rising = (0..30).map(|n| (f64::from(n), f64::from(n).exp()));
        assert!((spearman(rising).unwrap() - 1.0).abs() < 1e-12);
        let falling = (0..30).map(|n| (f64::from(n), -f64::from(n)));
        assert!((spearman(falling).unwrap() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_pairs_and_constant_values_have_none() {
        assert_eq!(spearman((0..19).map(|n| (f64::from(n), f64::from(n)))), None);
        assert_eq!(spearman((0..40).map(|n| (f64::from(n), 1.0))), None);
        let half_empty = (0..38).map(|n| (f64::from(n), if n % 2 == 0 { f64::NAN } else { f64::from(n) }));
        assert_eq!(spearman(half_empty), None);
    }

    #[test]
    fn ties_give_what_the_definition_gives() {
        // By hand: ranks of x are 0 to 19 in pairs of ties, y is x but for two that are swapped.
        let x: Vec<f64> = (0..20).map(|n| f64::from(n / 2)).collect();
        let mut y = x.clone();
        y.swap(0, 19);
        let rho = spearman(x.into_iter().zip(y)).unwrap();
        // Σd² = 2 · 18² = 648; both sides have 10 pairs of ties: ρ = 1 − Σd² / (2 Σ(r − r̄)²), Σ(r − r̄)² = (20³ − 20)/12 − 10/2.
        assert!((rho - (1.0 - 648.0 / (2.0 * 660.0))).abs() < 1e-12, "{rho}");
    }
}

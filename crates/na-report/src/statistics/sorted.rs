//! Sorted values: quantiles, the median, and how far values are from it.

/// What turns a median absolute deviation into the standard deviation of normal values.
pub(crate) const NORMAL: f64 = 1.4826;

/// Finite values in ascending order. A buffer that is filled again and again.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    keys: Vec<u64>,
    values: Vec<f64>,
}

/// Where values lie, and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// 1.4826 · MAD: the standard deviation, if the values are normal. 0 if more than half of them are the same.
    pub(crate) scale: f64,
}

impl Spread {
    /// How far a value is from the median, in robust standard deviations. `None` if the values do not spread.
    pub(crate) fn z(self, value: f64) -> Option<f64> {
        (self.scale > 0.0).then(|| (value - self.median) / self.scale)
    }
}

impl Sorted {
    /// Takes these values, without those that are not finite.
    pub(crate) fn fill(&mut self, values: impl Iterator<Item = f64>) {
        self.keys.clear();
        self.keys.extend(values.filter(|value| value.is_finite()).map(key));
        // Integers sort in half the time of doubles.
        self.keys.sort_unstable();
        self.values.clear();
        self.values.extend(self.keys.iter().map(|key| value(*key)));
    }

    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted = Self::default();
        sorted.fill(values);
        sorted
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// A quantile, linear between the two values that it lies between, as R's type 7 and NumPy's default. `None` without values.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let position = share * last as f64;
        let below = (position.floor() as usize).min(last);
        let (low, high) = (self.values.get(below)?, self.values.get((below + 1).min(last))?);
        Some(between(*low, *high, position - below as f64))
    }

    /// `None` without values.
    pub(crate) fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The median and the scaled MAD. `None` without values.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let median = self.median()?;
        Some(Spread { median, scale: NORMAL * self.median_deviation(median)? })
    }

    /// The median of the distances from the median. These grow from it to both ends: of two sorted lists the middle is found by halving, and
    /// nothing is sorted again.
    fn median_deviation(&self, median: f64) -> Option<f64> {
        let n = self.values.len();
        let high = self.deviation(median, n / 2)?;
        if !n.is_multiple_of(2) {
            return Some(high);
        }
        self.deviation(median, n / 2 - 1).map(|low| between(low, high, 0.5))
    }

    /// The distance from the median with so many that are not larger before it.
    fn deviation(&self, median: f64, rank: usize) -> Option<f64> {
        let (below, above) = self.values.split_at(self.values.partition_point(|value| *value < median));
        let of_below = |index: usize| {
            below.len().checked_sub(index + 1).and_then(|index| below.get(index)).map(|value| median - value)
        };
        let of_above = |index: usize| above.get(index).map(|value| value - median);
        // How many of the nearest are below the median: as many as still are nearer than the one above that would come instead.
        let (mut least, mut most) = (rank.saturating_sub(above.len()), rank.min(below.len()));
        while least < most {
            let taken = least.midpoint(most);
            let is_nearer = match (of_below(taken), of_above(rank - taken - 1)) {
                (Some(next), Some(instead)) => next < instead,
                (next, _) => next.is_some(),
            };
            if is_nearer { least = taken + 1 } else { most = taken }
        }
        match (of_below(least), of_above(rank - least)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The smallest difference between two values. `None` if all are the same.
    pub(crate) fn smallest_step(&self) -> Option<f64> {
        let steps = self.values.windows(2).filter_map(|pair| match pair {
            [low, high] if high > low => Some(high - low),
            _ => None,
        });
        steps.min_by(f64::total_cmp)
    }
}

fn between(low: f64, high: f64, share: f64) -> f64 {
    // Equal ends give themselves, to the bit.
    if low == high { low } else { low + (high - low) * share }
}

/// A number that sorts as the value does. Both zeros are one.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// The median of some values, which are reordered. `None` without values.
pub(crate) fn median_of(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    let middle = n / 2;
    if n == 0 {
        return None;
    }
    let (below, high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let high = *high;
    if !n.is_multiple_of(2) {
        return Some(high);
    }
    below.iter().copied().max_by(f64::total_cmp).map(|low| between(low, high, 0.5))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive_median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len();
        if n % 2 == 1 { values[n / 2] } else { values[n / 2 - 1] + (values[n / 2] - values[n / 2 - 1]) * 0.5 }
    }

    proptest! {
        #[test]
        fn the_spread_is_that_of_the_definition(values in prop::collection::vec(-1e6..1e6_f64, 1..80)) {
            let spread = Sorted::of(values.iter().copied()).spread().unwrap();
            let median = naive_median(values.clone());
            let deviation = naive_median(values.iter().map(|value| (value - median).abs()).collect());
            prop_assert_eq!(spread, Spread { median, scale: NORMAL * deviation });
            prop_assert_eq!(median_of(&mut values.clone()), Some(median));
        }

        #[test]
        fn every_double_sorts_and_comes_back(values in prop::collection::vec(any::<f64>(), 0..40)) {
            let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).map(|v| v + 0.0).collect();
            finite.sort_by(f64::total_cmp);
            let sorted = Sorted::of(values.into_iter());
            prop_assert_eq!(sorted.values(), &finite[..]);
        }
    }

    #[test]
    fn quantiles_lie_between_values() {
        let sorted = Sorted::of([4.0, 1.0, 3.0, 2.0].into_iter());
        let quantiles = [0.0, 0.25, 0.5, 1.0].map(|share| sorted.quantile(share).unwrap());
        assert_eq!(quantiles, [1.0, 1.75, 2.5, 4.0]);
        assert_eq!(Sorted::default().quantile(0.5), None);
    }

    #[test]
    fn equal_values_do_not_spread() {
        let spread = Sorted::of([7.0, 7.0, 7.0, 9.0].into_iter()).spread().unwrap();
        assert_eq!((spread.scale, spread.z(9.0)), (0.0, None));
    }

    #[test]
    fn the_smallest_step_is_that_of_rounded_values() {
        assert_eq!(Sorted::of([0.5, 0.25, 1.5, 0.5].into_iter()).smallest_step(), Some(0.25));
        assert_eq!(Sorted::of([1.0, 1.0].into_iter()).smallest_step(), None);
    }
}

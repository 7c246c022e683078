//! Histograms: equal bins between the 1st and the 99th percentile, and a bar for each tail.

use crate::statistics::sorted::Sorted;

/// Bins between the two percentiles.
pub(crate) const BINS: usize = 20;

/// Bars of a histogram: the lower tail, the bins, the upper tail.
pub(crate) const BARS: usize = BINS + 2;

/// How many values are in each bar. The tails have what is below the 1st and above the 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Histogram(pub(crate) [u32; BARS]);

impl Histogram {
    /// Counts sorted values. All are in the first bin if the percentiles are the same.
    pub(crate) fn of(sorted: &Sorted) -> Self {
        let values = sorted.values();
        let (Some(low), Some(high)) = (sorted.quantile(0.01), sorted.quantile(0.99)) else {
            return Self::default();
        };
        let width = (high - low) / BINS as f64;
        let mut bars = [0; BARS];
        let mut counted = 0;
        for (index, bar) in bars.iter_mut().enumerate() {
            // Up to where a bar reaches: the values are sorted. The last bin has its end, too.
            let end = match index {
                0 => values.partition_point(|value| *value < low),
                index if index < BINS && width > 0.0 => {
                    let end = low + width * index as f64;
                    values.partition_point(|value| *value < end)
                }
                index if index <= BINS => values.partition_point(|value| *value <= high),
                _ => values.len(),
            };
            *bar = u32::try_from(end.saturating_sub(counted)).unwrap_or(u32::MAX);
            counted = end.max(counted);
        }
        Self(bars)
    }

    /// The bars as shares of the tallest, in 255ths: a bar that has any value is not 0.
    pub(crate) fn scaled(&self) -> [u8; BARS] {
        let tallest = self.0.iter().copied().max().unwrap_or(0).max(1);
        self.0.map(|bar| (u64::from(bar) * 255).div_ceil(u64::from(tallest)).min(255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_have_bars_of_their_own_and_nothing_is_lost() {
        let values = (0..1000).map(f64::from).chain([1e9, -1e9]);
        let histogram = Histogram::of(&Sorted::of(values));
        assert_eq!(histogram.0.iter().sum::<u32>(), 1002);
        assert_eq!((histogram.0[0], histogram.0[BARS - 1]), (11, 11));
    }

    #[test]
    fn equal_values_are_one_bar() {
        let histogram = Histogram::of(&Sorted::of([3.0; 40].into_iter()));
        assert_eq!(histogram.0[1], 40);
        assert_eq!(histogram.scaled()[1], 255);
    }

    #[test]
    fn a_single_value_among_very_many_is_seen() {
        let mut bars = [0; BARS];
        (bars[3], bars[4]) = (1, 1_000_000);
        assert_eq!(Histogram(bars).scaled()[3..6], [1, 255, 0]);
    }
}

//! The intraclass correlation of repeated measures.

/// Fewer subjects with several values say nothing.
pub(crate) const FEWEST_SUBJECTS: usize = 10;

/// ICC(1): one-way random effects, groups of unequal size (Shrout & Fleiss 1979). The values come subject by subject; those that are not
/// finite are passed over, and so is who has one value. `None` with fewer than [`FEWEST_SUBJECTS`], or if nothing varies.
pub(crate) fn icc(subjects: impl Iterator<Item = impl Iterator<Item = f64> + Clone>) -> Option<f64> {
    let mut total = Total::default();
    for values in subjects {
        total.add(values.filter(|value| value.is_finite()));
    }
    total.coefficient().filter(|_| total.n_subjects >= FEWEST_SUBJECTS)
}

/// Sums over subjects, each shifted by the first value, so that large values with small differences keep their digits.
#[derive(Default)]
struct Total {
    shift: Option<f64>,
    n_subjects: usize,
    n: f64,
    /// Σ nᵢ²
    squared_sizes: f64,
    sum: f64,
    /// Σ nᵢ · (mean of subject)²
    squared_means: f64,
    /// Σ (value − mean of subject)²
    within: f64,
}

impl Total {
    fn add(&mut self, values: impl Iterator<Item = f64> + Clone) {
        let n = values.clone().count() as f64;
        let Some(first) = values.clone().next().filter(|_| n > 1.0) else { return };
        let shift = *self.shift.get_or_insert(first);
        let sum: f64 = values.clone().map(|value| value - shift).sum();
        let mean = sum / n;
        self.n_subjects += 1;
        self.n += n;
        self.squared_sizes += n * n;
        self.sum += sum;
        self.squared_means += sum * mean;
        self.within += values.map(|value| (value - shift - mean).powi(2)).sum::<f64>();
    }

    fn coefficient(&self) -> Option<f64> {
        let subjects = self.n_subjects as f64;
        let between = (self.squared_means - self.sum * self.sum / self.n) / (subjects - 1.0);
        let within = self.within / (self.n - subjects);
        let size = (self.n - self.squared_sizes / self.n) / (subjects - 1.0);
        let all = between + (size - 1.0) * within;
        (all > 0.0).then(|| (between - within) / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subjects: &[&[f64]]) -> Option<f64> {
        icc(subjects.iter().map(|values| values.iter().copied()))
    }

    #[test]
    fn who_has_always_the_same_value_is_told_by_it() {
        let subjects: Vec<[f64; 2]> = (0..12).map(|n| [f64::from(n); 2]).collect();
        let subjects: Vec<&[f64]> = subjects.iter().map(|values| &values[..]).collect();
        assert!((of(&subjects).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_example_of_shrout_and_fleiss() {
        // Table 2 of the paper: six targets, four judges.
        let targets: [[f64; 4]; 6] = [
            [9.0, 2.0, 5.0, 8.0],
            [6.0, 1.0, 3.0, 2.0],
            [8.0, 4.0, 6.0, 8.0],
            [7.0, 1.0, 2.0, 6.0],
            [10.0, 5.0, 6.0, 9.0],
            [6.0, 2.0, 4.0, 7.0],
        ];
        let mut total = Total::default();
        targets.iter().for_each(|values| total.add(values.iter().copied()));
        assert!((total.coefficient().unwrap() - 0.17).abs() < 0.005);
    }

    #[test]
    fn who_has_one_value_does_not_count_and_a_missing_one_is_passed_over() {
        let subjects: Vec<Vec<f64>> =
            (0..10).map(|n| vec![f64::from(n), f64::NAN, f64::from(n) + 0.5]).collect();
        let all: Vec<&[f64]> = subjects.iter().map(Vec::as_slice).collect();
        let with_single: Vec<&[f64]> = all.iter().copied().chain([&[100.0][..]]).collect();
        assert_eq!(of(&with_single), of(&all));
        assert_eq!(of(&all[..9]), None);
    }

    #[test]
    fn values_that_never_vary_have_none() {
        assert_eq!(of(&[&[1.0, 1.0][..]; 12]), None);
    }
}

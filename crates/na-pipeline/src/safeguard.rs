//! How much may leave a store without `--yes`.

/// Whether so much of the store would leave that the user has to agree with `--yes`.
pub(crate) fn is_over_a_tenth(leaving: usize, known: usize) -> bool {
    leaving.saturating_mul(10) > known
}

//! How much of a store leaves it without a second question.

/// Whether so much of what is known would leave that it has to be said with `--yes`.
pub(crate) fn is_over_a_tenth(leaving: usize, known: usize) -> bool {
    leaving.saturating_mul(10) > known
}

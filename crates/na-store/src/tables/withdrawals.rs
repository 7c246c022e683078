//! What whoever writes to a store was told of those who withdrew, and whether that is enough.

use std::path::Path;

use crate::error::StoreError;

/// What whoever writes to a store was told of those who withdrew. A store keeps counts and no codes: that a list got
/// shorter is all that it can see of people who would come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithdrawalsTold {
    /// Nothing.
    #[default]
    Nothing,
    /// A list of so many lines.
    Listed(u64),
    /// A list of so many lines that may be shorter than the last: it was corrected, or nobody is in it any more.
    Corrected(u64),
}

impl WithdrawalsTold {
    /// The lines of the list; `None` without one.
    #[must_use]
    pub fn n_listed(self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Listed(n) | Self::Corrected(n) => Some(n),
        }
    }

    /// Refuses to go on where somebody would come back; `known` is what a store or a cache was told before.
    ///
    /// # Errors
    /// [`StoreError::WithdrawalsNotTold`], [`StoreError::FewerWithdrawals`].
    pub fn check(self, output: &Path, known: Option<u64>) -> Result<(), StoreError> {
        match (self, known) {
            (Self::Nothing, Some(_)) => Err(StoreError::WithdrawalsNotTold { output: output.to_owned() }),
            (Self::Listed(listed), Some(known)) if listed < known => {
                Err(StoreError::FewerWithdrawals { output: output.to_owned(), listed, known })
            }
            _ => Ok(()),
        }
    }
}

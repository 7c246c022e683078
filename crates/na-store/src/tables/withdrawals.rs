//! What a store knows of participants who withdrew: how many, and never who.

use std::path::Path;

use na_model::Manifest;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;

/// The manifest's key that says how many withdrew.
const WITHDRAWN: &str = "withdrawn";

/// How many a store took out because they withdrew. It says nothing of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Withdrawal {
    /// Subjects.
    pub n_subjects: u64,
    /// Sessions.
    pub n_sessions: u64,
}

/// What a store says of those who withdrew: counts, and never codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WithdrawalMark {
    #[serde(flatten)]
    taken_out: Withdrawal,
    /// Lines of the last list; a version before this one did not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_listed: Option<u64>,
    /// When the last of them were taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl WithdrawalMark {
    /// How many a list has to name that is not shorter than the last.
    pub(crate) fn n_listed(&self) -> u64 {
        self.n_listed.unwrap_or(self.taken_out.n_subjects)
    }

    /// Adds those who were taken out now, by a list of so many lines.
    pub(crate) fn add(&mut self, now: Withdrawal, n_listed: u64) {
        if now != Withdrawal::default() || self.at.is_none() {
            self.at = Some(keys::now());
        }
        self.taken_out.n_subjects += now.n_subjects;
        self.taken_out.n_sessions += now.n_sessions;
        self.n_listed = Some(n_listed);
    }

    /// What a manifest says. `None` if the store was never told of withdrawals.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        // Whatever stands there says that participants withdrew.
        let mark = manifest.extra.get(WITHDRAWN)?;
        Some(serde_json::from_value(mark.clone()).unwrap_or_default())
    }

    /// Puts it into a manifest.
    ///
    /// # Errors
    /// What JSON cannot hold.
    pub(crate) fn put_into(&self, manifest: &mut Manifest) -> Result<(), serde_json::Error> {
        manifest.extra.insert(WITHDRAWN.to_owned(), serde_json::to_value(self)?);
        Ok(())
    }
}

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

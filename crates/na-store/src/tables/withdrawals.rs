//! What a store records of participants who withdrew: how many, and never who.

use std::collections::BTreeMap;
use std::path::Path;

use na_model::Manifest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;

/// The manifest's key for [`WithdrawalMark`].
const WITHDRAWN: &str = "withdrawn";

/// How many subjects and sessions were taken out of a store because participants withdrew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "plain data")]
pub struct Withdrawal {
    pub n_subjects: u64,
    pub n_sessions: u64,
}

/// What a store records of those who withdrew: counts, and never codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WithdrawalMark {
    #[serde(flatten)]
    taken_out: Withdrawal,
    /// Lines of the last list. `None` if an earlier version wrote the mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_listed: Option<u64>,
    /// When somebody was last taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Whether a withdrawal has begun that did not end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_begun: bool,
}

impl WithdrawalMark {
    /// How many lines a list needs so that it is not shorter than the last.
    pub(crate) fn n_listed(&self) -> u64 {
        self.n_listed.unwrap_or(self.taken_out.n_subjects)
    }

    /// Records that a withdrawal begins, by a list of `n_listed` lines.
    pub(crate) fn begin(&mut self, n_listed: u64) {
        self.n_listed = Some(self.n_listed().max(n_listed));
        self.has_begun = true;
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Adds those who are taken out now, by a list of `n_listed` lines.
    pub(crate) fn add(&mut self, now: Withdrawal, n_listed: u64) {
        if now != Withdrawal::default() || self.at.is_none() {
            self.at = Some(keys::now());
        }
        self.taken_out.n_subjects += now.n_subjects;
        self.taken_out.n_sessions += now.n_sessions;
        self.n_listed = Some(n_listed);
        self.has_begun = false;
    }

    /// Reads the mark of a manifest. `None` if the store was never told of withdrawals.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        // Whatever the key holds, it says that participants withdrew: a mark that cannot be understood is one without counts.
        let mark = manifest.extra.get(WITHDRAWN)?;
        Some(serde_json::from_value(mark.clone()).unwrap_or_default())
    }

    /// Puts the mark among a manifest's own keys.
    ///
    /// # Errors
    /// If JSON cannot hold it.
    pub(crate) fn put_into(&self, extra: &mut BTreeMap<String, Value>) -> Result<(), serde_json::Error> {
        extra.insert(WITHDRAWN.to_owned(), serde_json::to_value(self)?);
        Ok(())
    }
}

/// The list of those who withdrew, as the writer of a store was given it. A store keeps counts and no codes: all that it can see
/// of people who would come back is that the list got shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithdrawalsTold {
    /// No list.
    #[default]
    Nothing,
    /// A list with this many lines.
    Listed(u64),
    /// A list with this many lines that may be shorter than the last: it was corrected, or has nobody any more.
    Corrected(u64),
}

impl WithdrawalsTold {
    /// The number of lines. `None` without a list.
    #[must_use]
    pub fn n_listed(self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Listed(n) | Self::Corrected(n) => Some(n),
        }
    }

    /// Refuses to go on if somebody who withdrew would come back. `known` is the number of lines of the last list that a store or
    /// cache was given.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_a_version_that_counted_no_lines_asks_for_as_many_as_were_taken_out() {
        let mark = |text: &str| serde_json::from_str::<WithdrawalMark>(text).unwrap();
        let mut old = mark(r#"{"n_subjects": 3, "n_sessions": 5, "at": "2026-01-01T00:00:00Z"}"#);
        assert_eq!(old.n_listed(), 3);
        old.add(Withdrawal::default(), 4);
        assert_eq!(
            serde_json::to_string(&old).unwrap(),
            r#"{"n_subjects":3,"n_sessions":5,"n_listed":4,"at":"2026-01-01T00:00:00Z"}"#
        );
        assert_eq!(mark("{}").n_listed(), 0);
    }
}

//! Takes those who withdrew out of a store, and out of the session list of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use na_cache::{Claim, OwnerLock, delete_damaged_segments};
use na_model::{Names, Session};
use na_store::{ExistingStore, ExportObserver, Mentioned, Withdrawal};

use crate::error::PipelineError;
use crate::safeguard::is_over_a_tenth;
use crate::sessions::session_list::SessionList;
use crate::withdrawals::subjects::Doubt;
use crate::withdrawals::withdrawal_list::{Meant, Unclear, Withdrawn};

/// Lines that an error names.
const LINES_TOLD: usize = 5;

/// Subjects that may always withdraw at once: one or two are over a tenth of a small cohort. A wrong file, such as the
/// session list, names everybody.
const FEW: usize = 5;

/// What a withdrawal did to a store, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withdrew {
    /// How many were taken out.
    pub taken_out: Withdrawal,
    /// The sessions that would be taken out; empty once they are, as nobody is named then.
    pub sessions: BTreeSet<Session>,
    /// By what texts may name them: whoever writes to the store leaves such texts untold.
    pub names: Names,
    /// Lines of the list.
    pub n_lines: usize,
    /// Lines that mean nobody in the store.
    pub of_nobody: usize,
    /// Those of them with the letters and digits of a code in the store.
    pub near_misses: usize,
    /// Lines that name a stored subject but not clearly: they take nobody out.
    pub unclear: Vec<Unclear>,
    /// Rows of other sessions with a text that names one of them, by file and column: they stay.
    pub named_in_cells: BTreeMap<String, u64>,
    /// Files and folders in the output that are not the store's: nobody looked into them.
    pub files_of_others: BTreeSet<String>,
    /// Segments that were damaged and are deleted: nobody can tell whom they named.
    pub n_damaged_segments: usize,
    /// Whether the store was given a list of as many lines before.
    pub is_known: bool,
    /// Why a withdrawal would stop before it does anything, of one that was only planned.
    pub would_stop: Option<String>,
}

/// Takes those who withdrew out of a store and its cache. With `yes`, the list may be shorter than the one before, and
/// may take any share of the store.
///
/// # Errors
/// A list that is shorter than the one before, that takes over a tenth of the store, or that has lines that are not
/// clear; a store that cannot be read or written; a load that is running; traces of them that are left.
pub fn withdraw(
    output: &Path,
    withdrawn: &Withdrawn,
    yes: bool,
    claim: &Claim,
    observer: &dyn ExportObserver,
) -> Result<Withdrew, PipelineError> {
    let told = withdrawn.told(yes);
    let (true, Some(n_listed)) = (output.is_dir(), told.n_listed()) else { return Ok(Withdrew::default()) };
    // The lock is taken even if nobody is found: it clears what a killed withdrawal left, and the store records that it
    // was given a list.
    let lock = OwnerLock::claim(output, &Claim { cancel: observer.cancel(), ..claim.clone() })?;
    let damaged_segments = delete_damaged_segments(&lock)?;
    for name in &damaged_segments {
        tracing::warn!(
            "segment {name} was damaged and is deleted, since nobody can tell whom it names: the next run reads its sessions again"
        );
    }
    let store = ExistingStore::open(output)?;
    let mentioned = Mentioned::of(&store)?;
    let (meant, is_known) = withdrawn.checked(&mentioned, output, yes)?;
    check_share(output, &meant, yes)?;
    let mut taken_out = Withdrawal::default();
    let (mut named_in_cells, mut files_of_others) = (BTreeMap::new(), BTreeSet::new());
    if !is_known || !meant.sessions.is_empty() || Mentioned::is_named(&store, &meant.names)? {
        taken_out = na_store::withdraw(&lock, &meant.sessions, &meant.names, n_listed, observer)?;
        let store = ExistingStore::open(output)?;
        named_in_cells = na_store::named_in_cells(&store, &meant.names)?;
        files_of_others = store.files_of_others()?;
    } else {
        // Half-written files of a killed run may hold somebody who withdrew, and so may parts without a cache.
        na_store::delete_orphaned_parts(&lock)?;
        na_store::finish_commit(&lock, observer)?;
    }
    let withdrew = Withdrew::of(meant, is_known);
    let n_damaged_segments = damaged_segments.len();
    let sessions = BTreeSet::new();
    Ok(Withdrew { taken_out, sessions, named_in_cells, files_of_others, n_damaged_segments, ..withdrew })
}

/// What [`withdraw`] would take out.
///
/// # Errors
/// A list that is shorter than the one before, or has lines that are not clear; a store that cannot be read.
pub fn would_withdraw(output: &Path, withdrawn: &Withdrawn, yes: bool) -> Result<Withdrew, PipelineError> {
    let told = withdrawn.told(yes);
    if !output.is_dir() || told.n_listed().is_none() {
        return Ok(Withdrew::default());
    }
    let mentioned = Mentioned::of(&ExistingStore::open(output)?)?;
    let (meant, is_known) = withdrawn.checked(&mentioned, output, yes)?;
    let would_stop = check_share(output, &meant, yes).err().map(|error| error.to_string());
    Ok(Withdrew { would_stop, ..Withdrew::of(meant, is_known) })
}

/// Refuses to take many subjects and over a tenth of the store without `--yes`.
fn check_share(output: &Path, meant: &Meant, yes: bool) -> Result<(), PipelineError> {
    let (taken, known) = (meant.subjects().len(), meant.n_subjects_known);
    if !yes && taken > FEW && is_over_a_tenth(taken, known) {
        return Err(PipelineError::WouldWithdraw { output: output.to_owned(), taken, known });
    }
    Ok(())
}

/// Refuses lines that are not clear, except those that may have been carried out before: if the list is known, a
/// session that is not in the store may have been taken out.
pub(crate) fn check_clear(
    unclear: &[Unclear],
    yes: bool,
    may_be_done: impl Fn(&Unclear) -> bool,
) -> Result<(), PipelineError> {
    let lines: Vec<&Unclear> = unclear.iter().filter(|line| !may_be_done(line)).collect();
    if yes || lines.is_empty() {
        return Ok(());
    }
    let mut told: Vec<String> = lines.iter().take(LINES_TOLD).map(|line| line.told()).collect();
    if lines.len() > LINES_TOLD {
        told.push(format!("and {} more", lines.len() - LINES_TOLD));
    }
    Err(PipelineError::UnclearWithdrawals { lines: told.join("; ") })
}

impl Unclear {
    /// What is wrong with the line, without its codes.
    fn told(&self) -> String {
        let line = self.line;
        match self.doubt {
            Doubt::NoSuchSession => {
                format!(
                    "line {line} has a known subject beside what is no session of it (a remark, or a miswritten session?)"
                )
            }
            Doubt::MoreThanACode => format!("line {line} has a known subject among other words or codes"),
            Doubt::DigitsLost => {
                format!("line {line} has a number in scientific notation, whose digits were lost")
            }
        }
    }
}

impl Withdrawn {
    /// Takes those who withdrew out of the rows. They keep their claims: their folders become nobody else's.
    pub(crate) fn take_out_of(&self, list: &mut SessionList) {
        let listed: BTreeSet<Session> = list.listing.rows.iter().map(|row| row.session.clone()).collect();
        let meant = self.among(&listed).sessions;
        if meant.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut list.listing.rows).into_iter();
        for (row, written) in rows.zip(std::mem::take(&mut list.as_written)) {
            if meant.contains(&row.session) {
                list.refused.remove(&row.session);
                list.counts.withdrawn += 1;
                list.withdrawn.push((row.session, written));
            } else {
                list.listing.rows.push(row);
                list.as_written.push(written);
            }
        }
    }

    /// What the list means in a store, and whether the store was given a list of this length before.
    ///
    /// # Errors
    /// A list that is shorter than the one before; lines that are not clear.
    fn checked(
        &self,
        mentioned: &Mentioned,
        output: &Path,
        yes: bool,
    ) -> Result<(Meant, bool), PipelineError> {
        let told = self.told(yes);
        told.check(output, mentioned.n_listed_withdrawn)?;
        let is_known = mentioned.n_listed_withdrawn == told.n_listed() && !mentioned.has_begun;
        let meant = self.among(&mentioned.sessions);
        check_clear(&meant.unclear, yes, |unclear| is_known && unclear.doubt == Doubt::NoSuchSession)?;
        Ok((meant, is_known))
    }

    /// Which sessions of a store and its cache the list means.
    pub(crate) fn among_stored(&self, store: &ExistingStore) -> Result<Meant, PipelineError> {
        match self {
            Self::List(_) if store.output().is_dir() => Ok(self.among(&Mentioned::of(store)?.sessions)),
            _ => Ok(Meant::default()),
        }
    }
}

impl Withdrew {
    fn of(meant: Meant, is_known: bool) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let taken_out =
            Withdrawal { n_subjects: count(meant.subjects().len()), n_sessions: count(meant.sessions.len()) };
        let Meant { sessions, names, n_lines, of_nobody, near_misses, unclear, .. } = meant;
        Self {
            taken_out,
            sessions,
            names,
            n_lines,
            of_nobody,
            near_misses,
            unclear,
            is_known,
            ..Self::default()
        }
    }
}

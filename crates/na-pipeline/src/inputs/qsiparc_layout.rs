//! Which program wrote what lies under `QSIPARC_PATH`: `parcellate` or QSIParc.

use std::path::Path;
use std::str::FromStr;

use na_model::ModelError;

use crate::inputs::diffmaps::has_diffmaps;
use crate::inputs::workflow_choice::has_workflows;

/// How tables of QSIRecon's maps lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QsiparcLayout {
    /// `qsirecon-WORKFLOW/sub-S/…_parc.tsv`, as `parcellate` writes them.
    Parcellate,
    /// `sub-S/…_software-WORKFLOW…_diffmap.tsv`, as QSIParc does.
    Diffmap,
}

impl QsiparcLayout {
    /// Both, the one that is taken where both are there first.
    pub const ALL: [Self; 2] = [Self::Parcellate, Self::Diffmap];

    /// The word in options.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parcellate => "parcellate",
            Self::Diffmap => "diffmap",
        }
    }

    /// The layout of a folder.
    pub(crate) fn of(root: &Path) -> Self {
        if !has_workflows(root) && has_diffmaps(root) { Self::Diffmap } else { Self::Parcellate }
    }
}

impl FromStr for QsiparcLayout {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        let not_one = || ModelError::NotOneOf { found: word.to_owned(), expected: "parcellate, diffmap" };
        Self::ALL.into_iter().find(|layout| layout.as_str() == word).ok_or_else(not_one)
    }
}

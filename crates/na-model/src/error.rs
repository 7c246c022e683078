//! What can be wrong with a name.

/// A word that cannot be what it is meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A subject code without a character.
    #[error("the subject code is empty")]
    EmptySubject,
    /// A session id that a spreadsheet turned into scientific notation: its digits cannot be told any more.
    #[error(
        "the session id {0:?} is a number in scientific notation: digits were lost; \
         write the session list again with this column as text"
    )]
    DigitsLost(String),
    /// An identifier with a character that no folder name should have.
    #[error("the identifier {0:?} holds a control character, a quote or a backslash")]
    ForbiddenCharacter(String),
    /// An identifier longer than a folder name can be.
    #[error("the identifier {0:?}… is longer than 200 bytes")]
    TooLong(String),
    /// A table name that is neither `anatomical_{gm,wm,ct}` nor `diffusion_WORKFLOW`.
    #[error(
        "{0:?} is not a table name: expected anatomical_gm, anatomical_wm, anatomical_ct or diffusion_WORKFLOW"
    )]
    UnknownTable(String),
    /// A word outside a fixed list.
    #[error("{found:?} is not one of {expected}")]
    NotOneOf {
        /// The word.
        found: String,
        /// What was possible.
        expected: &'static str,
    },
}

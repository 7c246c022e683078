//! What can be wrong with a name.

/// A word that cannot be what it is meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A subject code without a character.
    #[error("the subject code is empty")]
    EmptySubject,
    /// An identifier longer than a folder name can be.
    #[error("the identifier {0:?}… is longer than a name can be")]
    TooLong(String),
    /// A table name that is neither `anatomical_NAME` nor `diffusion_NAME`, or whose name no file can have.
    #[error(
        "{0:?} is not a table name: expected anatomical_NAME or diffusion_NAME, with a NAME that a file can have"
    )]
    UnknownTable(String),
    /// A text that no setting is called by.
    #[error("{0:?} is not the name of a setting: expected a capital, then capitals, digits and _")]
    NotASetting(String),
    /// A text that no kind of input is called by.
    #[error("{0:?} is not the name of an input: expected a small letter, then small letters, digits and -")]
    NotAnInput(String),
    /// A word outside a fixed list.
    #[error("{found:?} is not one of {expected}")]
    NotOneOf {
        /// The word.
        found: String,
        /// What was possible.
        expected: &'static str,
    },
}

//! Whose files a unit is read from.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::modality::Modality;

/// The longest name of a kind of input, bytes.
const LONGEST: usize = 32;

/// The name of a kind of input: a small letter, then small letters, digits and `-`.
///
/// `parcellate` comes first in every order, then all others by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InputName(Cow<'static, str>);

impl InputName {
    /// The tables that `parcellate` writes.
    pub const PARCELLATE: Self = Self::named(Self::PARCELLATE_WORD);

    /// The statistics that FreeSurfer writes.
    pub const FREESURFER: Self = Self::named("freesurfer");

    /// The reports of CAT12 itself.
    pub const CAT12_GLOBALS: Self = Self::named("cat12-globals");

    /// The regional values of CAT12 itself.
    pub const CAT12_ROI: Self = Self::named("cat12-roi");

    /// The tables that QSIParc writes.
    pub const QSIPARC: Self = Self::named("qsiparc");

    /// The tables that QSIRecon itself writes.
    pub const QSIRECON: Self = Self::named("qsirecon");

    const KNOWN: [Self; 5] =
        [Self::FREESURFER, Self::CAT12_GLOBALS, Self::CAT12_ROI, Self::QSIPARC, Self::QSIRECON];

    /// The name of [`InputName::PARCELLATE`].
    pub const PARCELLATE_WORD: &'static str = "parcellate";

    /// A name in the code of an input, for a constant.
    ///
    /// ```
    /// use na_model::InputName;
    ///
    /// const DEMO: InputName = InputName::named("demo");
    /// assert_eq!(DEMO.to_string(), "demo");
    /// ```
    ///
    /// # Panics
    /// A text that is no such name; of a constant, when it is compiled.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "an input is called by small letters, digits and -");
        Self(Cow::Borrowed(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its tables are of atlases of their own, or of none: the store's atlas says nothing of them.
    #[must_use]
    pub fn has_own_atlas(&self) -> bool {
        [Self::FREESURFER, Self::CAT12_GLOBALS, Self::CAT12_ROI, Self::QSIRECON].contains(self)
    }

    /// Whether it is `parcellate`, which files do not say.
    #[must_use]
    pub fn is_parcellate(&self) -> bool {
        *self == Self::PARCELLATE
    }

    fn in_store_order(&self) -> (bool, &str) {
        (!self.is_parcellate(), self.as_str())
    }
}

const fn is_name(mut name: &[u8]) -> bool {
    if name.len() > LONGEST || !matches!(name, [b'a'..=b'z', ..]) {
        return false;
    }
    while let [first, rest @ ..] = name {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        name = rest;
    }
    true
}

impl Default for InputName {
    fn default() -> Self {
        Self::PARCELLATE
    }
}

impl Ord for InputName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.in_store_order().cmp(&other.in_store_order())
    }
}

impl PartialOrd for InputName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<InputName> for String {
    fn from(name: InputName) -> Self {
        name.0.into_owned()
    }
}

impl TryFrom<String> for InputName {
    type Error = ModelError;

    fn try_from(name: String) -> Result<Self, ModelError> {
        name.parse()
    }
}

impl FromStr for InputName {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        // A store has units of it for each of very many sessions: it is not copied.
        if name == Self::PARCELLATE_WORD {
            return Ok(Self::PARCELLATE);
        }
        if let Some(known) = Self::KNOWN.into_iter().find(|known| known.as_str() == name) {
            return Ok(known);
        }
        match is_name(name.as_bytes()) {
            true => Ok(Self(Cow::Owned(name.to_owned()))),
            false => Err(ModelError::NotAnInput(name.chars().take(LONGEST).collect())),
        }
    }
}

/// What a unit is of: a modality, and the kind of input that its files are of. Written `anatomical` where that is
/// `parcellate`, else `anatomical freesurfer`.
///
/// ```
/// use na_model::{InputName, Modality, UnitKind};
///
/// let kind = UnitKind::new(Modality::Anatomical, InputName::named("freesurfer"));
/// assert_eq!(kind.to_string(), "anatomical freesurfer");
/// assert_eq!("anatomical freesurfer".parse(), Ok(kind));
/// assert_eq!(UnitKind::of_parcellate(Modality::Diffusion).to_string(), "diffusion");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnitKind {
    /// What was scanned.
    pub modality: Modality,
    /// Whose files.
    #[serde(default, skip_serializing_if = "InputName::is_parcellate")]
    pub input: InputName,
}

impl UnitKind {
    /// A kind of input of one modality.
    #[must_use]
    pub const fn new(modality: Modality, input: InputName) -> Self {
        Self { modality, input }
    }

    /// What `parcellate` writes of a modality.
    #[must_use]
    pub const fn of_parcellate(modality: Modality) -> Self {
        Self::new(modality, InputName::PARCELLATE)
    }

    /// Who measured the total intracranial volume that its units have. `None` if they have none.
    #[must_use]
    pub fn volume_of(&self) -> Option<TivSource> {
        TivSource::ALL.into_iter().find(|source| source.unit_kinds().contains(self))
    }

    /// Whether `parcellate` writes its files.
    #[must_use]
    pub fn is_of_parcellate(&self) -> bool {
        self.input.is_parcellate()
    }
}

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.input.is_parcellate() {
            true => self.modality.fmt(f),
            false => write!(f, "{} {}", self.modality, self.input),
        }
    }
}

impl FromStr for UnitKind {
    type Err = ModelError;

    fn from_str(words: &str) -> Result<Self, ModelError> {
        match words.split_once(' ') {
            None => Ok(Self::of_parcellate(words.parse()?)),
            Some((modality, input)) => Ok(Self::new(modality.parse()?, input.parse()?)),
        }
    }
}

/// Who measured a store's total intracranial volumes. CAT12's is a sum of tissues, FreeSurfer's is scaled from the registration of an
/// atlas: they are not comparable, and a store has one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TivSource {
    /// CAT12, in its reports and in the tables of `parcellate`.
    #[default]
    Cat12,
    /// FreeSurfer: its eTIV, mm³ / 1000.
    FreeSurfer,
}

impl TivSource {
    /// Both, the preferred first.
    pub const ALL: [Self; 2] = [Self::Cat12, Self::FreeSurfer];

    /// The units that have it. Of a session with several of them, the first that measured it counts.
    #[must_use]
    pub fn unit_kinds(self) -> &'static [UnitKind] {
        static OF_CAT12: [UnitKind; 2] = [
            UnitKind::of_parcellate(Modality::Anatomical),
            UnitKind::new(Modality::Anatomical, InputName::CAT12_GLOBALS),
        ];
        static OF_FREESURFER: [UnitKind; 1] = [UnitKind::new(Modality::Anatomical, InputName::FREESURFER)];
        match self {
            Self::Cat12 => &OF_CAT12,
            Self::FreeSurfer => &OF_FREESURFER,
        }
    }

    /// The word in files and options.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cat12 => "cat12",
            Self::FreeSurfer => "freesurfer",
        }
    }
}

impl fmt::Display for TivSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TivSource {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        let not_one = || ModelError::NotOneOf { found: word.to_owned(), expected: "cat12, freesurfer" };
        Self::ALL.into_iter().find(|source| source.as_str() == word).ok_or_else(not_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, SubjectCode};
    use crate::unit::Unit;

    #[test]
    fn an_input_is_called_by_a_word_that_files_and_options_can_have() {
        for name in ["parcellate", "freesurfer", "cat12-globals", "a1"] {
            assert_eq!(name.parse::<InputName>().unwrap().as_str(), name);
        }
        let long = "a".repeat(LONGEST + 1);
        for name in ["", "FreeSurfer", "1a", "-a", "a b", "a_b", "a\n", "ä", "a;b", &long] {
            assert!(name.parse::<InputName>().is_err(), "{name:?}");
        }
        for words in ["", "anatomical ", "freesurfer", "anatomical a b"] {
            assert!(words.parse::<UnitKind>().is_err(), "{words:?}");
        }
    }

    #[test]
    fn units_of_parcellate_are_written_as_ever_and_come_first() {
        let session = Session::new(SubjectCode::clean("7").unwrap(), None);
        let mut units = ["zebra", "parcellate", "apple"].map(|input| {
            Unit::new(session.clone(), UnitKind::new(Modality::Anatomical, input.parse().unwrap()))
        });
        units.sort();
        let texts = units.each_ref().map(|unit| serde_json::to_string(unit).unwrap());
        let of_session = |text: &str| text.replace("SESSION", &serde_json::to_string(&session).unwrap());
        assert_eq!(texts[0], of_session(r#"{"session":SESSION,"modality":"anatomical"}"#));
        assert_eq!(texts[1], of_session(r#"{"session":SESSION,"modality":"anatomical","input":"apple"}"#));
        let read = texts.map(|text| serde_json::from_str::<Unit>(&text).unwrap());
        assert_eq!(read, units);
    }
}

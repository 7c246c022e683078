//! What a column is, in the words of BIDS sidecars.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::Names;

/// What a column is, under the keys that BIDS gives to the columns of tabular files; see "Tabular files" in its specification.
///
/// ```
/// use na_model::ColumnNote;
///
/// let note: ColumnNote = serde_json::from_str(r#"{"LongName": "Handedness", "Levels": {"l": "left", "r": "right"}}"#)?;
/// assert_eq!(note.long_name.as_deref(), Some("Handedness"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ColumnNote {
    /// Its name in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_name: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What each of its values means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels: Option<Value>,
    /// What its numbers count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// Where it is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where it is defined.
    #[serde(rename = "TermURL", skip_serializing_if = "Option::is_none")]
    pub term_url: Option<String>,
}

/// The notes of some columns, by name.
pub type ColumnNotes = BTreeMap<String, ColumnNote>;

impl ColumnNote {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn names(&self, names: &Names) -> bool {
        let texts = [&self.long_name, &self.description, &self.units, &self.source, &self.term_url];
        let levels = self.levels.as_ref().map(ToString::to_string);
        texts.into_iter().flatten().chain(&levels).any(|text| is_named_in(names, text))
    }
}

/// Letters of a word that may be a code: shorter ones are counts and levels.
const CODE: usize = 4;

/// Whether a text names somebody who withdrew, in any spelling. A note that goes for nothing is no loss, so it is taken for a name
/// sooner than elsewhere.
fn is_named_in(names: &Names, text: &str) -> bool {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    names.are_in_cell(text) || words.filter(|word| word.len() >= CODE).any(|word| names.are_in_cell(word))
}

/// Takes out the notes that name somebody who withdrew; whether there were any.
pub fn take_out_of_notes(names: &Names, notes: &mut ColumnNotes) -> bool {
    let before = notes.len();
    notes.retain(|_, note| !note.names(names));
    notes.len() < before
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::session::Session;

    #[test]
    fn every_spelling_of_a_code_is_a_name_and_a_level_or_count_is_none() {
        let session = |code: &str| Session::from_store(code, Some("1")).unwrap();
        let (gone, stays) = ([session("CLMC_10"), session("0475")], [session("0008")]);
        let names = Names::of(&gone, &stays);
        for text in [
            "CLMC-10 is the twin",
            "clmc 10",
            "see CLMC10.",
            "of 0475, twice",
            "sub-0475",
            "{\"0475\":\"x\"}",
        ] {
            assert!(is_named_in(&names, text), "{text}");
        }
        for text in ["1 is left, 2 right", "0008 as well", "years", "475 mL"] {
            assert!(!is_named_in(&names, text), "{text}");
        }
    }

    #[test]
    fn a_note_that_names_somebody_who_withdrew_goes_whole() {
        let session = |code: &str| Session::from_store(code, Some("1")).unwrap();
        let (gone, stays) = (BTreeSet::from([session("0007A")]), BTreeSet::from([session("0008B")]));
        let names = Names::of(gone.iter(), stays.iter());
        let note = |text: &str| ColumnNote { description: Some(text.to_owned()), ..ColumnNote::default() };
        let levels =
            ColumnNote { levels: Some(serde_json::json!({ "2": "sub-0007A" })), ..ColumnNote::default() };
        let mut notes = ColumnNotes::from([
            ("iq".to_owned(), note("measured twice in sub-0007A")),
            ("site".to_owned(), levels),
            ("sex".to_owned(), note("as sub-0008B said")),
        ]);
        assert!(take_out_of_notes(&names, &mut notes));
        assert_eq!(notes.keys().collect::<Vec<_>>(), ["sex"]);
        assert!(!take_out_of_notes(&names, &mut notes));
    }
}

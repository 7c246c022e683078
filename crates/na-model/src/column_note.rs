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
        let levels = self.levels.as_ref().is_some_and(|levels| names.are_in(&levels.to_string()));
        levels || texts.into_iter().flatten().any(|text| names.are_in(text))
    }
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

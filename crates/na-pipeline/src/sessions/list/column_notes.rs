//! What the list's columns are, as the JSON beside it says.

use na_model::{ColumnNote, ColumnNotes};
use serde_json::Value;

use crate::sessions::list::json_beside::{JsonBeside, in_any_case};

/// A column of the list: its name there, and in the store.
pub(super) struct NamedColumn {
    pub(super) written: String,
    pub(super) name: String,
}

/// The notes of these columns by their names in the store.
pub(super) fn notes_said(beside: &[JsonBeside], columns: &[NamedColumn]) -> ColumnNotes {
    let mut notes = ColumnNotes::new();
    for said in beside.iter().filter_map(|json| json.said.as_ref().ok()) {
        for NamedColumn { written, name } in columns {
            let note = in_any_case(said, written).map(note_of).unwrap_or_default();
            if !note.is_empty() && !notes.contains_key(name) {
                notes.insert(name.clone(), note);
            }
        }
    }
    notes
}

fn note_of(said: &Value) -> ColumnNote {
    let text = |key: &str| {
        let text = in_any_case(said, key)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let levels = in_any_case(said, "Levels").filter(|levels| levels.is_object() || levels.is_array());
    ColumnNote {
        long_name: text("LongName"),
        description: text("Description"),
        levels: levels.cloned(),
        units: text("Units"),
        source: text("Source"),
        term_url: text("TermURL"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::sessions::list::json_beside::read_beside;
    use crate::unit_error::UnitError;

    fn notes_beside(list: &Path, columns: &[NamedColumn]) -> (ColumnNotes, Vec<UnitError>) {
        let beside = read_beside(list);
        let notes = notes_said(&beside, columns);
        (notes, beside.into_iter().filter_map(|json| json.said.err()).collect())
    }

    fn column(written: &str, name: &str) -> NamedColumn {
        NamedColumn { written: written.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn each_column_has_the_note_of_the_first_json_that_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("visits.tsv.gz");
        let own = json!({ "Sex": { "description": "as recorded ", "levels": { "f": "female" } }, "iq": "no object" });
        fs::write(folder.path().join("visits.json"), own.to_string()).unwrap();
        let of_dataset =
            json!({ "sex": { "Description": "another" }, "iq": { "LongName": "IQ", "Units": 7 }, "x": {} });
        fs::write(folder.path().join("participants.json"), of_dataset.to_string()).unwrap();
        let columns = [column("sex", "sex"), column("iq", "iq"), column("x", "x"), column("age", "AGE")];
        let (notes, problems) = notes_beside(&list, &columns);
        assert!(problems.is_empty(), "{problems:?}");
        let expected = ColumnNotes::from([
            ("iq".to_owned(), ColumnNote { long_name: Some("IQ".to_owned()), ..ColumnNote::default() }),
            (
                "sex".to_owned(),
                ColumnNote {
                    description: Some("as recorded".to_owned()),
                    levels: Some(json!({ "f": "female" })),
                    ..ColumnNote::default()
                },
            ),
        ]);
        assert_eq!(notes, expected);
    }

    #[test]
    fn a_json_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("participants.json"), "{").unwrap();
        let (notes, problems) = notes_beside(&folder.path().join("list.csv"), &[column("sex", "sex")]);
        assert!(notes.is_empty());
        assert!(problems.len() == 1 && problems[0].to_string().contains("participants.json"), "{problems:?}");
        assert!(notes_beside(Path::new("-"), &[]).1.is_empty());
    }
}

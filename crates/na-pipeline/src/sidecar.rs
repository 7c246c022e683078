//! The JSON that `parcellate` writes beside a table.

use std::borrow::Cow;
use std::path::Path;

use na_model::{Number, Sidecar, is_missing};
use serde_json::Value;

use crate::delimited::{text_of, without_bom};
use crate::files::pointer::check_content;
use crate::unit_error::{UnitError, complaint, shorten};

/// What Python writes where JSON has no number.
const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];

/// Reads a sidecar. Keys that are not known are passed over; a known key of another type is taken as its text; `NaN`
/// and infinities, which are no JSON and which Python writes, are null.
///
/// # Errors
/// Bytes that are not JSON, with line and column; JSON that is not an object.
pub fn parse_sidecar(path: &Path, bytes: &[u8]) -> Result<Sidecar, UnitError> {
    let keys = parse_json(path, bytes)?;
    let atlas = keys.get("parcellation_scheme");
    Ok(Sidecar {
        original_file: text(keys.get("original_file")),
        mask: text(keys.get("mask")),
        mask_threshold: number(keys.get("mask_threshold")),
        atlas_threshold: number(keys.get("atlas_threshold")),
        atlas_name: match atlas {
            Some(Value::Object(scheme)) => text(scheme.get("name")),
            other => text(other),
        },
        space: text(keys.get("space")),
        software_version: text(keys.get("software_version")),
        timestamp: text(keys.get("timestamp")),
    })
}

/// A JSON object as people and Python write it: behind a byte order mark, and with null for `NaN` and infinities.
pub(crate) fn parse_json(path: &Path, bytes: &[u8]) -> Result<Value, UnitError> {
    check_content(path, bytes)?;
    if let Err((_, found @ "UTF-16 text")) = text_of(bytes) {
        return Err(UnitError::form(path, found, "UTF-8 text: save it again as UTF-8"));
    }
    let bytes = with_nulls(without_bom(bytes));
    let bytes = bytes.as_ref();
    match serde_json::from_slice(bytes).map_err(|error| syntax(path, bytes, &error))? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(UnitError::form(path, shorten(bytes), "a JSON object, { … }: write the file again")),
    }
}

/// The same text with `null` for what is no number in JSON. What stands in quotes stays.
fn with_nulls(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !NO_NUMBERS.iter().any(|word| memchr::memmem::find(bytes, word).is_some()) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    let mut is_quoted = false;
    while let Some((first, behind)) = rest.split_first() {
        let word = NO_NUMBERS.iter().find(|word| !is_quoted && rest.starts_with(word));
        if let Some(behind_word) = word.and_then(|word| rest.get(word.len()..)) {
            out.extend_from_slice(b"null");
            rest = behind_word;
            continue;
        }
        out.push(*first);
        rest = behind;
        match first {
            b'"' => is_quoted = !is_quoted,
            // What is escaped ends no text.
            b'\\' if is_quoted => {
                if let Some((escaped, behind)) = rest.split_first() {
                    out.push(*escaped);
                    rest = behind;
                }
            }
            _ => {}
        }
    }
    Cow::Owned(out)
}

fn syntax(path: &Path, bytes: &[u8], error: &serde_json::Error) -> UnitError {
    let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.get(..error.column()).unwrap_or(line);
    UnitError::Syntax {
        path: path.to_owned(),
        line: error.line(),
        character: String::from_utf8_lossy(before).chars().count(),
        problem: complaint(error),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        // A missing word says nothing: it names no other atlas, and no other session.
        Value::String(text) => Some(text.clone()).filter(|text| !is_missing(text.trim())),
        other => Some(other.to_string()),
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => Number::parse(text.trim()).map(Number::to_double),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Sidecar, UnitError> {
        parse_sidecar(Path::new("x_parc.json"), json.as_bytes())
    }

    #[test]
    fn a_sidecar_of_parcellate_is_read() {
        let sidecar = parse(
            r#"{"original_file": "/d/mwp1.nii.gz", "mask": null, "mask_threshold": 0.0, "atlas_threshold": 0.25,
                "parcellation_scheme": {"name": "AICHA384", "image": "a.nii", "lut": "l.tsv"}, "space": "MNI",
                "resampling_target": "data", "background_label": 0, "software_version": "0.3.0", "timestamp": "2026"}"#,
        );
        assert_eq!(
            sidecar.unwrap(),
            Sidecar {
                original_file: Some("/d/mwp1.nii.gz".into()),
                mask: None,
                mask_threshold: Some(0.0),
                atlas_threshold: Some(0.25),
                atlas_name: Some("AICHA384".into()),
                space: Some("MNI".into()),
                software_version: Some("0.3.0".into()),
                timestamp: Some("2026".into()),
            }
        );
    }

    #[test]
    fn values_of_another_type_are_taken_as_text() {
        let sidecar = parse(
            "\u{feff}{\"mask\": {\"a\": 1}, \"software_version\": 3, \"mask_threshold\": \"0.5\", \
             \"atlas_threshold\": [], \"parcellation_scheme\": \"A\"}",
        )
        .unwrap();
        assert_eq!(sidecar.mask.as_deref(), Some("{\"a\":1}"));
        assert_eq!(sidecar.software_version.as_deref(), Some("3"));
        assert_eq!(sidecar.mask_threshold, Some(0.5));
        assert_eq!(sidecar.atlas_threshold, None);
        assert_eq!(sidecar.atlas_name.as_deref(), Some("A"));
        assert_eq!(parse("{}").unwrap(), Sidecar::default());
    }

    #[test]
    fn what_python_writes_for_no_number_is_null() {
        let sidecar = parse(
            "{\"mask_threshold\": NaN, \"atlas_threshold\": -Infinity, \"space\": \"NaN \\\"Infinity\\\"\", \
             \"mask\": NaN, \"more\": [Infinity, {\"x\": NaN}], \"software_version\": \"\\\\\", \"timestamp\": NaN}",
        )
        .unwrap();
        let expected = Sidecar {
            space: Some("NaN \"Infinity\"".into()),
            software_version: Some("\\".into()),
            ..Sidecar::default()
        };
        assert_eq!(sidecar, expected);
        assert!(parse("{\"mask\": NaNa}").is_err());
    }

    #[test]
    fn a_missing_word_says_nothing() {
        for word in ["", " ", "n/a", "N/A", "None", "null", "nan"] {
            let sidecar = parse(&format!(
                "{{\"parcellation_scheme\": {{\"name\": \"{word}\"}}, \"mask\": \"{word}\", \
                 \"original_file\": \"{word}\", \"software_version\": \"{word}\"}}"
            ));
            assert_eq!(sidecar.unwrap(), Sidecar::default(), "{word:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_an_error_with_its_place() {
        let error = parse("{\n\"mask\": oops}").unwrap_err().to_string();
        assert!(error.starts_with("x_parc.json, line 2, character 9"), "{error}");
        let error = parse("{\n\"mäsk\": oops}").unwrap_err().to_string();
        assert!(error.starts_with("x_parc.json, line 2, character 9"), "{error}");
        let error = parse("{\"mask\": \"gm\"").unwrap_err().to_string();
        assert!(error.starts_with("x_parc.json, line 1, character 13"), "{error}");
        assert!(parse("").is_err());
        assert!(parse("[1]").unwrap_err().to_string().contains("expected a JSON object"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}

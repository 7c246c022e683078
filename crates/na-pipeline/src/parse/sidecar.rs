//! The JSON that `parcellate` or QSIParc writes beside a table.

use std::path::Path;

use na_model::{Number, Sidecar, is_missing};
use serde_json::Value;

use crate::parse::json::parse_json;
use crate::unit_error::UnitError;

/// Parses a sidecar. Unknown keys are passed over; a known key of another type is taken as its text.
///
/// # Errors
/// Bytes that are not JSON, with line and column; JSON that is not an object.
pub fn parse_sidecar(path: &Path, bytes: &[u8]) -> Result<Sidecar, UnitError> {
    let keys = parse_json(path, bytes)?;
    let atlas = keys.get("parcellation_scheme");
    // QSIParc's, which has other keys for what parcellate's says.
    let generated = keys.get("generated_by").unwrap_or(&Value::Null);
    Ok(Sidecar {
        original_file: text(keys.get("original_file")).or_else(|| {
            let path = text(keys.get("source_file"))?;
            Some(path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned())
        }),
        mask: text(keys.get("mask")),
        mask_threshold: number(keys.get("mask_threshold")),
        atlas_threshold: number(keys.get("atlas_threshold")),
        atlas_name: match atlas {
            Some(Value::Object(scheme)) => text(scheme.get("name")),
            other => text(other).or_else(|| text(keys.get("atlas_name"))),
        },
        atlas_lut: atlas.and_then(|scheme| text(scheme.get("lut"))),
        background_label: number(keys.get("background_label")),
        resampling_target: text(keys.get("resampling_target")),
        space: text(keys.get("space")),
        software_version: text(keys.get("software_version")).or_else(|| text(generated.get("version"))),
        timestamp: text(keys.get("timestamp")).or_else(|| text(generated.get("timestamp"))),
    })
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        // A missing-value word is no value: it names no other atlas, and no other session.
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
                atlas_lut: Some("l.tsv".into()),
                background_label: Some(0.0),
                resampling_target: Some("data".into()),
                space: Some("MNI".into()),
                software_version: Some("0.3.0".into()),
                timestamp: Some("2026".into()),
            }
        );
    }

    #[test]
    fn a_sidecar_of_qsiparc_says_the_same_in_other_words() {
        let sidecar = parse(
            r#"{"atlas_name": "AICHA384", "source_file": "/d/sub-1_param-fa_dwimap.nii.gz", "software": "AMICONODDI",
                "generated_by": {"name": "QSIParc", "version": "0.2.0", "timestamp": "2026-04-06"}}"#,
        );
        let expected = Sidecar {
            original_file: Some("sub-1_param-fa_dwimap.nii.gz".into()),
            atlas_name: Some("AICHA384".into()),
            software_version: Some("0.2.0".into()),
            timestamp: Some("2026-04-06".into()),
            ..Sidecar::default()
        };
        assert_eq!(sidecar.unwrap(), expected);
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

//! A JSON object, as people and Python write it.

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value;

use crate::files::pointer::check_content;
use crate::parse::text::{text_of, without_bom};
use crate::unit_error::{UnitError, complaint, shorten};

/// What Python writes for numbers that JSON does not have.
const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];

/// Parses a JSON object. A byte order mark is passed over; `NaN` and infinities, which Python writes, are null.
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

/// The same text with `null` for numbers that JSON does not have. Strings stay as they are.
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
            // An escaped quote does not end a string.
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

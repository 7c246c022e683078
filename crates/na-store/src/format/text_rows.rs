//! Text row by row: of a dictionary each row gets its own copy, as readers expect it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;

/// A dictionary of text, with its words. `None` for any other array.
fn words(array: &ArrayRef) -> Option<(&DictionaryArray<Int32Type>, &StringArray)> {
    let dictionary = array.as_dictionary_opt()?;
    Some((dictionary, dictionary.values().as_string_opt()?))
}

/// Whether an array is of text, plain or as a dictionary.
pub(crate) fn is_text(array: &ArrayRef) -> bool {
    *array.data_type() == DataType::Utf8 || words(array).is_some()
}

/// Bytes of text, each row counted with all of its own.
pub(crate) fn text_bytes(array: &ArrayRef) -> usize {
    let Some((dictionary, words)) = words(array) else { return plain_bytes(array) };
    let lengths: Vec<usize> = words.iter().map(|word| word.map_or(0, str::len)).collect();
    let length = |key: Option<i32>| key.and_then(|key| lengths.get(usize::try_from(key).ok()?).copied());
    dictionary.keys().iter().filter_map(length).sum()
}

/// No fewer than [`text_bytes`], and quicker to know.
pub(crate) fn most_text_bytes(array: &ArrayRef) -> usize {
    let Some((dictionary, words)) = words(array) else { return plain_bytes(array) };
    let longest = words.iter().flatten().map(str::len).max().unwrap_or(0);
    longest.saturating_mul(dictionary.len())
}

fn plain_bytes(array: &ArrayRef) -> usize {
    match array.as_string_opt::<i32>().map(StringArray::value_offsets) {
        Some([first, .., last]) => last.abs_diff(*first) as usize,
        _ => 0,
    }
}

/// The text of an array, row by row. An array must hold so much.
///
/// # Errors
/// A dictionary that lacks a word.
pub(crate) fn row_by_row(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match words(array) {
        None => Ok(Arc::clone(array)),
        // What a table says of all its rows.
        Some((dictionary, words)) if words.len() == 1 && array.null_count() + words.null_count() == 0 => {
            repeated(words.value(0), dictionary.len())
        }
        Some((dictionary, _)) => take(dictionary.values(), dictionary.keys(), None),
    }
}

fn repeated(word: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let offsets = OffsetBuffer::from_repeated_length(word.len(), rows);
    let mut bytes = Vec::with_capacity(word.len() * rows);
    append_repeatedly(&mut bytes, word.as_bytes(), rows);
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(bytes), None)?))
}

/// Appends a word many times: what is there already is doubled.
fn append_repeatedly(bytes: &mut Vec<u8>, word: &[u8], n: usize) {
    let end = word.len() * n;
    bytes.extend_from_slice(if n == 0 { &[] } else { word });
    while bytes.len() < end {
        bytes.extend_from_within(..bytes.len().min(end - bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;
    use arrow::compute::cast;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_row_has_its_word(
            words in prop::collection::vec(prop::option::weighted(0.8, "[a-zä]{0,9}"), 1..5),
            keys in prop::collection::vec((prop::option::weighted(0.9, any::<prop::sample::Index>()), 1..9_usize), 0..20),
            from in any::<prop::sample::Index>(),
        ) {
            let keys = keys.iter().flat_map(|(key, n)| std::iter::repeat_n(key, *n));
            let keys: Int32Array = keys.map(|key| key.map(|key| i32::try_from(key.index(words.len())).unwrap())).collect();
            let array = DictionaryArray::try_new(keys, Arc::new(StringArray::from(words))).unwrap();
            let from = from.index(array.len() + 1);
            let array: ArrayRef = Arc::new(array.slice(from, array.len() - from));
            let plain = cast(&array, &DataType::Utf8).unwrap();
            let found = row_by_row(&array).unwrap();
            prop_assert_eq!(&found, &plain);
            prop_assert_eq!(text_bytes(&array), text_bytes(&plain));
            prop_assert!(most_text_bytes(&array) >= text_bytes(&array));
        }
    }
}

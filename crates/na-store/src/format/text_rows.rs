//! Text row by row: of a dictionary each row gets its own copy, as readers expect it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, StringArray, cast::AsArray, types::Int32Type,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;

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
    let Some((dictionary, words)) = words(array) else { return Ok(Arc::clone(array)) };
    let text = if words.null_count() == 0 { repeated(dictionary.keys(), words) } else { None };
    match text {
        Some(text) => Ok(Arc::new(text?)),
        None => take(words, dictionary.keys(), None),
    }
}

/// Words in the order of their keys. `None` if a key has no word, or the text is more than an array holds.
///
/// The regions of a session repeat those of the session before, and what a table says of all its rows repeats from row to row: rows
/// with the keys of earlier rows are copied together.
fn repeated(keys: &Int32Array, words: &StringArray) -> Option<Result<StringArray, ArrowError>> {
    // A null has a word of its own, the last.
    let words: Vec<&str> = words.iter().map(Option::unwrap_or_default).chain([""]).collect();
    let null = i32::try_from(words.len() - 1).ok()?;
    let keys_or_null: Cow<'_, [i32]> = match keys.null_count() {
        0 => keys.values().as_ref().into(),
        _ => keys.iter().map(|key| key.unwrap_or(null)).collect(),
    };
    let keys_or_null = keys_or_null.as_ref();
    let lengths: Vec<usize> = words.iter().map(|word| word.len()).collect();
    let length = |key: &i32| lengths.get(usize::try_from(*key).ok()?);
    let n_bytes = keys_or_null.iter().try_fold(0_usize, |sum, key| sum.checked_add(*length(key)?))?;
    i32::try_from(n_bytes).ok()?;
    let mut text = TextRows::new(keys_or_null.len(), n_bytes);
    let mut met: Vec<Option<usize>> = vec![None; words.len()];
    while let Some(key) = keys_or_null.get(text.n_rows()) {
        let row = text.n_rows();
        let index = usize::try_from(*key).ok()?;
        match met.get_mut(index)?.replace(row) {
            None => text.append(words.get(index)?)?,
            Some(before) => {
                let pairs = keys_or_null.get(row..)?.iter().zip(keys_or_null.get(before..)?);
                text.append_again(before, pairs.take_while(|(now, then)| now == then).count())?;
            }
        }
    }
    let offsets = OffsetBuffer::new(text.offsets.into());
    Some(StringArray::try_new(offsets, Buffer::from_vec(text.bytes), keys.nulls().cloned()))
}

/// Text row by row, as an array of strings has it.
struct TextRows {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl TextRows {
    fn new(n_rows: usize, n_bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(n_rows + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::with_capacity(n_bytes) }
    }

    fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// `None` for more text than an array holds.
    fn append(&mut self, word: &str) -> Option<()> {
        self.bytes.extend_from_slice(word.as_bytes());
        self.offsets.push(i32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    /// Appends so many rows that repeat those from `first` on, themselves among them. `None` for more text than an array holds.
    fn append_again(&mut self, first: usize, n: usize) -> Option<()> {
        let end = self.n_rows() + n;
        while self.n_rows() < end {
            let here = self.n_rows();
            // What is there by now repeats as well: the next copy has twice as much.
            let last = here.min(first + end - here);
            let (from, shift) =
                (*self.offsets.get(first)?, self.offsets.get(here)? - self.offsets.get(first)?);
            let bytes = usize::try_from(from).ok()?..usize::try_from(*self.offsets.get(last)?).ok()?;
            self.bytes.extend_from_within(bytes);
            self.offsets.extend_from_within(first + 1..last + 1);
            self.offsets.get_mut(here + 1..)?.iter_mut().for_each(|offset| *offset += shift);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use arrow_cast::cast;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_row_has_its_word(
            words in prop::collection::vec(prop::option::weighted(0.8, "[a-zä]{0,9}"), 1..5),
            keys in prop::collection::vec((prop::option::weighted(0.9, any::<prop::sample::Index>()), 1..9_usize), 0..20),
            times in 1..4_usize,
            from in any::<prop::sample::Index>(),
        ) {
            let keys = keys.iter().flat_map(|(key, n)| std::iter::repeat_n(key, *n));
            let keys = std::iter::repeat_n(keys, times).flatten();
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

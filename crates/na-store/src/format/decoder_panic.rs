//! Turns a decoder's panic at a damaged file into an error that names the file.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::StoreError;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is decoding a file of a store. A panic is then caught and becomes [`StoreError::Damaged`].
///
/// A program whose panic hook should print nothing for it asks this there; the library installs no hook.
#[must_use]
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder. Nothing else may run in it: what a panic leaves half-made is dropped.
pub(crate) fn caught<T>(
    path: &Path,
    decode: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let outer = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(outer);
    result.unwrap_or_else(|panic| Err(StoreError::damaged(path, message(panic.as_ref()))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it cannot be decoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_an_error_that_names_the_file() {
        let path = Path::new("long/anatomical_gm.parquet");
        for decode in [|| panic!("no decoder"), || panic!("no {}", "decoder")] {
            let decode: fn() -> Result<(), StoreError> = decode;
            let error = caught(path, decode).unwrap_err().to_string();
            assert!(error.starts_with("long/anatomical_gm.parquet is damaged (no decoder): "), "{error}");
        }
        assert!(!is_decoding());
        caught(path, || caught(path, || Ok(())).map(|()| assert!(is_decoding()))).unwrap();
    }
}

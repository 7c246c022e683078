//! What all text files have in common: byte order marks, encoding, and lines.

use memchr::{memchr, memchr_iter};

/// The bytes after a UTF-8 byte order mark, if there is one.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The line of a byte, from 1.
pub(crate) fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + memchr_iter(b'\n', bytes.get(..at).unwrap_or(bytes)).count()
}

/// Whether lines end with CR alone, as on Macs before OS X: programs of today do not take them for lines.
pub(crate) fn has_lines_of_old_macs(text: &str) -> bool {
    let first = text.split('\n').next().unwrap_or(text);
    first.strip_suffix('\r').unwrap_or(first).contains('\r')
}

/// The line and character of a byte, both from 1.
pub(crate) fn line_and_character(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (line_of(text.as_bytes(), at), 1 + line.chars().count())
}

/// The bytes as text, or the line of the first byte that is none and what it is.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, (usize, &'static str)> {
    if let Some(at) = memchr(0, bytes) {
        let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        let what = if utf16 { "UTF-16 text" } else { "a NUL byte" };
        return Err((line_of(bytes, at), what));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| (line_of(bytes, error.valid_up_to()), "a byte that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_found_with_their_line() {
        assert_eq!(text_of("a\né\n".as_bytes()), Ok("a\né\n"));
        assert_eq!(text_of(b"a\nb\n\xe9"), Err((3, "a byte that is not UTF-8")));
        assert_eq!(text_of(b"a\n\0"), Err((2, "a NUL byte")));
        assert_eq!(text_of(b"\xff\xfea\0"), Err((1, "UTF-16 text")));
        assert_eq!(line_and_character("é\nüb<", 6), (2, 3));
        assert_eq!(without_bom(b"\xef\xbb\xbfa"), b"a");
    }

    #[test]
    fn lines_that_end_with_cr_alone_are_told_from_crlf() {
        assert!(has_lines_of_old_macs("a\tb\r1\t2\r") && has_lines_of_old_macs("a\rb\n"));
        assert!(!has_lines_of_old_macs("a\r\nb\rc\r\n") && !has_lines_of_old_macs("a\r"));
    }
}

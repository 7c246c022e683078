//! Pointers that git-annex, DataLad and Git LFS leave where a file's content has not been fetched.

use std::path::Path;

use memchr::memmem;

use crate::unit_error::UnitError;

/// The largest pointer, bytes: git-annex's own bound.
const LARGEST_POINTER: usize = 32 * 1024;

/// Refuses a pointer to a file's content.
pub(crate) fn check_content(path: &Path, bytes: &[u8]) -> Result<(), UnitError> {
    if bytes.len() > LARGEST_POINTER {
        return Ok(());
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let (program, way_out) = if is_annex(first) {
        ("git-annex", "get its content (git annex get, or datalad get) and run again")
    } else if first.starts_with(b"version https://git-lfs.github.com/spec/") {
        ("Git LFS", "get its content (git lfs pull) and run again")
    } else {
        return Ok(());
    };
    Err(UnitError::Pointer { path: path.to_owned(), program, way_out })
}

/// One path to an object, either from the root of the repository or as the target of a link that was copied as text.
fn is_annex(first_line: &[u8]) -> bool {
    let is_path = first_line.starts_with(b"/annex/objects/")
        || memmem::find(first_line, b".git/annex/objects/").is_some();
    is_path && !first_line.iter().any(|byte| matches!(byte, b'\t' | b'{' | b'<' | b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &str) -> String {
        check_content(Path::new("x_parc.tsv"), bytes.as_bytes())
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn pointers_are_named_with_the_command_that_fetches_the_content() {
        for annex in [
            "/annex/objects/MD5E-s12--0123.tsv\n",
            "../../.git/annex/objects/Xk/3f/MD5E-s12--0123.tsv/MD5E-s12--0123.tsv",
        ] {
            assert!(said(annex).contains("x_parc.tsv is a pointer of git-annex"), "{annex}");
            assert!(said(annex).contains("git annex get"), "{annex}");
        }
        let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        assert!(said(lfs).contains("Git LFS") && said(lfs).contains("git lfs pull"));
    }

    #[test]
    fn files_that_speak_of_annex_are_no_pointers() {
        for content in
            ["", "label\tmean\n/annex/objects/\t1\n", "{\"original_file\": \"/d/.git/annex/objects/x\"}"]
        {
            assert_eq!(said(content), "", "{content}");
        }
    }
}

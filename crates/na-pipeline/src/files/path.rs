//! Paths as the store keeps them: under their root, with `/` between folders.

use std::path::{MAIN_SEPARATOR, Path};

/// A path under a root, with `/` between folders.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let under = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    match MAIN_SEPARATOR {
        '/' => under.into_owned(),
        other => under.replace(other, "/"),
    }
}

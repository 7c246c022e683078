//! Tables of CAT12's segmentations, as `parcellate` writes them: `anat/atlas-A/*_tissue-GM_parc.tsv`.

use std::path::Path;

use na_model::{TableName, Tissue};

use crate::config::EntityPick;
use crate::inputs::parcellate_tables::{FoundTables, Search};
use crate::unit_error::UnitError;

/// The tables of a session's folder, a file for each tissue at most, in the order of tissues. Older versions of
/// `parcellate` have no folder for the atlas; there the file name must say it.
///
/// # Errors
/// Several files for one tissue; a compressed file; a folder that cannot be listed.
pub(crate) fn find_tables(
    root: &Path,
    session_folder: &Path,
    atlas: &str,
    tissues: &[Tissue],
    pick: &EntityPick,
) -> Result<FoundTables, UnitError> {
    Search { root, session_folder, scans: "anat", atlas, pick }.run("", |name| {
        let entity = name.entity("tissue")?;
        let tissue = tissues.iter().find(|tissue| entity.eq_ignore_ascii_case(tissue.entity()))?;
        Some((TableName::Anatomical(*tissue), None))
    })
}

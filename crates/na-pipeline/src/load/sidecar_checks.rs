//! A sidecar's statements about its table, checked against the table's folder.

use std::path::Path;

use na_model::Sidecar;

use crate::files::session_entities::FolderSession;
use crate::inputs::found_tables::FoundTable;
use crate::parse::parsed_table::Remark;
use crate::unit_error::UnitError;

/// Refuses a table that was made with another atlas than its folder names.
pub(super) fn check_atlas(
    table: &FoundTable,
    sidecar_path: &Path,
    sidecar: &Sidecar,
) -> Result<(), UnitError> {
    match (&sidecar.atlas_name, &table.atlas) {
        (Some(named), Some(asked)) if !is_same_atlas(named, asked) => Err(UnitError::OtherAtlas {
            path: sidecar_path.to_owned(),
            named: named.clone(),
            asked: asked.clone(),
        }),
        _ => Ok(()),
    }
}

/// BIDS leaves `_`, `-` and blanks out of an atlas' name, and some programs its capitals.
fn is_same_atlas(first: &str, second: &str) -> bool {
    let bare = |name: &str| -> String {
        let name = name.trim().strip_prefix("atlas-").unwrap_or(name);
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    bare(first) == bare(second)
}

/// What to say of a table that was made of another session's image; `None` if it was not.
pub(super) fn foreign_image(table: &FoundTable, sidecar: &Sidecar) -> Option<Remark> {
    let original = sidecar.original_file.as_deref()?;
    let name = original.rsplit(['/', '\\']).next().unwrap_or(original);
    FolderSession::of(&table.relative).other_session(name)?;
    Some(Remark {
        what: "tables that were made of another session's images, as their sidecars say",
        example: format!("{} was made of {name}", table.path.display()),
        advice: "data may have been renamed",
    })
}

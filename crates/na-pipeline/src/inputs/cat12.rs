//! CAT12's segmentations: tables as `parcellate` writes them, `anat/atlas-A/*_tissue-GM_parc.tsv`, and reports with
//! total intracranial volume.

use std::path::Path;

use na_model::{Modality, SourceRoot, TableName, Tissue};

use crate::config::{Config, EntityPick};
use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::files::session_folders::{ANAT, Folders, list_root};
use crate::identifiers::name_match::IdKind;
use crate::inputs::parcellate_tables::{FoundTables, Search};
use crate::inputs::unit_files::FoundUnit;
use crate::unit_error::UnitError;

pub(crate) const MODALITY: Modality = Modality::Anatomical;

/// Whether the settings ask for tables of this input.
pub(super) fn is_asked_for(config: &Config) -> bool {
    config.cat12_parcellated_root.is_some() && !config.tissues.is_empty()
}

/// The tissues that are asked for, as words.
pub(super) fn asked(config: &Config) -> Vec<String> {
    config.tissues.iter().map(ToString::to_string).collect()
}

/// The settings that lead to this input, each with its root if it is given.
pub(super) fn settings(config: &Config) -> [Option<(SourceRoot, &Path)>; 2] {
    let reports = config.cat12_root.as_deref().map(|path| (SourceRoot::Cat12, path));
    let tables = config.cat12_parcellated_root.as_deref().map(|path| (SourceRoot::Cat12Parcellated, path));
    [reports, tables]
}

/// Whether the run looks for a table.
pub(super) fn looks_for(config: &Config, table: &TableName) -> bool {
    tables(config).any(|asked| asked == *table)
}

/// The tables that a run may write.
pub(super) fn tables(config: &Config) -> impl Iterator<Item = TableName> {
    config.tissues.iter().filter(|_| is_asked_for(config)).copied().map(TableName::from)
}

/// Lists the root of tables, and the one of reports if it is given.
pub(super) fn list_roots(config: &Config, roots: &mut Roots) -> Result<(), PipelineError> {
    if !is_asked_for(config) {
        return Ok(());
    }
    if let Some(path) = &config.cat12_parcellated_root {
        list(SourceRoot::Cat12Parcellated, path, Some("cat12"), roots)?;
    }
    match &config.cat12_root {
        Some(path) => list(SourceRoot::Cat12, path, None, roots)?,
        None => roots.notes.push(
            "CAT12_ROOT is not set: total intracranial volume is taken from the tables and the files beside them, where \
             they have it"
                .to_owned(),
        ),
    }
    Ok(())
}

/// Lists a root; if it has no subjects, `likely` is the folder in it that may be meant.
fn list(
    setting: SourceRoot,
    path: &Path,
    likely: Option<&str>,
    roots: &mut Roots,
) -> Result<(), PipelineError> {
    let listed = list_root(setting.as_str(), path, IdKind::Subject.prefix())?;
    if listed.names.is_empty() {
        let hint = likely.map(|name| path.join(name)).filter(|path| path.is_dir());
        let hint = hint.map(|path| format!("; is {} meant?", path.display())).unwrap_or_default();
        roots.notes.push(format!("{setting} is {}: no sub-* folders are there{hint}", path.display()));
    }
    let has_tables = setting == SourceRoot::Cat12Parcellated;
    let subjects = Folders::new(path, IdKind::Subject, listed);
    roots.add(Root { setting, workflow: None, modality: MODALITY, scans: ANAT, has_tables, subjects });
    Ok(())
}

/// Adds what a session's folder under a root holds.
pub(super) fn find(
    config: &Config,
    pick: &EntityPick,
    root: &Root,
    folder: &Path,
    found: &mut FoundUnit,
) -> Result<(), UnitError> {
    if !root.has_tables {
        found.tiv.look_for_reports(root.path(), folder);
        return Ok(());
    }
    let atlas = &config.atlas_name;
    let tables = find_tables(root.path(), folder, atlas, &config.tissues, pick)?;
    found.tiv.look_beside_tables(root.path(), folder, atlas, &tables.listed);
    found.found.extend(tables);
    Ok(())
}

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
    Search { root, session_folder, scans: ANAT, atlas, pick }.run("", |name| {
        let entity = name.entity("tissue")?;
        let tissue = tissues.iter().find(|tissue| entity.eq_ignore_ascii_case(tissue.entity()))?;
        Some((TableName::from(*tissue), None))
    })
}

//! Tables of QSIRecon's maps, as `parcellate` writes them: `qsirecon-WORKFLOW/…/dwi/atlas-A/*_param-P_parc.tsv`.

use std::fs;
use std::path::{Path, PathBuf};

use na_model::{MapSource, SourceRoot, TableName, UNKNOWN, Workflow};

use crate::config::EntityPick;
use crate::error::PipelineError;
use crate::files::session_folders::list_root;
use crate::inputs::parcellate_tables::{FoundTables, Search};
use crate::unit_error::UnitError;

const PREFIX: &str = "qsirecon-";

/// Workflows with their folders.
pub(crate) type Workflows = Vec<(Workflow, PathBuf)>;

/// The workflows under a root and their folders, sorted by name, with a note for each folder that is left out.
///
/// # Errors
/// A root that is missing or cannot be listed.
pub(crate) fn list_workflows(qsiparc_root: &Path) -> Result<(Workflows, Vec<String>), PipelineError> {
    let listed = list_root(SourceRoot::Qsiparc.as_str(), qsiparc_root, PREFIX)?;
    let no_text = |folder: &PathBuf| format!("{} is left out: its name is no text", folder.display());
    let mut left_out: Vec<String> = listed.unreadable.iter().map(no_text).collect();
    let mut workflows = Vec::new();
    for name in listed.names {
        let folder = qsiparc_root.join(format!("{PREFIX}{name}"));
        if let Some(error) = listed.dead.contains(&name).then(|| fs::metadata(&folder).err()).flatten() {
            left_out.push(format!("{}; its tables are left out", UnitError::unreadable(&folder, error)));
            continue;
        }
        match Workflow::new(&name) {
            Ok(workflow) => workflows.push((workflow, folder)),
            Err(error) => left_out.push(format!("{} is left out: {error}", folder.display())),
        }
    }
    Ok((workflows, left_out))
}

/// The tables of a session's folder, a file for each map at most, sorted. Files that name no parameter are ignored.
///
/// # Errors
/// Several files for one map; a compressed file; a folder that cannot be listed.
pub(crate) fn find_tables(
    workflow: &Workflow,
    workflow_root: &Path,
    session_folder: &Path,
    atlas: &str,
    pick: &EntityPick,
) -> Result<FoundTables, UnitError> {
    let prefix = format!("{PREFIX}{workflow}/");
    Search { root: workflow_root, session_folder, scans: "dwi", atlas, pick }.run(&prefix, |name| {
        let or_unknown = |entity| name.entity(entity).unwrap_or(UNKNOWN).to_owned();
        // `scalar` is what the first versions wrote.
        let param = name.entity("param").or_else(|| name.entity("scalar"))?.to_owned();
        let map = MapSource { model: or_unknown("model"), param, desc: or_unknown("desc") };
        Some((TableName::Diffusion(workflow.clone()), Some(map)))
    })
}

//! Tables of QSIRecon's maps, as `parcellate` writes them: `qsirecon-WORKFLOW/…/dwi/atlas-A/*_param-P_parc.tsv`.

use std::path::{Path, PathBuf};

use na_model::{MapSource, TableName, UNKNOWN, Workflow};

use crate::error::PipelineError;
use crate::folders::list_root;
use crate::sources::{EntityPick, FoundTable, Search};
use crate::unit_error::UnitError;

const SETTING: &str = "QSIPARC_PATH";
const PREFIX: &str = "qsirecon-";

/// The workflows under a root and their folders, sorted by name.
///
/// # Errors
/// A root that is missing or cannot be listed; a folder whose name is no workflow's.
pub fn list_workflows(qsiparc_root: &Path) -> Result<Vec<(Workflow, PathBuf)>, PipelineError> {
    let workflow = |name: String| {
        let workflow = Workflow::new(&name).map_err(|error| PipelineError::Root {
            setting: SETTING,
            path: qsiparc_root.to_owned(),
            problem: format!("its folder {:?} is of no workflow ({error})", format!("{PREFIX}{name}")),
        })?;
        Ok((workflow, qsiparc_root.join(format!("{PREFIX}{name}"))))
    };
    list_root(SETTING, qsiparc_root, PREFIX)?.into_iter().map(workflow).collect()
}

/// The tables of a session's folder, a file for each map at most, sorted. Files that name no parameter are ignored.
///
/// # Errors
/// Several files for one map; a compressed file; a folder that cannot be listed.
pub fn find_tables(
    workflow: &Workflow,
    workflow_root: &Path,
    session_folder: &Path,
    atlas: &str,
    pick: &EntityPick,
) -> Result<Vec<FoundTable>, UnitError> {
    let prefix = format!("{PREFIX}{workflow}/");
    Search { root: workflow_root, session_folder, scans: "dwi", atlas, pick }.run(&prefix, |name| {
        let or_unknown = |entity| name.entity(entity).unwrap_or(UNKNOWN).to_owned();
        // `scalar` is what the first versions wrote.
        let param = name.entity("param").or_else(|| name.entity("scalar"))?.to_owned();
        let map = MapSource { model: or_unknown("model"), param, desc: or_unknown("desc") };
        Some((TableName::Diffusion(workflow.clone()), Some(map)))
    })
}

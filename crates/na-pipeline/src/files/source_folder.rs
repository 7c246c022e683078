//! The root and the session folder that a path in the store lies in.

use na_model::{Modality, SourceFile, SourceKind, SourceRoot, Workflow};

/// The prefix of a workflow's folder.
pub(crate) const WORKFLOW_PREFIX: &str = "qsirecon-";

/// A root as paths in the store name it: the setting, and the workflow under `QSIPARC_PATH`.
pub(crate) type RootKey = (SourceRoot, Option<Workflow>);

/// The folder of a session's files under a root: the names behind `sub-` and `ses-`.
pub(crate) type FolderName = (String, Option<String>);

/// The root that a source's path is under. Stores of older versions do not say it.
pub(crate) fn root_of(source: &SourceFile, modality: Modality) -> SourceRoot {
    source.root.unwrap_or_else(|| match source.kind {
        SourceKind::Tiv => SourceRoot::Cat12,
        SourceKind::Table | SourceKind::Sidecar => SourceRoot::of_tables(modality),
    })
}

/// The root and folder that a source's path lies in; `None` for a path that no input has.
pub(crate) fn folder_of(source: &SourceFile, modality: Modality) -> Option<(RootKey, FolderName)> {
    let root = root_of(source, modality);
    let mut parts = source.path.split('/');
    let mut part = parts.next()?;
    let mut workflow = None;
    if root == SourceRoot::Qsiparc {
        workflow = Some(Workflow::new(part.strip_prefix(WORKFLOW_PREFIX)?).ok()?);
        part = parts.next()?;
    }
    let subject = part.strip_prefix("sub-")?.to_owned();
    let session = parts.next().and_then(|part| part.strip_prefix("ses-")).map(str::to_owned);
    Some(((root, workflow), (subject, session)))
}

//! The atlases on disk, for a run that finds no table of its own.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::PipelineError;
use crate::files::roots::Root;
use crate::files::session_folders::folders_in;
use crate::inputs::input::Input;
use crate::inputs::listed_inputs::ListedInputs;

/// Subjects of a root that are searched: those of one cohort have the same atlases.
const SUBJECTS: usize = 50;

/// Refuses an atlas that is not on disk if there are others, and names them.
pub(crate) fn check_atlas(asked: &str, inputs: &ListedInputs) -> Result<(), PipelineError> {
    let mut there = BTreeSet::new();
    for root in inputs.roots.of_tables() {
        if let Some(input) = inputs.of(root) {
            look(input.as_ref(), root, &mut there);
        }
    }
    if there.is_empty() || there.contains(asked) {
        return Ok(());
    }
    let there = there.into_iter().collect::<Vec<_>>().join(", ");
    Err(PipelineError::NoSuchAtlas { asked: asked.to_owned(), there })
}

/// Adds the atlases of a root. A folder that cannot be listed is passed over: finding a unit in it reports the error.
fn look(input: &dyn Input, root: &Root, there: &mut BTreeSet<String>) {
    let below = |folder: &Path, prefix| folders_in(folder, prefix).unwrap_or_default().names;
    for subject in below(root.path(), "sub-").into_iter().take(SUBJECTS) {
        let subject = root.path().join(format!("sub-{subject}"));
        let sessions =
            below(&subject, "ses-").into_iter().map(|session| subject.join(format!("ses-{session}")));
        for session in sessions.chain([subject.clone()]) {
            there.extend(input.atlases(&session));
        }
    }
}

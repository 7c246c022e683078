//! The atlases on disk, for a run that finds no table of its own.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Config;
use crate::error::PipelineError;
use crate::files::roots::Roots;
use crate::files::session_folders::folders_in;

/// Subjects of a root that are searched: those of one cohort have the same atlases.
const SUBJECTS: usize = 50;

/// Refuses an atlas that is not on disk if there are others, and names them.
pub(crate) fn check_atlas(config: &Config, roots: &Roots) -> Result<(), PipelineError> {
    let mut there = BTreeSet::new();
    for root in roots.of_tables() {
        look(root.path(), root.scans, &mut there);
    }
    if there.is_empty() || there.contains(&config.atlas_name) {
        return Ok(());
    }
    let there = there.into_iter().collect::<Vec<_>>().join(", ");
    Err(PipelineError::NoSuchAtlas { asked: config.atlas_name.clone(), there })
}

/// Adds the atlases of a root. A folder that cannot be listed is passed over: finding a unit in it reports the error.
fn look(root: &Path, scans: &str, there: &mut BTreeSet<String>) {
    let below = |folder: &Path, prefix| folders_in(folder, prefix).unwrap_or_default().names;
    for subject in below(root, "sub-").into_iter().take(SUBJECTS) {
        let subject = root.join(format!("sub-{subject}"));
        let sessions =
            below(&subject, "ses-").into_iter().map(|session| subject.join(format!("ses-{session}")));
        for session in sessions.chain([subject.clone()]) {
            there.extend(below(&session.join(scans), "atlas-"));
        }
    }
}

//! The root and the session folder that a path in the store lies in.

use na_model::{Modality, SourceFile, SourceRoot};

use crate::files::session_folders::STATS;
use crate::files::subjects_dir::{folder_name, image_name};
use crate::files::tiv_rank::{REPORT_PREFIX, SURFACES_PREFIX, VOLUMES_PREFIX, image_of};

/// A root as paths in the store name it: the setting, and what stands before `sub-`.
pub(crate) type RootKey = (SourceRoot, String);

/// The folder of a session's files under a root: the names behind `sub-` and `ses-`.
pub(crate) type FolderName = (String, Option<String>);

/// The folders that CAT12 writes the files of all sessions to where the images do not lie as BIDS says, with what stands before an image's
/// name there.
const OF_IMAGES: [(&str, &str); 3] =
    [("report", REPORT_PREFIX), ("label", VOLUMES_PREFIX), ("label", SURFACES_PREFIX)];

/// The image that a file in a folder of the files of all sessions is of. `None` if it is in no such folder.
fn image_in<'f>(folder: &str, file: &'f str) -> Option<&'f str> {
    let mut of_folder = OF_IMAGES.into_iter().filter(|(name, _)| folder == *name);
    of_folder.find_map(|(_, prefix)| image_of(prefix, file)).filter(|image| !image.contains('/'))
}

/// The root and folder that a source's path lies in; `None` for a path in no subject's folder.
pub(crate) fn folder_of(source: &SourceFile, modality: Modality) -> Option<(RootKey, FolderName)> {
    let path = &source.path;
    let mut parts = path.split('/');
    if let (Some(folder), Some(STATS)) = (parts.next(), parts.next()) {
        return Some(((source.root_in(modality), String::new()), folder_name(folder)));
    }
    if let Some((folder, file)) = path.split_once('/')
        && let Some(image) = image_in(folder, file)
    {
        return Some(((source.root_in(modality), format!("{folder}/")), image_name(image)));
    }
    let start = if path.starts_with("sub-") { 0 } else { path.find("/sub-")? + 1 };
    let mut parts = path.get(start..)?.split('/');
    let subject = parts.next()?.strip_prefix("sub-")?.to_owned();
    let session = parts.next().and_then(|part| part.strip_prefix("ses-")).map(str::to_owned);
    let root = (source.root_in(modality), path.get(..start)?.to_owned());
    Some((root, (subject, session)))
}

//! Flags that other versions of the pandas package have, and what says the same here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags of the package's later versions, and of its documents. `--cat12-root` is there, too, and means the tables.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("--atlas", "the atlas is --atlas-name"),
    ("--qsiparc-root", "parcellate's diffusion tables are --qsiparc"),
    ("--maskthr", "the threshold is an entity of the file's name: --entity maskthr-50"),
    ("--tissues", "all tissues are loaded but those that --no-gm, --no-wm and --no-ct leave out"),
    ("--sessions-csv", "the session list is --sessions"),
    ("--chunk-size", "it is not needed: the memory of an export does not grow with the cohort"),
];

/// Tells whoever uses a flag of another version what it is called here.
pub(crate) fn explained(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    let name = flag.split('=').next().unwrap_or(flag);
    if let Some((_, ours)) = OTHER_NAMES.iter().find(|(theirs, _)| *theirs == name) {
        let tip = StyledStr::from(format!("in the pandas package's other versions; here {ours}"));
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

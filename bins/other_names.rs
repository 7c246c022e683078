//! Flags that people know from elsewhere, and what says the same here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags of the pandas package's later versions and of its documents (where `--cat12-root` means the tables), and of the other
/// command.
const KNOWN: [(&str, &str); 8] = [
    ("--qsiparc-root", "the pandas package's name of --qsiparc, parcellate's diffusion tables"),
    (
        "--maskthr",
        "of the pandas package; the threshold is an entity of the file's name here: --entity maskthr-50",
    ),
    (
        "--tissues",
        "of the pandas package; all are loaded here but those that --no-gm, --no-wm and --no-ct leave out",
    ),
    ("--sessions-csv", "the pandas package's name of --sessions"),
    (
        "--chunk-size",
        "of the pandas package; it is not needed: the memory of an export does not grow with the cohort",
    ),
    ("--verify", "of the other command: neuroalign-export-cache DIR --verify"),
    ("--discard", "of the other command: neuroalign-export-cache DIR --discard"),
    ("--resume", "not needed: the same command goes on where it was"),
];

/// Tells whoever uses such a flag what it is called here.
pub(crate) fn explained(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    let name = flag.split('=').next().unwrap_or(flag);
    if let Some((_, ours)) = KNOWN.iter().find(|(theirs, _)| *theirs == name) {
        let tip = StyledStr::from(format!("{name} is {ours}"));
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

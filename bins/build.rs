//! Hands the revision of the sources to `--version`: of a checkout by git, of a published crate by the file that cargo leaves
//! in it. Sources that have neither, an archive say, have none.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=bins/build.rs");
    let sources = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let sources = Path::new(&sources);
    if let Some(revision) = of_checkout(sources).or_else(|| of_published(sources)) {
        println!("cargo::rustc-env=NEUROALIGN_REVISION={}", revision.get(..12).unwrap_or(&revision));
    }
}

/// The commit that is checked out here. `None` if these sources are not themselves a checkout: one around them is another
/// project's.
fn of_checkout(sources: &Path) -> Option<String> {
    let root = git(sources, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(root).ok()? != fs::canonicalize(sources).ok()? {
        return None;
    }
    // HEAD changes with the branch, its log with each commit.
    for file in ["HEAD", "logs/HEAD"] {
        let path = sources.join(git(sources, &["rev-parse", "--git-path", file])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(sources, &["rev-parse", "HEAD"])
}

fn git(sources: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(sources).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// The commit that the crate was packaged from: its `.cargo_vcs_info.json` says `"sha1": "…"`.
fn of_published(sources: &Path) -> Option<String> {
    let text = fs::read_to_string(sources.join(".cargo_vcs_info.json")).ok()?;
    let (_, after) = text.split_once("\"sha1\"")?;
    after.split('"').nth(1).map(str::to_owned)
}

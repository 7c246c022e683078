//! Whether a unit's files have changed since they were read.

use std::path::Path;

use foldhash::HashMap;
use na_model::{SourceFile, SourceRoot};

use crate::files::fingerprint::{has_state, read_with_fingerprint, stat};
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::unit_files::FoundUnit;
use crate::unit_error::UnitError;

/// A file that is written again within one tick of its clock keeps its modification time, microseconds.
const TICK: i64 = 2_000_000;

/// The same for a root on another device than the output, as clocks of two machines differ, microseconds.
const TICK_ELSEWHERE: i64 = 60_000_000;

/// Compares files with their fingerprints.
#[derive(Debug)]
pub(crate) struct Changes {
    ticks: HashMap<SourceRoot, i64>,
}

impl Changes {
    pub(crate) fn of(output: &Path, inputs: &ListedInputs) -> Self {
        let output = output.ancestors().find_map(device);
        let tick = |root: &Path| if device(root) == output { TICK } else { TICK_ELSEWHERE };
        Self { ticks: inputs.settings().map(|(setting, root)| (setting, tick(&root))).collect() }
    }

    /// Whether a unit has files that it was not read from, or one of its files has changed.
    pub(crate) fn any(&self, found: &FoundUnit, known: &[SourceFile]) -> Result<bool, UnitError> {
        let known = KnownFiles::of(known);
        let tables = &found.found.tables;
        for table in tables {
            for (path, relative) in table.files() {
                match known.get(&table.root, relative) {
                    Some(source) if !self.differs(path, source)? => {}
                    _ => return Ok(true),
                }
            }
        }
        let sidecars = tables.iter().filter_map(|table| {
            let known = known.get(&table.root, &table.sidecar_relative()?);
            Some((table.sidecar.as_deref()?, known))
        });
        let tiv = found.tiv.iter().map(|file| (file.path.as_path(), known.get(&file.root, &file.relative)));
        Ok(sidecars.chain(tiv).any(|(path, known)| match known {
            // A file that cannot be read has no fingerprint: the unit is not read again before it has one.
            Some(source) => self.differs(path, source).unwrap_or(true) && has_state(path),
            None => has_state(path),
        }))
    }

    /// Whether the size differs, or the modification time and then the content.
    fn differs(&self, path: &Path, source: &SourceFile) -> Result<bool, UnitError> {
        let (size, mtime_ns) = stat(path).map_err(|error| UnitError::unreadable(path, error))?;
        let known = &source.fingerprint;
        if size != known.size {
            return Ok(true);
        }
        let is_settled = mtime_ns == known.mtime_ns && !self.was_young(source);
        Ok(!is_settled && read_with_fingerprint(path)?.1.hash != known.hash)
    }

    /// Whether a file was so young when it was read, or from the future, that a change may not have changed its time.
    fn was_young(&self, source: &SourceFile) -> bool {
        let tick = source.root.as_ref().and_then(|root| self.ticks.get(root)).copied().unwrap_or(TICK);
        let is_told = source.read_at != na_model::ReadAt::UNKNOWN;
        is_told && (source.fingerprint.mtime_ns / 1000).saturating_add(tick) > source.read_at.0
    }
}

/// The files that a unit was read from. Two inputs may have one path under roots of their own.
struct KnownFiles<'a>(HashMap<(Option<&'a SourceRoot>, &'a str), &'a SourceFile>);

impl<'a> KnownFiles<'a> {
    fn of(files: &'a [SourceFile]) -> Self {
        Self(files.iter().map(|file| ((file.root.as_ref(), file.path.as_str()), file)).collect())
    }

    /// The file of a path under a root; stores of older versions do not say the root.
    fn get<'k>(&'k self, root: &'k SourceRoot, path: &'k str) -> Option<&'a SourceFile> {
        self.0.get(&(Some(root), path)).or_else(|| self.0.get(&(None, path))).copied()
    }
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::dev(&metadata))
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}

//! What a cache holds, counted.

use std::path::PathBuf;

use na_model::TableName;

use crate::db::open::files;
use crate::error::CacheError;
use crate::read::cache::Cache;
use crate::read::cache::count;

/// A cache at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStatus {
    /// The file.
    pub location: PathBuf,
    /// The file and its write-ahead log, bytes.
    pub size_bytes: u64,
    /// Whether it is of a fresh load, which takes the store's place when all of its list is loaded: readers see nothing of
    /// it before.
    pub fresh: bool,
    /// Anatomical units that are committed.
    pub anatomical_sessions: usize,
    /// Diffusion units that are committed.
    pub diffusion_sessions: usize,
    /// The tables they have: tissues in the store's order, then workflows by name.
    pub tables: Vec<TableName>,
}

impl Cache {
    /// Counts what is committed.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn status(&self) -> Result<CacheStatus, CacheError> {
        let counts = self.query(
            "SELECT count(*) FILTER (WHERE modality = 'anatomical'), count(*) FILTER (WHERE modality = 'diffusion')
             FROM units",
            |row| Ok((count(row.get(0)?), count(row.get(1)?))),
        )?;
        let (anatomical_sessions, diffusion_sessions) = counts.first().copied().unwrap_or_default();
        let names = self.query("SELECT DISTINCT table_name FROM tables", |row| row.get::<_, String>(0))?;
        let tables = names.iter().map(|name| TableName::parse(name).map_err(|error| self.damaged(error)));
        let mut tables = tables.collect::<Result<Vec<_>, CacheError>>()?;
        tables.sort_unstable();
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let [file, log, _, _] = files(&self.location);
        Ok(CacheStatus {
            location: self.location.clone(),
            size_bytes: size(&file) + size(&log),
            fresh: self.setting("fresh")?.is_some(),
            anatomical_sessions,
            diffusion_sessions,
            tables,
        })
    }
}

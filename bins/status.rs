//! Shows what a cache and a store hold.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use na_cache::{Cache, CacheError, CacheStatus, Cancel, cache_status};
use na_store::{ExistingStore, SessionCounts, StoreError, StoreStatus};
use serde_json::{Value, json};

/// What is in an output folder.
pub(crate) struct Status {
    cache: Option<CacheShown>,
    store: Option<StoreStatus>,
}

/// A cache, as far as it can be read.
pub(crate) enum CacheShown {
    Read(CacheStatus),
    Hidden(Hidden),
}

/// A cache that cannot be read from here. Only the size of its file is known.
pub(crate) struct Hidden {
    location: PathBuf,
    size_bytes: u64,
    why: String,
}

impl Status {
    /// # Errors
    /// A cache or store that cannot be read.
    pub(crate) fn of(output: &Path) -> Result<Self, StoreError> {
        let cache = CacheShown::of(output)?;
        let store = if output.is_dir() { ExistingStore::open(output)?.status()? } else { None };
        Ok(Self { cache, store })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cache.is_none() && self.store.is_none()
    }

    /// The cache's box, or else the store's.
    pub(crate) fn text(&self) -> String {
        match (&self.cache, &self.store) {
            (Some(cache), _) => cache.text(),
            (None, Some(store)) => store_box(store),
            (None, None) => String::new(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "cache": self.cache_json(), "store": self.store_json() })
    }

    /// Null if there is none.
    pub(crate) fn cache_json(&self) -> Value {
        self.cache.as_ref().map_or(Value::Null, CacheShown::json)
    }

    /// Null if there is none.
    pub(crate) fn store_json(&self) -> Value {
        self.store.as_ref().map_or(Value::Null, store_json)
    }
}

impl CacheShown {
    /// `None` if there is none.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub(crate) fn of(output: &Path) -> Result<Option<Self>, CacheError> {
        match cache_status(output, &Cancel::never()) {
            Err(error) if error.leaves_the_export() => Ok(Some(Self::Hidden(Hidden::of(output, &error)))),
            status => Ok(status?.map(Self::Read)),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Read(status) => cache_box(status),
            Self::Hidden(hidden) => hidden.text(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Read(status) => cache_json(status),
            Self::Hidden(hidden) => hidden.json(),
        }
    }
}

fn store_json(status: &StoreStatus) -> Value {
    json!({
        "location": status.location.display().to_string(),
        "size_bytes": status.size_bytes,
        "atlas_name": status.atlas_name,
        "updated_at": status.updated_at,
        "sessions": { "anatomical": counts_json(status.anatomical), "diffusion": counts_json(status.diffusion) },
        "tables": status.tables,
        "features": status.n_features,
    })
}

fn counts_json(SessionCounts { loaded, partial, missing, failed }: SessionCounts) -> Value {
    json!({ "loaded": loaded, "partial": partial, "missing": missing, "failed": failed })
}

/// Formats what a store holds, as [`cache_box`] does.
fn store_box(status: &StoreStatus) -> String {
    let rule = "=".repeat(60);
    let mut text = format!(
        "{rule}\nSTORE STATUS\n{rule}\nLocation: {}\nSize: {:.2} MB\n",
        status.location.display(),
        megabytes(status.size_bytes)
    );
    for (name, value) in [("Atlas", &status.atlas_name), ("Last run", &status.updated_at)] {
        let _ = writeln!(text, "{name}: {}", value.as_deref().unwrap_or("unknown (the manifest is gone)"));
    }
    for (name, counts) in [("Anatomical", status.anatomical), ("Diffusion", status.diffusion)] {
        let SessionCounts { loaded, partial, missing, failed } = counts;
        let _ = writeln!(
            text,
            "{name} sessions: {loaded} loaded, {partial} partial, {missing} missing, {failed} failed"
        );
    }
    let _ = writeln!(text, "\nTables: {}", status.tables.len());
    for table in &status.tables {
        let _ = writeln!(text, "  - {table}");
    }
    let _ = writeln!(text, "Features: {}\n\nThere is no cache: all is exported.\n{rule}", status.n_features);
    text
}

fn cache_json(status: &CacheStatus) -> Value {
    json!({
        "location": status.location.display().to_string(),
        "size_bytes": status.size_bytes,
        "fresh_load": status.fresh,
        "anatomical_sessions": status.anatomical_sessions,
        "diffusion_sessions": status.diffusion_sessions,
        "tables": status.tables.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Formats what a cache holds, in the layout that users know. One MB is 1024² bytes.
fn cache_box(status: &CacheStatus) -> String {
    let rule = "=".repeat(60);
    let megabytes = megabytes(status.size_bytes);
    let mut text = format!(
        "{rule}\nCACHE STATUS\n{rule}\nLocation: {}\nSize: {megabytes:.2} MB\nAnatomical sessions: {}\nDiffusion \
         sessions: {}\n\nTables: {}\n",
        status.location.display(),
        status.anatomical_sessions,
        status.diffusion_sessions,
        status.tables.len()
    );
    for table in &status.tables {
        let _ = writeln!(text, "  - {table}");
    }
    if status.fresh {
        let _ = writeln!(
            text,
            "\nIt is of a fresh load (--force): the store is as it was until all of that is loaded."
        );
    }
    let _ = writeln!(text, "{rule}");
    text
}

impl Hidden {
    fn of(output: &Path, why: &CacheError) -> Self {
        let location = Cache::path_in(output);
        let size_bytes = std::fs::metadata(&location).map_or(0, |metadata| metadata.len());
        Self { location, size_bytes, why: why.to_string() }
    }

    fn json(&self) -> Value {
        json!({
            "location": self.location.display().to_string(),
            "size_bytes": self.size_bytes,
            "anatomical_sessions": null,
            "diffusion_sessions": null,
            "tables": null,
            "problem": self.why,
        })
    }

    fn text(&self) -> String {
        let rule = "=".repeat(60);
        format!(
            "{rule}\nCACHE STATUS\n{rule}\nLocation: {}\nSize: {:.2} MB\nSessions: not counted: {}\n{rule}\n",
            self.location.display(),
            megabytes(self.size_bytes),
            self.why
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

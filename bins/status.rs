//! Shows what a cache and a store hold.

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

use na_cache::{Cache, CacheError, CacheStatus, Cancel, cache_status};
use na_store::{ExistingStore, SessionCounts, StoreError, StoreStatus};
use serde_json::{Value, json};

use crate::listed_shown::ListedShown;
use crate::segments_shown::SegmentsShown;
use crate::today::Today;

const CACHE: &str = "CACHE STATUS";

/// What is in an output folder.
pub(crate) struct Status {
    cache: Option<CacheShown>,
    store: Option<StoreStatus>,
    segments: Option<SegmentsShown>,
    /// `None` if nobody looked.
    today: Option<Today>,
    /// `None` if nobody asked.
    listed: Option<ListedShown>,
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
        refuse_other_version(output)?;
        let cache = CacheShown::of(output)?;
        let store = if output.is_dir() { ExistingStore::open(output)?.status()? } else { None };
        let segments = SegmentsShown::of(output)?;
        Ok(Self { cache, store, segments, today: None, listed: None })
    }

    /// With what is different today.
    pub(crate) fn with(self, today: Today) -> Self {
        Self { today: Some(today), ..self }
    }

    /// With what of a session list is there.
    pub(crate) fn with_list(self, listed: ListedShown) -> Self {
        Self { listed: Some(listed), ..self }
    }

    /// Whether all of the list is there that somebody asked for.
    pub(crate) fn is_all_there(&self) -> bool {
        self.listed.as_ref().is_none_or(ListedShown::is_all_there)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cache.is_none() && self.store.is_none() && self.segments.is_none()
    }

    /// For people, the cache's box, or else the store's, and today's.
    pub(crate) fn shown(&self, as_json: bool) -> String {
        if as_json {
            return format!("{:#}\n", self.json());
        }
        let held = match (&self.cache, &self.store) {
            (Some(cache), _) => cache.text(),
            (None, Some(store)) => store_box(store),
            (None, None) => String::new(),
        };
        let rule = rule();
        let boxed = |title: &str, text: String| format!("{title}\n{rule}\n{text}{rule}\n");
        let segments = self.segments.as_ref().map(|segments| boxed("SEGMENTS", segments.text()));
        let listed = self.listed.as_ref().map(|listed| boxed("LISTED", listed.text()));
        let today = self.today.as_ref().map(|today| boxed("TODAY", today.text()));
        [Some(held), segments, listed, today].into_iter().flatten().collect()
    }

    fn json(&self) -> Value {
        let cache = self.cache.as_ref().map(CacheShown::json);
        let store = self.store.as_ref().map(store_json);
        let mut told = json!({ "cache": cache, "store": store });
        for (key, value) in [
            ("segments", self.segments.as_ref().map(SegmentsShown::json)),
            ("list", self.listed.as_ref().map(ListedShown::json)),
            ("today", self.today.as_ref().map(Today::json)),
        ] {
            if let (Some(value), Some(told)) = (value, told.as_object_mut()) {
                told.insert(key.to_owned(), value);
            }
        }
        told
    }
}

/// Refuses a store of another version before its cache is opened: it is another program's, too.
///
/// # Errors
/// [`StoreError::OtherVersion`]; a manifest that cannot be read.
pub(crate) fn refuse_other_version(output: &Path) -> Result<(), StoreError> {
    if output.is_dir() {
        ExistingStore::open(output)?;
    }
    Ok(())
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

    /// Whether it holds no unit.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Read(status) => status.anatomical_sessions + status.diffusion_sessions == 0,
            Self::Hidden(_) => false,
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
    let mut text = head("STORE STATUS", &status.location, status.size_bytes);
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
    list_tables(&mut text, &status.tables);
    let n_features = status.n_features;
    let _ = writeln!(text, "Features: {n_features}\n\nThere is no cache: all is exported.\n{}", rule());
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

/// Formats what a cache holds, in the layout that users know.
fn cache_box(status: &CacheStatus) -> String {
    let mut text = head(CACHE, &status.location, status.size_bytes);
    let _ = writeln!(
        text,
        "Anatomical sessions: {}\nDiffusion sessions: {}",
        status.anatomical_sessions, status.diffusion_sessions
    );
    list_tables(&mut text, &status.tables);
    if status.fresh {
        let _ = writeln!(
            text,
            "\nIt is of a fresh load (--force): the store is as it was until all of that is loaded."
        );
    }
    let _ = writeln!(text, "{}", rule());
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
        let head = head(CACHE, &self.location, self.size_bytes);
        format!("{head}Sessions: not counted: {}\n{}\n", self.why, rule())
    }
}

/// The first lines of a box. One MB is 1024² bytes.
fn head(title: &str, location: &Path, size_bytes: u64) -> String {
    let (rule, location, megabytes) = (rule(), location.display(), megabytes(size_bytes));
    format!("{rule}\n{title}\n{rule}\nLocation: {location}\nSize: {megabytes:.2} MB\n")
}

/// The line above and below a box.
fn rule() -> String {
    "=".repeat(60)
}

fn list_tables<T: Display>(text: &mut String, tables: &[T]) {
    let _ = writeln!(text, "\nTables: {}", tables.len());
    for table in tables {
        let _ = writeln!(text, "  - {table}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

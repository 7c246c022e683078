//! The manifest of a store, made again from its files if it is missing or broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use na_model::{Manifest, TableKind, TableName};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_file::ParquetFile;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::told_kinds;
use crate::tables::manifest::{ManifestContent, ManifestRecord};
use crate::tables::manifest_entries::{long_entry, wide_entry};
use crate::tables::paths::{MANIFEST_FILE, TIV_FILE};

impl ExistingStore {
    /// The store's manifest, or one made from the files if that is missing or broken.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn manifest(&self) -> Result<Arc<Manifest>, StoreError> {
        match self.written_manifest() {
            Some(written) => Ok(Arc::clone(written)),
            None => self.rebuilt_manifest().map(Arc::new),
        }
    }

    fn rebuilt_manifest(&self) -> Result<Manifest, StoreError> {
        let mut content = ManifestContent::default();
        let mut kinds = BTreeMap::new();
        for table in self.long_tables()? {
            let Some(long) = self.long_file(table)? else { continue };
            content.long_formats.insert(table.to_string(), long_entry(table, &long));
            content.sessions.extend(long.index.sessions.iter().cloned());
            kinds.append(&mut told_kinds([(table, &*long)]));
        }
        let mut wide_features = BTreeMap::new();
        for path in self.own_files().wide_files()? {
            let entry =
                ParquetFile::open(&self.output().join(&path))?.and_then(|file| wide_entry(&path, &file));
            wide_features.extend(entry.map(|entry| (entry.name.clone(), entry)));
        }
        content.wide_features = wide_features;
        // No table, no atlas.
        content.atlas_name = self.told_atlas()?.unwrap_or_default();
        content.has_tiv = self.own_files().has(TIV_FILE)?;
        let record = self.record()?.cloned().unwrap_or_default();
        content.record = ManifestRecord { table_kinds: kinds, ..record.to_manifest_record() };
        let damaged = |error| StoreError::damaged(&self.output().join(MANIFEST_FILE), error);
        content.withdrawn = record.withdrawn;
        content.into_manifest(None).map_err(damaged)
    }

    /// The atlas of all tables but those of inputs that have their own. `None` if there is no such table.
    pub(crate) fn atlas(&self) -> Result<Option<String>, StoreError> {
        let is_of_others = |kind: Option<&TableKind>| kind.is_none_or(|kind| !kind.input.has_own_atlas());
        let of_others = match self.written_manifest() {
            Some(manifest) => {
                let kinds = ManifestRecord::of(manifest).map(|record| record.table_kinds).unwrap_or_default();
                let named = manifest.long_formats.values().map(|entry| TableName::parse(&entry.name));
                manifest.long_formats.is_empty()
                    || named.flatten().any(|table| is_of_others(kinds.get(&table)))
            }
            None => {
                let kinds = self.long_tables()?.iter().map(|table| self.table_kind(table));
                let kinds = kinds.collect::<Result<Vec<_>, StoreError>>()?;
                kinds.is_empty() || kinds.iter().any(|kind| is_of_others(kind.as_ref()))
            }
        };
        if of_others { self.told_atlas() } else { Ok(None) }
    }

    /// What the manifest or the files say of the atlas. `None` if there is no table.
    fn told_atlas(&self) -> Result<Option<String>, StoreError> {
        if let Some(manifest) = self.written_manifest() {
            let is_known = !manifest.long_formats.is_empty() && !manifest.atlas_name.is_empty();
            return Ok(is_known.then(|| manifest.atlas_name.clone()));
        }
        for table in self.long_tables()? {
            let file = self.long_reader(table)?;
            if let Some(atlas) = file.as_ref().and_then(|file| file.key_value(keys::ATLAS)) {
                return Ok(Some(atlas.to_owned()));
            }
        }
        Ok(None)
    }
}

//! Reads what a store and a cache hold before an export.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashSet;
use na_cache::{Cache, CachedUnit, TableForm};
use na_model::{Manifest, Session, TableName, TivSource};

use crate::error::StoreError;
use crate::export::request::ExportRequest;
use crate::merge::removals::{brings_nothing, take_out_of_cache};
use crate::merge::replaced_maps::Replaced;
use crate::merge::sealed_parts::{Exported, SealedParts};
use crate::merge::unit_versions::take_out_older;
use crate::merge::volume_source::{StoredVolumes, volume_source};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::LongFile;
use crate::tables::manifest::ManifestRecord;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::paths::MANIFEST_FILE;
use crate::tables::sessions_by_kind::SessionsByKind;
use crate::tables::store_record::StoreRecord;
use crate::tables::tiv::TivTable;

/// The input of an export. A fresh load takes only the withdrawals from the old store.
#[derive(Default)]
pub(crate) struct Holdings {
    /// The cache's units, without what the store read later or loses.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) parts: SealedParts,
    /// `None` if the store has none, or is loaded anew.
    pub(crate) manifest: Option<Arc<Manifest>>,
    pub(crate) record: StoreRecord,
    pub(crate) files: BTreeMap<TableName, Arc<LongFile>>,
    pub(crate) metadata: MetadataTable,
    /// Without volumes that leave the store, and with those that the cache brings.
    pub(crate) volumes: TivTable,
    /// Whose they are.
    pub(crate) tiv_from: TivSource,
}

impl Holdings {
    /// Reads the store and the cache.
    ///
    /// # Errors
    /// A store of another atlas; a store or cache that cannot be read.
    pub(crate) fn read(
        store: &ExistingStore,
        cache: &Cache,
        request: &ExportRequest,
    ) -> Result<Self, StoreError> {
        let mut units = cache.units()?;
        let mut holdings = Self {
            manifest: store.written_manifest().filter(|_| !request.record.fresh).cloned(),
            record: store.record()?.cloned().unwrap_or_default(),
            ..Self::default()
        };
        if request.record.fresh {
            holdings.record = holdings.record.begun_anew();
        } else {
            holdings.read_store(store, request)?;
            take_out_older(store.output(), &mut units)?;
        }
        let exported = Exported::beside(request.record.fresh, store);
        holdings.parts = SealedParts::find(cache, store.output(), exported)?;
        let lost = holdings.parts.take_out_lost(&mut units);
        if !lost.is_empty() {
            return Err(StoreError::SealedRowsLost {
                output: store.output().to_owned(),
                n_units: lost.len(),
            });
        }
        take_out_of_cache(&mut units, &request.removals);
        holdings.units = units.into_iter().map(Arc::new).collect();
        let stored = (!request.record.fresh).then_some(store);
        holdings.tiv_from = volume_source(stored, request.record.tiv_from, &holdings.units)?;
        let held = SessionsByKind::of(holdings.files.iter().map(|(table, long)| (table, long.as_ref())));
        let stored =
            StoredVolumes { source: holdings.tiv_from, sessions: &held, removals: &request.removals };
        stored.take_out(&mut holdings.volumes, store)?;
        let found = stored.found(&holdings.units, &holdings.volumes);
        holdings.volumes.merge(found);
        holdings.forms = cache.table_forms(holdings.units.iter().map(AsRef::as_ref))?;
        Ok(holdings)
    }

    fn read_store(&mut self, store: &ExistingStore, request: &ExportRequest) -> Result<(), StoreError> {
        let output = store.output();
        let path = output.join(MANIFEST_FILE);
        if self.manifest.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the manifest is broken and is made again from the files");
        }
        let asked = &request.record.settings.atlas_name;
        if let Some(stored) = store.atlas()?.filter(|stored| stored != asked) {
            let (output, asked) = (output.to_owned(), asked.clone());
            return Err(StoreError::OtherAtlas { output, store: stored, asked });
        }
        for table in store.long_tables()? {
            self.files.extend(store.long_file(table)?.map(|long| (table.clone(), long)));
        }
        self.metadata = MetadataTable::read(output)?;
        self.volumes = TivTable::read(output)?;
        if self.manifest.as_ref().is_some_and(|manifest| ManifestRecord::of(manifest).is_none()) {
            self.metadata.take_over(self.files.values().map(AsRef::as_ref), &self.volumes)?;
        }
        Ok(())
    }

    /// The sessions that the new store will know.
    pub(crate) fn sessions(&self, request: &ExportRequest) -> HashSet<Session> {
        let removals = &request.removals;
        let cached =
            self.units.iter().filter(|unit| removals.of(&unit.unit).is_none() || !brings_nothing(unit));
        let mut sessions: HashSet<Session> = cached.map(|unit| unit.unit.session.clone()).collect();
        // A session with nothing but TIV is in no long table.
        sessions.extend(self.volumes.0.keys().cloned());
        let replaced = Replaced::leaving(removals);
        for (table, long) in &self.files {
            sessions.extend(replaced.in_table(table, &long.kind.unit_kind(table)).sessions_left(&long.index));
        }
        let leaving = removals.sessions();
        let known = self.metadata.sessions.iter().filter(|session| !leaving.contains(session));
        sessions.extend(known.cloned());
        sessions
    }
}

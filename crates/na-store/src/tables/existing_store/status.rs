//! What a store holds, told without reading a table of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use na_model::{Modality, Session, UnitKind, UnitStatus};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::report_page::REPORT_FILE;
use crate::tables::sessions_tsv;

/// A store at a glance, for whoever operates it; [`StoreSummary`](crate::StoreSummary) is for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct StoreStatus {
    /// The store's folder.
    pub location: PathBuf,
    /// All files of the store, without those of a cache, bytes.
    pub size_bytes: u64,
    /// `None` if the manifest is gone.
    pub atlas_name: Option<String>,
    /// When the manifest was last written, ISO 8601. `None` if it is gone.
    pub updated_at: Option<String>,
    pub anatomical: SessionCounts,
    pub diffusion: SessionCounts,
    /// The names of the long tables, in the store's order.
    pub tables: Vec<String>,
    pub n_features: usize,
}

/// The sessions of a modality, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of `sessions.tsv`")]
pub struct SessionCounts {
    pub loaded: usize,
    pub partial: usize,
    pub missing: usize,
    pub failed: usize,
}

impl SessionCounts {
    fn of(modality: Modality, statuses: &[(Modality, UnitStatus)]) -> Self {
        let n = |status| statuses.iter().filter(|of| **of == (modality, status)).count();
        Self {
            loaded: n(UnitStatus::Loaded),
            partial: n(UnitStatus::Partial),
            missing: n(UnitStatus::Missing),
            failed: n(UnitStatus::Failed),
        }
    }
}

impl ExistingStore {
    /// Counts what the store holds, by its manifest and `sessions.tsv`. `None` if there is no store. A cache adds nothing here.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn status(&self) -> Result<Option<StoreStatus>, StoreError> {
        let tables = self.long_tables()?;
        let manifest = self.written_manifest();
        if tables.is_empty() && manifest.is_none() {
            return Ok(None);
        }
        let statuses = self.statuses()?;
        Ok(Some(StoreStatus {
            location: self.output().to_owned(),
            size_bytes: self.size_bytes()?,
            atlas_name: manifest.map(|manifest| manifest.atlas_name.clone()),
            updated_at: manifest.map(|manifest| manifest.updated_at.clone()),
            anatomical: SessionCounts::of(Modality::Anatomical, &statuses),
            diffusion: SessionCounts::of(Modality::Diffusion, &statuses),
            tables: tables.iter().map(ToString::to_string).collect(),
            n_features: manifest.map_or(0, |manifest| manifest.wide_features.len()),
        }))
    }

    /// What became of each unit. In a store of the pandas package, which does not tell, what is there is loaded.
    fn statuses(&self) -> Result<Vec<(Modality, UnitStatus)>, StoreError> {
        let told = sessions_tsv::statuses(self.output())?;
        if !told.is_empty() {
            return Ok(told);
        }
        let there: BTreeSet<(Session, Modality)> =
            self.units()?.into_keys().map(|unit| (unit.session, unit.kind.modality)).collect();
        Ok(there.into_iter().map(|(_, modality)| (modality, UnitStatus::Loaded)).collect())
    }

    /// The kinds of its units and of those that it says are missing or failed, in the store's order.
    pub(crate) fn kinds(&self) -> Result<Vec<UnitKind>, StoreError> {
        let mut kinds: BTreeSet<UnitKind> =
            sessions_tsv::read(self.output())?.into_iter().map(|outcome| outcome.unit.kind).collect();
        for table in self.long_tables()? {
            kinds.extend(self.unit_kind(table)?);
        }
        for (modality, _) in self.statuses()? {
            // A session may have a volume alone.
            if kinds.iter().all(|kind| kind.modality != modality) {
                kinds.insert(UnitKind::of_parcellate(modality));
            }
        }
        Ok(kinds.into_iter().collect())
    }

    /// The size of all files of the store and its report, bytes.
    ///
    /// # Errors
    /// Files that cannot be listed or looked at.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        let size = |path: PathBuf| match fs::metadata(&path) {
            // An export may replace it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            metadata => Ok(metadata.map_err(StoreError::io("look at", &path))?.len()),
        };
        self.files()?.into_iter().chain([self.output().join(REPORT_FILE)]).map(size).sum()
    }
}

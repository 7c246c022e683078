//! Describes a store and its features.

use std::collections::BTreeSet;
use std::path::PathBuf;

use foldhash::HashSet;
use na_cache::CacheStatus;
use na_model::{MeasurementUnit, Modality, SubjectCode, TableKind, TableName, WideFeature};

use crate::error::StoreError;
use crate::format::fields::unit_of;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::producer_versions::recorded_producers;
use crate::read::feature_lookup::{FeatureLocation, Opened};
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::tables::features::{FeatureKind, table_of};
use crate::tables::key_columns::is_value;
use crate::tables::tiv;

/// A feature: one metric of one source, a row a session, a column a region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct FeatureInfo {
    pub name: String,
    pub modality: Modality,
    pub metric: String,
    /// `global` for TIV. `None` if the feature is diffusion.
    pub tissue: Option<String>,
    /// This and the next three are `None` if the feature is anatomical.
    pub workflow: Option<String>,
    pub model: Option<String>,
    pub param: Option<String>,
    /// The description entity of the map.
    pub desc: Option<String>,
    /// The unit of the values: `mm3`, `mL`, `mm`, `dimensionless` or `unknown`.
    pub unit: String,
    /// The number of rows.
    pub n_sessions: usize,
    /// The columns of regions, in order.
    pub regions: Vec<String>,
    pub atlas_name: String,
    /// The versions of `parcellate` that wrote the tables, as far as their sidecars say.
    pub producer_versions: Vec<String>,
    /// `None` if the feature is computed.
    pub file: Option<PathBuf>,
    /// When the file was written, ISO 8601.
    pub created_at: Option<String>,
}

/// A store at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct StoreSummary {
    pub folder: PathBuf,
    /// `None` if nothing is loaded.
    pub atlas_name: Option<String>,
    /// Over all tables.
    pub n_sessions: usize,
    /// Over all tables.
    pub n_subjects: usize,
    /// The names of the long tables.
    pub long_formats: Vec<String>,
    pub anatomical_features: Vec<String>,
    pub diffusion_features: Vec<String>,
    /// Whether any session has a total intracranial volume.
    pub has_tiv: bool,
    /// When the store was first written, ISO 8601. `None` if no long table was exported.
    pub created_at: Option<String>,
    /// When the manifest was last written, ISO 8601. `None` if no long table was exported.
    pub updated_at: Option<String>,
    /// `None` if there is no cache.
    pub cache: Option<CacheStatus>,
}

/// What the file of a feature says, or its values if they are computed.
struct FeatureFacts {
    kind: FeatureKind,
    unit: Option<String>,
    n_sessions: usize,
    regions: Vec<String>,
    producers: BTreeSet<String>,
    file: Option<PathBuf>,
    created_at: Option<String>,
}

impl Snapshot {
    pub(crate) fn summary(&self, cache: Option<CacheStatus>) -> Result<StoreSummary, StoreError> {
        let sessions = &self.metadata()?.sessions;
        let subjects: HashSet<&SubjectCode> = sessions.iter().map(|session| &session.subject).collect();
        let was_exported = !self.manifest.long_formats.is_empty();
        Ok(StoreSummary {
            folder: self.output().to_owned(),
            atlas_name: Some(self.atlas_name().to_owned()).filter(|atlas| !atlas.is_empty()),
            n_sessions: sessions.len(),
            n_subjects: subjects.len(),
            long_formats: self.tables().map(TableName::to_string).collect(),
            anatomical_features: self.feature_names(Some(Modality::Anatomical))?,
            diffusion_features: self.feature_names(Some(Modality::Diffusion))?,
            has_tiv: !self.volumes()?.0.is_empty(),
            created_at: was_exported.then(|| self.manifest.created_at.clone()),
            updated_at: was_exported.then(|| self.manifest.updated_at.clone()),
            cache,
        })
    }

    /// The atlas of the cache, or else of the manifest. Empty if nothing is loaded.
    fn atlas_name(&self) -> &str {
        let cached = self.cached.as_ref().map(|cached| &cached.record.settings.atlas_name);
        cached.unwrap_or(&self.manifest.atlas_name)
    }

    pub(crate) fn feature_info(&self, name: &str) -> Result<FeatureInfo, StoreError> {
        let found = self.find_feature(name)?;
        let facts = match self.opened(&found)? {
            Opened::File(entry, file) => exported_facts(&entry, &file)?,
            Opened::Tiv => {
                let unit = Some(MeasurementUnit::Millilitre);
                let facts = self.computed_facts(&found, tiv::kind(), unit, BTreeSet::new())?;
                // The rows come from the table of volumes, which its file repeats.
                let exported = self.manifest.wide_features.get(name).filter(|_| self.is_parquet_alone());
                FeatureFacts {
                    file: exported.map(|entry| self.path_of(entry)).transpose()?,
                    created_at: exported.map(|entry| entry.created_at.clone()),
                    ..facts
                }
            }
            Opened::Computed(table, feature) => {
                let unit = self.kinds().get(&table).and_then(|kind| kind.unit_of(&feature.metric));
                self.computed_facts(&found, feature.kind, unit, self.producers(&table)?)?
            }
        };
        let (kind, path) = (facts.kind, facts.file.as_deref().unwrap_or(self.output()));
        Ok(FeatureInfo {
            modality: kind.modality.parse().map_err(|error| StoreError::damaged(path, error))?,
            name: kind.name,
            metric: kind.metric,
            tissue: kind.source_modality,
            workflow: kind.workflow,
            model: kind.model,
            param: kind.param,
            desc: kind.desc,
            unit: facts.unit.unwrap_or_else(|| MeasurementUnit::Unknown.to_string()),
            n_sessions: facts.n_sessions,
            regions: facts.regions,
            atlas_name: self.atlas_name().to_owned(),
            producer_versions: facts.producers.into_iter().collect(),
            file: facts.file,
            created_at: facts.created_at,
        })
    }

    fn computed_facts(
        &self,
        found: &FeatureLocation,
        kind: FeatureKind,
        unit: Option<MeasurementUnit>,
        producers: BTreeSet<String>,
    ) -> Result<FeatureFacts, StoreError> {
        let batches = self.features(std::slice::from_ref(found), &ReadOptions::default())?;
        let schema = batches.first().map(|batch| batch.schema());
        let fields = schema.iter().flat_map(|schema| schema.fields()).filter(|field| is_value(field.name()));
        Ok(FeatureFacts {
            kind,
            unit: unit.map(|unit| unit.to_string()),
            n_sessions: batches.iter().map(|batch| batch.num_rows()).sum(),
            regions: fields.map(|field| field.name().clone()).collect(),
            producers,
            file: None,
            created_at: None,
        })
    }
}

fn exported_facts(entry: &WideFeature, file: &ParquetReader) -> Result<FeatureFacts, StoreError> {
    let fields = file.schema().fields();
    let regions = || fields.iter().filter(|field| is_value(field.name()));
    let unit = regions().next().and_then(|field| unit_of(field)).map(str::to_owned);
    let in_entry = || Some(entry.created_at.clone()).filter(|at| !at.is_empty());
    let in_manifest = || unit_in_manifest(entry).map(|unit| unit.to_string());
    let n_sessions =
        usize::try_from(file.n_rows()).map_err(|error| StoreError::damaged(file.path(), error))?;
    Ok(FeatureFacts {
        // A file that another program rewrote has no key-value metadata: the manifest says the same.
        kind: FeatureKind::of(file.file()).unwrap_or_else(|| kind_in_manifest(entry)),
        unit: unit.or_else(in_manifest),
        n_sessions,
        regions: regions().map(|field| field.name().clone()).collect(),
        producers: recorded_producers(file)?,
        created_at: file.key_value(keys::CREATED_AT).map(str::to_owned).or_else(in_entry),
        file: Some(file.path().to_owned()),
    })
}

/// The unit of a feature, by its entry in the manifest.
fn unit_in_manifest(entry: &WideFeature) -> Option<MeasurementUnit> {
    TableKind::of_parcellate(&table_of(entry)?).unit_of(&entry.metric)
}

fn kind_in_manifest(entry: &WideFeature) -> FeatureKind {
    FeatureKind {
        name: entry.name.clone(),
        modality: entry.modality.clone(),
        metric: entry.metric.clone(),
        source_modality: entry.source_modality.clone(),
        workflow: entry.workflow.clone(),
        model: entry.model.clone(),
        param: entry.param.clone(),
        desc: None,
    }
}

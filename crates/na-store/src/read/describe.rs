//! What a store says of itself.

use std::collections::BTreeSet;
use std::path::PathBuf;

use na_cache::CacheStatus;
use na_model::columns::KEY_COLUMNS;
use na_model::{MeasurementUnit, Modality, TableKind, WideFeature};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::merge::producer_versions::recorded;
use crate::read::feature_lookup::FeatureLocation;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::tables::features::{FeatureKind, table_of};

/// A feature: one metric of one source, a row a session, a column a region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureInfo {
    /// Its name.
    pub name: String,
    /// Anatomical or diffusion.
    pub modality: Modality,
    /// The statistic.
    pub metric: String,
    /// The tissue (`global` for TIV), for anatomical features.
    pub tissue: Option<String>,
    /// The workflow, for diffusion features.
    pub workflow: Option<String>,
    /// The model, for diffusion features.
    pub model: Option<String>,
    /// The parameter, for diffusion features.
    pub param: Option<String>,
    /// The description entity, for diffusion features.
    pub desc: Option<String>,
    /// The unit of its values: `mm3`, `mL`, `mm`, `dimensionless` or `unknown`.
    pub unit: String,
    /// Rows.
    pub n_sessions: usize,
    /// Its columns of regions, in order.
    pub regions: Vec<String>,
    /// The atlas.
    pub atlas_name: String,
    /// The versions of `parcellate` that wrote its tables, as far as their sidecars say.
    pub producer_versions: Vec<String>,
    /// Its file; none for one that is computed.
    pub file: Option<PathBuf>,
    /// When its file was written, ISO 8601.
    pub created_at: Option<String>,
}

/// A store at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSummary {
    /// The store's folder.
    pub folder: PathBuf,
    /// The atlas; none where nothing is loaded.
    pub atlas_name: Option<String>,
    /// Sessions, over all tables.
    pub n_sessions: usize,
    /// Subjects, over all tables.
    pub n_subjects: usize,
    /// The long tables.
    pub long_formats: Vec<String>,
    /// The anatomical features.
    pub anatomical_features: Vec<String>,
    /// The diffusion features.
    pub diffusion_features: Vec<String>,
    /// Whether any session has a total intracranial volume.
    pub has_tiv: bool,
    /// When it was last exported, ISO 8601; none where it never was.
    pub updated_at: Option<String>,
    /// The cache; none where there is none.
    pub cache: Option<CacheStatus>,
}

/// What is told by the file of a feature that has one, and by its values where they are computed.
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
    pub(crate) fn feature_info(&self, name: &str) -> Result<FeatureInfo, StoreError> {
        let found = self.find_feature(name)?;
        let facts = match &found {
            FeatureLocation::File(entry) => {
                let file = self.feature_file(entry)?;
                let fields = file.schema().fields();
                let unit =
                    fields.get(KEY_COLUMNS.len()).and_then(|field| field.metadata().get("unit").cloned());
                let in_manifest = || unit_in_manifest(entry).map(|unit| unit.to_string());
                FeatureFacts {
                    // What another program wrote back has no notes: the manifest says the same.
                    kind: FeatureKind::of(&file).unwrap_or_else(|| kind_in_manifest(entry)),
                    unit: unit.or_else(in_manifest),
                    n_sessions: usize::try_from(file.n_rows()).unwrap_or_default(),
                    regions: fields
                        .iter()
                        .skip(KEY_COLUMNS.len())
                        .map(|field| field.name().clone())
                        .collect(),
                    producers: recorded(&file),
                    created_at: file.key_value(keys::CREATED_AT).map(str::to_owned),
                    file: Some(file.path().to_owned()),
                }
            }
            FeatureLocation::Tiv => {
                let unit = Some(MeasurementUnit::Millilitre);
                self.computed_facts(&found, crate::tables::tiv::kind(), unit, BTreeSet::new())?
            }
            FeatureLocation::Computed(table, feature) => {
                let unit = self.kinds().get(table).and_then(|kind| kind.unit_of(&feature.metric));
                self.computed_facts(&found, feature.kind.clone(), unit, self.producers(table)?)?
            }
        };
        let (kind, path) = (facts.kind, facts.file.as_deref().unwrap_or(self.output()));
        let cached = self.cached.as_ref().map(|cached| &cached.record.settings.atlas_name);
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
            atlas_name: cached.unwrap_or(&self.manifest.atlas_name).clone(),
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
        let fields = schema.iter().flat_map(|schema| schema.fields()).skip(KEY_COLUMNS.len());
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

/// The unit that a feature has by what the manifest says it is.
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

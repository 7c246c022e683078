//! Decides what an export writes, before it writes the first file.

use std::collections::BTreeSet;
use std::sync::Arc;

use na_cache::{Cache, CachedTableInfo};
use na_model::{TableName, WideMetrics};

use crate::error::StoreError;
use crate::export::holdings::Holdings;
use crate::export::request::ExportRequest;
use crate::merge::long_merge::{LongMerge, SessionFacts, TableFiles};
use crate::merge::producer_versions::cached_producers;
use crate::merge::replaced_maps::Replaced;
use crate::merge::volume_source::note_of_others;
use crate::tables::features::{FeatureOrigin, PlannedFeature, feature_plan};
use crate::tables::long_schema::LongSchema;
use crate::tables::metadata::table::MetadataTable;

/// A long table with the columns and features that it will have.
pub(crate) struct PlannedTable {
    pub(crate) merge: LongMerge,
    pub(crate) schema: LongSchema,
    pub(crate) features: Vec<PlannedFeature>,
}

impl PlannedTable {
    /// The paths of its file and of its features' files, within the store.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        let features = self.features.iter().map(|feature| feature.name.file_path());
        std::iter::once(self.merge.table.file_path()).chain(features)
    }
}

/// The store as it will be.
pub(crate) struct ExportPlan {
    pub(crate) facts: SessionFacts,
    /// In the store's order, which is that of [`TableName`].
    pub(crate) tables: Vec<PlannedTable>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl ExportPlan {
    /// Decides from what store and cache hold. Moves metadata and volumes out of `holdings`.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub(crate) fn of(
        holdings: &mut Holdings,
        cache: &Cache,
        request: &ExportRequest,
    ) -> Result<Self, StoreError> {
        let sessions = holdings.sessions(request);
        let metadata = std::mem::take(&mut holdings.metadata);
        let metadata = MetadataTable::merge(metadata, &request.record.listing, &sessions);
        let volumes = std::mem::take(&mut holdings.volumes);
        let facts = SessionFacts { metadata: Arc::new(metadata), volumes: Arc::new(volumes) };
        let mut tables = long_tables(holdings, cache, request, &facts)?;
        let origins: Vec<FeatureOrigin<'_>> =
            tables.iter().map(|table| table.merge.feature_origin(&table.schema)).collect();
        let metrics = &request.record.settings.wide_metrics;
        let mut features = feature_plan(&origins, metrics);
        for table in &mut tables {
            table.features = features.features.remove(&table.merge.table).unwrap_or_default();
        }
        let mut notes = facts.metadata.notes.clone();
        notes.extend(note_of_others(&holdings.units, holdings.tiv_from, &facts.volumes));
        notes.extend(tables.iter().flat_map(|table| table.schema.notes.clone()));
        notes.append(&mut features.notes);
        notes.extend(metrics_without_features(metrics, &tables));
        Ok(Self { facts, tables, notes })
    }
}

fn long_tables(
    holdings: &Holdings,
    cache: &Cache,
    request: &ExportRequest,
    facts: &SessionFacts,
) -> Result<Vec<PlannedTable>, StoreError> {
    let cached = holdings.forms.iter().map(|form| &form.table);
    let names: BTreeSet<&TableName> = holdings.files.keys().chain(cached).collect();
    let replaces = |info: &CachedTableInfo| {
        holdings.files.contains_key(&info.table) && !holdings.parts.is_exported(info)
    };
    let replaced = Replaced::of(&holdings.units, replaces, &request.removals);
    let mut producers = cached_producers(cache, &holdings.units)?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let exported = holdings.files.get(name).cloned();
        let files = TableFiles { exported, sealed: holdings.parts.files_of(name, cache)? };
        let (units, forms) = (&holdings.units, &holdings.forms);
        let mut merge = LongMerge::new(name, files, &replaced, units, forms, facts.clone());
        merge.producers = producers.remove(&name.to_string()).unwrap_or_default();
        let schema = merge.columns();
        tables.push(PlannedTable { merge, schema, features: Vec::new() });
    }
    Ok(tables)
}

/// Returns a line for each metric that was asked for and that no table has.
fn metrics_without_features(metrics: &WideMetrics, tables: &[PlannedTable]) -> Vec<String> {
    let WideMetrics::Listed(metrics) = metrics else { return Vec::new() };
    let features = tables.iter().flat_map(|table| table.features.iter().map(|of| (&table.merge.kind, of)));
    let has = |metric: &String| {
        features.clone().any(|(kind, feature)| kind.word_of(&feature.metric) == kind.word_of(metric))
    };
    let none = metrics.iter().filter(|metric| !has(metric));
    none.map(|metric| format!("no table has the metric {metric}: it gives no feature")).collect()
}

//! Makes the entries of the manifest from the files themselves.

use na_model::columns::VOL_TIV;
use na_model::{LongFormat, TableName, WideFeature};

use crate::format::key_value_metadata as keys;
use crate::format::parquet_file::ParquetFile;
use crate::tables::features::FeatureKind;
use crate::tables::key_columns::is_value;
use crate::tables::long_file::LongFile;
use crate::tables::long_schema::tsv_columns;
use crate::tables::manifest::count;

/// The entry of a long table's file.
pub(crate) fn long_entry(table: &TableName, long: &LongFile) -> LongFormat {
    let LongFile { file, kind, index } = long;
    let columns: Vec<String> = file.schema().fields().iter().map(|field| field.name().clone()).collect();
    let tsv = tsv_columns(file.schema());
    let metrics =
        tsv.fields().iter().map(|field| field.name()).filter(|name| kind.metric_kind(name).is_some());
    let metrics = metrics.filter(|name| *name != VOL_TIV).cloned();
    LongFormat {
        name: table.to_string(),
        modality: table.modality().to_string(),
        n_rows: file.n_rows(),
        n_sessions: count(index.sessions.len()),
        metrics_available: metrics.collect(),
        columns,
        file_path: table.file_path(),
        created_at: file.key_value(keys::CREATED_AT).unwrap_or_default().to_owned(),
    }
}

/// The entry of a feature's file. `None` if this program did not write it.
pub(crate) fn wide_entry(file_path: &str, file: &ParquetFile) -> Option<WideFeature> {
    let kind = FeatureKind::of(file)?;
    let region_names: Vec<String> =
        file.column_names().filter(|name| is_value(name)).map(str::to_owned).collect();
    Some(WideFeature {
        name: kind.name,
        modality: kind.modality,
        metric: kind.metric,
        n_regions: count(region_names.len()),
        n_sessions: file.n_rows(),
        region_names,
        file_path: file_path.to_owned(),
        created_at: file.key_value(keys::CREATED_AT).unwrap_or_default().to_owned(),
        source_modality: kind.source_modality,
        workflow: kind.workflow,
        model: kind.model,
        param: kind.param,
    })
}

//! Decides which columns a scan of a long table makes, and which of them it gives.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use foldhash::HashSet;
use na_model::columns::TIV;
use na_model::{MeasurementUnit, TableKind};

use crate::error::StoreError;
use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::format::fields::double_field;
use crate::read::options::ReadOptions;
use crate::read::suggest::unknown;
use crate::tables::key_columns::PANDAS_INDEX;
use crate::tables::long_schema::SessionFact;

/// The columns of a scan. Indices are of `made`.
#[derive(Default)]
pub(crate) struct ScanColumns {
    pub(crate) made: Vec<ScanColumn>,
    pub(crate) given: Vec<usize>,
    /// Columns that name the region; empty unless regions were asked for.
    pub(crate) regions: Vec<usize>,
}

/// A column that a scan makes.
pub(crate) struct ScanColumn {
    pub(crate) field: Field,
    pub(crate) source: CellSource,
}

/// Where the cells of a column come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CellSource {
    /// The table's column with this index.
    Table(usize),
    /// What is known of the session now.
    Fact(SessionFact),
    /// The session's volume, for a table without volumes.
    Volume,
}

/// Checks that the table has the metrics asked for.
///
/// # Errors
/// [`StoreError::UnknownName`].
pub(crate) fn check_metrics(
    all: &Schema,
    kind: &TableKind,
    options: &ReadOptions,
    output: &Path,
) -> Result<(), StoreError> {
    let Some(metrics) = &options.metrics else { return Ok(()) };
    let written = written_columns(all).into_iter();
    let of_table = written.filter(|column| column.origin == ColumnOrigin::Table);
    let known: Vec<&str> =
        of_table.map(|column| column.written).filter(|name| kind.metric_kind(name).is_some()).collect();
    let is_known = |metric: &String| known.iter().any(|name| kind.word_of(name) == kind.word_of(metric));
    match metrics.iter().find(|metric| !is_known(metric)) {
        Some(wrong) => Err(unknown("metric", wrong, output, known)),
        None => Ok(()),
    }
}

impl ScanColumns {
    /// Chooses among all columns of a table. `facts` are those that are the same in all rows of a session.
    pub(crate) fn choose(
        all: &Schema,
        kind: &TableKind,
        facts: &[(usize, SessionFact)],
        options: &ReadOptions,
        adds_volumes: bool,
    ) -> Self {
        let mut columns = Self::default();
        let metrics: Option<HashSet<&str>> =
            options.metrics.as_ref().map(|metrics| metrics.iter().map(|name| kind.word_of(name)).collect());
        for (column, field) in written_columns(all).iter().zip(all.fields()) {
            if column.written.starts_with(PANDAS_INDEX) {
                continue;
            }
            let is_given = match column.origin {
                // The volume asked for takes the name.
                ColumnOrigin::Metadata => options.metadata && !(adds_volumes && column.written == TIV),
                ColumnOrigin::Store => true,
                ColumnOrigin::Table => is_wanted(column, kind, metrics.as_ref()),
            };
            let names_regions = options.regions.is_some()
                && column.origin == ColumnOrigin::Table
                && kind.region_key.labels.iter().any(|label| label == column.written);
            if names_regions {
                columns.regions.push(columns.made.len());
            }
            if is_given {
                columns.given.push(columns.made.len());
            }
            if is_given || names_regions {
                let fact = facts.iter().find(|(index, _)| *index == column.index);
                let source =
                    fact.map_or(CellSource::Table(column.index), |(_, fact)| CellSource::Fact(*fact));
                columns.made.push(ScanColumn { field: given_field(field, options), source });
            }
        }
        if adds_volumes {
            columns.given.push(columns.made.len());
            let field = double_field(TIV, Some(MeasurementUnit::Millilitre.as_str()));
            columns.made.push(ScanColumn { field, source: CellSource::Volume });
        }
        columns
    }

    pub(crate) fn made_schema(&self) -> SchemaRef {
        let fields = self.made.iter().map(|column| column.field.clone());
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    pub(crate) fn given_schema(&self) -> SchemaRef {
        let given = self.given.iter().filter_map(|index| self.made.get(*index));
        Arc::new(Schema::new(given.map(|column| column.field.clone()).collect::<Vec<_>>()))
    }
}

fn given_field(field: &Field, options: &ReadOptions) -> Field {
    match field.data_type() {
        DataType::Utf8 if options.text_as_views => field.clone().with_data_type(DataType::Utf8View),
        _ => field.clone(),
    }
}

/// Whether a column of the table's own files is read: a metric only if it was asked for.
fn is_wanted(column: &WrittenColumn<'_>, kind: &TableKind, metrics: Option<&HashSet<&str>>) -> bool {
    let is_asked_for = |metrics: &HashSet<&str>| metrics.contains(kind.word_of(column.written));
    metrics.is_none_or(|metrics| kind.metric_kind(column.written).is_none() || is_asked_for(metrics))
}

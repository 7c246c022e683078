//! The values of a feature: all of them, or as many as fit into memory.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use na_model::Session;
use na_model::columns::KEY_COLUMNS;
use na_store::{ReadOptions, StoreView};

use crate::cohort::sessions::Sessions;
use crate::error::ReportError;

/// Values of a feature, sessions × regions.
pub(crate) struct Matrix {
    /// The session of each row, in ascending order.
    pub(crate) sessions: Vec<usize>,
    pub(crate) regions: Vec<String>,
    /// The values of each region, a row a session. NaN where there is none, or none that is finite.
    columns: Vec<Float64Array>,
}

impl Matrix {
    /// Reads a feature, of some sessions and regions.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn read(
        view: &StoreView<'_>,
        feature: &str,
        options: ReadOptions,
        sessions: &Sessions,
    ) -> Result<Self, ReportError> {
        let batch = view.feature_batch(feature, &options.without_metadata())?;
        let rows = sessions.rows_of(&batch)?;
        let is_named = rows.iter().all(Option::is_some);
        let fields = batch.schema();
        let names = fields.fields().iter().map(|field| field.name());
        let of_regions = names.zip(batch.columns()).filter(|(name, _)| !KEY_COLUMNS.contains(&name.as_str()));
        let (regions, columns): (Vec<String>, Vec<&ArrayRef>) =
            of_regions.map(|(name, column)| (name.clone(), column)).unzip();
        let columns = columns.into_iter().map(doubles).collect::<Result<Vec<_>, _>>()?;
        let matrix = Self { sessions: rows.into_iter().flatten().collect(), regions, columns };
        if is_named { Ok(matrix) } else { Err(unnamed(&batch)) }
    }

    pub(crate) fn n_sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn n_regions(&self) -> usize {
        self.columns.len()
    }

    /// The values of a region.
    pub(crate) fn region(&self, region: usize) -> &[f64] {
        self.columns.get(region).map_or(&[], |column| column.values())
    }

    /// The mean of each session over the regions of which it has a value, NaN if it has none; and how many cells have none.
    pub(crate) fn means(&self) -> (Vec<f64>, usize) {
        let (mut sums, mut counts) = (vec![0.0; self.n_sessions()], vec![0_u32; self.n_sessions()]);
        for column in &self.columns {
            for ((sum, count), value) in sums.iter_mut().zip(&mut counts).zip(column.values()) {
                if value.is_finite() {
                    *sum += value;
                    *count += 1;
                }
            }
        }
        let n_values: usize = counts.iter().map(|count| *count as usize).sum();
        let means = sums.into_iter().zip(counts).map(|(sum, count)| sum / f64::from(count)).collect();
        (means, self.n_sessions() * self.n_regions() - n_values)
    }
}

fn doubles(column: &ArrayRef) -> Result<Float64Array, ReportError> {
    let column = cast(column, &DataType::Float64)?;
    let column = column.as_primitive::<Float64Type>();
    if column.null_count() == 0 && !column.values().iter().any(|value| value.is_infinite()) {
        return Ok(column.clone());
    }
    let values = column.iter().map(|value| value.filter(|value| value.is_finite()).unwrap_or(f64::NAN));
    Ok(values.collect::<Vec<f64>>().into())
}

/// Sessions are those that metadata and `sessions.tsv` name: a feature of others is of another state.
fn unnamed(batch: &RecordBatch) -> ReportError {
    ReportError::UnnamedSessions { n_rows: batch.num_rows() }
}

/// Options that choose sessions of the store by their numbers.
pub(crate) fn of_sessions(sessions: &Sessions, numbers: &[usize]) -> ReadOptions {
    let chosen: Vec<Session> = numbers.iter().filter_map(|index| sessions.get(*index).cloned()).collect();
    ReadOptions::default().sessions(chosen)
}

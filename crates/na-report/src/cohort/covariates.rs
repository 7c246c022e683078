//! Age and total intracranial volume of each session: what values are held against. No single one is ever shown.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use na_model::columns::{AGE, TIV};

use crate::cohort::sessions::Sessions;
use crate::error::ReportError;

/// Volumes that no head has, mL: below and above.
pub(crate) const PLAUSIBLE_TIV: (f64, f64) = (500.0, 3000.0);

/// No age is larger, years: what is beyond stands for something else.
pub(crate) const OLDEST: f64 = 130.0;

/// What is known of each session; NaN where nothing is.
#[derive(Debug)]
pub(crate) struct Covariates {
    /// In years those that a person can have.
    pub(crate) ages: Vec<f64>,
    /// The sessions of which the list was read: nothing is known of one that is not in the store.
    pub(crate) is_listed: Vec<bool>,
    /// Whether a list ever gave an age.
    pub(crate) has_ages: bool,
    /// Whether ages are in years, and not in a unit that nobody knows.
    pub(crate) in_years: bool,
    /// mL.
    pub(crate) volumes: Vec<f64>,
}

impl Covariates {
    pub(crate) fn of(
        metadata: &RecordBatch,
        volumes: &RecordBatch,
        sessions: &Sessions,
    ) -> Result<Self, ReportError> {
        let field = metadata.schema_ref().fields().iter().find(|field| field.name() == AGE);
        let unit = field.and_then(|field| field.metadata().get("unit"));
        let in_years = unit.is_none_or(|unit| unit != "unknown");
        let mut ages = numbers(metadata, AGE, sessions)?;
        for age in ages.iter_mut().filter(|age| in_years && !(0.0..OLDEST).contains(*age)) {
            *age = f64::NAN;
        }
        let mut is_listed = vec![false; sessions.len()];
        for session in sessions.rows_of(metadata)?.into_iter().flatten() {
            is_listed.get_mut(session).into_iter().for_each(|is_listed| *is_listed = true);
        }
        Ok(Self {
            ages,
            is_listed,
            has_ages: field.is_some(),
            in_years,
            volumes: numbers(volumes, TIV, sessions)?,
        })
    }

    /// The sessions of which the list says no age.
    pub(crate) fn without_age(&self) -> impl Iterator<Item = usize> {
        let ages = self.ages.iter().zip(&self.is_listed).enumerate();
        ages.filter(|(_, (age, is_listed))| age.is_nan() && **is_listed).map(|(session, _)| session)
    }

    /// The sessions whose volume no head has.
    pub(crate) fn implausible_volumes(&self) -> impl Iterator<Item = usize> {
        let (least, most) = PLAUSIBLE_TIV;
        let volumes = self.volumes.iter().enumerate();
        volumes.filter(move |(_, volume)| **volume < least || **volume > most).map(|(session, _)| session)
    }
}

/// A column of numbers, by session. Text that is no number is none.
fn numbers(batch: &RecordBatch, name: &str, sessions: &Sessions) -> Result<Vec<f64>, ReportError> {
    let mut of = vec![f64::NAN; sessions.len()];
    let Some(column) = batch.column_by_name(name) else { return Ok(of) };
    let column = cast(column, &DataType::Float64)?;
    let column = column.as_primitive::<Float64Type>();
    for (row, session) in sessions.rows_of(batch)?.into_iter().enumerate() {
        let value = session.filter(|_| column.is_valid(row)).and_then(|session| of.get_mut(session));
        value.into_iter().for_each(|value| *value = column.value(row));
    }
    Ok(of)
}

//! A column of a table while it is read: the narrowest type that holds its cells so far.
//!
//! Knows the column's name, which says for known statistics what the cells must be. Promises that no cell changes its
//! value: a column with any text is text as it was written. Begin with [`ColumnBuilder`].

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, NullArray,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use na_model::columns::{INDEX, REGION_TEXT_COLUMNS};
use na_model::{MetricKind, Number, is_missing, is_missing_text, metric_kind};

use crate::parse::bad_cell::expected_number;
use crate::parse::cell::{boolean, flag, index, unquoted};

/// Whole numbers of as many digits always fit into 64 bits.
const SURE_DIGITS: usize = 18;

/// What a column's name says its cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Number,
    Flag,
    Text,
    Index,
    Any,
}

#[derive(Debug)]
enum Cells {
    /// A number of nulls and nothing else.
    Nulls(usize),
    Flags(BooleanBuilder),
    Integers(Int64Builder),
    Doubles(Float64Builder),
    Words(StringBuilder),
    /// It turned out to be text: no cell is taken until the table is read again.
    Postponed,
}

/// A cell that its column cannot take.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// The column is text after all: it is [postponed](ColumnBuilder::postpone) and read again from its first row.
    Text,
    /// The name of the column promises something else.
    Expected(&'static str),
}

#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    pub(crate) name: String,
    rule: Rule,
    rows: usize,
    cells: Cells,
}

impl ColumnBuilder {
    /// A column with room for a number of rows.
    pub(crate) fn new(name: String, rows: usize) -> Self {
        let rule = match metric_kind(&name) {
            Some(MetricKind::Number) => Rule::Number,
            Some(MetricKind::Flag) => Rule::Flag,
            None if REGION_TEXT_COLUMNS.contains(&name.as_str()) => Rule::Text,
            None if name == INDEX => Rule::Index,
            None => Rule::Any,
        };
        let mut column = Self { name, rule, rows, cells: Cells::Nulls(0) };
        if rule == Rule::Text {
            column.begin_words();
        }
        column
    }

    /// A column of numbers, whatever it is called.
    pub(crate) fn of_numbers(name: String, rows: usize) -> Self {
        Self { name, rule: Rule::Number, rows, cells: Cells::Nulls(0) }
    }

    /// A column of text, whatever it is called.
    pub(crate) fn of_text(name: String, rows: usize) -> Self {
        let mut column = Self { name, rule: Rule::Text, rows, cells: Cells::Nulls(0) };
        column.begin_words();
        column
    }

    /// The fast path: takes the cell at the start of the bytes if it is of the column's current type, and returns the
    /// offset of its tab or newline. `None` leaves it to [`push`](Self::push).
    #[inline]
    pub(crate) fn take_usual(&mut self, rest: &[u8]) -> Option<usize> {
        match &mut self.cells {
            Cells::Doubles(builder) => {
                let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
                let end = end_of_cell(rest, length)?;
                if !value.is_finite() || !is_usual_double(rest.get(..length)?) {
                    return None;
                }
                builder.append_value(value);
                Some(end)
            }
            Cells::Integers(builder) => {
                let length = rest.iter().take(SURE_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
                let end = end_of_cell(rest, length)?;
                let digits = rest.get(..length)?;
                if !(1..=SURE_DIGITS).contains(&length) || (length > 1 && digits.starts_with(b"0")) {
                    return None;
                }
                builder.append_value(digits.iter().fold(0, |value, b| value * 10 + i64::from(b - b'0')));
                Some(end)
            }
            Cells::Flags(builder) => {
                let (value, length) = match rest {
                    [b'T', b'r', b'u', b'e', ..] => (true, 4),
                    [b'F', b'a', b'l', b's', b'e', ..] => (false, 5),
                    _ => return None,
                };
                let end = end_of_cell(rest, length)?;
                builder.append_value(value);
                Some(end)
            }
            Cells::Nulls(_) | Cells::Words(_) | Cells::Postponed => None,
        }
    }

    /// Takes any cell, and widens the column where it must.
    pub(crate) fn push(&mut self, cell: &str) -> Result<(), Misfit> {
        match &mut self.cells {
            Cells::Words(builder) => {
                let text = unquoted(cell);
                builder.append_option((!is_missing_text(&text)).then_some(text));
                return Ok(());
            }
            Cells::Postponed => return Ok(()),
            _ if is_missing(cell) => {
                self.push_null();
                return Ok(());
            }
            _ => {}
        }
        match self.rule {
            Rule::Number => {
                let number = Number::parse(cell).ok_or(Misfit::Expected(expected_number(cell)))?;
                self.push_number(number)
            }
            Rule::Index => {
                let index = index(cell).ok_or(Misfit::Expected("an integer or empty"))?;
                self.push_number(Number::Integer(index))
            }
            Rule::Flag => {
                let value = flag(cell).ok_or(Misfit::Expected("True, False, 1, 0 or empty"))?;
                self.push_flag(value)
            }
            Rule::Any | Rule::Text => match (boolean(cell), Number::parse(cell)) {
                (Some(value), _) => self.push_flag(value),
                (None, Some(number)) => self.push_number(number),
                (None, None) => Err(Misfit::Text),
            },
        }
    }

    /// Drops all cells, and takes none until [`begin_words`](Self::begin_words).
    pub(crate) fn postpone(&mut self) {
        self.cells = Cells::Postponed;
    }

    pub(crate) fn is_postponed(&self) -> bool {
        matches!(self.cells, Cells::Postponed)
    }

    /// Takes cells as text from now on, from the first row.
    pub(crate) fn begin_words(&mut self) {
        // Most words are short: a table of very many rows must not reserve room for long ones.
        self.cells = Cells::Words(StringBuilder::with_capacity(self.rows, (self.rows * 16).min(1 << 16)));
    }

    /// The cells as an Arrow array.
    pub(crate) fn finish(self) -> ArrayRef {
        match (self.cells, self.rule) {
            (Cells::Nulls(nulls), Rule::Number) => Arc::new(Float64Array::new_null(nulls)),
            (Cells::Nulls(nulls), Rule::Index) => Arc::new(Int64Array::new_null(nulls)),
            (Cells::Nulls(nulls), Rule::Flag) => Arc::new(flags_after(nulls, nulls).finish()),
            (Cells::Nulls(nulls), Rule::Any | Rule::Text) => Arc::new(NullArray::new(nulls)),
            (Cells::Postponed, _) => Arc::new(NullArray::new(0)),
            (Cells::Flags(mut builder), _) => Arc::new(builder.finish()),
            (Cells::Integers(mut builder), _) => Arc::new(builder.finish()),
            (Cells::Doubles(mut builder), _) => Arc::new(builder.finish()),
            (Cells::Words(mut builder), _) => Arc::new(builder.finish()),
        }
    }

    fn push_null(&mut self) {
        match &mut self.cells {
            Cells::Nulls(nulls) => *nulls += 1,
            Cells::Flags(builder) => builder.append_null(),
            Cells::Integers(builder) => builder.append_null(),
            Cells::Doubles(builder) => builder.append_null(),
            Cells::Words(builder) => builder.append_null(),
            Cells::Postponed => {}
        }
    }

    fn push_flag(&mut self, value: bool) -> Result<(), Misfit> {
        if let Cells::Nulls(nulls) = self.cells {
            self.cells = Cells::Flags(flags_after(nulls, self.rows));
        }
        match &mut self.cells {
            Cells::Flags(builder) => builder.append_value(value),
            _ => return Err(Misfit::Text),
        }
        Ok(())
    }

    fn push_number(&mut self, number: Number) -> Result<(), Misfit> {
        match (&mut self.cells, number) {
            (Cells::Doubles(builder), number) => builder.append_value(number.to_double()),
            (Cells::Integers(builder), Number::Integer(value)) => builder.append_value(value),
            (Cells::Integers(integers), Number::Double(value)) => {
                let mut builder = Float64Builder::with_capacity(self.rows);
                // The nearest double of an integer is the nearest double of its text.
                integers.finish().iter().for_each(|integer| {
                    builder.append_option(integer.map(|integer| Number::Integer(integer).to_double()));
                });
                builder.append_value(value);
                self.cells = Cells::Doubles(builder);
            }
            (Cells::Nulls(nulls), Number::Integer(value)) => {
                let mut builder = Int64Builder::with_capacity(self.rows);
                builder.append_nulls(*nulls);
                builder.append_value(value);
                self.cells = Cells::Integers(builder);
            }
            (Cells::Nulls(nulls), Number::Double(value)) => {
                let mut builder = Float64Builder::with_capacity(self.rows);
                builder.append_nulls(*nulls);
                builder.append_value(value);
                self.cells = Cells::Doubles(builder);
            }
            (Cells::Flags(_) | Cells::Words(_) | Cells::Postponed, _) => return Err(Misfit::Text),
        }
        Ok(())
    }
}

/// Whether a double's text is a number by the rule of [`Number::parse`]: no leading zeros, and if it is whole, few
/// enough digits for 64 bits.
#[inline]
fn is_usual_double(text: &[u8]) -> bool {
    let bare = match text {
        [b'+' | b'-', bare @ ..] | bare => bare,
    };
    !matches!(bare, [b'0', b'0'..=b'9', ..])
        && (bare.len() <= SURE_DIGITS || !bare.iter().all(u8::is_ascii_digit))
}

fn flags_after(nulls: usize, rows: usize) -> BooleanBuilder {
    let mut builder = BooleanBuilder::with_capacity(rows);
    builder.append_nulls(nulls);
    builder
}

#[inline]
fn end_of_cell(rest: &[u8], length: usize) -> Option<usize> {
    match rest.get(length)? {
        b'\t' | b'\n' => Some(length),
        b'\r' if rest.get(length + 1) == Some(&b'\n') => Some(length + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

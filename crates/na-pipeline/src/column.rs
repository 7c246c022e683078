//! A column of a table while it is read: the narrowest type that holds its cells so far.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Array, Float64Builder, Int64Array, Int64Builder, NullArray,
    StringBuilder,
};
use na_model::{StatisticKind, TEXT_REGION_COLUMNS, statistic_kind};

use crate::cell::{
    boolean, double, expected_number, flag, integer, is_null_number, is_null_text, is_plain_number, unquoted,
};

/// What a column's name says about its cells.
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
    /// So many nulls and nothing else.
    Nulls(usize),
    Flags(BooleanBuilder),
    Integers(Int64Builder),
    Doubles(Float64Builder),
    Words(StringBuilder),
}

/// A cell that its column cannot take.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// The column is of text after all: it must be read again from its first row.
    Text,
    /// The name of the column promises something else.
    Expected(&'static str),
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    rule: Rule,
    rows: usize,
    cells: Cells,
}

impl Column {
    /// A column for so many rows.
    pub(crate) fn new(name: String, rows: usize) -> Self {
        let rule = match statistic_kind(&name) {
            Some(StatisticKind::Number) => Rule::Number,
            Some(StatisticKind::Flag) => Rule::Flag,
            None if TEXT_REGION_COLUMNS.contains(&name.as_str()) => Rule::Text,
            None if name == "index" => Rule::Index,
            None => Rule::Any,
        };
        let mut column = Self { name, rule, rows, cells: Cells::Nulls(0) };
        if rule == Rule::Text {
            column.restart_as_words();
        }
        column
    }

    /// Takes the cell that starts the bytes if it is what the column holds already. Returns where its tab or newline
    /// is. Everything unusual is left to [`push`](Self::push).
    #[inline]
    pub(crate) fn take_usual(&mut self, rest: &[u8]) -> Option<usize> {
        match &mut self.cells {
            Cells::Doubles(builder) => {
                let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
                let end = end_of_cell(rest, length)?;
                if !value.is_finite() || (self.rule == Rule::Any && !is_plain_number(rest.get(..length)?)) {
                    return None;
                }
                builder.append_value(value);
                Some(end)
            }
            Cells::Integers(builder) => {
                let length = rest.iter().take(19).take_while(|b| b.is_ascii_digit()).count();
                let end = end_of_cell(rest, length)?;
                let digits = rest.get(..length)?;
                if !(1..=18).contains(&length)
                    || (self.rule == Rule::Any && length > 1 && digits.starts_with(b"0"))
                {
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
            Cells::Nulls(_) | Cells::Words(_) => None,
        }
    }

    /// Takes any cell, and widens the column where it must.
    pub(crate) fn push(&mut self, cell: &[u8]) -> Result<(), Misfit> {
        if let Cells::Words(builder) = &mut self.cells {
            let text = unquoted(cell);
            builder.append_option((!is_null_text(text.as_bytes())).then_some(text));
            return Ok(());
        }
        match self.rule {
            Rule::Index => self.push_index(cell),
            _ if is_null_number(cell) => {
                self.push_null();
                Ok(())
            }
            Rule::Number => self.push_number(cell).map_err(|()| Misfit::Expected(expected_number(cell))),
            Rule::Flag => match flag(cell) {
                Some(value) => self.push_flag(value).map_err(|()| Misfit::Text),
                None => Err(Misfit::Expected("True, False, 1, 0 or empty")),
            },
            Rule::Any | Rule::Text => match boolean(cell) {
                Some(value) => self.push_flag(value),
                None if is_plain_number(cell) => self.push_number(cell),
                None => Err(()),
            }
            .map_err(|()| Misfit::Text),
        }
    }

    /// Forgets all cells; from now on the column is of text.
    pub(crate) fn restart_as_words(&mut self) {
        self.cells = Cells::Words(StringBuilder::with_capacity(self.rows, self.rows * 16));
    }

    /// The cells as an Arrow array.
    pub(crate) fn finish(self) -> ArrayRef {
        match (self.cells, self.rule) {
            (Cells::Nulls(nulls), Rule::Number) => Arc::new(Float64Array::new_null(nulls)),
            (Cells::Nulls(nulls), Rule::Index) => Arc::new(Int64Array::new_null(nulls)),
            (Cells::Nulls(nulls), Rule::Flag) => Arc::new(flags_after(nulls, nulls).finish()),
            (Cells::Nulls(nulls), Rule::Any | Rule::Text) => Arc::new(NullArray::new(nulls)),
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
        }
    }

    fn push_flag(&mut self, value: bool) -> Result<(), ()> {
        if let Cells::Nulls(nulls) = self.cells {
            self.cells = Cells::Flags(flags_after(nulls, self.rows));
        }
        match &mut self.cells {
            Cells::Flags(builder) => builder.append_value(value),
            _ => return Err(()),
        }
        Ok(())
    }

    fn push_number(&mut self, cell: &[u8]) -> Result<(), ()> {
        if let (Cells::Nulls(_) | Cells::Integers(_), Some(value)) = (&self.cells, integer(cell)) {
            self.push_integer(value);
            return Ok(());
        }
        let value = double(cell).ok_or(())?;
        match &mut self.cells {
            Cells::Doubles(builder) => builder.append_value(value),
            Cells::Nulls(nulls) => {
                let mut builder = Float64Builder::with_capacity(self.rows);
                builder.append_nulls(*nulls);
                builder.append_value(value);
                self.cells = Cells::Doubles(builder);
            }
            Cells::Integers(integers) => {
                let mut builder = Float64Builder::with_capacity(self.rows);
                // The nearest double of an integer is the nearest double of its text.
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "rounds to nearest, as reading the text does"
                )]
                integers.finish().iter().for_each(|value| builder.append_option(value.map(|v| v as f64)));
                builder.append_value(value);
                self.cells = Cells::Doubles(builder);
            }
            Cells::Flags(_) | Cells::Words(_) => return Err(()),
        }
        Ok(())
    }

    fn push_integer(&mut self, value: i64) {
        if let Cells::Nulls(nulls) = self.cells {
            let mut builder = Int64Builder::with_capacity(self.rows);
            builder.append_nulls(nulls);
            self.cells = Cells::Integers(builder);
        }
        if let Cells::Integers(builder) = &mut self.cells {
            builder.append_value(value);
        }
    }

    fn push_index(&mut self, cell: &[u8]) -> Result<(), Misfit> {
        let whole = match cell.iter().position(|b| *b == b'.') {
            Some(point) if cell.iter().skip(point + 1).all(|b| *b == b'0') => cell.get(..point),
            _ => Some(cell),
        };
        let value = whole.and_then(integer).ok_or(Misfit::Expected("an integer"))?;
        self.push_integer(value);
        Ok(())
    }
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

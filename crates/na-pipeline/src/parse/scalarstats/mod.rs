//! A table that QSIRecon itself writes, `*_seg-ATLAS_scalarstats.tsv`: for each region ("node") a row a map ("scalar"), and a row of how much of
//! it was scanned.
//!
//! Knows one file. Promises for each map a row a region, and no map that the rows of the first region have not; or an error with line and
//! column. Begin with [`parse_scalarstats`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use foldhash::{HashMap, HashSet};
use memchr::{memchr, memchr_iter};
use na_model::columns::LABEL;
use na_model::{Number, is_missing, is_missing_text};

use crate::files::pointer::check_content;
use crate::parse::bad_cell::{bad_cell, expected_number};
use crate::parse::cell::unquoted;
use crate::parse::column_builder::{ColumnBuilder, Misfit};
use crate::parse::parsed_table::{ParsedTable, Remark};
use crate::parse::regional_tsv::{column_names, header_and_body};
use crate::parse::text::without_bom;
use crate::unit_error::{UnitError, shorten};

/// The statistics of a node, of one map.
pub const STATISTICS: [&str; 3] = ["mean", "stdev", "median"];

const NODE: &str = "node";
const SCALAR: &str = "scalar";
const SUFFIX: &str = "qsirecon_suffix";

/// Maps of one table: a workflow computes some ten, and each is looked for in all rows.
const MOST_MAPS: usize = 256;

/// Rows between two checks whether to stop.
const ROWS_BETWEEN_CHECKS: usize = 1 << 12;

/// The maps of a table, in its order: those of its first node, whose rows stand at the file's beginning. `None` if they go on behind the bytes
/// that are given, of a file that `is_whole` says is longer.
///
/// # Errors
/// Bytes that are no such table, with line and what was expected; more maps than any workflow has.
pub fn maps_of(path: &Path, bytes: &[u8], is_whole: bool) -> Result<Option<Vec<String>>, UnitError> {
    let mut lines = memchr_iter(b'\n', bytes);
    let (header, last) = (lines.next(), lines.next_back());
    let bytes = match (header, last) {
        _ if is_whole => bytes,
        (Some(_), Some(last)) => bytes.get(..=last).unwrap_or(bytes),
        _ => return Ok(None),
    };
    check_content(path, bytes)?;
    let table = Scalarstats::read(path, bytes)?;
    let mut maps = Vec::new();
    let mut seen = HashSet::default();
    let mut first_node = None;
    let mut rows = table.rows();
    while let Some(row) = rows.next()? {
        if *first_node.get_or_insert(row.node) != row.node {
            return Ok(Some(maps));
        }
        let map = unquoted(row.scalar);
        if seen.insert(map.clone()) {
            maps.push(map.into_owned());
        }
        if maps.len() > MOST_MAPS {
            let found = format!("more than {MOST_MAPS} maps of the first node");
            return Err(UnitError::line(path, row.line, found, "some ten, as a workflow of QSIRecon has"));
        }
    }
    Ok(is_whole.then_some(maps))
}

/// Parses maps of a table, in their order: for each a row a node, with its name as `label`, then the statistics. `suffix` is the workflow that the
/// table lies under.
///
/// Two maps that have one name are one to QSIRecon: it writes the values of the last of them for each. Of such rows one is
/// kept, with a remark.
///
/// ```
/// use std::path::Path;
///
/// use na_pipeline::parse::scalarstats::{maps_of, parse_scalarstats};
///
/// let text = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\n\
///             LH_Vis_1\tod\tNODDI\t0.481\t0.069\t0.467\nLH_Vis_1\tcoverage\tNODDI\t1.0\tn/a\tn/a\n";
/// let path = Path::new("sub-1_seg-4S156Parcels_scalarstats.tsv");
/// let maps = maps_of(path, text.as_bytes(), true)?.unwrap_or_default();
/// assert_eq!(maps, ["od", "coverage"]);
/// let tables = parse_scalarstats(path, text.as_bytes(), "NODDI", &["od", "coverage"], &|| false)?;
/// assert_eq!((tables[0].batch.num_rows(), tables[0].batch.num_columns()), (1, 4));
/// # Ok::<(), na_pipeline::UnitError>(())
/// ```
///
/// # Errors
/// Bytes that are no such table, with line and column; rows of another workflow; a node with two values for one map, or with another
/// map than the first; [`UnitError::Stopped`] if `should_stop` says so.
pub fn parse_scalarstats(
    path: &Path,
    bytes: &[u8],
    suffix: &str,
    maps: &[&str],
    should_stop: &dyn Fn() -> bool,
) -> Result<Vec<ParsedTable>, UnitError> {
    check_content(path, bytes)?;
    let table = Scalarstats::read(path, bytes)?;
    // As many nodes for each map: this bounds what is reserved.
    let n_nodes = memchr_iter(b'\n', table.body.as_bytes()).count() / maps.len().max(1) + 1;
    let mut of_maps: Vec<MapRows<'_>> =
        maps.iter().map(|map| MapRows::new(map, table.columns(n_nodes))).collect();
    let places: HashMap<&str, usize> = maps.iter().enumerate().map(|(place, map)| (*map, place)).collect();
    let mut first_node = FirstNode::default();
    let mut rows = table.rows();
    while let Some(row) = rows.next()? {
        if row.line % ROWS_BETWEEN_CHECKS == 0 && should_stop() {
            return Err(UnitError::Stopped);
        }
        first_node.check(path, &row)?;
        if unquoted(row.suffix) != suffix {
            let expected = format!("{suffix}, as the folder qsirecon-{suffix} says: move it to its workflow");
            let found = shorten(row.suffix.as_bytes());
            return Err(UnitError::line(path, row.line, format!("{SUFFIX} {found}"), expected));
        }
        let place = places.get(unquoted(row.scalar).as_ref());
        if let Some(of_map) = place.and_then(|place| of_maps.get_mut(*place)) {
            of_map.add(&table, row, &rows.cells)?;
        }
    }
    of_maps.into_iter().map(|of_map| of_map.finish(path)).collect()
}

/// The rows of one map while they are read.
struct MapRows<'a> {
    map: &'a str,
    columns: Vec<KeptColumn>,
    /// By node.
    first_rows: HashMap<&'a str, Row<'a>>,
    remark: Option<Remark>,
}

impl<'a> MapRows<'a> {
    fn new(map: &'a str, columns: Vec<KeptColumn>) -> Self {
        Self { map, columns, first_rows: HashMap::default(), remark: None }
    }

    fn add(&mut self, table: &Scalarstats<'a>, row: Row<'a>, cells: &[&str]) -> Result<(), UnitError> {
        match self.first_rows.get(row.node) {
            None => {
                table.push(&row, cells, &mut self.columns)?;
                self.first_rows.insert(row.node, row);
            }
            Some(first) if first.is_equal(&row) => {
                self.remark.get_or_insert_with(|| Remark {
                    what: "rows of one node and one map twice",
                    example: format!("{} of {}", shorten(self.map.as_bytes()), table.path.display()),
                    advice: "QSIRecon cannot tell maps of one name apart: the values are of the last of them",
                });
            }
            Some(first) => return Err(contradiction(table.path, first, &row)),
        }
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<ParsedTable, UnitError> {
        if self.first_rows.is_empty() {
            let found = format!("no rows of {}", shorten(self.map.as_bytes()));
            return Err(UnitError::form(path, found, "the maps that it had a moment ago: run again"));
        }
        let (fields, arrays): (Vec<Field>, Vec<_>) = self
            .columns
            .into_iter()
            .map(|column| {
                let name = column.builder.name.clone();
                let array = column.builder.finish();
                (Field::new(name, array.data_type().clone(), true), array)
            })
            .unzip();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| UnitError::form(path, error.to_string(), "columns of one length"))?;
        Ok(ParsedTable { remarks: self.remark.into_iter().collect(), ..ParsedTable::new(batch) })
    }
}

/// A table as text, and where its columns are.
struct Scalarstats<'a> {
    path: &'a Path,
    names: Vec<String>,
    body: &'a str,
    node: usize,
    scalar: usize,
    suffix: usize,
}

/// A column of the store's table, and the cell that it is made of.
struct KeptColumn {
    cell: usize,
    builder: ColumnBuilder,
}

/// The lines of a table, one after the other.
struct Rows<'t, 'a> {
    table: &'t Scalarstats<'a>,
    /// The lines that follow.
    rest: &'a str,
    /// From 1; the header is line 1.
    line: usize,
    /// The cells of the last line.
    cells: Vec<&'a str>,
}

/// A line of a table.
struct Row<'a> {
    /// From 1; the header is line 1.
    line: usize,
    text: &'a str,
    node: &'a str,
    scalar: &'a str,
    suffix: &'a str,
}

impl<'a> Scalarstats<'a> {
    fn read(path: &'a Path, bytes: &'a [u8]) -> Result<Self, UnitError> {
        let (header, body) = header_and_body(path, without_bom(bytes))?;
        let names = column_names(path, header)?;
        let at = |name: &str| names.iter().position(|column| column == name);
        let has_statistics = STATISTICS.iter().all(|name| at(name).is_some());
        match (at(NODE), at(SCALAR), at(SUFFIX)) {
            (Some(node), Some(scalar), Some(suffix)) if has_statistics => {
                Ok(Self { path, names, body, node, scalar, suffix })
            }
            _ => {
                let tabs = if names.len() == 1 { " (without tabs)" } else { "" };
                let found = format!("the columns {}{tabs}", shorten(names.join(", ").as_bytes()));
                let expected = "node, scalar, qsirecon_suffix, mean, stdev and median, between tabs";
                Err(UnitError::line(path, 1, found, expected))
            }
        }
    }

    fn rows(&self) -> Rows<'_, 'a> {
        Rows { table: self, rest: self.body, line: 1, cells: Vec::with_capacity(self.names.len()) }
    }

    /// The columns that the store keeps: the map and the workflow are columns that it adds.
    fn columns(&self, rows: usize) -> Vec<KeptColumn> {
        let named = self.names.iter().enumerate();
        let kept = named.filter(|(cell, _)| *cell != self.scalar && *cell != self.suffix);
        let column = |(cell, name): (usize, &String)| {
            let builder = match name.as_str() {
                NODE => ColumnBuilder::new(LABEL.to_owned(), rows),
                name if STATISTICS.contains(&name) => ColumnBuilder::of_numbers(name.to_owned(), rows),
                name => ColumnBuilder::of_text(name.to_owned(), rows),
            };
            KeptColumn { cell, builder }
        };
        kept.map(column).collect()
    }

    fn push(&self, row: &Row<'_>, cells: &[&str], columns: &mut [KeptColumn]) -> Result<(), UnitError> {
        for KeptColumn { cell, builder } in columns {
            let text = cells.get(*cell).copied().unwrap_or_default();
            builder.push(text).map_err(|misfit| {
                let expected = match misfit {
                    Misfit::Expected(expected) => expected,
                    Misfit::Text => expected_number(text),
                };
                bad_cell(self.path, row.line, &builder.name, text, expected)
            })?;
        }
        Ok(())
    }
}

impl<'a> Rows<'_, 'a> {
    /// The next line; `None` behind the last.
    fn next(&mut self) -> Result<Option<Row<'a>>, UnitError> {
        let Some(end) = memchr(b'\n', self.rest.as_bytes()) else { return Ok(None) };
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        self.line += 1;
        let text = text.strip_suffix('\r').unwrap_or(text);
        self.cells.clear();
        let mut begin = 0;
        for tab in memchr_iter(b'\t', text.as_bytes()) {
            self.cells.extend(text.get(begin..tab));
            begin = tab + 1;
        }
        self.cells.extend(text.get(begin..));
        let Scalarstats { path, names, .. } = self.table;
        if self.cells.len() != names.len() {
            let expected =
                format!("{} as in the header; the file may be cut: copy or write it again", names.len());
            let found = format!("{} cells", self.cells.len());
            return Err(UnitError::line(path, self.line, found, expected));
        }
        let cell = |place: usize| self.cells.get(place).copied().unwrap_or_default();
        let [node, scalar, suffix] = [self.table.node, self.table.scalar, self.table.suffix].map(cell);
        for (cell, column) in [(node, NODE), (scalar, SCALAR)] {
            if is_missing_text(&unquoted(cell)) {
                return Err(bad_cell(path, self.line, column, cell, "a name"));
            }
        }
        Ok(Some(Row { line: self.line, text, node, scalar, suffix }))
    }
}

impl Row<'_> {
    /// Whether two rows say the same, however they write it.
    fn is_equal(&self, other: &Self) -> bool {
        let value = |cell: &str| Number::parse(cell).map(Number::to_double);
        let is_same = |(one, other): (&str, &str)| {
            let has_no_value = is_missing(one) && is_missing(other);
            one == other || has_no_value || value(one).is_some_and(|one| value(other) == Some(one))
        };
        self.text.split('\t').zip(other.text.split('\t')).all(is_same)
    }
}

/// The maps that the first node has at the beginning of the file: all others have the same, or somebody would not know of them.
#[derive(Default)]
struct FirstNode<'a> {
    node: Option<&'a str>,
    maps: HashSet<&'a str>,
    has_ended: bool,
}

impl<'a> FirstNode<'a> {
    fn check(&mut self, path: &Path, row: &Row<'a>) -> Result<(), UnitError> {
        let first = *self.node.get_or_insert(row.node);
        self.has_ended |= first != row.node;
        if !self.has_ended {
            self.maps.insert(row.scalar);
        } else if !self.maps.contains(row.scalar) {
            let (map, first) = (shorten(row.scalar.as_bytes()), shorten(first.as_bytes()));
            let found = format!("the map {map}, which the rows of {first} at the beginning have not");
            let expected = "the same maps of each node, and a node's rows together, as QSIRecon writes them";
            return Err(UnitError::line(path, row.line, found, expected));
        }
        Ok(())
    }
}

#[cold]
fn contradiction(path: &Path, first: &Row<'_>, second: &Row<'_>) -> UnitError {
    let (map, node) = (shorten(second.scalar.as_bytes()), shorten(second.node.as_bytes()));
    let found = format!("another row of {map} of {node} than line {}, with other values", first.line);
    UnitError::line(path, second.line, found, "one value a node and map: run QSIRecon again")
}

#[cfg(test)]
mod tests;

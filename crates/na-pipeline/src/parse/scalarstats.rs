//! A table that QSIRecon itself writes, `*_seg-ATLAS_scalarstats.tsv`: for each region ("node") a row a map ("scalar"), and a row of how much of
//! it was scanned. Begin with [`parse_scalarstats`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use foldhash::{HashMap, HashSet};
use memchr::memchr_iter;
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
    for row in table.rows() {
        let row = row?;
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
    let mut of_maps: Vec<MapRows<'_>> = maps.iter().map(|map| MapRows::new(map, table.columns())).collect();
    let places: HashMap<&str, usize> = maps.iter().enumerate().map(|(place, map)| (*map, place)).collect();
    let mut first_node = FirstNode::default();
    for (index, row) in table.rows().enumerate() {
        if index % ROWS_BETWEEN_CHECKS == 0 && should_stop() {
            return Err(UnitError::Stopped);
        }
        let row = row?;
        first_node.check(path, &row)?;
        if unquoted(row.suffix) != suffix {
            let expected = format!("{suffix}, as the folder qsirecon-{suffix} says: move it to its workflow");
            let found = shorten(row.suffix.as_bytes());
            return Err(UnitError::line(path, row.line, format!("{SUFFIX} {found}"), expected));
        }
        let place = places.get(unquoted(row.scalar).as_ref());
        if let Some(of_map) = place.and_then(|place| of_maps.get_mut(*place)) {
            of_map.add(&table, row)?;
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

    fn add(&mut self, table: &Scalarstats<'a>, row: Row<'a>) -> Result<(), UnitError> {
        match self.first_rows.get(row.node) {
            None => {
                table.push(&row, &mut self.columns)?;
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

    fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, UnitError>> {
        self.body.lines().enumerate().map(|(index, text)| self.row(index + 2, text))
    }

    fn row(&self, line: usize, text: &'a str) -> Result<Row<'a>, UnitError> {
        let n_cells = memchr_iter(b'\t', text.as_bytes()).count() + 1;
        if n_cells != self.names.len() {
            let expected =
                format!("{} as in the header; the file may be cut: copy or write it again", self.names.len());
            return Err(UnitError::line(self.path, line, format!("{n_cells} cells"), expected));
        }
        let mut row = Row { line, text, node: "", scalar: "", suffix: "" };
        for (index, cell) in text.split('\t').enumerate() {
            match index {
                _ if index == self.node => row.node = cell,
                _ if index == self.scalar => row.scalar = cell,
                _ if index == self.suffix => row.suffix = cell,
                _ => {}
            }
        }
        for (cell, column) in [(row.node, NODE), (row.scalar, SCALAR)] {
            if is_missing_text(&unquoted(cell)) {
                return Err(bad_cell(self.path, line, column, cell, "a name"));
            }
        }
        Ok(row)
    }

    /// The columns that the store keeps: the map and the workflow are columns that it adds.
    fn columns(&self) -> Vec<KeptColumn> {
        let named = self.names.iter().enumerate();
        let kept = named.filter(|(cell, _)| *cell != self.scalar && *cell != self.suffix);
        let column = |(cell, name): (usize, &String)| {
            let builder = match name.as_str() {
                NODE => ColumnBuilder::new(LABEL.to_owned(), 0),
                name if STATISTICS.contains(&name) => ColumnBuilder::of_numbers(name.to_owned(), 0),
                name => ColumnBuilder::of_text(name.to_owned(), 0),
            };
            KeptColumn { cell, builder }
        };
        kept.map(column).collect()
    }

    fn push(&self, row: &Row<'_>, columns: &mut [KeptColumn]) -> Result<(), UnitError> {
        for KeptColumn { cell, builder } in columns {
            let text = row.text.split('\t').nth(*cell).unwrap_or_default();
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
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use arrow_array::{Array, RecordBatch};

    use super::*;

    const HEADER: &str = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\n";

    fn path() -> &'static Path {
        Path::new("sub-1_seg-A_scalarstats.tsv")
    }

    fn parsed(rows: &str, map: &str) -> Result<ParsedTable, String> {
        let text = format!("{HEADER}{rows}");
        parse_scalarstats(path(), text.as_bytes(), "W", &[map], &|| false)
            .map(|mut tables| tables.remove(0))
            .map_err(|error| error.to_string())
    }

    fn means(batch: &RecordBatch) -> Vec<Option<f64>> {
        batch["mean"].as_primitive::<Float64Type>().iter().collect()
    }

    #[test]
    fn a_map_has_a_row_a_node_and_what_has_no_value_is_null() {
        let rows = "a\tod\tW\t0.5\t0.25\t1\na\tcoverage\tW\t1.0\tn/a\tn/a\nb\tod\tW\tn/a\tn/a\tn/a\nb\tcoverage\tW\t0.5\tn/a\tn/a\n";
        let od = parsed(rows, "od").unwrap();
        let names: Vec<String> =
            od.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["label", "mean", "stdev", "median"]);
        assert_eq!((means(&od.batch), od.remarks.len()), (vec![Some(0.5), None], 0));
        let coverage = parsed(rows, "coverage").unwrap().batch;
        assert_eq!(means(&coverage), [Some(1.0), Some(0.5)]);
        assert_eq!(coverage["stdev"].null_count(), 2);
        let text = format!("{HEADER}{rows}");
        assert_eq!(maps_of(path(), text.as_bytes(), true).unwrap().unwrap(), ["od", "coverage"]);
        let (all, both) = (["coverage", "od"], text.as_bytes());
        let together = parse_scalarstats(path(), both, "W", &all, &|| false).unwrap();
        assert_eq!((&together[0].batch, &together[1].batch), (&coverage, &od.batch));
        let of_windows = format!("\u{feff}{HEADER}{rows}").replace('\n', "\r\n");
        let same = parse_scalarstats(path(), of_windows.as_bytes(), "W", &["od"], &|| false).unwrap();
        assert_eq!(same[0].batch, od.batch);
    }

    #[test]
    fn columns_stand_in_any_order_and_further_ones_are_kept() {
        let text = "mean\tscalar\tnode\tmedian\tstdev\tqsirecon_suffix\tnote\n0.5\tod\ta\t1\t0.25\tW\t7\n";
        let table = &parse_scalarstats(path(), text.as_bytes(), "W", &["od"], &|| false).unwrap()[0].batch;
        let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["mean", "label", "median", "stdev", "note"]);
        assert_eq!(table["note"].as_string::<i32>().value(0), "7");
    }

    #[test]
    fn rows_that_say_the_same_twice_are_one_and_others_are_refused() {
        let twice = parsed("a\tod\tW\t0.5\t0.25\tn/a\na\tod\tW\t0.50\t0.25\t\n", "od").unwrap();
        assert_eq!((twice.batch.num_rows(), twice.remarks.len()), (1, 1));
        let other = parsed("a\tod\tW\t0.5\t0.25\t1\na\tod\tW\t0.6\t0.25\t1\n", "od").unwrap_err();
        assert!(other.contains("line 3") && other.contains("line 2") && other.contains("od of a"), "{other}");
        let lost = parsed("a\tod\tW\t0.5\t0.25\t1\na\tod\tW\tn/a\t0.25\t1\n", "od").unwrap_err();
        assert!(lost.contains("other values"), "{lost}");
    }

    #[test]
    fn what_is_no_such_table_is_refused_with_its_line() {
        for (rows, says) in [
            ("a\tod\tV\t0.5\t0.25\t1\n", "line 2: found qsirecon_suffix V"),
            ("a\tod\tw\t0.5\t0.25\t1\n", "found qsirecon_suffix w"),
            ("a\tod\tW\t0.5\t0.25\n", "line 2: found 5 cells"),
            ("a\tod\tW\t0.5\t0.25\t1\nb\tod\tW\t0,5\t0.25\t1\n", "line 3, column mean"),
            ("\tod\tW\t0.5\t0.25\t1\n", "line 2, column node"),
            ("a\tn/a\tW\t0.5\t0.25\t1\n", "line 2, column scalar"),
            ("a\tod\tW\t0.5\t0.25\t1\nb\tfa\tW\t0.5\t0.25\t1\n", "line 3: found the map fa"),
            (
                "a\tod\tW\t1\t1\t1\nb\tod\tW\t1\t1\t1\na\tfa\tW\t1\t1\t1\nb\tfa\tW\t1\t1\t1\n",
                "line 4: found the map fa",
            ),
            ("a\tod\tW\t0.5\t0.25\t1", "a last line that has no end"),
            ("a\tfa\tW\t0.5\t0.25\t1\n", "no rows of od"),
            ("", "a header and no rows"),
        ] {
            let error = parsed(rows, "od").unwrap_err();
            assert!(error.contains(says) && error.contains("scalarstats.tsv"), "{error}");
        }
        let lacking = HEADER.replace("stdev", "std") + "a\tod\tW\t0.5\t0.25\t1\n";
        let error = maps_of(path(), lacking.as_bytes(), true).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("stdev"), "{error}");
        let many: String = (0..300).map(|n| format!("a\tm{n}\tW\t1\t1\t1\n")).collect();
        let error = maps_of(path(), format!("{HEADER}{many}").as_bytes(), true).unwrap_err().to_string();
        assert!(error.contains("more than 256 maps"), "{error}");
    }

    #[test]
    fn maps_are_known_once_the_first_node_has_ended() {
        let rows = "a\tod\tW\t1\t1\t1\na\tfa\tW\t1\t1\t1\nb\tod\tW\t1\t1\t1\nb\tfa\tW\t1\t1\t1\n";
        let text = format!("{HEADER}{rows}");
        let second_node = text.find("b\t").unwrap() + "b\tod\tW\t1\t1\t1\n".len();
        for end in 0..text.len() {
            let maps = maps_of(path(), &text.as_bytes()[..end], false).unwrap();
            assert_eq!(maps.map(|maps| maps.len()), (end >= second_node).then_some(2), "{end}");
        }
    }
}

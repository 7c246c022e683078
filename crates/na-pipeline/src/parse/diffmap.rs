//! A table of QSIParc, `*_diffmap.tsv`: a map of QSIRecon by region. Read as `parcellate`'s, whose columns most of it has.

use std::borrow::Cow;
use std::path::Path;

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Float64Type};
use arrow_schema::DataType;
use foldhash::HashSet;
use na_model::BidsName;
use na_model::columns::{INDEX, LABEL};

use crate::parse::parsed_table::{ParsedTable, Remark};
use crate::parse::regional_tsv::parse_table_unless;
use crate::unit_error::{UnitError, shorten};

/// The column with the map's name, in any spelling.
pub const SCALAR: &str = "scalar";

/// What QSIParc's documents call the columns that its program calls otherwise.
const RENAMED: [(&str, &str); 2] = [("region_index", INDEX), ("region_name", LABEL)];

/// The decimals that QSIParc writes: a value below a thousandth keeps three digits at most.
const COARSE: f64 = 1e-3;

/// Parses a table of QSIParc.
///
/// ```
/// use std::path::Path;
///
/// use na_pipeline::parse::diffmap::parse_diffmap;
///
/// let text = "region_index\tregion_name\tscalar\tmean\n1\tleft\tFA\t0.412000\n";
/// let table = parse_diffmap(Path::new("sub-1_param-fa_diffmap.tsv"), text.as_bytes(), &|| false)?;
/// let names: Vec<String> = table.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
/// assert_eq!(names, ["index", "label", "scalar", "mean"]);
/// # Ok::<(), na_pipeline::UnitError>(())
/// ```
///
/// # Errors
/// Bytes that are no such table, with line and column; several maps in one file; [`UnitError::Stopped`] if `should_stop` says so.
pub fn parse_diffmap(
    path: &Path,
    bytes: &[u8],
    should_stop: &dyn Fn() -> bool,
) -> Result<ParsedTable, UnitError> {
    let mut parsed = parse_table_unless(path, &renamed(bytes), should_stop)?;
    if parsed.batch.column_by_name(INDEX).is_none() {
        let expected = "a column index or region_index, between tabs";
        return Err(UnitError::line(path, 1, "no column of the regions' numbers", expected));
    }
    let map = one_map(path, &parsed.batch)?;
    parsed.remarks.extend(map.and_then(|map| other_map(path, map)));
    parsed.remarks.extend(coarse(path, &parsed.batch));
    Ok(parsed)
}

/// The map's name in the first row of a table. `None` if there is no such column.
#[must_use]
pub fn scalar_of(header: &str, first_row: &str) -> Option<String> {
    let place = header.split('\t').position(|name| name.trim() == SCALAR)?;
    let cell = first_row.split('\t').nth(place)?.trim();
    (!cell.is_empty()).then(|| cell.to_owned())
}

/// The bytes with the header that QSIParc's program writes.
fn renamed(bytes: &[u8]) -> Cow<'_, [u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, rows) = bytes.split_at(end);
    let Ok(header) = std::str::from_utf8(header) else { return bytes.into() };
    let renames = |name: &str| {
        let name = name.trim_start_matches('\u{feff}').trim_end();
        RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
    };
    if !header.split('\t').any(|name| renames(name).is_some()) {
        return bytes.into();
    }
    let names: Vec<&str> = header.split('\t').map(|name| renames(name).unwrap_or(name)).collect();
    [names.join("\t").as_bytes(), rows].concat().into()
}

/// The map that all rows name. `None` if they name none.
fn one_map<'b>(path: &Path, batch: &'b RecordBatch) -> Result<Option<&'b str>, UnitError> {
    let column = batch.column_by_name(SCALAR).and_then(|column| column.as_string_opt::<i32>());
    let maps: HashSet<&str> = column.into_iter().flatten().flatten().collect();
    if maps.len() < 2 {
        return Ok(maps.into_iter().next());
    }
    let mut maps: Vec<String> = maps.into_iter().map(|map| shorten(map.as_bytes())).collect();
    maps.sort_unstable();
    maps.truncate(3);
    let found = format!("the column {SCALAR} with {}", maps.join(" and "));
    Err(UnitError::form(path, found, "one map a file: write a file for each"))
}

/// What to say of a map that the file's name calls otherwise: one of the two is wrong. Spellings, `ad-x` and `AD_x`, are one.
fn other_map(path: &Path, map: &str) -> Option<Remark> {
    let name = path.file_name()?.to_str()?;
    let named = BidsName::parse(name).entity("param")?.to_owned();
    let spelled = |word: &str| -> String {
        word.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (of_name, of_rows) = (spelled(&named), spelled(map));
    // A name may leave out what the rows have in front of it, as in `NODDI_icvf`.
    let is_other = !of_rows.is_empty() && !of_rows.ends_with(&of_name) && !of_name.ends_with(&of_rows);
    is_other.then(|| Remark {
        what: "tables whose rows are of another map than their names say",
        example: format!("{} of {}", shorten(map.as_bytes()), path.display()),
        advice: "they are loaded as their names say: look at these files",
    })
}

/// What to say of statistics that are so small that the decimals of the file leave few digits of them, or none.
fn coarse(path: &Path, batch: &RecordBatch) -> Option<Remark> {
    let is_coarse = |column: &dyn Array| {
        let values = column.as_primitive::<Float64Type>();
        values.null_count() < values.len() && values.iter().flatten().all(|value| value.abs() < COARSE)
    };
    let schema = batch.schema_ref();
    let of_doubles = schema.fields().iter().zip(batch.columns());
    let mut of_doubles = of_doubles.filter(|(field, _)| *field.data_type() == DataType::Float64);
    let (field, _) = of_doubles.find(|(_, column)| is_coarse(column))?;
    Some(Remark {
        what: "statistics of which their files keep three digits or fewer",
        example: format!("{} of {}", field.name(), path.display()),
        advice: "QSIParc writes six decimals: small values are rounded, or 0",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ParsedTable, String> {
        parse_diffmap(Path::new("x_diffmap.tsv"), text.as_bytes(), &|| false)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_are_one_and_a_header_without_numbers_of_regions_is_refused() {
        let own = parsed("index\tlabel\themisphere\tmean\tscalar\n1\ta\tL\t0.5\tFA\n").unwrap();
        let documented =
            parsed("region_index\tregion_name\themisphere\tmean\tscalar\r\n1\ta\tL\t0.5\tFA\r\n").unwrap();
        assert_eq!(own.batch, documented.batch);
        let marked =
            parsed("\u{feff}region_index\tregion_name\themisphere\tmean\tscalar\n1\ta\tL\t0.5\tFA\n")
                .unwrap();
        assert_eq!(own.batch, marked.batch);
        assert_eq!(own.remarks, []);
        let error = parsed("label\tmean\na\t0.5\n").unwrap_err();
        assert!(error.contains("line 1") && error.contains("region_index"), "{error}");
        assert!(parsed("index\tlabel\tmean\n1\ta\tx\n").unwrap_err().contains("column mean"));
        assert!(parsed("index\tlabel\tmean\n1\ta\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn a_file_has_one_map() {
        let error = parsed("index\tlabel\tmean\tscalar\n1\ta\t0.5\tFA\n2\tb\t0.5\tMD\n").unwrap_err();
        assert!(error.contains("scalar with FA and MD"), "{error}");
        assert_eq!(scalar_of("index\tscalar\tmean", "1\ticvf\t0.5"), Some("icvf".to_owned()));
        assert_eq!(scalar_of("index\tmean", "1\t0.5"), None);
    }

    #[test]
    fn a_map_that_the_name_calls_otherwise_is_told() {
        let told = |param: &str, scalar: &str| {
            let text = format!("index\tlabel\tmean\tscalar\n1\ta\t0.5\t{scalar}\n");
            let path = format!("sub-1_param-{param}_diffmap.tsv");
            parse_diffmap(Path::new(&path), text.as_bytes(), &|| false).unwrap().remarks.len()
        };
        for (param, scalar) in [("fa", "FA"), ("icvf", "NODDI_icvf"), ("fa", ""), ("md", "m-d")] {
            assert_eq!(told(param, scalar), 0, "{param} {scalar}");
        }
        assert_eq!(told("md", "FA"), 1);
    }

    #[test]
    fn small_statistics_are_told() {
        let of = |cells: &str| parsed(&format!("index\tlabel\tmean\tcv\n{cells}")).unwrap().remarks.len();
        assert_eq!(of("1\ta\t0.000812\t0.5\n2\tb\t0.000000\t0.25\n"), 1);
        assert_eq!(of("1\ta\t0.000812\t0.5\n2\tb\t0.812000\t0.25\n"), 0);
        assert_eq!(of("1\ta\t\t0.5\n2\tb\t\t0.25\n"), 0);
    }
}

//! FreeSurfer's `stats/*.stats`: measures of the whole brain in a header of comments, then a row a region, words between blanks.
//!
//! Written by `mris_anatomical_stats` (a hemisphere's parcellation, `lh.aparc.stats`) and `mri_segstats` (a segmentation, `aseg.stats`), from
//! version 5 on. Columns are those that `# ColHeaders` names, never places; measures have the names that the file gives them. Begin with
//! [`parse_stats`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use foldhash::{HashSet, HashSetExt};
use na_model::Number;

use crate::files::pointer::check_content;
use crate::parse::bad_cell::{bad_cell, expected_number};
use crate::parse::text::{has_lines_of_old_macs, text_of, without_bom};
use crate::unit_error::{UnitError, shorten};

/// The column of a region's name.
pub const STRUCT_NAME: &str = "StructName";

/// The columns of whole numbers that are no measurement: a row's place, and a region's number in the colour table.
const WHOLE: [&str; 2] = ["Index", "SegId"];

/// Rows between two checks whether to stop.
const ROWS_BETWEEN_CHECKS: usize = 512;

/// What stands in a stats file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FreeSurferStats {
    /// `cvs_version`: `7.4.1`, or before version 7 the line of the program's version control. `None` if the file does not say it.
    pub version: Option<String>,
    /// `subjectname`, which need not be the folder's name.
    pub subject: Option<String>,
    /// `hemi`: `lh` or `rh`. `None` in the files of segmentations.
    pub hemisphere: Option<String>,
    /// Of the whole brain or hemisphere, in the file's order.
    pub measures: Vec<Measure>,
    /// What columns are measured in, as the file says: `mm^2`. Columns of which it says nothing are left out.
    pub units: BTreeMap<String, String>,
    /// The columns in the file's order, a row a region: `StructName` is text, `Index` and `SegId` are whole, and all others doubles, null where
    /// the file has `nan`. `None` in a file without a table, such as `brainvol.stats`.
    pub regions: Option<RecordBatch>,
}

/// A measure of the whole brain or hemisphere.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// `eTIV`, as the file spells it.
    pub name: String,
    /// The double nearest to its text. `None` if that is `nan`.
    pub value: Option<f64>,
    /// `mm^3`, as the file spells it.
    pub unit: String,
}

impl FreeSurferStats {
    /// A measure by its name; of two with one name the first. `None` if the file has none of that name.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }
}

/// Parses a stats file.
///
/// ```
/// use std::path::Path;
///
/// use na_pipeline::parse::freesurfer_stats::parse_stats;
///
/// let text = [
///     "# cvs_version 7.4.1",
///     "# Measure EstimatedTotalIntraCranialVol, eTIV, Estimated Total Intracranial Volume, 1626503.552457, mm^3",
///     "# ColHeaders  Index SegId NVoxels Volume_mm3 StructName",
///     "  1   4      5305     5645.4  Left-Lateral-Ventricle\n",
/// ]
/// .join("\n");
/// let stats = parse_stats(Path::new("aseg.stats"), text.as_bytes(), &|| false)?;
/// assert_eq!(stats.measure("eTIV").and_then(|measure| measure.value), Some(1_626_503.552_457));
/// assert_eq!(stats.regions.map(|regions| regions.num_rows()), Some(1));
/// # Ok::<(), na_pipeline::UnitError>(())
/// ```
///
/// # Errors
/// Bytes that are no such file, with line, column and what was expected; a region twice; [`UnitError::Stopped`] if `should_stop` says so.
pub fn parse_stats(
    path: &Path,
    bytes: &[u8],
    should_stop: &dyn Fn() -> bool,
) -> Result<FreeSurferStats, UnitError> {
    check_content(path, bytes)?;
    let text = whole_text(path, without_bom(bytes))?;
    let (mut stats, mut rows, mut columns) = (FreeSurferStats::default(), None, Columns::default());
    for (index, line) in text.lines().enumerate() {
        let line = Line { path, number: index + 1, text: line };
        match line.text.strip_prefix('#') {
            Some(comment) => line.read_comment(comment.trim(), &mut stats, &mut columns)?,
            None if line.text.trim().is_empty() => {}
            None => {
                let rows = match &mut rows {
                    Some(rows) => rows,
                    None => rows.insert(Rows::new(&line, &columns)?),
                };
                rows.add(&line)?;
                if rows.n % ROWS_BETWEEN_CHECKS == 0 && should_stop() {
                    return Err(UnitError::Stopped);
                }
            }
        }
    }
    // The last word may be cut, too.
    if !text.ends_with('\n') {
        return Err(UnitError::cut_last_line(path, text.lines().count()));
    }
    stats.units = columns.units();
    stats.regions = match rows {
        Some(rows) => Some(rows.finish(path, columns.n_rows)?),
        None if columns.names.is_empty() => None,
        None => {
            return Err(UnitError::form(path, "columns and no rows", "a row a region: the file may be cut"));
        }
    };
    if stats.regions.is_none() && stats.measures.is_empty() {
        return Err(UnitError::form(
            path,
            "neither measures nor # ColHeaders, which names the columns",
            "a stats file of FreeSurfer: the file may be cut; run FreeSurfer's program again",
        ));
    }
    Ok(stats)
}

fn whole_text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, UnitError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(UnitError::form(path, "an empty file", "a stats file of FreeSurfer: write it again"));
    }
    let text = text_of(bytes)
        .map_err(|(line, found)| UnitError::line(path, line, found, "UTF-8 text: the file may be damaged"))?;
    if has_lines_of_old_macs(text) {
        return Err(UnitError::old_mac_lines(path));
    }
    Ok(text)
}

/// A line of the file.
struct Line<'a> {
    path: &'a Path,
    /// From 1.
    number: usize,
    text: &'a str,
}

/// What the comments say of the columns.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    /// The line that names them.
    line: usize,
    /// `TableCol` numbers columns from 1.
    told: BTreeMap<usize, (Option<String>, Option<String>)>,
    /// `None` if the file does not say it.
    n_rows: Option<usize>,
}

impl Columns {
    fn units(&self) -> BTreeMap<String, String> {
        let told = self.told.values().cloned();
        told.filter_map(|(name, unit)| Some((name?, unit.filter(|unit| unit != "NA")?))).collect()
    }
}

impl Line<'_> {
    fn error(&self, found: impl Into<String>, expected: &'static str) -> UnitError {
        UnitError::line(self.path, self.number, found, expected)
    }

    fn read_comment(
        &self,
        comment: &str,
        stats: &mut FreeSurferStats,
        columns: &mut Columns,
    ) -> Result<(), UnitError> {
        let (key, value) = comment.split_once(char::is_whitespace).unwrap_or((comment, ""));
        let value = value.trim();
        let first = |known: &mut Option<String>| {
            if known.is_none() && !value.is_empty() {
                *known = Some(value.to_owned());
            }
        };
        match key {
            "cvs_version" => first(&mut stats.version),
            "subjectname" => first(&mut stats.subject),
            "hemi" => first(&mut stats.hemisphere),
            "Measure" => stats.measures.push(self.measure(value)?),
            "NRows" => columns.n_rows = value.parse().ok(),
            "TableCol" => table_column(value, &mut columns.told),
            "ColHeaders" if columns.names.is_empty() => {
                columns.names = value.split_whitespace().map(str::to_owned).collect();
                columns.line = self.number;
            }
            "ColHeaders" => {
                return Err(self.error("# ColHeaders again", "one table: two files may have been joined"));
            }
            _ => {}
        }
        Ok(())
    }

    /// `Cortex, CortexVol, Total cortical gray matter volume, 526456.890970, mm^3`: the category says nothing that the name does not. Version
    /// 6.0 forgets the comma behind `CortexVol`.
    fn measure(&self, text: &str) -> Result<Measure, UnitError> {
        let words: Vec<&str> = text.split(", ").map(str::trim).collect();
        let [_, name, .., value, unit] = words.as_slice() else {
            let found = format!("the measure {:?}", shorten(text.as_bytes()));
            return Err(self.error(found, "category, name, description, value, unit"));
        };
        let name = name.split_whitespace().next().unwrap_or_default();
        let value = self.number(name, value)?;
        Ok(Measure { name: name.to_owned(), value, unit: (*unit).to_owned() })
    }

    /// `None` for the spellings of a value that is none.
    fn number(&self, column: &str, word: &str) -> Result<Option<f64>, UnitError> {
        if word.trim_start_matches(['-', '+']).eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let number = Number::parse(word).map(Number::to_double).filter(|value| value.is_finite());
        let bad = || bad_cell(self.path, self.number, column, word, expected_number(word));
        number.map(Some).ok_or_else(bad)
    }
}

/// `3 Units     mm^2`.
fn table_column(text: &str, told: &mut BTreeMap<usize, (Option<String>, Option<String>)>) {
    let mut words = text.split_whitespace();
    let (Some(Ok(place)), Some(what)) = (words.next().map(str::parse), words.next()) else { return };
    let told = told.entry(place).or_default();
    let value = words.next().map(str::to_owned);
    match what {
        "ColHeader" => told.0 = value,
        "Units" => told.1 = value,
        _ => {}
    }
}

/// The rows read so far.
struct Rows {
    names: Vec<String>,
    cells: Vec<Cells>,
    regions: HashSet<String>,
    n: usize,
}

enum Cells {
    Name(StringBuilder),
    Whole(Int64Builder),
    Doubles(Float64Builder),
}

impl Rows {
    /// # Errors
    /// No names of columns before the first row, none of them twice, and a region's among them.
    fn new(first: &Line<'_>, columns: &Columns) -> Result<Self, UnitError> {
        let names = columns.names.clone();
        if names.is_empty() {
            return Err(first.error(
                "a row before # ColHeaders, which names the columns",
                "a whole header: the file may be cut",
            ));
        }
        let header = |found| {
            UnitError::line(first.path, columns.line, found, "a name for each column, StructName among them")
        };
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(header(format!("the column {:?} twice", shorten(twice.as_bytes()))));
        }
        if !names.iter().any(|name| name == STRUCT_NAME) {
            return Err(header(format!("the columns {}", shorten(names.join(" ").as_bytes()))));
        }
        let cells = names.iter().map(|name| match name.as_str() {
            STRUCT_NAME => Cells::Name(StringBuilder::new()),
            name if WHOLE.contains(&name) => Cells::Whole(Int64Builder::new()),
            _ => Cells::Doubles(Float64Builder::new()),
        });
        let cells = cells.collect();
        Ok(Self { names, cells, regions: HashSet::new(), n: 0 })
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), UnitError> {
        let n_words = line.text.split_whitespace().count();
        if n_words != self.names.len() {
            let found = format!("{n_words} words");
            let expected = format!("{} words, as # ColHeaders has: the file may be cut", self.names.len());
            return Err(UnitError::line(line.path, line.number, found, expected));
        }
        for ((name, cells), word) in self.names.iter().zip(&mut self.cells).zip(line.text.split_whitespace())
        {
            match cells {
                Cells::Name(_) if !self.regions.insert(word.to_owned()) => {
                    let found = format!("the region {:?} again", shorten(word.as_bytes()));
                    return Err(line.error(found, "a row a region: two files may have been joined"));
                }
                Cells::Name(builder) => builder.append_value(word),
                Cells::Whole(builder) => match Number::parse(word) {
                    Some(Number::Integer(value)) => builder.append_value(value),
                    _ => return Err(bad_cell(line.path, line.number, name, word, "a whole number")),
                },
                Cells::Doubles(builder) => builder.append_option(line.number(name, word)?),
            }
        }
        self.n += 1;
        Ok(())
    }

    fn finish(self, path: &Path, n_rows: Option<usize>) -> Result<RecordBatch, UnitError> {
        if let Some(told) = n_rows.filter(|told| *told != self.n) {
            let found = format!("{} rows, and # NRows {told}", self.n);
            return Err(UnitError::form(path, found, "as many rows as its header says: the file may be cut"));
        }
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = self
            .names
            .into_iter()
            .zip(self.cells)
            .map(|(name, cells)| {
                let array: ArrayRef = match cells {
                    Cells::Name(mut builder) => Arc::new(builder.finish()),
                    Cells::Whole(mut builder) => Arc::new(builder.finish()),
                    Cells::Doubles(mut builder) => Arc::new(builder.finish()),
                };
                (Field::new(name, array.data_type().clone(), true), array)
            })
            .unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| UnitError::form(path, error.to_string(), "columns of one length"))
    }
}

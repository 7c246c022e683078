//! CAT12's report of a session, `cat_*.xml`: volumes of the whole brain, surfaces, and the quality of the image.
//!
//! Only the children of the sections directly under the root count: help texts have the same names, and the ratings of volumes are
//! marks. Begin with [`parse_globals`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, Field, Schema};
use na_model::MeasurementUnit;
use na_model::columns::VOL_TIV;
use roxmltree::Node;

use crate::parse::cat12_xml::{child, numbers, only_child, text, version, with_root};
use crate::parse::parsed_table::Remark;
use crate::unit_error::{UnitError, shorten};

/// The measure's name.
pub const LABEL: &str = "label";
/// The measure.
pub const VALUE: &str = "value";

const MEASURES: &str = "subjectmeasures";
const QUALITY: &str = "qualitymeasures";
const RATINGS: &str = "qualityratings";

/// The volumes of CSF, of grey and of white matter, and of lesions of white matter; a fifth number, of stroke lesions, is part of the sum
/// alone.
const TISSUES: &str = "vol_abs_CGW";

/// `[mean std]` of both hemispheres, in its one `item`.
const THICKNESS: &str = "dist_thickness";

/// Where a number stands in its element.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Alone,
    /// In a vector of so many numbers, at this place.
    At(usize, &'static [usize]),
}

/// Tissues: CSF, grey matter, white matter; later versions add lesions of white matter, then those of stroke.
const OF_TISSUES: &[usize] = &[3, 4, 5];

/// A mean and its standard deviation.
const OF_THICKNESS: &[usize] = &[2];

/// A measure: its label, the section and the element there, where in it, and the unit.
type Read = (&'static str, (&'static str, &'static str), Standing, Option<MeasurementUnit>);

/// What is read. Up to version 12.3, `WMH_abs` and `WMH_rel` stood
/// for `vol_abs_WMH` and `vol_rel_WMH`: as it is not documented whether the second was a share or a percentage, names stay.
const READ: [Read; 24] = [
    (VOL_TIV, (MEASURES, VOL_TIV), Standing::Alone, Some(MeasurementUnit::Millilitre)),
    ("vol_CSF", (MEASURES, TISSUES), Standing::At(0, OF_TISSUES), Some(MeasurementUnit::Millilitre)),
    ("vol_GM", (MEASURES, TISSUES), Standing::At(1, OF_TISSUES), Some(MeasurementUnit::Millilitre)),
    ("vol_WM", (MEASURES, TISSUES), Standing::At(2, OF_TISSUES), Some(MeasurementUnit::Millilitre)),
    ("vol_WMH", (MEASURES, TISSUES), Standing::At(3, OF_TISSUES), Some(MeasurementUnit::Millilitre)),
    ("vol_abs_WMH", (MEASURES, "vol_abs_WMH"), Standing::Alone, Some(MeasurementUnit::Millilitre)),
    ("vol_rel_WMH", (MEASURES, "vol_rel_WMH"), Standing::Alone, Some(MeasurementUnit::Dimensionless)),
    ("WMH_abs", (MEASURES, "WMH_abs"), Standing::Alone, Some(MeasurementUnit::Millilitre)),
    ("WMH_rel", (MEASURES, "WMH_rel"), Standing::Alone, None),
    ("surf_TSA", (MEASURES, "surf_TSA"), Standing::Alone, Some(MeasurementUnit::SquareCentimetre)),
    ("EC_abs", (MEASURES, "EC_abs"), Standing::Alone, Some(MeasurementUnit::Dimensionless)),
    ("defect_size", (MEASURES, "defect_size"), Standing::Alone, Some(MeasurementUnit::Dimensionless)),
    (
        "thickness_mean",
        (MEASURES, THICKNESS),
        Standing::At(0, OF_THICKNESS),
        Some(MeasurementUnit::Millimetre),
    ),
    (
        "thickness_std",
        (MEASURES, THICKNESS),
        Standing::At(1, OF_THICKNESS),
        Some(MeasurementUnit::Millimetre),
    ),
    ("NCR", (QUALITY, "NCR"), Standing::Alone, None),
    ("ICR", (QUALITY, "ICR"), Standing::Alone, None),
    ("contrast", (QUALITY, "contrast"), Standing::Alone, None),
    ("contrastr", (QUALITY, "contrastr"), Standing::Alone, None),
    ("res_RMS", (QUALITY, "res_RMS"), Standing::Alone, None),
    ("mark_NCR", (RATINGS, "NCR"), Standing::Alone, Some(MeasurementUnit::Mark)),
    ("mark_ICR", (RATINGS, "ICR"), Standing::Alone, Some(MeasurementUnit::Mark)),
    ("mark_res_RMS", (RATINGS, "res_RMS"), Standing::Alone, Some(MeasurementUnit::Mark)),
    ("mark_IQR", (RATINGS, "IQR"), Standing::Alone, Some(MeasurementUnit::Mark)),
    ("mark_SIQR", (RATINGS, "SIQR"), Standing::Alone, Some(MeasurementUnit::Mark)),
];

/// The quality of the image, of which the marks are another form.
const PERCENT: (&str, MeasurementUnit) = ("IQR_percent", MeasurementUnit::Percent);

/// The label of every measure, and its unit. `None` where CAT12 does not say it.
pub fn measures() -> impl Iterator<Item = (&'static str, Option<MeasurementUnit>)> {
    let read = READ.into_iter().map(|(label, _, _, unit)| (label, unit));
    read.chain([(PERCENT.0, Some(PERCENT.1))])
}

/// How far the sum of tissues may be from total intracranial volume, as a share of it.
const MOST_OFF: f64 = 0.001;

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub struct Cat12Globals {
    /// A row a measure: `label`, `value`, `unit` and `source`, the elements that it stands in.
    pub measures: RecordBatch,
    /// `12.9 r2577`. `None` if the report does not say it.
    pub version: Option<String>,
    /// Total intracranial volume, mL. `None` if the report has none.
    pub volume: Option<f64>,
    /// What the user should know.
    pub remarks: Vec<Remark>,
}

/// A measure of the whole brain or image.
struct Measure {
    label: &'static str,
    value: f64,
    unit: Option<MeasurementUnit>,
    source: String,
}

/// Parses a report. Measures that are missing or `NaN` have no row.
///
/// ```
/// use std::path::Path;
///
/// use na_pipeline::parse::cat12_globals::parse_globals;
///
/// let report = "<S><subjectmeasures><vol_TIV>1474.405</vol_TIV></subjectmeasures></S>";
/// let globals = parse_globals(Path::new("cat_sub-1_T1w.xml"), report.as_bytes())?;
/// assert_eq!((globals.volume, globals.measures.num_rows()), (Some(1474.405), 1));
/// # Ok::<(), na_pipeline::UnitError>(())
/// ```
///
/// # Errors
/// XML that is not well-formed, with line and character; another file than a report of CAT12.
pub fn parse_globals(path: &Path, bytes: &[u8]) -> Result<Cat12Globals, UnitError> {
    with_root(path, bytes, |root| Report { path, root, measures: Vec::new(), remarks: Vec::new() }.read())
}

/// A report while it is read.
struct Report<'a, 'input> {
    path: &'a Path,
    root: Node<'a, 'input>,
    measures: Vec<Measure>,
    remarks: Vec<Remark>,
}

impl Report<'_, '_> {
    fn read(mut self) -> Result<Cat12Globals, UnitError> {
        if [MEASURES, QUALITY, RATINGS].iter().all(|section| child(self.root, section).is_none()) {
            return Err(UnitError::form(
                self.path,
                "neither subjectmeasures nor qualitymeasures",
                "a report of CAT12, cat_*.xml",
            ));
        }
        for (label, from, standing, unit) in READ {
            let value = match (standing, self.numbers(from).as_slice()) {
                (_, []) => None,
                (Standing::Alone, [one]) => *one,
                (Standing::At(place, lengths), all) if lengths.contains(&all.len()) => {
                    all.get(place).copied().flatten()
                }
                (_, all) => {
                    let example = format!("{} has {} numbers", from.1, all.len());
                    self.remark(
                        "measures of more or fewer numbers than CAT12 writes",
                        example,
                        "they are left out",
                    );
                    None
                }
            };
            self.push(label, value, unit, from);
        }
        self.check_sum();
        self.add_percent();
        if self.measures.is_empty() {
            return Err(UnitError::form(
                self.path,
                "no measure that is a number",
                "the report of a run of CAT12 that came to its end: run CAT12 again",
            ));
        }
        self.check_error();
        let volume = self.value_of(VOL_TIV).filter(|volume| *volume > 0.0);
        let version = version(self.root);
        let measures = rows(&self.measures)
            .map_err(|error| UnitError::form(self.path, error.to_string(), "a row a measure"))?;
        Ok(Cat12Globals { measures, version, volume, remarks: self.remarks })
    }

    fn value_of(&self, label: &str) -> Option<f64> {
        self.measures.iter().find(|measure| measure.label == label).map(|measure| measure.value)
    }

    /// The numbers of an element in a section, or of its one `item`. None where it is not there, or they cannot be read.
    fn numbers(&mut self, (section, name): (&str, &str)) -> Vec<Option<f64>> {
        let element = child(self.root, section).and_then(|section| child(section, name));
        let Some(found) = element.and_then(|element| text(element).or_else(|| text(only_child(element)?)))
        else {
            return Vec::new();
        };
        numbers(found).unwrap_or_else(|word| {
            let example = format!("{name} is {}", shorten(word.as_bytes()));
            self.remark("measures that are no numbers in their reports", example, "they are left out");
            Vec::new()
        })
    }

    fn push(
        &mut self,
        label: &'static str,
        value: Option<f64>,
        unit: Option<MeasurementUnit>,
        (section, name): (&str, &str),
    ) {
        let source = format!("{section}/{name}");
        self.measures.extend(value.map(|value| Measure { label, value, unit, source }));
    }

    /// Says if the tissues are not the whole together.
    fn check_sum(&mut self) {
        let volumes = self.numbers((MEASURES, TISSUES));
        let sum =
            volumes.iter().copied().sum::<Option<f64>>().filter(|_| OF_TISSUES.contains(&volumes.len()));
        let (Some(sum), Some(whole)) = (sum, self.value_of(VOL_TIV)) else { return };
        if (sum - whole).abs() > MOST_OFF * whole.abs() {
            self.remark(
                "tissues whose sum is not the total intracranial volume of their report",
                format!("they are {sum} mL, and vol_TIV is {whole} mL"),
                "look at these reports",
            );
        }
    }

    /// The quality of the image in percent, as CAT12 prints it: 105 − 10 × mark, from 0 to 100, of `SIQR` where there is one.
    fn add_percent(&mut self) {
        let marks = [("mark_SIQR", "SIQR"), ("mark_IQR", "IQR")];
        let percents: Vec<(f64, &str)> = marks
            .into_iter()
            .filter_map(|(label, name)| Some((percent(self.value_of(label)?), name)))
            .collect();
        let Some((value, name)) = percents.first().copied() else { return };
        self.push(PERCENT.0, Some(value), Some(PERCENT.1), (RATINGS, name));
        // The log of version 26 names SIQR and prints IQR.
        let Some(printed) = self.printed_percent() else { return };
        if !percents.iter().any(|(percent, _)| (percent - printed).abs() < 0.006) {
            self.remark(
                "a quality in percent that is not the one in the log of their report",
                format!("it is {value} by {name}, and {printed} in catlog"),
                "look at these reports",
            );
        }
    }

    /// What the log says of the quality, percent: `Image Quality Rating (IQR): 79.50% (C+)`.
    fn printed_percent(&self) -> Option<f64> {
        let log = child(self.root, "catlog")?;
        let lines = log.children().filter_map(text);
        let mut printed =
            lines.filter_map(|line| line.split_once("mage Quality Rating (")?.1.split_once("):"));
        let (_, behind) = printed.next()?;
        behind.split_once('%')?.0.trim().parse().ok()
    }

    /// Says if CAT12 stopped with an error.
    fn check_error(&mut self) {
        let elements = ["error", "caterr"].into_iter().filter_map(|name| child(self.root, name));
        let said = elements.map(|error| error.descendants().find_map(text)).next();
        if let Some(said) = said {
            let said = said.map_or_else(String::new, |said| shorten(said.as_bytes()));
            self.remark(
                "reports of runs of CAT12 that ended with an error",
                said,
                "run CAT12 again for them",
            );
        }
    }

    fn remark(&mut self, what: &'static str, example: String, advice: &'static str) {
        let example = format!("{}: {example}", self.path.display());
        let remark = Remark { what, example, advice };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

/// The percentage of a mark from 0.5, the best, to 10.5.
fn percent(mark: f64) -> f64 {
    (105.0 - 10.0 * mark).clamp(0.0, 100.0)
}

fn rows(measures: &[Measure]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Measure) -> Option<&str>| -> ArrayRef {
        Arc::new(measures.iter().map(of).collect::<StringArray>())
    };
    let values: Float64Array = measures.iter().map(|measure| Some(measure.value)).collect();
    let columns: [(&str, ArrayRef); 4] = [
        (LABEL, text(|measure| Some(measure.label))),
        (VALUE, Arc::new(values)),
        ("unit", text(|measure| measure.unit.map(MeasurementUnit::as_str))),
        ("source", text(|measure| Some(&measure.source))),
    ];
    let fields = columns.each_ref().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns.map(|(_, column)| column).into())
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;

    use super::*;

    fn parsed(text: &str) -> Cat12Globals {
        parse_globals(Path::new("cat_x.xml"), text.as_bytes()).unwrap()
    }

    fn value(globals: &Cat12Globals, label: &str) -> Option<f64> {
        let labels = globals.measures[LABEL].as_string::<i32>();
        let row = labels.iter().position(|of| of == Some(label))?;
        Some(globals.measures[VALUE].as_primitive::<Float64Type>().value(row))
    }

    #[test]
    fn help_texts_and_marks_of_volumes_are_no_measures() {
        let globals = parsed(
            "<S><help><subjectmeasures><vol_TIV>1</vol_TIV></subjectmeasures></help>\
             <subjectratings><vol_TIV>2.3</vol_TIV></subjectratings>\
             <subjectmeasures><vol_TIV>1500</vol_TIV><x><EC_abs>7</EC_abs></x></subjectmeasures></S>",
        );
        assert_eq!((globals.volume, globals.measures.num_rows()), (Some(1500.0), 1));
        assert!(parse_globals(Path::new("x"), b"<S><help/></S>").is_err());
    }

    #[test]
    fn what_is_missing_or_no_number_has_no_row_and_costs_nothing_else() {
        let globals = parsed(
            "<S><qualitymeasures><NCR>NaN</NCR><ICR>0.5</ICR><contrast>[1 2]</contrast><res_RMS>1,5x</res_RMS>\
             </qualitymeasures><subjectmeasures><vol_abs_CGW>[1 NaN 3]</vol_abs_CGW><vol_TIV/></subjectmeasures></S>",
        );
        let labels: Vec<&str> = globals.measures[LABEL].as_string::<i32>().iter().flatten().collect();
        assert_eq!(labels, ["vol_CSF", "vol_WM", "ICR"]);
        let told: Vec<&str> = globals.remarks.iter().map(|remark| remark.example.as_str()).collect();
        assert_eq!(told, ["cat_x.xml: contrast has 2 numbers", "cat_x.xml: res_RMS is 5x"]);
    }

    #[test]
    fn a_vector_with_decimal_commas_gives_no_number() {
        let globals = parsed(
            "<S><subjectmeasures><vol_TIV>1500</vol_TIV><vol_abs_CGW>[300,5 600,5 600,5 0,1]</vol_abs_CGW>\
             <dist_thickness><item>[2,5 0,6]</item></dist_thickness></subjectmeasures></S>",
        );
        assert_eq!(globals.measures.num_rows(), 1);
        let told: Vec<&str> = globals.remarks.iter().map(|remark| remark.example.as_str()).collect();
        assert_eq!(told, ["cat_x.xml: vol_abs_CGW has 8 numbers", "cat_x.xml: dist_thickness has 4 numbers"]);
    }

    #[test]
    fn percents_are_those_of_the_mark_between_0_and_100() {
        let of = |marks: &str| {
            value(&parsed(&format!("<S><qualityratings>{marks}</qualityratings></S>")), PERCENT.0)
        };
        assert_eq!(of("<IQR>2.55</IQR>"), Some(79.5));
        assert_eq!(of("<IQR>2.55</IQR><SIQR>3</SIQR>"), Some(75.0));
        assert_eq!(of("<IQR>0.4</IQR>"), Some(100.0));
        assert_eq!(of("<IQR>11</IQR>"), Some(0.0));
        assert_eq!(of("<NCR>2</NCR>"), None);
    }

    #[test]
    fn what_contradicts_itself_in_a_report_is_told() {
        let said =
            |text: &str| parsed(text).remarks.into_iter().map(|remark| remark.what).collect::<Vec<_>>();
        let sum = "<S><subjectmeasures><vol_abs_CGW>[300 600 500 SUM]</vol_abs_CGW><vol_TIV>1400</vol_TIV></subjectmeasures></S>";
        assert_eq!(said(&sum.replace("SUM", "1")), Vec::<&str>::new());
        assert_eq!(said(&sum.replace("SUM", "2")).len(), 1);
        let log = "<S><qualityratings><IQR>2.55</IQR><SIQR>3</SIQR></qualityratings><catlog><item>x</item>\
             <item>Structural Image Quality Rating (SIQR): PRINTED% (C+)</item></catlog></S>";
        for (printed, n) in [("79.50", 0), ("75.00", 0), ("75.004", 0), ("76.00", 1)] {
            assert_eq!(said(&log.replace("PRINTED", printed)).len(), n, "{printed}");
        }
        let error = "<S><error><item>Error in cat_main</item></error><qualitymeasures><ICR>1</ICR></qualitymeasures></S>";
        let remarks = parsed(error).remarks;
        assert!(remarks[0].example.contains("Error in cat_main"), "{remarks:?}");
    }
}

//! The tables that FreeSurfer's stats files of a session make: both hemispheres in one, segmentations, and measures of the whole brain.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat;

use crate::parse::freesurfer_stats::{FreeSurferStats, Measure, STRUCT_NAME};
use crate::unit_error::UnitError;

/// The estimated total intracranial volume, as FreeSurfer calls it since version 5.3.
pub const ETIV: &str = "eTIV";

/// The measures of a hemisphere's surface that are kept; its file repeats those of the whole brain.
const OF_SURFACES: [&str; 4] = ["NumVert", "WhiteSurfArea", "PialSurfArea", "MeanThickness"];

/// The region's name in a table of surfaces: its hemisphere and its structure.
pub const LABEL: &str = "label";
/// `lh` or `rh`.
pub const HEMISPHERE: &str = "hemisphere";

/// A parsed stats file.
#[derive(Debug, Clone)]
pub struct StatsFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// What stands in it.
    pub stats: FreeSurferStats,
}

impl StatsFile<'_> {
    /// The hemisphere in the file's name. `None` if it names none.
    #[must_use]
    pub fn hemisphere(&self) -> Option<&'static str> {
        let name = self.path.file_name()?.to_str()?;
        ["lh", "rh"].into_iter().find(|side| name.starts_with(&format!("{side}.")))
    }

    fn regions(&self) -> Result<&RecordBatch, UnitError> {
        self.stats.regions.as_ref().ok_or_else(|| {
            UnitError::form(
                self.path,
                "measures and no # ColHeaders, which names the columns",
                "a row a region: the file may be cut; run FreeSurfer's program again",
            )
        })
    }

    fn check_hemisphere(&self) -> Result<&'static str, UnitError> {
        let expected = "a stats file that is called as the hemisphere in its header, lh or rh";
        let Some(side) = self.hemisphere() else {
            return Err(UnitError::form(self.path, "a name of no hemisphere", expected));
        };
        match self.stats.hemisphere.as_deref().filter(|told| *told != side) {
            None => Ok(side),
            Some(told) => Err(UnitError::form(self.path, format!("# hemi {told}"), expected)),
        }
    }
}

/// Both hemispheres, or one, as one table: a column `label` of hemisphere and structure, `hemisphere`, then the files' own.
///
/// # Errors
/// A file without regions, or of another hemisphere than its name; a region twice.
pub fn surfaces(files: &[StatsFile<'_>]) -> Result<RecordBatch, UnitError> {
    let mut columns: BTreeMap<usize, (String, DataType)> = BTreeMap::new();
    let mut sides = Vec::new();
    for file in files {
        let (side, regions) = (file.check_hemisphere()?, file.regions()?);
        for field in regions.schema_ref().fields() {
            if !columns.values().any(|(name, _)| name == field.name()) {
                columns.insert(columns.len(), (field.name().clone(), field.data_type().clone()));
            }
        }
        sides.push((file, side, regions));
    }
    let (mut labels, mut hemispheres) = (Vec::new(), Vec::new());
    for (_, side, regions) in &sides {
        let names = regions.column_by_name(STRUCT_NAME).and_then(|names| names.as_string_opt::<i32>());
        for name in names.into_iter().flatten() {
            labels.push(format!("{side}_{}", name.unwrap_or_default()));
            hemispheres.push(*side);
        }
    }
    let mut named: Vec<(String, ArrayRef)> = vec![
        (LABEL.to_owned(), Arc::new(StringArray::from(labels))),
        (HEMISPHERE.to_owned(), Arc::new(StringArray::from(hemispheres))),
    ];
    for (name, data_type) in columns.into_values() {
        let part = |(_, _, regions): &(_, _, &RecordBatch)| match regions.column_by_name(&name) {
            Some(column) => Arc::clone(column),
            None => arrow_array::new_null_array(&data_type, regions.num_rows()),
        };
        let parts: Vec<ArrayRef> = sides.iter().map(part).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let column = concat(&parts).map_err(|error| not_joined(files, &error.to_string()))?;
        named.push((name, column));
    }
    batch(files, named)
}

/// A segmentation's table, as it stands in its file.
///
/// # Errors
/// No file, or one without regions.
pub fn segmentation(files: &[StatsFile<'_>]) -> Result<RecordBatch, UnitError> {
    match files {
        [file] => file.regions().cloned(),
        _ => Err(not_joined(files, "a segmentation has one file")),
    }
}

/// The measures of the whole brain and of each hemisphere, a row each: `label`, `value`, `unit` and the file's name. Of two files that
/// have one, the first counts: of the whole brain that is the segmentation's.
///
/// # Errors
/// Two files with another eTIV; a file of another hemisphere than its name.
pub fn globals(files: &[StatsFile<'_>]) -> Result<RecordBatch, UnitError> {
    let mut rows: Vec<(String, &Measure, &str)> = Vec::new();
    for file in files {
        let source = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let side = file.hemisphere().map(|_| file.check_hemisphere()).transpose()?;
        for measure in &file.stats.measures {
            let label = match side {
                None => measure.name.clone(),
                Some(side) if OF_SURFACES.contains(&measure.name.as_str()) => {
                    format!("{side}_{}", measure.name)
                }
                Some(_) if measure.name == ETIV => ETIV.to_owned(),
                Some(_) => continue,
            };
            match rows.iter().find(|(known, ..)| *known == label) {
                None => rows.push((label, measure, source)),
                Some((_, known, from)) if label == ETIV && known.value != measure.value => {
                    let shown =
                        |value: Option<f64>| value.map_or("nan".to_owned(), |value| value.to_string());
                    let found = format!(
                        "an eTIV of {} mm³, and one of {} in {from}",
                        shown(measure.value),
                        shown(known.value)
                    );
                    return Err(UnitError::form(file.path, found, "files of one run of FreeSurfer"));
                }
                Some(_) => {}
            }
        }
    }
    let labels = rows.iter().map(|(label, ..)| label.as_str());
    let values: Float64Array = rows.iter().map(|(_, measure, _)| measure.value).collect();
    let units = rows.iter().map(|(_, measure, _)| measure.unit.as_str());
    let sources = rows.iter().map(|(.., source)| *source);
    let named: Vec<(String, ArrayRef)> = vec![
        (LABEL.to_owned(), Arc::new(StringArray::from_iter_values(labels))),
        ("value".to_owned(), Arc::new(values)),
        ("unit".to_owned(), Arc::new(StringArray::from_iter_values(units))),
        ("source".to_owned(), Arc::new(StringArray::from_iter_values(sources))),
    ];
    batch(files, named)
}

/// The total intracranial volume among the files' measures, mL: eTIV / 1000, one division. `None` if no file has it.
#[must_use]
pub fn volume(files: &[StatsFile<'_>]) -> Option<f64> {
    let etiv = |file: &StatsFile<'_>| file.stats.measure(ETIV).and_then(|measure| measure.value);
    files.iter().find_map(etiv).map(|cubic_millimetres| cubic_millimetres / 1000.0)
}

fn batch(files: &[StatsFile<'_>], named: Vec<(String, ArrayRef)>) -> Result<RecordBatch, UnitError> {
    let fields: Vec<Field> =
        named.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
    let columns = named.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| not_joined(files, &error.to_string()))
}

fn not_joined(files: &[StatsFile<'_>], problem: &str) -> UnitError {
    let path = files.first().map_or(Path::new("stats"), |file| file.path);
    UnitError::form(path, problem.to_owned(), "stats files of one session")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &'static str, measures: &[(&str, f64)]) -> StatsFile<'static> {
        let measure = |(name, value): &(&str, f64)| Measure {
            name: (*name).to_owned(),
            value: Some(*value),
            unit: "mm^3".to_owned(),
        };
        let measures = measures.iter().map(measure).collect();
        StatsFile { path: Path::new(path), stats: FreeSurferStats { measures, ..FreeSurferStats::default() } }
    }

    fn column<'b>(batch: &'b RecordBatch, name: &str) -> Vec<&'b str> {
        batch[name].as_string::<i32>().iter().flatten().collect()
    }

    #[test]
    fn of_two_measures_of_one_name_the_segmentation_s_counts_and_surfaces_say_their_side() {
        let files = [
            file("stats/aseg.stats", &[("CortexVol", 1.0)]),
            file("stats/brainvol.stats", &[("CortexVol", 2.0), ("MaskVol", 3.0)]),
            file("stats/lh.aparc.stats", &[("NumVert", 4.0), ("CortexVol", 5.0), (ETIV, 6.0)]),
            file("stats/rh.aparc.stats", &[("NumVert", 7.0), (ETIV, 6.0)]),
        ];
        let table = globals(&files).unwrap();
        assert_eq!(column(&table, LABEL), ["CortexVol", "MaskVol", "lh_NumVert", "eTIV", "rh_NumVert"]);
        let values = table["value"].as_primitive::<arrow_array::types::Float64Type>().values().to_vec();
        assert_eq!(values, [1.0, 3.0, 4.0, 6.0, 7.0]);
        assert_eq!(column(&table, "source")[3], "lh.aparc.stats");
    }

    #[test]
    fn a_volume_is_one_division() {
        let etiv = 1400001.885;
        assert_ne!(etiv / 1000.0, etiv * 0.001, "a product is another double");
        assert_eq!(volume(&[file("stats/aseg.stats", &[(ETIV, etiv)])]), Some(etiv / 1000.0));
        assert_eq!(volume(&[file("stats/aseg.stats", &[("sTIV", etiv)])]), None);
    }
}

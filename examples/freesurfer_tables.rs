//! The tables that FreeSurfer's users know, from a store: those of `aparcstats2table` and `asegstats2table`, and ENIGMA's sheets.
//!
//! ```text
//! neuroalign-preprocess --freesurfer /data/freesurfer --discover -o store
//! cargo run --release --example freesurfer_tables -- store tables
//! ```
//!
//! A region that a session lacks is an empty cell, where FreeSurfer's tools write 0. Rows are called as BIDS calls folders.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Float64Type};
use na_store::{FeatureStore, ReadOptions};

/// Columns of the files with a hemisphere's parcellation, each with the word of `aparcstats2table`, and the measure that it adds.
const MEASURES: [(&str, &str, Option<&str>); 8] = [
    ("SurfArea", "area", Some("WhiteSurfArea")),
    ("GrayVol", "volume", None),
    ("ThickAvg", "thickness", Some("MeanThickness")),
    ("ThickStd", "thicknessstd", None),
    ("MeanCurv", "meancurv", None),
    ("GausCurv", "gauscurv", None),
    ("FoldInd", "foldind", None),
    ("CurvInd", "curvind", None),
];

/// ENIGMA's words for structures, without the side.
const ENIGMA: [(&str, &str); 8] = [
    ("LatVent", "Lateral-Ventricle"),
    ("thal", "Thalamus"),
    ("caud", "Caudate"),
    ("put", "Putamen"),
    ("pal", "Pallidum"),
    ("hippo", "Hippocampus"),
    ("amyg", "Amygdala"),
    ("accumb", "Accumbens-area"),
];

/// One number a session and region of a long table, regions in the order of the files.
#[derive(Default)]
struct Values {
    regions: Vec<String>,
    of: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Values {
    fn read(store: &FeatureStore, table: &str, label: &str, column: &str) -> Result<Self, Box<dyn Error>> {
        let mut values = Self::default();
        for batch in store.scan_long_with(table, &ReadOptions::default().without_metadata())? {
            values.add(&batch?, label, column);
        }
        Ok(values)
    }

    fn add(&mut self, batch: &RecordBatch, label: &str, column: &str) {
        let text = |name: &str| batch[name].as_string::<i32>();
        let Some(numbers) = batch.column_by_name(column) else { return };
        let numbers = numbers.as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let (subject, visit) = (text("subject_code").value(row), text("session_id"));
            let session = match visit.is_valid(row) {
                true => format!("sub-{subject}_ses-{}", visit.value(row)),
                false => format!("sub-{subject}"),
            };
            let region = text(label).value(row);
            if !self.regions.iter().any(|known| known == region) {
                self.regions.push(region.to_owned());
            }
            let of_session = self.of.entry(session).or_default();
            if numbers.is_valid(row) {
                of_session.insert(region.to_owned(), numbers.value(row));
            }
        }
    }

    fn cell(&self, session: &str, region: &str) -> String {
        let value = self.of.get(session).and_then(|of| of.get(region));
        value.map_or_else(String::new, |value| format!("{value:?}"))
    }
}

/// A table with a row a session.
struct Sheet {
    columns: Vec<String>,
    rows: BTreeMap<String, Vec<String>>,
}

impl Sheet {
    fn of(first: &str, sessions: &Values) -> Self {
        let rows = sessions.of.keys().map(|session| (session.clone(), Vec::new())).collect();
        Self { columns: vec![first.to_owned()], rows }
    }

    fn add(&mut self, column: impl Into<String>, values: &Values, region: &str) {
        self.columns.push(column.into());
        self.rows.iter_mut().for_each(|(session, cells)| cells.push(values.cell(session, region)));
    }

    fn write(&self, path: PathBuf, between: &str) -> Result<(), Box<dyn Error>> {
        let mut text = format!("{}\n", self.columns.join(between));
        for (session, cells) in &self.rows {
            text += &format!("{session}{between}{}\n", cells.join(between));
        }
        Ok(fs::write(path, text)?)
    }
}

/// `lh.aparc.thickness.tsv` and the like, as `aparcstats2table` writes them.
fn write_surfaces(store: &FeatureStore, globals: &Values, to: &Path) -> Result<(), Box<dyn Error>> {
    for (column, word, measure) in MEASURES {
        let values = Values::read(store, "anatomical_fs", "label", column)?;
        for side in ["lh", "rh"] {
            let name = format!("{side}.aparc.{word}");
            let mut sheet = Sheet::of(&name, &values);
            for region in values.regions.iter().filter(|region| region.starts_with(&format!("{side}_"))) {
                sheet.add(format!("{region}_{word}"), &values, region);
            }
            if let Some(measure) = measure {
                sheet.add(format!("{side}_{measure}_{word}"), globals, &format!("{side}_{measure}"));
            }
            for whole_brain in ["BrainSegVolNotVent", "eTIV"] {
                sheet.add(whole_brain, globals, whole_brain);
            }
            sheet.write(to.join(format!("{name}.tsv")), "\t")?;
        }
    }
    Ok(())
}

/// `aseg.volume.tsv` and the like, as `asegstats2table` writes them: volumes have the measures of `aseg.stats` behind them.
fn write_segmentation(store: &FeatureStore, globals: &Values, to: &Path) -> Result<(), Box<dyn Error>> {
    for (column, word) in [("Volume_mm3", "volume"), ("normMean", "mean"), ("normStdDev", "std")] {
        let values = Values::read(store, "anatomical_aseg", "StructName", column)?;
        let mut sheet = Sheet::of(&format!("Measure:{word}"), &values);
        values.regions.iter().for_each(|region| sheet.add(region, &values, region));
        if word == "volume" {
            let measures = measures_of_aseg(store)?;
            measures.iter().filter(|name| *name != "eTIV").for_each(|name| sheet.add(name, globals, name));
            sheet.add("EstimatedTotalIntraCranialVol", globals, "eTIV");
        }
        sheet.write(to.join(format!("aseg.{word}.tsv")), "\t")?;
    }
    Ok(())
}

/// The measures that stand in `aseg.stats`, in its order.
fn measures_of_aseg(store: &FeatureStore) -> Result<Vec<String>, Box<dyn Error>> {
    let mut measures: Vec<String> = Vec::new();
    for batch in store.scan_long_with("anatomical_fs_globals", &ReadOptions::default().without_metadata())? {
        let batch = batch?;
        let (labels, sources) = (batch["label"].as_string::<i32>(), batch["source"].as_string::<i32>());
        for (label, source) in labels.iter().zip(sources) {
            let label = label
                .filter(|label| source == Some("aseg.stats") && !measures.iter().any(|known| known == label));
            measures.extend(label.map(str::to_owned));
        }
    }
    Ok(measures)
}

/// ENIGMA's sheets of cortical thickness and area, and of structures; mm, mm² and mm³.
fn write_enigma(store: &FeatureStore, globals: &Values, to: &Path) -> Result<(), Box<dyn Error>> {
    let sides = [("L", "lh", "Left"), ("R", "rh", "Right")];
    for (column, word, file) in [("ThickAvg", "thickavg", "ThickAvg"), ("SurfArea", "surfavg", "SurfAvg")] {
        let values = Values::read(store, "anatomical_fs", "label", column)?;
        let mut sheet = Sheet::of("SubjID", &values);
        for (letter, side, _) in sides {
            for region in &values.regions {
                if let Some(name) = region.strip_prefix(&format!("{side}_")) {
                    sheet.add(format!("{letter}_{name}_{word}"), &values, region);
                }
            }
        }
        for (name, measure) in [("Thickness", "MeanThickness"), ("SurfArea", "WhiteSurfArea")] {
            for (letter, side, _) in sides {
                sheet.add(format!("{letter}{name}"), globals, &format!("{side}_{measure}"));
            }
        }
        sheet.add("ICV", globals, "eTIV");
        sheet.write(to.join(format!("CorticalMeasuresENIGMA_{file}.csv")), ",")?;
    }
    let values = Values::read(store, "anatomical_aseg", "StructName", "Volume_mm3")?;
    let mut sheet = Sheet::of("SubjID", &values);
    for (word, structure) in ENIGMA {
        for (letter, _, side) in sides {
            // Before version 7 it was called so.
            let proper = format!("{side}-{structure}-Proper");
            let name = if values.regions.contains(&proper) { proper } else { format!("{side}-{structure}") };
            sheet.add(format!("{letter}{word}"), &values, &name);
        }
    }
    sheet.add("ICV", globals, "eTIV");
    sheet.write(to.join("LandRvolumes.csv"), ",")
}

/// Writes all of them of a store into a folder.
///
/// # Errors
/// A store that cannot be read, or has nothing of FreeSurfer; a folder that cannot be written to.
pub(crate) fn write(store: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    let store = FeatureStore::open(store)?;
    let globals = Values::read(&store, "anatomical_fs_globals", "label", "value")?;
    write_surfaces(&store, &globals, to)?;
    write_segmentation(&store, &globals, to)?;
    write_enigma(&store, &globals, to)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [store, to] => write(store, to),
        _ => Err("call it with a STORE and a FOLDER".into()),
    }
}

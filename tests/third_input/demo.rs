//! The input: `demo/sub-S[/ses-E]/regions.csv`, cells between semicolons, -99 where there is no value. More of the regions may be in
//! `more.csv` beside it. Features say `fold` for folding, and `outside` is no region.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use na_model::{
    InputName, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot, TableKind, TableName,
    UnitKind,
};
use na_pipeline::{
    FileBytes, FoundTable, FoundUnit, Input, ParsedTable, PipelineError, RootList, SearchedFolder, TableRoot,
    UnitError,
};

pub(crate) const HEADER: &str = "parcel;thickness;folding";

#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) setting: SourceRoot,
    pub(crate) root: PathBuf,
    pub(crate) table: TableName,
}

impl Demo {
    /// Of the input, which is called as its table.
    fn name(&self) -> InputName {
        self.table.name().parse().unwrap()
    }
}

impl Input for Demo {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Anatomical, self.name())
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(self.setting.clone(), self.root.clone())]
    }

    fn looks_for(&self, table: &TableName) -> bool {
        *table == self.table
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        roots.add(TableRoot::new(self.setting.clone(), &self.root, [self.table.clone()]))
    }

    fn kind(&self, _: &TableName) -> TableKind {
        let metric = |name: &str, unit| (name.to_owned(), Metric { kind: MetricKind::Number, unit });
        TableKind {
            producer: "demo".to_owned(),
            input: self.name(),
            feature_prefix: self.table.name().to_owned(),
            measured: "cortex".to_owned(),
            metrics: BTreeMap::from([
                metric("thickness", MeasurementUnit::Millimetre),
                metric("folding", MeasurementUnit::Dimensionless),
            ]),
            default_metrics: vec!["thickness".to_owned()],
            atlas: None,
            words: BTreeMap::from([("folding".to_owned(), "fold".to_owned())]),
            no_regions: BTreeSet::from(["outside".to_owned()]),
            row_units: BTreeMap::new(),
            expected_rows: BTreeSet::new(),
            says_no_model: false,
            region_key: RegionKey { index: None, labels: vec!["parcel".to_owned()], hemispheres: Vec::new() },
        }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        let path = folder.path().join("regions.csv");
        let more = folder.path().join("more.csv");
        match (path.is_file(), more.is_file()) {
            (true, true) => {
                found.add(FoundTable::new(folder, self.table.clone(), None, path).and(folder, more));
            }
            (true, false) => found.add(FoundTable::new(folder, self.table.clone(), None, path)),
            (false, true) => found.add(FoundTable::new(folder, self.table.clone(), None, more)),
            (false, false) => {}
        }
        Ok(())
    }

    fn parse(
        &self,
        _: &FoundTable,
        files: &[FileBytes<'_>],
        _: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let (mut parcels, mut values) = (Vec::new(), [Vec::new(), Vec::new()]);
        let wrong = |path: &Path, line: usize, found: &str, expected: &str| UnitError::Line {
            path: path.to_owned(),
            line,
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        let lines = files.iter().flat_map(|FileBytes { path, bytes }| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines()
                .map(str::to_owned)
                .zip(1..)
                .map(|(text, line)| (*path, text, line))
                .collect::<Vec<_>>()
        });
        for (path, text, line) in lines {
            let wrong = |line, found: &str, expected: &str| wrong(path, line, found, expected);
            if line == 1 {
                match text == HEADER {
                    true => continue,
                    false => return Err(wrong(1, "another header", HEADER)),
                }
            }
            let cells: Vec<&str> = text.split(';').collect();
            let [parcel, statistics @ ..] = cells.as_slice() else { continue };
            if statistics.len() != values.len() {
                return Err(wrong(line, &text, "a parcel and two statistics"));
            }
            parcels.push((*parcel).to_owned());
            for (cell, values) in statistics.iter().zip(&mut values) {
                let value: f64 = cell.parse().map_err(|_| wrong(line, cell, "a number, or -99"))?;
                values.push((value != -99.0).then_some(value));
            }
        }
        let columns = values.map(|values| Arc::new(Float64Array::from(values)) as ArrayRef);
        let columns = [Arc::new(StringArray::from(parcels)) as ArrayRef].into_iter().chain(columns);
        let named = HEADER.split(';').zip(columns).map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(named)
            .map_err(|error| wrong(files[0].path, 1, &error.to_string(), HEADER))?;
        Ok(ParsedTable::new(batch))
    }
}

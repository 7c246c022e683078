//! CAT12's reports, `CAT12_ROOT/sub-S[/ses-E]/anat/[report/]cat_*.xml`: volumes of the whole brain, and the quality of the image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use na_model::columns::VOL_TIV;
use na_model::{
    InputName, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot, TableKind, TableName,
    UnitKind,
};

use crate::error::PipelineError;
use crate::inputs::cat12::has_reports;
use crate::inputs::cat12_files::REPORTS;
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::input::Input;
use crate::inputs::input_root::RootList;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::cat12_globals::{LABEL, VALUE, measures, parse_globals};
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// The table's name behind its modality. Its feature is called `cat12_globals`.
const TABLE: &str = "cat12_globals";

/// The measures that a report lacks only if CAT12 did not come to its end.
const VOLUMES: [&str; 4] = [VOL_TIV, "vol_CSF", "vol_GM", "vol_WM"];

/// CAT12's reports.
#[derive(Debug)]
pub(crate) struct Cat12Globals {
    /// CAT12's own output.
    pub(crate) root: PathBuf,
    pub(crate) is_wanted: bool,
    /// The run that is chosen where a session has several.
    pub(crate) run: Option<String>,
}

impl Input for Cat12Globals {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Anatomical, InputName::CAT12_GLOBALS)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::CAT12, self.root.clone())]
    }

    fn is_asked_for(&self) -> bool {
        self.is_wanted
    }

    fn offer(&self) -> Option<String> {
        has_reports(&self.root).then(|| {
            format!(
                "the reports in {} have volumes of the whole brain and the quality of each image: --cat12-globals (CAT12_GLOBALS=1) \
                 loads them",
                self.root.display()
            )
        })
    }

    fn asked(&self) -> Vec<String> {
        if self.is_wanted { vec![TABLE.to_owned()] } else { Vec::new() }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        Some(table) == self::table().as_ref()
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let tables: Vec<TableName> = table().into_iter().collect();
        REPORTS.add_roots(roots, &self.root, &tables, self.run.as_deref(), has_reports)
    }

    fn kind(&self, _: &TableName) -> TableKind {
        let value = Metric { kind: MetricKind::Number, unit: MeasurementUnit::Unknown };
        TableKind {
            producer: "CAT12".to_owned(),
            input: InputName::CAT12_GLOBALS,
            atlas: None,
            feature_prefix: "cat12".to_owned(),
            measured: TABLE.to_owned(),
            metrics: BTreeMap::from([(VALUE.to_owned(), value)]),
            default_metrics: vec![VALUE.to_owned()],
            words: BTreeMap::from([(VALUE.to_owned(), "globals".to_owned())]),
            says_no_model: false,
            region_key: RegionKey { index: None, labels: vec![LABEL.to_owned()], hemispheres: Vec::new() },
            no_regions: BTreeSet::new(),
            row_units: measures().filter_map(|(label, unit)| Some((label.to_owned(), unit?))).collect(),
            expected_rows: VOLUMES.map(str::to_owned).into(),
        }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        table().map_or(Ok(()), |table| REPORTS.find(folder, table, found))
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        _: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let FileBytes { path, bytes } = FileBytes::only(table, files)?;
        let globals = parse_globals(path, bytes)?;
        Ok(ParsedTable {
            remarks: globals.remarks,
            version: globals.version,
            volume: globals.volume,
            ..ParsedTable::new(globals.measures)
        })
    }
}

fn table() -> Option<TableName> {
    TableName::new(Modality::Anatomical, TABLE).ok()
}

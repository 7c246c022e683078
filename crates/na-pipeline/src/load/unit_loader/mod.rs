//! Reading one unit: its tables, their sidecars, and total intracranial volume, encoded for the cache.
//!
//! Knows one unit and its files. Promises all of it or an error, and that a sidecar or report that cannot be read costs
//! a note and no measurement. Begin with [`load`].

use std::path::{Path, PathBuf};
use std::rc::Rc;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::DataType;
use foldhash::{HashMap, HashMapExt};
use na_cache::{EncodedTable, EncodedUnit};
use na_model::columns::VOL_TIV;
use na_model::{
    Fingerprint, Modality, ReadAt, RegionSet, SourceFile, SourceKind, TivFinding, UnitKind, is_volume,
};

use crate::files::fingerprint::read_unless;
use crate::files::session_entities::FolderSession;
use crate::files::tiv_files::TivFile;
use crate::files::tiv_rank::{Rank, image_of_report};
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::unit_files::FoundUnit;
use crate::load::parsed_checks::{check_columns, check_regions};
use crate::load::sidecar_checks::{check_atlas, foreign_image};
use crate::load::tiv_choice::{Evidence, Reading, VolumeCandidate, choose, implausible};
use crate::parse::cat12_report::tiv_from_xml;
use crate::parse::parsed_table::{ParsedTable, Remark};
use crate::parse::sidecar::parse_sidecar;
use crate::parse::tiv_tsv::tiv_from_tsv;
use crate::parse::volume::Volume;
use crate::plan::unit_plan::PlannedUnit;
use crate::unit_error::UnitError;

/// A unit that was read, and what the user should know about it.
pub(crate) struct LoadedUnit {
    pub(crate) unit: EncodedUnit,
    pub(crate) notes: Vec<String>,
    /// What other units may have, too.
    pub(crate) remarks: Vec<Remark>,
}

/// Reads a unit's files; `None` if the run is asked to stop meanwhile. `regions` are those of the table read before,
/// which a table with the same regions shares; they become those of the unit's last table.
pub(crate) fn load(
    inputs: &ListedInputs,
    planned: &PlannedUnit,
    found: &FoundUnit,
    regions: &mut RegionSet,
    should_stop: &dyn Fn() -> bool,
) -> Result<Option<LoadedUnit>, UnitError> {
    match (UnitLoader {
        inputs,
        planned,
        found,
        regions,
        should_stop,
        shared: HashMap::new(),
        measured: None,
        volumes: Vec::new(),
    })
    .run()
    {
        Err(UnitError::Stopped) => Ok(None),
        loaded => loaded.map(Some),
    }
}

struct UnitLoader<'a> {
    inputs: &'a ListedInputs,
    planned: &'a PlannedUnit,
    found: &'a FoundUnit,
    regions: &'a mut RegionSet,
    should_stop: &'a dyn Fn() -> bool,
    /// The files that several tables are made of.
    shared: HashMap<PathBuf, Rc<(Vec<u8>, Fingerprint)>>,
    /// The volume that a table of the unit measures, mL, and its file.
    measured: Option<(PathBuf, f64)>,
    /// Every file that may hold TIV, with what was read there.
    volumes: Vec<VolumeCandidate>,
}

impl UnitLoader<'_> {
    fn run(mut self) -> Result<LoadedUnit, UnitError> {
        let mut loaded = LoadedUnit {
            unit: EncodedUnit {
                unit: self.planned.unit.clone(),
                read_at: ReadAt::now().after(self.planned.known_read_at),
                tiv: TivFinding::Unknown,
                tables: Vec::new(),
                sources: Vec::new(),
            },
            notes: self.found.tiv.notes.clone(),
            remarks: Vec::new(),
        };
        let is_read = |table: &&FoundTable| !self.planned.kept.contains(&table.key());
        let tables: Vec<&FoundTable> = self.found.found.tables.iter().filter(is_read).collect();
        for together in tables.chunk_by(|one, other| one.shares_files_with(other)) {
            if (self.should_stop)() {
                return Err(UnitError::Stopped);
            }
            self.add_tables(together, &mut loaded)?;
        }
        if self.has_tiv_files() {
            for file in self.found.tiv.iter() {
                self.add_tiv_file(file, &mut loaded)?;
            }
            self.add_tiv(&mut loaded);
        } else if self.planned.unit.kind.volume_of().is_some() {
            self.add_measured(&mut loaded);
        }
        Ok(loaded)
    }

    /// Adds tables that are made of the same files.
    fn add_tables(&mut self, tables: &[&FoundTable], loaded: &mut LoadedUnit) -> Result<(), UnitError> {
        let Some(first) = tables.first() else { return Ok(()) };
        let mut read = Vec::with_capacity(1 + first.further.len());
        for (path, relative) in first.files() {
            read.push((path, relative, self.read(path)?));
        }
        let Some(known) = self.inputs.table(&first.table) else {
            let (path, table) = (first.path.clone(), first.table.to_string());
            return Err(UnitError::UnlistedTable { path, table });
        };
        let bytes = read.iter().map(|(path, _, read)| FileBytes { path, bytes: &read.0 });
        let parsed = known.input.parse_together(tables, &bytes.collect::<Vec<_>>(), self.should_stop)?;
        if parsed.len() != tables.len() {
            let found = format!("{} tables that its input made of it", parsed.len());
            return Err(UnitError::form(&first.path, found, "as many as it found there"));
        }
        let files: Vec<SourceFile> =
            read.iter().map(|(_, relative, read)| source(first, relative, read.1.clone())).collect();
        let Some(source) = files.first() else { return Ok(()) };
        let json = self.read_sidecar(first, source, loaded)?;
        for (table, parsed) in tables.iter().zip(parsed) {
            let own = |source: &SourceFile| SourceFile { map: table.map.clone(), ..source.clone() };
            self.add_table(table, parsed, files.iter().map(own).collect(), json.as_ref().map(own), loaded)?;
        }
        Ok(())
    }

    /// Adds a table with its files and its sidecar.
    fn add_table(
        &mut self,
        table: &FoundTable,
        parsed: ParsedTable,
        mut files: Vec<SourceFile>,
        json: Option<SourceFile>,
        loaded: &mut LoadedUnit,
    ) -> Result<(), UnitError> {
        let Some(known) = self.inputs.table(&table.table) else { return Ok(()) };
        check_columns(table, &parsed.batch, &known.kind)?;
        loaded.notes.extend(parsed.notes);
        loaded.remarks.extend(parsed.remarks);
        let mut sidecar = json.as_ref().and_then(|json| json.sidecar.clone());
        if let Some(version) = parsed.version {
            sidecar.get_or_insert_default().software_version = Some(version);
        }
        files.iter_mut().for_each(|file| file.sidecar.clone_from(&sidecar));
        if let Some(volume) = parsed.volume {
            files.iter_mut().take(1).for_each(|file| file.tiv = Some(volume));
            self.measured = Some((table.path.clone(), volume));
        }
        if self.has_tiv_files() && known.kind.metrics.contains_key(VOL_TIV) {
            self.volumes.push(VolumeCandidate {
                root: table.root.clone(),
                path: table.path.clone(),
                relative: table.relative.clone(),
                reading: Reading::Volumes(own_volume(&parsed.batch).into_iter().collect()),
            });
        }
        loaded.unit.sources.extend(files);
        loaded.unit.sources.extend(json.map(|json| SourceFile { sidecar: None, ..json }));
        let (name, map) = (table.table.clone(), table.map.clone());
        let encoded = EncodedTable::encode_as(&known.kind, name, map, &parsed.batch, self.regions)
            .map_err(|error| UnitError::NotCacheable { path: table.path.clone(), source: Box::new(error) })?;
        check_regions(table, &parsed.batch, &encoded)?;
        self.regions.clone_from(encoded.regions());
        loaded.unit.tables.push(encoded);
        Ok(())
    }

    /// A file's bytes. One that several tables are made of is read once.
    fn read(&mut self, path: &Path) -> Result<Rc<(Vec<u8>, Fingerprint)>, UnitError> {
        if let Some(read) = self.shared.get(path) {
            return Ok(Rc::clone(read));
        }
        let read = Rc::new(read_unless(path, self.should_stop)?);
        let n_tables = self.found.found.tables.iter().filter(|table| table.files().any(|(of, _)| of == path));
        if n_tables.count() > 1 {
            self.shared.insert(path.to_owned(), Rc::clone(&read));
        }
        Ok(read)
    }

    /// A table's sidecar as a source. One that cannot be parsed is a note, and still a source: a change of it is
    /// noticed.
    fn read_sidecar(
        &self,
        table: &FoundTable,
        source: &SourceFile,
        loaded: &mut LoadedUnit,
    ) -> Result<Option<SourceFile>, UnitError> {
        let (Some(path), Some(relative)) = (&table.sidecar, table.sidecar_relative()) else {
            return Ok(None);
        };
        let mut note = |error: UnitError| match error {
            UnitError::Stopped => Err(error),
            error => {
                loaded.notes.push(format!("{error}; its table is loaded without it"));
                Ok(())
            }
        };
        let (bytes, fingerprint) = match read_unless(path, self.should_stop) {
            Ok(read) => read,
            Err(error) => return note(error).map(|()| None),
        };
        let sidecar = match parse_sidecar(path, &bytes) {
            Ok(sidecar) => Some(sidecar),
            Err(error) => note(error).map(|()| None)?,
        };
        if let Some(sidecar) = &sidecar {
            check_atlas(table, path, sidecar)?;
            loaded.remarks.extend(foreign_image(table, sidecar));
        }
        let kind = SourceKind::Sidecar;
        Ok(Some(SourceFile { kind, path: relative, fingerprint, sidecar, ..source.clone() }))
    }

    /// Reads a file that may hold TIV. One that cannot be read costs no measurement.
    fn add_tiv_file(&mut self, file: &TivFile, loaded: &mut LoadedUnit) -> Result<(), UnitError> {
        let reading = match read_unless(&file.path, self.should_stop) {
            Ok((bytes, fingerprint)) => {
                loaded.unit.sources.push(SourceFile {
                    kind: SourceKind::Tiv,
                    table: None,
                    map: None,
                    root: Some(file.root.clone()),
                    tiv: None,
                    read_at: ReadAt::UNKNOWN,
                    path: file.relative.clone(),
                    fingerprint,
                    mask_entity: None,
                    sidecar: None,
                });
                // A file is not parsed if a more trusted one has a volume.
                if self.volumes.iter().any(|read| read.has_volume_above(file.rank)) {
                    Ok(Vec::new())
                } else {
                    volumes_in(file, &bytes, &mut loaded.notes)
                }
            }
            Err(error) => Err(error),
        };
        let reading = match reading {
            Ok(volumes) => Reading::Volumes(volumes),
            Err(UnitError::Stopped) => return Err(UnitError::Stopped),
            Err(error) => {
                loaded.notes.push(format!("{error}; TIV is looked for elsewhere"));
                Reading::Unreadable
            }
        };
        let (root, path, relative) = (file.root.clone(), file.path.clone(), file.relative.clone());
        self.volumes.push(VolumeCandidate { root, path, relative, reading });
        Ok(())
    }

    fn add_tiv(&self, loaded: &mut LoadedUnit) {
        let sidecars = loaded.unit.sources.iter().filter_map(|source| source.sidecar.as_ref());
        let originals: Vec<String> = sidecars.filter_map(|sidecar| sidecar.original_file.clone()).collect();
        let looked = self.found.tiv.looked();
        let known = &self.planned.known_tiv;
        let mut choice =
            choose(&Evidence { candidates: &self.volumes, originals: &originals, looked, known });
        if choice.finding == TivFinding::Kept && self.planned.loses_volume {
            choice.finding = TivFinding::Unknown;
        }
        loaded.unit.tiv = choice.finding;
        // Where no input has a volume to give, nobody misses one.
        if self.volumes.is_empty() && looked.is_empty() {
            choice.notes.clear();
        }
        loaded.notes.extend(choice.notes.into_iter().map(|note| format!("{}: {note}", self.planned.unit)));
        match choice.finding {
            TivFinding::Measured(volume) => {
                let is_chosen = |source: &&mut SourceFile| {
                    choice.source.as_ref().is_some_and(|(root, path)| {
                        source.root.as_ref() == Some(root) && source.path == *path
                    })
                };
                if let Some(source) = loaded.unit.sources.iter_mut().find(is_chosen) {
                    source.tiv = Some(volume);
                }
            }
            TivFinding::Kept => self.keep_tiv_files(loaded),
            TivFinding::Unknown => {}
        }
    }

    /// Whether the volume is looked for in files beside the tables.
    fn has_tiv_files(&self) -> bool {
        self.planned.unit.kind == UnitKind::of_parcellate(Modality::Anatomical)
    }

    /// The volume that a table of the unit measures. Without it the unit has none, unless its file is gone.
    fn add_measured(&self, loaded: &mut LoadedUnit) {
        loaded.unit.tiv = match &self.measured {
            Some((path, volume)) if is_volume(*volume) => {
                loaded.notes.extend(implausible(path, *volume));
                TivFinding::Measured(*volume)
            }
            Some((path, volume)) => {
                loaded.notes.push(format!(
                    "{}: a total intracranial volume of {volume} mL is no volume, and is not taken",
                    path.display()
                ));
                TivFinding::Unknown
            }
            None if self.planned.kept.is_empty() => TivFinding::Unknown,
            None => TivFinding::Kept,
        };
    }

    /// Keeps the files of a volume that stays as sources of the unit.
    fn keep_tiv_files(&self, loaded: &mut LoadedUnit) {
        for known in self.planned.known_tiv.iter().filter(|known| known.kind == SourceKind::Tiv) {
            match loaded.unit.sources.iter_mut().find(|source| source.path == known.path) {
                Some(source) => source.tiv = known.tiv,
                None if known.tiv.is_some() || !self.has_looked_for(known) => {
                    loaded.unit.sources.push(known.clone());
                }
                None => {}
            }
        }
    }

    fn has_looked_for(&self, known: &SourceFile) -> bool {
        self.found.tiv.looked().contains(&known.root_in(self.planned.unit.modality()))
    }
}

/// A file of a table as a source, without its sidecar.
fn source(table: &FoundTable, relative: &str, fingerprint: Fingerprint) -> SourceFile {
    SourceFile {
        kind: SourceKind::Table,
        table: Some(table.table.to_string()),
        map: table.map.clone(),
        root: Some(table.root.clone()),
        tiv: None,
        read_at: ReadAt::UNKNOWN,
        path: relative.to_owned(),
        fingerprint,
        mask_entity: table.mask_entity.clone(),
        sidecar: None,
    }
}

fn volumes_in(file: &TivFile, bytes: &[u8], notes: &mut Vec<String>) -> Result<Vec<Volume>, UnitError> {
    if matches!(file.rank, Rank::Table(_)) {
        let folder = FolderSession::of(&file.relative);
        let (volumes, of_others): (Vec<Volume>, Vec<Volume>) = tiv_from_tsv(&file.path, bytes)?
            .into_iter()
            .partition(|volume| folder.other_session(&volume.image).is_none());
        if let Some(other) = of_others.first() {
            notes.push(format!(
                "{}: {} rows are of other sessions by their source_file, such as {}; total intracranial volume is not taken \
                 from them",
                file.path.display(),
                of_others.len(),
                other.image
            ));
        }
        return Ok(volumes);
    }
    let name = file.relative.rsplit('/').next().unwrap_or_default();
    let image = image_of_report(name).unwrap_or_default();
    let volume = tiv_from_xml(&file.path, bytes)?;
    Ok(volume
        .into_iter()
        .map(|ml| Volume { rank: file.rank, image: image.to_owned(), millilitres: ml })
        .collect())
}

/// The volume in a table's `vol_TIV`, which is the same in all rows; a column of whole millilitres is of integers.
fn own_volume(batch: &RecordBatch) -> Option<Volume> {
    let column = batch.column_by_name(VOL_TIV)?;
    let first = (0..column.len()).find(|row| column.is_valid(*row))?;
    let millilitres = match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(first),
        #[expect(clippy::cast_precision_loss, reason = "no head has 2^53 mL")]
        DataType::Int64 => column.as_primitive::<Int64Type>().value(first) as f64,
        _ => return None,
    };
    is_volume(millilitres).then(|| Volume { rank: Rank::OwnColumn, image: String::new(), millilitres })
}

#[cfg(test)]
mod tests;

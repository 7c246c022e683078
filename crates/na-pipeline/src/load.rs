//! Reading one unit: its tables, their sidecars, its TIV, and the form in which it is committed.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use na_cache::{EncodedTable, EncodedUnit};
use na_model::{Modality, ReadAt, SourceFile, SourceKind, TivFinding};

use crate::find::FoundUnit;
use crate::fingerprint::read_with_fingerprint;
use crate::plan::PlannedUnit;
use crate::sidecar::parse_sidecar;
use crate::sources::FoundTable;
use crate::tiv::{FoundTiv, tiv_from_tsv, tiv_from_xml};
use crate::tsv::{ParsedTable, parse_table};
use crate::unit_error::UnitError;

/// A unit that was read, and what the user should know of it.
pub(crate) struct LoadedUnit {
    pub(crate) unit: EncodedUnit,
    pub(crate) notes: Vec<String>,
}

/// Reads a unit's files.
pub(crate) fn load(
    planned: &PlannedUnit,
    found: &FoundUnit,
    should_stop: &dyn Fn() -> bool,
) -> Result<Option<LoadedUnit>, UnitError> {
    let mut loaded = LoadedUnit {
        unit: EncodedUnit {
            unit: planned.unit.clone(),
            read_at: ReadAt::now().after(planned.known_read_at),
            tiv: TivFinding::Unknown,
            tables: Vec::new(),
            sources: Vec::new(),
        },
        notes: Vec::new(),
    };
    let mut tiv_in_table = None;
    for table in &found.found.tables {
        if should_stop() {
            return Ok(None);
        }
        let parsed = loaded.add_table(table)?;
        if tiv_in_table.is_none() {
            tiv_in_table = tiv_column(&parsed).map(|ml| FoundTiv::new(&table.path, ml));
        }
    }
    if planned.unit.modality == Modality::Anatomical {
        loaded.add_tiv(found, tiv_in_table)?;
    }
    Ok(Some(loaded))
}

impl LoadedUnit {
    fn add_table(&mut self, table: &FoundTable) -> Result<ParsedTable, UnitError> {
        let (bytes, fingerprint) = read_with_fingerprint(&table.path)?;
        let parsed = parse_table(&table.path, &bytes)?;
        let mut source = SourceFile {
            kind: SourceKind::Table,
            table: Some(table.table.to_string()),
            map: table.map.clone(),
            root: None,
            tiv: None,
            read_at: ReadAt::UNKNOWN,
            path: table.relative.clone(),
            fingerprint,
            mask_entity: table.mask_entity.clone(),
            sidecar: None,
        };
        let mut json = None;
        if let (Some(path), Some(relative)) = (&table.sidecar, table.sidecar_relative()) {
            let (bytes, fingerprint) = read_with_fingerprint(path)?;
            source.sidecar = Some(parse_sidecar(path, &bytes)?);
            json = Some(SourceFile {
                kind: SourceKind::Sidecar,
                path: relative,
                fingerprint,
                sidecar: None,
                ..source.clone()
            });
        }
        self.unit.sources.push(source);
        self.unit.sources.extend(json);
        let encoded =
            EncodedTable::encode(table.table.clone(), table.map.clone(), &parsed.batch, parsed.region_column)
                .map_err(|error| {
                    UnitError::form(&table.path, error.to_string(), "a table that Arrow can hold")
                })?;
        self.unit.tables.push(encoded);
        Ok(parsed)
    }

    fn add_tiv(&mut self, found: &FoundUnit, in_table: Option<FoundTiv>) -> Result<(), UnitError> {
        let mut tiv = None;
        for (path, relative) in &found.tiv {
            let (bytes, fingerprint) = read_with_fingerprint(path)?;
            let is_xml = path.extension().is_some_and(|extension| extension == "xml");
            if tiv.is_none() {
                let read = if is_xml { tiv_from_xml(path, &bytes) } else { tiv_from_tsv(path, &bytes) };
                match read {
                    Ok(ml) => tiv = ml.map(|ml| FoundTiv::new(path, ml)),
                    // A report that was cut says nothing of the image: the next file may.
                    Err(error) => self.notes.push(format!("{error}; TIV is looked for elsewhere")),
                }
            }
            self.unit.sources.push(SourceFile {
                kind: SourceKind::Tiv,
                table: None,
                map: None,
                root: None,
                tiv: None,
                read_at: ReadAt::UNKNOWN,
                path: relative.clone(),
                fingerprint,
                mask_entity: None,
                sidecar: None,
            });
        }
        match tiv.or(in_table) {
            Some(found) => {
                self.unit.tiv = TivFinding::Measured(found.millilitres);
                self.notes.extend(found.notes);
            }
            None => self.notes.push(format!(
                "{}: no total intracranial volume was found: CAT12 writes it into cat_*.xml under CAT12_ROOT",
                self.unit.unit
            )),
        }
        Ok(())
    }
}

/// The volume in a table's `vol_TIV`, which is the same in all rows. Whole millilitres are integers there.
fn tiv_column(parsed: &ParsedTable) -> Option<f64> {
    let column = parsed.batch.column_by_name("vol_TIV")?;
    let first = (0..column.len()).find(|row| column.is_valid(*row))?;
    let ml = match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(first),
        #[expect(clippy::cast_precision_loss, reason = "no head has 2^53 mL")]
        DataType::Int64 => column.as_primitive::<Int64Type>().value(first) as f64,
        _ => return None,
    };
    (ml.is_finite() && ml > 0.0).then_some(ml)
}

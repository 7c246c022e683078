//! What leaves a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use foldhash::HashSet;
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::source_file::{SourceFile, SourceKind};
use crate::table::{MapSource, TableName};
use crate::unit::Unit;

/// What leaves a store, by unit. All else of a unit stays.
///
/// ```
/// use na_model::{Modality, Removals, Session, SubjectCode, TableName, Unit};
///
/// let session = Session::new(SubjectCode::clean("7")?, None);
/// let table = TableName::parse("anatomical_gm")?;
/// let mut removals = Removals::default();
/// let unit = Unit::of_parcellate(session, Modality::Anatomical);
/// removals.add_table(unit.clone(), table.clone(), None);
/// assert!(removals.takes_table(&unit, &table, None));
/// assert!(!removals.takes_table(&unit, &TableName::parse("anatomical_wm")?, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Unit, Leaving)>", into = "Vec<(Unit, Leaving)>")]
pub struct Removals(BTreeMap<Unit, Leaving>);

/// What leaves of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaving {
    /// Everything.
    All,
    /// Some of it.
    Parts(Parts),
}

/// Parts of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Tables, or maps of tables.
    pub tables: BTreeSet<(TableName, Option<MapSource>)>,
    /// Whether total intracranial volume is among them.
    pub volume: bool,
}

impl Parts {
    /// Takes what is known of their files out of what is known of a unit's.
    pub fn take_out(&self, sources: &mut Vec<SourceFile>) {
        sources.retain(|source| !self.include(source));
        if self.volume {
            sources.iter_mut().for_each(|source| source.tiv = None);
        }
    }

    /// Each part as users read it: `anatomical_gm`, `total intracranial volume`.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let tables = self.tables.iter().map(|(table, map)| table.with_map(map.as_ref()));
        tables.chain(self.volume.then(|| "total intracranial volume".to_owned()))
    }

    fn include(&self, source: &SourceFile) -> bool {
        match source.kind {
            SourceKind::Tiv => self.volume,
            SourceKind::Table | SourceKind::Sidecar => {
                source.table_name().is_some_and(|table| self.tables.contains(&(table, source.map.clone())))
            }
        }
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(", "))
    }
}

impl Removals {
    /// Takes a unit out whole.
    pub fn add_unit(&mut self, unit: Unit) {
        self.0.insert(unit, Leaving::All);
    }

    /// Takes a table of a unit out, or one map of it.
    pub fn add_table(&mut self, unit: Unit, table: TableName, map: Option<MapSource>) {
        if let Some(parts) = self.parts(unit) {
            parts.tables.insert((table, map));
        }
    }

    /// Takes the total intracranial volume of a unit's session out.
    pub fn add_volume(&mut self, unit: Unit) {
        if let Some(parts) = self.parts(unit) {
            parts.volume = true;
        }
    }

    /// The parts that leave of a unit; None if it leaves whole.
    fn parts(&mut self, unit: Unit) -> Option<&mut Parts> {
        match self.0.entry(unit).or_insert_with(|| Leaving::Parts(Parts::default())) {
            Leaving::All => None,
            Leaving::Parts(parts) => Some(parts),
        }
    }

    /// Keeps what leaves of some units, and lets all else of the others stay.
    pub fn retain(&mut self, leaves: impl Fn(&Unit) -> bool) {
        self.0.retain(|unit, _| leaves(unit));
    }

    /// Whether nothing leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The units, in their order, with what leaves of each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Unit, &Leaving)> {
        self.0.iter()
    }

    /// The sessions that lose anything.
    #[must_use]
    pub fn sessions(&self) -> HashSet<&Session> {
        self.0.keys().map(|unit| &unit.session).collect()
    }

    /// A line a unit: `sub-0007/ses-1 anatomical: anatomical_gm`, or the unit alone where it leaves whole.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(unit, leaving)| match leaving {
            Leaving::All => unit.to_string(),
            Leaving::Parts(parts) => format!("{unit}: {parts}"),
        })
    }

    /// What leaves of a unit. None if all of it stays.
    #[must_use]
    pub fn of(&self, unit: &Unit) -> Option<&Leaving> {
        self.0.get(unit)
    }

    /// Whether a unit leaves whole.
    #[must_use]
    pub fn takes_unit(&self, unit: &Unit) -> bool {
        self.0.get(unit) == Some(&Leaving::All)
    }

    /// Whether a unit's rows of a table, or of one map of it, leave.
    #[must_use]
    pub fn takes_table(&self, unit: &Unit, table: &TableName, map: Option<&MapSource>) -> bool {
        match self.0.get(unit) {
            None => false,
            Some(Leaving::All) => true,
            Some(Leaving::Parts(parts)) => {
                parts.tables.iter().any(|(name, of)| name == table && of.as_ref() == map)
            }
        }
    }

    /// Whether the total intracranial volume of a unit's session leaves.
    #[must_use]
    pub fn takes_volume(&self, unit: &Unit) -> bool {
        match self.0.get(unit) {
            None => false,
            Some(Leaving::All) => unit.kind.volume_of().is_some(),
            Some(Leaving::Parts(parts)) => parts.volume,
        }
    }
}

impl From<Vec<(Unit, Leaving)>> for Removals {
    fn from(units: Vec<(Unit, Leaving)>) -> Self {
        Self(units.into_iter().collect())
    }
}

impl From<Removals> for Vec<(Unit, Leaving)> {
    fn from(removals: Removals) -> Self {
        removals.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modality::Modality;
    use crate::session::SubjectCode;

    #[test]
    fn what_leaves_is_told_apart_from_what_stays_and_survives_being_written_down() {
        let session = |code| Session::new(SubjectCode::clean(code).unwrap(), None);
        let unit = |code, modality| Unit::of_parcellate(session(code), modality);
        let noddi = TableName::parse("diffusion_NODDI").unwrap();
        let map = |param: &str| MapSource { model: "n".into(), param: param.into(), desc: String::new() };
        let mut removals = Removals::default();
        removals.add_table(unit("1", Modality::Diffusion), noddi.clone(), Some(map("od")));
        removals.add_unit(unit("2", Modality::Diffusion));
        removals.add_table(unit("2", Modality::Diffusion), noddi.clone(), Some(map("od")));
        let lines: Vec<String> = removals.lines().collect();
        assert_eq!(lines, ["sub-0001 diffusion: diffusion_NODDI (model n, param od)", "sub-0002 diffusion"]);
        assert_eq!(removals.sessions(), [&session("1"), &session("2")].into_iter().collect());
        let read: Removals = serde_json::from_str(&serde_json::to_string(&removals).unwrap()).unwrap();
        assert_eq!(read, removals);
        let takes =
            |code, param| removals.takes_table(&unit(code, Modality::Diffusion), &noddi, Some(&map(param)));
        assert_eq!([takes("1", "od"), takes("1", "icvf"), takes("2", "icvf")], [true, false, true]);
        assert!(!removals.takes_unit(&unit("1", Modality::Diffusion)));
        assert!(removals.takes_unit(&unit("2", Modality::Diffusion)));
        assert!(removals.of(&unit("2", Modality::Anatomical)).is_none());
        removals.add_volume(unit("3", Modality::Anatomical));
        assert!(removals.takes_volume(&unit("3", Modality::Anatomical)));
        assert!(!removals.takes_volume(&unit("2", Modality::Diffusion)));
    }
}

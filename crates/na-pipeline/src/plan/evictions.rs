//! What the store has of one session from a folder that another session has a better claim to.

use std::path::PathBuf;

use foldhash::HashMap;
use na_model::{Parts, SourceFile, SourceKind, Unit};

use crate::files::roots::Root;
use crate::files::source_folder::{FolderName, RootKey, folder_of};
use crate::identifiers::name_match::{IdKind, Match, MatchKeys};
use crate::inputs::unit_finder::UnitFinder;

/// What leaves the store when the folder's own unit comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Eviction {
    /// The unit with the better claim.
    pub(crate) by: Unit,
    /// The unit that the store has it of.
    pub(crate) unit: Unit,
    pub(crate) parts: Parts,
    pub(crate) note: String,
}

/// Stored units from folders that are not named by their codes: to the others nobody has a better claim.
#[derive(Debug, Default)]
pub(crate) struct WeakClaims(HashMap<(RootKey, FolderName), Vec<WeakClaim>>);

#[derive(Debug)]
struct WeakClaim {
    unit: Unit,
    rule: Match,
    parts: Parts,
}

impl WeakClaims {
    /// Adds a stored unit.
    pub(crate) fn add(&mut self, unit: &Unit, sources: &[SourceFile]) {
        let session = &unit.session;
        let of_code = match session.id_str() {
            Some(id) => format!("sub-{}/ses-{id}/", session.subject),
            None => format!("sub-{}/", session.subject),
        };
        for source in sources.iter().filter(|source| !source.path.contains(&of_code)) {
            let Some((root, folder)) = folder_of(source, unit.modality()) else { continue };
            let rule = best_match(unit, &folder);
            if rule == Match::Code {
                continue;
            }
            let claims = self.0.entry((root, folder)).or_default();
            let index = claims.iter().position(|claim| claim.unit == *unit).unwrap_or_else(|| {
                claims.push(WeakClaim { unit: unit.clone(), rule, parts: Parts::default() });
                claims.len() - 1
            });
            if let Some(claim) = claims.get_mut(index) {
                let table = source.table_name().filter(|_| source.kind == SourceKind::Table);
                claim.parts.tables.extend(table.map(|table| (table, source.map.clone())));
                claim.parts.volume |= source.tiv.is_some();
            }
        }
    }

    /// What leaves for units that find, by a surer rule, a folder that the store has of another unit.
    pub(crate) fn evictions(
        &self,
        finder: &UnitFinder<'_>,
        comes_in: impl Fn(&Unit) -> bool,
    ) -> Vec<Eviction> {
        let mut evictions = Vec::new();
        for ((key, folder), claims) in &self.0 {
            let Some(root) = finder.inputs.roots.get(key) else { continue };
            for claim in claims {
                let Some((by, path)) = claim.better(finder, root, folder, &comes_in) else { continue };
                let note = format!(
                    "{}: what the store had from {} leaves it: the folder is {}'s",
                    claim.unit,
                    path.display(),
                    by.session
                );
                evictions.push(Eviction { by, unit: claim.unit.clone(), parts: claim.parts.clone(), note });
            }
        }
        evictions.sort_by(|first, second| (&first.unit, &first.note).cmp(&(&second.unit, &second.note)));
        evictions
    }
}

impl WeakClaim {
    /// The unit that comes in and finds the folder by a surer rule, and the folder's path.
    fn better(
        &self,
        finder: &UnitFinder<'_>,
        root: &Root,
        folder: &FolderName,
        comes_in: &dyn Fn(&Unit) -> bool,
    ) -> Option<(Unit, PathBuf)> {
        for (session, written) in finder.claims.near(folder, self.rule) {
            let unit = Unit::new(session.clone(), root.kind.clone());
            if *session == self.unit.session || !comes_in(&unit) {
                continue;
            }
            let Some(located) = finder.claims.locate(root, session, written).ok().flatten() else { continue };
            if located.name == *folder && located.rule < self.rule {
                return Some((unit, located.path));
            }
        }
        None
    }
}

/// How surely a folder belongs to a unit.
fn best_match(unit: &Unit, (subject, visit): &FolderName) -> Match {
    let rule = |kind, code: &str, folder: &str| {
        MatchKeys::of_code(code, None)
            .best_match(&MatchKeys::of_folder(kind, folder))
            .unwrap_or(Match::Number)
    };
    let of_subject = rule(IdKind::Subject, unit.session.subject.as_str(), subject);
    match (unit.session.id_str(), visit) {
        (Some(id), Some(visit)) => of_subject.max(rule(IdKind::Session, id, visit)),
        _ => of_subject,
    }
}

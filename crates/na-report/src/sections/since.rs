//! Since the last run: which units came, changed, failed, healed and went.

use std::collections::BTreeSet;

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::UnitStatus;
use na_store::ChangedUnits;

use crate::drawing::number::Count;
use crate::naming::{Lists, SessionLink};
use crate::sections::standing::Material;

/// Sessions that each kind names.
const NAMED: usize = 20;

#[derive(Template)]
#[template(path = "since.html")]
pub(crate) struct Since {
    /// `None` if the store does not tell.
    rows: Option<Vec<SinceRow>>,
    /// Whether all that is in the store came with the last run.
    is_first_load: bool,
}

impl HtmlSafe for Since {}

/// Units of one kind.
struct SinceRow {
    what: &'static str,
    n: Count,
    /// Of very many units the store knows the first alone.
    n_known: Option<Count>,
    named: Vec<SessionLink>,
    n_more: Count,
    /// Removed sessions are in no list: nothing of them is left.
    list: Option<usize>,
}

impl Since {
    pub(crate) fn of(material: Material<'_>, lists: &mut Lists) -> Self {
        let changes = material.cohort.changes.as_ref();
        let units = material.cohort.units.by_kind.values().flatten().flatten();
        let n_stored =
            units.filter(|facts| matches!(facts.status, UnitStatus::Loaded | UnitStatus::Partial)).count();
        let is_first_load = changes.is_some_and(|changes| changes.new.n > 0 && changes.new.n == n_stored);
        let rows = changes.map(|changes| {
            let is_told = |kind: &str| kind != "new" || !is_first_load;
            let rows = changes.kinds().filter(|(kind, units)| units.n > 0 && is_told(kind));
            rows.map(|(kind, units)| row(material, kind, units, lists)).collect()
        });
        Self { rows, is_first_load }
    }
}

fn row(material: Material<'_>, kind: &str, units: &ChangedUnits, lists: &mut Lists) -> SinceRow {
    let sessions: BTreeSet<usize> =
        units.units.iter().filter_map(|unit| material.cohort.sessions.index(&unit.session)).collect();
    let named = material.naming.links(sessions.iter().copied().take(NAMED));
    let what = match kind {
        "new" => "new",
        "changed" => "read again: their files, or what was asked for, changed",
        "kept" => "kept though files of theirs are gone",
        "failed" => "failed now",
        "healed" => "healed: they failed before",
        _ => "removed, whole or in part",
    };
    let n_more = Count(sessions.len() - named.len());
    let list = (!sessions.is_empty()).then(|| lists.add(what.to_owned(), sessions.into_iter().collect()));
    let n_known = (units.units.len() < units.n).then_some(Count(units.units.len()));
    SinceRow { what, n: Count(units.n), n_known, named, n_more, list }
}

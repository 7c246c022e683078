//! What became of each session's units, and which tables it has.

use std::collections::BTreeMap;
use std::path::PathBuf;

use foldhash::{HashMap, HashMapExt};
use na_model::{TableName, UnitKind, UnitOutcome, UnitStatus};
use na_store::SessionRow;

use crate::cohort::reason::{below_roots, kind};
use crate::cohort::sessions::Sessions;

/// What became of one unit of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnitFacts {
    pub(crate) status: UnitStatus,
    /// The index of its reason; 0 is none.
    pub(crate) reason: usize,
    /// The index of its reason's kind; 0 is none.
    pub(crate) kind: usize,
}

/// The units of a store.
#[derive(Debug)]
pub(crate) struct Units {
    /// The kinds of units that were looked for, each with its units by session. `None` for a session that was not looked for.
    pub(crate) by_kind: BTreeMap<UnitKind, Vec<Option<UnitFacts>>>,
    /// As `sessions.tsv` has them, with paths below their roots; the first is empty.
    pub(crate) reasons: Vec<String>,
    /// What reasons say without the names of files; the first is empty.
    pub(crate) kinds: Vec<String>,
    /// The long tables, in the store's order.
    pub(crate) tables: Vec<TableName>,
    /// The kind of the units that feed each.
    pub(crate) kinds_of_tables: Vec<UnitKind>,
    /// The combinations of tables that sessions have, each a flag a table.
    pub(crate) combinations: Vec<Vec<bool>>,
    /// The combination of each session.
    pub(crate) combination: Vec<usize>,
}

/// Texts, each once.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    indices: HashMap<String, usize>,
}

impl Texts {
    fn beginning_with_none() -> Self {
        let mut texts = Self::default();
        texts.index("");
        texts
    }

    fn index(&mut self, text: &str) -> usize {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        self.indices.insert(text.to_owned(), self.texts.len());
        self.texts.push(text.to_owned());
        self.texts.len() - 1
    }

    /// Sorts the texts, and returns the new index of each old one.
    fn sort(&mut self) -> Vec<usize> {
        self.texts.sort_unstable();
        let mut numbers = vec![0; self.texts.len()];
        for (new, text) in self.texts.iter().enumerate() {
            let old = self.indices.get(text).and_then(|old| numbers.get_mut(*old));
            old.into_iter().for_each(|old| *old = new);
        }
        numbers
    }
}

impl Units {
    pub(crate) fn of(
        rows: &[SessionRow],
        sessions: &Sessions,
        roots: &[PathBuf],
        kind_of: impl Fn(&TableName) -> UnitKind,
    ) -> Self {
        let mut tables: Vec<TableName> = rows.iter().flat_map(|row| row.tables.iter().cloned()).collect();
        tables.sort_unstable();
        tables.dedup();
        let positions: HashMap<&TableName, usize> = tables.iter().zip(0..).collect();
        let (mut reasons, mut kinds) = (Texts::beginning_with_none(), Texts::beginning_with_none());
        let mut by_kind: BTreeMap<UnitKind, Vec<Option<UnitFacts>>> = BTreeMap::new();
        let mut held = vec![vec![false; tables.len()]; sessions.len()];
        for row in rows {
            let Some(session) = sessions.index(&row.session) else { continue };
            for UnitOutcome { unit, status, reason: told } in row.units(&kind_of) {
                let reason = below_roots(&told, roots);
                let kind = if status == UnitStatus::Failed { kind(&told) } else { reason.clone() };
                let facts = UnitFacts { status, reason: reasons.index(&reason), kind: kinds.index(&kind) };
                let of_kind = by_kind.entry(unit.kind).or_insert_with(|| vec![None; sessions.len()]);
                of_kind.get_mut(session).into_iter().for_each(|of_session| *of_session = Some(facts));
            }
            for table in row.tables.iter().filter_map(|table| positions.get(table)) {
                let flag = held.get_mut(session).and_then(|held| held.get_mut(*table));
                flag.into_iter().for_each(|flag| *flag = true);
            }
        }
        let (combinations, combination) = combinations(held);
        // They are numbered alike whatever the order of the rows.
        let (of_reasons, of_kinds) = (reasons.sort(), kinds.sort());
        for facts in by_kind.values_mut().flatten().flatten() {
            let new = |numbers: &[usize], old: usize| numbers.get(old).copied().unwrap_or(0);
            facts.reason = new(&of_reasons, facts.reason);
            facts.kind = new(&of_kinds, facts.kind);
        }
        let kinds_of_tables = tables.iter().map(kind_of).collect();
        let (reasons, kinds) = (reasons.texts, kinds.texts);
        Self { by_kind, reasons, kinds, tables, kinds_of_tables, combinations, combination }
    }

    /// What became of a session's units, of those that were looked for.
    pub(crate) fn of_session(&self, session: usize) -> impl Iterator<Item = &UnitFacts> {
        self.by_kind.values().filter_map(move |units| units.get(session)?.as_ref())
    }

    /// The worst of what became of a session's units. `None` if none was looked for.
    pub(crate) fn worst(&self, session: usize) -> Option<UnitStatus> {
        self.of_session(session).map(|facts| facts.status).max_by_key(|status| severity(*status))
    }

    pub(crate) fn has_table(&self, session: usize, table: usize) -> bool {
        let combination =
            self.combination.get(session).and_then(|combination| self.combinations.get(*combination));
        combination.and_then(|tables| tables.get(table)).copied().unwrap_or(false)
    }
}

/// How bad a status is; 0 is good. The page's script knows statuses by this number.
pub(crate) fn severity(status: UnitStatus) -> u8 {
    match status {
        UnitStatus::Loaded => 0,
        UnitStatus::Partial => 1,
        UnitStatus::Missing => 2,
        UnitStatus::Failed => 3,
    }
}

/// The combinations that sessions have, the most frequent first, and that of each session.
fn combinations(held: Vec<Vec<bool>>) -> (Vec<Vec<bool>>, Vec<usize>) {
    let mut counts: HashMap<&[bool], usize> = HashMap::new();
    for tables in &held {
        *counts.entry(tables).or_default() += 1;
    }
    let mut combinations: Vec<(&[bool], usize)> = counts.into_iter().collect();
    combinations.sort_unstable_by(|(one, n), (other, m)| m.cmp(n).then_with(|| other.cmp(one)));
    let indices: HashMap<&[bool], usize> =
        combinations.iter().zip(0..).map(|((tables, _), index)| (*tables, index)).collect();
    let combination = held.iter().filter_map(|tables| indices.get(tables.as_slice()).copied()).collect();
    (combinations.into_iter().map(|(tables, _)| tables.to_vec()).collect(), combination)
}

#[cfg(test)]
mod tests {
    use arrow_array::{RecordBatch, StringArray};
    use na_model::columns::{SESSION, SUBJECT};
    use na_model::{InputName, Modality, Session};
    use std::sync::Arc;

    use super::*;

    fn row(
        subject: &str,
        modality: Modality,
        status: UnitStatus,
        tables: &[&str],
        reason: &str,
    ) -> SessionRow {
        let session = Session::from_store(subject, None).unwrap();
        let tables = tables.iter().map(|table| TableName::parse(table).unwrap()).collect();
        SessionRow { session, modality, status, tables, reason: reason.to_owned() }
    }

    #[test]
    fn a_session_is_as_bad_as_its_worst_modality() {
        use Modality::{Anatomical, Diffusion};
        use UnitStatus::{Failed, Loaded, Missing};
        let failed = "/root/sub-2/x.tsv: found nothing, expected a header";
        let rows = [
            row("0001", Anatomical, Loaded, &["anatomical_gm", "anatomical_wm"], ""),
            row("0001", Diffusion, Missing, &[], "no diffusion tables were found"),
            row("0002", Anatomical, Failed, &[], failed),
            row("0003", Anatomical, Loaded, &["anatomical_gm", "anatomical_wm"], ""),
        ];
        let nobody = RecordBatch::try_from_iter(
            [SUBJECT, SESSION].map(|name| (name, Arc::new(StringArray::from(Vec::<&str>::new())) as _)),
        );
        let sessions = Sessions::of(&rows, &nobody.unwrap()).unwrap();
        let kind_of = |table: &TableName| UnitKind::of_parcellate(table.modality());
        let units = Units::of(&rows, &sessions, &[PathBuf::from("/root")], kind_of);
        assert_eq!(
            [0, 1, 2].map(|session| units.worst(session)),
            [Some(Missing), Some(Failed), Some(Loaded)]
        );
        assert_eq!(units.combination, [0, 1, 0]);
        assert!(units.has_table(0, 1) && !units.has_table(1, 0));
        let facts = units.by_kind[&kind_of(&units.tables[0])][1].unwrap();
        assert_eq!(units.reasons[facts.reason], "sub-2/x.tsv: found nothing, expected a header");
        assert_eq!(units.kinds[facts.kind], "a file: expected a header");
        assert_eq!(units.by_kind[&UnitKind::of_parcellate(Diffusion)][1], None);
    }

    #[test]
    fn a_failure_of_one_input_is_one_whatever_the_others_have() {
        use Modality::Anatomical;
        let reason = |n: u8| {
            format!(
                "freesurfer failed: /fs/sub-{n}/stats/lh.aparc.stats, line 94: found 3 words, expected 10 words"
            )
        };
        let rows = [1, 2].map(|n| {
            row(&format!("000{n}"), Anatomical, UnitStatus::Partial, &["anatomical_gm"], &reason(n))
        });
        let nobody = RecordBatch::try_from_iter(
            [SUBJECT, SESSION].map(|name| (name, Arc::new(StringArray::from(Vec::<&str>::new())) as _)),
        );
        let sessions = Sessions::of(&rows, &nobody.unwrap()).unwrap();
        let units = Units::of(&rows, &sessions, &[], |table| UnitKind::of_parcellate(table.modality()));
        let of = |kind: &UnitKind| {
            units.by_kind[kind].iter().map(|facts| facts.unwrap().status).collect::<Vec<_>>()
        };
        assert_eq!(of(&UnitKind::of_parcellate(Anatomical)), [UnitStatus::Loaded; 2]);
        let freesurfer = UnitKind::new(Anatomical, InputName::FREESURFER);
        assert_eq!(of(&freesurfer), [UnitStatus::Failed; 2]);
        let kinds: Vec<usize> = units.by_kind[&freesurfer].iter().map(|facts| facts.unwrap().kind).collect();
        assert_eq!(kinds[0], kinds[1], "one fault is one line");
        assert_eq!(units.worst(0), Some(UnitStatus::Failed));
    }
}

//! What became of each session's modalities, and which tables it has.

use std::collections::BTreeMap;
use std::path::PathBuf;

use foldhash::{HashMap, HashMapExt};
use na_model::{Modality, TableName, UnitStatus};
use na_store::SessionRow;

use crate::cohort::reason::{below_roots, kind};
use crate::cohort::sessions::Sessions;

/// What became of one session of one modality.
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
    /// The modalities that were looked for, each with its units by session. `None` for a session that was not looked for.
    pub(crate) by_modality: BTreeMap<Modality, Vec<Option<UnitFacts>>>,
    /// As `sessions.tsv` has them, with paths below their roots; the first is empty.
    pub(crate) reasons: Vec<String>,
    /// What reasons say without the names of files; the first is empty.
    pub(crate) kinds: Vec<String>,
    /// The long tables, in the store's order.
    pub(crate) tables: Vec<TableName>,
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
    pub(crate) fn of(rows: &[SessionRow], sessions: &Sessions, roots: &[PathBuf]) -> Self {
        let mut tables: Vec<TableName> = rows.iter().flat_map(|row| row.tables.iter().cloned()).collect();
        tables.sort_unstable();
        tables.dedup();
        let positions: HashMap<&TableName, usize> = tables.iter().zip(0..).collect();
        let (mut reasons, mut kinds) = (Texts::beginning_with_none(), Texts::beginning_with_none());
        let mut by_modality: BTreeMap<Modality, Vec<Option<UnitFacts>>> = BTreeMap::new();
        let mut held = vec![vec![false; tables.len()]; sessions.len()];
        for row in rows {
            let Some(session) = sessions.index(&row.session) else { continue };
            let reason = below_roots(&row.reason, roots);
            let kind = if row.status == UnitStatus::Failed { kind(&row.reason) } else { reason.clone() };
            let facts =
                UnitFacts { status: row.status, reason: reasons.index(&reason), kind: kinds.index(&kind) };
            let of_modality = by_modality.entry(row.modality);
            let of_modality = of_modality.or_insert_with(|| vec![None; sessions.len()]);
            if let Some(of_session) = of_modality.get_mut(session) {
                *of_session = Some(facts);
            }
            for table in row.tables.iter().filter_map(|table| positions.get(table)) {
                let flag = held.get_mut(session).and_then(|held| held.get_mut(*table));
                flag.into_iter().for_each(|flag| *flag = true);
            }
        }
        let (combinations, combination) = combinations(held);
        // They are numbered alike whatever the order of the rows.
        let (of_reasons, of_kinds) = (reasons.sort(), kinds.sort());
        for facts in by_modality.values_mut().flatten().flatten() {
            let new = |numbers: &[usize], old: usize| numbers.get(old).copied().unwrap_or(0);
            facts.reason = new(&of_reasons, facts.reason);
            facts.kind = new(&of_kinds, facts.kind);
        }
        Self { by_modality, reasons: reasons.texts, kinds: kinds.texts, tables, combinations, combination }
    }

    /// What became of a session's modalities, of those that were looked for.
    pub(crate) fn of_session(&self, session: usize) -> impl Iterator<Item = &UnitFacts> {
        self.by_modality.values().filter_map(move |units| units.get(session)?.as_ref())
    }

    /// The worst of what became of a session's modalities. `None` if none was looked for.
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
    use na_model::Session;
    use na_model::columns::{SESSION, SUBJECT};
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
        let units = Units::of(&rows, &sessions, &[PathBuf::from("/root")]);
        assert_eq!(
            [0, 1, 2].map(|session| units.worst(session)),
            [Some(Missing), Some(Failed), Some(Loaded)]
        );
        assert_eq!(units.combination, [0, 1, 0]);
        assert!(units.has_table(0, 1) && !units.has_table(1, 0));
        let facts = units.by_modality[&Anatomical][1].unwrap();
        assert_eq!(units.reasons[facts.reason], "sub-2/x.tsv: found nothing, expected a header");
        assert_eq!(units.kinds[facts.kind], "a file: expected a header");
        assert_eq!(units.by_modality[&Diffusion][1], None);
    }
}

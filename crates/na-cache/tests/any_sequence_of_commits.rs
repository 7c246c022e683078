//! Whatever is committed, replaced, dropped half-way, reopened and removed: the cache holds what a map in memory would.
//!
//! `PROPTEST_CASES=10000 cargo test -p na-cache --test any_sequence_of_commits` tries so many sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use na_cache::{Cache, CachedUnit, EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, Fingerprint, ListedSession, Listing, MapSource, Modality, Session,
    SessionId, SourceFile, SourceKind, SubjectCode, TableName, TivFinding, Unit, UnitKind, UnitOutcome,
    UnitStatus, WideMetrics,
};
use proptest::prelude::*;

/// One session of one modality, in all the variants in which it may be committed.
#[derive(Debug, Clone, PartialEq)]
struct Content {
    tiv: TivFinding,
    /// The tables by name and map, and their cells.
    tables: BTreeMap<(&'static str, Option<&'static str>), Vec<Option<u64>>>,
    /// Reports that may have TIV, by number.
    reports: BTreeSet<usize>,
}

impl Content {
    /// What the cache has of a unit after this is committed over what it had: tables that were not read stay, and TIV where
    /// nothing was said of it.
    fn over(mut self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        for (key, cells) in &earlier.tables {
            self.tables.entry(*key).or_insert_with(|| cells.clone());
        }
        if self.tiv == TivFinding::Kept {
            self.tiv = earlier.tiv;
            self.reports.extend(&earlier.reports);
        }
        self
    }
}

type Key = (u8, Option<u8>, Modality);

#[derive(Debug, Clone)]
enum Step {
    /// Hands units to one writer and waits for it.
    Commit(Vec<(Key, Content)>),
    /// The same, but drops the writer without asking for its result.
    DroppedWriter(Vec<(Key, Content)>),
    Record(u8),
    Outcomes(Vec<Key>),
    Reopen,
    /// The owner releases the lock and takes it again.
    NewOwner,
    Remove,
}

fn key() -> impl Strategy<Value = Key> {
    let modality = prop_oneof![Just(Modality::Anatomical), Just(Modality::Diffusion)];
    (0..3u8, prop::option::of(0..2u8), modality)
}

fn unit() -> impl Strategy<Value = (Key, Content)> {
    let cells = || {
        let bits = any::<u64>().prop_filter("a finite number", |bits| f64::from_bits(*bits).is_finite());
        prop::collection::vec(prop::option::weighted(0.9, bits), 1..5)
    };
    let volume = prop_oneof![500.0..3000.0f64, Just(f64::MIN_POSITIVE), Just(5e-324)];
    let tiv = prop_oneof![
        1 => Just(TivFinding::Kept),
        1 => Just(TivFinding::Unknown),
        2 => volume.prop_map(TivFinding::Measured),
    ];
    let tables = prop::collection::btree_map(0..3usize, cells(), 0..3);
    let reports = prop::collection::btree_set(0..4usize, 0..3);
    (key(), tiv, tables, reports).prop_map(|(key, tiv, tables, reports)| {
        let names = match key.2 {
            Modality::Anatomical => {
                [("anatomical_gm", None), ("anatomical_wm", None), ("anatomical_ct", None)]
            }
            Modality::Diffusion => [
                ("diffusion_A", Some("od")),
                ("diffusion_A", Some("icvf")),
                ("diffusion_a \"b\"; DROP TABLE units", Some("é")),
            ],
        };
        let tables = tables.into_iter().map(|(place, cells)| (names[place], cells)).collect();
        (key, Content { tiv, tables, reports })
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(unit(), 0..12).prop_map(Step::Commit),
        2 => prop::collection::vec(unit(), 1..12).prop_map(Step::DroppedWriter),
        1 => any::<u8>().prop_map(Step::Record),
        1 => prop::collection::vec(key(), 0..4).prop_map(Step::Outcomes),
        2 => Just(Step::Reopen),
        1 => Just(Step::NewOwner),
        1 => Just(Step::Remove),
    ]
}

fn unit_of((subject, id, modality): Key) -> Unit {
    let id = id.and_then(|id| SessionId::clean(&id.to_string()).unwrap());
    Unit::of_parcellate(Session::new(SubjectCode::clean(&subject.to_string()).unwrap(), id), modality)
}

fn map_of(param: Option<&str>) -> Option<MapSource> {
    param.map(|param| MapSource { model: "noddi".into(), param: param.into(), desc: "unknown".into() })
}

fn batch_of(cells: &[Option<u64>]) -> RecordBatch {
    let n = i64::try_from(cells.len()).unwrap();
    let labels = StringArray::from_iter_values((1..=n).map(|index| format!("region {index}")));
    let values: Float64Array = cells.iter().map(|bits| bits.map(f64::from_bits)).collect();
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("index", Arc::new(Int64Array::from_iter_values(1..=n)), true),
        ("label", Arc::new(labels), true),
        ("mean", Arc::new(values), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn sources_of(content: &Content) -> Vec<SourceFile> {
    let source = |kind, table: Option<&str>, map, path: String| SourceFile {
        kind,
        table: table.map(str::to_owned),
        map,
        path,
        fingerprint: Fingerprint { size: u64::MAX >> 1, mtime_ns: i64::MIN, hash: "ab".into() },
        root: None,
        tiv: None,
        read_at: na_model::ReadAt::UNKNOWN,
        mask_entity: None,
        sidecar: None,
    };
    let tables = content.tables.keys().map(|(table, param)| {
        let path = format!("sub-1/'{table}' {param:?}\n.tsv");
        source(SourceKind::Table, Some(table), map_of(*param), path)
    });
    let reports = content.reports.iter().map(|n| source(SourceKind::Tiv, None, None, format!("cat_{n}.xml")));
    tables.chain(reports).collect()
}

fn encoded(key: Key, content: &Content) -> EncodedUnit {
    let table = |((table, param), cells): (&(&str, Option<&str>), &Vec<Option<u64>>)| {
        let table = TableName::parse(table).unwrap();
        EncodedTable::encode(table, map_of(*param), &batch_of(cells)).unwrap()
    };
    EncodedUnit {
        unit: unit_of(key),
        read_at: na_model::ReadAt::now(),
        tiv: content.tiv,
        tables: content.tables.iter().map(table).collect(),
        sources: sources_of(content),
    }
}

fn record_of(number: u8) -> RunRecord {
    let row = |subject: u8| ListedSession {
        session: unit_of((subject, None, Modality::Anatomical)).session,
        values: vec![Some(format!("{number}é\n")), None],
    };
    RunRecord::new(
        ExportSettings {
            atlas_name: format!("atlas '{number}'"),
            wide_metrics: WideMetrics::Default,
            compression: Compression::Zstd,
        },
        Listing {
            columns: vec!["AGE".into(), "a\"b".into()],
            rows: (0..number % 4).map(row).collect(),
            ..Listing::default()
        },
        Modality::ALL.map(UnitKind::of_parcellate).to_vec(),
    )
}

fn outcome_of(key: Key) -> UnitOutcome {
    UnitOutcome { unit: unit_of(key), status: UnitStatus::Failed, reason: "x.tsv, line 3\n".into() }
}

/// What the cache should hold, in plain memory.
#[derive(Debug, Default)]
struct Model {
    units: BTreeMap<Key, Content>,
    record: Option<u8>,
    outcomes: Vec<Key>,
    exists: bool,
}

impl Model {
    fn commit(&mut self, units: Vec<(Key, Content)>) {
        for (key, content) in units {
            let content = content.over(self.units.get(&key));
            self.units.insert(key, content);
        }
    }

    fn check(&self, output: &Path) {
        for cache in [Cache::open_existing(output).unwrap(), Cache::snapshot(output).unwrap()] {
            assert_eq!(cache.is_some(), self.exists);
            if let Some(cache) = cache {
                self.check_cache(&cache);
            }
        }
    }

    fn check_cache(&self, cache: &Cache) {
        let units = cache.units().unwrap();
        let names =
            |units: &mut dyn Iterator<Item = Unit>| units.map(|unit| unit.to_string()).collect::<Vec<_>>();
        // A session without an id comes before those with one, in the cache as in the keys here.
        assert_eq!(
            names(&mut units.iter().map(|unit| unit.unit.clone())),
            names(&mut self.units.keys().map(|key| unit_of(*key)))
        );
        for (unit, content) in units.iter().zip(self.units.values()) {
            check_unit(cache, unit, content);
        }
        let status = cache.status().unwrap();
        let of = |modality| self.units.keys().filter(|key| key.2 == modality).count();
        assert_eq!(status.anatomical_sessions, of(Modality::Anatomical));
        assert_eq!(status.diffusion_sessions, of(Modality::Diffusion));
        let tables: BTreeSet<TableName> = self
            .units
            .values()
            .flat_map(|content| content.tables.keys().map(|(name, _)| TableName::parse(name).unwrap()))
            .collect();
        assert_eq!(status.tables, tables.iter().cloned().collect::<Vec<_>>());
        let forms: BTreeSet<TableName> =
            cache.table_forms(&cache.units().unwrap()).unwrap().into_iter().map(|form| form.table).collect();
        assert_eq!(forms, tables);
        assert_eq!(cache.run_record().unwrap(), self.record.map(record_of));
        let outcomes: Vec<UnitOutcome> = self.outcomes.iter().copied().map(outcome_of).collect();
        assert_eq!(cache.outcomes().unwrap(), outcomes);
    }
}

fn check_unit(cache: &Cache, unit: &CachedUnit, content: &Content) {
    assert_eq!(unit.tiv, content.tiv);
    let by_path = |mut sources: Vec<SourceFile>| {
        sources.iter_mut().for_each(|source| source.read_at = na_model::ReadAt::UNKNOWN);
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        sources
    };
    assert_eq!(by_path(cache.sources(unit).unwrap()), by_path(sources_of(content)));
    assert_eq!(unit.tables.len(), content.tables.len());
    let mut decoded = 0;
    let names: BTreeSet<&str> = content.tables.keys().map(|(name, _)| *name).collect();
    for name in names {
        for table in cache.read_table(unit, &TableName::parse(name).unwrap()).unwrap() {
            let mut of_table = content.tables.iter().filter(|((table, _), _)| *table == name);
            let (_, cells) = of_table.find(|((_, param), _)| map_of(*param) == table.map).unwrap();
            let expected = batch_of(cells);
            assert_eq!(table.batch.schema(), expected.schema());
            // The bits: as numbers, 0.0 is -0.0.
            let bits = |batch: &RecordBatch| -> Vec<u64> {
                batch.column(2).to_data().buffer::<u64>(0)[..batch.num_rows()].to_vec()
            };
            assert_eq!(bits(&table.batch), bits(&expected));
            assert_eq!(table.batch.columns(), expected.columns());
            decoded += 1;
        }
    }
    assert_eq!(decoded, content.tables.len());
}

/// Hands units to a writer; the units that it said were safe, in order.
fn write(cache: &OwnedCache<'_>, units: &[(Key, Content)], is_finished: bool) -> Vec<Unit> {
    let committed = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&committed);
    let (writer, sender) =
        Writer::start(cache, move |unit| note.lock().unwrap().push(unit.unit.clone())).unwrap();
    units.iter().for_each(|(key, content)| sender.send(encoded(*key, content)).unwrap());
    drop(sender);
    if is_finished {
        writer.finish().unwrap();
    } else {
        drop(writer);
    }
    committed.lock().unwrap().clone()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_leaves_what_a_map_in_memory_would_hold(steps in prop::collection::vec(step(), 1..12)) {
        let output = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            let lock = OwnerLock::acquire(output.path()).unwrap();
            let mut cache = OwnedCache::open_or_create(&lock).unwrap();
            model.exists = true;
            model.check(output.path());
            for step in steps.by_ref() {
                match step {
                    Step::Commit(units) => {
                        let safe = write(&cache, &units, true);
                        prop_assert_eq!(safe, units.iter().map(|(key, _)| unit_of(*key)).collect::<Vec<_>>());
                        model.commit(units);
                    }
                    Step::DroppedWriter(units) => {
                        let safe = write(&cache, &units, false);
                        prop_assert_eq!(safe, units.iter().map(|(key, _)| unit_of(*key)).collect::<Vec<_>>());
                        model.commit(units);
                    }
                    Step::Record(number) => {
                        cache.write_run_record(&record_of(number)).unwrap();
                        (model.record, model.outcomes) = (Some(number), Vec::new());
                    }
                    Step::Outcomes(keys) => {
                        let outcomes: Vec<UnitOutcome> = keys.iter().copied().map(outcome_of).collect();
                        cache.write_outcomes(&outcomes).unwrap();
                        model.outcomes = keys;
                    }
                    Step::Reopen => {
                        drop(cache);
                        cache = OwnedCache::open_or_create(&lock).unwrap();
                    }
                    Step::NewOwner => break,
                    Step::Remove => {
                        cache.remove().unwrap();
                        model = Model::default();
                        model.check(output.path());
                        cache = OwnedCache::open_or_create(&lock).unwrap();
                        model.exists = true;
                    }
                }
                model.check_cache(&cache);
                model.check(output.path());
            }
        }
    }
}

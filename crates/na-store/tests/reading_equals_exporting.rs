//! What is read of a store with a cache is what would be read after an export, whatever happened before.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, cast::AsArray, types::Float64Type,
};
use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, Fingerprint, ListedSession, Listing, MapSource, Modality, ReadAt, Session,
    SourceFile, SourceKind, TableName, TivFinding, Unit, UnitKind, WideMetrics,
};
use na_store::{ExportRequest, FeatureStore, Origin, ReadOptions, StoreError, Unobserved, export};
use proptest::prelude::*;
use support::{StopAfter, seal, session, stored};

const SUBJECTS: [&str; 4] = ["1", "2", "3", "4"];

/// A table in all its variants: which columns and regions it has, and which values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Content {
    value: f64,
    has_std: bool,
    has_third_region: bool,
}

impl Content {
    fn regions(self) -> &'static [&'static str] {
        if self.has_third_region { &["b", "a", "c"] } else { &["b", "a"] }
    }

    fn mean(self, map: usize, region: usize) -> Option<f64> {
        let (map, place) =
            (f64::from(u32::try_from(map).unwrap()), f64::from(u32::try_from(region).unwrap()));
        (region != 1 || self.value > 0.2).then_some(self.value / 3.0 + place + 10.0 * map)
    }

    fn batch(self, map: usize) -> RecordBatch {
        let n = self.regions().len();
        let means: Float64Array = (0..n).map(|region| self.mean(map, region)).collect();
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("index", Arc::new(Int64Array::from_iter_values(1..=i64::try_from(n).unwrap()))),
            ("label", Arc::new(StringArray::from(self.regions().to_vec()))),
            ("mean", Arc::new(means)),
        ];
        if self.has_std {
            columns.insert(2, ("std", Arc::new(Float64Array::from(vec![self.value; n]))));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    }
}

/// A unit as it is read: some of its tables, and what it says of total intracranial volume.
#[derive(Debug, Clone, Copy)]
struct Reading {
    content: Content,
    brings: [bool; 2],
    tiv: TivFinding,
    /// How much before now it was read, seconds.
    ago: i64,
}

/// The tables of a modality, each with its map.
fn maps(modality: Modality) -> [(TableName, Option<MapSource>); 2] {
    let map =
        |param: &str| Some(MapSource { model: "noddi".into(), param: param.into(), desc: "unknown".into() });
    let table = |name| TableName::parse(name).unwrap();
    match modality {
        Modality::Anatomical => [(table("anatomical_gm"), None), (table("anatomical_ct"), None)],
        Modality::Diffusion => {
            [(table("diffusion_NODDI"), map("icvf")), (table("diffusion_NODDI"), map("od"))]
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Commit {
        subject: usize,
        modality: Modality,
        reading: Reading,
    },
    /// What was committed moves to parts, each unit by itself or all together.
    Seal {
        together: bool,
    },
    /// The session list is another: ages grow by so many years.
    Grow(u32),
    /// An export that is stopped when it looked so often whether to stop.
    StoppedExport {
        after: usize,
    },
    Export {
        keep_cache: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let content = (0.0..1.0f64, any::<[bool; 2]>()).prop_map(|(value, [a, b])| Content {
        value,
        has_std: a,
        has_third_region: b,
    });
    let tiv = prop_oneof![
        Just(TivFinding::Kept),
        Just(TivFinding::Unknown),
        (1000.0..2000.0f64).prop_map(TivFinding::Measured)
    ];
    let ago = prop_oneof![3 => Just(0), 1 => 1..1000_i64];
    let reading = (content, any::<[bool; 2]>(), tiv, ago).prop_map(|(content, brings, tiv, ago)| Reading {
        content,
        brings,
        tiv,
        ago,
    });
    let modality = prop_oneof![Just(Modality::Anatomical), Just(Modality::Diffusion)];
    prop_oneof![
        6 => (0..SUBJECTS.len(), modality, reading)
            .prop_map(|(subject, modality, reading)| Step::Commit { subject, modality, reading }),
        3 => any::<bool>().prop_map(|together| Step::Seal { together }),
        1 => (1..5u32).prop_map(Step::Grow),
        2 => (0..8usize).prop_map(|after| Step::StoppedExport { after }),
        2 => any::<bool>().prop_map(|keep_cache| Step::Export { keep_cache }),
    ]
}

/// What Parquet or a cache holds, in plain memory.
#[derive(Debug, Clone, Default)]
struct Layer {
    /// When each unit was read last.
    units: BTreeMap<(Session, Modality), ReadAt>,
    maps: BTreeMap<(Session, Modality, usize), (Content, ReadAt)>,
    /// What is said of volumes, and when that was read.
    tiv: BTreeMap<Session, (TivFinding, ReadAt)>,
}

impl Layer {
    /// Commits a unit to a cache.
    fn commit(&mut self, subject: &str, modality: Modality, reading: Reading, read_at: ReadAt) {
        let session = session(subject);
        let known = self.units.get(&(session.clone(), modality));
        let read_at = known.map_or(read_at, |known| read_at.after(*known));
        self.units.insert((session.clone(), modality), read_at);
        for map in (0..2).filter(|map| reading.brings[*map]) {
            self.maps.insert((session.clone(), modality, map), (reading.content, read_at));
        }
        if modality == Modality::Anatomical && reading.tiv != TivFinding::Kept {
            self.tiv.insert(session, (reading.tiv, read_at));
        }
    }

    /// This with a cache over it: of each map the later, and the same of volumes.
    fn under(&self, cache: &Self) -> Self {
        let mut all = self.clone();
        for (key, new) in &cache.maps {
            if all.maps.get(key).is_none_or(|old| old.1 <= new.1) {
                all.maps.insert(key.clone(), *new);
            }
        }
        for (session, new) in &cache.tiv {
            let read_at = cache.units[&(session.clone(), Modality::Anatomical)];
            if all.tiv.get(session).is_none_or(|old| old.1 <= read_at) {
                all.tiv.insert(session.clone(), *new);
            }
        }
        all.units.extend(cache.units.clone());
        all
    }
}

/// What a store should hold, in plain memory.
#[derive(Debug, Clone, Default)]
struct Model {
    layer: Layer,
    years: u32,
    /// The sessions whose metadata came with the last list that the store was told of.
    ages: BTreeMap<Session, f64>,
}

type Cells = BTreeMap<String, Option<u64>>;

impl Model {
    /// `table → session → map → region → column → bits`, flattened.
    fn long(&self, table: &str) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
        let volumes = self.volumes();
        for ((session, modality, map), (content, _)) in &self.layer.maps {
            let (name, source) = &maps(*modality)[*map];
            if name.to_string() != table {
                continue;
            }
            for (region, label) in content.regions().iter().enumerate() {
                let mean = content.mean(*map, region).map(f64::to_bits);
                let std = content.has_std.then(|| content.value.to_bits());
                let tiv = volumes.get(session).filter(|_| *modality == Modality::Anatomical);
                let tiv = tiv.copied().map(f64::to_bits);
                let age = self.ages.get(session).copied().map(f64::to_bits);
                let param = source.as_ref().map_or("", |source| source.param.as_str());
                rows.insert(format!("{session} {param} {label} {mean:?} {std:?} {tiv:?} {age:?}"));
            }
        }
        rows
    }

    /// A session's regions and their means.
    fn feature(&self, modality: Modality, map: usize) -> BTreeMap<Session, Cells> {
        let of = |(session, of, its): &(Session, Modality, usize), content: &Content| {
            (*of == modality && *its == map).then(|| {
                let regions = content.regions().iter().enumerate();
                let cells = regions.map(|(region, label)| {
                    ((*label).to_owned(), content.mean(map, region).map(f64::to_bits))
                });
                (session.clone(), cells.collect::<Cells>())
            })
        };
        let maps = self.layer.maps.iter();
        let mut rows: BTreeMap<Session, Cells> =
            maps.filter_map(|(key, (content, _))| of(key, content)).collect();
        let regions: BTreeSet<String> = rows.values().flat_map(Cells::keys).cloned().collect();
        for cells in rows.values_mut() {
            regions.iter().for_each(|region| {
                cells.entry(region.clone()).or_default();
            });
        }
        rows
    }

    fn volumes(&self) -> BTreeMap<Session, f64> {
        let measured = |(session, (tiv, _)): (&Session, &(TivFinding, ReadAt))| {
            Some((session.clone(), tiv.after(None)?))
        };
        self.layer.tiv.iter().filter_map(measured).collect()
    }

    fn tiv(&self) -> BTreeMap<Session, Cells> {
        let cells = |(session, tiv): (Session, f64)| {
            (session, Cells::from([("tiv".to_owned(), Some(tiv.to_bits()))]))
        };
        self.volumes().into_iter().map(cells).collect()
    }

    fn metadata(&self) -> BTreeMap<Session, Cells> {
        let sessions: BTreeSet<&Session> = self.layer.units.keys().map(|(session, _)| session).collect();
        let age = |session: &Session| self.ages.get(session).copied().map(f64::to_bits);
        sessions.into_iter().map(|s| (s.clone(), Cells::from([("AGE".to_owned(), age(s))]))).collect()
    }
}

/// A unit as it is read.
fn encoded(subject: &str, modality: Modality, reading: Reading, read_at: ReadAt) -> EncodedUnit {
    let brought = || maps(modality).into_iter().enumerate().filter(|(map, _)| reading.brings[*map]);
    let tables = brought().map(|(map, (table, source))| {
        EncodedTable::encode(table, source, &reading.content.batch(map)).unwrap()
    });
    let source = |kind, table: Option<String>, map: Option<MapSource>| SourceFile {
        kind,
        path: format!("{subject}/{kind}{table:?}{map:?}"),
        table,
        map,
        root: None,
        tiv: None,
        read_at,
        fingerprint: Fingerprint { size: 1, mtime_ns: 1, hash: "x".to_owned() },
        mask_entity: None,
        sidecar: None,
    };
    let mut sources: Vec<SourceFile> =
        brought().map(|(_, (table, map))| source(SourceKind::Table, Some(table.to_string()), map)).collect();
    let tiv = if modality == Modality::Anatomical { reading.tiv } else { TivFinding::Kept };
    if tiv != TivFinding::Kept {
        sources.push(SourceFile { tiv: tiv.after(None), ..source(SourceKind::Tiv, None, None) });
    }
    EncodedUnit {
        unit: Unit::of_parcellate(session(subject), modality),
        read_at,
        tiv,
        tables: tables.collect(),
        sources,
    }
}

fn record(years: u32) -> RunRecord {
    let age = |place: usize| 20 + u32::try_from(place).unwrap() + years;
    let rows = SUBJECTS.iter().enumerate().map(|(place, subject)| ListedSession {
        session: session(subject),
        values: vec![Some(age(place).to_string())],
    });
    RunRecord::new(
        ExportSettings {
            atlas_name: "A".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::None,
        },
        Listing { columns: vec!["AGE".to_owned()], rows: rows.collect(), ..Listing::default() },
        Modality::ALL.map(UnitKind::of_parcellate).to_vec(),
    )
}

/// The ages that the session list of these years has.
fn ages(years: u32) -> BTreeMap<Session, f64> {
    let age = |place: usize| f64::from(20 + u32::try_from(place).unwrap() + years);
    SUBJECTS.iter().enumerate().map(|(place, subject)| (session(subject), age(place))).collect()
}

/// The doubles of a batch, by session.
fn cells(batch: &RecordBatch) -> BTreeMap<Session, Cells> {
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let (subjects, ids) = (text("subject_code"), text("session_id"));
    let of = |row: usize| {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).skip(2);
        let cells = columns.map(|(field, column)| {
            let column = column.as_primitive::<Float64Type>();
            (field.name().clone(), column.is_valid(row).then(|| column.value(row).to_bits()))
        });
        let session = Session::from_store(subjects.value(row), Some(ids.value(row))).unwrap();
        (session, cells.collect())
    };
    let all: BTreeMap<Session, Cells> = (0..batch.num_rows()).map(of).collect();
    assert_eq!(all.len(), batch.num_rows(), "a session has two rows");
    all
}

fn long(store: &FeatureStore, table: &str, options: &ReadOptions) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    let mut n_rows = 0;
    for batch in store.scan_long_with(table, options).unwrap() {
        let batch = batch.unwrap();
        n_rows += batch.num_rows();
        let double = |name: &str, row: usize| {
            let column = batch.column_by_name(name)?.as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row).to_bits())
        };
        let text = |name: &str, row: usize| {
            batch.column_by_name(name).map_or("", |column| column.as_string::<i32>().value(row)).to_owned()
        };
        for row in 0..batch.num_rows() {
            let session =
                Session::from_store(&text("subject_code", row), Some(&text("session_id", row))).unwrap();
            let [mean, std, tiv, age] = ["mean", "std", "tiv", "AGE"].map(|name| double(name, row));
            let (param, label) = (text("param", row), text("label", row));
            rows.insert(format!("{session} {param} {label} {mean:?} {std:?} {tiv:?} {age:?}"));
        }
    }
    assert_eq!(rows.len(), n_rows, "a row is there twice");
    rows
}

/// Compares every read with the model.
fn check(store: &FeatureStore, model: &Model, origin: Origin) {
    let options = ReadOptions::default().without_metadata().from(origin);
    let long_options = ReadOptions::default().from(origin);
    for table in ["anatomical_gm", "anatomical_ct", "diffusion_NODDI"] {
        let expected = model.long(table);
        if expected.is_empty() {
            let is_unknown = matches!(
                store.scan_long_with(table, &long_options),
                Err(StoreError::UnknownName { what: "long table", .. })
            );
            assert!(is_unknown, "{table} should not be there");
        } else {
            assert_eq!(long(store, table, &long_options), expected, "{table} from {origin:?}");
        }
    }
    let features = [
        ("gm_mean", Modality::Anatomical, 0),
        ("ct_mean", Modality::Anatomical, 1),
        ("NODDI_noddi_icvf_mean", Modality::Diffusion, 0),
        ("NODDI_noddi_od_mean", Modality::Diffusion, 1),
    ];
    let mut there = Vec::new();
    for (name, modality, map) in features {
        let expected = model.feature(modality, map);
        if expected.is_empty() {
            let is_unknown = matches!(
                store.feature_batch(name, &options),
                Err(StoreError::UnknownName { what: "feature", .. })
            );
            assert!(is_unknown, "{name} should not be there");
        } else {
            assert_eq!(
                cells(&store.feature_batch(name, &options).unwrap()),
                expected,
                "{name} from {origin:?}"
            );
            there.push(name);
        }
    }
    let joined = match there.as_slice() {
        [] => BTreeMap::new(),
        there => cells(&store.features_batch(there, &options).unwrap()),
    };
    let sessions: BTreeSet<_> =
        features.iter().flat_map(|(_, modality, map)| model.feature(*modality, *map).into_keys()).collect();
    assert_eq!(joined.keys().cloned().collect::<BTreeSet<_>>(), sessions);
    if origin == Origin::Newest {
        assert_eq!(cells(&store.tiv_batch().unwrap()), model.tiv());
        assert_eq!(cells(&store.metadata_batch().unwrap()), model.metadata());
        let listed = store.list_features(None).unwrap();
        assert!(there.iter().all(|name| listed.contains(&(*name).to_owned())), "{listed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: support::cases(24), ..ProptestConfig::default() })]

    #[test]
    fn after_any_steps_every_read_is_what_was_committed_last(steps in prop::collection::vec(step(), 1..14)) {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let kept_open = FeatureStore::open(output.path()).unwrap();
        let (mut model, mut parquet, mut cached) = (Model::default(), Layer::default(), Model::default());
        let start = ReadAt::now();
        // None while an export that was stopped has left some files new and some old.
        let mut exported = Some(Model::default());
        for (place, step) in steps.into_iter().enumerate() {
            let cache = OwnedCache::open_or_create(&lock).unwrap();
            if let Step::Grow(years) = &step {
                model.years += years;
            }
            model.ages = ages(model.years);
            cached.ages.clone_from(&model.ages);
            let record = record(model.years);
            cache.write_run_record(&record).unwrap();
            let request = |keep_cache| ExportRequest { keep_cache, ..ExportRequest::new(record.clone()) };
            match step {
                Step::Grow(_) => drop(cache),
                Step::Seal { together } => seal(&cache, &record, if together { usize::MAX } else { 1 }),
                Step::Commit { subject, modality, reading } => {
                    let read_at = ReadAt(start.0 + 1_000_000 * (i64::try_from(place).unwrap() - reading.ago));
                    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
                    sender.send(encoded(SUBJECTS[subject], modality, reading, read_at)).unwrap();
                    drop(sender);
                    writer.finish().unwrap();
                    cached.layer.commit(SUBJECTS[subject], modality, reading, read_at);
                    model.layer = parquet.under(&cached.layer);
                }
                Step::StoppedExport { after } => {
                    let observer = StopAfter::looks(after);
                    let is_done = export(&lock, &stored(&lock), cache, &request(false), &observer).is_ok();
                    exported = is_done.then(|| model.clone());
                    if is_done {
                        parquet = model.layer.clone();
                        cached.layer = Layer::default();
                    }
                }
                Step::Export { keep_cache } => {
                    export(&lock, &stored(&lock), cache, &request(keep_cache), &Unobserved).unwrap();
                    exported = Some(model.clone());
                    parquet = model.layer.clone();
                    if !keep_cache {
                        cached.layer = Layer::default();
                    }
                }
            }
            check(&kept_open, &model, Origin::Newest);
            check(&FeatureStore::open(output.path()).unwrap(), &model, Origin::Newest);
            check(&kept_open, &cached, Origin::Cache);
            if let Some(exported) = &exported {
                check(&kept_open, exported, Origin::Parquet);
            }
        }
    }
}

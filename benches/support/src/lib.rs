//! Tables, units, stores and cohorts of the size that labs have: 456 regions × 57 columns, three tissues a session.
//!
//! The benches measure with them, and `examples/make_cohort.rs` writes a whole cohort. Whatever fails stops the bench.

use std::path::Path;

use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, ListedSession, Listing, Modality, Session, SessionId, SubjectCode,
    TableName, Unit, UnitKind, WideMetrics,
};
use na_pipeline::ParsedTable;
use na_pipeline::parse::regional_tsv::parse_table;
use na_store::{ExistingStore, ExportRequest, Sealer, Unobserved, export};
use table::{Content, REGIONS, text};

pub mod cohort;
pub mod lab;
pub mod made_up_store;
pub mod table;

/// The anatomical tables of a session.
pub const TISSUES: [&str; 3] = ["anatomical_gm", "anatomical_wm", "anatomical_ct"];

/// A table as the pipeline reads it.
pub fn parsed(content: &Content) -> ParsedTable {
    parse_table(Path::new("bench.tsv"), text(content).as_bytes()).unwrap()
}

/// The session with this number.
pub fn session(n: usize) -> Session {
    Session::new(SubjectCode::clean(&format!("{n:05}")).unwrap(), SessionId::clean("202501011200").unwrap())
}

/// A unit of some of the tissues, of an atlas of so many regions.
pub fn unit(n: usize, tissues: &[&str], regions: usize) -> EncodedUnit {
    let tables = tissues.iter().zip(0_u64..).map(|(tissue, place)| {
        let seed = u64::try_from(n).unwrap() * 3 + place;
        let table = parsed(&Content { regions, ..Content::anatomical(seed) });
        EncodedTable::encode(TableName::parse(tissue).unwrap(), None, &table.batch).unwrap()
    });
    EncodedUnit {
        unit: Unit::of_parcellate(session(n), Modality::Anatomical),
        read_at: na_model::ReadAt::now(),
        tiv: na_model::TivFinding::Measured(1500.0),
        tables: tables.collect(),
        sources: Vec::new(),
    }
}

/// A run that lists so many sessions with their ages.
pub fn record(sessions: usize) -> RunRecord {
    let row = |n| ListedSession { session: session(n), values: vec![Some(format!("{}.5", 20 + n % 60))] };
    RunRecord::new(
        ExportSettings {
            atlas_name: table::ATLAS.to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::default(),
        },
        Listing {
            columns: vec!["AGE".to_owned()],
            rows: (0..sessions).map(row).collect(),
            ..Listing::default()
        },
        vec![UnitKind::of_parcellate(Modality::Anatomical)],
    )
}

/// Commits sessions to the cache of a folder.
pub fn load(output: &Path, sessions: usize, tissues: &[&str]) {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    cache.write_run_record(&record(sessions)).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    (0..sessions).for_each(|n| sender.send(unit(n, tissues, REGIONS)).unwrap());
    drop(sender);
    writer.finish().unwrap();
}

/// Seals what the cache of a folder holds, as a load does meanwhile.
pub fn seal(output: &Path, sessions: usize) {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let of = (0..sessions).map(session).collect();
    let mut sealer = Sealer::new(&cache, None, &record(sessions), &of, None).unwrap();
    sealer.committed().end();
    sealer.run().unwrap();
}

/// Exports what the cache of a folder holds.
pub fn export_all(output: &Path, sessions: usize, keep_cache: bool) {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let request = ExportRequest { keep_cache, ..ExportRequest::new(record(sessions)) };
    export(&lock, &ExistingStore::open(lock.output()).unwrap(), cache, &request, &Unobserved).unwrap();
}

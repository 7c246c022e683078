//! A store of any size without the files that it would be read from: what costs a reader or a report much may not cost the disk as much.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, ListedSession, Listing, MapSource, Modality, ReadAt, TableName, TivFinding,
    Unit, UnitKind, WideMetrics,
};
use na_store::{ExistingStore, ExportRequest, Unobserved, export};

use crate::session;
use crate::table::{ATLAS, Random};

/// Sessions that are committed before they are exported: the cache stays smaller than the store, and few exports rewrite what is there.
const AT_ONCE: usize = 20_000;

/// Writes a store of one workflow with so many maps, each with a mean for so many regions.
pub fn write(output: &Path, sessions: usize, regions: usize, maps: usize) {
    let labels: ArrayRef =
        Arc::new((0..regions).map(|region| Some(format!("Region_{region}"))).collect::<StringArray>());
    for first in (0..sessions).step_by(AT_ONCE) {
        let lock = OwnerLock::acquire(output).unwrap();
        let cache = OwnedCache::open_or_create(&lock).unwrap();
        let record = record(sessions);
        cache.write_run_record(&record).unwrap();
        let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
        for n in first..(first + AT_ONCE).min(sessions) {
            sender.send(unit(n, &labels, maps)).unwrap();
        }
        drop(sender);
        writer.finish().unwrap();
        export(&lock, &ExistingStore::open(output).unwrap(), cache, &ExportRequest::new(record), &Unobserved)
            .unwrap();
    }
}

fn record(sessions: usize) -> RunRecord {
    let settings = ExportSettings {
        atlas_name: ATLAS.to_owned(),
        wide_metrics: WideMetrics::Default,
        compression: Compression::default(),
    };
    let row = |n| ListedSession { session: session(n), values: vec![Some(format!("{}.5", 20 + n % 60))] };
    let listing = Listing {
        columns: vec!["AGE".to_owned()],
        rows: (0..sessions).map(row).collect(),
        ..Listing::default()
    };
    RunRecord::new(settings, listing, vec![UnitKind::of_parcellate(Modality::Diffusion)])
}

fn unit(n: usize, labels: &ArrayRef, maps: usize) -> EncodedUnit {
    let table = |map: usize| {
        let mut random = Random::new((n * maps + map) as u64);
        // Four uniform numbers are near enough to a normal one.
        let mut value = |region: usize| {
            let sum: f64 = (0..4).map(|_| random.fraction()).sum();
            (1.0 + (region % 17) as f64) * (10.0 + sum)
        };
        let values: Float64Array = (0..labels.len()).map(|region| Some(value(region))).collect();
        let batch =
            RecordBatch::try_from_iter([("label", Arc::clone(labels)), ("mean", Arc::new(values) as _)]);
        let map = MapSource { model: "made".into(), param: format!("p{map:02}"), desc: "up".into() };
        EncodedTable::encode(TableName::parse("diffusion_MadeUp").unwrap(), Some(map), &batch.unwrap())
            .unwrap()
    };
    EncodedUnit {
        unit: Unit::of_parcellate(session(n), Modality::Diffusion),
        read_at: ReadAt::now(),
        tiv: TivFinding::Unknown,
        tables: (0..maps).map(table).collect(),
        sources: Vec::new(),
    }
}

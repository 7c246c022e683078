//! Units are replaced while their rows move to parts: of two versions the last one counts.

mod support;

use arrow_array::{cast::AsArray, types::Float64Type};
use na_cache::{OwnedCache, OwnerLock, Writer};
use na_model::Modality;
use na_store::{FeatureStore, ReadOptions, Sealer, Unobserved};
use support::{export_all, record, session, unit};

const SUBJECTS: [&str; 3] = ["1", "2", "3"];
const VERSIONS: u32 = 40;

#[test]
fn a_unit_that_is_replaced_while_it_is_sealed_has_its_last_rows() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let record = record(&SUBJECTS);
    cache.write_run_record(&record).unwrap();
    let sessions = SUBJECTS.iter().map(|subject| session(subject)).collect();
    let mut sealer = Sealer::new(&cache, None, &record, &sessions, Some(1)).unwrap();
    let committed = sealer.committed();
    std::thread::scope(|scope| {
        let sealing = scope.spawn(|| sealer.run());
        let noted = committed.clone();
        let (writer, sender) = Writer::start(&cache, move |unit| noted.unit(unit)).unwrap();
        for version in 1..=VERSIONS {
            for subject in SUBJECTS {
                sender.send(unit(subject, Modality::Anatomical, f64::from(version))).unwrap();
            }
        }
        drop(sender);
        writer.finish().unwrap();
        committed.end();
        sealing.join().unwrap().unwrap();
    });
    drop(sealer);
    let store = FeatureStore::open(output.path()).unwrap();
    let check = |store: &FeatureStore| {
        let batch = store.feature_batch("gm_mean", &ReadOptions::default()).unwrap();
        let values = batch.column_by_name("b").unwrap().as_primitive::<Float64Type>();
        assert_eq!(values.values(), &[f64::from(VERSIONS); 3]);
    };
    check(&store);
    export_all(&lock, cache, &record, false, &Unobserved).unwrap();
    check(&store);
    assert_eq!(
        store.scan_long("anatomical_gm").unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
        9
    );
}

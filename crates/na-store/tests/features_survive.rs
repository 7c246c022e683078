//! A feature read out of its file is what it was in the cache: every type, every null, sessions with and without an id.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::DataType;
use na_cache::{EncodedTable, EncodedUnit, OwnerLock};
use na_model::{Compression, Modality, Session, SessionId, SubjectCode, TableName, Unit};
use na_store::{FeatureStore, ReadOptions, Unobserved};
use proptest::prelude::*;
use support::{commit, export_all, record};

const REGIONS: usize = 3;

/// What a session has of a metric, a cell a region.
#[derive(Debug, Clone)]
struct Cells {
    doubles: [Option<u64>; REGIONS],
    integers: [Option<i64>; REGIONS],
    flags: [Option<bool>; REGIONS],
}

fn cells() -> impl Strategy<Value = Cells> {
    let bits = any::<u64>().prop_filter("a finite number", |bits| f64::from_bits(*bits).is_finite());
    (
        prop::array::uniform3(prop::option::of(bits)),
        prop::array::uniform3(prop::option::of(any::<i64>())),
        prop::array::uniform3(prop::option::of(any::<bool>())),
    )
        .prop_map(|(doubles, integers, flags)| Cells { doubles, integers, flags })
}

/// Sessions by subject and id; a subject may have visits with an id and one without.
fn sessions() -> impl Strategy<Value = BTreeMap<(u8, Option<u8>), Cells>> {
    prop::collection::btree_map((0..4u8, prop::option::of(0..3u8)), cells(), 1..10)
}

fn session((subject, id): (u8, Option<u8>)) -> Session {
    let id = id.and_then(|id| SessionId::clean(&format!("v{id}")).unwrap());
    Session::new(SubjectCode::clean(&subject.to_string()).unwrap(), id)
}

fn unit(session: Session, cells: &Cells) -> EncodedUnit {
    let doubles: Float64Array = cells.doubles.iter().map(|bits| bits.map(f64::from_bits)).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("label", Arc::new(StringArray::from_iter_values(["a", "b", "c"]))),
        ("mean", Arc::new(doubles)),
        ("sum", Arc::new(cells.integers.iter().collect::<Int64Array>())),
        ("median", Arc::new(cells.flags.iter().collect::<BooleanArray>())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)));
    let table = TableName::parse("anatomical_gm").unwrap();
    EncodedUnit {
        unit: Unit::of_parcellate(session, Modality::Anatomical),
        read_at: na_model::ReadAt::now(),
        tiv: na_model::TivFinding::Kept,
        tables: vec![EncodedTable::encode(table, None, &batch.unwrap()).unwrap()],
        sources: Vec::new(),
    }
}

fn cell(array: &dyn Array, row: usize) -> Option<String> {
    array.is_valid(row).then(|| match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        _ => array.as_string::<i32>().value(row).to_owned(),
    })
}

fn check(store: &FeatureStore, sessions: &BTreeMap<(u8, Option<u8>), Cells>) {
    let mut expected: Vec<(Session, &Cells)> = sessions.iter().map(|(id, c)| (session(*id), c)).collect();
    expected.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    type OfRegion = fn(&Cells, usize) -> Option<String>;
    let metrics: [(&str, OfRegion); 3] = [
        ("gm_mean", |cells, region| cells.doubles[region].map(|bits| bits.to_string())),
        ("gm_sum", |cells, region| cells.integers[region].map(|value| value.to_string())),
        ("gm_median", |cells, region| cells.flags[region].map(|value| value.to_string())),
    ];
    for (feature, value) in metrics {
        let batch = store.feature_batch(feature, &ReadOptions::default().without_metadata()).unwrap();
        assert_eq!(batch.num_rows(), expected.len());
        for (row, (session, cells)) in expected.iter().enumerate() {
            let found: Vec<Option<String>> =
                batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect();
            let ids = [Some(session.subject.to_string()), session.id_str().map(str::to_owned)];
            let values = (0..REGIONS).map(|region| value(cells, region));
            assert_eq!(found, ids.into_iter().chain(values).collect::<Vec<_>>(), "{feature} of {session}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: support::cases(32), ..ProptestConfig::default() })]

    #[test]
    fn out_of_the_cache_and_out_of_their_files(sessions in sessions(), is_zstd: bool) {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let mut record = record(&[]);
        record.settings.compression = if is_zstd { Compression::Zstd } else { Compression::Lz4 };
        let units = sessions.iter().map(|(id, cells)| unit(session(*id), cells)).collect();
        let cache = commit(&lock, &record, units);
        let store = FeatureStore::open(output.path()).unwrap();
        check(&store, &sessions);
        export_all(&lock, cache, &record, false, &Unobserved).unwrap();
        check(&store, &sessions);
    }
}

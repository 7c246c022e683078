//! What parcellate wrote beside a file stands beside its rows: of the store, of a cache, and of a file that changed.

mod support;

use na_store::{FeatureStore, Origin, ReadOptions};
use serde_json::json;
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::store::{NULL, Table};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");
const NAMES: [&str; 10] = [
    "mask_entity",
    "mask",
    "mask_threshold",
    "atlas_threshold",
    "atlas_name",
    "atlas_lut",
    "background_label",
    "resampling_target",
    "space",
    "software_version",
];

/// Writes a sidecar beside a table.
fn sidecar(cohort: &Cohort, table: &str, threshold: f64) {
    let text = json!({
        "original_file": "/d/x.nii.gz", "mask": null, "mask_threshold": threshold, "atlas_threshold": 0.25,
        "parcellation_scheme": { "name": "4S456Parcels", "image": "a.nii", "lut": "l.tsv" }, "space": "MNI",
        "resampling_target": "data", "background_label": 0, "software_version": "0.3.0", "timestamp": threshold.to_string(),
    });
    cohort.write(&table.replace(".tsv", ".json"), &text.to_string());
}

fn cohort() -> Cohort {
    let cohort = Cohort::of(&[A, B]);
    sidecar(&cohort, &anatomical(A.0, A.1, "GM"), 0.5);
    sidecar(&cohort, &diffusion("NODDI", A.0, A.1, "icvf"), 0.75);
    cohort
}

/// By subject and map: what stands beside each of its rows, once.
fn beside(cohort: &Cohort, table: &str, origin: Origin) -> Vec<String> {
    let store = FeatureStore::open(cohort.store()).unwrap();
    let rows = |options: ReadOptions| {
        let scan = store.scan_long_with(table, &options.from(origin)).unwrap();
        let batches: Vec<_> = scan.map(Result::unwrap).collect();
        Table::of(&batches[0].schema(), &batches)
    };
    let (with, without) = (rows(ReadOptions::default().with_sidecars()), rows(ReadOptions::default()));
    assert_eq!(with.columns, [&without.columns[..], &NAMES.map(str::to_owned)[..]].concat());
    assert_eq!(with.clone().without(&NAMES).rows, without.without(&[]).rows);
    let maps = if table.starts_with("diffusion") { with.column("param") } else { with.column("modality") };
    let columns = NAMES.map(|name| with.column(name));
    let mut told: Vec<String> = (0..with.rows.len())
        .map(|row| {
            let cells = columns.iter().map(|column| column[row].rsplit(' ').next().unwrap());
            format!(
                "{} {}: {}",
                with.column("subject_code")[row],
                maps[row],
                cells.collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    told.sort();
    told.dedup();
    told
}

fn expected(of: &[(&str, &str)]) -> Vec<String> {
    let nothing = [NULL; NAMES.len()].join(" ");
    let line = |(map, threshold): &(&str, &str)| match *threshold {
        "" => format!("{map}: {nothing}"),
        threshold => {
            format!("{map}: {NULL} {NULL} {threshold} 0.25 4S456Parcels l.tsv 0.0 data MNI 0.3.0")
        }
    };
    of.iter().map(line).collect()
}

#[test]
fn each_map_has_its_own() {
    let cohort = cohort();
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    let gm = |threshold| expected(&[("0001 gm", threshold), ("0002 gm", "")]);
    let noddi = expected(&[("0001 icvf", "0.75"), ("0001 od", ""), ("0002 icvf", ""), ("0002 od", "")]);
    for origin in [Origin::Cache, Origin::Newest] {
        assert_eq!(beside(&cohort, "anatomical_gm", origin), gm("0.5"), "{origin:?}");
        assert_eq!(beside(&cohort, "diffusion_NODDI", origin), noddi, "{origin:?}");
    }
    cohort.run(&[]).ended(0);
    assert_eq!(beside(&cohort, "anatomical_gm", Origin::Newest), gm("0.5"));
    assert_eq!(beside(&cohort, "diffusion_NODDI", Origin::Parquet), noddi);
    // What the cache has newer counts.
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(9.0));
    sidecar(&cohort, &anatomical(A.0, A.1, "GM"), 0.875);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    assert_eq!(beside(&cohort, "anatomical_gm", Origin::Newest), gm("0.875"));
    assert_eq!(beside(&cohort, "anatomical_gm", Origin::Parquet), gm("0.5"));
}

/// A table or a list may have a column of one of these names.
#[test]
fn a_name_that_is_taken_has_a_mark() {
    let cohort = cohort();
    cohort.list("subject_code,session_id,space,mask,sidecar:mask\n0001,1,here,a,b\n0002,1,there,c,d\n");
    cohort.run(&[]).ended(0);
    let store = FeatureStore::open(cohort.store()).unwrap();
    let scan = store.scan_long_with("anatomical_gm", &ReadOptions::default().with_sidecars()).unwrap();
    let (schema, batches) = scan.read_all().unwrap();
    let table = Table::of(&schema, &batches);
    assert!(table.column("space").iter().all(|cell| cell.ends_with("here") || cell.ends_with("there")));
    assert!(table.column("sidecar:space").iter().any(|cell| cell.ends_with("MNI")));
    assert!(table.column("sidecar:mask").iter().all(|cell| cell.ends_with('b') || cell.ends_with('d')));
    assert!(table.column("sidecar:sidecar:mask").iter().all(|cell| *cell == NULL));
}

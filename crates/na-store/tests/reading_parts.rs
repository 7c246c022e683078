//! What a reader asks for is what it gets: sessions, regions, metrics, names, units, frames.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{Array, RecordBatch, RecordBatchReader, cast::AsArray, types::Float64Type};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use na_cache::{Cancel, OwnedCache, OwnerLock, cache_status};
use na_model::{Modality, Session, SessionId, SubjectCode};
use na_store::{CacheExport, FeatureStore, ReadOptions, StoreError, Unobserved, clear_cache, export_cache};
use support::{commit, export_all, record, session, unit};
use tempfile::TempDir;

const SUBJECTS: [&str; 3] = ["1", "2", "3"];

/// Three sessions of both modalities, in the cache or exported.
fn store(exported: bool) -> TempDir {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let units = SUBJECTS
        .iter()
        .zip([1.0, 2.0, 3.0])
        .flat_map(|(subject, value)| Modality::ALL.map(|modality| unit(subject, modality, value)));
    let record = record(&SUBJECTS);
    let cache = commit(&lock, &record, units.collect());
    if exported {
        export_all(&lock, cache, &record, false, &Unobserved).unwrap();
    }
    output
}

fn names(batch: &RecordBatch) -> Vec<String> {
    batch.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn subjects(batch: &RecordBatch) -> Vec<String> {
    let column = batch.column_by_name("subject_code").unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

fn doubles(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// The test with a store that is exported, and with one whose units are all in the cache.
fn both(test: impl Fn(&FeatureStore)) {
    for exported in [true, false] {
        let output = store(exported);
        test(&FeatureStore::open(output.path()).unwrap());
    }
}

#[test]
fn a_feature_has_metadata_and_tiv_behind_its_regions_where_they_are_asked_for() {
    both(|store| {
        let batch = store.feature_batch("gm_mean", &ReadOptions::default().with_tiv()).unwrap();
        assert_eq!(names(&batch), ["subject_code", "session_id", "a", "b", "c", "AGE", "tiv"]);
        assert_eq!(doubles(&batch, "tiv"), [1001.0, 1002.0, 1003.0]);
        assert_eq!(doubles(&batch, "AGE"), [30.0; 3]);
        assert_eq!(doubles(&batch, "b"), [1.0, 2.0, 3.0]);
        let bare = store.feature_batch("gm_mean", &ReadOptions::default().without_metadata()).unwrap();
        assert_eq!(names(&bare), ["subject_code", "session_id", "a", "b", "c"]);
    });
}

#[test]
fn features_side_by_side_never_clash_however_many() {
    both(|store| {
        let features =
            ["gm_mean", "ct_mean", "NODDI_noddi_icvf_mean", "NODDI_noddi_od_mean", "tiv", "gm_mean"];
        let options = ReadOptions::default().with_tiv();
        let batch = store.features_batch(&features, &options).unwrap();
        let names = names(&batch);
        assert_eq!(names.len(), 2 + 4 * 3 + 1 + 2);
        assert_eq!(names[2..5], ["gm_mean:a", "gm_mean:b", "gm_mean:c"]);
        assert_eq!(names[14..], ["tiv:tiv", "AGE", "tiv"]);
        assert_eq!(batch.num_rows(), 3);
        let unique: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        let alone = store.features_batch(&["gm_mean"], &ReadOptions::default().without_metadata()).unwrap();
        assert_eq!(self::names(&alone)[2..], ["gm_mean:a", "gm_mean:b", "gm_mean:c"]);
    });
}

#[test]
fn only_the_sessions_and_regions_asked_for_come() {
    both(|store| {
        let options = ReadOptions::default()
            .subjects([SubjectCode::clean("2").unwrap()])
            .regions(["c", "a"])
            .without_metadata();
        let batch = store.feature_batch("gm_mean", &options).unwrap();
        assert_eq!(names(&batch), ["subject_code", "session_id", "c", "a"]);
        assert_eq!((subjects(&batch), doubles(&batch, "c")), (vec!["0002".to_owned()], vec![14.0]));
        let options = ReadOptions::default().sessions([session("3"), session("1")]).regions(["a"]);
        let batches: Vec<_> = store.scan_long_with("diffusion_NODDI", &options).unwrap().collect();
        let rows: Vec<String> = batches.iter().flat_map(|batch| subjects(batch.as_ref().unwrap())).collect();
        assert_eq!(rows, ["0001", "0001", "0003", "0003"]);
    });
}

#[test]
fn text_as_views_is_the_same_text() {
    both(|store| {
        for options in [ReadOptions::default(), ReadOptions::default().regions(["c", "a"]).with_tiv()] {
            for table in ["anatomical_gm", "diffusion_NODDI"] {
                let read = |options: &ReadOptions| store.scan_long_with(table, options).unwrap();
                let (text, views) = (read(&options), read(&options.clone().with_text_as_views()));
                assert_eq!(views.schema().field_with_name("label").unwrap().data_type(), &DataType::Utf8View);
                let schema = text.schema();
                let plain = |batch: Result<RecordBatch, ArrowError>| {
                    let (batch, fields) = (batch.unwrap(), schema.fields().iter());
                    let columns = batch.columns().iter().zip(fields);
                    let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap());
                    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
                };
                let (text, views): (Vec<_>, Vec<_>) = (text.map(plain).collect(), views.map(plain).collect());
                assert!(!text.is_empty());
                assert_eq!(text, views);
            }
        }
    });
}

#[test]
fn a_long_table_comes_with_the_metrics_asked_for_and_its_keys() {
    both(|store| {
        let options = ReadOptions::default().metrics(["mean"]).without_metadata();
        let scan = store.scan_long_with("anatomical_gm", &options).unwrap();
        let keys = ["index", "label", "mean", "modality", "metric", "subject_code", "session_id", "tiv"];
        let schema = scan.schema();
        assert_eq!(schema.fields().iter().map(|field| field.name()).collect::<Vec<_>>(), keys);
        for batch in scan {
            assert_eq!(batch.unwrap().schema(), schema);
        }
        let wrong = store.scan_long_with("anatomical_gm", &ReadOptions::default().metrics(["maen"]));
        assert!(wrong.err().unwrap().to_string().contains("did you mean mean?"));
        let volumes = ReadOptions::default().with_tiv();
        let batch = store.scan_long_with("diffusion_NODDI", &volumes).unwrap().next().unwrap().unwrap();
        assert_eq!(batch.schema().fields().last().unwrap().name(), "tiv");
        assert_eq!(doubles(&batch, "tiv")[0], 1001.0);
    });
}

#[test]
fn who_is_not_in_the_store_is_an_error_that_names_the_nearest() {
    let subject = |code: &str| SubjectCode::clean(code).unwrap();
    let read = |store: &FeatureStore, options: &ReadOptions| {
        let errors = [
            store.scan_long_with("diffusion_NODDI", options).err(),
            store.feature_batch("gm_mean", options).err(),
            store.feature_batch("tiv", options).err(),
            store.features_batch(&["gm_mean", "tiv"], options).err(),
        ];
        let errors = errors.map(|error| error.unwrap().to_string());
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        errors[0].clone()
    };
    both(|store| {
        let error = read(store, &ReadOptions::default().subjects([subject("2"), subject("22")]));
        assert!(error.starts_with("there is no subject 0022 in "), "{error}");
        assert!(error.ends_with("; of its 3 subjects the nearest are 0002, 0001, 0003"), "{error}");
        let error = read(store, &ReadOptions::default().subjects(["x", "y", "z"].map(subject)));
        assert!(
            error.starts_with("there is no subject 000x (nor 2 others that were asked for) in "),
            "{error}"
        );
        let visit = Session::new(subject("3"), SessionId::clean("2025").unwrap());
        let error = read(store, &ReadOptions::default().sessions([session("1"), visit]));
        assert!(error.starts_with("there is no session sub-0003/ses-2025 in "), "{error}");
        assert!(error.contains("nearest are sub-0003/ses-1, "), "{error}");
    });
}

#[test]
fn who_is_there_and_has_no_rows_in_a_table_gives_none() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2"]);
    let units = vec![unit("1", Modality::Anatomical, 1.0), unit("2", Modality::Diffusion, 2.0)];
    let cache = commit(&lock, &record, units);
    let store = FeatureStore::open(output.path()).unwrap();
    let options = ReadOptions::default().subjects([SubjectCode::clean("2").unwrap()]);
    assert_eq!(store.feature_batch("gm_mean", &options).unwrap().num_rows(), 0);
    export_all(&lock, cache, &record, false, &Unobserved).unwrap();
    assert_eq!(store.feature_batch("gm_mean", &options).unwrap().num_rows(), 0);
}

#[test]
fn who_is_in_a_table_is_known_without_metadata() {
    let output = store(true);
    std::fs::remove_file(output.path().join("metadata.parquet")).unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    let options = |code| ReadOptions::default().subjects([SubjectCode::clean(code).unwrap()]);
    assert_eq!(store.feature_batch("gm_mean", &options("2")).unwrap().num_rows(), 1);
    let error = store.feature_batch("gm_mean", &options("4")).unwrap_err().to_string();
    assert!(error.contains("no subject 0004") && error.contains("0001, 0002, 0003"), "{error}");
}

#[test]
fn an_empty_list_is_an_error_that_says_which() {
    both(|store| {
        let all = ReadOptions::default;
        let wrong = [
            (all().subjects([]), "subjects"),
            (all().sessions([]), "sessions"),
            (all().regions(Vec::<String>::new()), "regions"),
            (all().metrics(Vec::<String>::new()), "metrics"),
        ];
        for (options, what) in wrong {
            let empty = |error: Option<StoreError>| error.unwrap().to_string();
            let errors = [
                empty(store.scan_long_with("anatomical_gm", &options).err()),
                empty(store.feature_batch("gm_mean", &options).err()),
                empty(store.features_batch(&["gm_mean"], &options).err()),
            ];
            let expected =
                format!("{what} is an empty list: nothing would be read; name some, or leave it out for all");
            assert_eq!(errors, [expected.as_str(); 3]);
        }
        let error = store.features_batch::<&str>(&[], &all()).unwrap_err().to_string();
        assert_eq!(error, "names is an empty list: nothing would be read; name some");
    });
}

#[test]
fn a_region_that_a_long_table_has_not_is_an_error_that_names_the_nearest() {
    both(|store| {
        let wrong = store.scan_long_with("anatomical_gm", &ReadOptions::default().regions(["a", "bb"]));
        let error = wrong.err().unwrap().to_string();
        assert!(error.contains("no region bb") && error.contains("there are: a, b, c"), "{error}");
    });
}

#[test]
fn a_feature_that_was_never_exported_is_computed_by_its_name() {
    let output = store(true);
    let store = FeatureStore::open(output.path()).unwrap();
    let wide = output.path().join("wide/anatomical/gm_mean.parquet");
    let exported = store.feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    assert!(wide.is_file());
    assert!(!store.list_features(None).unwrap().contains(&"NODDI_noddi_icvf_index".to_owned()));
    let error = store.feature_batch("NODDI_noddi_icvf_index", &ReadOptions::default());
    assert!(matches!(error, Err(StoreError::UnknownName { .. })), "an index is no statistic");
    let computed = self::store(false);
    let computed = FeatureStore::open(computed.path()).unwrap();
    assert_eq!(computed.feature_batch("gm_mean", &ReadOptions::default()).unwrap(), exported);
}

#[test]
fn a_wrong_name_is_told_the_nearest_and_all() {
    both(|store| {
        let options = ReadOptions::default();
        let said = store.feature_batch("gm_maen", &options).unwrap_err().to_string();
        assert!(said.contains("did you mean gm_mean") && said.contains("NODDI_noddi_od_mean"), "{said}");
        let said = store.scan_long("anatomical_mg").err().unwrap().to_string();
        assert!(said.contains("did you mean anatomical_gm") && said.contains("diffusion_NODDI"), "{said}");
        let said = store.feature_batch("gm_mean", &options.regions(["z"])).unwrap_err().to_string();
        assert!(said.contains("no region z") && said.contains("a, b, c"), "{said}");
    });
    let said = FeatureStore::open("/nowhere/at/all").unwrap_err().to_string();
    assert!(said.contains("is no folder"), "{said}");
}

#[test]
fn a_feature_tells_its_unit_regions_and_source() {
    both(|store| {
        let info = store.feature_info("ct_mean").unwrap();
        assert_eq!((info.unit.as_str(), info.tissue.as_deref(), info.n_sessions), ("mm", Some("ct"), 3));
        assert_eq!((info.regions, info.atlas_name.as_str()), (vec!["a".into(), "b".into(), "c".into()], "A"));
        let info = store.feature_info("NODDI_noddi_od_mean").unwrap();
        let source = (info.workflow.as_deref(), info.model.as_deref(), info.param.as_deref());
        assert_eq!(source, (Some("NODDI"), Some("noddi"), Some("od")));
        assert_eq!(info.unit, "unknown");
        assert_eq!(store.feature_info("tiv").unwrap().unit, "mL");
        assert_eq!(store.regions("anatomical_gm").unwrap(), ["a", "b", "c"]);
        assert_eq!(store.regions("gm_mean").unwrap(), ["a", "b", "c"]);
    });
}

#[test]
fn a_store_is_summed_up_with_its_cache() {
    both(|store| {
        let summary = store.summary().unwrap();
        assert_eq!((summary.n_sessions, summary.n_subjects, summary.has_tiv), (3, 3, true));
        assert_eq!(summary.long_formats, ["anatomical_gm", "anatomical_ct", "diffusion_NODDI"]);
        assert_eq!(summary.anatomical_features, ["ct_mean", "gm_mean", "tiv"]);
        assert_eq!(summary.diffusion_features, ["NODDI_noddi_icvf_mean", "NODDI_noddi_od_mean"]);
        assert_eq!(summary.cache.is_some(), summary.updated_at.is_none());
        assert_eq!(store.existing_sessions().unwrap(), SUBJECTS.map(session));
    });
}

#[test]
fn a_reader_exports_and_clears_the_cache_where_nobody_loads() {
    let output = store(false);
    let store = FeatureStore::open(output.path()).unwrap();
    let before = store.feature_batch("gm_mean", &ReadOptions::default()).unwrap();
    let kept = CacheExport { keep_cache: true, ..CacheExport::default() };
    export_cache(store.folder(), &kept, &Unobserved).unwrap();
    assert!(cache_status(store.folder(), &Cancel::never()).unwrap().is_some());
    {
        let _loading = OwnerLock::acquire(output.path()).unwrap();
        assert!(clear_cache(store.folder()).is_err());
    }
    clear_cache(store.folder()).unwrap();
    assert!(cache_status(store.folder(), &Cancel::never()).unwrap().is_none());
    assert_eq!(store.feature_batch("gm_mean", &ReadOptions::default()).unwrap(), before);
    assert!(matches!(export_cache(store.folder(), &kept, &Unobserved), Err(StoreError::NoCache { .. })));
}

#[test]
fn a_file_outside_the_store_is_not_read_whatever_the_manifest_says() {
    let output = store(true);
    let manifest = output.path().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("wide/anatomical/gm_mean", "../gm_mean")).unwrap();
    let store = FeatureStore::open(output.path()).unwrap();
    let error = store.feature_batch("gm_mean", &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("outside the store"), "{error}");
}

/// Whatever is committed and exported meanwhile: a call sees sessions whole, and as many as there were or more.
#[test]
fn readers_beside_a_load_see_one_state_each() {
    let output = tempfile::tempdir().unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let reader = |path: &Path| {
        let (path, is_done) = (path.to_owned(), Arc::clone(&is_done));
        std::thread::spawn(move || {
            let store = FeatureStore::open(path).unwrap();
            let (mut reads, mut before) = (0, 0);
            while !is_done.load(Ordering::Relaxed) {
                let features = store.list_features(None).unwrap();
                if !features.contains(&"ct_mean".to_owned()) {
                    continue;
                }
                let names = ["gm_mean", "ct_mean"];
                let batch = store.features_batch(&names, &ReadOptions::default().with_tiv()).unwrap();
                for column in batch.columns() {
                    assert_eq!(column.null_count(), 0, "a session is there by half: {batch:?}");
                }
                let [gm, ct] = ["gm_mean:b", "ct_mean:b"].map(|name| doubles(&batch, name));
                assert_eq!(gm, ct, "two tables of two states");
                assert!(batch.num_rows() >= before, "sessions went away");
                before = batch.num_rows();
                reads += 1;
            }
            reads
        })
    };
    let readers = [reader(output.path()), reader(output.path())];
    let lock = OwnerLock::acquire(output.path()).unwrap();
    for round in 0..6_u32 {
        let subjects: Vec<String> = (0..=round).map(|subject| subject.to_string()).collect();
        let names: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let value = f64::from(round);
        let units = [names[names.len() - 1], "0"].map(|subject| unit(subject, Modality::Anatomical, value));
        let record = record(&names);
        let cache = commit(&lock, &record, units.into());
        export_all(&lock, cache, &record, round % 3 == 1, &Unobserved).unwrap();
    }
    is_done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 0, "nothing was read meanwhile");
    }
    drop(OwnedCache::open_or_create(&lock).unwrap());
}

#[cfg(feature = "polars")]
#[test]
fn frames_hold_what_batches_hold() {
    both(|store| {
        let options = ReadOptions::default().with_tiv();
        let frame = store.load_feature("gm_mean", &options).unwrap();
        let batch = store.feature_batch("gm_mean", &options).unwrap();
        assert_eq!(frame.shape(), (batch.num_rows(), batch.num_columns()));
        let column = frame.column("b").unwrap().f64().unwrap();
        assert_eq!(column.into_no_null_iter().collect::<Vec<_>>(), doubles(&batch, "b"));
        let subjects = frame.column("subject_code").unwrap().str().unwrap();
        assert_eq!(subjects.iter().flatten().collect::<Vec<_>>(), ["0001", "0002", "0003"]);
        assert_eq!(store.load_long("anatomical_gm").unwrap().height(), 9);
        assert_eq!(store.load_tiv().unwrap().shape(), (3, 3));
        assert_eq!(store.load_metadata().unwrap().shape(), (3, 3));
        let both = store.load_features(&["gm_mean", "ct_mean"], &options).unwrap();
        assert_eq!(both.shape(), (3, 2 + 6 + 2));
        let one = store.load_feature("gm_mean", &options.sessions([session("2")])).unwrap();
        assert_eq!(one.height(), 1);
    });
}

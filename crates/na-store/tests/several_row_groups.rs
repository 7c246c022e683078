//! In tables of several row groups every value stays with its session and region: in the long table and in its features,
//! whether a row group was copied, written again or added.

mod support;

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use na_cache::OwnerLock;
use na_model::{MapSource, Modality, TivFinding};
use na_store::{ExportObserver, ExportStep, verify_store};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::RowGroupMetaData;
use support::four_loads::{
    Cohort, LOADS, LONG, REGIONS, ROWS, Told, batch, check, check_feature, check_long, four_loads, gm, list,
    of_load, row_groups, told, value,
};
use support::{commit, export_all, load, noddi, read, record, unit_of};

#[test]
fn each_value_of_each_map_is_at_its_place() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let maps: [(u32, Option<MapSource>); 2] = [(0, noddi("icvf")), (1, noddi("od"))];
    let mut all = Vec::new();
    for number in 0..LOADS.len() {
        let units = of_load(number).into_iter().map(|subject| {
            let table = |(map, source)| ("diffusion_NODDI", source, batch(subject, 1, map, REGIONS / 2));
            let tables = maps.clone().map(table).into();
            unit_of(&subject.to_string(), Modality::Diffusion, tables, TivFinding::Kept)
        });
        load(&lock, &record(&[]), units.collect());
        all.extend(of_load(number));
    }
    assert_eq!(row_groups(output.path(), "long/diffusion/NODDI.parquet"), ROWS);
    all.sort_unstable();
    for (map, param) in [(0, "icvf"), (1, "od")] {
        for (metric, sign) in [("mean", 1.0), ("std", -1.0)] {
            let path = format!("wide/diffusion/NODDI_noddi_{param}_{metric}.parquet");
            check_feature(output.path(), &path, &all, REGIONS / 2, |subject, region| {
                value(subject, 1, map, region).map(|value| sign * value)
            });
        }
    }
}

#[test]
fn changed_metadata_and_volumes_reach_their_rows_and_rewrite_no_other_row_group() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    check(output.path(), &cohort);
    let files =
        || [LONG, "wide/anatomical/gm_mean.parquet"].map(|file| fs::read(output.path().join(file)).unwrap());
    let before = files();
    load(&lock, &list(&cohort), Vec::new());
    assert!(files() == before, "nothing changed, and all was written again");

    // The first session of a row group, one amid its own, and the last.
    for (number, place) in [(0, 0), (1, 9), (2, 24)] {
        cohort.get_mut(&of_load(number)[place]).unwrap().age += 0.5;
        load(&lock, &list(&cohort), Vec::new());
        check_long(output.path(), &cohort);
        assert_eq!(row_groups(output.path(), LONG), ROWS, "session {place} of row group {number}");
    }
    for (number, place) in [(0, 16), (3, 0)] {
        let subject = of_load(number)[place];
        let told = cohort.get_mut(&subject).unwrap();
        told.tiv += 0.5;
        let tiv = TivFinding::Measured(told.tiv);
        let alone = unit_of(&subject.to_string(), Modality::Anatomical, Vec::new(), tiv);
        load(&lock, &list(&cohort), vec![alone]);
        check_long(output.path(), &cohort);
        assert_eq!(
            row_groups(output.path(), LONG),
            ROWS,
            "the volume of session {place} of row group {number}"
        );
    }
    check(output.path(), &cohort);

    // A column that comes is in all of them.
    let mut record = list(&cohort);
    record.listing.columns.push("site".to_owned());
    record.listing.rows.iter_mut().for_each(|row| row.values.push(Some("north".to_owned())));
    load(&lock, &record, Vec::new());
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), ROWS);
    let sites = support::cells(&read(&output.path().join(LONG)), "site");
    assert!(sites.iter().all(|(_, site)| site == "north"));
}

/// Counts how often an export asks whether to stop while it writes long tables.
#[derive(Default)]
struct Asked {
    writes_long: AtomicBool,
    times: AtomicUsize,
}

impl ExportObserver for Asked {
    fn step(&self, step: &ExportStep) {
        self.writes_long.store(matches!(step, ExportStep::LongTable { .. }), Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        if self.writes_long.load(Ordering::Relaxed) {
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        false
    }
}

#[test]
fn whether_to_stop_is_asked_at_each_row_group() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort: Cohort = (1..=80).map(|subject| (subject, told(subject))).collect();
    let units = cohort.iter().map(|(subject, told)| gm(*subject, told)).collect();
    for (units, changed) in [(units, 1), (Vec::new(), 1), (Vec::new(), 80)] {
        cohort.get_mut(&changed).unwrap().age += 0.5;
        let (asked, record) = (Asked::default(), list(&cohort));
        export_all(&lock, commit(&lock, &record, units), &record, false, &asked).unwrap();
        assert!(asked.times.into_inner() >= 3);
        assert_eq!(row_groups(output.path(), LONG), [32_000, 32_000, 16_000]);
    }
}

#[test]
fn sessions_that_are_read_again_or_come_later_leave_the_other_row_groups_as_they_are() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let again = of_load(1)[7];
    cohort.get_mut(&again).unwrap().version = 2;
    cohort.insert(100, Told { version: 1, age: 70.0, tiv: 1700.0 });
    load(&lock, &list(&cohort), vec![gm(again, &cohort[&again]), gm(100, &cohort[&100])]);
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), [17_000, 19_000, 25_000, 18_000, 2_000]);
    // What fills up the last row group may be a session that was in another.
    let again = of_load(0)[0];
    cohort.get_mut(&again).unwrap().version = 3;
    load(&lock, &list(&cohort), vec![gm(again, &cohort[&again])]);
    check(output.path(), &cohort);
    assert_eq!(row_groups(output.path(), LONG), [16_000, 19_000, 25_000, 18_000, 3_000]);
}

#[test]
fn a_copied_row_group_keeps_the_statistics_of_its_pages_encodings() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    four_loads(&lock);
    let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
    let file = File::open(output.path().join(LONG)).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let chunks = read.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
    let without = chunks.filter(|chunk| chunk.page_encoding_stats().is_none_or(|stats| stats.is_empty()));
    assert_eq!(without.map(|chunk| chunk.column_path().string()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn damage_that_a_file_brings_along_is_told_wherever_somebody_looks() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let whole = fs::read(output.path().join(LONG)).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(output.path().join(LONG)).unwrap()).unwrap();
    let mean = reader.metadata().row_group(1).columns().iter();
    let mean = mean.clone().find(|chunk| chunk.column_path().string() == "mean").unwrap();
    let (start, length) = mean.byte_range();
    let mut damaged = whole.clone();
    damaged[usize::try_from(start + length / 2).unwrap()] ^= 1;
    fs::write(output.path().join(LONG), &damaged).unwrap();
    // The new session is there, and whoever reads the old ones is told.
    cohort.insert(100, told(100));
    load(&lock, &list(&cohort), vec![gm(100, &cohort[&100])]);
    let problems = verify_store(output.path()).unwrap().problems;
    let [(path, problem)] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(path.ends_with(LONG) && problem.contains("mean"), "{problem}");
    let record = list(&cohort);
    let subjects: Vec<u32> = cohort.keys().copied().collect();
    check_feature(output.path(), "wide/anatomical/gm_mean.parquet", &subjects, REGIONS, |subject, region| {
        value(subject, 1, 0, region)
    });
    // Whoever mends the file goes on.
    fs::write(output.path().join(LONG), whole).unwrap();
    load(&lock, &record, vec![gm(100, &cohort[&100])]);
    check(output.path(), &cohort);
}

#[test]
fn more_sessions_than_are_picked_at_once_are_in_their_features() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let all: Vec<u32> = (1..=4200).collect();
    let units = all.iter().map(|subject| {
        let tables = vec![("anatomical_gm", None, batch(*subject, 1, 0, 8))];
        unit_of(&subject.to_string(), Modality::Anatomical, tables, TivFinding::Kept)
    });
    load(&lock, &record(&[]), units.collect());
    assert_eq!(row_groups(output.path(), LONG), [32_768, 832]);
    for (metric, sign) in [("mean", 1.0), ("std", -1.0)] {
        let path = format!("wide/anatomical/gm_{metric}.parquet");
        check_feature(output.path(), &path, &all, 8, |subject, region| {
            value(subject, 1, 0, region).map(|value| sign * value)
        });
        assert_eq!(row_groups(output.path(), &path), [4096, 104]);
    }
}

//! The commands over a store with a damaged file: they end with an error that names it, whichever byte is wrong, and what
//! was committed stays.

mod support;

use std::fs::{self, File};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use na_store::FeatureStore;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ColumnChunkMetaData;
use support::cohort::Cohort;

const LONG: &str = "data/processed/long/anatomical_gm.parquet";
const CACHE: &str = "data/processed/.cache.db";

/// More than a page header takes, bytes.
const HEADER: usize = 24;

/// A store with a session in Parquet and one that waits in the cache.
fn cohort() -> Cohort {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.run(&[]).ended(0);
    cohort.add("0002", "1");
    cohort.list_of(&[("0001", "1"), ("0002", "1")]);
    cohort.stop_exports_at("long/anatomical_ct.parquet");
    cohort.run(&[]).ended(1);
    cohort
}

/// Where the pages of some columns begin: the text `label` has a dictionary, the double `mean` has none.
fn pages(cohort: &Cohort) -> Vec<usize> {
    let file = File::open(cohort.path(LONG)).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let is_chosen =
        |chunk: &&ColumnChunkMetaData| ["label", "mean"].contains(&chunk.column_path().string().as_str());
    let mut starts = Vec::new();
    for chunk in read.metadata().row_group(0).columns().iter().filter(is_chosen) {
        starts.extend(chunk.dictionary_page_offset());
        starts.push(chunk.data_page_offset());
    }
    assert_eq!(starts.len(), 3);
    starts.into_iter().map(|start| usize::try_from(start).unwrap()).collect()
}

/// The bytes, and their bits to turn, at which a decoder panics. The store's own readers catch that.
fn damages_that_panic(cohort: &Cohort, whole: &[u8]) -> Vec<(usize, u8)> {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match na_store::is_decoding() {
        true => PANICKED.store(true, Ordering::SeqCst),
        false => usual(panic),
    }));
    let panics = |damage: &(usize, u8)| {
        fs::write(cohort.path(LONG), damaged(whole, *damage)).unwrap();
        PANICKED.store(false, Ordering::SeqCst);
        let scan = FeatureStore::open(cohort.store()).unwrap().scan_long("anatomical_gm");
        let read = scan.and_then(|scan| scan.read_all());
        let has_panicked = PANICKED.load(Ordering::SeqCst);
        assert!(!has_panicked || read.is_err(), "{damage:?}");
        has_panicked
    };
    let damages = (0..whole.len()).flat_map(|place| [0x80, 0xff].map(|bits| (place, bits)));
    damages.filter(panics).collect()
}

fn damaged(whole: &[u8], (place, bits): (usize, u8)) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[place] ^= bits;
    bytes
}

/// A file as earlier versions wrote it, which has no hashes: its damaged pages come to the decoders.
fn without_hashes(mut file: Vec<u8>) -> Vec<u8> {
    let key = b"neuroalign.chunk_hashes";
    let place = file.windows(key.len()).position(|bytes| bytes == key).unwrap();
    file[place + key.len() - 1] = b'?';
    file
}

#[test]
fn a_wrong_byte_is_an_error_that_names_the_file_and_the_way_out() {
    let cohort = cohort();
    cohort.let_exports_pass("long/anatomical_ct.parquet");
    let (whole, cache) = (fs::read(cohort.path(LONG)).unwrap(), fs::read(cohort.path(CACHE)).unwrap());
    let whole = without_hashes(whole);
    let headers = pages(&cohort).into_iter().flat_map(|start| start..start + HEADER);
    let headers = headers.map(|place| (place, 0x80));
    let mut panicking = damages_that_panic(&cohort, &whole);
    assert!(!panicking.is_empty(), "no decoder panics any more: the net below them is not tried");
    panicking.truncate(10);
    let mut refused = 0;
    for damage in panicking.iter().copied().chain(headers) {
        fs::write(cohort.path(LONG), damaged(&whole, damage)).unwrap();
        let ran = cohort.export_cache(&["--keep-cache"]).keeps_quiet_about(&["panicked", "backtrace"]);
        if ran.code == Some(0) && !panicking.contains(&damage) {
            fs::write(cohort.path(CACHE), &cache).unwrap();
        } else {
            ran.ended(1).says(&["long/anatomical_gm.parquet is damaged", "run the load again"]);
            refused += 1;
        }
        assert!(cohort.path(CACHE).exists(), "{damage:?}");
    }
    assert!(refused > HEADER, "{refused} refused");
    fs::write(cohort.path(LONG), whole).unwrap();
    cohort.run(&[]).ended(0).says(&["2 anatomical"]);
}

#[test]
fn a_load_over_a_damaged_table_ends_with_the_file_and_the_next_one_is_whole() {
    let cohort = Cohort::of(&[("0001", "1")]);
    cohort.run(&[]).ended(0);
    let whole = fs::read(cohort.path(LONG)).unwrap();
    let mut bytes = whole.clone();
    let place = pages(&cohort)[1];
    bytes[place + 1..place + HEADER].fill(0xff);
    fs::write(cohort.path(LONG), bytes).unwrap();
    cohort.add("0002", "1");
    cohort.list_of(&[("0001", "1"), ("0002", "1")]);
    cohort
        .run(&[])
        .ended(1)
        .says(&["long/anatomical_gm.parquet is damaged", "run the load again"])
        .keeps_quiet_about(&["panicked"]);
    fs::write(cohort.path(LONG), whole).unwrap();
    cohort.run(&[]).ended(0);
    assert_eq!(cohort.session_rows().len(), 4);
}

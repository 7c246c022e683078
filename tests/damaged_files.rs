//! The commands over a store with a damaged file: they end with an error that names it, whichever byte is wrong, in
//! little memory, and what was committed stays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

mod support;

use std::fs::{self, File};
use std::process::Command;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::Ran;
use support::cohort::Cohort;

const LONG: &str = "data/processed/long/anatomical_gm.parquet";
const CACHE: &str = "data/processed/.cache.db";

/// More than a page header takes, bytes.
const HEADER: usize = 24;

/// What the command may ask of the system, KiB: threads reserve most of it.
const MEMORY: &str = "3000000";

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

/// The places of page headers: the text `label` has a dictionary, the double `mean` has none.
fn headers(cohort: &Cohort) -> Vec<usize> {
    let file = File::open(cohort.path(LONG)).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let chunks = read.metadata().row_group(0).columns();
    let mut starts = Vec::new();
    for chunk in
        chunks.iter().filter(|chunk| ["label", "mean"].contains(&chunk.column_path().string().as_str()))
    {
        starts.extend(chunk.dictionary_page_offset());
        starts.push(chunk.data_page_offset());
    }
    assert_eq!(starts.len(), 3);
    starts.into_iter().map(|start| usize::try_from(start).unwrap()).collect()
}

fn export_in_little_memory(cohort: &Cohort) -> Ran {
    let program = env!("CARGO_BIN_EXE_neuroalign-export-cache");
    let script = format!("ulimit -v {MEMORY} && exec {program} data/processed --keep-cache");
    let mut command = Command::new("sh");
    Ran::of(command.args(["-c", &script]).current_dir(cohort.root()).output().unwrap())
}

#[test]
fn a_wrong_byte_in_a_page_header_is_an_error_that_names_the_file_and_the_way_out() {
    let cohort = cohort();
    cohort.let_exports_pass("long/anatomical_ct.parquet");
    let (whole, cache) = (fs::read(cohort.path(LONG)).unwrap(), fs::read(cohort.path(CACHE)).unwrap());
    let mut refused = 0;
    for start in headers(&cohort) {
        for place in start..start + HEADER {
            for pattern in [0x80, 0x02] {
                let mut bytes = whole.clone();
                bytes[place] ^= pattern;
                fs::write(cohort.path(LONG), bytes).unwrap();
                let ran = export_in_little_memory(&cohort).keeps_quiet_about(&["panicked", "backtrace"]);
                if ran.code == Some(0) {
                    fs::write(cohort.path(CACHE), &cache).unwrap();
                } else {
                    ran.ended(1).says(&["long/anatomical_gm.parquet is damaged", "load its sessions again"]);
                    refused += 1;
                }
                assert!(cohort.path(CACHE).exists(), "byte {place}");
            }
        }
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
    let place = headers(&cohort)[1];
    bytes[place + 1..place + HEADER].fill(0xff);
    fs::write(cohort.path(LONG), bytes).unwrap();
    cohort.add("0002", "1");
    cohort.list_of(&[("0001", "1"), ("0002", "1")]);
    cohort
        .run(&[])
        .ended(1)
        .says(&["long/anatomical_gm.parquet is damaged", "load its sessions again"])
        .keeps_quiet_about(&["panicked"]);
    fs::write(cohort.path(LONG), whole).unwrap();
    cohort.run(&[]).ended(0);
    assert_eq!(cohort.session_rows().len(), 4);
}

#![no_main]
//! A table of regional statistics; one that is read survives the cache's form bit for bit.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_cache::EncodedTable;
use na_model::TableName;
use na_pipeline::parse::regional_tsv::parse_table;
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let result = parse_table(Path::new("in/table.tsv"), bytes);
    if let Ok(table) = &result {
        assert!(table.batch.num_rows() > 0);
        let name = TableName::parse("anatomical_gm").expect("a name");
        EncodedTable::encode(name, None, &table.batch).expect("a blob");
    }
    names_the_file(result, "in/table.tsv");
});

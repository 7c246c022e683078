//! Tables, units and stores of the size that labs have: 456 regions × 57 columns, three tissues a session.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each bench takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "benches may stop")]

use std::fmt::Write as _;
use std::path::Path;

use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
use na_model::{
    Compression, ExportSettings, ListedSession, Listing, Modality, Session, SessionId, SubjectCode,
    TableName, Unit, WideMetrics,
};
use na_pipeline::tsv::{ParsedTable, parse_table};
use na_store::{ExportRequest, Unobserved, export};

pub const REGIONS: usize = 456;
pub const TISSUES: [&str; 3] = ["anatomical_gm", "anatomical_wm", "anatomical_ct"];

/// Statistics as `parcellate` names them, and columns that it does not know, up to 57 with index and label.
const STATISTICS: [&str; 16] = [
    "volume_mm3",
    "mean",
    "std",
    "median",
    "sum",
    "robust_mean",
    "robust_std",
    "mad_median",
    "z_filtered_mean",
    "z_filtered_std",
    "iqr_filtered_mean",
    "iqr_filtered_std",
    "skewness",
    "excess_kurtosis",
    "percentile_5",
    "percentile_95",
];
const COLUMNS: usize = 57;

/// A sequence of doubles with all their digits, the same each time.
pub struct Doubles(u64);

impl Doubles {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // 53 bits between 0 and 1.
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        fraction * 2.0 - 0.7
    }
}

/// The text of a table.
pub fn tsv(seed: u64) -> String {
    let mut doubles = Doubles::new(seed);
    let mut text = String::from("index\tlabel");
    for column in 0..COLUMNS - 2 {
        match STATISTICS.get(column) {
            Some(name) => write!(text, "\t{name}").unwrap(),
            None => write!(text, "\tfeature_{column}").unwrap(),
        }
    }
    text.push('\n');
    for region in 1..=REGIONS {
        write!(text, "{region}\t7Networks_{}_Region_{region}", ["LH", "RH"][region % 2]).unwrap();
        (0..COLUMNS - 2).for_each(|_| write!(text, "\t{:?}", doubles.next()).unwrap());
        text.push('\n');
    }
    text
}

pub fn parsed(seed: u64) -> ParsedTable {
    parse_table(Path::new("bench.tsv"), tsv(seed).as_bytes()).unwrap()
}

pub fn session(n: usize) -> Session {
    Session::new(SubjectCode::clean(&format!("{n:05}")).unwrap(), SessionId::clean("202501011200").unwrap())
}

/// A unit of some of the tissues.
pub fn unit(n: usize, tissues: &[&str]) -> EncodedUnit {
    let tables = tissues.iter().zip(0_u64..).map(|(tissue, place)| {
        let table = parsed(u64::try_from(n).unwrap() * 3 + place);
        EncodedTable::encode(TableName::parse(tissue).unwrap(), None, &table.batch, "label").unwrap()
    });
    EncodedUnit {
        unit: Unit::new(session(n), Modality::Anatomical),
        tiv: Some(1500.0),
        tables: tables.collect(),
        sources: Vec::new(),
    }
}

pub fn record(sessions: usize) -> RunRecord {
    let row = |n| ListedSession { session: session(n), values: vec![Some(format!("{}.5", 20 + n % 60))] };
    RunRecord {
        settings: ExportSettings {
            atlas_name: "4S456Parcels".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::default(),
        },
        listing: Listing { columns: vec!["AGE".to_owned()], rows: (0..sessions).map(row).collect() },
        modalities: vec![Modality::Anatomical],
    }
}

/// Commits sessions to the cache of a folder.
pub fn load(output: &Path, sessions: usize, tissues: &[&str]) {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    cache.write_run_record(&record(sessions)).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    (0..sessions).for_each(|n| sender.send(unit(n, tissues)).unwrap());
    drop(sender);
    writer.finish().unwrap();
}

/// Exports what the cache of a folder holds.
pub fn export_all(output: &Path, sessions: usize, keep_cache: bool) {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let request = ExportRequest { record: record(sessions), outcomes: Vec::new(), keep_cache };
    export(&lock, Some(cache), &request, &Unobserved).unwrap();
}

//! What a report should say: read from the store's files by itself, and computed as the definitions are written, without any of the
//! report's code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::made_up::lab;
use crate::support::store::{NULL, Table};

/// A session: subject and session id.
pub type Key = (String, Option<String>);

/// A feature, whole.
pub struct Feature {
    pub sessions: Vec<Key>,
    pub regions: Vec<String>,
    /// By region, then by session.
    pub values: Vec<Vec<Option<f64>>>,
    /// Of each region the median, 1.4826 · MAD, and how many values there are.
    spreads: Vec<(f64, f64, usize)>,
}

/// A row of `sessions.tsv`.
pub struct Row {
    pub session: Key,
    pub modality: String,
    pub status: String,
    pub reason: String,
}

/// What a store says, as somebody reads it who has only its documentation.
pub struct Oracle {
    pub rows: Vec<Row>,
    pub features: BTreeMap<String, Feature>,
    pub ages: BTreeMap<Key, f64>,
    pub volumes: BTreeMap<Key, f64>,
    /// By table, then by session, the version of its files.
    pub versions: BTreeMap<String, BTreeMap<Key, String>>,
}

fn keys(table: &Table) -> Vec<Key> {
    let id = |cell: &str| (cell != NULL).then(|| cell.to_owned());
    table
        .column("subject_code")
        .iter()
        .zip(table.column("session_id"))
        .map(|(s, i)| ((*s).to_owned(), id(i)))
        .collect()
}

fn column(path: &Path, name: &str) -> BTreeMap<Key, f64> {
    if !path.exists() {
        return BTreeMap::new();
    }
    let table = Table::read(path);
    if !table.columns.iter().any(|column| column == name) {
        return BTreeMap::new();
    }
    keys(&table).into_iter().zip(table.doubles(name)).filter_map(|(key, value)| Some((key, value?))).collect()
}

impl Oracle {
    pub fn read(store: &Path) -> Self {
        let text = fs::read_to_string(store.join("sessions.tsv")).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let id = (cells[1] != "n/a").then(|| cells[1].to_owned());
            Row {
                session: (cells[0].to_owned(), id),
                modality: cells[2].to_owned(),
                status: cells[3].to_owned(),
                reason: cells[5].to_owned(),
            }
        });
        let mut features = BTreeMap::new();
        for folder in ["wide/anatomical", "wide/diffusion"] {
            let Ok(entries) = fs::read_dir(store.join(folder)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                if name == "tiv" {
                    continue;
                }
                let table = Table::read(&path);
                let regions: Vec<String> = table
                    .columns
                    .iter()
                    .filter(|name| *name != "subject_code" && *name != "session_id")
                    .cloned()
                    .collect();
                let values: Vec<Vec<Option<f64>>> =
                    regions.iter().map(|region| table.doubles(region)).collect();
                let spread = |values: &Vec<Option<f64>>| {
                    let all: Vec<f64> = values.iter().copied().flatten().collect();
                    (median(&all), mad(&all), all.len())
                };
                let spreads = values.iter().map(spread).collect();
                features.insert(name, Feature { sessions: keys(&table), regions, values, spreads });
            }
        }
        let sources = Table::read(&store.join("sources.parquet"));
        let mut versions: BTreeMap<String, BTreeMap<Key, String>> = BTreeMap::new();
        let (kinds, tables, said) =
            (sources.column("kind"), sources.column("table"), sources.column("software_version"));
        for (row, session) in keys(&sources).into_iter().enumerate().filter(|(row, _)| kinds[*row] == "table")
        {
            versions.entry(tables[row].to_owned()).or_default().insert(session, said[row].to_owned());
        }
        Self {
            rows: rows.collect(),
            features,
            ages: column(&store.join("metadata.parquet"), "AGE"),
            volumes: column(&store.join("tiv.parquet"), "tiv"),
            versions,
        }
    }

    pub fn sessions(&self) -> BTreeSet<&Key> {
        self.rows.iter().map(|row| &row.session).collect()
    }

    /// Sessions of which any modality has this status.
    pub fn with_status(&self, status: &str) -> BTreeSet<&Key> {
        self.rows.iter().filter(|row| row.status == status).map(|row| &row.session).collect()
    }

    /// Sessions of which this is the worst status.
    pub fn at_worst(&self, status: &str) -> usize {
        let order = ["loaded", "partial", "missing", "failed"];
        let rank = |status: &str| order.iter().position(|other| *other == status).unwrap();
        let mut worst: BTreeMap<&Key, usize> = BTreeMap::new();
        for row in &self.rows {
            let of = worst.entry(&row.session).or_default();
            *of = (*of).max(rank(&row.status));
        }
        worst.values().filter(|of| **of == rank(status)).count()
    }

    /// The features that stand for a map: of the lab's, volumes of grey and white matter, means of all else.
    pub fn headline(&self) -> Vec<&str> {
        let is_it = |name: &&str| match *name {
            "gm_volume_mm3" | "wm_volume_mm3" => true,
            name => name.ends_with("_mean") && name != "gm_mean" && name != "wm_mean",
        };
        self.features.keys().map(String::as_str).filter(is_it).collect()
    }

    /// How far each region of a session is from the session's own level, and that level. Empty if it has none.
    pub fn deviations(&self, feature: &str, session: &Key) -> (f64, Vec<(String, f64)>) {
        let of = &self.features[feature];
        let Some(place) = of.sessions.iter().position(|other| other == session) else {
            return (f64::NAN, Vec::new());
        };
        let mut z = Vec::new();
        let regions = of.regions.iter().zip(&of.values).zip(&of.spreads);
        for ((region, values), (middle, scale, n)) in regions {
            if let Some(value) = values[place].filter(|_| *n >= 30 && *scale > 0.0) {
                z.push((region.clone(), (value - middle) / scale));
            }
        }
        let level = median(&z.iter().map(|(_, z)| *z).collect::<Vec<_>>());
        (level, z.into_iter().map(|(region, z)| (region, z - level)).collect())
    }

    /// Sessions with more than 5 % unusual regions in a headline feature.
    pub fn flagged(&self) -> BTreeSet<Key> {
        let mut flagged = BTreeSet::new();
        for feature in self.headline() {
            for session in &self.features[feature].sessions {
                let (_, deviations) = self.deviations(feature, session);
                let unusual = deviations.iter().filter(|(_, z)| z.abs() > 3.5).count();
                if unusual as f64 > 0.05 * deviations.len() as f64 {
                    flagged.insert(session.clone());
                }
            }
        }
        flagged
    }

    /// The mean of each session over its regions.
    pub fn means(&self, feature: &str) -> BTreeMap<Key, f64> {
        let of = &self.features[feature];
        let mean = |place: usize| {
            let values: Vec<f64> = of.values.iter().filter_map(|values| values[place]).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        of.sessions.iter().enumerate().map(|(place, session)| (session.clone(), mean(place))).collect()
    }

    /// The shift of a version against another, of a feature of this table.
    pub fn shift(&self, feature: &str, table: &str, version: &str, newest: &str) -> f64 {
        let means = self.means(feature);
        let of = |wanted: &str| {
            let sessions = self.versions[table].iter().filter(|(_, version)| *version == wanted);
            median(&sessions.filter_map(|(session, _)| means.get(session).copied()).collect::<Vec<_>>())
        };
        (of(version) - of(newest)) / mad(&means.values().copied().collect::<Vec<_>>())
    }

    /// The median over regions of ICC(1), from the sums of squares of a one-way analysis of variance.
    pub fn icc(&self, feature: &str) -> f64 {
        let of = &self.features[feature];
        let mut iccs = Vec::new();
        for values in &of.values {
            let mut groups: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (session, value) in of.sessions.iter().zip(values) {
                groups.entry(&session.0).or_default().extend(value);
            }
            groups.retain(|_, values| values.len() > 1);
            let (a, n) = (groups.len() as f64, groups.values().map(Vec::len).sum::<usize>() as f64);
            let grand = groups.values().flatten().sum::<f64>() / n;
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let between = groups.values().map(|of| of.len() as f64 * (mean(of) - grand).powi(2)).sum::<f64>()
                / (a - 1.0);
            let within =
                groups.values().flat_map(|of| of.iter().map(move |x| (x - mean(of)).powi(2))).sum::<f64>()
                    / (n - a);
            let k = (n - groups.values().map(|of| (of.len() as f64).powi(2)).sum::<f64>() / n) / (a - 1.0);
            iccs.push((between - within) / (between + (k - 1.0) * within));
        }
        median(&iccs)
    }

    /// Spearman's ρ of the session means with something.
    pub fn rho(&self, feature: &str, with: &BTreeMap<Key, f64>) -> f64 {
        let means = self.means(feature);
        let pairs: Vec<(f64, f64)> =
            means.iter().filter_map(|(session, mean)| Some((*mean, *with.get(session)?))).collect();
        let ranks = |values: Vec<f64>| -> Vec<f64> {
            let rank = |x: f64| {
                let below = values.iter().filter(|y| **y < x).count() as f64;
                let same = values.iter().filter(|y| **y == x).count() as f64;
                below + (same + 1.0) / 2.0
            };
            values.iter().map(|x| rank(*x)).collect()
        };
        let (x, y) =
            (ranks(pairs.iter().map(|(x, _)| *x).collect()), ranks(pairs.iter().map(|(_, y)| *y).collect()));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mx, my) = (mean(&x), mean(&y));
        let both: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
        let (of_x, of_y): (f64, f64) =
            (x.iter().map(|x| (x - mx).powi(2)).sum(), y.iter().map(|y| (y - my).powi(2)).sum());
        both / (of_x * of_y).sqrt()
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// 1.4826 times the median absolute deviation.
pub fn mad(values: &[f64]) -> f64 {
    let middle = median(values);
    1.4826 * median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// What that lab's store says.
pub fn oracle() -> &'static Oracle {
    static ORACLE: OnceLock<Oracle> = OnceLock::new();
    ORACLE.get_or_init(|| Oracle::read(&lab().store()))
}

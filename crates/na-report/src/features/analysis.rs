//! All features of a cohort, and what they say of each session together.

use na_store::StoreView;
use rayon::prelude::*;

use crate::cohort::Cohort;
use crate::error::ReportError;
use crate::features::deviations::{Deviation, LARGEST, SessionScore, insert};
use crate::features::feature::{FLAGGED, Feature, FeatureReader, OfSessions};
use crate::features::headline::{MOST_ANALYSED, headline};

/// Values that are in memory at once for each thread, at most: a feature of 10,000 sessions × 456 regions, and a little more.
pub(crate) const CELLS_AT_ONCE: usize = 5 << 20;

/// Features that are read before they are joined, for each thread: some take far less time than others.
const WAITING: usize = 4;

/// Headline features whose session means are kept.
const MEANS: usize = 12;

/// What the features of a cohort say.
#[derive(Debug)]
pub(crate) struct Analysis {
    /// By table, map and name.
    pub(crate) features: Vec<Feature>,
    /// The features that stand for a map each, as indices. A deviation's feature is its position here.
    pub(crate) headline: Vec<usize>,
    /// What the headline features say, feature by feature.
    pub(crate) of_headline: Vec<HeadlineScores>,
    /// The session means of the first of them, feature by feature.
    pub(crate) first_means: Vec<Vec<f64>>,
    /// The largest deviations of each session, over the headline features.
    pub(crate) largest: Vec<[Deviation; LARGEST]>,
}

/// What a headline feature says of each session.
#[derive(Debug)]
pub(crate) struct HeadlineScores {
    /// How far session means are from their median, in robust standard deviations. NaN where there is none.
    pub(crate) mean_z: Vec<f32>,
    /// The median of z over the regions. NaN where there is none.
    pub(crate) levels: Vec<f32>,
    pub(crate) n_unusual: Vec<u32>,
    pub(crate) n_scored: Vec<u32>,
}

/// What the headline features say of a session together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SessionFacts {
    /// Its level in the feature in which that is largest, with its sign. NaN if it has none: the levels of features with opposite signs,
    /// as thickness and diffusivity have, would hide each other in a median.
    pub(crate) level: f64,
    pub(crate) n_unusual: u32,
    pub(crate) n_scored: u32,
    /// The feature with the largest share of unusual regions, as a position among the headline features, and that share. `None` if no region
    /// is unusual.
    pub(crate) worst: Option<(usize, f64)>,
}

impl SessionFacts {
    /// The share of unusual regions over all features.
    pub(crate) fn share(&self) -> f64 {
        f64::from(self.n_unusual) / f64::from(self.n_scored.max(1))
    }

    /// The share of unusual regions in its worst feature.
    pub(crate) fn worst_share(&self) -> f64 {
        self.worst.map_or(0.0, |(_, share)| share)
    }

    /// Whether more than [`FLAGGED`] of the regions are unusual in any feature.
    pub(crate) fn is_flagged(&self) -> bool {
        self.worst.is_some_and(|(_, share)| share > FLAGGED)
    }
}

impl Analysis {
    /// Reads all features, as many at once as there are threads, and of each no more values than these.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn read(
        view: &StoreView<'_>,
        cohort: &Cohort,
        cells_at_once: usize,
    ) -> Result<Self, ReportError> {
        let mut outlines = view.feature_outlines()?;
        outlines.sort_by(|one, other| {
            (&one.table, &one.map, &one.name).cmp(&(&other.table, &other.map, &other.name))
        });
        let headline = headline(&outlines);
        let analyses_all = outlines.len() <= MOST_ANALYSED;
        let mut analysis = Self {
            features: Vec::with_capacity(outlines.len()),
            of_headline: Vec::with_capacity(headline.len()),
            first_means: Vec::new(),
            largest: vec![[Deviation::default(); LARGEST]; cohort.sessions.len()],
            headline,
        };
        let readers = outlines.iter().enumerate().map(|(index, outline)| {
            let position = analysis.headline.binary_search(&index).ok();
            let number = position.and_then(|position| u16::try_from(position).ok());
            let reader = FeatureReader {
                view,
                cohort,
                outline,
                number: number.unwrap_or(u16::MAX),
                is_analysed: (analyses_all && !outline.table.is_of_globals()) || position.is_some(),
                cells_at_once,
            };
            (reader, position.is_some())
        });
        let readers: Vec<(FeatureReader<'_>, bool)> = readers.collect();
        // What each feature says of sessions is joined in their order, whichever was read first.
        for readers in readers.chunks(WAITING * rayon::current_num_threads().max(1)) {
            let read: Vec<_> = readers.par_iter().map(|(reader, _)| reader.read()).collect();
            for (read, (_, is_headline)) in read.into_iter().zip(readers) {
                let (feature, of_sessions) = read?;
                analysis.features.push(feature);
                if *is_headline {
                    analysis.add(of_sessions);
                }
            }
        }
        Ok(analysis)
    }

    fn add(&mut self, OfSessions { means, spread, scores }: OfSessions) {
        for (largest, score) in self.largest.iter_mut().zip(&scores) {
            score.largest.iter().filter(|deviation| deviation.z != 0.0).for_each(|new| insert(largest, *new));
        }
        let z = |mean: f64| spread.and_then(|spread| spread.z(mean)).map_or(f32::NAN, |z| z as f32);
        let of = |of: fn(&SessionScore) -> u32| scores.iter().map(of).collect();
        self.of_headline.push(HeadlineScores {
            mean_z: means.iter().map(|mean| z(*mean)).collect(),
            levels: scores.iter().map(|score| score.level).collect(),
            n_unusual: of(|score| score.n_unusual),
            n_scored: of(|score| score.n_scored),
        });
        if self.first_means.len() < MEANS {
            self.first_means.push(means);
        }
    }

    /// Whether anything is scored: below thirty sessions nothing is.
    pub(crate) fn is_scored(&self) -> bool {
        self.of_headline.iter().any(|scores| scores.n_scored.iter().any(|n| *n > 0))
    }

    /// The headline features with their position among all.
    pub(crate) fn headline(&self) -> impl Iterator<Item = &Feature> {
        self.headline.iter().filter_map(|index| self.features.get(*index))
    }

    /// The first headline features with their session means, which stand for scores where nothing is scored. None where anything is.
    pub(crate) fn means_for_scores(&self) -> impl Iterator<Item = (&Feature, &Vec<f64>)> {
        let is_scored = self.is_scored();
        self.headline().zip(&self.first_means).filter(move |_| !is_scored)
    }

    /// What the headline features say of a session.
    pub(crate) fn of_session(&self, session: usize) -> SessionFacts {
        let (mut n_unusual, mut n_scored, mut worst) = (0, 0, None);
        let mut level = f64::NAN;
        for (feature, scores) in self.of_headline.iter().enumerate() {
            let (Some(unusual), Some(scored)) = (scores.n_unusual.get(session), scores.n_scored.get(session))
            else {
                continue;
            };
            n_unusual += unusual;
            n_scored += scored;
            let of_feature = scores.levels.get(session).copied().map_or(f64::NAN, f64::from);
            if of_feature.abs() > level.abs() || (level.is_nan() && of_feature.is_finite()) {
                level = of_feature;
            }
            let share = f64::from(*unusual) / f64::from((*scored).max(1));
            if *unusual > 0 && worst.is_none_or(|(_, worst)| share > worst) {
                worst = Some((feature, share));
            }
        }
        SessionFacts { level, n_unusual, n_scored, worst }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::{Float64Array, RecordBatch, StringArray};
    use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, RunRecord, Writer};
    use na_model::{
        Compression, ExportSettings, ListedSession, Listing, Modality, ReadAt, Session, SubjectCode,
        TableName, TivFinding, Unit, UnitKind, WideMetrics,
    };
    use na_store::{CacheExport, FeatureStore, Unobserved, export_cache};

    use super::*;

    const SESSIONS: u32 = 70;

    fn session(n: u32) -> Session {
        Session::new(SubjectCode::clean(&n.to_string()).unwrap(), None)
    }

    /// A session of seven regions; now and then one is empty, and of some sessions one is far away.
    fn unit(n: u32) -> EncodedUnit {
        let regions = ["a", "b", "c", "d", "e", "f", "g"];
        let value = |region: u32| {
            let value = f64::from(n * (region + 3) % 31) + f64::from(n) / 7.0;
            let value = if n == region * 9 + 4 { value + 400.0 } else { value };
            Some(value).filter(|_| (n + region) % 11 != 3)
        };
        let table = RecordBatch::try_from_iter([
            ("label", Arc::new(StringArray::from(regions.to_vec())) as _),
            ("mean", Arc::new(Float64Array::from_iter((0..7).map(value))) as _),
        ]);
        EncodedUnit {
            unit: Unit::of_parcellate(session(n), Modality::Anatomical),
            read_at: ReadAt::now(),
            tiv: TivFinding::Measured(1400.0 + f64::from(n)),
            tables: vec![
                EncodedTable::encode(TableName::parse("anatomical_gm").unwrap(), None, &table.unwrap())
                    .unwrap(),
            ],
            sources: Vec::new(),
        }
    }

    /// A store that lists ten sessions more than it has.
    fn load(output: &Path) {
        let lock = OwnerLock::acquire(output).unwrap();
        let cache = OwnedCache::open_or_create(&lock).unwrap();
        let settings = ExportSettings {
            atlas_name: "A".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::default(),
        };
        let rows = (0..SESSIONS + 10).map(|n| ListedSession { session: session(n), values: Vec::new() });
        let listing = Listing { rows: rows.collect(), ..Listing::default() };
        cache
            .write_run_record(&RunRecord::new(
                settings,
                listing,
                vec![UnitKind::of_parcellate(Modality::Anatomical)],
            ))
            .unwrap();
        let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
        (0..SESSIONS).for_each(|n| sender.send(unit(n)).unwrap());
        drop(sender);
        writer.finish().unwrap();
    }

    #[test]
    fn a_feature_that_is_read_in_parts_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        load(folder.path());
        let store = FeatureStore::open(folder.path()).unwrap();
        let read = |cells_at_once: usize| {
            store.at_one_state(|view| {
                let cohort = Cohort::read(view)?;
                Ok::<_, ReportError>(format!("{:?}", Analysis::read(view, &cohort, cells_at_once)?))
            })
        };
        let assert_same = || {
            let whole = read(CELLS_AT_ONCE).unwrap();
            assert!(whole.contains("n_flagged: Some("), "{whole}");
            for cells_at_once in [1, 100, 300] {
                assert_eq!(read(cells_at_once).unwrap(), whole, "{cells_at_once} at once");
            }
        };
        assert_same();
        export_cache(folder.path(), &CacheExport::default(), &Unobserved).unwrap();
        assert_same();
    }
}

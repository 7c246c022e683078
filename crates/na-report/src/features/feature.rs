//! One feature: what its session means say, and its regions and repeated measures if these are looked at.

use na_store::{FeatureOutline, ReadOptions, StoreView};

use crate::cohort::Cohort;
use crate::error::ReportError;
use crate::features::deviations::{SessionScore, scores};
use crate::features::matrix::{Matrix, of_sessions};
use crate::features::regions::{
    FEWEST_SCORED, RegionStatistics, Texture, region_statistics, rows_of_subjects,
};
use crate::features::version_shift::{VersionShift, largest, version_shifts};
use crate::statistics::histogram::Histogram;
use crate::statistics::ranks::spearman;
use crate::statistics::sorted::{Sorted, Spread};

/// The share of unusual regions from which a session is flagged.
pub(crate) const FLAGGED: f64 = 0.05;

/// What a feature says.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) outline: FeatureOutline,
    pub(crate) n_sessions: usize,
    pub(crate) regions: Vec<String>,
    /// Cells without a value, in sessions that have the feature.
    pub(crate) n_empty: usize,
    /// Of session means: their 1st, 25th, 50th, 75th and 99th percentile.
    pub(crate) quantiles: Option<[f64; 5]>,
    /// Of session means.
    pub(crate) histogram: Histogram,
    pub(crate) age_correlation: Option<f64>,
    pub(crate) tiv_correlation: Option<f64>,
    pub(crate) version_shifts: Vec<VersionShift>,
    /// `None` if its regions are not looked at.
    pub(crate) analysis: Option<RegionAnalysis>,
}

impl Feature {
    /// The largest difference of a version from the newest, whichever its sign. `None` if no two are compared.
    pub(crate) fn largest_shift(&self) -> Option<f64> {
        largest(&self.version_shifts).and_then(|of| of.shift)
    }
}

/// What the regions of a feature say.
#[derive(Debug)]
pub(crate) struct RegionAnalysis {
    pub(crate) regions: Vec<RegionStatistics>,
    /// The median over regions of ICC(1).
    pub(crate) icc: Option<f64>,
    /// Sessions with more than [`FLAGGED`] unusual regions. `None` if too few sessions have the feature.
    pub(crate) n_flagged: Option<usize>,
}

impl RegionAnalysis {
    /// The regions whose values are the same or rounded too far.
    pub(crate) fn n_coarse(&self) -> usize {
        self.regions.iter().filter(|region| region.texture != Texture::Fine).count()
    }
}

/// What a feature says of each session.
#[derive(Debug)]
pub(crate) struct OfSessions {
    /// By session, the mean over its regions. NaN if it has none.
    pub(crate) means: Vec<f64>,
    /// How session means spread.
    pub(crate) spread: Option<Spread>,
    /// By session. Empty if the feature's regions are not looked at.
    pub(crate) scores: Vec<SessionScore>,
}

/// A feature that is being read.
pub(crate) struct FeatureReader<'a> {
    pub(crate) view: &'a StoreView<'a>,
    pub(crate) cohort: &'a Cohort,
    pub(crate) outline: &'a FeatureOutline,
    /// Its number among the headline features. Its deviations carry it.
    pub(crate) number: u16,
    /// Whether its regions are looked at.
    pub(crate) is_analysed: bool,
    /// Values that are in memory at once, at most.
    pub(crate) cells_at_once: usize,
}

impl FeatureReader<'_> {
    /// Reads the feature, whole if it fits, or else in parts.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn read(&self) -> Result<(Feature, OfSessions), ReportError> {
        let n_sessions = self.cohort.sessions.len();
        let n_regions = self.view.regions_of_table(&self.outline.table)?.len();
        if n_sessions * n_regions <= self.cells_at_once {
            let matrix = self.matrix(ReadOptions::default())?;
            let analysis = self.is_analysed.then(|| self.region_statistics(&matrix));
            return Ok(self.finish(Parts::of_whole(matrix, analysis, self.number), n_sessions));
        }
        let mut parts = Parts { regions: self.view.regions(&self.outline.name)?, ..Parts::default() };
        if self.is_analysed {
            let mut statistics = Vec::new();
            for regions in parts.regions.chunks((self.cells_at_once / n_sessions).max(1)) {
                let matrix = self.matrix(ReadOptions::default().regions(regions.iter().cloned()))?;
                statistics.extend(self.region_statistics(&matrix));
            }
            parts.analysis = Some(statistics);
        }
        let stored: Vec<usize> = self.cohort.sessions.stored().collect();
        for sessions in stored.chunks((self.cells_at_once / n_regions.max(1)).max(1)) {
            let matrix = self.matrix(of_sessions(&self.cohort.sessions, sessions))?;
            parts.add(&matrix, self.number);
        }
        Ok(self.finish(parts, n_sessions))
    }

    fn matrix(&self, options: ReadOptions) -> Result<Matrix, ReportError> {
        Matrix::read(self.view, &self.outline.name, options, &self.cohort.sessions)
    }

    fn region_statistics(&self, matrix: &Matrix) -> Vec<RegionStatistics> {
        let subjects = rows_of_subjects(&matrix.sessions, self.cohort.sessions.subjects());
        region_statistics(matrix, &subjects, &mut Sorted::default())
    }

    fn finish(&self, parts: Parts, n_sessions: usize) -> (Feature, OfSessions) {
        let Parts { sessions, means: mut of_rows, n_empty, regions, analysis, scores: of_row } = parts;
        // Measures of a whole brain have units of their own: nobody wants their mean.
        if self.outline.table.is_of_globals() {
            of_rows.fill(f64::NAN);
        }
        let mut means = vec![f64::NAN; n_sessions];
        for (session, mean) in sessions.iter().zip(&of_rows) {
            means.get_mut(*session).into_iter().for_each(|of| *of = *mean);
        }
        let mut scores = Vec::new();
        if analysis.is_some() {
            scores = vec![SessionScore::default(); n_sessions];
            for (session, score) in sessions.iter().zip(of_row) {
                scores.get_mut(*session).into_iter().for_each(|of| *of = score);
            }
        }
        let sorted = Sorted::of(of_rows.into_iter());
        let quantiles = [0.01, 0.25, 0.5, 0.75, 0.99].map(|share| sorted.quantile(share));
        let covariates = &self.cohort.covariates;
        let correlation = |with: &[f64]| spearman(means.iter().copied().zip(with.iter().copied()));
        let versions = self.cohort.provenance.versions.get(&self.outline.table);
        let is_enough = sessions.len() >= FEWEST_SCORED;
        let analysis = analysis.map(|regions| RegionAnalysis {
            icc: Sorted::of(regions.iter().filter_map(|region| region.icc)).median(),
            n_flagged: is_enough.then(|| scores.iter().filter(|score| score.share() > FLAGGED).count()),
            regions,
        });
        let feature = Feature {
            outline: self.outline.clone(),
            n_sessions: sessions.len(),
            regions,
            n_empty,
            quantiles: quantiles
                .iter()
                .all(Option::is_some)
                .then(|| quantiles.map(Option::unwrap_or_default)),
            histogram: Histogram::of(&sorted),
            age_correlation: correlation(&covariates.ages),
            tiv_correlation: correlation(&covariates.volumes),
            version_shifts: versions.map(|versions| version_shifts(versions, &means)).unwrap_or_default(),
            analysis,
        };
        (feature, OfSessions { means, spread: sorted.spread(), scores })
    }
}

/// What was read of a feature so far.
#[derive(Default)]
struct Parts {
    sessions: Vec<usize>,
    means: Vec<f64>,
    n_empty: usize,
    regions: Vec<String>,
    analysis: Option<Vec<RegionStatistics>>,
    scores: Vec<SessionScore>,
}

impl Parts {
    fn of_whole(mut matrix: Matrix, analysis: Option<Vec<RegionStatistics>>, number: u16) -> Self {
        let regions = std::mem::take(&mut matrix.regions);
        let mut parts = Self { regions, analysis, ..Self::default() };
        parts.add(&matrix, number);
        parts
    }

    /// Adds the sessions of a matrix of all regions, once the regions' own statistics are known.
    fn add(&mut self, matrix: &Matrix, number: u16) {
        let (means, n_empty) = matrix.means();
        self.sessions.extend(&matrix.sessions);
        self.means.extend(means);
        self.n_empty += n_empty;
        if let Some(regions) = &mut self.analysis {
            self.scores.extend(scores(matrix, regions, number));
        }
    }
}

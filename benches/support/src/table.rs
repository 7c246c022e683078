//! Tables of the size that labs have, as `parcellate` writes them: 456 regions × 57 columns, doubles with all their
//! digits. Small ones have the first 12 columns. The same seed gives the same bytes.

use std::fmt::Write as _;

/// The atlas of all tables.
pub const ATLAS: &str = "4S456Parcels";
/// How many regions the atlas has.
pub const REGIONS: usize = 456;

/// Of so many regions of the atlas, so many are cortical.
const CORTICAL: usize = 400;
const NETWORKS: [&str; 7] = ["Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"];
const DESCRIPTION: &str = "index\tlabel\tnetwork_label\tlabel_7network\tindex_17network\tlabel_17network\t\
                           network_label_17network\tatlas_name";
const NUMBERS: &str = "volume_mm3 voxel_count z_filtered_mean z_filtered_std iqr_filtered_mean iqr_filtered_std \
    robust_mean robust_std mad_median mean std median sum cv robust_cv quartile_dispersion skewness excess_kurtosis \
    abs_skewness abs_excess_kurtosis bimodality_coefficient prop_outliers_2sd prop_outliers_3sd prop_outliers_iqr \
    left_tail_mass right_tail_mass tail_asymmetry excess_tail_mass dagostino_k2 dagostino_p log_dagostino_k2 \
    shapiro_w shapiro_p qq_correlation qq_r_squared histogram_entropy percentile_5 percentile_10 percentile_25 \
    percentile_50 percentile_75 percentile_90 percentile_95";
/// How many of the numbers a small table has.
const FEW: usize = 4;
const FLAGS: &str = "is_strongly_skewed is_heavy_tailed is_bimodal has_outliers fails_normality";

/// A sequence of random numbers: SplitMix64.
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, 53 random bits.
    pub fn fraction(&mut self) -> f64 {
        let whole = (self.bits() >> 11) as f64;
        whole / (1_u64 << 53) as f64
    }
}

/// What a table is of.
#[derive(Debug, Clone, Copy)]
pub struct Content {
    /// Another seed gives other values.
    pub seed: u64,
    /// How many rows.
    pub regions: usize,
    /// Whether it has 12 columns.
    pub is_small: bool,
    /// How large the values are.
    pub scale: f64,
    /// Anatomical tables have it, in the last column.
    pub tiv: Option<f64>,
}

impl Content {
    /// An anatomical table of the whole atlas.
    pub fn anatomical(seed: u64) -> Self {
        Self { seed, regions: REGIONS, is_small: false, scale: 1.0, tiv: Some(1500.25) }
    }

    fn numbers(&self) -> impl Iterator<Item = &'static str> {
        NUMBERS.split(' ').take(if self.is_small { FEW } else { usize::MAX })
    }

    fn flags(&self) -> impl Iterator<Item = &'static str> {
        FLAGS.split(' ').filter(|_| !self.is_small)
    }
}

/// The text of a table.
pub fn text(content: &Content) -> String {
    let mut random = Random::new(content.seed);
    let mut text = header(content);
    text.reserve(content.regions * 960);
    for region in 0..content.regions {
        describe(&mut text, region, content.regions);
        for name in content.numbers() {
            text.push('\t');
            number(&mut text, name, region, content.scale, &mut random);
        }
        let flags = random.bits();
        for flag in 0..content.flags().count() {
            text.push_str(if (flags >> (8 * flag)).is_multiple_of(3) { "\tTrue" } else { "\tFalse" });
        }
        if let Some(tiv) = content.tiv {
            write!(text, "\t{tiv:?}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn header(content: &Content) -> String {
    let words = content.numbers().chain(content.flags()).chain(content.tiv.map(|_| "vol_TIV"));
    words.fold(DESCRIPTION.to_owned(), |header, word| header + "\t" + word) + "\n"
}

/// Cortical regions are in a network, subcortical ones are not.
fn describe(text: &mut String, region: usize, regions: usize) {
    let cortical = regions * CORTICAL / REGIONS;
    let index = region + 1;
    if region >= cortical {
        let side = ["LH", "RH"][region % 2];
        let atlas = ["CIT168", "ThalamusHCP"][region % 2];
        write!(text, "{index}\t{side}-Subcortical-{index}\t\t\t\t\t\t{atlas}").unwrap();
        return;
    }
    let half = cortical.div_ceil(2);
    let (side, place) = if region < half { ("LH", region) } else { ("RH", region - half) };
    let network = NETWORKS[place * NETWORKS.len() / half];
    let label = format!("{side}_{network}_{}", place + 1);
    let (index17, part17) = ((region * 37) % cortical + 1, place % 29 + 1);
    write!(
        text,
        "{index}\t{label}\t{network}\t7Networks_{label}\t{index17}.0\t17Networks_{side}_{network}A_{part17}\t\
         {network}A\tSchaefer2018N400n7"
    )
    .unwrap();
}

fn number(text: &mut String, name: &str, region: usize, scale: f64, random: &mut Random) {
    let fraction = random.fraction();
    let value = 0.5 + 0.3 * fraction;
    match name {
        "voxel_count" => write!(text, "{}", 20 + random.bits() % 1980),
        "volume_mm3" => write!(text, "{:?}", value * 3000.0),
        "shapiro_w" if region.is_multiple_of(91) => Ok(()),
        "prop_outliers_3sd" if fraction < 0.6 => write!(text, "0.0"),
        _ => write!(text, "{:?}", value * scale),
    }
    .unwrap();
}

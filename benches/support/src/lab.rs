//! A made-up lab: sessions with ages, head sizes, scanners and repeated measures that show in their values, and with faults that somebody
//! who looks at the cohort should find. Nobody was scanned.
//!
//! The same plan gives the same bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use rayon::prelude::*;

use crate::table::{ATLAS, Random};

/// Maps of a lab: how a map's file is called, how large its values are, how they change with age.
pub struct LabMap {
    /// The tissue, or the workflow.
    pub table: &'static str,
    /// Model and param of a diffusion map.
    pub param: Option<(&'static str, &'static str)>,
    scale: f64,
    slope: f64,
}

const fn tissue(table: &'static str, scale: f64) -> LabMap {
    LabMap { table, param: None, scale, slope: -0.45 }
}

const fn map(
    table: &'static str,
    model: &'static str,
    param: &'static str,
    scale: f64,
    slope: f64,
) -> LabMap {
    LabMap { table, param: Some((model, param)), scale, slope }
}

/// All maps that a lab may have, in the order in which it has them.
pub const MAPS: [LabMap; 20] = [
    tissue("GM", 900.0),
    tissue("WM", 1100.0),
    tissue("CT", 2.5),
    map("AMICONODDI", "noddi", "icvf", 0.5, 0.15),
    map("DSIStudio", "tensor", "fa", 0.45, -0.4),
    map("DSIStudio", "tensor", "md", 8e-4, 0.3),
    map("AMICONODDI", "noddi", "od", 0.3, 0.1),
    map("AMICONODDI", "noddi", "isovf", 0.1, 0.2),
    map("DSIStudio", "tensor", "ad", 1.2e-3, 0.2),
    map("DSIStudio", "tensor", "rd", 6e-4, 0.3),
    map("DSIStudio", "gqi", "qa", 0.4, -0.1),
    map("DSIStudio", "gqi", "gfa", 0.1, -0.2),
    map("DSIStudio", "gqi", "iso", 0.6, 0.1),
    map("DIPYDKI", "dki", "mk", 0.9, -0.2),
    map("DIPYDKI", "dki", "ak", 0.8, -0.2),
    map("DIPYDKI", "dki", "rk", 1.0, -0.2),
    map("DIPYDKI", "dki", "kfa", 0.5, -0.2),
    map("DIPYDKI", "dki", "ad", 1.3e-3, 0.2),
    map("MRtrix3act", "csd", "afd", 0.5, -0.1),
    map("MRtrix3act", "csd", "complexity", 0.4, 0.1),
];

/// What a lab has, and what went wrong in it. Faults are drawn at random, each kind among sessions of its own.
#[derive(Debug, Clone, Default)]
pub struct Lab {
    /// Another seed gives other people.
    pub seed: u64,
    /// How many sessions.
    pub sessions: usize,
    /// How many regions a map has.
    pub regions: usize,
    /// How many of [`MAPS`].
    pub maps: usize,
    /// Sessions in which the segmentation of some regions failed, in every map.
    pub bad_segmentations: usize,
    /// Sessions whose grey matter is another session's, byte for byte.
    pub copies: usize,
    /// Sessions that an older version made, with more grey matter.
    pub old_version: usize,
    /// Sessions with a volume that no head has.
    pub wrong_volumes: usize,
    /// Sessions with a table that is no table.
    pub broken_tables: usize,
    /// Sessions without any diffusion map.
    pub without_diffusion: usize,
    /// Sessions without thickness.
    pub without_thickness: usize,
    /// Sessions without an age in the list.
    pub without_age: usize,
    /// Whether the last region is empty in a third of the sessions.
    pub empty_region: bool,
}

/// What went wrong, by session (see [`Lab::session`]).
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "as in [`Lab`]")]
pub struct Faults {
    pub bad_segmentations: BTreeSet<usize>,
    /// A session, and the one whose grey matter it has.
    pub copies: Vec<(usize, usize)>,
    pub old_version: BTreeSet<usize>,
    pub wrong_volumes: BTreeSet<usize>,
    pub broken_tables: BTreeSet<usize>,
    pub without_diffusion: BTreeSet<usize>,
    pub without_thickness: BTreeSet<usize>,
    pub without_age: BTreeSet<usize>,
}

/// A person of the lab.
struct Person {
    age: f64,
    is_male: bool,
    volume: f64,
    site: usize,
    factors: [f64; FACTORS],
}

/// What people differ by.
const FACTORS: usize = 6;

impl Lab {
    /// A lab with every fault, of so many sessions.
    pub fn with_faults(seed: u64, sessions: usize) -> Self {
        let some = |share: usize| (sessions / share).max(1);
        Self {
            seed,
            sessions,
            regions: 60,
            maps: 6,
            bad_segmentations: some(80),
            copies: some(200),
            old_version: sessions / 4,
            wrong_volumes: some(150),
            broken_tables: some(120),
            without_diffusion: some(25),
            without_thickness: some(40),
            without_age: some(50),
            empty_region: true,
        }
    }

    /// The subject and the session id of a session: one in four has a second one.
    pub fn session(&self, n: usize) -> (String, String) {
        let (subject, visit) = visit(n);
        let (year, month) = (2021 + (subject + visit * 3) % 5, subject * 7 % 12 + 1);
        let (day, hour, minute) = (subject * 11 % 28 + 1, 8 + subject % 10, subject * 17 % 60);
        (format!("{:04}", subject + 1), format!("{year}{month:02}{day:02}{hour:02}{minute:02}"))
    }

    fn random(&self, what: u64, n: usize) -> Random {
        let seed = Random::new(self.seed ^ what.rotate_left(32)).bits();
        Random::new(seed ^ n as u64)
    }

    /// Where what went wrong.
    pub fn faults(&self) -> Faults {
        let mut random = self.random(1, 0);
        let mut free: Vec<usize> = (0..self.sessions).collect();
        let mut draw = |n: usize| {
            let drawn = (0..n.min(free.len())).map(|_| free.swap_remove(random.bits() as usize % free.len()));
            drawn.collect::<BTreeSet<usize>>()
        };
        let mut faults = Faults {
            bad_segmentations: draw(self.bad_segmentations),
            wrong_volumes: draw(self.wrong_volumes),
            broken_tables: draw(self.broken_tables),
            without_diffusion: draw(self.without_diffusion),
            without_thickness: draw(self.without_thickness),
            without_age: draw(self.without_age),
            ..Faults::default()
        };
        let (copies, originals) = (draw(self.copies), draw(self.copies));
        faults.copies = copies.into_iter().zip(originals).collect();
        // The older version made the older part of the list, whatever else is wrong there.
        faults.old_version = (0..self.old_version).collect();
        faults
    }

    fn person(&self, n: usize) -> Person {
        let (subject, visit) = visit(n);
        let mut random = self.random(2, subject);
        let (age, is_male) = (18.0 + 70.0 * random.fraction(), random.bits().is_multiple_of(2));
        let volume = if is_male { 1560.0 } else { 1400.0 } + 115.0 * normal(&mut random);
        let site = random.bits() as usize % 3;
        let factors = std::array::from_fn(|_| normal(&mut random));
        Person { age: age + visit as f64, is_male, volume, site, factors }
    }

    /// Writes the lab's files as CAT12, QSIRecon and `parcellate` do, with list and settings. Returns what went wrong.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn write(&self, folder: &Path) -> io::Result<Faults> {
        let faults = self.faults();
        let mut list = "subject_code,session_id,AGE,sex,site\n".to_owned();
        for n in 0..self.sessions {
            let ((subject, id), person) = (self.session(n), self.person(n));
            let age =
                if faults.without_age.contains(&n) { "n/a".to_owned() } else { format!("{:.1}", person.age) };
            let (sex, site) = (if person.is_male { "M" } else { "F" }, ["A", "B", "C"][person.site]);
            writeln!(list, "{subject},{id},{age},{sex},{site}").unwrap();
        }
        fs::create_dir_all(folder)?;
        let qsiparc = if self.maps > 3 { "QSIPARC_PATH=parcellated\n" } else { "" };
        let settings = format!(
            "SESSIONS_CSV=sessions.csv\nCAT12_ROOT=cat12\nCAT12_PARCELLATED_ROOT=parcellated/cat12\n{qsiparc}ATLAS_NAME={ATLAS}\n"
        );
        fs::write(folder.join(".env"), settings)?;
        fs::write(folder.join("sessions.csv"), list)?;
        (0..self.sessions).into_par_iter().try_for_each(|n| self.write_session(folder, n, &faults))?;
        Ok(faults)
    }

    fn write_session(&self, folder: &Path, n: usize, faults: &Faults) -> io::Result<()> {
        let (subject, id) = self.session(n);
        let name = format!("sub-{subject}_ses-{id}");
        let wrong = [300.0, 3600.0][n % 2];
        let volume = if faults.wrong_volumes.contains(&n) { wrong } else { self.person(n).volume };
        let anat = folder.join(format!("cat12/sub-{subject}/ses-{id}/anat"));
        fs::create_dir_all(&anat)?;
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<S><subjectmeasures><vol_TIV>{volume:?}</vol_TIV></subjectmeasures></S>\n"
        );
        fs::write(anat.join(format!("cat_{name}_T1w.xml")), xml)?;
        for (index, map) in MAPS.iter().take(self.maps).enumerate() {
            let is_absent = match map.param {
                None => map.table == "CT" && faults.without_thickness.contains(&n),
                Some(_) => faults.without_diffusion.contains(&n),
            };
            if is_absent {
                continue;
            }
            let (root, scan, entities) = match map.param {
                None => ("cat12".to_owned(), "anat", format!("tissue-{}", map.table)),
                Some((model, param)) => {
                    (format!("qsirecon-{}", map.table), "dwi", format!("model-{model}_param-{param}"))
                }
            };
            let below =
                folder.join(format!("parcellated/{root}/sub-{subject}/ses-{id}/{scan}/atlas-{ATLAS}"));
            fs::create_dir_all(&below)?;
            let path =
                below.join(format!("{name}_atlas-{ATLAS}_space-MNI152NLin2009cAsym_{entities}_parc.tsv"));
            let of = faults
                .copies
                .iter()
                .find(|(copy, _)| *copy == n && index == 0)
                .map_or(n, |(_, original)| *original);
            let mut text = self.table(of, index, map, faults);
            if index == 0 && faults.broken_tables.contains(&n) {
                text = text.replacen("\t0.", "\tERR", 1);
            }
            fs::write(&path, text)?;
            fs::write(path.with_extension("json"), self.sidecar(n, faults))?;
        }
        Ok(())
    }

    fn table(&self, n: usize, index: usize, map: &LabMap, faults: &Faults) -> String {
        let person = self.person(n);
        let mut of_session = self.random(3, n);
        let bad: BTreeSet<usize> = if faults.bad_segmentations.contains(&n) {
            (0..self.regions / 5).map(|_| of_session.bits() as usize % self.regions).collect()
        } else {
            BTreeSet::new()
        };
        let mut noise = self.random(4, n * MAPS.len() + index);
        let whole = 0.15 * normal(&mut noise);
        let age = (person.age - 46.0) / 17.0;
        let head =
            if map.table == "GM" || map.table == "WM" { 0.4 * (person.volume - 1450.0) / 130.0 } else { 0.0 };
        let version = if index == 0 && faults.old_version.contains(&n) { 1.6 } else { 0.0 };
        let measured = if map.param.is_none() { "volume_mm3\tmean" } else { "mean" };
        let mut text = format!("index\tlabel\t{measured}\n");
        for region in 0..self.regions {
            let mut of_region = self.random(5, index * 10_000 + region);
            let base = (0.35 * normal(&mut of_region)).exp();
            let factors: f64 =
                person.factors.iter().map(|factor| 0.3 * factor * normal(&mut of_region)).sum();
            let sites: [f64; 3] = std::array::from_fn(|_| 0.12 * normal(&mut of_region));
            let mut x = factors
                + map.slope * age
                + head
                + sites[person.site]
                + whole
                + version
                + 0.65 * normal(&mut noise);
            if bad.contains(&region) {
                x += if noise.bits().is_multiple_of(2) { 9.0 } else { -8.5 };
            }
            let value = base * map.scale * (1.0 + 0.1 * x);
            let is_empty = self.empty_region && region + 1 == self.regions && n.is_multiple_of(3);
            let label = format!("{}_Region_{}", ["LH", "RH"][region % 2], region / 2 + 1);
            let cells = match (is_empty, map.param) {
                (true, None) => "\t".to_owned(),
                (true, Some(_)) => String::new(),
                (false, None) if map.table == "CT" => format!("{:?}\t{value:?}", value * 10.0),
                (false, None) => format!("{value:?}\t{:?}", 0.4 + value / map.scale / 10.0),
                (false, Some(_)) => format!("{value:?}"),
            };
            writeln!(text, "{}\t{label}\t{cells}", region + 1).unwrap();
        }
        text
    }

    fn sidecar(&self, n: usize, faults: &Faults) -> String {
        let is_old = faults.old_version.contains(&n);
        let (version, year) = if is_old { ("0.2.1", 2025) } else { ("0.3.0", 2026) };
        let month = if is_old { 7 + n % 6 } else { 1 + n % 9 };
        format!(
            "{{\"mask\": null, \"mask_threshold\": 0.0, \"atlas_threshold\": 0.0, \"parcellation_scheme\": {{\"name\": \"{ATLAS}\"}}, \
             \"space\": \"MNI152NLin2009cAsym\", \"resampling_target\": \"data\", \"background_label\": 0, \
             \"software_version\": \"{version}\", \"timestamp\": \"{year}-{month:02}-14T12:00:00+00:00\"}}\n"
        )
    }
}

/// The number of a session's subject, and of its visit, from 0.
fn visit(n: usize) -> (usize, usize) {
    (n / 5 * 4 + (n % 5).min(3), n % 5 / 4)
}

/// A number of the standard normal distribution, by Box and Muller.
fn normal(random: &mut Random) -> f64 {
    let (one, other) = (1.0 - random.fraction(), random.fraction());
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

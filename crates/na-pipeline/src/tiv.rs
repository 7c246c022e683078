//! Total intracranial volume: where it may stand, and what is believed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

mod table;
mod xml;

pub use table::tiv_from_tsv;
pub use xml::tiv_from_xml;

/// Volumes that a human head can have, mL.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 500.0..=3000.0;

/// A total intracranial volume.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundTiv {
    /// The volume, mL.
    pub millilitres: f64,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl FoundTiv {
    /// A volume that a file gives, with a note where no head has it.
    #[must_use]
    pub fn new(path: &Path, millilitres: f64) -> Self {
        let mut notes = Vec::new();
        if !PLAUSIBLE.contains(&millilitres) {
            notes.push(format!("{}: TIV is {millilitres} mL, expected 500 to 3000 mL", path.display()));
        }
        Self { millilitres, notes }
    }
}

/// The volume that a text gives, mL: a finite number above 0.
pub(crate) fn volume(text: &[u8]) -> Option<f64> {
    fast_float2::parse(text.trim_ascii()).ok().filter(|ml: &f64| ml.is_finite() && *ml > 0.0)
}

/// The files of an `anat` folder that may hold TIV, the most trusted first: CAT12's reports of the bias-corrected
/// image, of the uncorrected, of any T1w, any other (also in `report/`), then `*_tiv.tsv`. A missing folder has none.
///
/// # Errors
/// A folder that cannot be listed.
pub fn tiv_candidates(anat_folder: &Path) -> io::Result<Vec<PathBuf>> {
    let report = anat_folder.join("report");
    let mut ranked: BTreeSet<(u8, String, PathBuf)> = BTreeSet::new();
    let mut listed: Vec<PathBuf> = Vec::new();
    for folder in [anat_folder, &report] {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        // `report` may be a link to the folder above.
        let real = fs::canonicalize(folder)?;
        if listed.contains(&real) {
            continue;
        }
        listed.push(real);
        for entry in entries {
            let entry = entry?;
            if let Some((rank, name)) = entry.file_name().to_str().and_then(|name| Some((rank(name)?, name)))
            {
                ranked.insert((rank, name.to_owned(), entry.path()));
            }
        }
    }
    Ok(ranked.into_iter().map(|(_, _, path)| path).collect())
}

fn rank(file_name: &str) -> Option<u8> {
    if file_name.ends_with("_tiv.tsv") && !file_name.starts_with('.') {
        return Some(4);
    }
    let stem = file_name.strip_prefix("cat_")?.strip_suffix(".xml")?;
    Some(rank_of_stem(stem))
}

/// 0 for the bias-corrected image, 1 for the uncorrected, 2 for another T1w, 3 for others.
pub(crate) fn rank_of_stem(stem: &str) -> u8 {
    let ranks = ["_ce-corrected_T1w", "_ce-uncorrected_T1w", "_T1w"];
    ranks.iter().zip(0..).find(|(ending, _)| stem.ends_with(**ending)).map_or(3, |(_, rank)| rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_order_of_trust() {
        let folder = tempfile::tempdir().unwrap();
        let anat = folder.path();
        fs::create_dir(anat.join("report")).unwrap();
        for name in [
            "sub-1_tiv.tsv",
            "cat_b.xml",
            "cat_sub-1_T1w.xml",
            "cat_sub-1_ce-uncorrected_T1w.xml",
            "cat_sub-1_ce-corrected_T1w.xml",
            "report/cat_sub-0_ce-corrected_T1w.xml",
            "report/cat_a.xml",
            "catROI_sub-1_T1w.xml",
            "._cat_sub-1_T1w.xml",
            "._sub-1_tiv.tsv",
            "cat_sub-1_T1w.mat",
        ] {
            fs::write(anat.join(name), "").unwrap();
        }
        let names = |paths: Vec<PathBuf>| {
            let name = |path: &PathBuf| path.strip_prefix(anat).unwrap().display().to_string();
            paths.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(
            names(tiv_candidates(anat).unwrap()),
            [
                "report/cat_sub-0_ce-corrected_T1w.xml",
                "cat_sub-1_ce-corrected_T1w.xml",
                "cat_sub-1_ce-uncorrected_T1w.xml",
                "cat_sub-1_T1w.xml",
                "report/cat_a.xml",
                "cat_b.xml",
                "sub-1_tiv.tsv",
            ]
        );
        assert!(tiv_candidates(&anat.join("missing")).unwrap().is_empty());
        assert!(tiv_candidates(&anat.join("cat_b.xml")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_report_folder_that_is_the_same_folder_gives_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cat_a.xml"), "").unwrap();
        std::os::unix::fs::symlink(".", folder.path().join("report")).unwrap();
        assert_eq!(tiv_candidates(folder.path()).unwrap(), [folder.path().join("cat_a.xml")]);
    }

    #[test]
    fn an_implausible_volume_is_kept_with_a_note() {
        let path = Path::new("cat_x.xml");
        assert!(FoundTiv::new(path, 500.0).notes.is_empty());
        assert!(FoundTiv::new(path, 3000.0).notes.is_empty());
        let found = FoundTiv::new(path, 1.5);
        assert_eq!(found.millilitres, 1.5);
        assert_eq!(found.notes, ["cat_x.xml: TIV is 1.5 mL, expected 500 to 3000 mL"]);
    }
}

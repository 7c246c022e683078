//! Unknown-name errors with suggestions.

use std::path::Path;

use crate::error::StoreError;

/// The most names that are suggested.
const NEAREST: usize = 3;

/// Letters that are in many names by chance.
const FEW_LETTERS: usize = 4;

/// The least likeness of a name that is suggested.
const ALIKE: f64 = 0.6;

pub(crate) fn unknown<'a>(
    what: &'static str,
    name: &str,
    output: &Path,
    all: impl IntoIterator<Item = &'a str>,
) -> StoreError {
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    let nearest = nearest(name, &all, ALIKE);
    StoreError::UnknownName { what, name: name.to_owned(), output: output.to_owned(), nearest, all }
}

/// The names, three at most and the nearest first, that are nearest to one that is not among them, however unlike they are.
#[must_use]
pub fn closest(name: &str, all: &[String]) -> Vec<String> {
    nearest(name, all, 0.0)
}

fn nearest(name: &str, all: &[String], at_least: f64) -> Vec<String> {
    let lower = name.to_lowercase();
    let likeness = |other: &String| {
        let other = other.to_lowercase();
        let alike = strsim::normalized_damerau_levenshtein(&lower, &other);
        // `fa_mean` is the end of a long name: nearer than a short one with two other letters.
        if lower.len() >= FEW_LETTERS && other.contains(&lower) { 1.0 + alike } else { alike }
    };
    let mut alike: Vec<(f64, &String)> = all
        .iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= at_least)
        .collect();
    alike.sort_by(|(first, _), (second, _)| second.total_cmp(first));
    alike.into_iter().take(NEAREST).map(|(_, other)| other.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_the_nearest_and_all() {
        let all = ["gm_mean", "gm_median", "wm_mean", "AMICONODDI_noddi_icvf_mean"];
        let error = unknown("feature", "GM_maen", Path::new("store"), all).to_string();
        assert!(error.contains("did you mean gm_mean or"), "{error}");
        assert!(all.iter().all(|name| error.contains(name)), "{error}");
        let long = ["gm_mean", "DSIStudio_tensor_fa_mean"];
        let error = unknown("feature", "FA_mean", Path::new("store"), long).to_string();
        assert!(error.contains("did you mean DSIStudio_tensor_fa_mean"), "{error}");
        let error = unknown("feature", "x", Path::new("store"), []).to_string();
        assert!(error.ends_with("load some sessions first"), "{error}");
    }
}

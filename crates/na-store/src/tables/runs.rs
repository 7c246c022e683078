//! The manifest's key `runs`: how the last runs that wrote a manifest were called, and what they did.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use na_cache::HolderName;
use na_model::{Invocation, Manifest, Names, SourceRoot, UNTOLD};
use serde_json::{Value, json};

use crate::format::key_value_metadata as keys;

/// The manifest's key.
const RUNS: &str = "runs";

/// Runs that a manifest tells of at most.
const MOST: usize = 20;

/// A run that writes a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEntry {
    /// How it was called.
    pub invocation: Invocation,
    /// The folders that it read from.
    pub roots: BTreeMap<SourceRoot, PathBuf>,
    /// What became of units. `None` of a run that only exports.
    pub counts: Option<RunCounts>,
}

/// Units of a run, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[expect(missing_docs, reason = "plain data")]
pub struct RunCounts {
    pub loaded: usize,
    pub skipped: usize,
    pub missing: usize,
    pub failed: usize,
}

impl RunEntry {
    /// The entry of a run that ends now.
    fn value(&self) -> Value {
        let Invocation { started, command, arguments, settings } = &self.invocation;
        let seconds = started.elapsed().as_ref().map_or(0.0, Duration::as_secs_f64);
        json!({
            "started_at": keys::text_of_time(*started),
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "command": command,
            "version": keys::PROGRAM_VERSION,
            "arguments": arguments,
            "settings": settings,
            "roots": self.roots,
            "host": HolderName::of_this_process().host,
            "units": self.counts,
        })
    }
}

/// Puts the runs of the manifest before and a new one into a manifest. What may name somebody who withdrew is untold. A load that
/// begins anew is told after the others, too.
pub(crate) fn add_run(
    manifest: &mut Manifest,
    before: Option<&Manifest>,
    run: Option<&RunEntry>,
    names: &Names,
) {
    let before = before.and_then(|before| before.extra.get(RUNS)).and_then(Value::as_array);
    let mut runs = before.cloned().unwrap_or_default();
    runs.extend(run.map(RunEntry::value));
    runs.drain(..runs.len().saturating_sub(MOST));
    runs.iter_mut()
        .flat_map(texts)
        .filter(|text| names.may_be_in_call(text))
        .for_each(|text| UNTOLD.clone_into(text));
    manifest.extra.remove(RUNS);
    if !runs.is_empty() {
        manifest.extra.insert(RUNS.to_owned(), Value::Array(runs));
    }
}

/// Whether a manifest tells of a run what may name somebody who withdrew.
pub(crate) fn have_names(manifest: &Manifest, names: &Names) -> bool {
    let mut runs = manifest.extra.get(RUNS).and_then(Value::as_array).cloned().unwrap_or_default();
    runs.iter_mut().flat_map(texts).any(|text| names.may_be_in_call(text))
}

/// The texts that a user chose: of arguments, settings and roots.
fn texts(run: &mut Value) -> Vec<&mut String> {
    let keys = run.as_object_mut().into_iter().flatten();
    let chosen = keys.filter(|(key, _)| ["arguments", "settings", "roots"].contains(&key.as_str()));
    chosen.flat_map(|(_, value)| texts_below(value)).collect()
}

fn texts_below(value: &mut Value) -> Vec<&mut String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter_mut().flat_map(texts_below).collect(),
        Value::Object(values) => values.iter_mut().flat_map(|(_, value)| texts_below(value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use na_model::{Session, SubjectCode};

    use super::*;
    use crate::tables::manifest::ManifestContent;

    fn run(argument: &str) -> RunEntry {
        let (command, settings) = ("neuroalign-preprocess".to_owned(), BTreeMap::new());
        let arguments = vec![argument.to_owned()];
        RunEntry {
            invocation: Invocation { started: SystemTime::now(), command, arguments, settings },
            roots: BTreeMap::new(),
            counts: Some(RunCounts { loaded: 1, skipped: 2, missing: 3, failed: 4 }),
        }
    }

    fn arguments(manifest: &Manifest) -> Vec<&str> {
        let runs = manifest.extra.get(RUNS).and_then(Value::as_array).unwrap();
        runs.iter().map(|run| run["arguments"][0].as_str().unwrap()).collect()
    }

    #[test]
    fn the_last_runs_stay_and_name_nobody_who_withdrew() {
        let mut manifest = ManifestContent::default().into_manifest(None).unwrap();
        let mut add = |run: Option<&RunEntry>, names: &Names| {
            let before = manifest.clone();
            add_run(&mut manifest, Some(&before), run, names);
            manifest.clone()
        };
        for n in 0..30 {
            let argument = if n == 25 { "/raw/sub-07".to_owned() } else { n.to_string() };
            add(Some(&run(&argument)), &Names::default());
        }
        let all = add(None, &Names::default());
        assert_eq!((arguments(&all).len(), arguments(&all)[0]), (MOST, "10"));
        let withdrew = Session::new(SubjectCode::clean("07").unwrap(), None);
        let names = Names::of([&withdrew], []);
        assert!(have_names(&all, &names));
        let left = add(None, &names);
        assert_eq!(arguments(&left).iter().filter(|argument| **argument == UNTOLD).count(), 1);
        assert!(!have_names(&left, &names));
        assert_eq!(left.extra[RUNS][0]["units"]["failed"], 4);
    }
}

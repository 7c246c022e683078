//! A run that is asked to stop does, also while it looks what there is to do.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use na_pipeline::{Config, Event, Observer, SessionListOptions, SessionSource, dry_run, run};

/// Asks to stop when it was asked so many times.
struct StopsAt {
    asked: Mutex<usize>,
    at: usize,
    events: Mutex<Vec<Event>>,
}

impl StopsAt {
    fn new(at: usize) -> Self {
        Self { asked: Mutex::default(), at, events: Mutex::default() }
    }
}

impl Observer for StopsAt {
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn should_stop(&self) -> bool {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        *asked > self.at
    }
}

/// Sessions of which one has files.
fn config(folder: &Path) -> Config {
    let list: String = (0..40).map(|n| format!("{n:04},1\n")).collect();
    fs::write(folder.join("sessions.csv"), format!("subject_code,session_id\n{list}")).unwrap();
    let scans = folder.join("cat12/sub-0039/ses-1/anat/atlas-A");
    fs::create_dir_all(&scans).unwrap();
    let table = "index\tlabel\tmean\n1\tleft\t0.5\n";
    fs::write(scans.join("sub-0039_ses-1_atlas-A_tissue-GM_parc.tsv"), table).unwrap();
    let list =
        SessionSource::List { path: folder.join("sessions.csv"), options: SessionListOptions::default() };
    Config {
        cat12_parcellated_root: Some(folder.join("cat12")),
        atlas_name: "A".to_owned(),
        ..Config::new(list, folder.join("store"))
    }
}

#[test]
fn while_it_looks_what_there_is_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    for at in [0, 1, 10, 39, 60] {
        for of in [dry_run, run] {
            let observer = StopsAt::new(at);
            let report = of(&config, &observer).unwrap();
            assert!(report.interrupted && report.outcomes.is_empty() && report.export.is_none());
            let planned = |event: &Event| matches!(event, Event::Planned(_));
            assert!(!observer.events.lock().unwrap().iter().any(planned));
            assert!(!folder.path().join("store/manifest.json").exists());
        }
    }
    let report = run(&config, &StopsAt::new(usize::MAX)).unwrap();
    assert_eq!((report.interrupted, report.outcomes.len()), (false, 39));
}

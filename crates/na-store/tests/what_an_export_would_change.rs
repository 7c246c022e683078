//! A store is current where an export without new units would change nothing; whatever such an export would change, or
//! make again, is seen.

mod support;

use std::fs;

use na_cache::{OwnerLock, RunRecord};
use na_model::{ListedSession, Modality, Unit, UnitOutcome, UnitStatus, WideMetrics};
use na_store::{ExistingStore, ExportRequest, Unobserved, export};
use support::{commit, record, session, unit};
use tempfile::TempDir;

fn outcome(subject: &str, modality: Modality, status: UnitStatus, reason: &str) -> UnitOutcome {
    UnitOutcome { unit: Unit::of_parcellate(session(subject), modality), status, reason: reason.to_owned() }
}

/// A store of two sessions; the diffusion of one failed, and a third is missing.
struct Exported {
    output: TempDir,
    record: RunRecord,
    outcomes: Vec<UnitOutcome>,
}

impl Exported {
    fn new() -> Self {
        let exported = Self {
            output: tempfile::tempdir().unwrap(),
            record: record(&["1", "2", "3"]),
            outcomes: vec![
                outcome("3", Modality::Anatomical, UnitStatus::Missing, "no folder"),
                outcome("3", Modality::Diffusion, UnitStatus::Missing, "no folder"),
                outcome("2", Modality::Diffusion, UnitStatus::Failed, "a.tsv, line 3: no number"),
            ],
        };
        let units = vec![
            unit("1", Modality::Anatomical, 1.0),
            unit("1", Modality::Diffusion, 1.0),
            unit("2", Modality::Anatomical, 2.0),
        ];
        exported.export(units);
        exported
    }

    fn export(&self, units: Vec<na_cache::EncodedUnit>) {
        let lock = OwnerLock::acquire(self.output.path()).unwrap();
        let cache = commit(&lock, &self.record, units);
        let outcomes = self.outcomes.clone();
        let request = ExportRequest { outcomes, ..ExportRequest::new(self.record.clone()) };
        export(&lock, &ExistingStore::open(lock.output()).unwrap(), cache, &request, &Unobserved).unwrap();
    }

    fn is_up_to_date(&self) -> bool {
        ExistingStore::open(self.output.path()).unwrap().is_up_to_date(&self.record, &self.outcomes).unwrap()
    }

    /// A change that is seen, and made by the next export.
    fn sees(mut self, what: &str, change: impl FnOnce(&mut Self)) {
        assert!(self.is_up_to_date(), "before {what}");
        change(&mut self);
        assert!(!self.is_up_to_date(), "{what} is not seen");
        self.export(Vec::new());
        assert!(self.is_up_to_date(), "{what} is not made");
    }
}

#[test]
fn what_the_session_list_says() {
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 5] = [
        ("another age", |record| record.listing.rows[1].values[0] = Some("31".to_owned())),
        ("an age that is missing", |record| record.listing.rows[0].values[0] = None),
        ("another order", |record| record.listing.rows.swap(0, 1)),
        ("another column", |record| {
            record.listing.columns.push("site".to_owned());
            record.listing.rows.iter_mut().for_each(|row| row.values.push(Some("north".to_owned())));
        }),
        ("a column that is left out", |record| record.listing.left_out = vec!["AGE".to_owned()]),
    ];
    for (what, change) in changes {
        Exported::new().sees(what, |exported| change(&mut exported.record));
    }
    // Of who is not in the store nothing is kept.
    let mut exported = Exported::new();
    let other = ListedSession { session: session("4"), values: vec![Some("40".to_owned())] };
    exported.record.listing.rows.push(other);
    assert!(exported.is_up_to_date());
}

#[test]
fn which_features_there_are() {
    Exported::new().sees("another metric", |exported| {
        exported.record.settings.wide_metrics = WideMetrics::Listed(vec!["mean".to_owned()]);
    });
}

#[test]
fn what_became_of_units() {
    Exported::new().sees("another reason", |exported| exported.outcomes[0].reason.push_str(" at all"));
    Exported::new().sees("a failure that is a lack now", |exported| {
        exported.outcomes[2].status = UnitStatus::Missing;
    });
    Exported::new().sees("another session that is missing", |exported| {
        let other = ListedSession { session: session("4"), values: vec![None] };
        exported.record.listing.rows.push(other);
        let missing = |modality| outcome("4", modality, UnitStatus::Missing, "no folder");
        exported.outcomes.extend(Modality::ALL.map(missing));
    });
    let mut exported = Exported::new();
    exported.outcomes.remove(0);
    assert!(!exported.is_up_to_date(), "a unit that is no longer missing is not seen");
}

#[test]
fn a_file_that_is_gone() {
    for file in [
        "manifest.json",
        "sessions.tsv",
        "metadata.parquet",
        "wide/anatomical/gm_mean.parquet",
        "wide/anatomical/tiv.parquet",
        "wide/diffusion/NODDI_noddi_od_mean.parquet",
    ] {
        Exported::new().sees(file, |exported| fs::remove_file(exported.output.path().join(file)).unwrap());
    }
    // These an export cannot make again: units have to be read for them.
    for file in ["long/anatomical_gm.parquet", "sources.parquet", "tiv.parquet"] {
        let exported = Exported::new();
        fs::remove_file(exported.output.path().join(file)).unwrap();
        assert!(!exported.is_up_to_date(), "{file}");
    }
}

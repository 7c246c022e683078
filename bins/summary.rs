//! What a run did, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use na_model::{Modality, UnitOutcome, UnitStatus};
use na_pipeline::{Config, RunReport};
use na_store::ExportReport;
use serde_json::json;

/// Units of a kind that are listed; `sessions.tsv` has all.
const LISTED: usize = 20;

/// A run, as it is told.
pub(crate) struct Told<'a> {
    pub(crate) config: &'a Config,
    pub(crate) dry_run: bool,
    pub(crate) elapsed: Duration,
}

impl Told<'_> {
    pub(crate) fn text(&self, report: &RunReport) -> String {
        let mut text = String::new();
        let plan = &report.plan;
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10}{value}");
        };
        line("Sessions", &number(plan.sessions));
        if let Some(rows) = rows(report) {
            line("Rows", &rows);
        }
        if self.dry_run {
            line(
                "To load",
                &format!("{} units, {} of them changed", number(plan.to_load), number(plan.changed)),
            );
        } else {
            line("Loaded", &by_modality(&report.loaded));
        }
        line("Skipped", &by_modality(&report.skipped));
        let count = |status| report.outcomes.iter().filter(|outcome| outcome.status == status).count();
        line("Missing", &number(count(UnitStatus::Missing)));
        line("Failed", &number(count(UnitStatus::Failed)));
        if let Some(export) = &report.export {
            self.store(&mut text, export);
        }
        let _ = writeln!(text, "{:<10}{:.1} s", "Time", self.elapsed.as_secs_f64());
        list(&mut text, "Missing", &report.outcomes, UnitStatus::Missing);
        list(&mut text, "Failed", &report.outcomes, UnitStatus::Failed);
        if count(UnitStatus::Failed) > 0 && !self.dry_run {
            text.push_str("\nFix these files and run the same command again: it loads what is missing.\n");
        }
        text.push('\n');
        text.push_str(&self.last_line(report));
        text.push('\n');
        text
    }

    fn store(&self, text: &mut String, export: &ExportReport) {
        let manifest = &export.manifest;
        let _ = writeln!(text, "{:<10}{}", "Tables", manifest.long_formats.len());
        for (name, entry) in &manifest.long_formats {
            let (rows, sessions) = (thousands(entry.n_rows), sessions(entry.n_sessions));
            let _ = writeln!(text, "  - {name}: {rows} rows of {sessions}");
        }
        let _ = writeln!(text, "{:<10}{}", "Features", number(manifest.wide_features.len()));
        if let Some((youngest, oldest)) = export.age_range {
            let unit = if export.ages_in_years { " years" } else { ", in an unknown unit" };
            let _ = writeln!(text, "{:<10}{youngest} to {oldest}{unit}", "Age");
        }
    }

    fn last_line(&self, report: &RunReport) -> String {
        let output = self.config.output.display();
        if report.interrupted && report.plan.sessions == 0 {
            return format!(
                "Interrupted before anything was loaded: {output} is as it was. Run the same command again to go on."
            );
        }
        if report.interrupted {
            let safe: usize = report.loaded.values().chain(report.skipped.values()).sum();
            return format!(
                "Interrupted: {} units are safe in {output}. Run the same command again to go on.",
                number(safe)
            );
        }
        match (&report.export, self.dry_run) {
            (_, true) => "Nothing was done: --dry-run.".to_owned(),
            (Some(_), false) => format!("The store is in {output}."),
            (None, false) => format!("Nothing to do: the store in {output} has it all."),
        }
    }

    pub(crate) fn json(&self, report: &RunReport) -> String {
        let count = |status| report.outcomes.iter().filter(|outcome| outcome.status == status).count();
        let counts = |counts: &BTreeMap<Modality, usize>| {
            let count = |modality| counts.get(&modality).copied().unwrap_or_default();
            json!({ "anatomical": count(Modality::Anatomical), "diffusion": count(Modality::Diffusion) })
        };
        let outcome = |outcome: &UnitOutcome| {
            json!({
                "subject_code": outcome.unit.session.subject.as_str(),
                "session_id": outcome.unit.session.id_str(),
                "modality": outcome.unit.modality.as_str(),
                "status": outcome.status.as_str(),
                "reason": outcome.reason,
            })
        };
        let store = report.export.as_ref().map(|export| {
            let tables: Vec<_> = export
                .manifest
                .long_formats
                .values()
                .map(
                    |entry| json!({ "name": entry.name, "rows": entry.n_rows, "sessions": entry.n_sessions }),
                )
                .collect();
            json!({
                "tables": tables,
                "features": export.manifest.wide_features.len(),
                "age_range": export.age_range.map(|(youngest, oldest)| [youngest, oldest]),
                "ages_in_years": export.ages_in_years,
                "notes": export.notes,
            })
        });
        let value = json!({
            "output": self.config.output.display().to_string(),
            "dry_run": self.dry_run,
            "interrupted": report.interrupted,
            "sessions": report.plan.sessions,
            "rows": {
                "all": report.rows.rows,
                "visits_without_scan": report.rows.visits_without_scan,
                "without_id": report.rows.without_id,
                "repeated": report.rows.repeated,
                "unusable": report.rows.unusable,
            },
            "to_load": report.plan.to_load,
            "changed": report.plan.changed,
            "loaded": counts(&report.loaded),
            "skipped": counts(&report.skipped),
            "missing": count(UnitStatus::Missing),
            "failed": count(UnitStatus::Failed),
            "outcomes": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
            "store": store,
            "seconds": self.elapsed.as_secs_f64(),
        });
        format!("{value:#}\n")
    }
}

/// What became of the session list's rows, where not each of them is a session.
fn rows(report: &RunReport) -> Option<String> {
    let counts = &report.rows;
    let others = [
        (counts.visits_without_scan, "visits without a scan"),
        (counts.without_id, "without an id"),
        (counts.repeated, "repetitions"),
        (counts.unusable, "with an unusable id"),
    ];
    let others = others.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(n)));
    let others: Vec<String> = others.collect();
    let sessions = number(report.plan.sessions);
    (!others.is_empty())
        .then(|| format!("{}: {sessions} sessions, {}", number(counts.rows), others.join(", ")))
}

fn by_modality(counts: &BTreeMap<Modality, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(modality, n)| format!("{} {modality}", number(*n)))
        .collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}

fn list(text: &mut String, title: &str, outcomes: &[UnitOutcome], status: UnitStatus) {
    let outcomes: Vec<&UnitOutcome> = outcomes.iter().filter(|outcome| outcome.status == status).collect();
    if outcomes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for outcome in outcomes.iter().take(LISTED) {
        let _ = writeln!(text, "  {}: {}", outcome.unit, outcome.reason);
    }
    if let Some(more) = outcomes.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {} more: see sessions.tsv in the store", number(more));
    }
}

fn number(n: usize) -> String {
    thousands(u64::try_from(n).unwrap_or(u64::MAX))
}

fn sessions(n: u64) -> String {
    if n == 1 { "1 session".to_owned() } else { format!("{} sessions", thousands(n)) }
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modality_of_which_there_is_none_is_not_shown() {
        let counts = |anatomical, diffusion| {
            by_modality(&BTreeMap::from([
                (Modality::Anatomical, anatomical),
                (Modality::Diffusion, diffusion),
            ]))
        };
        assert_eq!(counts(0, 0), "0");
        assert_eq!(counts(1200, 0), "1,200 anatomical");
        assert_eq!(counts(1, 2), "1 anatomical, 2 diffusion");
    }

    #[test]
    fn large_numbers_can_be_read() {
        assert_eq!(
            ["0", "999", "1,000", "27,648", "1,234,567"],
            [0, 999, 1000, 27_648, 1_234_567].map(thousands)[..]
        );
    }
}

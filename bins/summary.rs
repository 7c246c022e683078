//! Summarises a run, as text for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use na_model::{KEPT, Leaving, Modality, Unit, UnitKind, UnitOutcome, UnitStatus};
use na_pipeline::{Config, PlanSummary, RunReport, Withdrew};
use na_store::{ExportReport, SessionRow, Withdrawal};
use serde_json::{Value, json};

use crate::withdrawn::withdrawn_json;

/// Units that are listed of each kind; `sessions.tsv` has all.
const LISTED: usize = 20;

pub(crate) struct Summary<'a> {
    pub(crate) config: &'a Config,
    pub(crate) dry_run: bool,
    /// Whether segments are published, and nothing is exported.
    pub(crate) segment: bool,
    pub(crate) withdrew: &'a Withdrew,
    pub(crate) page: Option<&'a Path>,
    pub(crate) elapsed: Duration,
}

impl Summary<'_> {
    pub(crate) fn text(&self, report: &RunReport) -> String {
        let mut text = String::new();
        let plan = &report.plan;
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10}{value}");
        };
        line("Sessions", &sessions_of(plan));
        if let Some(rows) = rows(report) {
            line("Rows", &rows);
        }
        if self.dry_run {
            line("To load", &format!("{}, {}", number(plan.to_load), what_is_read_again(plan)));
        } else {
            line("Loaded", &by_kind(&report.loaded));
        }
        if let Some(space) = report.space.filter(|_| self.dry_run) {
            line("Space", &space.to_string());
        }
        line("Skipped", &by_kind(&report.skipped));
        line("Missing", &number(report.n_outcomes(UnitStatus::Missing)));
        line("Failed", &number(report.n_outcomes(UnitStatus::Failed)));
        let withdrawal = self.withdrew.taken_out;
        if withdrawal.n_sessions > 0 {
            let what = match self.dry_run {
                true => "to be taken out",
                false if self.withdrew.unclear.is_empty() => "taken out, nothing of them is left",
                false => "taken out",
            };
            let of = whose(&withdrawal);
            let _ = writeln!(text, "{:<10}{of} {what}", "Withdrawn");
        }
        let removed = report.removals.iter().len();
        if removed > 0 {
            let name = if self.dry_run { "Would go" } else { "Gone" };
            let _ = writeln!(
                text,
                "{name:<10}{}, each modality by itself, whole or in part",
                counted(removed, "session")
            );
        }
        let let_go = &report.let_go;
        if !let_go.is_empty() && (self.dry_run || report.export.is_some()) {
            let name = if self.dry_run { "Would go" } else { "Gone" };
            let _ = writeln!(text, "{name:<10}{let_go}");
        }
        if let Some(export) = &report.export {
            self.store(&mut text, export);
        }
        let _ = writeln!(text, "{:<10}{:.1} s", "Time", self.elapsed.as_secs_f64());
        list(&mut text, "Missing", &report.outcomes, UnitStatus::Missing);
        list(&mut text, "Failed", &report.outcomes, UnitStatus::Failed);
        let title = if self.dry_run { "Would go" } else { "Gone" };
        lines(&mut text, title, report.removals.lines(), "--json");
        if report.n_outcomes(UnitStatus::Failed) > 0 && !self.dry_run {
            text.push_str("\nFix these files and run the same command again: it loads what is missing.\n");
        }
        text.push('\n');
        text.push_str(&self.last_line(report));
        text.push('\n');
        text
    }

    fn store(&self, text: &mut String, export: &ExportReport) {
        let manifest = &export.manifest;
        for (name, n, what) in [
            ("Partial", partial(export), "lacking what others have"),
            ("Kept", kept(export), "with what today's files do not have"),
        ] {
            if n > 0 {
                let _ = writeln!(text, "{name:<10}{}, {what}: see sessions.tsv", number(n));
            }
        }
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
            let mut safe = report.loaded.clone();
            report.skipped.iter().for_each(|(kind, n)| *safe.entry(kind.clone()).or_default() += n);
            let safe = by_kind(&safe);
            return format!("Interrupted: {safe} are safe in {output}. Run the same command again to go on.");
        }
        if report.export.is_none() && !report.let_go.is_empty() && !self.dry_run {
            return format!(
                "Nothing of the store in {output} was replaced: {} of it could not be loaded again. Run the same command again \
                 when they can be read, or with --yes to let them go.",
                report.let_go
            );
        }
        if self.segment {
            let merge = format!("neuroalign-export-cache {output} brings what is there into the store");
            return match report.loaded.values().sum::<usize>() {
                0 => {
                    format!("Nothing to do: what is listed is in {output} already, or not on disk; {merge}.")
                }
                _ => format!("What was loaded is safe in {output}; {merge}."),
            };
        }
        match (&report.export, self.dry_run) {
            (_, true) => match &report.would_stop {
                None => "Nothing was done: --dry-run.".to_owned(),
                Some(why) => format!("Nothing was done: --dry-run. The run would stop: {why}"),
            },
            (Some(_), false) => match self.page {
                Some(page) => format!("The store is in {output}; look at {}.", page.display()),
                None => format!("The store is in {output}."),
            },
            (None, false) if self.withdrew.taken_out.n_sessions > 0 => {
                format!("Nothing else to do: the store in {output} has all that is left.")
            }
            (None, false) if report.n_outcomes(UnitStatus::Failed) > 0 => {
                "Nothing was loaded: what was found failed, for the reasons above.".to_owned()
            }
            (None, false) if report.skipped.values().all(|n| *n == 0) => {
                format!(
                    "Nothing was loaded: nothing of what is listed and chosen was found. The store in {output} is as it was."
                )
            }
            (None, false) => format!("Nothing to do: the store in {output} has it all."),
        }
    }

    pub(crate) fn json(&self, report: &RunReport) -> String {
        let counts = |counts: &BTreeMap<UnitKind, usize>| {
            let always = Modality::ALL.map(|modality| (UnitKind::of_parcellate(modality), 0));
            let all: BTreeMap<UnitKind, usize> = always.into_iter().chain(counts.clone()).collect();
            all.into_iter().map(|(kind, n)| (kind.to_string(), json!(n))).collect::<Value>()
        };
        let removed = report.removals.iter().map(|(unit, leaving)| removed_json(unit, leaving));
        let let_go = report.let_go.units.iter().chain(&report.let_go.failed).map(unit_json);
        let parts = report.let_go.parts.iter().map(|(unit, leaving)| removed_json(unit, leaving));
        let value = json!({
            "output": self.config.output.display().to_string(),
            "dry_run": self.dry_run,
            "segment": self.segment,
            "interrupted": report.interrupted,
            "sessions": report.plan.sessions,
            "rows": {
                "all": report.rows.rows,
                "visits_without_scan": report.rows.visits_without_scan,
                "without_id": report.rows.without_id,
                "repeated": report.rows.repeated,
                "unusable": report.rows.unusable,
                "withdrawn": report.rows.withdrawn,
            },
            "to_load": report.plan.to_load,
            "changed": report.plan.changed,
            "again": report.plan.again,
            "refused_segments": report.n_refused_segments,
            "loaded": counts(&report.loaded),
            "skipped": counts(&report.skipped),
            "missing": report.n_outcomes(UnitStatus::Missing),
            "failed": report.n_outcomes(UnitStatus::Failed),
            "withdrawn": withdrawn_json(self.withdrew, self.dry_run),
            "removed": removed.collect::<Vec<_>>(),
            "would_stop": report.would_stop,
            "space": report.space.map(|space| json!({ "needed_bytes": space.needed, "free_bytes": space.free })),
            "let_go": let_go.chain(parts).collect::<Vec<_>>(),
            "let_go_columns": report.let_go.columns,
            "outcomes": report.outcomes.iter().map(outcome_json).collect::<Vec<_>>(),
            "store": report.export.as_ref().map(store_json),
            "report": self.page.map(|page| page.display().to_string()),
            "seconds": self.elapsed.as_secs_f64(),
        });
        format!("{value:#}\n")
    }
}

fn sessions_of(plan: &PlanSummary) -> String {
    match plan.chosen {
        Some(chosen) => format!("{}, {} of them chosen", number(plan.sessions), number(chosen)),
        None => number(plan.sessions),
    }
}

/// Units of the store that lack tables, maps or regions.
fn partial(export: &ExportReport) -> usize {
    export.sessions.iter().filter(|row| row.status == UnitStatus::Partial).count()
}

/// Units of the store that keep something although its file is gone.
fn kept(export: &ExportReport) -> usize {
    let outcomes = export.sessions.iter().flat_map(SessionRow::outcomes);
    outcomes.filter(|outcome| outcome.reason.starts_with(KEPT)).count()
}

fn unit_json(unit: &Unit) -> Value {
    json!({
        "subject_code": unit.session.subject.as_str(),
        "session_id": unit.session.id_str(),
        "modality": unit.modality().as_str(),
        "input": unit.kind.input.as_str(),
    })
}

fn outcome_json(outcome: &UnitOutcome) -> Value {
    json!({
        "subject_code": outcome.unit.session.subject.as_str(),
        "session_id": outcome.unit.session.id_str(),
        "modality": outcome.unit.modality().as_str(),
        "input": outcome.unit.kind.input.as_str(),
        "status": outcome.status.as_str(),
        "reason": outcome.reason,
    })
}

/// A unit that leaves the store; if not all of it does, with the parts that do.
fn removed_json(unit: &Unit, leaving: &Leaving) -> Value {
    let mut value = unit_json(unit);
    if let (Leaving::Parts(parts), Some(value)) = (leaving, value.as_object_mut()) {
        let tables = parts.tables.iter().map(
            |(table, map)| json!({ "name": table.to_string(), "map": map.as_ref().map(ToString::to_string) }),
        );
        value.insert("tables".to_owned(), tables.collect());
        value.insert("tiv".to_owned(), parts.volume.into());
    }
    value
}

fn store_json(export: &ExportReport) -> Value {
    let tables = export
        .manifest
        .long_formats
        .values()
        .map(|entry| json!({ "name": entry.name, "rows": entry.n_rows, "sessions": entry.n_sessions }));
    json!({
        "tables": tables.collect::<Vec<_>>(),
        "features": export.manifest.wide_features.len(),
        "partial": partial(export),
        "kept": kept(export),
        "age_range": export.age_range.map(|(youngest, oldest)| [youngest, oldest]),
        "ages_in_years": export.ages_in_years,
        "changes": export.changes.to_json(),
        "notes": export.notes,
    })
}

/// Counts the session list's rows by what became of them. `None` if each is a session.
fn rows(report: &RunReport) -> Option<String> {
    let counts = &report.rows;
    let others = [
        (counts.visits_without_scan, "visits without a scan"),
        (counts.without_id, "without an id"),
        (counts.repeated, "repetitions"),
        (counts.unusable, "with an unusable id"),
        (counts.withdrawn, "withdrawn"),
    ];
    let others = others.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(n)));
    let others: Vec<String> = others.collect();
    let sessions = number(report.plan.sessions);
    (!others.is_empty())
        .then(|| format!("{}: {sessions} sessions, {}", number(counts.rows), others.join(", ")))
}

fn by_kind(counts: &BTreeMap<UnitKind, usize>) -> String {
    let parts: Vec<String> =
        counts.iter().filter(|(_, n)| **n > 0).map(|(kind, n)| format!("{} {kind}", number(*n))).collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}

fn list(text: &mut String, title: &str, outcomes: &[UnitOutcome], status: UnitStatus) {
    let outcomes: Vec<&UnitOutcome> = outcomes.iter().filter(|outcome| outcome.status == status).collect();
    if outcomes.is_empty() {
        return;
    }
    let outcomes = outcomes.into_iter().map(|outcome| format!("{}: {}", outcome.unit, outcome.reason));
    lines(text, title, outcomes, "sessions.tsv in the store, or --json");
}

/// Some lines below a title, and how many more there are, with what has all of them.
fn lines(text: &mut String, title: &str, lines: impl Iterator<Item = String>, all: &str) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for line in lines.by_ref().take(LISTED) {
        let _ = writeln!(text, "  {line}");
    }
    match lines.count() {
        0 => {}
        more => drop(writeln!(text, "  and {} more: see {all}", number(more))),
    }
}

pub(crate) fn number(n: usize) -> String {
    thousands(u64::try_from(n).unwrap_or(u64::MAX))
}

fn sessions(n: u64) -> String {
    counted(usize::try_from(n).unwrap_or(usize::MAX), "session")
}

/// What of the units to load is in the store already, and why.
pub(crate) fn what_is_read_again(plan: &PlanSummary) -> String {
    let (changed, again) = (number(plan.changed), number(plan.again));
    match (plan.changed, plan.again) {
        (_, 0) => format!("{changed} of them changed"),
        (0, _) => format!("{again} of them read again, as asked"),
        _ => format!("{changed} of them changed, {again} read again, as asked"),
    }
}

/// A number of things: `1 session`, `1,200 sessions`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// Who was taken out: `2 sessions of 1 subject`.
pub(crate) fn whose(withdrawal: &Withdrawal) -> String {
    let subjects = usize::try_from(withdrawal.n_subjects).unwrap_or(usize::MAX);
    format!("{} of {}", sessions(withdrawal.n_sessions), counted(subjects, "subject"))
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
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
    fn a_kind_of_which_there_is_none_is_not_shown() {
        let counts = |anatomical, diffusion| {
            by_kind(&BTreeMap::from([
                (UnitKind::of_parcellate(Modality::Anatomical), anatomical),
                (UnitKind::of_parcellate(Modality::Diffusion), diffusion),
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

//! Tells what a withdrawal did: in the log, and as JSON.

use na_model::Session;
use na_pipeline::Withdrew;
use serde_json::{Value, json};

use crate::summary::{number, whose};

/// Files of others that a warning names.
const FILES_TOLD: usize = 5;

/// A withdrawal as JSON. A dry run also lists the sessions that it would take out.
pub(crate) fn withdrawn_json(withdrew: &Withdrew, dry_run: bool) -> Value {
    let mut value = json!({
        "n_subjects": withdrew.taken_out.n_subjects,
        "n_sessions": withdrew.taken_out.n_sessions,
        "lines": withdrew.n_lines,
        "lines_of_nobody": withdrew.of_nobody,
        "near_misses": withdrew.near_misses,
        "named_in_cells": withdrew.named_in_cells,
        "files_of_others": withdrew.files_of_others,
        "unclear_lines": withdrew.unclear.iter().map(|unclear| unclear.line).collect::<Vec<_>>(),
    });
    if let (true, Some(value)) = (dry_run, value.as_object_mut()) {
        let session = |session: &Session| json!({ "subject_code": session.subject.as_str(), "session_id": session.id_str() });
        value.insert("sessions".to_owned(), withdrew.sessions.iter().map(session).collect());
    }
    value
}

/// Logs what the user should know of a withdrawal.
pub(crate) fn tell_withdrawn(withdrew: &Withdrew, dry_run: bool) {
    if withdrew.taken_out.n_sessions > 0 && !dry_run {
        tracing::warn!(
            "taken out of the store: {} who withdrew; logs, copies and backups are not reached",
            whose(&withdrew.taken_out)
        );
    }
    if withdrew.of_nobody > 0 {
        let (of_nobody, lines) = (withdrew.of_nobody, withdrew.n_lines);
        let note = format!(
            "{of_nobody} of {lines} lines of the list of withdrawals mean nobody whom the store has: taken out before, or never in \
             it"
        );
        // Users give the same list with every run: only a new one is worth a warning.
        if withdrew.is_known { tracing::info!("{note}") } else { tracing::warn!("{note}") }
    }
    if !withdrew.unclear.is_empty() {
        let lines: Vec<String> = withdrew.unclear.iter().map(|unclear| unclear.line.to_string()).collect();
        tracing::warn!(
            "lines of the list of withdrawals have somebody whom the store has, and took nobody out, as the session is not there \
             or the line is not clear: {}",
            lines.join(", ")
        );
    }
    if !withdrew.named_in_cells.is_empty() {
        let cells = withdrew.named_in_cells.iter().map(|(column, n)| format!("{column} ({n} rows)"));
        tracing::warn!(
            "text of other sessions names somebody who withdrew, and was not changed: {}",
            cells.collect::<Vec<_>>().join(", ")
        );
    }
    if withdrew.taken_out.n_sessions > 0 && !withdrew.files_of_others.is_empty() {
        let (n, files) = (withdrew.files_of_others.len(), withdrew.files_of_others.iter());
        tracing::warn!(
            "nobody looked into what is not the store's and lies in its folder: {}{}",
            files.take(FILES_TOLD).cloned().collect::<Vec<_>>().join(", "),
            if n > FILES_TOLD { format!(" and {} more", number(n - FILES_TOLD)) } else { String::new() }
        );
    }
    if withdrew.near_misses > 0 {
        tracing::warn!(
            "{} lines of the list of withdrawals have the letters and digits of a subject and not its code: they mean nobody; \
             write the codes as the store has them if they are meant",
            withdrew.near_misses
        );
    }
}

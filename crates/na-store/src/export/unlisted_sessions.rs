//! The sessions of a store that no session list named.

use std::collections::BTreeSet;

use foldhash::HashSet;
use na_model::Session;

use crate::export::request::ExportRequest;

/// The sessions that the store has or reports and that no list named. Sorted: they are written in this order.
pub(crate) fn unlisted_sessions<'s>(
    stored: &'s [Session],
    request: &'s ExportRequest,
    listed: &HashSet<Session>,
) -> BTreeSet<&'s Session> {
    let asked = request.record.listing.rows.iter().map(|row| &row.session);
    let reported = request.outcomes.iter().map(|outcome| &outcome.unit.session);
    stored.iter().chain(reported).chain(asked).filter(|session| !listed.contains(*session)).collect()
}

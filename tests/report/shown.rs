//! What a page shows in a browser, and what it saves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::browser::Browser;
use super::oracle::Key;

pub fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let found = browser
        .value(&format!("[...document.querySelectorAll({selector:?})].map((e) => e.textContent.trim())"));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The line of `Needs a look` with these words.
pub fn finding(browser: &Browser, words: &str) -> Option<String> {
    texts(browser, ".findings li").into_iter().find(|text| text.contains(words))
}

/// The cells of a table's row whose first cell is this, by the table's columns.
pub fn row(browser: &Browser, section: &str, first: &str) -> Vec<String> {
    let script = format!(
        "[...document.querySelectorAll('#{section} tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
    );
    let rows = browser.value(&script);
    let rows = rows.as_array().unwrap().iter().map(|row| {
        row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect::<Vec<String>>()
    });
    rows.into_iter()
        .find(|row| row.first().is_some_and(|cell| cell == first))
        .unwrap_or_else(|| panic!("no row {first}"))
}

/// The names in the table of all sessions, once a list was chosen.
pub fn listed(browser: &Browser) -> usize {
    let counter = browser.text("document.getElementById('counter').textContent");
    counter.split(' ').next().unwrap().replace(',', "").parse().unwrap()
}

pub fn name_of((subject, id): &Key) -> String {
    format!("sub-{subject}{}", id.as_ref().map(|id| format!("_ses-{id}")).unwrap_or_default())
}

/// The rows of the sessions that the page saves, each by its first two cells.
pub fn saved_sessions(browser: &Browser) -> BTreeSet<Key> {
    browser.click("#save");
    let text = browser.saved("sessions_to_look_at.tsv");
    let session = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), (cells[1] != "n/a").then(|| cells[1].to_owned()))
    };
    text.lines().skip(1).map(session).collect()
}

/// What is wrong with a page that should be quiet: anything asked for but itself, anything in the console.
pub fn disturbances(browser: &Browser, page: &Path) -> Vec<String> {
    let own = format!("file://{}", page.display());
    let asked = browser.requests().into_iter().filter(|url| url.split('#').next() != Some(&own));
    asked.map(|url| format!("asked for {url}")).chain(browser.console()).collect()
}

/// Whether cells are in order, as numbers if they are such, or as statuses; words are only told from the page itself.
pub fn is_sorted(cells: &[String], is_descending: bool) -> bool {
    let statuses = ["loaded", "partial", "missing", "failed"];
    let key = |cell: &String| -> Option<f64> {
        let status = statuses.iter().position(|status| status == cell).map(|rank| rank as f64);
        status.or_else(|| cell.parse().ok())
    };
    // What is empty comes last, either way.
    let n_known = cells.iter().rposition(|cell| !cell.is_empty() && cell != "–").map_or(0, |last| last + 1);
    let (cells, empty) = cells.split_at(n_known);
    if cells.iter().any(|cell| cell.is_empty() || cell == "–") || empty.iter().any(|cell| cell.len() > 3) {
        return false;
    }
    let keys: Vec<f64> = cells.iter().filter_map(key).collect();
    if keys.len() == cells.len() {
        return keys
            .windows(2)
            .all(|pair| if is_descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] });
    }
    cells.windows(2).all(|pair| if is_descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] })
}

/// What a page shows when its script cannot run: all tables and plots, and a hundred sessions.
pub fn assert_static(browser: &Browser) {
    assert_eq!(browser.number("document.querySelectorAll('#static tbody tr').length"), 100.0);
    assert!(browser.is("document.getElementById('static').getBoundingClientRect().height > 100"));
    let visible = "[...document.querySelectorAll('table')].filter((table) => table.getBoundingClientRect().height > 0).length";
    assert!(browser.number(visible) >= 10.0);
    assert!(browser.number("document.querySelectorAll('svg').length") >= 10.0);
    for id in ["find", "ctl", "all", "region"] {
        assert!(browser.is(&format!("document.getElementById({id:?}).hidden")), "{id} is of no use here");
    }
}

/// Changes letters in the middle of the block.
pub fn damage(page: &str) -> String {
    let start = page.find("id=block>").unwrap() + "id=block>".len();
    let end = start + page[start..].find('<').unwrap();
    let middle = (start + end) / 2;
    let damaged: String =
        page[middle..middle + 40].chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect();
    format!("{}{damaged}{}", &page[..middle], &page[middle + 40..])
}

/// A copy of a page that was changed, beside it.
pub fn changed_page(page: &Path, change: impl FnOnce(&str) -> String) -> PathBuf {
    static COPIES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = COPIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let before = fs::read_to_string(page).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "nothing was changed");
    let copy = page.parent().unwrap().parent().unwrap().join(format!("changed-{number}.html"));
    fs::write(&copy, after).unwrap();
    copy
}

/// Rules that axe-core finds broken, in light or dark.
pub fn violations(browser: &Browser) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe-core/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{} is not there: ./check setup", path.display()));
    let mut broken = Vec::new();
    for is_dark in [false, true] {
        browser.dark(is_dark);
        let found = browser.later(&format!(
            "{axe}; axe.run(document, {{ resultTypes: ['violations'] }}).then((r) => done(r.violations.map((v) => v.id + ' ' + v.nodes.length + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + n.html.slice(0, 160)).join(' | '))))"
        ));
        broken.extend(found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()));
    }
    broken.extend(unlabelled(browser));
    broken
}

/// Fields without a label of their own: a placeholder is none.
pub fn unlabelled(browser: &Browser) -> Vec<String> {
    let script = "[...document.querySelectorAll('input, select')].filter((e) => !(e.labels && [...e.labels].some((l) => l.firstChild.textContent.trim()))).map((e) => 'no label: ' + e.id)";
    serde_json::from_value(browser.value(script)).unwrap()
}

//! The report as people have it: opened from a folder, in a browser, without a network.
//!
//! `NA_SKIP=browser` goes on without one; `SEED=<seed>` makes a lab again that a failure printed. `WRITE_PICTURES=1` writes the pictures of
//! `docs/report.md`.

mod report;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use bench_support::lab::Lab;
use report::browser::{Browser, DOWN, ENTER, RIGHT, TAB, is_skipped};
use report::made_up::{MadeUp, lab, seed};
use report::oracle::{Key, oracle};
use report::shown::{
    assert_static, changed_page, damage, disturbances, finding, is_sorted, listed, name_of, row,
    saved_sessions, texts, unlabelled, violations,
};
use support::cohort::{Cohort, anatomical};

/// Ends a test on a machine whose owner goes on without a browser.
macro_rules! in_a_browser {
    () => {
        if is_skipped() {
            println!("not tried: NA_SKIP=browser");
            return;
        }
    };
}

#[test]
fn the_page_asks_for_nothing_and_is_ready_at_once() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open(&lab().page(), "");
    let started = Instant::now();
    browser.wait("document.documentElement.dataset.ready");
    println!("ready after {} ms", started.elapsed().as_millis());
    assert_eq!(disturbances(&browser, &lab().page()), Vec::<String>::new());
}

#[test]
fn tiles_and_findings_say_what_the_store_says() {
    in_a_browser!();
    let (browser, oracle) = (Browser::start(), oracle());
    browser.open_ready(&lab().page(), "");
    let n = oracle.sessions().len();
    let complete = format!("{:.1} %", 100.0 * oracle.at_worst("loaded") as f64 / n as f64);
    let flagged = oracle.flagged();
    let expected = [
        n.to_string(),
        complete,
        (oracle.at_worst("missing") + oracle.at_worst("partial")).to_string(),
        oracle.with_status("failed").len().to_string(),
        flagged.len().to_string(),
        "2".to_owned(),
    ];
    assert_eq!(texts(&browser, ".tile b"), expected);
    let sessions = oracle.sessions();
    let old = oracle.versions["anatomical_gm"].values().filter(|version| *version == "0.2.1").count();
    let wrong = oracle.volumes.values().filter(|volume| !(500.0..=3000.0).contains(*volume)).count();
    let no_age = sessions.iter().filter(|session| !oracle.ages.contains_key(**session)).count();
    let n_sessions = |n: usize| format!("{n} session{}", if n == 1 { "" } else { "s" });
    for (words, count) in [
        ("failed to load", n_sessions(oracle.with_status("failed").len())),
        ("made with parcellate 0.2.1, unlike those of 0.3.0", n_sessions(old)),
        ("byte for byte those of another session", n_sessions(2 * lab().faults.copies.len())),
        ("with more than 5 % unusual regions", n_sessions(flagged.len())),
        ("with a TIV outside 500–3,000 mL", n_sessions(wrong)),
        ("without a whole modality", n_sessions(oracle.with_status("missing").len())),
        ("partial", n_sessions(oracle.with_status("partial").len())),
        ("without an age", n_sessions(no_age)),
        ("empty in more than 15 % of sessions", "1 region".to_owned()),
    ] {
        let found = finding(&browser, words).unwrap_or_else(|| panic!("no finding {words}"));
        assert!(found.contains(&count), "{words}: {count} expected in {found}");
    }
    assert_eq!(texts(&browser, ".findings li").len(), 9);
}

#[test]
fn deviations_are_those_of_the_definition() {
    in_a_browser!();
    let (browser, oracle) = (Browser::start(), oracle());
    browser.open_ready(&lab().page(), "");
    for session in (0..lab().lab.sessions).step_by(40) {
        let key: Key = {
            let (subject, id) = lab().lab.session(session);
            (subject, Some(id))
        };
        let mut largest = Vec::new();
        for feature in oracle.headline() {
            let (_, deviations) = oracle.deviations(feature, &key);
            let unusual = deviations.iter().filter(|(_, z)| z.abs() > 3.5).count();
            largest
                .extend(deviations.into_iter().map(|(region, z)| (region, feature.to_owned(), z, unusual)));
        }
        largest.sort_by(|one, other| other.2.abs().total_cmp(&one.2.abs()));
        let expected: Vec<Vec<String>> = largest
            .iter()
            .take(6)
            .map(|(region, feature, z, _)| vec![region.clone(), feature.clone(), format!("{z:+.1}")])
            .collect();
        browser.value(&format!("void (location.hash = {:?})", lab().place(session)));
        browser
            .wait(&format!("document.querySelector('#detail h3').textContent === {:?}", lab().name(session)));
        let rows = browser.value("[...document.querySelectorAll('#detail table tr')].map((row) => [...row.cells].map((c) => c.textContent))");
        let shown: Vec<Vec<String>> = serde_json::from_value(rows).unwrap();
        assert_eq!(shown, expected, "{}", lab().name(session));
    }
}

/// A number as a page shows it: what rounds to zero has no sign.
fn signed(number: f64) -> String {
    let shown = format!("{number:+.2}");
    if matches!(shown.as_str(), "+0.00" | "-0.00") { "0.00".to_owned() } else { shown }
}

#[test]
fn a_feature_s_row_is_that_of_the_definition() {
    in_a_browser!();
    let (browser, oracle) = (Browser::start(), oracle());
    browser.open_ready(&lab().page(), "");
    for (feature, table) in
        [("gm_volume_mm3", "anatomical_gm"), ("DSIStudio_tensor_fa_mean", "diffusion_DSIStudio")]
    {
        let cells = row(&browser, "features", feature);
        let of = &oracle.features[feature];
        assert_eq!(cells[2], of.sessions.len().to_string());
        let flagged = of.sessions.iter().filter(|session| {
            let (_, deviations) = oracle.deviations(feature, session);
            deviations.iter().filter(|(_, z)| z.abs() > 3.5).count() as f64 > 0.05 * deviations.len() as f64
        });
        let expected = [
            flagged.count().to_string(),
            signed(oracle.rho(feature, &oracle.ages)),
            signed(oracle.rho(feature, &oracle.volumes)),
            format!("{:.2}", oracle.icc(feature)),
            signed(oracle.shift(feature, table, "0.2.1", "0.3.0")),
        ];
        assert_eq!(cells[7..12], expected, "{feature}");
    }
}

#[test]
fn each_planted_fault_leads_to_its_sessions() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open_ready(&lab().page(), "");
    let faults = &lab().faults;
    let all = |sessions: &mut dyn Iterator<Item = usize>| -> BTreeSet<Key> {
        sessions
            .map(|n| {
                let (subject, id) = lab().lab.session(n);
                (subject, Some(id))
            })
            .collect()
    };
    let copies = faults.copies.iter().flat_map(|(copy, original)| [*copy, *original]);
    for (words, sessions) in [
        ("failed to load", all(&mut faults.broken_tables.iter().copied())),
        ("byte for byte", all(&mut copies.into_iter())),
        ("more than 5 % unusual", all(&mut faults.bad_segmentations.iter().copied())),
        ("with a TIV outside", all(&mut faults.wrong_volumes.iter().copied())),
        ("without a whole modality", all(&mut faults.without_diffusion.iter().copied())),
        ("partial", all(&mut faults.without_thickness.iter().copied())),
        ("without an age", all(&mut faults.without_age.iter().copied())),
    ] {
        let click = format!(
            "[...document.querySelectorAll('.findings li')].find((li) => li.textContent.includes({words:?})).querySelector('button.list').click()"
        );
        browser.value(&click);
        let saved = saved_sessions(&browser);
        // Of several hundred healthy people one or two may stick out by chance.
        let by_chance = if words.contains("unusual") { lab().lab.sessions / 100 } else { 0 };
        assert!(saved.is_superset(&sessions), "{words}: {sessions:?} expected in {saved:?}");
        assert!(saved.len() <= sessions.len() + by_chance, "{words}: {:?}", &saved - &sessions);
    }
}

#[test]
fn a_clean_cohort_has_nothing_to_look_at() {
    in_a_browser!();
    let lab = Lab { sessions: 120, regions: 40, maps: 4, seed: seed(), ..Lab::default() };
    let (browser, clean) = (Browser::start(), MadeUp::load(lab));
    browser.open_ready(&clean.page(), "");
    assert_eq!(texts(&browser, ".findings li"), Vec::<String>::new());
    assert_eq!(browser.text("document.querySelector('#look p').textContent"), "Nothing was found.");
}

#[test]
fn a_session_is_found_by_typing_and_its_address_leads_back_to_it() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open_ready(&lab().page(), "");
    let (subject, _) = lab().lab.session(7);
    browser.click("#q");
    browser.press(&subject);
    browser.press(ENTER);
    let opened = "document.querySelector('#detail h3').textContent";
    browser.wait(&format!("{opened} === {:?}", lab().name(7)));
    assert!(browser.text("location.hash").starts_with("#s="));
    browser.reload();
    browser.wait("document.documentElement.dataset.ready");
    assert_eq!(browser.text(opened), lab().name(7));
    browser.value("void (location.hash = '#features')");
    browser.value(&format!("void (location.hash = {:?})", lab().place(9)));
    browser.wait(&format!("{opened} === {:?}", lab().name(9)));
    browser.back();
    browser.back();
    browser.wait(&format!("{opened} === {:?}", lab().name(7)));
    // A circle of the map is a link, too.
    let circle =
        browser.text("document.querySelector('#sessions svg a.s:last-of-type').getAttribute('aria-label')");
    // The last is in front of the others.
    browser.click("#sessions svg a.s:last-of-type");
    browser.wait(&format!("{:?}.startsWith({opened})", circle));
}

#[test]
fn a_keyboard_is_enough() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open_ready(&lab().page(), "");
    let focused = "document.activeElement";
    browser.press(TAB);
    assert_eq!(browser.text(&format!("{focused}.getAttribute('href')")), "#look");
    browser.press(ENTER);
    browser.wait("location.hash === '#look'");
    // The field, what it finds, a session.
    browser.value("document.getElementById('q').focus()");
    let (subject, _) = lab().lab.session(11);
    browser.press(&subject);
    browser.press(DOWN);
    browser.press(ENTER);
    browser.wait(&format!("document.querySelector('#detail h3').textContent === {:?}", lab().name(11)));
    // A list.
    browser.value("document.querySelector('.findings button.list').focus()");
    browser.press(ENTER);
    assert_eq!(listed(&browser), lab().faults.broken_tables.len());
    browser.value("document.querySelector('#completeness g.list').focus()");
    browser.press(ENTER);
    assert_ne!(listed(&browser), lab().faults.broken_tables.len());
    // A cell of the heat map.
    browser.value("document.getElementById('heat').focus()");
    let shown = "document.querySelector('#region-plot h3').textContent";
    let before = browser.text(shown);
    browser.press(DOWN);
    browser.press(RIGHT);
    assert_ne!(browser.text(shown), before);
}

#[test]
fn a_filter_is_what_is_saved_and_every_row_can_be_reached() {
    in_a_browser!();
    let (browser, oracle) = (Browser::start(), oracle());
    browser.open_ready(&lab().page(), "");
    assert_eq!(listed(&browser), lab().lab.sessions);
    browser.value(
        "(() => { const show = document.getElementById('show'); show.value = 'failed'; show.onchange(); })()",
    );
    let failed: BTreeSet<Key> = oracle.with_status("failed").into_iter().cloned().collect();
    assert_eq!(listed(&browser), failed.len());
    assert_eq!(saved_sessions(&browser), failed);
    // The sessions of a finding stay in the menu, and are what the menu says, also where a browser remembers a choice that the page
    // does not.
    let choose = |what: &str| {
        browser.value(&format!(
            "(() => {{ const show = document.getElementById('show'); show.value = {what:?}; show.onchange(); }})()"
        ));
    };
    choose("list");
    assert_eq!(listed(&browser), lab().lab.sessions);
    browser.value("document.querySelector('.findings button.list').click()");
    assert_eq!(listed(&browser), lab().faults.broken_tables.len());
    choose("all");
    assert_eq!(listed(&browser), lab().lab.sessions);
    choose("list");
    assert_eq!(saved_sessions(&browser).len(), lab().faults.broken_tables.len());
    choose("all");
    let n_columns = browser.number("document.querySelectorAll('#all .head button').length") as usize;
    for column in 0..n_columns {
        for _ in 0..2 {
            browser.value(&format!("document.querySelectorAll('#all .head button')[{column}].click()"));
            let state = format!(
                "document.querySelectorAll('#all .head [role=columnheader]')[{column}].getAttribute('aria-sort')"
            );
            let rows = browser.value(&format!(
                "[...document.querySelectorAll('#all .row:not(.head)')].map((row) => row.children[{column}].textContent)"
            ));
            let rows: Vec<String> = serde_json::from_value(rows).unwrap();
            assert!(is_sorted(&rows, browser.text(&state) == "descending"), "column {column}: {rows:?}");
        }
    }
    assert!(browser.number("document.querySelectorAll('#all .row').length") < 60.0);
    let last = format!("document.querySelector('#all .row[aria-rowindex=\"{}\"]')", lab().lab.sessions + 1);
    assert!(!browser.is(&last));
    browser.value("void (document.getElementById('all').scrollTop = 1e9)");
    browser.wait(&last);
    assert!(browser.number("document.querySelectorAll('#all .row').length") < 60.0);
}

#[test]
fn every_table_can_be_saved() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open_ready(&lab().page(), "");
    let names: Vec<String> = serde_json::from_value(
        browser
            .value("[...document.querySelectorAll('table[data-save]')].map((table) => table.dataset.save)"),
    )
    .unwrap();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        browser.value(&format!(
            "document.querySelector('table[data-save={name}]').parentElement.nextElementSibling.click()"
        ));
        let text = browser.saved(&format!("{name}.tsv"));
        let rows = browser
            .number(&format!("document.querySelector('table[data-save={name}]').tBodies[0].rows.length"))
            as usize;
        let widths: BTreeSet<usize> = text.lines().map(|line| line.split('\t').count()).collect();
        assert_eq!((text.lines().count(), widths.len()), (rows + 1, 1), "{name}:\n{text}");
    }
    // Of one page a browser saves ten files unasked.
    browser.open_ready(&lab().page(), "");
    browser.value("document.querySelector('.findings').nextElementSibling.click()");
    let lines = texts(&browser, ".findings li").len() + 1;
    assert_eq!(browser.saved("needs_a_look.tsv").lines().count(), lines);
}

#[test]
fn the_page_works_without_a_script_and_says_when_its_data_is_damaged() {
    in_a_browser!();
    let browser = Browser::start();
    browser.scripts(false);
    browser.open(&lab().page(), "");
    assert_static(&browser);
    assert!(browser.is("document.getElementById('damaged').hidden"));
    // A finding names its sessions, and a link leads to the row of one.
    let first = oracle().flagged().into_iter().next().unwrap();
    assert!(finding(&browser, "unusual regions").unwrap().contains(&name_of(&first)));
    let target = format!("document.getElementById('s={}/{}')", first.0, first.1.as_ref().unwrap());
    assert!(browser.is(&target));
    browser.scripts(true);
    let damaged = changed_page(&lab().page(), damage);
    browser.open(&damaged, "");
    browser.wait("!document.getElementById('damaged').hidden");
    assert_static(&browser);
}

/// Names that would be something else if anything took them for more than text.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror=document.title=1>",
    "</script><script>document.title=1</script>",
    "\"'&amp;",
    "=1+1",
    "\u{202e}right to left",
    "a & b",
];

#[test]
fn whatever_regions_and_sites_are_called_stays_text() {
    in_a_browser!();
    let sessions: Vec<String> = (0..32).map(|n| format!("{:04}", n + 1)).collect();
    let cohort = Cohort::empty();
    let mut list = "subject_code,session_id,AGE,site\n".to_owned();
    for (n, subject) in sessions.iter().enumerate() {
        list.push_str(&format!("{subject},1,{},{}\n", 20 + n, ["<b>north</b>", "=cmd"][n % 2]));
        let mut table = "index\tlabel\tmean\n".to_owned();
        for (index, name) in HOSTILE.iter().enumerate() {
            // One region of one session sticks out, each time another one.
            let sticks_out = n == index && index < 4;
            let value = (n * (index + 3) % 17) as f64 + if sticks_out { 900.0 } else { 0.0 };
            table.push_str(&format!("{}\t\"{}\"\t{value}\n", index + 1, name.replace('"', "\"\"")));
        }
        cohort.write(&anatomical(subject, "1", "GM"), &table);
    }
    cohort.list(&list);
    cohort.run(&["--no-diffusion"]).ended(0);
    let (browser, page) = (Browser::start(), cohort.store().join("report.html"));
    browser.open_ready(&page, "#s=0001/1");
    assert_eq!(browser.text("document.title"), "data/processed: cohort report");
    let options: Vec<String> = serde_json::from_value(
        browser.value("[...document.querySelectorAll('#region-names option')].map((o) => o.value)"),
    )
    .unwrap();
    let (mut shown, mut given) = (options, HOSTILE.map(str::to_owned));
    shown.sort();
    given.sort();
    assert_eq!(shown, given);
    assert!(browser.text("document.querySelector('#detail table').textContent").contains(HOSTILE[0]));
    let worst: BTreeSet<String> = texts(&browser, "#regions tbody th").into_iter().collect();
    assert!(
        worst.is_superset(&BTreeSet::from_iter(HOSTILE[..4].iter().map(|name| (*name).to_owned()))),
        "{worst:?}"
    );
    for name in HOSTILE {
        browser.value(&format!("(() => {{ const e = document.getElementById('region-name'); e.value = {name:?}; e.onchange(); }})()"));
        assert_eq!(
            browser.text("document.querySelector('#region-plot h3').textContent"),
            format!("{name} · gm_mean")
        );
    }
    browser.value(
        "document.querySelector('table[data-save=metadata]').parentElement.nextElementSibling.click()",
    );
    let saved = browser.saved("metadata.tsv");
    assert!(saved.contains("<b>north</b>: 16"), "{saved}");
    browser
        .value("document.querySelector('table[data-save=regions]').parentElement.nextElementSibling.click()");
    let saved = browser.saved("regions.tsv");
    assert!(saved.contains("\n'=1+1\t") && saved.contains("\n</script>"), "{saved}");
    assert_eq!(disturbances(&browser, &page), Vec::<String>::new());
}

#[test]
fn nobody_is_shut_out() {
    in_a_browser!();
    let browser = Browser::start();
    browser.open_ready(&lab().page(), &lab().place(3));
    assert_eq!(violations(&browser), Vec::<String>::new());
    browser.dark(false);
    for width in [375, 768, 1280] {
        browser.size(width, 800);
        let sticks_out = "(e) => { const box = e.getBoundingClientRect(); return box.right > innerWidth && !e.closest('.scroll, #all, svg, .heat ol, .skip'); }";
        let beyond = browser.number("document.documentElement.scrollWidth - innerWidth");
        let of = browser.value(&format!("[...document.querySelectorAll('body *')].filter({sticks_out}).map((e) => e.outerHTML.slice(0, 90))"));
        assert!(beyond <= 0.0, "{beyond} pixels stick out at {width}: {of:#}");
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, is_dark, width) in [("light", false, 1280), ("dark", true, 1280), ("narrow", false, 375)] {
        browser.dark(is_dark);
        browser.size(width, 900);
        fs::write(kept.join(format!("report-{name}.png")), browser.picture("body", None, 1.0)).unwrap();
    }
    browser.dark(false);
    let printed = browser.print();
    fs::write(kept.join("report.pdf"), &printed).unwrap();
    assert!(printed.starts_with(b"%PDF") && printed.len() > 50_000, "{} bytes", printed.len());
}

#[test]
fn the_tests_notice_what_goes_wrong() {
    in_a_browser!();
    let browser = Browser::start();
    let page = lab().page();
    let quiet = |page: &Path| {
        browser.open(page, "");
        std::thread::sleep(std::time::Duration::from_millis(500));
        disturbances(&browser, page)
    };
    let is_ready = || browser.is("document.documentElement.dataset.ready");
    assert_eq!(quiet(&page), Vec::<String>::new());
    assert!(is_ready());
    let other_hash =
        changed_page(&page, |page| page.replacen("script-src 'sha256-", "script-src 'sha256-A", 1));
    assert!(!quiet(&other_hash).is_empty() && !is_ready());
    let damaged = changed_page(&page, damage);
    quiet(&damaged);
    assert!(!is_ready());
    let image = changed_page(&page, |page| {
        page.replacen("<main>", "<main><img src=\"https://example.org/a.png\">", 1)
    });
    assert!(!quiet(&image).is_empty());
    let library = changed_page(&page, |page| {
        page.replacen("</head>", "<script src=\"https://example.org/d3.js\"></script></head>", 1)
    });
    assert!(!quiet(&library).is_empty());
    let list_of_failed = |page: &Path| {
        browser.open_ready(page, "");
        browser.click(".findings button.list");
        listed(&browser)
    };
    let n_failed = lab().faults.broken_tables.len();
    assert_eq!(list_of_failed(&page), n_failed);
    let short = changed_page(&page, |page| {
        let (list, shorter) =
            (format!("\"from\":0,\"length\":{n_failed}"), format!("\"from\":0,\"length\":{}", n_failed - 1));
        page.replacen(&list, &shorter, 1)
    });
    assert_ne!(list_of_failed(&short), n_failed);
    let pale = changed_page(&page, |page| page.replacen("--mut:#566372", "--mut:#aab4be", 1));
    browser.open_ready(&pale, "");
    assert!(violations(&browser).iter().any(|rule| rule.starts_with("color-contrast")));
    let no_label = changed_page(&page, |page| page.replacen("<label>Find a session ", "<label>", 1));
    browser.open_ready(&no_label, "");
    assert_eq!(unlabelled(&browser), ["no label: q"]);
}

/// The pictures of `docs/report.md`, of a lab that is always the same.
#[test]
fn the_page_looks_as_the_manual_shows_it() {
    in_a_browser!();
    let (browser, made_up) =
        (Browser::start(), MadeUp::load(Lab { regions: 100, maps: 8, ..Lab::with_faults(20, 800) }));
    browser.open_ready(&made_up.page(), "");
    // The last is in front of the others.
    browser.click("#sessions svg a.s:last-of-type");
    // It would stay in front of whatever is pictured.
    browser.value("void (document.querySelector('nav').style.position = 'static')");
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    for (name, from, until) in [
        ("glance", "header", Some("#since")),
        ("sessions", "#sessions", Some("#ctl")),
        ("regions", "#regions", Some("#cohort")),
    ] {
        let picture = browser.picture(from, until, 0.7);
        assert!(picture.starts_with(b"\x89PNG"), "{name}");
        if std::env::var_os("WRITE_PICTURES").is_some() {
            fs::create_dir_all(&to).unwrap();
            fs::write(to.join(format!("report-{name}.png")), picture).unwrap();
        }
    }
}

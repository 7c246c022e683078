//! The report of a store that several programs fed: each input's failures, versions and volumes are told apart.

mod report;
mod support;

use std::fs;

use report::page::{Page, between};
use support::freesurfer::{BIDS, CAT12, Lab};

/// The shipped cohort with FreeSurfer's folders of its three sessions, of which the last is broken, and the older version of one more.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.add_cohort();
    for name in ["sub-0475_ses-202507271541", "sub-0475_ses-202601121004", "sub-CLMC_10_ses-202407110849"] {
        lab.add(name, BIDS);
    }
    let stats = lab.stats("sub-CLMC_10_ses-202407110849", "lh.aparc.stats");
    let text = fs::read_to_string(&stats).unwrap();
    fs::write(&stats, &text[..text.len() - 30]).unwrap();
    for file in ["aseg.stats", "lh.aparc.stats", "rh.aparc.stats"] {
        lab.change("sub-0475_ses-202507271541", file, "cvs_version 7.4.1", "cvs_version 7.3.2");
    }
    lab
}

fn page(lab: &Lab) -> Page {
    Page::read(&lab.path("store/report.html"))
}

/// The numbers and words of the tiles.
fn tiles(page: &Page) -> Vec<(String, String)> {
    let tiles = between(&page.html, "class=tiles>", "</section>").to_owned();
    let tile =
        |tile: &str| (between(tile, "<b>", "</b>").to_owned(), between(tile, "<span>", "</span>").to_owned());
    tiles.split("<div ").skip(1).map(tile).collect()
}

fn row(section: &str, begin: &str) -> String {
    let rows: Vec<&str> = section.split("<tr>").collect();
    let row = rows.iter().find(|row| row.contains(begin));
    row.unwrap_or_else(|| panic!("no {begin} in {rows:#?}")).to_string()
}

#[test]
fn what_one_input_lacks_hides_nothing_of_another() {
    let lab = lab();
    lab.load(&CAT12).ended(3).says(&["Failed    1"]);
    let page = page(&lab);
    let tiles = tiles(&page);
    assert_eq!(tiles[3], ("1".to_owned(), "failed".to_owned()));
    let findings = page.section("look");
    assert!(findings.contains("failed to load"), "{findings}");
    let completeness = page.section("completeness");
    let reason = row(completeness, "<td>anatomical freesurfer<td>");
    assert!(reason.contains("failed") && !reason.contains("lh.aparc.stats"), "the kind of fault: {reason}");
    assert!(
        !completeness.contains("<td>anatomical<td>"),
        "the tables of parcellate are whole: {completeness}"
    );
    // Of the cohort's own tables nobody is partial, of FreeSurfer's one has failed.
    for (table, words) in [("anatomical_gm", "3 complete"), ("anatomical_fs", "1 failed")] {
        assert!(completeness.contains(&format!("{table}: {words}")), "{table}: {completeness}");
    }
    assert!(page.section("since").contains("The first load"), "{}", page.section("since"));
    let statuses = page.directory["modalities"].as_array().unwrap();
    let statuses: Vec<&str> = statuses.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(statuses, ["anatomical", "anatomical freesurfer", "diffusion"]);
}

#[test]
fn the_worst_findings_come_first() {
    let lab = Lab::new();
    lab.add_cohort();
    let sessions = ["sub-0475_ses-202507271541", "sub-0475_ses-202601121004", "sub-CLMC_10_ses-202407110849"];
    sessions.into_iter().for_each(|name| lab.add(name, BIDS));
    for file in ["aseg.stats", "lh.aparc.stats", "rh.aparc.stats"] {
        lab.change(sessions[0], file, "cvs_version 7.4.1", "cvs_version 7.3.2");
    }
    lab.load(&CAT12).ended(0);
    let page = page(&lab);
    let findings = page.section("look");
    let mark =
        |rest: &str| ["■ Fix", "▲ Look", "● Know"].iter().position(|mark| rest.starts_with(mark)).unwrap();
    let marks: Vec<usize> = findings.split("class=tag>").skip(1).map(mark).collect();
    assert!(marks.contains(&0) && marks.contains(&2) && marks.is_sorted(), "{findings}");
}

#[test]
fn versions_are_told_by_program_and_only_several_of_one_are_worth_a_look() {
    let lab = lab();
    lab.load(&CAT12).ended(3);
    let page = page(&lab);
    let (number, words) = tiles(&page).swap_remove(5);
    assert!(words.ends_with("of FreeSurfer, parcellate"), "{words}");
    assert_eq!(number, "3", "{words}");
    let provenance = page.section("provenance");
    for (program, version, n) in
        [("FreeSurfer", "7.4.1", 1), ("FreeSurfer", "7.3.2", 1), ("parcellate", "0.3.0", 3)]
    {
        let expected = format!("<tr><th scope=row>{program}<td>{version}<td class=n>{n}\n");
        assert!(provenance.contains(&expected), "{expected} in {provenance}");
    }
    let findings = page.section("look");
    assert!(findings.contains("made with another version of FreeSurfer than the newest"), "{findings}");
    assert!(!findings.contains("of parcellate than the newest"), "{findings}");
    let glance = between(&page.html, "<header>", "</header>");
    assert!(glance.contains("atlas AICHA384, aparc, aseg · "), "{glance}");
}

#[test]
fn measures_of_the_whole_brain_have_no_mean_and_volumes_are_somebodys() {
    let lab = lab();
    lab.load(&CAT12).ended(3);
    let of_cat12 = page(&lab);
    let globals = row(of_cat12.section("features"), "scope=row>fs_globals");
    assert!(globals.contains("<td class=n>–<td>– – –"), "{globals}");
    assert!(!of_cat12.section("regions").contains("eTIV"), "no region");
    let lab = Lab::new();
    for n in 1..=60 {
        lab.add(&format!("sub-{n:04}"), BIDS);
        for file in ["aseg.stats", "lh.aparc.stats", "rh.aparc.stats"] {
            lab.change(
                &format!("sub-{n:04}"),
                file,
                "1626503.552457",
                &format!("{}.5", 1_300_000 + 5_000 * n),
            );
        }
    }
    lab.run(&["--discover"]).ended(0);
    let of_freesurfer = page(&lab);
    let cohort = of_freesurfer.section("cohort");
    assert!(cohort.contains("which it estimates from the registration of an atlas"), "{cohort}");
    let findings = of_freesurfer.section("look");
    assert!(!findings.contains("without an age"), "nobody gave a list: {findings}");
}

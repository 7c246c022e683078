//! The report of a cohort: who writes it and when, what is in it, and what never is.

mod report;
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use bench_support::lab::Lab;
use na_report::Report;
use na_store::FeatureStore;
use report::made_up::{MadeUp, seed};
use report::page::{Page, between};
use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::files::PARTIAL;
use support::{export_cache, faults};

const A: (&str, &str) = ("0001", "202401010900");
const B: (&str, &str) = ("0002", "202401020900");

fn page(cohort: &Cohort) -> Page {
    Page::read(&cohort.store().join("report.html"))
}

fn updated_at(cohort: &Cohort) -> String {
    let manifest = fs::read(cohort.store().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["updated_at"].as_str().unwrap().to_owned()
}

fn state(cohort: &Cohort) -> String {
    format!("{} {}", updated_at(cohort), env!("CARGO_PKG_VERSION"))
}

#[test]
fn whichever_command_writes_the_manifest_writes_the_report_after_it() {
    let cohort = Cohort::of(&[A, B]);
    let told = cohort.run(&["--json"]).ended(0).json();
    assert_eq!(told["report"], "data/processed/report.html");
    assert_eq!(page(&cohort).state(), state(&cohort));
    // A run with nothing to do leaves it as it is; one that finds none, or that of another state, makes it.
    let path = cohort.store().join("report.html");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    sleep(Duration::from_millis(20));
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    let today = fs::read_to_string(&path).unwrap();
    for older in [None, Some(today.replacen(&state(&cohort), "2020-01-01T00:00:00Z 0.1.0", 1))] {
        match older {
            None => fs::remove_file(&path).unwrap(),
            Some(older) => fs::write(&path, older).unwrap(),
        }
        cohort.run(&[]).ended(0).says(&["Nothing to do"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), today);
    }
    // The other command exports what a load left.
    cohort.add("0003", "202401030900");
    cohort.list_of(&[A, B, ("0003", "202401030900")]);
    cohort.run_stopped_at("manifest.json", &[]);
    assert_eq!(page(&cohort).state(), state(&cohort), "no manifest was written");
    let told = cohort.export_cache(&["--json"]).ended(0).json();
    assert_eq!(told["report"], "data/processed/report.html");
    assert_eq!(page(&cohort).state(), state(&cohort));
    assert!(page(&cohort).html.contains("sub-0003"));
}

#[test]
fn no_report_is_made_where_none_is_wanted() {
    let cohort = Cohort::of(&[A]);
    let path = cohort.store().join("report.html");
    cohort.run(&["--no-report"]).ended(0).says(&["The store is in data/processed.\n"]);
    cohort.run(&["--dry-run"]).ended(0);
    cohort.run(&["--status"]).ended(0);
    assert!(!path.exists());
    // Alone, it needs nothing but the store.
    for root in ["cat12", "parcellated", "sessions.csv", ".env"] {
        cohort.remove(root);
    }
    cohort
        .run(&["--report-only"])
        .ended(0)
        .says(&["The report of the store in data/processed is data/processed/report.html."]);
    assert_eq!(page(&cohort).state(), state(&cohort));
    let told = cohort.export_cache(&["--report-only", "--json"]).ended(0).json();
    assert_eq!(told["report"], "data/processed/report.html");
    cohort.run(&["--report-only", "-o", "elsewhere"]).ended(1).says(&["elsewhere"]);
    cohort.run(&["--report-only", "--no-report"]).ended(2);
}

#[test]
fn a_report_that_cannot_be_made_is_a_warning() {
    let cohort = Cohort::of(&[A]);
    let path = cohort.store().join("report.html");
    fs::create_dir_all(cohort.store()).unwrap();
    fs::write(&path, "<p>my notes").unwrap();
    cohort
        .run(&[])
        .ended(0)
        .says(&["is no report of this program: move it", "The store is in data/processed.\n"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "<p>my notes");
    cohort.run(&["--report-only"]).ended(1).says(&["is no report of this program"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    cohort.run(&[]).ended(0).says(&["there is no report of this state of the store"]);
    fs::remove_dir(&path).unwrap();
    cohort.run(&[]).ended(0).keeps_quiet_about(&["no report"]);
    assert_eq!(page(&cohort).state(), state(&cohort));
}

/// A file that may not grow further would kill whoever does not ask for an error.
#[cfg(unix)]
#[test]
fn a_report_that_may_not_grow_is_a_warning_too() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["--no-report"]).ended(0);
    let limited = |command: &Command| support::limited(command, "-f 10");
    limited(&cohort.command(&[]))
        .ended(0)
        .says(&["Nothing to do", "there is no report of this state of the store"]);
    limited(&cohort.command(&["--report-only"])).ended(1).says(&["report.html"]);
    let mut alone = export_cache(cohort.root());
    limited(alone.args(["data/processed", "--report-only"])).ended(1).says(&["report.html"]);
    let left =
        fs::read_dir(cohort.store()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.ends_with("report.html")).collect::<Vec<_>>(), Vec::<String>::new());
    cohort.run(&["--report-only"]).ended(0);
}

#[test]
fn a_run_that_is_killed_while_it_writes_leaves_the_old_report_whole() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let before = page(&cohort);
    cohort.add(B.0, B.1);
    cohort.list_of(&[A, B]);
    let gate = cohort.path("gate");
    let mut command = cohort.command(&["--no-progress", "-o"]);
    command.arg(cohort.store());
    faults::hold(&mut command, &cohort.store(), "report.html", &gate);
    let mut child = command.spawn().unwrap();
    let partials = || -> Vec<String> {
        let names = fs::read_dir(cohort.store())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(PARTIAL) && name.ends_with("report.html")).collect()
    };
    while partials().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its report");
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(page(&cohort).html, before.html);
    assert_ne!(page(&cohort).state(), state(&cohort), "the store is written");
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert_eq!(page(&cohort).state(), state(&cohort));
    // What is left of it goes with the next export.
    cohort.run(&["--reload"]).ended(0);
    assert!(partials().is_empty());
}

#[test]
fn the_same_store_gives_the_same_bytes_whatever_the_threads() {
    let lab = MadeUp::load(Lab::with_faults(seed(), 60));
    let first = fs::read(lab.page()).unwrap();
    for jobs in ["1", "2", "8"] {
        lab.run(&["--report-only", "-j", jobs]).ended(0);
        assert!(fs::read(lab.page()).unwrap() == first, "-j {jobs}");
    }
}

#[test]
fn a_report_tells_of_a_load_that_runs_what_it_tells_after_its_export() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    // One is new, one fails, of one a table is read again, and one is listed without a file.
    let others = [A, B, ("0003", "202401030900"), ("0004", "202401040900"), ("0005", "202401050900")];
    cohort.add("0003", "202401030900");
    cohort.add("0004", "202401040900");
    cohort.write(&anatomical("0004", "202401040900", "WM"), "no table\n");
    cohort.write(&diffusion("NODDI", B.0, B.1, "od"), &tsv(17.0));
    cohort.remove(&anatomical("0003", "202401030900", "CT"));
    cohort.list_of(&others);
    cohort.run_stopped_at("manifest.json", &["--keep-cache"]);
    let store = FeatureStore::open(cohort.store()).unwrap();
    let before = Page::of(Report::of(&store).unwrap().html().to_owned());
    cohort.export_cache(&["--keep-cache"]).ended(0);
    let after = page(&cohort);
    let (before, after) = (before.but_for_the_run(), after.but_for_the_run());
    assert_eq!(before.0, after.0);
    assert_eq!(before.1, after.1);
    assert!(before.2 == after.2, "the arrays differ");
}

/// The report of a cohort that is loaded anew, elsewhere.
fn fresh(cohort: &Cohort, arguments: &[&str]) -> Page {
    let arguments = [&["-o", "fresh/data/processed"], arguments].concat();
    let _ = fs::remove_dir_all(cohort.path("fresh"));
    cohort.run(&arguments).ended(0);
    Page::read(&cohort.path("fresh/data/processed/report.html"))
}

fn assert_same(cohort: &Cohort, arguments: &[&str], what: &str) {
    let (of_store, fresh) = (page(cohort).but_for_the_run(), fresh(cohort, arguments).but_for_the_run());
    assert_eq!(of_store.0, fresh.0, "{what}");
    assert_eq!(of_store.1, fresh.1, "{what}");
    assert!(of_store.2 == fresh.2, "the arrays differ: {what}");
}

#[test]
fn whatever_became_of_a_store_its_report_is_that_of_a_fresh_one() {
    let sessions: Vec<(String, String)> =
        (0..34).map(|n| (format!("{:04}", n + 1), format!("2024{:02}010900", n % 12 + 1))).collect();
    let sessions: Vec<(&str, &str)> =
        sessions.iter().map(|(subject, id)| (subject.as_str(), id.as_str())).collect();
    let cohort = Cohort::of(&sessions);
    cohort.list_of(&sessions[..20]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&sessions);
    cohort.write(&anatomical(sessions[3].0, sessions[3].1, "GM"), &tsv(900.0));
    cohort.run(&[]).ended(0);
    assert!(page(&cohort).section("since").contains("read again"));
    assert_same(&cohort, &[], "an increment");
    cohort.remove(&anatomical(sessions[5].0, sessions[5].1, "CT"));
    cohort.remove(&tiv_path(sessions[6].0, sessions[6].1));
    cohort.run(&["--prune", "--yes"]).ended(0);
    assert_same(&cohort, &[], "a prune");
    cohort.write("withdrawn.csv", &format!("subject_code\n{}\n", sessions[9].0));
    cohort.run(&["--withdrawn", "withdrawn.csv"]).ended(0);
    assert_same(&cohort, &["--withdrawn", "withdrawn.csv"], "a withdrawal");
    assert!(!page(&cohort).html.contains("sub-0010"));
}

#[test]
fn who_withdraws_is_on_no_page_whatever_comes_after() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let path = cohort.store().join("report.html");
    assert!(fs::read_to_string(&path).unwrap().contains("sub-0002"));
    cohort.write("withdrawn.csv", "subject_code\n0002\n");
    // The load after the withdrawal cannot run: the page is gone all the same.
    cohort.remove("sessions.csv");
    cohort.run(&["--withdrawn", "withdrawn.csv", "--yes"]).ended(1);
    assert!(!path.exists());
    let told = cohort.export_cache(&["--withdrawn", "withdrawn.csv", "--yes", "--json"]).ended(0).json();
    assert_eq!(told["report"], "data/processed/report.html");
    let page = page(&cohort);
    assert!(page.html.contains("sub-0001") && !page.html.contains("0002"));
    assert!(!page.block.windows(4).any(|bytes| bytes == b"0002"));
}

#[test]
fn the_last_run_is_told_unit_by_unit() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A, B, ("0003", "202401030900")]);
    cohort.write(&anatomical(B.0, B.1, "GM"), "no table\n");
    let told = cohort.run(&["--json"]).ended(3).json();
    assert_eq!(told["store"]["changes"]["new"]["n"], 3);
    assert_eq!(
        told["store"]["changes"]["failed"]["units"],
        serde_json::json!(["0002\t202401020900\tanatomical"])
    );
    cohort.write(&anatomical(B.0, B.1, "GM"), &tsv(3.0));
    let told = cohort.run(&["--json"]).ended(0).json();
    assert_eq!(
        (&told["store"]["changes"]["healed"]["n"], &told["store"]["changes"]["new"]["n"]),
        (&1.into(), &1.into())
    );
    let since = page(&cohort).section("since").to_owned();
    assert!(
        since.contains("healed")
            && since.contains("sub-0002_ses-202401020900")
            && !since.contains("sub-0001"),
        "{since}"
    );
}

/// Stores of a few sessions, and of none of something.
#[test]
fn a_report_can_be_made_of_whatever_a_lab_has() {
    for n in [1, 10, 29, 30] {
        let lab = MadeUp::load(Lab { sessions: n, regions: 5, maps: 4, seed: 7, ..Lab::default() });
        let page = Page::read(&lab.page());
        assert_eq!(page.directory["scored"], n >= 30, "{n} sessions");
        assert_eq!(page.html.contains("nothing is called unusual"), n < 30);
    }
    let empty = tempfile::tempdir().unwrap();
    let report = Report::of(&FeatureStore::open(empty.path()).unwrap()).unwrap();
    assert!(report.html().contains("not exported yet"));
    let cohort = Cohort::of(&[A]);
    cohort.remove("parcellated/qsirecon-NODDI");
    cohort.remove("cat12");
    cohort.write(".env", "SESSIONS_CSV=sessions.csv\nCAT12_PARCELLATED_ROOT=parcellated/cat12\n");
    cohort.list("subject_code,session_id\n0001,202401010900\n0008,\n");
    let one_region = "index\tlabel\tmean\tempty\n1\tonly\t0.5\t\n";
    for tissue in ["GM", "WM", "CT"] {
        cohort.write(&anatomical(A.0, A.1, tissue), one_region);
        cohort.write(&anatomical("0008", "", tissue), one_region);
    }
    let told = cohort.run(&["--json", "--no-diffusion", "--wide-metrics", "all"]).ended(0);
    assert_eq!(told.json()["report"], "data/processed/report.html", "{}", told.stderr);
    let page = page(&cohort);
    for words in ["No session has an age", "There are no volumes", "sub-0008", "1 region"] {
        assert!(page.html.contains(words), "{words}");
    }
}

#[test]
fn no_value_of_a_single_session_but_of_regions_is_in_the_page() {
    let lab = MadeUp::load(Lab::with_faults(seed(), 80));
    let list = fs::read_to_string(lab.folder().join("sessions.csv")).unwrap();
    let page = Page::read(&lab.page());
    let arrays: Vec<&str> = page.arrays.keys().map(String::as_str).collect();
    assert!(
        !arrays
            .iter()
            .any(|name| ["age", "tiv", "sex", "site"].iter().any(|word| name.to_lowercase().contains(word)))
    );
    let doubles: Vec<f64> =
        page.block.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    let floats: Vec<f32> =
        page.block.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let text = page.html.split("id=block>").next().unwrap();
    let ages = list.lines().skip(1).filter_map(|line| line.split(',').nth(2)?.parse::<f64>().ok());
    let volumes = fs::read_dir(lab.folder().join("cat12")).unwrap().flat_map(|subject| {
        let reports = support::files::all_below(&subject.unwrap().path());
        reports.into_iter().map(|path| {
            let text = fs::read_to_string(path).unwrap();
            between(&text, "<vol_TIV>", "<").parse::<f64>().unwrap()
        })
    });
    let (ages, volumes): (Vec<f64>, Vec<f64>) = (ages.collect(), volumes.collect());
    assert!(ages.len() > 70 && volumes.len() == 80);
    for value in ages.iter().chain(&volumes) {
        assert!(!doubles.contains(value) && !floats.contains(&(*value as f32)), "{value} is in the block");
        // A number of one decimal may stand for something else; the volumes have all their digits.
        assert!(
            !text.contains(&format!("{value:?}")) || value.to_string().len() < 6,
            "{value} is on the page"
        );
    }
}

/// The values and ages of a list are not told apart where few have them.
#[test]
fn a_group_of_four_looks_as_one_of_three() {
    let told = |sizes: [usize; 3]| {
        let sessions: Vec<(String, String)> =
            (0..12).map(|n| (format!("{:04}", n + 1), "1".to_owned())).collect();
        let sessions: Vec<(&str, &str)> =
            sessions.iter().map(|(subject, id)| (subject.as_str(), id.as_str())).collect();
        let cohort = Cohort::of(&sessions);
        let sites = [("a", 20, sizes[0]), ("b", 40, sizes[1]), ("c", 60, sizes[2])];
        let rows = sites.iter().flat_map(|(site, age, n)| std::iter::repeat_n((*site, *age), *n));
        let mut list = "subject_code,session_id,AGE,site\n".to_owned();
        for ((subject, id), (site, age)) in sessions.iter().zip(rows) {
            list.push_str(&format!("{subject},{id},{age},{site}\n"));
        }
        cohort.list(&list);
        cohort.run(&[]).ended(0);
        let page = page(&cohort);
        let section = page.section("cohort").to_owned();
        assert!(section.contains("values that are not told"), "{section}");
        section
    };
    assert_eq!(told([8, 3, 1]), told([8, 2, 2]));
    assert_eq!(told([5, 4, 3]), told([5, 3, 4]));
}

#[test]
fn a_report_without_ids_names_neither_sessions_nor_files() {
    let lab = MadeUp::load(Lab::with_faults(seed(), 40));
    let report = Report::without_ids(&FeatureStore::open(lab.store()).unwrap()).unwrap();
    let page = Page::of(report.html().to_owned());
    for session in 0..lab.lab.sessions {
        let (subject, id) = lab.lab.session(session);
        let is_in = |bytes: &[u8]| bytes.windows(id.len()).any(|window| window == id.as_bytes());
        assert!(!is_in(page.html.as_bytes()) && !is_in(&page.block), "{id}");
        assert!(!page.html.contains(&format!("sub-{subject}")));
    }
    assert!(!page.html.contains("_parc.tsv") && !String::from_utf8_lossy(&page.block).contains("_parc.tsv"));
    // The line is that of the session in sessions.tsv.
    let lines: Vec<String> =
        fs::read_to_string(lab.store().join("sessions.tsv")).unwrap().lines().map(str::to_owned).collect();
    let keys = String::from_utf8(page.arrays["keys"].clone()).unwrap();
    let (subject, _) = lab.lab.session(0);
    let line: usize = keys.lines().next().unwrap().parse().unwrap();
    assert!(lines[line - 1].starts_with(&subject), "{}", lines[line - 1]);
}

#[test]
fn a_report_that_was_cut_is_made_again() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    let (path, whole) = (cohort.store().join("report.html"), page(&cohort).html);
    fs::write(&path, &whole[..3000]).unwrap();
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert_eq!(page(&cohort).html, whole);
}

#[test]
fn several_processes_make_reports_at_once() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = page(&cohort).html;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..10).for_each(|_| drop(cohort.run(&["--report-only"]).ended(0))));
        }
    });
    assert_eq!(page(&cohort).html, expected);
}

#[test]
fn what_lies_at_the_report_s_path_keeps_nobody_in_the_store() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["--no-report"]).ended(0);
    fs::create_dir(cohort.store().join("report.html")).unwrap();
    cohort.write("withdrawn.csv", "subject_code\n0002\n");
    cohort
        .export_cache(&["--withdrawn", "withdrawn.csv", "--yes"])
        .ended(0)
        .says(&["there is no report of this state"]);
    assert!(cohort.session_rows().iter().all(|row| row[0] != "0002"));
    cohort.run(&["--report-only", "--withdrawn", "withdrawn.csv"]).ended(2);
}

/// A session whose values are a trillion times those of others, and a file with a clock of 1970.
#[test]
fn one_session_far_away_hides_no_other() {
    let lab = Lab { sessions: 40, regions: 12, maps: 3, seed: 3, ..Lab::default() };
    let made_up = MadeUp::load(lab);
    let (subject, id) = made_up.lab.session(7);
    let folder = made_up.folder().join(format!("parcellated/cat12/sub-{subject}/ses-{id}/anat"));
    for path in support::files::all_below(&folder) {
        let text = fs::read_to_string(&path).unwrap();
        let far =
            |cell: &str| cell.parse::<f64>().map_or(cell.to_owned(), |value| format!("{:?}", value * 1e12));
        let line = |line: &str| {
            let cells: Vec<String> = line
                .split('\t')
                .enumerate()
                .map(|(n, cell)| if n > 1 { far(cell) } else { cell.to_owned() })
                .collect();
            cells.join("\t") + "\n"
        };
        let text = if path.extension().unwrap() == "json" {
            text.replace("2026-", "1970-")
        } else {
            text.lines().map(line).collect()
        };
        fs::write(&path, text).unwrap();
    }
    made_up.run(&["--yes"]).ended(0);
    let page = Page::read(&made_up.page());
    assert!(page.html.len() < 400_000, "{} bytes", page.html.len());
    assert!(page.section("look").contains("high or low in the whole brain"));
    assert!(
        page.section("provenance").contains("2026-Q")
            && page.section("provenance").contains("1 before the first quarter")
    );
}

/// In one feature a tenth of the regions stick out, of all features together far fewer.
#[test]
fn a_flagged_session_lies_above_the_line_of_the_map() {
    let made_up = MadeUp::load(Lab { sessions: 40, regions: 40, maps: 6, seed: 3, ..Lab::default() });
    let (subject, id) = made_up.lab.session(7);
    let folder = made_up.folder().join(format!("parcellated/cat12/sub-{subject}/ses-{id}/anat"));
    let is_grey_matter = |path: &PathBuf| path.to_string_lossy().ends_with("tissue-GM_parc.tsv");
    let path = support::files::all_below(&folder).into_iter().find(is_grey_matter).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let line = |(n, line): (usize, &str)| {
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if (1..=4).contains(&n) {
            cells[2] = "1e6".to_owned();
        }
        cells.join("\t") + "\n"
    };
    fs::write(&path, text.lines().enumerate().map(line).collect::<String>()).unwrap();
    made_up.run(&["--yes"]).ended(0);
    let page = Page::read(&made_up.page());
    let map = page.section("sessions");
    let flagged: f64 = between(map, "<line class=flagged x1=0 x2=560 y1=", " ").parse().unwrap();
    let circles: Vec<&str> = map.split("<circle class=pt ").skip(1).collect();
    assert!(
        circles[0].contains(&format!("{}: 10.0 % of regions unusual in its worst feature", made_up.name(7)))
    );
    for circle in circles {
        assert!(between(circle, "cy=", " ").parse::<f64>().unwrap() < flagged, "{circle:.200}");
    }
}

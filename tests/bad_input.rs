//! A file that is not what it should be fails its unit, by name, line and column, and no other unit.

mod support;

use std::collections::HashSet;

use support::cohort::{ATLAS, Cohort, anatomical, diffusion, tsv};
use support::store::{NULL, Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const WM: &str = "long/anatomical_wm.parquet";
const CT: &str = "long/anatomical_ct.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

fn wm_of_b() -> String {
    anatomical(B.0, B.1, "WM")
}

/// A table with one cell changed; rows and columns count from 0, the header is row 0.
fn with_cell(row: usize, column: usize, cell: &str) -> String {
    let mut rows: Vec<Vec<String>> =
        tsv(2.0).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    rows[row][column] = cell.to_owned();
    rows.iter().map(|row| row.join("\t") + "\n").collect()
}

/// Files that are no table, and what is said of each.
fn bad_tables() -> Vec<(String, Vec<&'static str>)> {
    let good = tsv(2.0);
    let last_line_cut = good.trim_end().rsplit_once('\t').unwrap().0.to_owned();
    vec![
        (with_cell(2, 4, "ERR"), vec!["line 3", "column mean", "\"ERR\"", "a number"]),
        (with_cell(3, 2, "1,5"), vec!["line 4", "column volume_mm3", "\"1,5\"", "decimal point"]),
        (with_cell(1, 6, "maybe"), vec!["line 2", "column is_bimodal", "\"maybe\"", "True"]),
        (with_cell(4, 0, "four"), vec!["line 5", "column index", "\"four\"", "an integer"]),
        (good.trim_end().to_owned(), vec!["line 5", "may be cut"]),
        (good[..good.len() - 30].to_owned(), vec!["line 5", "may be cut"]),
        (format!("{last_line_cut}\n"), vec!["line 5", "6 cells", "7 as in the header"]),
        (with_cell(2, 3, "10\t11"), vec!["line 3", "8 cells", "7 as in the header"]),
        (String::new(), vec!["an empty file"]),
        (good.lines().next().unwrap().to_owned() + "\n", vec!["a header and no rows"]),
        (good.replacen("label", "parcel", 1), vec!["line 1", "label or name"]),
        (good.replacen("volume_mm3", "label", 1), vec!["line 1", "\"label\" twice"]),
        (good.replacen("volume_mm3", "tiv", 1), vec!["line 1", "\"tiv\"", "the store adds"]),
        ("a,b,c\n1,2,3\n".to_owned(), vec!["line 1", "without tabs"]),
        ("label\ttext\nx\ty\n".to_owned(), vec!["line 1", "a statistic"]),
        ("\u{1f}\u{8b}\0\0\n".to_owned(), vec!["found"]),
    ]
}

#[test]
fn each_bad_table_fails_its_unit_with_its_place_and_the_others_go_on() {
    let cohort = Cohort::of(&[A, B]);
    let good = std::fs::read_to_string(cohort.path(&wm_of_b())).unwrap();
    cohort.run(&["-o", "good"]).ended(0);
    let expected = Store::read(&cohort.path("good"));
    let name = wm_of_b().rsplit('/').next().unwrap().to_owned();
    for (text, mut words) in bad_tables() {
        let _ = std::fs::remove_dir_all(cohort.store());
        cohort.write(&wm_of_b(), &text);
        words.push(&name);
        cohort.run(&[]).ended(3).says(&words).says(&["Failed    1", "run the same command again"]);
        let store = Store::read(&cohort.store());
        for table in [GM, WM, CT] {
            assert_eq!(store.sessions_of(table), rows_each(4, &["0001/1"]), "{words:?}");
        }
        assert_eq!(store.sessions_of(NODDI), rows_each(8, &["0001/1", "0002/1"]), "{words:?}");
        let (status, reason) = cohort.standing(B.0, B.1, "anatomical");
        assert_eq!(status, "failed");
        assert!(words.iter().all(|word| reason.contains(word)), "{words:?} in {reason}");

        let again = cohort.run(&["--json"]).ended(3);
        assert_eq!(again.json()["failed"], 1, "it is tried again");
        assert_eq!(again.units("loaded"), [0, 0]);
        cohort.write(&wm_of_b(), &good);
        let mended = cohort.run(&["--json"]).ended(0);
        assert_eq!((mended.units("loaded"), mended.units("skipped")), ([1, 0], [1, 2]));
        Store::read(&cohort.store()).assert_same(&expected);
    }
}

#[test]
fn one_thread_or_many_fail_the_same_units() {
    let names: Vec<(String, String)> = (0..12).map(|n| (format!("{n:04}"), "1".to_owned())).collect();
    let cohort = Cohort::of(
        &names.iter().map(|(subject, session)| (subject.as_str(), session.as_str())).collect::<Vec<_>>(),
    );
    let bad: Vec<String> = [0, 5, 11].iter().map(|n| anatomical(&format!("{n:04}"), "1", "CT")).collect();
    bad.iter().for_each(|path| cohort.write(path, ""));
    for (output, jobs) in [("one", "1"), ("many", "8")] {
        let ran = cohort.run(&["-j", jobs, "-o", output, "--json"]).ended(3);
        assert_eq!((ran.units("loaded"), &ran.json()["failed"]), ([9, 12], &3.into()));
        let failed: HashSet<String> = ran.json()["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|outcome| outcome["reason"].as_str().unwrap().split(": found").next().unwrap().to_owned())
            .collect();
        assert_eq!(failed, bad.iter().cloned().collect());
    }
    Store::read(&cohort.path("many")).assert_same(&Store::read(&cohort.path("one")));
}

#[test]
fn a_cohort_of_bad_sessions_alone_is_listed_and_leaves_no_table() {
    let cohort = Cohort::of(&[A]);
    for tissue in ["GM", "WM", "CT"] {
        cohort.write(&anatomical(A.0, A.1, tissue), "");
    }
    cohort.run(&["--no-diffusion"]).ended(3).says(&["an empty file", "sub-0001/ses-1 anatomical"]);
    assert!(Store::read(&cohort.store()).manifest["long_formats"].as_object().unwrap().is_empty());
    cohort.add(A.0, A.1);
    cohort.run(&[]).ended(0).says(&["1 anatomical, 1 diffusion"]);
}

#[test]
fn a_session_with_one_more_column_is_there_and_the_others_are_null_in_it() {
    let cohort = Cohort::of(&[A, B]);
    let wide: String = tsv(5.0)
        .lines()
        .enumerate()
        .map(|(row, line)| {
            format!("{line}\t{}\n", if row == 0 { "vol_TIV".to_owned() } else { "1500.5".to_owned() })
        })
        .collect();
    cohort.write(&anatomical(B.0, B.1, "GM"), &wide);
    for arguments in [&[][..], &["-o", "reversed"]] {
        cohort.run(arguments).ended(0);
        cohort.list_of(&[B, A]);
    }
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1", "0002/1"]));
    let gm = store.table(GM);
    for (session, value) in gm.column("subject_code").iter().zip(gm.doubles("vol_TIV")) {
        assert_eq!(value, (*session == "0002").then_some(1500.5));
    }
    let reversed = Store::read(&cohort.path("reversed"));
    assert_eq!(reversed.table(GM).columns[..8], gm.columns[..8]);
    assert_eq!(reversed.table(GM).doubles("vol_TIV").iter().flatten().count(), 4);
}

#[test]
fn a_column_that_comes_with_a_later_run_is_null_before_it() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list_of(&[A]);
    cohort.run(&[]).ended(0);
    let more = tsv(5.0).replace("\tstd\t", "\tskewness\t");
    cohort.write(&anatomical(B.0, B.1, "GM"), &more);
    cohort.list_of(&[A, B]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    let gm = store.table(GM);
    for row in 0..8 {
        let has = |column: &str| gm.column(column)[row] != NULL;
        let is_a = gm.column("subject_code")[row] == "0001";
        assert_eq!((has("std"), has("skewness"), has("mean")), (is_a, !is_a, true));
    }
}

#[test]
fn a_column_of_numbers_here_and_words_there_is_text_and_the_run_says_so() {
    let cohort = Cohort::of(&[A, B]);
    let with_site = |site: &str| {
        tsv(2.0)
            .replace("\tstd\t", "\tsite\t")
            .lines()
            .enumerate()
            .map(|(row, line)| {
                let mut cells: Vec<&str> = line.split('\t').collect();
                if row > 0 {
                    cells[5] = site;
                }
                cells.join("\t") + "\n"
            })
            .collect::<String>()
    };
    cohort.write(&anatomical(A.0, A.1, "GM"), &with_site("17"));
    cohort.write(&anatomical(B.0, B.1, "GM"), &with_site("north"));
    cohort
        .run(&[])
        .ended(0)
        .says(&["anatomical_gm: the column site holds numbers in some sessions and text in others"]);
    let store = Store::read(&cohort.store());
    let mut sites = store.table(GM).column("site");
    sites.sort_unstable();
    assert_eq!(sites, ["17", "17", "17", "17", "north", "north", "north", "north"]);
}

#[test]
fn bom_crlf_and_words_for_nothing_are_read() {
    let cohort = Cohort::of(&[A, B]);
    for (row, word) in ["", "n/a", "NA", "NaN"].into_iter().enumerate() {
        let text = with_cell(row + 1, 4, word);
        cohort.write(&anatomical(A.0, A.1, "GM"), &format!("\u{feff}{}", text.replace('\n', "\r\n")));
        cohort.run(&["-o", &format!("{row}")]).ended(0);
        let store = Store::read(&cohort.path(&format!("{row}")));
        let gm = store.table(GM);
        assert_eq!(gm.columns[0], "index");
        let nulls: Vec<(&str, &str)> = gm
            .column("subject_code")
            .into_iter()
            .zip(gm.column("label"))
            .zip(gm.column("mean"))
            .filter(|(_, mean)| *mean == NULL)
            .map(|(key, _)| key)
            .collect();
        assert_eq!(nulls, [("0001", ["LH_Vis_1", "RH_Vis_1", "LH_Cont_1", "NA"][row])]);
    }
}

#[test]
fn a_unit_whose_file_went_bad_keeps_what_the_store_has_and_says_so() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    cohort.write(&wm_of_b(), &with_cell(2, 4, "ERR"));
    cohort.run(&[]).ended(3).says(&["line 3, column mean"]);
    let after = Store::read(&cohort.store());
    for table in [GM, WM, CT, "tiv.parquet", "wide/anatomical/wm_mean.parquet"] {
        assert_eq!(after.table(table), before.table(table), "{table}");
    }
    assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "failed");
}

#[test]
fn what_is_no_file_fails_its_unit_by_name() {
    let cohort = Cohort::of(&[A, B]);
    let path = diffusion("NODDI", B.0, B.1, "od");
    cohort.remove(&path);
    std::fs::create_dir(cohort.path(&path)).unwrap();
    cohort.run(&["-o", "folder"]).ended(3).says(&["param-od_parc.tsv is not a regular file"]);
    cohort.remove(&path);
    cohort.write(&format!("{path}.gz"), "\u{1f}");
    cohort.run(&["-o", "packed"]).ended(3).says(&["param-od_parc.tsv.gz is compressed", "gunzip"]);
    assert_eq!(Store::read(&cohort.path("packed")).sessions_of(NODDI), rows_each(8, &["0001/1"]));
    cohort.remove(&format!("{path}.gz"));
    let copy = path.replace("_parc.tsv", "_parc (1).tsv");
    cohort.write(&copy, &tsv(1.0));
    cohort.run(&["-o", "copy"]).ended(3).says(&["param-od_parc (1).tsv looks like a copy"]);
}

#[test]
fn files_of_other_atlases_and_of_other_programs_are_not_read() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&["-o", "clean"]).ended(0);
    let beside = anatomical(A.0, A.1, "GM");
    for other in [
        beside.replace(ATLAS, "Other"),
        beside.replace("_parc.tsv", "_parc.tsv.bak"),
        beside.replace("sub-0001_ses", "._sub-0001_ses"),
        beside.replace("tissue-GM", "tissue-CSF"),
        diffusion("NODDI", A.0, A.1, "od").replace("_model-noddi_param-od", ""),
    ] {
        cohort.write(&other, "not a table");
    }
    cohort.run(&[]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("clean")));
}

//! A root that is a level too high or too low, or exchanged, is told with the folder that is meant.

mod support;

use support::Ran;
use support::cohort::Cohort;

const A: (&str, &str) = ("0001", "1");

/// What a load and a look at it say with a setting of another folder.
fn said(setting: &str, folder: &str) -> [String; 2] {
    [&["--no-progress"][..], &["--no-progress", "--dry-run"]].map(|arguments| {
        let cohort = Cohort::of(&[A]);
        cohort.write("cat12/sub-0001/ses-1/anat/report/cat_sub-0001_T1w.xml", "<S/>");
        let output = cohort.command(arguments).env(setting, folder).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    })
}

#[test]
fn the_folder_that_is_meant_is_named() {
    for (setting, folder, meant) in [
        ("CAT12_PARCELLATED_ROOT", "parcellated", "is parcellated/cat12 meant?"),
        ("CAT12_PARCELLATED_ROOT", ".", "is ./parcellated/cat12 meant?"),
        ("CAT12_PARCELLATED_ROOT", "parcellated/cat12/sub-0001", "/parcellated/cat12 meant?"),
        ("CAT12_PARCELLATED_ROOT", "parcellated/cat12/sub-0001/ses-1", "/parcellated/cat12 meant?"),
        ("CAT12_PARCELLATED_ROOT", "cat12", "/parcellated/cat12 meant?"),
        ("CAT12_ROOT", "cat12/sub-0001", "/cat12 meant?"),
        ("QSIPARC_PATH", "parcellated/qsirecon-NODDI", "/parcellated meant?"),
        ("QSIPARC_PATH", "parcellated/qsirecon-NODDI/sub-0001", "/parcellated meant?"),
        ("QSIPARC_PATH", ".", "is ./parcellated meant?"),
    ] {
        for said in said(setting, folder) {
            let line = said.lines().find(|line| line.contains(&format!("{setting} is {folder}:")));
            assert!(line.is_some_and(|line| line.ends_with(meant)), "{setting}={folder}: {said}");
        }
    }
}

/// CAT12's reports alone would make a store without a table.
#[test]
fn no_store_is_made_without_the_tables_of_a_root_that_is_another_folder() {
    for (setting, folder) in [("CAT12_PARCELLATED_ROOT", "parcellated"), ("QSIPARC_PATH", ".")] {
        let cohort = Cohort::of(&[A]);
        let run =
            |arguments: &[&str]| Ran::of(cohort.command(arguments).env(setting, folder).output().unwrap());
        run(&[]).ended(1).says(&["meant? Nothing was loaded"]);
        assert!(!cohort.store().exists());
        // A store that has sessions goes on with what there is.
        cohort.run(&[]).ended(0);
        run(&["--reload"]).ended(0).says(&["meant?"]);
    }
}

/// parcellate writes volumes beside its tables, which are not CAT12's own output.
#[test]
fn of_two_folders_with_volumes_the_reports_are_meant() {
    let cohort = Cohort::of(&[A]);
    cohort.write("cat12/sub-0001/ses-1/anat/report/cat_sub-0001_T1w.xml", "<S/>");
    cohort.write("a-tables/sub-0001/ses-1/anat/sub-0001_tiv.tsv", "vol_TIV\n1400\n");
    cohort.write("a-tables/sub-0001/ses-1/anat/atlas-A/sub-0001_parc.tsv", "index\tmean\n1\t2\n");
    let output = cohort.command(&["--dry-run"]).env("CAT12_ROOT", ".").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("CAT12_ROOT is .: no sub-* folders are there; is ./cat12 meant?"), "{said}");
}

/// What later versions of the pandas package call `--cat12-root`.
#[test]
fn tables_that_are_given_as_the_reports_are_told() {
    let cohort = Cohort::of(&[A]);
    let told =
        ["CAT12_ROOT is parcellated/cat12, which has tables", "--cat12-parcellated-root", "later versions"];
    let with_both = std::fs::read_to_string(cohort.path(".env")).unwrap();
    let settings = with_both.replace("CAT12_ROOT=cat12\nCAT12_PARCELLATED_ROOT=", "CAT12_ROOT=");
    cohort.write(".env", &settings);
    let run = |arguments: &[&str]| cohort.run(arguments);
    run(&["--no-diffusion"]).ended(1).says(&["there is nothing to load"]).says(&told);
    run(&["--dry-run"]).ended(0).says(&told);
    run(&["--no-anatomical", "--dry-run"]).ended(0).keeps_quiet_about(&told[..1]);
    cohort.write(".env", &with_both);
    run(&["--dry-run"]).ended(0).keeps_quiet_about(&["later versions"]);
}

#[test]
fn where_nothing_is_found_at_all_the_folders_that_are_meant_are_named_first() {
    let cohort = Cohort::of(&[A]);
    for arguments in [&["--no-progress"][..], &["--no-progress", "--dry-run"]] {
        let roots = [("CAT12_ROOT", "."), ("CAT12_PARCELLATED_ROOT", "."), ("QSIPARC_PATH", ".")];
        let output = cohort.command(arguments).envs(roots).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let (hints, error) = said.split_once("error: ").unwrap();
        assert!(
            error.contains("nothing was found") && hints.contains("is ./parcellated/cat12 meant?"),
            "{said}"
        );
    }
}

#[test]
fn where_no_other_folder_is_better_nothing_is_asked() {
    for said in said("CAT12_ROOT", "cat12") {
        assert!(!said.contains("meant?"), "{said}");
    }
    let cohort = Cohort::of(&[A]);
    cohort.write("empty/file", "");
    let output = cohort.command(&["--no-progress"]).env("QSIPARC_PATH", "empty").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("QSIPARC_PATH is empty: no qsirecon-* folders are there"), "{said}");
}

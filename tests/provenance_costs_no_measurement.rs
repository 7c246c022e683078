//! What lies beside a table, and cannot be read, is a note; the table is loaded.
#![cfg(unix)]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

use support::cohort::{Cohort, anatomical, diffusion, tiv_path, tsv};
use support::store::Store;

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

fn json_of(table: &str) -> String {
    table.replace(".tsv", ".json")
}

#[test]
fn sidecars_that_cannot_be_read_and_their_mending() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "clean"]).ended(0);
    let expected = Store::read(&cohort.path("clean"));
    let (cut, dead) = (json_of(&anatomical(A.0, A.1, "GM")), json_of(&diffusion("NODDI", B.0, B.1, "od")));
    cohort.write(&cut, "{\"mask\": ");
    symlink("../../../../../.git/annex/objects/x/y", cohort.path(&dead)).unwrap();
    cohort.run(&[]).ended(0).says(&[
        &cut,
        "line 1",
        &dead,
        "git annex get",
        "its table is loaded without it",
    ]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("long/anatomical_gm.parquet"), expected.table("long/anatomical_gm.parquet"));
    assert_eq!(store.table("long/diffusion/NODDI.parquet"), expected.table("long/diffusion/NODDI.parquet"));
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 0], "nothing is read again and again");
    cohort.write(&cut, "{\"mask\": \"gm\", \"mask_threshold\": NaN}");
    cohort.remove(&dead);
    cohort.write(&dead, "{\"mask\": null}");
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [1, 1], "their mending is noticed");
    let sources = Store::read(&cohort.store()).table("sources.parquet").column("mask").join(" ");
    assert!(sources.contains("gm"), "{sources}");
}

#[test]
fn reports_that_cannot_be_read_beside_one_that_can() {
    let cohort = Cohort::of(&[A, B]);
    let report = tiv_path(A.0, A.1);
    let dead = report.replace("_T1w", "_ce-corrected_T1w");
    symlink("nowhere.xml", cohort.path(&dead)).unwrap();
    fs::create_dir(cohort.path(&report.replace("_T1w", "_ce-uncorrected_T1w"))).unwrap();
    cohort.run(&[]).ended(0).says(&[&dead, "is a link to nowhere.xml", "is not a regular file"]);
    assert_eq!(Store::read(&cohort.store()).sessions_of("tiv.parquet"), ["0001/1", "0002/1"]);
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 0]);
}

#[test]
fn a_table_that_is_a_link_to_nowhere_says_how_to_get_it() {
    let cohort = Cohort::of(&[A, B]);
    let table = anatomical(A.0, A.1, "GM");
    cohort.remove(&table);
    symlink("../../../../../.git/annex/objects/x/y", cohort.path(&table)).unwrap();
    cohort.run(&[]).ended(3).says(&[&table, "is a link to", "git annex get"]);
    cohort.remove(&table);
    cohort.write(&table, "/annex/objects/MD5E-s12--0123.tsv\n");
    cohort.run(&[]).ended(3).says(&[&table, "is a pointer of git-annex"]);
    assert_eq!(cohort.standing(A.0, A.1, "anatomical").0, "failed");
    cohort.write(&table, &tsv(2.0));
    cohort.run(&[]).ended(0);
}

#[test]
fn files_of_other_centuries_are_loaded_once() {
    let cohort = Cohort::of(&[A, B]);
    for (file, years) in [(anatomical(A.0, A.1, "GM"), 330), (tiv_path(B.0, B.1), 400)] {
        let time = UNIX_EPOCH + Duration::from_secs(years * 31_557_600);
        let file = File::options().write(true).open(cohort.path(&file)).unwrap();
        let _ = file.set_modified(time);
    }
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [2, 2]);
    assert_eq!(cohort.run(&["--json"]).ended(0).units("loaded"), [0, 0]);
}

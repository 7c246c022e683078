use na_model::{Fingerprint, ReadAt};

use super::*;

const CAT12: SourceRoot = SourceRoot::CAT12;
const TABLES: SourceRoot = SourceRoot::CAT12_PARCELLATED;
const BOTH: &[SourceRoot] = &[CAT12, TABLES];

/// A file under `CAT12_ROOT`, or a table, with the volume that it has.
fn file(name: &str, reading: Option<&[f64]>) -> VolumeCandidate {
    let is_table = name.ends_with("_parc.tsv");
    let rank = if is_table { Rank::OwnColumn } else { rank_of_file(name).unwrap() };
    let image = crate::files::tiv_rank::image_of_report(name).unwrap_or_default();
    let volume = |ml: &f64| Volume { rank, image: image.to_owned(), millilitres: *ml };
    VolumeCandidate {
        root: if is_table { TABLES } else { CAT12 },
        path: format!("/d/{name}").into(),
        relative: name.to_owned(),
        reading: reading
            .map_or(Reading::Unreadable, |all| Reading::Volumes(all.iter().map(volume).collect())),
    }
}

fn known(name: &str, tiv: Option<f64>) -> SourceFile {
    let is_table = name.ends_with("_parc.tsv");
    SourceFile {
        kind: if is_table { SourceKind::Table } else { SourceKind::Tiv },
        table: None,
        map: None,
        root: tiv.map(|_| if is_table { TABLES } else { CAT12 }),
        path: name.to_owned(),
        tiv,
        read_at: ReadAt::UNKNOWN,
        fingerprint: Fingerprint { size: 0, mtime_ns: 0, hash: String::new() },
        mask_entity: None,
        sidecar: None,
    }
}

struct Case<'a> {
    name: &'a str,
    candidates: Vec<VolumeCandidate>,
    originals: &'a [&'a str],
    looked: &'a [SourceRoot],
    known: Vec<SourceFile>,
    finding: TivFinding,
    source: Option<&'a str>,
    /// Words of the notes; none if there are no notes.
    notes: &'a [&'a str],
}

/// A case of a first load that looks everywhere.
fn case<'a>(name: &'a str, candidates: &[(&str, Option<&[f64]>)], finding: TivFinding) -> Case<'a> {
    Case {
        name,
        candidates: candidates.iter().map(|(name, reading)| file(name, *reading)).collect(),
        originals: &[],
        looked: BOTH,
        known: Vec::new(),
        finding,
        source: None,
        notes: &[],
    }
}

const A: &str = "cat_a_T1w.xml";
const B: &str = "cat_b_T1w.xml";
const BEST: &str = "cat_a_ce-corrected_T1w.xml";
const TSV: &str = "a_tiv.tsv";
const GM: &str = "gm_parc.tsv";
const NO_TIV: &str = "no total intracranial volume was found";

use TivFinding::{Kept, Measured, Unknown};

#[test]
fn the_most_trusted_place_decides_and_of_equals_nothing_but_evidence() {
    let cases = [
        Case { source: Some(A), ..case("one", &[(A, Some(&[1500.0]))], Measured(1500.0)) },
        Case {
            source: Some(BEST),
            notes: &["1500 mL, and 1400 mL by vol_TIV"],
            ..case(
                "ranks",
                &[(A, Some(&[1450.0])), (BEST, Some(&[1500.0])), (GM, Some(&[1400.0]))],
                Measured(1500.0),
            )
        },
        Case {
            source: Some(TSV),
            ..case("a table of volumes", &[(TSV, Some(&[1500.0])), (A, Some(&[]))], Measured(1500.0))
        },
        Case {
            source: Some(GM),
            ..case("the column", &[(GM, Some(&[1500.0])), (A, Some(&[]))], Measured(1500.0))
        },
        Case {
            source: Some(A),
            ..case("equals that agree", &[(B, Some(&[1507.0])), (A, Some(&[1500.0]))], Measured(1500.0))
        },
        Case {
            notes: &["these differ", "/d/cat_a_T1w.xml (1500 mL), /d/cat_b_T1w.xml (1510 mL)"],
            ..case("equals that differ", &[(B, Some(&[1510.0])), (A, Some(&[1500.0]))], Unknown)
        },
        Case {
            originals: &["/x/mwp1b_T1w.nii.gz", "/x/wctb_T1w.nii"],
            source: Some(B),
            ..case("of the tables' image", &[(A, Some(&[1500.0])), (B, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            originals: &["/x/mwp1xb_T1w.nii.gz"],
            notes: &["these differ"],
            ..case("of another image", &[(A, Some(&[1500.0])), (B, Some(&[1600.0]))], Unknown)
        },
        Case {
            source: Some(B),
            ..case(
                "as the column",
                &[(A, Some(&[1500.0])), (B, Some(&[1600.0])), (GM, Some(&[1601.0]))],
                Measured(1600.0),
            )
        },
        Case {
            originals: &["/x/p0a_T1w.nii"],
            source: Some(A),
            notes: &["1500 mL, and 1600 mL by vol_TIV"],
            ..case(
                "the image before the column",
                &[(A, Some(&[1500.0])), (B, Some(&[1600.0])), (GM, Some(&[1600.0]))],
                Measured(1500.0),
            )
        },
        Case {
            notes: &["these differ"],
            ..case("neither", &[(A, Some(&[1500.0])), (B, Some(&[1600.0])), (GM, Some(&[1700.0]))], Unknown)
        },
        Case {
            notes: &["these differ"],
            ..case("columns that differ", &[(GM, Some(&[1500.0])), ("wm_parc.tsv", Some(&[1600.0]))], Unknown)
        },
        Case {
            notes: &["these differ"],
            ..case("rows of one table", &[(TSV, Some(&[1500.0, 1600.0]))], Unknown)
        },
        Case {
            source: Some(A),
            notes: &["TIV is 1.5 mL, expected 500 to 3000 mL"],
            ..case("no head", &[(A, Some(&[1.5]))], Measured(1.5))
        },
        Case { source: Some(A), ..case("the least head", &[(A, Some(&[500.0]))], Measured(500.0)) },
        Case { source: Some(A), ..case("the largest head", &[(A, Some(&[3000.0]))], Measured(3000.0)) },
        Case {
            source: Some(A),
            ..case(
                "no volumes",
                &[(BEST, Some(&[0.0, -3.0, f64::INFINITY])), (A, Some(&[1500.0]))],
                Measured(1500.0),
            )
        },
        Case { notes: &[NO_TIV], ..case("nothing", &[], Kept) },
        Case { notes: &[NO_TIV], ..case("reports without", &[(A, Some(&[]))], Unknown) },
        Case { notes: &[NO_TIV], ..case("cut", &[(A, None)], Kept) },
        Case {
            source: Some(TSV),
            ..case("cut, and another", &[(A, None), (TSV, Some(&[1500.0]))], Measured(1500.0))
        },
    ];
    cases.iter().for_each(check);
}

#[test]
fn what_is_known_stays_where_its_file_was_not_looked_at_or_cannot_be_read() {
    let of_report = || vec![known(A, Some(1500.0))];
    let of_column = || vec![known(GM, Some(1500.0))];
    let no_root: &[SourceRoot] = &[TABLES];
    let gone: &[&str] = &["cat_a_T1w.xml, which", "is gone"];
    let cases = [
        Case {
            known: of_report(),
            looked: no_root,
            ..case("root not given", &[(GM, Some(&[1600.0]))], Kept)
        },
        Case { known: of_report(), looked: no_root, ..case("nor a volume", &[(GM, Some(&[]))], Kept) },
        Case {
            known: of_report(),
            looked: no_root,
            ..case("rows that differ are less trusted", &[(TSV, Some(&[1.0, 2.0]))], Kept)
        },
        Case {
            known: of_report(),
            source: Some(A),
            ..case("read again", &[(A, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_report(),
            source: Some(BEST),
            ..case("a better one", &[(A, None), (BEST, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_report(),
            notes: &["stays as it was"],
            ..case("cut, and one less trusted", &[(A, None), (TSV, Some(&[1600.0]))], Kept)
        },
        Case {
            known: of_report(),
            notes: &["stays as it was"],
            ..case("cut, and one as trusted", &[(A, None), (B, Some(&[1600.0]))], Kept)
        },
        Case { known: of_report(), notes: gone, ..case("gone", &[(GM, Some(&[]))], Kept) },
        Case {
            known: of_report(),
            notes: gone,
            ..case("gone, and the column", &[(GM, Some(&[1600.0]))], Kept)
        },
        Case {
            known: of_report(),
            source: Some(TSV),
            ..case("gone, and a new report", &[(TSV, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_report(),
            notes: &["these differ"],
            ..case("a second that differs", &[(A, Some(&[1500.0])), (B, Some(&[1600.0]))], Unknown)
        },
        Case { known: of_report(), notes: &[NO_TIV], ..case("unsaid", &[(A, Some(&[]))], Unknown) },
        Case {
            known: of_report(),
            source: Some(GM),
            ..case("unsaid, and the column", &[(A, Some(&[])), (GM, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_column(),
            source: Some(GM),
            ..case("the column", &[(GM, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_column(),
            source: Some(A),
            ..case("now a report", &[(A, Some(&[1600.0]))], Measured(1600.0))
        },
        Case {
            known: of_column(),
            notes: &[NO_TIV],
            ..case("without the column", &[(GM, Some(&[]))], Unknown)
        },
        Case {
            known: [of_report(), vec![known(TSV, None)]].concat(),
            notes: gone,
            ..case("gone, and one that was there and less trusted", &[(TSV, Some(&[1600.0]))], Kept)
        },
        // A store of the version before knows the files, and not which of them it was.
        Case {
            known: vec![known(TSV, None), known(A, None)],
            looked: no_root,
            ..case("an older store", &[(TSV, Some(&[1600.0]))], Kept)
        },
        Case {
            known: vec![known(TSV, None), known(A, None)],
            source: Some(TSV),
            ..case("an older store, unsaid", &[(A, Some(&[])), (TSV, Some(&[1600.0]))], Measured(1600.0))
        },
    ];
    cases.iter().for_each(check);
}

fn check(case: &Case<'_>) {
    let originals: Vec<String> = case.originals.iter().map(|original| (*original).to_owned()).collect();
    let evidence = Evidence {
        candidates: &case.candidates,
        originals: &originals,
        looked: case.looked,
        known: &case.known,
    };
    let choice = choose(&evidence);
    let source = choice.source.as_ref().map(|(_, path)| path.as_str());
    assert_eq!((choice.finding, source), (case.finding, case.source), "{}: {:?}", case.name, choice.notes);
    let notes = choice.notes.join("\n");
    assert!(case.notes.iter().all(|words| notes.contains(words)), "{}: {notes}", case.name);
    assert_eq!(case.notes.is_empty(), notes.is_empty(), "{}: {notes}", case.name);
}

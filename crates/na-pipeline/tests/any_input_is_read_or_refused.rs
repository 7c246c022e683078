//! Whatever bytes stand in an input: it is read, or refused with an error that names the file. Nothing panics.
//!
//! `PROPTEST_CASES=100000 cargo test -p na-pipeline --test any_input_is_read_or_refused` tries so many of each.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use na_pipeline::parse::cat12_globals::{VALUE, parse_globals};
use na_pipeline::parse::cat12_report::tiv_from_xml;
use na_pipeline::parse::cat12_rois::{RoiKind, parse_rois};
use na_pipeline::parse::diffmap::parse_diffmap;
use na_pipeline::parse::freesurfer_stats::parse_stats;
use na_pipeline::parse::regional_tsv::parse_table;
use na_pipeline::parse::scalarstats::{maps_of, parse_scalarstats};
use na_pipeline::parse::sidecar::parse_sidecar;
use na_pipeline::parse::tiv_tsv::tiv_from_tsv;
use na_pipeline::{SessionListOptions, read_session_list};
use proptest::prelude::*;
use proptest::sample::Index;

const TABLE: &str = "index\tlabel\tmean\tvoxel_count\tis_bimodal\tother\n1\tLH_Vis\t0.25\t10\tTrue\tx\n\
                     2\tNA\tn/a\t\tFalse\t\n3\tRH é\t-1e-300\t9007199254740993\t\t1\n";
const LIST: &str =
    "subject_code,session_id,AGE,\"a, name\"\n0007,202507271541,31.5,\"x \"\"y\"\"\"\nCLMC-10,,n/a,\n";
const XML: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<S><filedata><fname>&lt;x&gt;</fname></filedata>\
                   <subjectratings><vol_TIV>1.5</vol_TIV></subjectratings><!-- c --><subjectmeasures>\
                   <vol_abs_CGW>[1 2 3]</vol_abs_CGW><vol_TIV>1456.25</vol_TIV></subjectmeasures></S>\n";
const REPORT: &str = "<S><help><vol_TIV>x</vol_TIV></help><qualitymeasures><NCR>NaN</NCR><ICR>0.13</ICR></qualitymeasures>\
                      <qualityratings><IQR>2.55</IQR></qualityratings><software><version_cat>12.9</version_cat></software>\
                      <subjectmeasures><vol_abs_CGW>[310.25 640.5 520.125 3.53 0]</vol_abs_CGW><vol_TIV>1474.405</vol_TIV>\
                      <dist_thickness><item>[2.61 0.83]</item></dist_thickness></subjectmeasures><catlog>\
                      <item>Image Quality Rating (IQR): 79.50% (C+)</item></catlog></S>\n";
const DIFFMAP: &str = "region_index\tregion_name\themisphere\tscalar\tmean\tn_voxels\n1\tG_a\tL\tMD\t0.000812\t139\n\
                       2\tG_b\tR\tMD\t\t0\n";
const SCALARSTATS: &str = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\nLH_a\tod\tW\t0.481\t0.069\t0.467\n\
                           LH_a\tod\tW\t0.481\t0.069\t0.467\nLH_a\tcoverage\tW\t1.0\tn/a\tn/a\nLH_b\tod\tW\tn/a\t\tn/a\n\
                           LH_b\tcoverage\tW\t0.5\tn/a\tn/a\n";
const REGIONS: &str = "<?xml version=\"1.0\"?>\n<S><cobra><ids>[1;2;31]</ids><names><item>lCA1</item><item>rCA1</item><item>l???</item></names>\
                       <version>2874</version><data><Vgm>[0.5;3.257;NaN]</Vgm><Vwm>[0.5 1.419 1e-3]</Vwm></data></cobra></S>\n";
const SIDECAR: &str = "{\"original_file\": \"/a/b.nii.gz\", \"mask\": null, \"mask_threshold\": 0.5, \"atlas_name\": \"A\",\
                       \"software_version\": \"1.2\", \"timestamp\": \"2026-01-01T00:00:00\", \"more\": [1, {}]}";

const STATS: &str = "# cvs_version 7.4.1\n# subjectname sub-1\n# hemi lh\n# Measure Cortex, CortexVol Total volume, 390925.975594, mm^3\n\
                     # NRows 2\n# TableCol  2 ColHeader NumVert\n# TableCol  2 Units unitless\n# ColHeaders StructName NumVert ThickAvg\n\
                     bankssts   1575   2.813\ncuneus   3038   -nan\n";

/// Bytes that were something once, changed here and there.
fn changed(valid: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0..6u8, prop::collection::vec(any::<u8>(), 0..12), any::<Index>());
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = valid.as_bytes().to_vec();
        for (at, kind, new, to) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => drop(bytes.splice(at..at, new)),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => bytes[at] ^= 1 << (new.len() % 8),
                3 => drop(bytes.drain(at..(at + new.len()).min(bytes.len()))),
                // A piece of the file, somewhere else again.
                4 if at < bytes.len() => {
                    let piece = bytes[at..(at + 40).min(bytes.len())].to_vec();
                    let to = to.index(bytes.len());
                    drop(bytes.splice(to..to, piece));
                }
                _ => bytes.extend([b'\t', b'\n', b'"', b'<', b'&', 0, 0xff].iter().take(new.len())),
            }
        }
        bytes
    })
}

fn any_bytes(valid: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => changed(valid), 1 => prop::collection::vec(any::<u8>(), 0..400)]
}

/// An error is of use where it says which file.
fn names_the_file<T>(result: Result<T, impl ToString>, file: &str) {
    if let Err(error) = result {
        let said = error.to_string();
        assert!(said.contains(file) && said.len() < 1000, "{said}");
    }
}

proptest! {
    #[test]
    fn tables(bytes in any_bytes(TABLE)) {
        let result = parse_table(Path::new("in/table.tsv"), &bytes);
        if let Ok(table) = &result {
            prop_assert!(table.batch.num_rows() > 0);
        }
        names_the_file(result, "in/table.tsv");
    }

    #[test]
    fn volumes_in_xml(bytes in any_bytes(XML)) {
        let result = tiv_from_xml(Path::new("in/cat.xml"), &bytes);
        if let Ok(Some(volume)) = result {
            prop_assert!(volume.is_finite() && volume > 0.0);
        }
        names_the_file(result, "in/cat.xml");
    }

    #[test]
    fn reports_of_cat12(bytes in any_bytes(REPORT)) {
        let result = parse_globals(Path::new("in/cat.xml"), &bytes);
        if let Ok(globals) = &result {
            let values = globals.measures[VALUE].as_primitive::<Float64Type>();
            prop_assert!(!values.is_empty() && values.iter().flatten().all(f64::is_finite));
        }
        names_the_file(result, "in/cat.xml");
    }

    #[test]
    fn tables_of_qsirecon(bytes in any_bytes(SCALARSTATS)) {
        let path = Path::new("in/scalarstats.tsv");
        let maps = maps_of(path, &bytes, true);
        if let Ok(Some(maps)) = &maps {
            let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
            let result = parse_scalarstats(path, &bytes, "W", &maps, &|| false);
            for table in result.iter().flatten() {
                prop_assert!(table.batch.num_rows() > 0);
            }
            names_the_file(result, "in/scalarstats.tsv");
        }
        names_the_file(maps, "in/scalarstats.tsv");
    }

    #[test]
    fn regions_of_cat12(bytes in any_bytes(REGIONS)) {
        for kind in [RoiKind::Volumes, RoiKind::Surfaces] {
            let result = parse_rois(Path::new("in/catROI.xml"), &bytes, "cobra", kind);
            if let Ok(rois) = &result {
                let of_one_length = rois.regions.columns().iter().all(|column| column.len() == rois.regions.num_rows());
                prop_assert!(rois.regions.num_rows() > 0 && of_one_length);
            }
            names_the_file(result, "in/catROI.xml");
        }
    }

    #[test]
    fn tables_of_qsiparc(bytes in any_bytes(DIFFMAP)) {
        let result = parse_diffmap(Path::new("in/x_diffmap.tsv"), &bytes, &|| false);
        if let Ok(table) = &result {
            prop_assert!(table.batch.column_by_name("index").is_some());
        }
        names_the_file(result, "in/x_diffmap.tsv");
    }

    #[test]
    fn volumes_in_tables(bytes in any_bytes("source_file\tvol_TIV\na.xml\t1456.25\n")) {
        names_the_file(tiv_from_tsv(Path::new("in/tiv.tsv"), &bytes), "in/tiv.tsv");
    }

    #[test]
    fn sidecars(bytes in any_bytes(SIDECAR)) {
        names_the_file(parse_sidecar(Path::new("in/side.json"), &bytes), "in/side.json");
    }

    #[test]
    fn stats_of_freesurfer(bytes in any_bytes(STATS)) {
        let result = parse_stats(Path::new("in/lh.aparc.stats"), &bytes, &|| false);
        if let Ok(stats) = &result {
            prop_assert!(stats.regions.as_ref().is_none_or(|regions| regions.num_rows() > 0));
            prop_assert!(stats.measures.iter().all(|measure| measure.value.is_none_or(f64::is_finite)));
        }
        names_the_file(result, "in/lh.aparc.stats");
    }

    #[test]
    fn session_lists(bytes in any_bytes(LIST)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, &bytes).unwrap();
        let result = read_session_list(&path, &SessionListOptions::default());
        if let Ok(list) = &result {
            prop_assert!(list.rows.iter().all(|row| row.values.len() == list.columns.len()));
        }
        names_the_file(result, "list.csv");
    }
}

#[test]
fn a_table_with_very_many_columns_takes_no_more_memory_than_its_cells() {
    let names: Vec<String> = (0..20_000).map(|column| format!("c{column}")).collect();
    // Room for each column in each of the lines would be 32 GB.
    let row = format!("a{}\n", "\t0.5".repeat(20_000));
    let text = format!("label\t{}\n{row}{}", names.join("\t"), "\n".repeat(200_000));
    assert!(parse_table(Path::new("wide.tsv"), text.as_bytes()).is_err());
}

#[test]
fn elements_and_brackets_without_end_are_refused() {
    let deep = format!("<S>{}", "<a>".repeat(200_000));
    assert!(!matches!(tiv_from_xml(Path::new("deep.xml"), deep.as_bytes()), Ok(Some(_))));
    assert!(parse_globals(Path::new("deep.xml"), deep.as_bytes()).is_err());
    let closed = format!(
        "<S><qualitymeasures>{}{}</qualitymeasures></S>",
        "<a>".repeat(200_000),
        "</a>".repeat(200_000)
    );
    assert!(parse_globals(Path::new("deep.xml"), closed.as_bytes()).is_err());
    let entities = "<!DOCTYPE S [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                    <S><subjectmeasures><vol_TIV>&b;</vol_TIV></subjectmeasures></S>";
    assert!(!matches!(tiv_from_xml(Path::new("entities.xml"), entities.as_bytes()), Ok(Some(_))));
    let nested = format!("{{\"more\": {}", "[".repeat(200_000));
    assert!(parse_sidecar(Path::new("nested.json"), nested.as_bytes()).is_err());
}

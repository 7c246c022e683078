//! A feature has a row a session and a column a region, in orders that do not depend on how it came to be.

mod support;

use support::cohort::{Cohort, anatomical, diffusion};
use support::store::{Store, Table};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

/// A table of index, label and mean; an empty mean is null.
fn means(rows: &[(&str, &str, &str)]) -> String {
    let mut text = "index\tlabel\tmean\n".to_owned();
    rows.iter().for_each(|(index, label, mean)| text.push_str(&format!("{index}\t{label}\t{mean}\n")));
    text
}

/// The feature in its own order of rows.
fn feature(cohort: &Cohort, name: &str) -> Table {
    let modality = if name.starts_with("gm_") { "anatomical" } else { "diffusion" };
    Table::read(&cohort.store().join(format!("wide/{modality}/{name}.parquet")))
}

fn numbers(table: &Table, region: &str) -> Vec<Option<f64>> {
    table.doubles(region)
}

#[test]
fn regions_are_in_name_order_and_rows_in_order_of_subject_and_session() {
    let cohort = Cohort::of(&[("0010", "2"), ("0009", "10"), ("0009", "9"), ("0010", "1")]);
    cohort.add("0009", "");
    let list = std::fs::read_to_string(cohort.path("sessions.csv")).unwrap();
    cohort.list(&format!("{list}0009,,50,F\n"));
    cohort.run(&[]).ended(0);
    for name in ["gm_mean", "gm_volume_mm3", "NODDI_noddi_od_mean"] {
        let table = feature(&cohort, name);
        assert_eq!(
            table.columns,
            ["subject_code", "session_id", "LH_Cont_1", "LH_Vis_1", "NA", "RH_Vis_1"],
            "{name}"
        );
        let rows: Vec<String> = table.rows.iter().map(|row| row[..2].join("/")).collect();
        assert_eq!(rows, ["0009/∅", "0009/10", "0009/9", "0010/1", "0010/2"], "{name}");
        assert!(table.types[2..].iter().all(|data_type| data_type == "Float64"));
    }
}

#[test]
fn values_are_those_of_the_long_table() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    let mut cells = 0;
    for (table, name, param) in [
        ("long/anatomical_gm.parquet", "gm_mean", None),
        ("long/diffusion/NODDI.parquet", "NODDI_noddi_od_mean", Some("od")),
    ] {
        let (long, wide) = (store.table(table), feature(&cohort, name));
        for (row, mean) in long.column("mean").into_iter().enumerate() {
            let at = |column: &str| long.column(column)[row];
            if param.is_some_and(|param| at("param") != param) {
                continue;
            }
            let session =
                wide.column("subject_code").iter().position(|code| *code == at("subject_code")).unwrap();
            assert_eq!(wide.column(at("label"))[session], mean);
            cells += 1;
        }
    }
    assert_eq!(cells, 2 * 2 * 4);
}

#[test]
fn a_label_that_repeats_is_told_apart_by_its_index() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        let rows = means(&[("7", "V1", "1.5"), ("3", "V1", "2.5"), ("1", "V2", "3.5")]);
        cohort.write(&anatomical(subject, session, "GM"), &rows);
    }
    cohort.run(&[]).ended(0);
    let table = feature(&cohort, "gm_mean");
    assert_eq!(table.columns[2..], ["V1#3", "V1#7", "V2"]);
    assert_eq!((numbers(&table, "V1#3")[0], numbers(&table, "V1#7")[1]), (Some(2.5), Some(1.5)));
    let manifest = Store::read(&cohort.store()).manifest;
    assert_eq!(
        manifest["wide_features"]["gm_mean"]["region_names"],
        serde_json::json!(["V1#3", "V1#7", "V2"])
    );
}

#[test]
fn a_region_that_is_null_in_every_session_stays_as_nulls() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        let rows = means(&[("1", "a", "1.5"), ("2", "b", ""), ("3", "c", "NaN")]);
        cohort.write(&anatomical(subject, session, "GM"), &rows);
    }
    cohort.run(&[]).ended(0);
    let table = feature(&cohort, "gm_mean");
    assert_eq!(table.columns[2..], ["a", "b", "c"]);
    assert_eq!((numbers(&table, "b"), numbers(&table, "c")), (vec![None; 2], vec![None; 2]));
    assert_eq!(table.types[2..], ["Float64"; 3]);
}

#[test]
fn a_region_has_one_row_repeats_are_left_out_and_others_fail_the_unit() {
    let cohort = Cohort::of(&[A, B]);
    let rows = means(&[("1", "a", "1.50"), ("2", "b", ""), ("1", "a", "1.5")]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &rows);
    cohort.write(&anatomical(B.0, B.1, "GM"), &means(&[("1", "a", "2.5"), ("2", "b", "5.5")]));
    cohort.run(&[]).ended(0).says(&["rows that repeat others were left out: 1, e.g. line 4 is line 2 again"]);
    let table = feature(&cohort, "gm_mean");
    let values = (numbers(&table, "a"), numbers(&table, "b"));
    assert_eq!(values, (vec![Some(1.5), Some(2.5)], vec![None, Some(5.5)]));
    assert_eq!(Store::read(&cohort.store()).table("long/anatomical_gm.parquet").rows.len(), 4);
    cohort.write(&anatomical(B.0, B.1, "GM"), &means(&[("1", "a", "2.5"), ("1", "a", "")]));
    cohort.run(&[]).ended(3).says(&["line 3: found another row of region 1 \"a\" than line 2"]);
    assert_eq!(numbers(&feature(&cohort, "gm_mean"), "a"), [Some(1.5), Some(2.5)], "the store keeps it");
}

#[test]
fn rows_that_leave_the_index_out_are_of_the_region_that_has_their_label() {
    let cohort = Cohort::of(&[A, B]);
    let rows = means(&[("1", "a", ""), ("2", "b", "5.5"), ("", "a", "1.5"), ("", "b", "6.5")]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &rows);
    cohort.write(&anatomical(B.0, B.1, "GM"), &means(&[("1", "a", "2.5"), ("2", "b", "")]));
    cohort.run(&[]).ended(0);
    let table = feature(&cohort, "gm_mean");
    assert_eq!(
        (numbers(&table, "a"), numbers(&table, "b")),
        (vec![Some(1.5), Some(2.5)], vec![Some(5.5), None])
    );
    assert_eq!(Store::read(&cohort.store()).table("long/anatomical_gm.parquet").rows.len(), 6);
}

#[test]
fn regions_that_only_some_sessions_have_are_columns_of_all() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &means(&[("1", "a", "1.5"), ("2", "b", "2.5")]));
    cohort.write(&anatomical(B.0, B.1, "GM"), &means(&[("3", "c", "3.5"), ("1", "a", "4.5")]));
    cohort.run(&[]).ended(0);
    let table = feature(&cohort, "gm_mean");
    assert_eq!(table.columns[2..], ["a", "b", "c"]);
    assert_eq!(numbers(&table, "a"), [Some(1.5), Some(4.5)]);
    assert_eq!((numbers(&table, "b"), numbers(&table, "c")), (vec![Some(2.5), None], vec![None, Some(3.5)]));
}

#[test]
fn regions_of_tables_with_names_instead_of_labels_or_indices_are_known() {
    let cohort = Cohort::of(&[A]);
    cohort.write(&anatomical(A.0, A.1, "GM"), "name\tmean\nx\t1.5\nw\t2.5\n");
    cohort.run(&[]).ended(0);
    assert_eq!(feature(&cohort, "gm_mean").columns[2..], ["w", "x"]);
}

#[test]
fn a_description_is_in_the_name_where_a_param_has_several() {
    let cohort = Cohort::of(&[A, B]);
    let with =
        |desc: &str| diffusion("NODDI", A.0, A.1, "od").replace("_parc", &format!("_desc-{desc}_parc"));
    cohort.write(&with("modulated"), &means(&[("1", "LH_Vis_1", "1.25")]));
    cohort.write(&with("smooth"), &means(&[("1", "LH_Vis_1", "2.25")]));
    cohort.run(&["--wide-metrics", "mean", "--no-anatomical"]).ended(0);
    let manifest = Store::read(&cohort.store()).manifest;
    let names: Vec<&String> = manifest["wide_features"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "NODDI_noddi_icvf_mean",
            "NODDI_noddi_od_desc-modulated_mean",
            "NODDI_noddi_od_desc-smooth_mean",
            "NODDI_noddi_od_mean"
        ]
    );
    let modulated = feature(&cohort, "NODDI_noddi_od_desc-modulated_mean");
    assert_eq!((modulated.rows.len(), numbers(&modulated, "LH_Vis_1")), (1, vec![Some(1.25)]));
    assert_eq!(manifest["wide_features"]["NODDI_noddi_od_desc-smooth_mean"]["param"], "od");
}

#[test]
fn features_follow_what_becomes_of_their_table() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&diffusion("NODDI", A.0, A.1, "late"), &means(&[("1", "LH_Vis_1", "1.25")]));
    cohort.run(&[]).ended(0);
    assert_eq!(feature(&cohort, "NODDI_noddi_late_mean").rows.len(), 1);
    cohort.remove(&diffusion("NODDI", A.0, A.1, "late"));
    cohort.write(&diffusion("NODDI", A.0, A.1, "od"), &means(&[("1", "LH_Vis_1", "7.25")]));
    cohort.run(&[]).ended(0);
    assert_eq!(numbers(&feature(&cohort, "NODDI_noddi_od_mean"), "LH_Vis_1")[0], Some(7.25));
    assert_eq!(feature(&cohort, "NODDI_noddi_late_mean").rows.len(), 1, "what was not read again stays");
    cohort.write("data/processed/wide/diffusion/mine.txt", "mine");
    cohort.run(&["--wide-metrics", "std"]).ended(0);
    assert!(cohort.path("data/processed/wide/diffusion/mine.txt").exists());
}

/// A table with whatever columns, a row a line.
fn table(header: &str, rows: &[&str]) -> String {
    [&[header], rows].concat().iter().map(|line| format!("{}\n", line.replace(' ', "\t"))).collect()
}

#[test]
fn a_label_of_both_hemispheres_is_told_apart_by_them() {
    for column in ["hemisphere", "hemi", "structure"] {
        let cohort = Cohort::of(&[A, B]);
        let header = format!("index label {column} mean");
        let rows = ["1 V1 L 1.5", "1 V1 R 2.5", "2 V2 L 3.5"];
        cohort.write(&anatomical(A.0, A.1, "GM"), &table(&header, &rows));
        // Another order, and a region less.
        cohort.write(&anatomical(B.0, B.1, "GM"), &table(&header, &["1 V1 R 4.5", "1 V1 L 5.5"]));
        cohort.run(&[]).ended(0);
        let feature = feature(&cohort, "gm_mean");
        assert_eq!(feature.columns[2..], ["V1#L", "V1#R", "V2"], "{column}");
        assert_eq!(numbers(&feature, "V1#L"), [Some(1.5), Some(5.5)]);
        assert_eq!(numbers(&feature, "V1#R"), [Some(2.5), Some(4.5)]);
        assert_eq!(cohort.standing(B.0, B.1, "anatomical").1, "anatomical_gm lacks 1 of 3 regions");
    }
}

#[test]
fn two_spellings_of_a_region_s_hemisphere_fail_the_unit() {
    let header = "index label hemi mean";
    for rows in [["1 V1 L 1.5", "1 V1 left 2.5"], ["1 V1 left 1.5", "2 V2 lh 2.5"]] {
        let cohort = Cohort::of(&[A, B]);
        cohort.write(&anatomical(A.0, A.1, "GM"), &table(header, &["1 V1 L 1.5", "2 V2 L 2.5"]));
        cohort.write(&anatomical(B.0, B.1, "GM"), &table(header, &rows));
        cohort.run(&["-j", "1"]).ended(3).says(&["1 \"V1\"", "\"left\"", "\"L\""]);
        assert_eq!(feature(&cohort, "gm_mean").rows.len(), 1);
    }
    // Also in the first table that there is.
    let cohort = Cohort::of(&[A]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &table(header, &["1 V1 L 1.5", "1 V1 left 2.5"]));
    cohort.run(&[]).ended(3).says(&["spell its hemisphere in one way"]);
}

#[test]
fn a_column_that_tells_no_hemisphere_changes_nothing() {
    let cohort = Cohort::of(&[A, B]);
    let header = "index label structure mean";
    let rows = ["1 V1 CORTEX_LEFT 1.5", "2 V1 CORTEX_RIGHT 2.5", "3 acc Accumbens 3.5"];
    cohort.write(&anatomical(A.0, A.1, "GM"), &table(header, &rows));
    cohort.write(
        &anatomical(B.0, B.1, "GM"),
        &table("index label mean", &["1 V1 4.5", "2 V1 5.5", "3 acc 6.5"]),
    );
    cohort.run(&[]).ended(0);
    let feature = feature(&cohort, "gm_mean");
    assert_eq!(feature.columns[2..], ["V1#1", "V1#2", "acc"]);
    assert_eq!(numbers(&feature, "acc"), [Some(3.5), Some(6.5)]);
    assert_eq!(cohort.standing(B.0, B.1, "anatomical").0, "loaded");
}

#[test]
fn a_session_list_s_hemisphere_is_no_region_s() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list("subject_code,session_id,hemisphere,index\n0001,1,L,7\n0002,1,R,8\n");
    for (subject, session) in [A, B] {
        cohort.write(&anatomical(subject, session, "GM"), &table("label mean", &["V1 1.5", "V2 2.5"]));
    }
    cohort.run(&[]).ended(0);
    assert_eq!(feature(&cohort, "gm_mean").columns[2..], ["V1", "V2"]);
    cohort.run(&["--wide-metrics", "all"]).ended(0);
    assert_eq!(cohort.standing(A.0, A.1, "anatomical").0, "loaded");
}

#[test]
fn no_region_s_name_takes_another_s_column() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        let rows = means(&[("1", "P1", "1.5"), ("2", "P1", "2.5"), ("3", "P1#1", "3.5")]);
        cohort.write(&anatomical(subject, session, "GM"), &rows);
    }
    cohort.run(&[]).ended(0);
    let feature = feature(&cohort, "gm_mean");
    assert_eq!(feature.columns[2..], ["P1#1", "P1#2", "P1#4"]);
    let values = ["P1#1", "P1#2", "P1#4"].map(|name| numbers(&feature, name)[0]);
    assert_eq!(values, [Some(3.5), Some(2.5), Some(1.5)]);
}

#[test]
fn a_table_without_indices_has_the_regions_of_the_others() {
    let cohort = Cohort::of(&[A, B]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &table("label mean", &["a 1.5", "b 2.5"]));
    cohort.write(&anatomical(B.0, B.1, "GM"), &means(&[("1", "a", "3.5"), ("2", "b", "4.5")]));
    cohort.run(&[]).ended(0);
    let feature = feature(&cohort, "gm_mean");
    assert_eq!(feature.columns[2..], ["a", "b"]);
    assert_eq!(numbers(&feature, "a"), [Some(1.5), Some(3.5)]);
    for (subject, session) in [A, B] {
        assert_eq!(cohort.standing(subject, session, "anatomical").0, "loaded");
    }
}

#[test]
fn a_row_without_label_is_known_by_its_name_in_every_run() {
    let sessions = [A, B, ("0003", "1")];
    let cohort = Cohort::of(&sessions);
    for (place, (subject, session)) in sessions.into_iter().enumerate() {
        let text = "index\tlabel\tname\tmean\n1\ta\tx\t1.5\n2\t\ty\t2.5\n";
        cohort.write(&anatomical(subject, session, "GM"), text);
        cohort.list_of(&sessions[..=place]);
        cohort.run(&[]).ended(0);
    }
    let feature = feature(&cohort, "gm_mean");
    assert_eq!(
        (feature.columns[2..].to_vec(), feature.rows.len()),
        (vec!["a".to_owned(), "y".to_owned()], 3)
    );
}

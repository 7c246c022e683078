use super::*;

fn may_be(path: &str, table: &str, metrics: &str) -> bool {
    let table = TableName::parse(table).unwrap();
    may_write(&table, &TableKind::of_parcellate(&table), path, &WideMetrics::parse(metrics))
}

#[test]
fn a_feature_s_place_is_told_by_table_and_metric() {
    assert!(may_be("wide/anatomical/gm_mean.parquet", "anatomical_gm", "default"));
    assert!(may_be("wide/anatomical/gm_mean_2.parquet", "anatomical_gm", "default"));
    assert!(may_be("wide/anatomical/gm_volume_mm3.parquet", "anatomical_gm", "volume_mm3"));
    assert!(may_be("wide/anatomical/gm_percentile_5.parquet", "anatomical_gm", "all"));
    assert!(may_be("wide/diffusion/NODDI_noddi_icvf_voxel_count.parquet", "diffusion_NODDI", "default"));
    for (other, metrics) in [
        ("wide/anatomical/gm_notes.parquet", "default"),
        ("wide/anatomical/gm_notes.parquet", "all"),
        ("wide/anatomical/gm_mean.parquet", "std"),
        ("wide/anatomical/wm_mean.parquet", "default"),
        ("wide/diffusion/gm_mean.parquet", "default"),
    ] {
        assert!(!may_be(other, "anatomical_gm", metrics), "{other} {metrics}");
    }
}

#[test]
fn sessions_tsv_is_known_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.tsv");
    for (text, is_ours) in [
        (String::new(), true),
        (format!("{HEADER}\n0001\t1\tanatomical\tloaded\tn/a\tn/a\n"), true),
        (format!("\u{feff}{HEADER}\r\n"), true),
        (format!("{HEADER}\tage\n"), false),
        ("subject_code\tsession_id\n0001\t1\n".to_owned(), false),
        ("\n\nmy notes\n".to_owned(), false),
    ] {
        fs::write(&path, &text).unwrap();
        assert_eq!(is_session_table(&path).unwrap(), is_ours, "{text:?}");
    }
}

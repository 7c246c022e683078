//! What is loaded and written is what was asked for; where a choice is needed, it is never made by chance.

mod support;

use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::store::{Store, rows_each};

const A: (&str, &str) = ("0001", "1");
const B: (&str, &str) = ("0002", "1");

const GM: &str = "long/anatomical_gm.parquet";
const WM: &str = "long/anatomical_wm.parquet";
const NODDI: &str = "long/diffusion/NODDI.parquet";

fn with(path: &str, entity: &str) -> String {
    path.replace("_parc.tsv", &format!("_{entity}_parc.tsv"))
}

/// The first value of a session's column of a table.
fn first(store: &Store, table: &str, subject: &str, column: &str) -> f64 {
    let table = store.table(table);
    let row = table.column("subject_code").iter().position(|code| *code == subject).unwrap();
    table.doubles(column)[row].unwrap()
}

fn tables(cohort: &Cohort, output: &str) -> Vec<String> {
    let store = Store::read(&cohort.path(output));
    store.tables.keys().filter(|name| name.starts_with("long/")).cloned().collect()
}

fn features(cohort: &Cohort, output: &str) -> Vec<String> {
    let manifest = Store::read(&cohort.path(output)).manifest;
    manifest["wide_features"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_table_with_a_mask_in_its_name_is_read_and_the_mask_is_kept() {
    let cohort = Cohort::of(&[A]);
    let plain = anatomical(A.0, A.1, "GM");
    cohort.remove(&plain);
    cohort.write(&with(&plain, "mask-gm_maskthr-50"), &tsv(8.0));
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of(GM), rows_each(4, &["0001/1"]));
    let sources = store.table("sources.parquet");
    let masks: Vec<(&str, &str)> = sources
        .column("table")
        .into_iter()
        .zip(sources.column("mask_entity"))
        .filter(|(_, mask)| *mask == "gm")
        .collect();
    assert_eq!(masks, [("anatomical_gm", "gm")]);
}

#[test]
fn several_files_for_one_table_are_an_error_until_one_is_picked() {
    let cohort = Cohort::of(&[A, B]);
    let plain = anatomical(A.0, A.1, "GM");
    for (entity, way_out, pick, other) in [
        ("mask-gm", "--mask M (gm, none)", &["--mask", "gm"][..], &["--mask", "none"][..]),
        ("space-X", "--space S (X, none)", &["--space", "X"], &["--space", "none"]),
        ("run-2", "--entity run-VALUE (2, none)", &["--entity", "run-2"], &["--entity", "run-none"]),
    ] {
        let _ = std::fs::remove_dir_all(cohort.store());
        let second = with(&plain, entity);
        cohort.write(&second, &tsv(30.0));
        let names = [&plain, &second].map(|path| path.rsplit('/').next().unwrap());
        cohort.run(&[]).ended(3).says(&names).says(&["anatomical_gm", way_out]);
        assert_eq!(Store::read(&cohort.store()).sessions_of(GM), rows_each(4, &["0002/1"]), "{entity}");
        cohort.run(pick).ended(0);
        let picked = first(&Store::read(&cohort.store()), GM, "0001", "mean");
        let _ = std::fs::remove_dir_all(cohort.store());
        cohort.run(other).ended(0);
        let left = first(&Store::read(&cohort.store()), GM, "0001", "mean");
        assert_eq!((picked, left == picked), (10.0, false), "{entity}");
        cohort.remove(&second);
    }
}

#[test]
fn a_pick_leaves_tables_alone_that_have_nothing_to_pick_from() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "plain"]).ended(0);
    let plain = anatomical(A.0, A.1, "GM");
    cohort.write(&with(&plain, "mask-gm"), &std::fs::read_to_string(cohort.path(&plain)).unwrap());
    cohort.run(&["--mask", "gm"]).ended(0).says(&["2 anatomical, 2 diffusion"]);
    let (store, expected) = (Store::read(&cohort.store()), Store::read(&cohort.path("plain")));
    for table in [GM, WM, NODDI] {
        assert_eq!(store.table(table), expected.table(table), "{table}");
    }
    cohort.remove(&plain);
    cohort.run(&["--mask", "brain", "-o", "brain"]).ended(0);
    assert_eq!(Store::read(&cohort.path("brain")).sessions_of(GM), rows_each(4, &["0002/1"]));
}

#[test]
fn a_table_that_is_there_and_not_chosen_is_told() {
    let cohort = Cohort::of(&[A, B]);
    for (subject, session) in [A, B] {
        for tissue in ["GM", "WM"] {
            let plain = anatomical(subject, session, tissue);
            let masked = with(&plain, if tissue == "GM" { "mask-gm" } else { "mask-wm" });
            cohort.write(&masked, &std::fs::read_to_string(cohort.path(&plain)).unwrap());
        }
        cohort.remove(&anatomical(subject, session, "WM"));
    }
    let pick = ["--mask", "gm"];
    let says = "2 sessions have tables that are not chosen";
    cohort.run(&pick).ended(0).says(&[says, "anatomical_wm has mask-wm only"]);
    let told = |reason: &str| {
        reason.starts_with("anatomical_wm has mask-wm only: --entity, --mask and --space choose others")
    };
    for _ in 0..2 {
        for (subject, session) in [A, B] {
            let (status, reason) = cohort.standing(subject, session, "anatomical");
            assert!(status == "partial" && told(&reason), "{status} {reason}");
            assert_eq!(cohort.standing(subject, session, "diffusion").0, "loaded");
        }
        // It is told again, and there is nothing to do.
        cohort.run(&pick).ended(0).says(&[says, "Nothing to do"]);
    }
    cohort.remove(&with(&anatomical(A.0, A.1, "WM"), "mask-wm"));
    cohort.run(&pick).ended(0).says(&["1 session has tables that are not chosen"]);
    let (status, reason) = cohort.standing(A.0, A.1, "anatomical");
    assert!(status == "loaded" && reason == "n/a", "{status} {reason}");
}

#[test]
fn a_picked_file_replaces_the_other_in_the_store() {
    let cohort = Cohort::of(&[A]);
    cohort.run(&[]).ended(0);
    cohort.write(&with(&anatomical(A.0, A.1, "GM"), "mask-gm"), &tsv(30.0));
    cohort.run(&[]).ended(3).says(&["--mask M (gm, none)"]);
    cohort.run(&["--mask", "gm"]).ended(0).says(&["Loaded    1 anatomical"]);
    let store = Store::read(&cohort.store());
    assert_eq!((store.table(GM).rows.len(), first(&store, GM, "0001", "mean")), (4, 10.0));
}

#[test]
fn descriptions_are_kept_apart_in_table_and_features() {
    let cohort = Cohort::of(&[A]);
    let plain = diffusion("NODDI", A.0, A.1, "od");
    cohort.write(&with(&plain, "desc-modulated"), &tsv(30.0));
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    let mut descs = store.table(NODDI).column("desc");
    descs.sort_unstable();
    assert_eq!(descs, [["modulated"; 4].as_slice(), ["unknown"; 8].as_slice()].concat());
    let modulated =
        first(&store, "wide/diffusion/NODDI_noddi_od_desc-modulated_mean.parquet", "0001", "LH_Vis_1");
    let other = first(&store, "wide/diffusion/NODDI_noddi_od_mean.parquet", "0001", "LH_Vis_1");
    assert_eq!((modulated, other == modulated), (10.0, false));
}

#[test]
fn tissues_that_are_not_wanted_are_not_loaded() {
    let cohort = Cohort::of(&[A]);
    cohort.write(&anatomical(A.0, A.1, "CT"), "not even a table");
    cohort.run(&["--no-ct"]).ended(0).keeps_quiet_about(&["CT"]);
    assert_eq!(tables(&cohort, "data/processed"), [GM, WM, NODDI]);
    assert!(!features(&cohort, "data/processed").iter().any(|name| name.starts_with("ct_")));
    assert_eq!(cohort.standing("0001", "1", "anatomical").0, "loaded");
    cohort.run(&["--no-gm", "--no-ct", "--no-diffusion", "-o", "wm"]).ended(0);
    assert_eq!(tables(&cohort, "wm"), [WM]);
    cohort.run(&["--no-anatomical", "-o", "dwi"]).ended(0);
    assert_eq!(tables(&cohort, "dwi"), [NODDI]);
    cohort.run(&["--no-anatomical", "--no-diffusion", "-o", "none"]).ended(1).says(&["nothing to load"]);
}

#[test]
fn a_tissue_that_is_wanted_later_joins_and_one_no_longer_wanted_stays() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["-o", "all"]).ended(0);
    cohort.run(&["--no-ct"]).ended(0);
    cohort.run(&[]).ended(0).says(&["Loaded    2 anatomical"]);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("all")));
    cohort.run(&["--no-wm", "--no-ct"]).ended(0).says(&["Nothing to do"]);
    cohort.write(&anatomical(A.0, A.1, "GM"), &tsv(30.0));
    cohort.run(&["--no-wm", "--no-ct"]).ended(0).says(&["Loaded    1 anatomical"]);
    assert_eq!(Store::read(&cohort.store()).sessions_of(WM), rows_each(4, &["0001/1", "0002/1"]));
}

#[test]
fn workflows_can_be_chosen_and_one_that_is_not_there_is_named() {
    let cohort = Cohort::of(&[A]);
    cohort.write(&diffusion("DSIStudio", A.0, A.1, "fa"), &tsv(1.0));
    cohort.write(&diffusion("AMICO-2", A.0, A.1, "fa"), &tsv(1.0));
    cohort.run(&["--workflows", "NODDI,AMICO-2"]).ended(0);
    assert!(!tables(&cohort, "data/processed").contains(&"long/diffusion/DSIStudio.parquet".to_owned()));
    assert!(tables(&cohort, "data/processed").contains(&"long/diffusion/AMICO-2.parquet".to_owned()));
    let words = ["\"noddi\"", "AMICO-2, DSIStudio, NODDI"];
    cohort.run(&["--workflows", "noddi"]).ended(1).says(&words);
    cohort.run(&["--workflows", "DSIStudio"]).ended(0);
    assert!(tables(&cohort, "data/processed").contains(&"long/diffusion/DSIStudio.parquet".to_owned()));
}

#[test]
fn direct_identifiers_are_left_out_unless_chosen_and_the_run_says_so() {
    let cohort = Cohort::of(&[A]);
    cohort.list(
        "subject_code,session_id,AGE,Name,E-Mail,birth_date,site\n0001,1,30,Ada,a@b.c,1815-12-10,north\n",
    );
    cohort.run(&[]).ended(0).says(&["direct identifiers: Name, E-Mail, birth_date", "--keep-column"]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("metadata.parquet").columns, ["subject_code", "session_id", "AGE", "site"]);
    for (name, table) in &store.tables {
        let cells = table.rows.iter().flatten().chain(&table.columns);
        assert!(cells.into_iter().all(|cell| !cell.contains("Ada") && !cell.contains("a@b.c")), "{name}");
    }
    cohort
        .run(&["--metadata-columns", "Name,AGE", "-o", "chosen"])
        .ended(0)
        .keeps_quiet_about(&["direct identifiers"]);
    let chosen = Store::read(&cohort.path("chosen"));
    assert_eq!(chosen.table("metadata.parquet").columns, ["subject_code", "session_id", "AGE", "Name"]);
    let gm = chosen.table(GM);
    assert_eq!(gm.columns[gm.columns.len() - 2..], ["AGE", "Name"]);
    cohort
        .run(&["--metadata-columns", "nowhere"])
        .ended(1)
        .says(&["nowhere", "AGE, Name, E-Mail, birth_date, site"]);
}

#[test]
fn nothing_of_a_person_is_in_the_cache_either() {
    let cohort = Cohort::of(&[A]);
    cohort.list("subject_code,session_id,AGE,Name\n0001,1,30,Lovelace\n");
    cohort.run(&["--keep-cache"]).ended(0);
    let cache = std::fs::read(cohort.path("data/processed/.cache.db")).unwrap();
    assert!(!cache.windows(8).any(|bytes| bytes == b"Lovelace"));
}

#[test]
fn age_is_called_age_whatever_the_list_calls_it() {
    let cohort = Cohort::of(&[A, B]);
    for (header, arguments) in
        [("Age@Scan", &[][..]), ("age", &[]), ("Age", &[]), ("years", &["--age-column", "years"])]
    {
        cohort.list(&format!("subject_code,session_id,{header}\n0001,1,30\n0002,1,NA\n"));
        cohort.run(arguments).ended(0).says(&["Age       30 to 30 years"]);
        let metadata = Store::read(&cohort.store()).table("metadata.parquet").clone();
        assert_eq!(metadata.columns, ["subject_code", "session_id", "AGE"]);
        assert_eq!(metadata.doubles("AGE"), [Some(30.0), None]);
        assert_eq!(metadata.types[2], "Float64");
        std::fs::remove_dir_all(cohort.store()).unwrap();
    }
    cohort.list("subject_code,session_id,age,Age@Scan\n0001,1,30,31.5\n0002,1,40,41.5\n");
    cohort.run(&[]).ended(0);
    let metadata = Store::read(&cohort.store()).table("metadata.parquet").clone();
    // Some programs do not tell AGE from age.
    assert_eq!((metadata.doubles("AGE")[0], metadata.doubles("age_2")[0]), (Some(31.5), Some(30.0)));
    cohort.list("subject_code,session_id,AGE\n0001,1,thirty\n");
    cohort.run(&[]).ended(1).says(&["its column AGE is taken for age", "not one number", "--age-column"]);
    cohort
        .run(&["--age-column", "years"])
        .ended(1)
        .says(&["--age-column years is not among its columns AGE"]);
}

#[test]
fn metadata_are_numbers_where_all_values_are() {
    let cohort = Cohort::of(&[A, B]);
    cohort.list("subject_code,session_id,n,x,code,mixed\n0001,1,1,1.5,007,1\n0002,1,2,2,008,b\n");
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.table("metadata.parquet").types[2..], ["Int64", "Float64", "Utf8", "Utf8"]);
    let gm = store.table(GM);
    assert_eq!(gm.types[gm.types.len() - 4..], ["Int64", "Float64", "Utf8", "Utf8"]);
}

#[test]
fn features_are_the_metrics_asked_for_and_follow_a_change_of_mind() {
    let cohort = Cohort::of(&[A]);
    let of_gm = |output: &str| -> Vec<String> {
        features(&cohort, output)
            .into_iter()
            .filter_map(|name| name.strip_prefix("gm_").map(str::to_owned))
            .collect()
    };
    cohort.run(&[]).ended(0);
    assert_eq!(of_gm("data/processed"), ["mean", "std", "volume_mm3"]);
    cohort.run(&["--wide-metrics", "voxel_count,mean"]).ended(0);
    assert_eq!(of_gm("data/processed"), ["mean", "voxel_count"]);
    assert!(!cohort.path("data/processed/wide/anatomical/gm_std.parquet").exists());
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    cohort.run(&["--wide-metrics", "all"]).ended(0);
    assert_eq!(of_gm("data/processed"), ["is_bimodal", "mean", "std", "volume_mm3", "voxel_count"]);
    assert!(features(&cohort, "data/processed").contains(&"NODDI_noddi_od_is_bimodal".to_owned()));
    let flags = Store::read(&cohort.store()).table("wide/anatomical/gm_is_bimodal.parquet").clone();
    // In name order: LH_Cont_1, LH_Vis_1, NA, RH_Vis_1.
    assert_eq!(flags.rows[0][2..], ["true", "true", "false", "false"]);
    cohort.run(&["--wide-metrics", "default"]).ended(0);
    assert_eq!(of_gm("data/processed"), ["mean", "std", "volume_mm3"]);
}

#[test]
fn every_compression_gives_the_same_store() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let expected = Store::read(&cohort.store());
    for codec in ["snappy", "lz4", "gzip", "brotli", "none"] {
        cohort.run(&["--compression", codec, "-o", codec]).ended(0);
        Store::read(&cohort.path(codec)).assert_same(&expected);
        let said = support::store::codecs_of(&cohort.path(codec).join(GM)).join(" ").to_lowercase();
        assert!(said.contains(if codec == "none" { "uncompressed" } else { codec }), "{codec}: {said}");
    }
    let zstd = support::store::codecs_of(&cohort.store().join(GM)).join(" ");
    assert!(zstd.contains("ZSTD"), "{zstd}");
    cohort.run(&["--compression", "zip"]).ended(2).says(&["snappy, zstd, lz4, gzip, brotli, none"]);
}

#[test]
fn discovered_sessions_are_loaded_like_listed_ones() {
    let cohort = Cohort::of(&[A, B]);
    cohort.add("0003", "");
    cohort.run(&["--discover"]).ended(0).says(&["3 anatomical, 3 diffusion"]);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of("tiv.parquet"), ["0001/1", "0002/1", "0003/∅"]);
    assert_eq!(store.table("metadata.parquet").columns, ["subject_code", "session_id"]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.by_session("metadata.parquet", "sex")["0002/1"], "M");
    cohort.run(&["--discover"]).ended(0);
    assert_eq!(Store::read(&cohort.store()).by_session("metadata.parquet", "sex")["0002/1"], "M");
}

#[test]
fn metrics_that_no_table_has_are_refused_before_anything() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&["--wide-metrics", "Mean,Std"]).ended(1).says(&["(Mean, Std)", "the nearest", "mean", "std"]);
    assert!(!cohort.store().exists());
    cohort.run(&["--wide-metrics", "mean,Std"]).ended(0).says(&["no table has the metric Std"]);
    let before = features(&cohort, "data/processed");
    for more in [&[][..], &["--force"], &["--dry-run"]] {
        cohort.run(&[&["--wide-metrics", "Mean"], more].concat()).ended(1).says(&["(Mean)", "mean"]);
        assert_eq!(features(&cohort, "data/processed"), before);
    }
    // Nothing of it is remembered.
    cohort.run(&[]).ended(0).says(&["Nothing to do"]);
    assert_eq!(features(&cohort, "data/processed"), before);
    // A table's own column that nobody knows is one.
    let extra = |line: &str| format!("{line}\t{}", if line.starts_with("index") { "odd" } else { "1.5" });
    let table: Vec<String> = tsv(3.0).lines().map(extra).collect();
    cohort.write(&anatomical(B.0, B.1, "CT"), &(table.join("\n") + "\n"));
    cohort.run(&["--wide-metrics", "odd"]).ended(0);
}

#[test]
fn what_is_not_chosen_today_stays_as_it_was_and_is_noticed_when_it_is_chosen_again() {
    let cohort = Cohort::of(&[A, B]);
    cohort.run(&[]).ended(0);
    let before = Store::read(&cohort.store());
    cohort.write(&anatomical("0001", "1", "GM"), &tsv(77.0));
    cohort.write(&anatomical("0001", "1", "WM"), &tsv(78.0));
    cohort.write(&diffusion("NODDI", "0001", "1", "icvf"), &tsv(79.0));
    cohort.run(&["--no-gm", "--no-diffusion"]).ended(0);
    let now = Store::read(&cohort.store());
    for (table, stays) in [(GM, true), (NODDI, true), (WM, false)] {
        assert_eq!(now.table(table).rows == before.table(table).rows, stays, "{table}");
    }
    cohort.run(&["--workflows", "NODDI", "--no-anatomical", "--json"]).ended(0).says(&["\"changed\": 1"]);
    cohort.run(&["--json"]).ended(0).says(&["\"changed\": 1"]);
    cohort.run(&["-o", "anew"]).ended(0);
    Store::read(&cohort.store()).assert_same(&Store::read(&cohort.path("anew")));
}

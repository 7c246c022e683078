use std::fs;

use na_model::{Modality, SourceRoot, Tissue, UnitKind, Workflow};

use super::*;
use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::inputs::cat12::Cat12;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::input::Input;
use crate::inputs::input_root::RootList;
use crate::inputs::qsiparc::Qsiparc;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::workflow_choice::{WorkflowChoice, list_workflows};

/// A root with these files, all empty.
pub(in crate::inputs) fn tree(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    root
}

fn workflows_of(path: &Path) -> Result<Vec<Workflow>, PipelineError> {
    let (kind, mut roots) = (UnitKind::of_parcellate(Modality::Diffusion), Roots::default());
    list_workflows(&SourceRoot::QSIPARC, path, &mut RootList { input: 0, kind, roots: &mut roots })
}

fn pick(wanted: &[(&str, Option<&str>)]) -> EntityPick {
    EntityPick {
        wanted: wanted.iter().map(|(key, value)| ((*key).into(), value.map(Into::into))).collect(),
        ..EntityPick::default()
    }
}

/// What an input finds in a session's folder under a root.
fn found_by(
    input: &dyn Input,
    root: &Root,
    folder: &Path,
    pick: &EntityPick,
) -> Result<FoundTables, UnitError> {
    let mut found = FoundUnit::default();
    input.find(&SearchedFolder::new(root, folder, pick), &mut found).map(|()| found.found)
}

/// Finds tables of tissues, of atlas A, in a session's folder.
fn find_tissues(
    root: &Path,
    folder: &Path,
    tissues: &[Tissue],
    pick: &EntityPick,
) -> Result<FoundTables, UnitError> {
    let input =
        Cat12 { reports: None, tables: None, tissues: tissues.to_vec(), atlas: "A".to_owned(), run: None };
    let tables = tissues.iter().copied().map(TableName::from).collect();
    found_by(&input, &Root::unlisted(SourceRoot::CAT12_PARCELLATED, root, tables), folder, pick)
}

/// Finds tissue tables of atlas A in `sub-1`, given file names under its folder.
fn anatomical(files: &[&str], pick: &EntityPick) -> Result<FoundTables, UnitError> {
    let files: Vec<String> = files.iter().map(|file| format!("sub-1/{file}")).collect();
    let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    find_tissues(root.path(), &root.path().join("sub-1"), &Tissue::ALL, pick)
}

fn relatives(found: Result<FoundTables, UnitError>) -> Vec<String> {
    found.unwrap().tables.into_iter().map(|table| table.relative).collect()
}

/// Finds diffusion tables of atlas A, given file names in the atlas' folder.
fn diffusion(files: &[&str], pick: &EntityPick) -> Result<FoundTables, UnitError> {
    let files: Vec<String> =
        files.iter().map(|file| format!("qsirecon-W_x-y/sub-1/ses-2/dwi/atlas-A/{file}")).collect();
    let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let workflow = workflows_of(root.path()).unwrap().remove(0);
    let input =
        Qsiparc { root: None, is_wanted: true, workflows: WorkflowChoice(None), atlas: "A".to_owned() };
    let folder = format!("qsirecon-{workflow}");
    let workflow_root = root.path().join(&folder);
    let root = Root::unlisted(SourceRoot::QSIPARC, &workflow_root, vec![TableName::from(&workflow)]);
    let root = Root { prefix: format!("{folder}/"), ..root };
    found_by(&input, &root, &workflow_root.join("sub-1/ses-2"), pick)
}

fn map(table: &FoundTable) -> (&str, &str, &str) {
    let map = table.map.as_ref().unwrap();
    (&map.model, &map.param, &map.desc)
}

#[test]
fn tissues_are_found_with_their_sidecars_in_order() {
    let root = tree(&[
        "sub-1/anat/atlas-A/sub-1_atlas-A_tissue-WM_parc.tsv",
        "sub-1/anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-gm_maskthr-0p33_parc.tsv",
        "sub-1/anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-gm_maskthr-0p33_parc.json",
        "sub-1/anat/atlas-A/sub-1_tissue-ct_parc.tsv",
    ]);
    let folder = root.path().join("sub-1");
    let found = find_tissues(root.path(), &folder, &Tissue::ALL, &EntityPick::default()).unwrap().tables;
    let tables: Vec<_> = found.iter().map(|found| found.table.to_string()).collect();
    assert_eq!(tables, ["anatomical_gm", "anatomical_wm", "anatomical_ct"]);
    let gm = "sub-1/anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-gm_maskthr-0p33_parc";
    assert_eq!(found[0].relative, format!("{gm}.tsv"));
    assert_eq!(found[0].path, root.path().join(format!("{gm}.tsv")));
    assert_eq!(found[0].sidecar, Some(root.path().join(format!("{gm}.json"))));
    assert_eq!(found[0].mask_entity.as_deref(), Some("gm"));
    assert_eq!(found[0].map, None);
    assert_eq!((&found[1].sidecar, &found[1].mask_entity), (&None, &None));
    let only = find_tissues(root.path(), &folder, &[Tissue::Wm], &EntityPick::default()).unwrap().tables;
    assert_eq!(only, [found[1].clone()]);
}

#[test]
fn other_files_are_not_tables() {
    let others = [
        "anat/atlas-A/sub-1_atlas-B_tissue-GM_parc.tsv",
        "anat/atlas-B/sub-1_atlas-A_tissue-GM_parc.tsv",
        "anat/sub-1_tissue-GM_parc.tsv",
        "anat/atlas-A/._sub-1_atlas-A_tissue-GM_parc.tsv",
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv.bak",
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.old.tsv",
        "anat/atlas-A/sub-1_atlas-A_tissue-CSF_parc.tsv",
        "anat/atlas-A/sub-1_atlas-A_parc.tsv",
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_stats.tsv",
        "anat/sub-1_tiv.tsv",
        "dwi/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv",
    ];
    assert_eq!(relatives(anatomical(&others, &EntityPick::default())), Vec::<String>::new());
    assert_eq!(relatives(anatomical(&["x"], &EntityPick::default())), Vec::<String>::new());
}

#[test]
fn older_places_and_endings_are_read() {
    let any = EntityPick::default();
    let file = "anat/sub-1_atlas-A_tissue-GM_parc.tsv";
    assert_eq!(relatives(anatomical(&[file], &any)), [format!("sub-1/{file}")]);
    let file = "anat/sub-1_res-1_atlas-A_tissue-GM_parcellation.tsv";
    assert_eq!(relatives(anatomical(&[file], &any)), [format!("sub-1/{file}")]);
}

#[test]
fn of_several_files_none_is_taken_before_one_is_picked() {
    let files = [
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv",
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-gm_parc.tsv",
        "anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-brain_run-2_parc.tsv",
    ];
    let error = anatomical(&files, &EntityPick::default()).unwrap_err().to_string();
    assert!(files.iter().all(|file| error.contains(file)), "{error}");
    assert!(error.contains("--mask M (brain, gm, none)"), "{error}");
    assert!(error.contains("--entity run-VALUE (2, none)"), "{error}");
    assert!(!error.contains("tissue-VALUE") && error.contains("anatomical_gm"), "{error}");
    let picked = |wanted: &[(&str, Option<&str>)]| relatives(anatomical(&files, &pick(wanted)));
    assert_eq!(picked(&[("mask", Some("gm"))]), [format!("sub-1/{}", files[1])]);
    assert_eq!(picked(&[("mask", None)]), [format!("sub-1/{}", files[0])]);
    assert_eq!(picked(&[("run", Some("2"))]), [format!("sub-1/{}", files[2])]);
    assert_eq!(picked(&[("mask", Some("x"))]), Vec::<String>::new());
    let found = anatomical(&files[1..], &pick(&[("run", Some("1"))])).unwrap();
    let table = TableName::from(Tissue::Gm);
    assert_eq!(found.not_chosen, [NotChosen { table, map: None, there: "run-2".to_owned() }]);
    assert_eq!(found.not_chosen[0].to_string(), "anatomical_gm has run-2 only");
    assert!(anatomical(&files, &pick(&[("run", None)])).is_err());
}

#[test]
fn spaces_are_picked_by_their_own_option_and_twins_cannot_be() {
    let spaces = ["anat/atlas-A/s_space-X_tissue-GM_parc.tsv", "anat/atlas-A/s_space-Y_tissue-GM_parc.tsv"];
    let error = anatomical(&spaces, &EntityPick::default()).unwrap_err().to_string();
    assert!(error.contains("--space S (X, Y)"), "{error}");
    let twins = ["anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv", "anat/sub-1_atlas-A_tissue-GM_parc.tsv"];
    let error = anatomical(&twins, &EntityPick::default()).unwrap_err().to_string();
    assert!(twins.iter().all(|file| error.contains(file)) && error.contains("keep one"), "{error}");
}

#[test]
fn no_option_is_advised_that_would_lose_other_tables() {
    let tissues = ["anat/atlas-A/sub-1_tissue-GM_parc.tsv", "anat/atlas-A/sub-1_tissue-gm_parc.tsv"];
    let params =
        ["sub-1_param-fa_parc.tsv", "sub-1_scalar-fa_parc.tsv", "sub-1_model-unknown_param-fa_parc.tsv"];
    let errors = [anatomical(&tissues, &EntityPick::default()), diffusion(&params, &EntityPick::default())];
    for error in errors {
        let error = error.unwrap_err().to_string();
        assert!(!error.contains("--entity") && error.contains("keep one of them"), "{error}");
    }
}

#[test]
fn a_compressed_table_is_an_error_unless_it_is_there_unpacked() {
    let gz = "anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv.gz";
    let error = anatomical(&[gz], &EntityPick::default()).unwrap_err().to_string();
    assert!(error.contains(gz) && error.contains("gunzip"), "{error}");
    let plain = gz.trim_end_matches(".gz");
    assert_eq!(relatives(anatomical(&[gz, plain], &EntityPick::default())), [format!("sub-1/{plain}")]);
    let masked = "anat/atlas-A/sub-1_atlas-A_tissue-GM_mask-brain_parc.tsv.gz";
    let picked = anatomical(&[masked], &pick(&[("mask", Some("gm"))]));
    assert_eq!(relatives(picked), Vec::<String>::new());
    let picked = anatomical(&[masked, plain], &pick(&[("mask", None)]));
    assert_eq!(relatives(picked), [format!("sub-1/{plain}")]);
}

#[test]
fn a_pick_does_not_touch_tables_whose_files_have_no_such_entity() {
    let files = [
        "anat/atlas-A/sub-1_tissue-GM_mask-gm_parc.tsv",
        "anat/atlas-A/sub-1_tissue-GM_mask-brain_parc.tsv",
        "anat/atlas-A/sub-1_tissue-WM_parc.tsv",
    ];
    let picked = relatives(anatomical(&files, &pick(&[("mask", Some("gm"))])));
    assert_eq!(picked, [files[0], files[2]].map(|file| format!("sub-1/{file}")));
}

#[test]
fn maps_are_told_apart_by_model_param_and_description() {
    let found = diffusion(
        &[
            "sub-1_ses-2_atlas-A_model-noddi_param-icvf_desc-modulated_parc.tsv",
            "sub-1_ses-2_atlas-A_model-noddi_param-icvf_parc.tsv",
            "sub-1_ses-2_atlas-A_param-fa_parc.tsv",
            "sub-1_ses-2_atlas-A_scalar-md_parcellation.tsv",
            "sub-1_ses-2_atlas-A_model-noddi_parc.tsv",
        ],
        &EntityPick::default(),
    )
    .unwrap()
    .tables;
    assert_eq!(
        found.iter().map(map).collect::<Vec<_>>(),
        [
            ("noddi", "icvf", "modulated"),
            ("noddi", "icvf", "unknown"),
            ("unknown", "fa", "unknown"),
            ("unknown", "md", "unknown"),
        ]
    );
    assert!(found.iter().all(|found| found.table.to_string() == "diffusion_W_x-y"));
    assert_eq!(
        found[2].relative,
        "qsirecon-W_x-y/sub-1/ses-2/dwi/atlas-A/sub-1_ses-2_atlas-A_param-fa_parc.tsv"
    );
}

#[test]
fn several_files_of_a_map_name_it() {
    let error = diffusion(
        &["s_model-m_param-p_mask-x_parc.tsv", "s_model-m_param-p_parc.tsv"],
        &EntityPick::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("diffusion_W_x-y (m, p, unknown)") && error.contains("--mask M (none, x)"),
        "{error}"
    );
}

#[test]
fn workflows_are_listed_sorted_and_a_missing_root_is_named() {
    let root = tree(&[
        "qsirecon-b/x",
        "qsirecon-MRtrix3_act-HSVS/x",
        "qsirecon-a.b c/x",
        "other/x",
        "qsirecon-file",
    ]);
    let names = workflows_of(root.path()).unwrap();
    assert_eq!(names.iter().map(Workflow::as_str).collect::<Vec<_>>(), ["MRtrix3_act-HSVS", "a.b c", "b"]);
    let error = workflows_of(&root.path().join("missing")).unwrap_err().to_string();
    assert!(error.contains("QSIPARC_PATH") && error.contains("missing"), "{error}");
}

#[cfg(unix)]
#[test]
fn folders_that_cannot_be_listed_are_errors_with_their_path() {
    let root = tree(&["sub-1/x", "sub-2/anat"]);
    std::os::unix::fs::symlink("anat", root.path().join("sub-1/anat")).unwrap();
    for subject in ["sub-1", "sub-2"] {
        let folder = root.path().join(subject);
        let found = find_tissues(root.path(), &folder, &Tissue::ALL, &EntityPick::default());
        let error = found.unwrap_err().to_string();
        assert!(error.contains(&folder.join("anat").display().to_string()), "{error}");
    }
}

#[test]
fn a_table_whose_name_is_of_another_session_than_its_folder_is_refused() {
    for (file, named) in [
        ("anat/atlas-A/sub-3_atlas-A_tissue-GM_parc.tsv", "sub-3"),
        ("ses-2/anat/atlas-A/sub-1_ses-3_tissue-GM_parc.tsv", "sub-1/ses-3"),
    ] {
        let root = tree(&[&format!("sub-1/{file}")]);
        let folder = if file.starts_with("ses-2") { "sub-1/ses-2" } else { "sub-1" };
        let path = root.path().join(folder);
        let found = find_tissues(root.path(), &path, &Tissue::ALL, &EntityPick::default());
        let error = found.unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(&format!("is of {named} by its name")), "{error}");
        assert!(error.contains(&format!("and of {folder} by its folder")), "{error}");
    }
    let file = "anat/atlas-A/sub-0001_ses-9_atlas-A_tissue-GM_parc.tsv";
    assert_eq!(relatives(anatomical(&[file], &EntityPick::default())), [format!("sub-1/{file}")]);
}

#[test]
fn a_copy_of_a_table_is_named_as_one_and_never_taken() {
    let table = "anat/atlas-A/sub-1_atlas-A_tissue-GM_parc.tsv";
    for copy in ["Copy of sub-1_atlas-A_tissue-GM_parc.tsv", "sub-1_atlas-A_tissue-GM_parc (1).tsv"] {
        let copy = format!("anat/atlas-A/{copy}");
        for files in [&[copy.as_str()][..], &[table, copy.as_str()]] {
            let error = anatomical(files, &EntityPick::default()).unwrap_err().to_string();
            assert!(error.contains(&copy) && error.contains("looks like a copy"), "{error}");
        }
    }
    let other = "anat/atlas-A/Copy of sub-1_atlas-B_tissue-GM_parc.tsv";
    assert_eq!(relatives(anatomical(&[table, other], &EntityPick::default())), [format!("sub-1/{table}")]);
}

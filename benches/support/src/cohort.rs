//! A cohort in a folder: session list, settings, TIV, tables and sidecars, as CAT12, QSIRecon and `parcellate` write
//! them.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::table::{ATLAS, Content, REGIONS, Random, text};

/// Regions of a small table.
const FEW_REGIONS: usize = 100;

/// What a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Two tissues, of 100 regions × 12 columns.
    Small,
    /// Three tissues.
    Anat,
    /// Three tissues and seventeen diffusion maps.
    All,
}

/// Workflow, model and param of the diffusion maps.
const MAPS: [(&str, &str, &[&str]); 5] = [
    ("AMICONODDI", "noddi", &["icvf", "od", "isovf"]),
    ("DSIStudio", "tensor", &["ad", "fa", "md", "rd"]),
    ("DSIStudio", "gqi", &["gfa", "iso", "qa"]),
    ("DIPYDKI", "dki", &["ad", "ak", "kfa", "mk", "rk"]),
    ("MRtrix3act", "csd", &["afd", "complexity"]),
];

/// A table of a session: where its file is under the cohort's folder, and what it holds.
struct Table {
    path: PathBuf,
    /// What was parcellated.
    image: String,
    scale: f64,
    is_anatomical: bool,
}

/// Subject and session id of the how-manieth session; a subject has two.
fn session(n: usize) -> (String, String) {
    let id = format!("2025{:02}{:02}{:02}{:02}", n % 12 + 1, n % 28 + 1, 8 + n % 10, n * 7 % 60);
    (format!("{:04}", n / 2 + 1), id)
}

fn tables_of(n: usize, of: Tables) -> Vec<Table> {
    let (subject, id) = session(n);
    let name = format!("sub-{subject}_ses-{id}");
    let file = |folder: &str, scan: &str, entities: String| {
        let folder = format!("parcellated/{folder}/sub-{subject}/ses-{id}/{scan}/atlas-{ATLAS}");
        let file = format!("{name}_atlas-{ATLAS}_space-MNI152NLin2009cAsym_res-01_{entities}_parc.tsv");
        Path::new(&folder).join(file)
    };
    let mut tables = Vec::new();
    let tissues = [("GM", 1.0), ("WM", 0.8), ("CT", 2.5)].into_iter();
    for (tissue, scale) in tissues.take(if of == Tables::Small { 2 } else { 3 }) {
        tables.push(Table {
            path: file("cat12", "anat", format!("tissue-{tissue}")),
            image: format!("/data/cat12/{name}_{tissue}.nii.gz"),
            scale,
            is_anatomical: true,
        });
    }
    for (workflow, model, params) in MAPS.into_iter().filter(|_| of == Tables::All) {
        for param in params {
            let map = format!("model-{model}_param-{param}");
            tables.push(Table {
                image: format!("/data/qsirecon-{workflow}/{name}_{map}_dwimap.nii.gz"),
                path: file(&format!("qsirecon-{workflow}"), "dwi", map),
                scale: if matches!(*param, "ad" | "md" | "rd") { 7e-4 } else { 0.7 },
                is_anatomical: false,
            });
        }
    }
    tables
}

/// Writes a cohort, on all cores; as many bytes of tables are returned.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write(folder: &Path, sessions: usize, tables: Tables) -> io::Result<u64> {
    let mut list = "subject_code,session_id,AGE,sex\n".to_owned();
    for n in 0..sessions {
        let (subject, id) = session(n);
        let (age, sex) = (20.0 + 60.0 * random(n, 0).fraction(), ["M", "F"][n % 2]);
        writeln!(list, "{subject},{id},{age:.1},{sex}").unwrap();
    }
    fs::create_dir_all(folder)?;
    let bytes = (0..sessions).into_par_iter().map(|n| write_session(folder, n, tables));
    let bytes = bytes.sum::<io::Result<u64>>()?;
    let qsiparc = if tables == Tables::All { "QSIPARC_PATH=parcellated\n" } else { "" };
    let settings = format!(
        "SESSIONS_CSV=sessions.csv\nCAT12_ROOT=cat12\nCAT12_PARCELLATED_ROOT=parcellated/cat12\n{qsiparc}\
         ATLAS_NAME={ATLAS}\n"
    );
    fs::write(folder.join(".env"), settings)?;
    fs::write(folder.join("sessions.csv"), list)?;
    Ok(bytes)
}

fn write_session(folder: &Path, n: usize, tables: Tables) -> io::Result<u64> {
    let (subject, id) = session(n);
    let tiv = 1300.0 + 400.0 * random(n, 1).fraction();
    let anat = folder.join(format!("cat12/sub-{subject}/ses-{id}/anat"));
    fs::create_dir_all(&anat)?;
    fs::write(
        anat.join(format!("cat_sub-{subject}_ses-{id}_ce-corrected_T1w.xml")),
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<S>\n  <subjectmeasures>\n    <vol_TIV>{tiv:?}</vol_TIV>\n  \
             </subjectmeasures>\n  <subjectratings>\n    <vol_TIV>1.2</vol_TIV>\n  </subjectratings>\n</S>\n"
        ),
    )?;
    let mut bytes = 0;
    for (place, table) in (2..).zip(tables_of(n, tables)) {
        let content = Content {
            seed: random(n, place).bits(),
            regions: if tables == Tables::Small { FEW_REGIONS } else { REGIONS },
            is_small: tables == Tables::Small,
            scale: table.scale,
            tiv: table.is_anatomical.then_some(tiv),
        };
        let path = folder.join(&table.path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let text = text(&content);
        bytes += u64::try_from(text.len()).unwrap_or_default();
        fs::write(&path, text)?;
        fs::write(path.with_extension("json"), sidecar(&table))?;
    }
    Ok(bytes)
}

/// Random numbers of their own for each of a session's files.
fn random(session: usize, file: u64) -> Random {
    let session = u64::try_from(session).unwrap_or_default();
    Random::new(Random::new(session << 16 | file).bits())
}

fn sidecar(table: &Table) -> String {
    format!(
        r#"{{
  "original_file": "{image}",
  "mask": null,
  "mask_threshold": 0.0,
  "atlas_threshold": 0.0,
  "parcellation_scheme": {{
    "name": "{ATLAS}",
    "image": "/data/{ATLAS}.nii.gz",
    "lut": "/data/{ATLAS}.tsv"
  }},
  "space": "MNI152NLin2009cAsym",
  "resampling_target": "data",
  "background_label": 0,
  "software_version": "0.3.0",
  "timestamp": "2026-02-01T12:00:00.000000+00:00"
}}
"#,
        image = table.image
    )
}

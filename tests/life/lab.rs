//! A lab and its files: subjects with visits, and what lies on disk of each. A file's content follows from one number
//! that no other file ever had, so that whoever reads a store can say which file a row is from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::cohort::{ATLAS, Cohort, anatomical, diffusion, tiv_path};
use crate::support::disk::Random;
use crate::support::files::all_below;

/// A subject and a visit, as the store writes them.
pub type Session = (String, String);

/// What a session can have a file of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Tissue(&'static str),
    Map(&'static str, &'static str),
    Volume,
    /// FreeSurfer's segmentation: a unit of its own, of two tables.
    Aseg,
    /// CAT12's own volumes of regions, a unit of their own.
    Rois,
    /// QSIRecon's own table, a unit of its own, of two maps.
    Recon,
}

/// What other programs than `parcellate` write.
const OF_OTHERS: [Part; 3] = [Part::Aseg, Part::Rois, Part::Recon];

pub type Item = (Session, Part);

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    pub version: u32,
    pub regions: usize,
    /// Whether the table has a column of a name that lists use, too.
    pub has_score: bool,
    /// Whether the file's name says the atlas.
    pub names_atlas: bool,
}

/// A name as the list writes it, as folders may, and as the store does.
#[derive(Debug, Clone)]
pub struct Spelling {
    pub listed: String,
    pub folders: Vec<String>,
    pub stored: String,
}

impl Spelling {
    fn of(listed: &str, folders: &[&str], stored: &str) -> Self {
        let folders = folders.iter().map(|name| (*name).to_owned()).collect();
        Self { listed: listed.to_owned(), folders, stored: stored.to_owned() }
    }
}

#[derive(Debug, Clone)]
pub struct Subject {
    pub code: Spelling,
    /// Which of its spellings the folder has.
    pub folder: usize,
    pub visits: Vec<Spelling>,
}

/// Folders of files, and what is in them.
pub struct Lab {
    pub cohort: Cohort,
    pub subjects: Vec<Subject>,
    pub files: BTreeMap<Item, Content>,
    pub parts: Vec<Part>,
    /// Whether the measures in CAT12's reports are loaded: a unit of their own, of the files that volumes are read from.
    pub has_measures: bool,
    /// Whether the maps' tables are QSIParc's, and not `parcellate`'s.
    pub has_diffmaps: bool,
    /// The folder that the roots are in.
    pub place: &'static str,
    versions: u32,
}

pub const REGIONS: usize = 3;

impl Lab {
    /// Three to five subjects, of whom some have names that only their letters or numbers bring together with a folder.
    pub fn new(random: &mut Random) -> Self {
        let only_digits = random.below(3) == 0;
        let mut subjects = Vec::new();
        for n in 1..=3 + random.below(3) {
            let code = match random.below(3) {
                0 if !only_digits && n > 1 => {
                    let spelled = [format!("CL{n}X"), format!("CL-{n}X"), format!("CL{n}-X")];
                    let folders: Vec<&str> = spelled.iter().map(String::as_str).collect();
                    Spelling::of(&format!("CL_{n}-X"), &folders, &format!("CL_{n}_X"))
                }
                1 if n > 1 => {
                    let folder = format!("005077{n}");
                    Spelling::of(&format!("5077{n}"), &[&folder], &folder)
                }
                _ => Spelling::of(&n.to_string(), &[&n.to_string(), &format!("000{n}")], &format!("000{n}")),
            };
            let visits = match random.below(5) {
                0 => vec![Spelling::of("", &[""], "")],
                1 => vec![Spelling::of("1", &["01"], "01"), Spelling::of("2", &["02"], "02")],
                2 | 3 => vec![Spelling::of("1", &["1"], "1"), Spelling::of("2", &["2"], "2")],
                _ => vec![Spelling::of("20250101", &["20250101"], "20250101")],
            };
            let folder = random.below(code.folders.len());
            subjects.push(Subject { code, folder, visits });
        }
        let mut parts = vec![Part::Tissue("GM"), Part::Volume];
        parts.extend(["WM", "CT"].into_iter().filter(|_| random.below(2) == 0).map(Part::Tissue));
        parts.push(Part::Map("NODDI", "icvf"));
        parts.extend(
            [Part::Map("NODDI", "od"), Part::Map("DSI", "fa")].into_iter().filter(|_| random.below(2) == 0),
        );
        parts.extend(OF_OTHERS.into_iter().filter(|_| random.below(2) == 0));
        let lab = Self {
            cohort: Cohort::empty(),
            subjects,
            files: BTreeMap::new(),
            parts,
            has_measures: random.below(2) == 0,
            has_diffmaps: random.below(3) == 0,
            place: "",
            versions: 0,
        };
        lab.write_settings(&lab.cohort, "");
        lab
    }

    /// What every run is told of whose files lie where.
    pub fn told(&self) -> Vec<String> {
        let layout = ["--qsiparc-layout", "diffmap"].map(str::to_owned);
        if self.has_diffmaps { layout.to_vec() } else { Vec::new() }
    }

    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// The settings of roots below a folder, and the folders.
    fn write_settings(&self, cohort: &Cohort, place: &str) {
        let mut env = format!(
            "SESSIONS_CSV=sessions.csv\nCAT12_ROOT={place}cat12\nCAT12_PARCELLATED_ROOT={place}parcellated/cat12\n\
             QSIPARC_PATH={place}{}\n",
            if self.has_diffmaps { "maps" } else { "parcellated" }
        );
        if self.has_diffmaps {
            fs::create_dir_all(cohort.path(&format!("{place}maps"))).unwrap();
        }
        if self.has(Part::Aseg) {
            env.push_str(&format!("FREESURFER_DIR={place}fs\n"));
            fs::create_dir_all(cohort.path(&format!("{place}fs"))).unwrap();
        }
        if self.has_measures {
            env.push_str("CAT12_GLOBALS=1\n");
        }
        if self.has(Part::Rois) {
            env.push_str("CAT12_ROI=1\n");
        }
        if self.has(Part::Recon) {
            env.push_str(&format!("QSIRECON_STATS_PATH={place}recon\n"));
            fs::create_dir_all(cohort.path(&format!("{place}recon/qsirecon-RECON"))).unwrap();
        }
        cohort.write(".env", &env);
    }

    /// Every session that the lab may ever scan.
    pub fn sessions(&self) -> Vec<Session> {
        let visits = |subject: &Subject| -> Vec<Session> {
            subject.visits.iter().map(|visit| (subject.code.stored.clone(), visit.stored.clone())).collect()
        };
        self.subjects.iter().flat_map(visits).collect()
    }

    /// How the list writes a session.
    pub fn listed(&self, session: &Session) -> (&str, &str) {
        let (subject, visit) = self.spelled(session);
        (&subject.code.listed, &visit.listed)
    }

    /// Whether a folder tells how the store writes a session, and not the list.
    pub fn is_spelled_by_folder(&self, session: &Session) -> bool {
        let (subject, visit) = self.spelled(session);
        subject.code.stored.starts_with("005077") || visit.stored.starts_with('0')
    }

    fn spelled(&self, session: &Session) -> (&Subject, &Spelling) {
        let subject = self.subjects.iter().find(|subject| subject.code.stored == session.0).unwrap();
        (subject, subject.visits.iter().find(|visit| visit.stored == session.1).unwrap())
    }

    /// The path of a file below the folder that the roots are in.
    pub fn path(&self, item: &Item, content: &Content) -> String {
        let (subject, visit) = self.spelled(&item.0);
        let (subject, visit) = (&subject.code.folders[subject.folder], &visit.folders[0]);
        let path = match item.1 {
            Part::Tissue(tissue) => anatomical(subject, visit, tissue),
            Part::Map(workflow, param) => {
                let path = diffusion(workflow, subject, visit, param);
                match self.has_diffmaps {
                    true => path
                        .replace(&format!("parcellated/qsirecon-{workflow}/"), "maps/")
                        .replace("_model-", &format!("_software-{workflow}_model-"))
                        .replace("_parc.tsv", "_diffmap.tsv"),
                    false => path,
                }
            }
            Part::Volume => tiv_path(subject, visit),
            Part::Aseg if visit.is_empty() => format!("fs/sub-{subject}/stats/aseg.stats"),
            Part::Aseg => format!("fs/sub-{subject}_ses-{visit}/stats/aseg.stats"),
            Part::Rois => tiv_path(subject, visit).replace("/cat_", "/catROI_"),
            Part::Recon => {
                let path = diffusion("RECON", subject, visit, "x").replace(&format!("atlas-{ATLAS}/"), "");
                let (stem, _) = path.rsplit_once("_atlas-").unwrap();
                format!("{stem}_seg-{ATLAS}_scalarstats.tsv").replace("parcellated/", "recon/")
            }
        };
        if content.names_atlas { path } else { path.replace(&format!("_atlas-{ATLAS}_"), "_") }
    }

    /// A file that nobody has seen.
    pub fn content(&mut self, random: &mut Random) -> Content {
        self.versions += 1;
        Content {
            version: self.versions,
            regions: REGIONS + usize::from(random.below(4) == 0),
            has_score: random.below(8) == 0,
            names_atlas: random.below(2) == 0,
        }
    }

    pub fn put(&mut self, item: &Item, content: Content) {
        // Where regions have names alone, a file of others is of another atlas.
        let regions = if item.1 == Part::Recon { REGIONS } else { content.regions };
        let content = Content { regions, ..content };
        self.unlink(item);
        self.cohort.write(&format!("{}{}", self.place, self.path(item, &content)), &text(item.1, &content));
        self.files.insert(item.clone(), content);
        self.tidy();
    }

    pub fn archive(&mut self, item: &Item) {
        self.unlink(item);
        self.files.remove(item);
        self.tidy();
    }

    fn unlink(&self, item: &Item) {
        if let Some(content) = self.files.get(item) {
            self.cohort.remove(&format!("{}{}", self.place, self.path(item, content)));
        }
    }

    /// Gives a subject's folder, and the files in it, another name.
    pub fn rename(&mut self, place: usize, folder: usize) {
        let code = self.subjects[place].code.stored.clone();
        let items: Vec<Item> = self.files.keys().filter(|(session, _)| session.0 == code).cloned().collect();
        let files: Vec<(Item, Content)> =
            items.into_iter().map(|item| (item.clone(), self.files[&item].clone())).collect();
        files.iter().for_each(|(item, _)| self.unlink(item));
        self.subjects[place].folder = folder;
        for (item, content) in files {
            self.files.remove(&item);
            self.put(&item, content);
        }
        self.tidy();
    }

    /// Moves all roots to another folder.
    pub fn move_to(&mut self, place: &'static str) {
        if place == self.place {
            return;
        }
        fs::create_dir_all(self.cohort.path(place)).unwrap();
        for root in self.folders() {
            let from = self.cohort.path(&format!("{}{root}", self.place));
            fs::rename(from, self.cohort.path(&format!("{place}{root}"))).unwrap();
        }
        self.place = place;
        self.write_settings(&self.cohort, place);
    }

    /// What lies beside each other, wherever that is.
    fn folders(&self) -> impl Iterator<Item = &'static str> {
        let further = [(Part::Aseg, "fs"), (Part::Recon, "recon")];
        let further = further.into_iter().filter(|(part, _)| self.has(*part)).map(|(_, folder)| folder);
        ["cat12", "parcellated"].into_iter().chain(self.has_diffmaps.then_some("maps")).chain(further)
    }

    fn roots(&self) -> Vec<std::path::PathBuf> {
        let path = |folder: &str| self.cohort.path(&format!("{}{folder}", self.place));
        let (holders, plain): (Vec<&str>, Vec<&str>) =
            self.folders().partition(|folder| ["parcellated", "recon"].contains(folder));
        let below = holders.into_iter().flat_map(|folder| fs::read_dir(path(folder)).unwrap());
        let below = below.map(|entry| entry.unwrap().path());
        below.chain(plain.into_iter().map(path)).collect()
    }

    /// Folders without files go, but the last of a root: without one it would look as if it were not mounted.
    fn tidy(&self) {
        for root in self.roots() {
            let folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
            let (empty, full): (Vec<_>, Vec<_>) =
                folders.into_iter().partition(|folder| all_below(folder).is_empty());
            let kept = usize::from(full.is_empty());
            empty.iter().skip(kept).for_each(|folder| fs::remove_dir_all(folder).unwrap());
            full.iter().for_each(|folder| remove_empty(folder));
        }
    }

    /// Whether the folders say by themselves who was scanned, and when.
    pub fn is_plain(&self) -> bool {
        let is_named = |subject: &Subject| !subject.code.stored.starts_with("CL");
        let folders = self.roots().into_iter().flat_map(|root| fs::read_dir(root).unwrap());
        self.subjects.iter().all(is_named)
            && folders.into_iter().all(|folder| !all_below(&folder.unwrap().path()).is_empty())
    }

    /// Writes files into another folder, as they would lie there.
    pub fn write_elsewhere(&self, cohort: &Cohort, files: &BTreeMap<Item, Content>) {
        self.write_settings(cohort, "");
        for (item, content) in files {
            cohort.write(&self.path(item, content), &text(item.1, content));
        }
    }
}

fn remove_empty(folder: &Path) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        if all_below(&path).is_empty() { fs::remove_dir_all(path).unwrap() } else { remove_empty(&path) }
    }
}

/// A file's text. The mean of each region is the version, and less than one more.
fn text(part: Part, content: &Content) -> String {
    if part == Part::Volume {
        let ml = volume(content);
        return format!("<S><subjectmeasures><vol_TIV>{ml:?}</vol_TIV></subjectmeasures></S>\n");
    }
    match part {
        Part::Aseg => return stats(content),
        Part::Rois => return rois(content),
        Part::Recon => return scalarstats(content),
        Part::Tissue(_) | Part::Map(..) | Part::Volume => {}
    }
    let score = if content.has_score { "\tscore" } else { "" };
    let mut text = format!("index\tlabel\tmean\tvolume_mm3{score}\n");
    for index in 1..=content.regions {
        let mean = mean(content, index);
        let score = if content.has_score { format!("\t{:?}", mean / 4.0) } else { String::new() };
        text.push_str(&format!("{index}\tR{index}\t{mean:?}\t{:?}{score}\n", mean * 100.0 + 0.1));
    }
    text
}

/// FreeSurfer's segmentation. The volume of each structure is the version, and less than one more.
fn stats(content: &Content) -> String {
    let mut text = format!(
        "# Title Segmentation Statistics\n# Measure Mask, MaskVol, Mask Volume, {}, mm^3\n\
         # ColHeaders  Index SegId NVoxels Volume_mm3 StructName\n",
        content.version
    );
    for index in 1..=content.regions {
        text.push_str(&format!("  {index}  {index}  10  {:?}  R{index}\n", mean(content, index)));
    }
    text
}

/// CAT12's volumes of regions, of its own atlas.
fn rois(content: &Content) -> String {
    let of_regions = |cell: &dyn Fn(usize) -> String, between: &str| {
        (1..=content.regions).map(cell).collect::<Vec<_>>().join(between)
    };
    let ids = of_regions(&|index| index.to_string(), ";");
    let names = of_regions(&|index| format!("<item>R{index}</item>"), "");
    let values = of_regions(&|index| format!("{:?}", mean(content, index)), ";");
    format!(
        "<S><neuromorphometrics><ids>[{ids}]</ids><names>{names}</names><data><Vgm>[{values}]</Vgm></data>\
         </neuromorphometrics></S>\n"
    )
}

/// QSIRecon's table of two maps with the same values.
fn scalarstats(content: &Content) -> String {
    let mut text = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\n".to_owned();
    for index in 1..=content.regions {
        for map in ["fa", "md"] {
            text.push_str(&format!("R{index}\t{map}\tRECON\t{:?}\tn/a\tn/a\n", mean(content, index)));
        }
    }
    text
}

/// The mean of a region.
pub fn mean(content: &Content, index: usize) -> f64 {
    f64::from(content.version) + f64::from(u32::try_from(index).unwrap()) / 8.0
}

/// The volume that a report tells, mL.
pub fn volume(content: &Content) -> f64 {
    f64::from(content.version) / 4.0 + 1000.0
}

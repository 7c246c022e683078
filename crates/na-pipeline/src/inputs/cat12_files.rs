//! CAT12's own files of a session, by the prefix of their names: `anat/report/cat_*.xml`, `anat/label/catROI_*.xml`; or those of all sessions in
//! one folder, `report/cat_*.xml`, where images do not lie as BIDS says.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use na_model::{BidsName, SourceRoot, TableName};

use crate::error::PipelineError;
use crate::files::path::relative;
use crate::files::session_entities::FolderSession;
use crate::files::session_folders::{ANAT, names_in, paths_in};
use crate::files::subjects_dir::FolderChoice;
use crate::files::tiv_rank::{REPORT_PREFIX, image_of, rank_of_image};
use crate::identifiers::name_match::IdKind;
use crate::inputs::choice_among_files::{TableCandidate, only};
use crate::inputs::found_tables::{FoundTable, NotChosen};
use crate::inputs::input_root::{RootList, TableRoot};
use crate::inputs::meant_root::has_session;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::unit_error::UnitError;

/// The folder that CAT12 writes its reports to, unless it writes all files into one.
pub(super) const REPORT: &str = "report";

/// The folder that it writes regional values to.
pub(super) const LABEL_FOLDER: &str = "label";

/// Subjects that are looked at for files of a kind.
const SUBJECTS: usize = 100;

/// The reports of images.
pub(super) const REPORTS: Cat12File = Cat12File { prefixes: &[REPORT_PREFIX], folder: REPORT };

/// A kind of CAT12's files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cat12File {
    /// What may stand before the image's name: `cat_`.
    pub(super) prefixes: &'static [&'static str],
    /// The folder that CAT12 writes it to, unless it writes all files into one.
    pub(super) folder: &'static str,
}

impl Cat12File {
    /// The image that a file is of, from its name. `None` if it is of another kind, or of an image in another space, which `r` says.
    fn image(self, name: &str) -> Option<&str> {
        let image = self.prefixes.iter().find_map(|prefix| image_of(prefix, name));
        image.filter(|image| !image.starts_with("rsub-"))
    }

    /// The first files below CAT12's output, at most so many.
    pub(super) fn first_below(self, root: &Path, n: usize) -> Vec<PathBuf> {
        let subjects = paths_in(root, IdKind::Subject).into_iter().take(SUBJECTS);
        let sessions = subjects.flat_map(|subject| {
            let visits = paths_in(&subject, IdKind::Session);
            visits.into_iter().chain([subject])
        });
        let folders = sessions.flat_map(|session| [session.join(ANAT).join(self.folder), session.join(ANAT)]);
        let files = [root.join(self.folder)].into_iter().chain(folders).flat_map(|folder| {
            let names = names_in(&folder).unwrap_or_default().into_iter();
            names.filter(|name| self.image(name).is_some()).map(move |name| folder.join(name))
        });
        files.take(n).collect()
    }

    /// The roots of its files under CAT12's output: `sub-*` folders, as BIDS has them, and the one folder that CAT12 writes to where images
    /// do not lie so. Without tables they have total intracranial volume alone.
    ///
    /// # Errors
    /// A folder that is missing or cannot be listed.
    pub(super) fn add_roots(
        self,
        roots: &mut RootList<'_>,
        path: &Path,
        tables: &[TableName],
        run: Option<&str>,
        is_root: fn(&Path) -> bool,
    ) -> Result<(), PipelineError> {
        let root = || TableRoot::new(SourceRoot::CAT12, path, tables.iter().cloned());
        let mut add = |root| if tables.is_empty() { roots.add_of_volumes(root) } else { roots.add(root) };
        let is_plain = self.has_images(path);
        if !is_plain || has_session(path, |_| true) {
            add(root().told_by(is_root))?;
        }
        if is_plain {
            let choice = FolderChoice { run: run.map(str::to_owned), ..FolderChoice::default() };
            add(root().below(self.folder).of_images(choice, self.prefixes))?;
        }
        Ok(())
    }

    /// Whether files of all sessions lie in one folder below CAT12's output.
    pub(super) fn has_images(self, path: &Path) -> bool {
        names_in(&path.join(self.folder)).unwrap_or_default().iter().any(|name| self.image(name).is_some())
    }

    /// Adds the table that a session's file is. Of several images the one counts whose total intracranial volume would: the
    /// bias-corrected one first.
    ///
    /// # Errors
    /// Several files that are as good; one that names another session; a folder that cannot be listed.
    pub(super) fn find(
        self,
        folder: &SearchedFolder<'_>,
        table: TableName,
        found: &mut FoundUnit,
    ) -> Result<(), UnitError> {
        let mut files = self.candidates(folder)?;
        let there = folder.pick().values_in(&table, &files);
        folder.pick().choose(&table, &mut files);
        let rank = |file: &TableCandidate| self.rank(Path::new(&file.file_name));
        let Some(best) = files.iter().map(rank).min() else {
            if !there.is_empty() {
                found.found.not_chosen.push(NotChosen { table, map: None, there });
            }
            return Ok(());
        };
        files.retain(|file| rank(file) == best);
        let file = only(folder.path(), &table, None, files)?;
        let path = file.folder.join(&file.file_name);
        let relative = relative(folder.root(), &path);
        let of_folder = FolderSession::of(&relative);
        if let Some(named) = of_folder.other_session(&file.file_name) {
            return Err(UnitError::OtherSession { path, named, folder: of_folder.written() });
        }
        // A session may have one file in its own folder, and another in the one of all sessions.
        let tables = &mut found.found.tables;
        if let Some(place) = tables.iter().position(|other| other.table == table) {
            let rank_there = tables.get(place).map(|other| self.rank(other.path()));
            match rank_there.cmp(&Some(best)) {
                Ordering::Less => return Ok(()),
                Ordering::Greater => drop(tables.remove(place)),
                Ordering::Equal => {}
            }
        }
        found.add(FoundTable::new(folder, table, None, path));
        Ok(())
    }

    /// Which of several counts: that of the lowest rank.
    fn rank(self, path: &Path) -> u8 {
        let name = path.file_name().and_then(OsStr::to_str);
        name.and_then(|name| self.image(name)).map_or(u8::MAX, rank_of_image)
    }

    fn candidates(self, folder: &SearchedFolder<'_>) -> Result<Vec<TableCandidate>, UnitError> {
        if folder.is_image() {
            return Ok(self.of_image(folder).into_iter().collect());
        }
        let anat = folder.path().join(ANAT);
        let mut files = Vec::new();
        let mut seen: Option<PathBuf> = None;
        for folder in [anat.join(self.folder), anat] {
            let names = names_in(&folder).map_err(|source| UnitError::unreadable(&folder, source))?;
            // The one may be a link to the other.
            let real = fs::canonicalize(&folder).ok();
            if real.is_some() && real == seen {
                continue;
            }
            seen = seen.or(real);
            for file_name in names {
                let Some(image) = self.image(&file_name) else { continue };
                let bids = BidsName::parse(image);
                let (folder, sidecar) = (folder.clone(), None);
                files.push(TableCandidate {
                    folder,
                    bids,
                    sidecar,
                    compressed: false,
                    is_copy: false,
                    file_name,
                });
            }
        }
        Ok(files)
    }
    /// The file that is called as a session's image.
    fn of_image(self, folder: &SearchedFolder<'_>) -> Option<TableCandidate> {
        let file_name = self.name_of_image(folder)?;
        let bids = BidsName::parse(self.image(&file_name)?);
        let (folder, sidecar) = (folder.root().to_owned(), None);
        Some(TableCandidate { folder, bids, sidecar, compressed: false, is_copy: false, file_name })
    }

    /// The name of the file that is called as a session's image. `None` if it is gone.
    pub(super) fn name_of_image(self, folder: &SearchedFolder<'_>) -> Option<String> {
        let image = folder.path().file_name()?.to_str()?;
        let mut names = self.prefixes.iter().map(|prefix| format!("{prefix}{image}.xml"));
        names.find(|name| fs::symlink_metadata(folder.root().join(name)).is_ok())
    }
}

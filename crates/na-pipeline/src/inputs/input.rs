//! What an input is: where its files lie, which of them are tables of a session, and what stands in them.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::ptr;

use na_model::{SourceRoot, TableKind, TableName, UnitKind};

use crate::error::PipelineError;
use crate::files::fingerprint::read_unless;
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::input_root::RootList;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// A kind of files that a run can load. It holds its own settings: a run asks it, and nothing else, what lies under its
/// roots.
///
/// A run lists the roots once, finds a session's folder under each by the names behind `sub-` and `ses-`, and has the
/// input find the tables there. What an input has of a session is a unit: it is read, committed, skipped, failed and replaced
/// together, and apart from what other inputs have. All else is the run's: which sessions there are, what has changed, what may
/// leave the store, and the threads.
///
/// An input is called from many threads, and never for a row or a cell. Methods with a default need no code unless the
/// input has settings that choose, headers that can be read alone, or folders by atlas.
///
/// `tests/third_input.rs` of the repository is an input that is written with this trait alone, and a run with it. This
/// is its shape:
///
/// ```
/// use std::path::PathBuf;
/// use std::sync::Arc;
///
/// use na_model::{InputName, Modality, SourceRoot, TableKind, TableName, UnitKind};
/// use na_pipeline::{
///     Config, FileBytes, FoundTable, FoundUnit, Input, ParsedTable, PipelineError, RootList, SearchedFolder,
///     SessionSource, TableRoot, UnitError,
/// };
///
/// #[derive(Debug)]
/// struct Demo {
///     root: PathBuf,
///     table: TableName,
///     kind: TableKind,
/// }
///
/// const DEMO: InputName = InputName::named("demo");
/// const ROOT: SourceRoot = SourceRoot::named("DEMO_ROOT");
///
/// impl Input for Demo {
///     fn unit_kind(&self) -> UnitKind {
///         UnitKind::new(Modality::Anatomical, DEMO)
///     }
///
///     fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
///         vec![(ROOT, self.root.clone())]
///     }
///
///     fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
///         roots.add(TableRoot::new(ROOT, &self.root, [self.table.clone()]))
///     }
///
///     fn looks_for(&self, table: &TableName) -> bool {
///         *table == self.table
///     }
///
///     fn kind(&self, _: &TableName) -> TableKind {
///         self.kind.clone()
///     }
///
///     fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
///         let path = folder.path().join("regions.csv");
///         if path.is_file() {
///             found.add(FoundTable::new(folder, self.table.clone(), None, path));
///         }
///         Ok(())
///     }
///
///     fn parse(&self, _: &FoundTable, _: &[FileBytes<'_>], _: &dyn Fn() -> bool) -> Result<ParsedTable, UnitError> {
///         todo!("the bytes as Arrow columns, a row a region")
///     }
/// }
///
/// let table = TableName::parse("anatomical_demo")?;
/// let kind = TableKind { producer: "demo".to_owned(), input: DEMO, ..TableKind::of_parcellate(&table) };
/// let demo = Demo { root: "demo".into(), table, kind };
/// let config = Config {
///     further_inputs: vec![Arc::new(demo)],
///     ..Config::new(SessionSource::Discover, "data/processed".into())
/// };
/// # Ok::<(), na_model::ModelError>(())
/// ```
pub trait Input: Debug + Send + Sync {
    /// The kind of the units that it feeds: its name, and the modality of its tables' names. Inputs with one kind feed the same
    /// units.
    fn unit_kind(&self) -> UnitKind;

    /// The settings that lead to its files, each with the folder that the user gave, whether the run asks for what lies
    /// there or not. Inputs that have one setting have one folder.
    fn settings(&self) -> Vec<(SourceRoot, PathBuf)>;

    /// Whether the settings ask for any of its tables. An input that is not asked for has its roots remembered, and
    /// nothing else.
    fn is_asked_for(&self) -> bool {
        true
    }

    /// What a user may have meant whose settings do not ask for its tables, as a sentence. `None` if nothing hints at it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// What a run could load besides, and how, as a sentence: told when a store is made. `None` if nothing is there.
    fn offer(&self) -> Option<String> {
        None
    }

    /// What is asked of it, as words: a load with `--force` that was cut short goes on only if a run asks for the same.
    /// With the default, a run with this input and one without it count as the same.
    fn asked(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the run looks for a table: it is one of this input's, and it is chosen, whether there are files of it
    /// or not. What a run looks for and does not find is gone.
    fn looks_for(&self, table: &TableName) -> bool;

    /// Adds the folders in which `sub-*` folders are looked for. Asked once a run, and only if the input is asked for.
    ///
    /// # Errors
    /// A folder that is missing or cannot be listed, as [`RootList::add`] says; a setting that asks for what is not
    /// there.
    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError>;

    /// What a table is that a root was listed with: what its features are called, which columns are statistics and
    /// which name the regions. Asked once a run for each table. The store keeps it with the table.
    fn kind(&self, table: &TableName) -> TableKind;

    /// Adds the tables that lie in a session's folder, each once, with its file or its files. Called several times a run, when
    /// sessions are discovered, the run is planned and the unit is loaded: it should open no file.
    ///
    /// # Errors
    /// What fails the unit: several files for one table, or a folder that cannot be listed. Nothing that is there is no
    /// error.
    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError>;

    /// The bytes of a table's files as columns, a row a region; there is one file, unless the table was found with more.
    /// `should_stop` is worth asking every few thousand cells: if it says so, return [`UnitError::Stopped`].
    ///
    /// A cell without a value is null. Statistics of the table's [kind](Self::kind) are numbers or flags, and columns
    /// have no name that the store adds, such as `subject_code`: what breaks this, or has a region twice, fails the unit.
    ///
    /// # Errors
    /// Bytes that are no such table, with path, line and what was expected there. They fail the unit.
    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError>;

    /// Tables that are made of the same files, such as the maps of one: as many, in their order. Worth code of its own where a file need not be read
    /// once for each.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    fn parse_together(
        &self,
        tables: &[&FoundTable],
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Vec<ParsedTable>, UnitError> {
        tables.iter().map(|table| self.parse(table, files, should_stop)).collect()
    }

    /// The names of a table's columns, without an error if it cannot be read: `--wide-metrics` is held against them
    /// before anything is loaded. An input with a header that can be read alone saves the rest of the file.
    fn columns(&self, table: &FoundTable) -> Vec<String> {
        let goes_on = || false;
        let read = table.files().map(|(path, _)| Ok((path, read_unless(path, &goes_on)?.0)));
        let parsed = read.collect::<Result<Vec<_>, UnitError>>().and_then(|read| {
            let files: Vec<FileBytes<'_>> =
                read.iter().map(|(path, bytes)| FileBytes { path, bytes }).collect();
            self.parse(table, &files, &goes_on)
        });
        let fields = parsed.map(|parsed| parsed.batch.schema().fields().clone());
        fields.iter().flatten().map(|field| field.name().clone()).collect()
    }

    /// The atlases that a session's folder has tables of, for the error of a run that finds no table of the atlas asked
    /// for. Empty if folders do not say it.
    fn atlases(&self, _session_folder: &Path) -> Vec<String> {
        Vec::new()
    }
}

/// Inputs are equal if they are one.
impl PartialEq for dyn Input {
    fn eq(&self, other: &Self) -> bool {
        ptr::addr_eq(self, other)
    }
}

impl Eq for dyn Input {}

//! What stops a run.

use std::io;
use std::path::PathBuf;

use na_cache::CacheError;
use na_model::{InputName, SourceRoot, UnitKind, reading_remedy};
use na_store::StoreError;

/// Why a run cannot go on.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The session list cannot be read from disk.
    #[error("the session list {}: {source}{}", path.display(), list_remedy(source))]
    SessionListUnreadable { path: PathBuf, source: io::Error },
    /// The session list lies where a file of the store is to be.
    #[error(
        "the session list {} lies where the store in {} is written: move it away, or give another --output",
        path.display(),
        output.display()
    )]
    SessionListInStore { path: PathBuf, output: PathBuf },
    /// The session list as a whole is not what it should be.
    #[error("the session list {}: {problem}", path.display())]
    SessionListForm {
        path: PathBuf,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// A row of the session list is not what it should be.
    #[error("the session list {}, line {line}: {problem}", path.display())]
    SessionListRow {
        path: PathBuf,
        /// The line, from 1; the header is line 1.
        line: usize,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// Not one session has files, and the store is empty.
    #[error(
        "nothing was found for any of {sessions} sessions, and no store was made or cleared{looked_in}; correct the roots, \
         or the identifiers of the session list"
    )]
    NothingFound {
        sessions: usize,
        /// The roots, each with examples of its folders, behind a semicolon; empty if none has any.
        looked_in: String,
    },
    /// There are tables, but none of the atlas asked for.
    #[error(
        "there is no table of atlas {asked} for these sessions: there are {there}; choose with --atlas-name (or \
         ATLAS_NAME)"
    )]
    NoSuchAtlas { asked: String, there: String },
    /// There are files of an input, but none of the atlas that is chosen for it.
    #[error("no session in {} has {file}: there are {there}; choose with {option}", root.display())]
    NoSuchFiles {
        /// What was looked for: `lh.aparc.stats or rh.aparc.stats`.
        file: String,
        root: PathBuf,
        /// The atlases that files are of.
        there: String,
        /// The option that chooses another.
        option: &'static str,
    },
    /// A table of the store is of another atlas than the one asked for.
    #[error(
        "the table {table} in {} is of {store}, not of {asked}: a table has one atlas; leave --atlas out to go on with {store}, or give \
         --output another folder",
        output.display()
    )]
    OtherTableAtlas { output: PathBuf, table: String, store: String, asked: String },
    /// A table of the store is of another producer than the one that the run reads.
    #[error(
        "the table {table} in {} was made by {store}, and this run reads one of {asked}: values of two programs are not mixed; give \
         --output another folder",
        output.display()
    )]
    OtherProducer { output: PathBuf, table: String, store: String, asked: String },
    /// A root is missing or not a folder.
    #[error("{setting} is {}: {problem}; correct {setting}", path.display())]
    Root { setting: SourceRoot, path: PathBuf, problem: String },
    /// A root has nothing of its kind, and another folder has: a store would be made without it.
    #[error("{note} Nothing was loaded: correct the setting, or leave it out")]
    MisplacedRoot {
        /// The setting, its folder, and the one that may be meant, as a question.
        note: String,
    },
    /// A folder under a root cannot be listed.
    #[error("{}, which {setting} leads to, cannot be listed: {source}", path.display())]
    RootUnreadable { setting: SourceRoot, path: PathBuf, source: io::Error },
    /// No root of tables is given.
    #[error(
        "there is nothing to load: give --cat12-parcellated-root (CAT12_PARCELLATED_ROOT) for anatomical tables, \
         --qsiparc (QSIPARC_PATH) for diffusion tables, --qsirecon-stats (QSIRECON_STATS_PATH) for QSIRecon's own, --freesurfer (FREESURFER_DIR) for \
         FreeSurfer's, --cat12-globals or --cat12-roi for CAT12's own, and not --no-anatomical or --no-diffusion for both{hint}"
    )]
    NothingToLoad {
        /// What may have been meant, behind a semicolon; or nothing.
        hint: String,
    },
    /// Two inputs bring the same.
    #[error("two inputs of this run have the setting {setting}: a setting leads to one folder")]
    SharedByInputs {
        /// The setting that both have.
        setting: SourceRoot,
    },
    /// Two programs wrote tables of one name.
    #[error(
        "two inputs of this run have the table {table}, {first} ({first_setting}) and {second} ({second_setting}): values of two programs \
         are not mixed. Leave one of the two out, and load it into another --output; of QSIRecon's folders, --qsirecon-stats may name one"
    )]
    TwoProducers {
        table: String,
        first: InputName,
        first_setting: SourceRoot,
        second: InputName,
        second_setting: SourceRoot,
    },
    /// An input lists a table that its units cannot have.
    #[error("an input of {kind} units lists the table {table}, whose name and kind say {of_table}")]
    OtherUnits { table: String, kind: UnitKind, of_table: UnitKind },
    /// A workflow that is asked for does not exist.
    #[error("there is no workflow {asked:?} {looked}")]
    UnknownWorkflow {
        asked: String,
        /// Where it was looked for, and what is there: `under maps: there are A, B`.
        looked: String,
    },
    /// No table has any of the metrics asked for.
    #[error(
        "no table has one of the metrics that --wide-metrics names ({asked}): the nearest that there are, are {nearest}; \
         nothing was changed"
    )]
    UnknownMetrics {
        /// The metrics asked for, with commas.
        asked: String,
        /// Columns that tables have, with commas.
        nearest: String,
    },
    /// The cache holds units of another atlas.
    #[error(
        "the cache in {} holds atlas {cached}, not {asked}: finish that run first (--atlas-name {cached}, or \
         neuroalign-export-cache), or give --output another folder",
        output.display()
    )]
    OtherAtlasCached { output: PathBuf, cached: String, asked: String },
    /// The list of withdrawals cannot be read.
    #[error("the list of withdrawals {}: {problem}; nothing was done", path.display())]
    Withdrawals { path: PathBuf, problem: String },
    /// Lines of the list of withdrawals name a known subject, but not clearly.
    #[error(
        "the list of withdrawals, {lines}: nothing was done. Write a subject a line, or a subject and a session under the header \
         subject_code,session_id, with remarks in a column of another name; --yes does what is clear, and leaves these lines out"
    )]
    UnclearWithdrawals {
        /// The lines, each with what is wrong; no codes.
        lines: String,
    },
    /// The list of withdrawals would take out more than a tenth of the store.
    #[error(
        "{taken} of the {known} subjects in {} are in the list of withdrawals, which is over a tenth: is it the right file? \
         Nothing was done; --yes takes them out, and --dry-run tells how many sessions they have",
        output.display()
    )]
    WouldWithdraw {
        output: PathBuf,
        /// Subjects that would be taken out.
        taken: usize,
        known: usize,
    },
    /// A label that no listed session answers to.
    #[error(
        "{option} {label}: no session of the list answers to it{}",
        near.as_ref().map(|near| format!("; is {near} meant?")).unwrap_or_default()
    )]
    UnknownLabel {
        option: &'static str,
        label: String,
        /// A code with the same letters and digits.
        near: Option<String>,
    },
    /// The run chooses other files than the store was made with.
    #[error(
        "{table} of the store in {} was made with {entity}-{stored}, and this run asks for {entity}-{asked}: rows of both \
         would be one table; leave the choice out, use --force to load all anew, or another --output",
        output.display()
    )]
    OtherChoice {
        output: PathBuf,
        table: String,
        entity: String,
        /// The value that was chosen, or `none`.
        stored: String,
        /// The value asked for, or `none`.
        asked: String,
    },
    /// The roots have changed, and most stored units have another content there.
    #[error(
        "{changed} of {known} known sessions are something else than before, and {setting} was {} the last time and is {} now: is \
         this another dataset? Use another --output for it, or --yes to replace what the store has",
        before.display(), now.display()
    )]
    OtherRoots {
        /// Stored units with another content.
        changed: usize,
        /// Stored units that were found.
        known: usize,
        setting: SourceRoot,
        before: PathBuf,
        now: PathBuf,
    },
    /// A fresh load of something else was cut short.
    #[error(
        "a load with --force has not come to its end in {}, and {difference}: give --force too, without labels, --prune and \
         --reload, which loads what you ask for now, or let go of it with neuroalign-export-cache {} --discard; the store is as it \
         was before it",
        output.display(), output.display()
    )]
    FreshUnfinished {
        output: PathBuf,
        /// What the two loads differ in, as a sentence.
        difference: &'static str,
    },
    /// A fresh load would lose what it did not load again.
    #[error(
        "the store in {} is as it was: it has what was not loaded again, {let_go}. --force --yes lets go of that, without loading \
         again; neuroalign-export-cache {} --discard lets go of what was loaded",
        output.display(), output.display()
    )]
    WouldLetGo {
        output: PathBuf,
        /// How many units and sessions, with examples.
        let_go: String,
    },
    /// A fresh load needs room beside the store, and there is too little.
    #[error(
        "there is too little room on the disk of {} for a load with --force, which is beside the store until it replaces it: {space}; \
         make room, or give --output a folder on another disk. The store is as it was; --yes begins all the same",
        output.display()
    )]
    NoRoom {
        output: PathBuf,
        /// What is needed, and what is free.
        space: String,
    },
    /// A row names a session that cannot be identified, which would count as not listed.
    #[error(
        "{n} rows of the session list name sessions that cannot be identified, and --prune-unlisted would take these for \
         unlisted: {first}; fix the list first, or --yes does it"
    )]
    RowsOfNobody {
        n: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// More than a tenth of the store would be pruned.
    #[error(
        "{pruned} of the {known} sessions in {} would lose something or go, which is over a tenth: {examples}; --yes does it, and \
         --dry-run lists all of them",
        output.display()
    )]
    WouldPrune {
        output: PathBuf,
        /// Units that would lose something.
        pruned: usize,
        known: usize,
        examples: String,
    },
    /// A root has nothing that the store has: it may not be mounted.
    #[error(
        "{setting} is {}: {problem}, and --prune takes what is not there for gone; is it mounted?",
        path.display()
    )]
    NotMounted {
        setting: SourceRoot,
        path: PathBuf,
        /// What is missing there.
        problem: &'static str,
    },
    /// The threads cannot be started.
    #[error("cannot start {n_jobs} threads ({problem}): try a smaller --n-jobs")]
    Threads { n_jobs: usize, problem: String },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list_remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "; give the path of the file with --sessions (or SESSIONS_CSV)",
        io::ErrorKind::PermissionDenied => reading_remedy(source),
        _ => "; check the file and its disk",
    }
}

//! Names that lead elsewhere, folders that lead in circles, stores that move: nothing outside the roots and the output
//! is read or written, and what was committed stays.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use support::Ran;
use support::cohort::{Cohort, anatomical, diffusion, tsv};
use support::files::paths_below;
use support::store::Store;

#[test]
fn identifiers_never_lead_out_of_the_roots() {
    let cohort = Cohort::of(&[("1", "1")]);
    // Tables where a path made of the identifiers would lead.
    cohort.write("secret/anat/atlas-4S456Parcels/x_tissue-GM_parc.tsv", &tsv(1.0));
    let before = paths_below(cohort.root());
    for (subject, session) in
        [("../../../secret", ""), ("..", ".."), ("/etc", "passwd"), ("1/../../secret", "1")]
    {
        cohort.list(&format!("subject_code,session_id\n{subject},{session}\n"));
        let ran = cohort.run(&["--json"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        if ran.code == Some(0) {
            assert_eq!(ran.json()["loaded"]["anatomical"], 0, "{subject} {session}");
        }
        let made: Vec<_> = paths_below(cohort.root()).difference(&before).cloned().collect();
        assert!(made.iter().all(|path| path.starts_with(cohort.path("data"))), "{made:?}");
    }
}

#[test]
fn identifiers_that_cannot_be_are_left_out_with_their_line() {
    let cohort = Cohort::of(&[("1", "1")]);
    let long = "x".repeat(300);
    for subject in [long.as_str(), "\"\u{200b}\"", "\"a\"\"b\"", "a\u{1}b", "\"a\tb\""] {
        cohort.list(&format!("subject_code,session_id\n1,1\n{subject},1\n"));
        let ran = cohort.run(&[]).ended(0);
        assert!(ran.stderr.lines().all(|line| line.len() < 600), "{}", ran.stderr);
        if subject == long {
            assert!(ran.stderr.contains("line 3"), "{}", ran.stderr);
        }
    }
}

#[test]
fn other_alphabets_are_names_like_any_other() {
    let cohort = Cohort::of(&[("Müller", "första"), ("患者零一", "一")]);
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of("wide/anatomical/gm_mean.parquet"), ["Müller/första", "患者零一/一"]);
}

#[test]
fn workflows_and_maps_never_lead_out_of_the_store() {
    let cohort = Cohort::of(&[("1", "1")]);
    let ran = cohort.run(&["--workflows", "../NODDI"]).ended(1);
    assert!(ran.stderr.contains("../NODDI"), "{}", ran.stderr);
    cohort.write(&diffusion("NODDI", "1", "1", "..%2F..%2Fx"), &tsv(1.0));
    cohort.write(&diffusion("NODDI", "1", "1", "y"), &tsv(1.0).replacen("std", "../../../std", 1));
    let before = paths_below(cohort.root());
    cohort.run(&["--wide-metrics", "mean,../../../std"]);
    let made: Vec<_> = paths_below(cohort.root()).difference(&before).cloned().collect();
    assert!(!made.is_empty() && made.iter().all(|path| path.starts_with(cohort.path("data"))), "{made:?}");
}

#[test]
fn links_are_followed_and_circles_are_not() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    // A session that lies on another disk.
    let (here, there) = (cohort.path("parcellated/cat12/sub-2"), cohort.path("elsewhere"));
    fs::rename(&here, &there).unwrap();
    symlink(&there, &here).unwrap();
    let circle = cohort.path("parcellated/cat12/sub-3");
    symlink(&circle, &circle).unwrap();
    symlink(cohort.path("parcellated"), cohort.path("parcellated/cat12/sub-1/ses-1/anat/again")).unwrap();
    symlink("..", cohort.path("parcellated/qsirecon-NODDI/sub-4")).unwrap();
    cohort.run(&["--discover"]).ended(0);
    let store = Store::read(&cohort.store());
    assert_eq!(store.sessions_of("wide/anatomical/gm_mean.parquet"), ["0001/1", "0002/1"]);
}

#[test]
fn a_store_that_is_moved_is_gone_on_with() {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    cohort.run(&["-o", "undisturbed"]).ended(0);
    cohort.list("subject_code,session_id,AGE,sex\n1,1,20.5,F\n");
    cohort.run(&["--keep-cache"]).ended(0);
    fs::rename(cohort.store(), cohort.path("moved")).unwrap();
    cohort.list("subject_code,session_id,AGE,sex\n1,1,20.5,F\n2,1,21.5,M\n");
    let ran = cohort.run(&["-o", "moved", "--json"]).ended(0).json();
    assert_eq!(ran["skipped"]["anatomical"], 1);
    Store::read(&cohort.path("moved")).assert_same(&Store::read(&cohort.path("undisturbed")));
}

#[test]
fn a_clock_that_goes_backwards_loses_nothing() {
    let cohort = Cohort::of(&[("1", "1")]);
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(10 * 365 * 86_400);
    let file = fs::File::options().append(true).open(cohort.path(&anatomical("1", "1", "GM"))).unwrap();
    file.set_modified(ahead).unwrap();
    cohort.run(&[]).ended(0);
    let store = Store::read(&cohort.store());
    // A file that is older than what was read of it has changed all the same, where its content has.
    cohort.write(&anatomical("1", "1", "GM"), &tsv(77.0));
    let ran = cohort.run(&["--json"]).ended(0).json();
    assert_eq!(ran["loaded"]["anatomical"], 1);
    assert_ne!(Store::read(&cohort.store()).tables, store.tables);
}

#[test]
fn the_cache_is_private_and_the_store_follows_the_umask() {
    let cohort = Cohort::of(&[("1", "1")]);
    let program = cohort.command(&[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(cohort.root()).arg("-c").arg("umask 027; exec \"$0\" --keep-cache").arg(program);
    support::Ran::of(shell.output().unwrap()).ended(0);
    let mode = |name: &str| fs::metadata(cohort.store().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".cache.db"), 0o600);
    for name in ["long/anatomical_gm.parquet", "metadata.parquet", "manifest.json", "sessions.tsv"] {
        assert_eq!(mode(name), 0o640, "{name}");
    }
    assert_eq!(mode("long"), 0o750);
}

#[test]
fn a_reader_of_the_summary_that_went_away_stops_nothing() {
    let cohort = Cohort::of(&[("1", "1")]);
    let program = cohort.command(&[]).get_program().to_owned();
    for closed in ["exec \"$0\" -o closed >&-", "\"$0\" -o piped | true"] {
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(cohort.root()).arg("-c").arg(closed).arg(&program);
        support::Ran::of(shell.output().unwrap()).ended(0);
    }
    cohort.run(&[]).ended(0);
    let expected = Store::read(&cohort.store());
    Store::read(&cohort.path("closed")).assert_same(&expected);
    Store::read(&cohort.path("piped")).assert_same(&expected);
}

#[test]
fn nothing_of_a_person_is_in_the_logs() {
    let cohort = Cohort::of(&[("1", "1")]);
    cohort.list(
        "subject_code,session_id,AGE,Name,diagnosis\n1,1,47.25,Alma Mater,hayfever\n2,1,48.25,Ann Other,\n",
    );
    let ran = cohort.run(&["--log-file", "log.txt"]).ended(0);
    let log = fs::read_to_string(cohort.path("log.txt")).unwrap();
    for word in ["47.25", "Alma", "hayfever", "Ann Other"] {
        assert!(!ran.stderr.contains(word) && !log.contains(word), "{word} in {}\n{log}", ran.stderr);
    }
}

fn is_root() -> bool {
    Ran::of(Command::new("id").arg("-u").output().unwrap()).stdout.trim() == "0"
}

/// The same command, in a place where a folder cannot be written to. The user who may write everywhere needs a mount.
fn without_writing(command: &Command, folder: &Path) -> Command {
    let mut shell = if is_root() {
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c"]);
        shell.arg("mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"");
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", "chmod 555 \"$0\"; \"$@\"; status=$?; chmod 755 \"$0\"; exit $status"]);
        shell
    };
    shell.arg(folder).arg(command.get_program()).args(command.get_args());
    like(shell, command)
}

/// The same command, as a user who may not read what is private to this one.
fn as_another_user(command: &Command, private: &Path) -> Command {
    if !is_root() {
        fs::set_permissions(private, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let mut shell = Command::new(if is_root() { "setpriv" } else { "env" });
    if is_root() {
        shell.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    shell.arg(command.get_program()).args(command.get_args());
    like(shell, command)
}

fn like(mut shell: Command, command: &Command) -> Command {
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    shell
}

/// A store with a session in Parquet and another in its cache, as a load leaves it that was interrupted.
fn half_exported() -> Cohort {
    let cohort = Cohort::of(&[("1", "1"), ("2", "1")]);
    cohort.list_of(&[("1", "1")]);
    cohort.run(&[]).ended(0);
    cohort.list_of(&[("1", "1"), ("2", "1")]);
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[]);
    // The reader's program and the folders on the way must be open to anybody.
    fs::set_permissions(cohort.root(), fs::Permissions::from_mode(0o755)).unwrap();
    cohort
}

/// Not a test: what [`support::reader`] runs.
#[test]
fn reader() {
    support::read_store();
}

#[test]
fn a_folder_that_cannot_be_written_to_is_read_with_all_that_is_committed_and_nothing_is_made_in_it() {
    let cohort = half_exported();
    let files = ["", "-wal", "-shm"].map(|end| cohort.store().join(format!(".cache.db{end}")));
    let check = |what: &str| {
        let before = paths_below(&cohort.store());
        let bytes = || files.each_ref().map(|file| fs::read(file).ok());
        let cache = bytes();
        let mut status = support::export_cache(cohort.root());
        status.args(["data/processed", "--status"]);
        let status = Ran::of(without_writing(&status, &cohort.store()).output().unwrap());
        assert_eq!(status.code, Some(0), "{what}: {status:?}");
        status.says(&["CACHE STATUS", "Anatomical sessions: 1", "Diffusion sessions: 1"]);
        let reader = without_writing(&support::reader(&cohort.store()), &cohort.store()).output().unwrap();
        Ran::of(reader).ended(0).says(&["2 sessions", "2 sessions, again"]);
        assert_eq!(paths_below(&cohort.store()), before, "{what}");
        let changed = cache[..2] != bytes()[..2];
        assert!(!changed, "{what}: the cache changed");
    };
    check("after a load that ended");
    // What a killed load leaves: the log holds a commit, and its index may be there or not.
    let killed = rusqlite::Connection::open(&files[0]).unwrap();
    killed.execute_batch("DELETE FROM outcomes; UPDATE units SET committed_at = committed_at").unwrap();
    let left = files.each_ref().map(|file| fs::read(file).unwrap());
    drop(killed);
    for with_index in [true, false] {
        for (file, left) in files.iter().zip(&left).take(if with_index { 3 } else { 2 }) {
            fs::write(file, left).unwrap();
        }
        assert!(!left[1].is_empty());
        check(if with_index { "after a kill" } else { "after a kill, without the log's index" });
        files.iter().for_each(|file| drop(fs::remove_file(file)));
    }
}

#[test]
fn another_user_reads_what_is_exported_and_is_told_once_that_the_cache_is_private() {
    let cohort = half_exported();
    let cache = cohort.store().join(".cache.db");
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o600);
    Ran::of(support::reader(&cohort.store()).output().unwrap()).ended(0).says(&["2 sessions"]);
    let before = paths_below(&cohort.store());
    // The program, where that user can run it.
    let program = cohort.path("reader");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let command = support::reader(&cohort.store());
    let mut theirs = Command::new(&program);
    theirs.args(command.get_args());
    let theirs = like(theirs, &command);
    let read = Ran::of(as_another_user(&theirs, &cache).output().unwrap()).ended(0);
    let read = read.says(&["1 sessions", "1 sessions, again"]);
    assert_eq!(read.stderr.matches("may be read only by the user").count(), 1, "{}", read.stderr);
    let program = cohort.path("export-cache");
    fs::copy(env!("CARGO_BIN_EXE_neuroalign-export-cache"), &program).unwrap();
    let mut status = Command::new(&program);
    status.arg(cohort.store()).arg("--status").current_dir(cohort.root());
    let status = Ran::of(as_another_user(&status, &cache).output().unwrap()).ended(0);
    status.says(&["CACHE STATUS", "may be read only by the user"]);
    assert_eq!(paths_below(&cohort.store()), before);
}

//! What the README and the pages under `docs` show is what happens: each command of a transcript is run, in the order of its page, and its
//! output compared. `WRITE_DOCS=1 cargo test --test manual` writes what is printed into the pages.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::SETTINGS;

/// Programs of commands that are shown and not run: they build or install.
const BUILDERS: [&str; 4] = ["./check", "cargo", "pip", "python"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// A page in pieces: text, and blocks of code, each with its language.
fn pieces(page: &str) -> Vec<(Option<&str>, &str)> {
    let halves = page.split("```").enumerate();
    halves
        .map(|(place, text)| match text.split_once('\n').filter(|_| place % 2 == 1) {
            Some((language, _)) => (Some(language), &text[language.len()..]),
            None => (None, text),
        })
        .collect()
}

/// The commands of a transcript, each with what it prints.
fn commands(transcript: &str) -> Vec<(&str, Vec<&str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in transcript.trim_matches('\n').lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, printed))) => printed.push(line),
            (None, None) => panic!("a transcript begins with a command, not with {line}"),
        }
    }
    commands
}

/// A folder with the cohort and the programs, as a reader has it who follows a page from its top.
struct Reader {
    folder: tempfile::TempDir,
    path: OsString,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tests")).unwrap();
        symlink(root().join("tests/cohort"), folder.path().join("tests/cohort")).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_neuroalign-preprocess")).parent().unwrap();
        let mut path = programs.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Self { folder, path }
    }

    /// What a command prints: warnings, results, errors. It fails where it says an error, and only there.
    fn types(&self, command: &str) -> Vec<String> {
        let mut shell = Command::new("sh");
        for setting in SETTINGS {
            shell.env_remove(setting);
        }
        let shell = shell.args(["-c", command]).current_dir(&self.folder);
        let ran = shell.env("PATH", &self.path).env("COLUMNS", "100").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (said, result) = (text(&ran.stderr), text(&ran.stdout));
        assert_eq!(!ran.status.success(), said.contains("error: "), "{command}: {}\n{said}", ran.status);
        // A terminal shows a bar in place of what is only told to a log.
        let said = said.lines().map(without_time).filter(|line| !line.starts_with("INFO "));
        said.chain(result.lines().map(str::to_owned)).collect()
    }
}

/// A message as a terminal shows it.
fn without_time(line: &str) -> String {
    match line.split_once(' ') {
        Some((time, message)) if is_time(time) => message.trim_start().to_owned(),
        _ => line.to_owned(),
    }
}

fn is_time(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('T') && word.ends_with('Z')
}

/// A line without what differs from run to run: times and sizes.
fn masked(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_unit = |word: Option<&&str>| matches!(word, Some(&"s" | &"MB"));
    let mask = |(place, word): (usize, &&str)| match word.parse::<f64>() {
        Ok(_) if is_unit(words.get(place + 1)) => "N".to_owned(),
        _ if is_time(word) => "T".to_owned(),
        _ => (*word).to_owned(),
    };
    words.iter().enumerate().map(mask).collect::<Vec<_>>().join(" ")
}

/// The transcript with what is printed today.
fn played(reader: &Reader, transcript: &str) -> String {
    let mut text = "\n".to_owned();
    for (command, shown) in commands(transcript) {
        let printed = reader.types(command);
        let is_same = printed.iter().map(|line| masked(line)).eq(shown.iter().map(|line| masked(line)));
        // What differs by nothing but times stays as it is.
        let lines = if is_same { shown.iter().map(ToString::to_string).collect() } else { printed };
        text += &format!("$ {command}\n");
        lines.iter().for_each(|line| text += &format!("{line}\n"));
    }
    text
}

#[test]
fn what_a_page_shows_is_what_is_printed() {
    let mut n_transcripts = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let reader = Reader::new();
        let mut today = Vec::new();
        for (language, text) in pieces(&page) {
            today.push(match language {
                None => text.to_owned(),
                Some("console") => {
                    n_transcripts += 1;
                    format!("console{}", played(&reader, text))
                }
                Some(language) => format!("{language}{text}"),
            });
        }
        let today = today.join("```");
        if today == page {
            continue;
        }
        if std::env::var_os("WRITE_DOCS").is_some() {
            fs::write(&path, today).unwrap();
            continue;
        }
        let differing = page.lines().zip(today.lines()).find(|(shown, printed)| shown != printed);
        panic!(
            "{} shows what is not printed, from {differing:?} on: WRITE_DOCS=1 cargo test --test manual writes it",
            path.display()
        );
    }
    assert!(n_transcripts > 5, "there are {n_transcripts} transcripts: are the pages read?");
}

#[test]
fn what_a_page_has_built_or_installed_is_there() {
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (_, text) in pieces(&page).into_iter().filter(|(language, _)| *language == Some("sh")) {
            for line in text.trim().lines() {
                let command = line.split(" #").next().unwrap();
                let words: Vec<&str> = command.split_whitespace().collect();
                assert!(BUILDERS.contains(&words[0]), "{}: {command} is to be a transcript", path.display());
                let named = words.iter().map(|word| word.trim_matches('\'').split('[').next().unwrap());
                // What begins with a folder of the project is a path in it.
                let is_path = |word: &&str| {
                    let (first, rest) =
                        word.strip_prefix("./").unwrap_or(word).split_once('/').unwrap_or_default();
                    !rest.is_empty() && root().join(first).is_dir()
                };
                for word in named.filter(is_path) {
                    assert!(root().join(word).exists(), "{}: {word} is not there", path.display());
                }
            }
        }
    }
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let text: String = pieces(&page)
            .into_iter()
            .filter(|(language, _)| language.is_none())
            .map(|(_, text)| text)
            .collect();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            let headings = fs::read_to_string(&target).unwrap_or_default();
            let headings = headings.lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(
                heading.is_empty() || headings.clone().any(|of| of == heading),
                "{}: {link}",
                path.display()
            );
        }
    }
}

/// The name by which a heading is linked.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn the_readme_is_short() {
    let length = fs::metadata(root().join("README.md")).unwrap().len();
    assert!(length <= 9 * 1024, "the README has {length} bytes: what is not of the first hour goes to docs");
}

//! Random cohorts whose identifiers, folders and lists are written in every odd way at once. Each file says whose it is; a
//! reader that is not the store's looks whether every row is under its owner's name, once.
//!
//! `HOSTILE_COHORTS=1000 cargo test --test hostile_cohorts -- --nocapture` tries so many and prints what they held.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use support::cohort::{ATLAS, Cohort};
use support::store::Table;

/// A generator of which nothing is asked but that a seed gives the same cohort again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

/// A person with a scan: how the list and the folder write the codes.
#[derive(Debug, Clone)]
struct Person {
    name: String,
    listed: (String, String),
    folder: (String, String),
    /// Whether nothing is odd about it: it must be loaded.
    is_plain: bool,
}

/// Identifiers that mean the same, and what is odd about them.
const SPELLINGS: &[(&str, &str, &str)] = &[
    ("CLMC-10", "CLMC10", "letters"),
    ("A.B-C", "A_B_C", "separators"),
    ("40772", "0040772", "numbers"),
    ("sub-\u{a0}55", "55", "blanks"),
    ("77\u{200b}", "0077", "invisible"),
    ("M\u{fc}ller", "Mu\u{308}ller", "unicode"),
    ("12E4", "12E4", "scientific name"),
    ("2.0", "2.0", "float name"),
    ("NA", "NA", "missing name"),
    ("O'Brien", "O'Brien", "quote"),
    ("x y", "x_y", "space"),
];

/// Codes that could be one folder's.
const RIVALS: &[([&str; 2], &str)] = &[
    (["2-22", "22-2"], "222"),
    (["A-BC", "AB-C"], "ABC"),
    (["00050", "0000050"], "050"),
    (["p.q1", "p-q.1"], "pq1"),
];

const VISITS: &[(&str, &str, &str)] = &[
    ("1", "1", "plain"),
    ("3", "03", "visit numbers"),
    ("a.b", "ab", "visit letters"),
    ("ses-\u{a0}2", "2", "visit blanks"),
    ("20240101123045678", "20240101123045678", "17 digits"),
    ("", "", "no visit"),
];

#[derive(Default)]
struct Hostile {
    people: Vec<Person>,
    /// Rows of nobody who was scanned.
    rows: Vec<(String, String)>,
    kinds: BTreeMap<&'static str, usize>,
}

impl Hostile {
    fn met(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    fn made(dice: &mut Dice) -> Self {
        let mut hostile = Self::default();
        for n in 0..2 + dice.roll(3) {
            let code = format!("C{n:03}");
            hostile.add((code.clone(), "1".into()), (code, "1".into()), true);
        }
        for (listed, folder, kind) in SPELLINGS {
            if dice.one_in(3) {
                let (listed_visit, visit, visit_kind) = VISITS[dice.roll(VISITS.len())];
                hostile.met(kind);
                hostile.met(visit_kind);
                hostile.add(((*listed).into(), listed_visit.into()), ((*folder).into(), visit.into()), false);
            }
        }
        for (codes, folder) in RIVALS {
            if dice.one_in(4) {
                hostile.met("rivals");
                let owner = dice.roll(2);
                hostile.add((codes[owner].into(), "1".into()), ((*folder).into(), "1".into()), false);
                hostile.rows.push((codes[1 - owner].into(), "1".into()));
            }
        }
        if dice.one_in(3) {
            hostile.met("visit to come");
            hostile.add(("V01".into(), "21".into()), ("V01".into(), "21".into()), false);
            hostile.rows.push(("V01".into(), "2-1".into()));
        }
        if dice.one_in(3) {
            hostile.met("repeated row");
            let person = hostile.people[dice.roll(hostile.people.len())].clone();
            hostile.rows.push(person.listed);
        }
        for (row, kind) in [(("", "1"), "no id"), (("n/a", ""), "no id"), (("nobody", "9"), "not scanned")] {
            if dice.one_in(3) {
                hostile.met(kind);
                hostile.rows.push((row.0.into(), row.1.into()));
            }
        }
        hostile
    }

    fn add(&mut self, listed: (String, String), folder: (String, String), is_plain: bool) {
        let name = format!("person {} {}", self.people.len(), folder.0);
        self.people.push(Person { name, listed, folder, is_plain });
    }

    fn write(&self, cohort: &Cohort, dice: &mut Dice) {
        for (n, person) in self.people.iter().enumerate() {
            let (subject, session) = &person.folder;
            let folder = if session.is_empty() {
                format!("sub-{subject}")
            } else {
                format!("sub-{subject}/ses-{session}")
            };
            let stem = folder.replace('/', "_");
            let table = |value: usize| {
                let mut text = "index\tlabel\tmean\towner\n".to_owned();
                for index in 1..=3 {
                    text.push_str(&format!("{index}\tR{index}\t{}.5\t{}\n", value + index, person.name));
                }
                text
            };
            let anatomical =
                format!("parcellated/cat12/{folder}/anat/atlas-{ATLAS}/{stem}_tissue-GM_parc.tsv");
            cohort.write(&anatomical, &table(100 * n));
            if dice.one_in(2) {
                let diffusion = format!(
                    "parcellated/qsirecon-NODDI/{folder}/dwi/atlas-{ATLAS}/{stem}_model-m_param-p_parc.tsv"
                );
                cohort.write(&diffusion, &table(100 * n + 50));
            }
            if dice.one_in(2) {
                let report = format!("cat12/{folder}/anat/cat_{stem}_T1w.xml");
                let text =
                    format!("<S><subjectmeasures><vol_TIV>{}</vol_TIV></subjectmeasures></S>", 1000 + n);
                cohort.write(&report, &text);
            }
        }
    }

    /// The list: shuffled, under some names, with columns that are odd themselves.
    fn list(&mut self, dice: &mut Dice) -> String {
        let mut rows: Vec<(String, String)> =
            self.people.iter().map(|person| person.listed.clone()).collect();
        rows.extend(self.rows.clone());
        for n in (1..rows.len()).rev() {
            rows.swap(n, dice.roll(n + 1));
        }
        let semicolons = dice.one_in(3);
        let between = if semicolons { ";" } else { "," };
        let header = dice.pick(&[
            "subject_code|session_id",
            "SubjectCode|ScanID",
            "participant_id|session",
            "SUB|Ses",
        ]);
        let odd = dice.pick(&["AGE|Age", "score|Score", "DoB|sex", "mean|label", "remark|tiv"]);
        self.met(if semicolons { "semicolons" } else { "commas" });
        let value = dice.pick(&["30.5|31", "n/a|-", "\"say \"\"x\"\"\"|#N/A", "89+|1", "7|007"]);
        // Words and not one number are no ages: that is another column.
        let value = if odd.starts_with("AGE") && value.contains("say") { "30|x" } else { value };
        let mut text = format!("{header}|{odd}\n").replace('|', between);
        for (subject, session) in rows {
            text.push_str(&format!("{subject}|{session}|{value}\n").replace('|', between));
        }
        text
    }
}

/// The rows of a table: whose file each is, and under which session it is.
fn owners(cohort: &Cohort, path: &str) -> Vec<(String, (String, String))> {
    let path = cohort.store().join(path);
    if !path.exists() {
        return Vec::new();
    }
    let table = Table::read(&path);
    let (subjects, sessions) = (table.column("subject_code"), table.column("session_id"));
    let owners = table.column("owner").into_iter().map(str::to_owned);
    let names =
        subjects.into_iter().zip(sessions).map(|(subject, session)| (subject.to_owned(), session.to_owned()));
    owners.zip(names).collect()
}

/// Letters and digits alone, without zeros in front: what all spellings of a code have in common.
fn bare(code: &str) -> String {
    let code = code.replace("u\u{308}", "\u{fc}");
    let code: String = code.chars().filter(|c| c.is_alphanumeric()).collect();
    code.trim_start_matches("sub").trim_start_matches("ses").trim_start_matches('0').to_owned()
}

fn check(cohort: &Cohort, hostile: &Hostile, seed: u64) {
    let mut named: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for table in ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet"] {
        let mut rows: BTreeMap<(String, (String, String)), usize> = BTreeMap::new();
        for row in owners(cohort, table) {
            *rows.entry(row).or_default() += 1;
        }
        for ((owner, name), n) in rows {
            assert_eq!(n, 3, "seed {seed}: {owner} under {name:?} in {table}");
            named.entry(owner).or_default().insert(name);
        }
    }
    let mut taken: BTreeMap<(String, String), String> = BTreeMap::new();
    for (owner, names) in &named {
        let person = hostile.people.iter().find(|person| person.name == *owner).unwrap();
        assert_eq!(names.len(), 1, "seed {seed}: {owner} is under {names:?}");
        let (subject, session) = names.first().unwrap();
        let (bare_subject, bare_session) = (bare(subject), bare(&session.replace('∅', "")));
        assert_eq!(bare_subject, bare(&person.folder.0), "seed {seed}: {person:?} as {names:?}");
        assert_eq!(bare_session, bare(&person.folder.1), "seed {seed}: {person:?} as {names:?}");
        let other = taken.insert((subject.clone(), session.clone()), owner.clone());
        assert_eq!(other, None, "seed {seed}: two people under {names:?}");
    }
    for person in hostile.people.iter().filter(|person| person.is_plain) {
        assert!(named.contains_key(&person.name), "seed {seed}: {person:?} is not loaded");
    }
    if cohort.store().join("tiv.parquet").exists() {
        let table = Table::read(&cohort.store().join("tiv.parquet"));
        let volumes = table.doubles("tiv");
        let (subjects, sessions) = (table.column("subject_code"), table.column("session_id"));
        for ((subject, session), volume) in subjects.into_iter().zip(sessions).zip(volumes) {
            let owner = &hostile.people[volume.unwrap() as usize - 1000];
            assert_eq!(
                bare(subject),
                bare(&owner.folder.0),
                "seed {seed}: the volume of {owner:?} under {subject}"
            );
            assert_eq!(bare(&session.replace('∅', "")), bare(&owner.folder.1), "seed {seed}");
        }
    }
}

#[test]
fn no_value_is_under_another_name_and_nobody_is_held_up() {
    let n: u64 = std::env::var("HOSTILE_COHORTS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=n {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut hostile = Hostile::made(&mut dice);
        let cohort = Cohort::empty();
        hostile.write(&cohort, &mut dice);
        let list = hostile.list(&mut dice);
        cohort.list(&list);
        let arguments: &[&str] = if dice.one_in(4) { &["--discover"] } else { &[] };
        let jobs = dice.pick(&["1", "3", "8"]);
        let ran = cohort.run(&[arguments, &["-j", jobs]].concat());
        assert!(matches!(ran.code, Some(0 | 3)), "seed {seed}: {ran:?}\n{list}");
        check(&cohort, &hostile, seed);
        let before = fs::read_to_string(cohort.store().join("sessions.tsv")).unwrap();
        // Half of the list, and the whole again: nothing is doubled, nothing changes hands.
        let rows: Vec<&str> = list.lines().collect();
        let half: Vec<&str> =
            rows.iter().enumerate().filter(|(n, _)| *n == 0 || n % 2 == 1).map(|(_, row)| *row).collect();
        cohort.list(&(half.join("\n") + "\n"));
        let ran = cohort.run(&[]);
        assert!(matches!(ran.code, Some(0 | 3)), "seed {seed}: {ran:?}\n{list}");
        check(&cohort, &hostile, seed);
        cohort.list(&list);
        let ran = cohort.run(arguments);
        assert!(matches!(ran.code, Some(0 | 3)), "seed {seed}: {ran:?}\n{list}");
        check(&cohort, &hostile, seed);
        assert!(!before.is_empty());
        hostile.met(if arguments.is_empty() { "list" } else { "discover" });
        for (kind, n) in hostile.kinds {
            *kinds.entry(kind).or_default() += n;
        }
    }
    println!("{n} cohorts: {kinds:?}");
}

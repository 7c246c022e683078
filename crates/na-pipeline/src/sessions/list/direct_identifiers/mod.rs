//! Which column names promise a person's name, e-mail, phone, address, birth date or national id.
//!
//! The words, and the marks before them, are those of `words.txt`; this file is the rule. Only the letters of
//! a name count, in lower case and without accents: how its words are joined cannot change the answer.

use std::sync::LazyLock;

use foldhash::{HashSet, HashSetExt};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

static WORDS: LazyLock<Words> = LazyLock::new(|| Words::of(include_str!("words.txt")));

/// The words of the file: first those that look at the whole name, then those it is made of.
#[derive(Debug, Default)]
struct Words {
    kept: Vec<String>,
    anywhere: Vec<String>,
    alone: Vec<String>,
    /// A language each; those of every language are in all.
    languages: Vec<Vec<Word>>,
}

#[derive(Debug, Clone)]
struct Word {
    role: Role,
    letters: String,
}

/// What a word does among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Identifies,
    StandsBeside,
    StandsBetween,
    StandsBehind,
}

/// Whether a column's name looks like that of a direct identifier.
pub(super) fn is_direct_identifier(column: &str) -> bool {
    let folded = folded(column);
    let letters: String = folded.chars().filter(|c| c.is_alphabetic()).collect();
    !WORDS.kept.contains(&folded)
        && (WORDS.alone.contains(&letters)
            || WORDS.anywhere.iter().any(|word| letters.contains(word))
            || WORDS.languages.iter().any(|language| makes_an_identifier(language, &letters)))
}

/// Whether a column is called `id` and nothing else.
#[allow(dead_code, reason = "the choice of columns asks once it knows which column is the subject's")]
pub(super) fn is_bare_id(column: &str) -> bool {
    let letters: String = folded(column).chars().filter(|c| c.is_alphabetic()).collect();
    matches!(letters.as_str(), "id" | "ids")
}

/// How far a name is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Position {
    at: usize,
    identifies: bool,
    last_joins: bool,
}

/// Whether the letters are words of this language, one of which identifies.
fn makes_an_identifier(language: &[Word], letters: &str) -> bool {
    let mut open = vec![Position { at: 0, identifies: false, last_joins: false }];
    let mut seen: HashSet<Position> = HashSet::new();
    while let Some(position) = open.pop() {
        let Some(rest) = letters.get(position.at..).filter(|_| seen.insert(position)) else { continue };
        if rest.is_empty() && position.identifies && !position.last_joins {
            return true;
        }
        for word in language.iter().filter(|word| word.may_follow(position)) {
            let Some(behind) = rest.strip_prefix(word.letters.as_str()) else { continue };
            let next = |behind: &str| Position {
                at: letters.len() - behind.len(),
                identifies: position.identifies || word.role == Role::Identifies,
                last_joins: word.role == Role::StandsBetween,
            };
            open.push(next(behind));
            open.extend(behind.strip_prefix('s').map(next));
        }
    }
    false
}

impl Word {
    fn may_follow(&self, position: Position) -> bool {
        match self.role {
            Role::Identifies | Role::StandsBeside => true,
            Role::StandsBetween => position.at > 0,
            Role::StandsBehind => position.identifies && !position.last_joins,
        }
    }
}

impl Words {
    /// Reads the file: a section a language, a word a line, its mark before it.
    fn of(text: &str) -> Self {
        let mut words = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                words.languages.push(words.languages.first().cloned().unwrap_or_default());
                continue;
            }
            let (mark, word) = split_mark(line);
            let letters = folded(word);
            match mark {
                Some('!') => words.kept.push(letters),
                Some('=') => words.alone.push(letters),
                Some('*') => words.anywhere.push(letters),
                mark => {
                    let role = match mark {
                        Some('+') => Role::StandsBeside,
                        Some('~') => Role::StandsBetween,
                        Some('>') => Role::StandsBehind,
                        _ => Role::Identifies,
                    };
                    if let Some(language) = words.languages.last_mut() {
                        language.push(Word { role, letters });
                    }
                }
            }
        }
        words
    }
}

/// The mark before a word, if there is one, and the word.
fn split_mark(line: &str) -> (Option<char>, &str) {
    match line.split_once(' ') {
        Some((mark, word)) if !mark.contains(char::is_alphanumeric) => (mark.chars().next(), word),
        _ => (None, line),
    }
}

/// Letters and digits in lower case, without accents, and with the spelling that has no letters of its own.
fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    let mut folded = String::new();
    // As in N.º and 1ª.
    let name = name.chars().filter(|c| !matches!(c, 'º' | 'ª'));
    for c in name.nfkd().flat_map(char::to_lowercase).nfd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            _ if c.is_alphanumeric() => folded.push(c),
            _ => {}
        }
    }
    folded
}

#[cfg(test)]
mod tests;

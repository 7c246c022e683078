use proptest::prelude::*;

use super::*;

const FILE: &str = include_str!("words.txt");

const LEFT_OUT: &str = include_str!("left_out.txt");
const KEPT: &str = include_str!("kept.txt");

/// The lines of a list of names.
fn columns(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with("# "))
}

#[test]
fn names_addresses_and_numbers_of_persons_are_left_out() {
    let kept: Vec<_> = columns(LEFT_OUT).filter(|column| !is_direct_identifier(column)).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn what_tells_of_no_person_is_kept() {
    let left_out: Vec<_> = columns(KEPT).filter(|column| is_direct_identifier(column)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// The lines of the file, each with the section's name.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut section = "";
    FILE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
        }
        (line != section).then_some((section, line))
    })
}

fn is_one_alone(word: &str) -> bool {
    lines().any(|(_, line)| split_mark(line) == (Some('='), word))
}

#[test]
fn each_word_of_the_file_does_what_its_mark_says() {
    let wrong: Vec<_> = lines()
        .filter(|(_, line)| {
            let (mark, word) = split_mark(line);
            let well_formed = matches!(mark, None | Some('*' | '=' | '+' | '~' | '>' | '!'));
            // `contact` stands beside others, and is one where there is nothing else.
            let is_one = matches!(mark, None | Some('*' | '=')) || is_one_alone(word);
            let alone = is_direct_identifier(word) == is_one;
            let among_others = is_direct_identifier(&format!("qx {word} qx")) == (mark == Some('*'));
            !(well_formed && word.trim() == word && alone && among_others)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_word_stands_twice_in_a_language() {
    let mut seen = HashSet::new();
    let again = |(section, line): &(&'static str, &str)| {
        !seen.insert((*section, split_mark(line).0 == Some('='), folded(line)))
    };
    let twice: Vec<_> = lines().filter(again).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_bare_id_is_one_whatever_its_case_and_points() {
    for column in ["id", "ID", "Id", "I.D.", " id ", "IDs", "id2", "ID#"] {
        assert!(is_bare_id(column) && !is_direct_identifier(column), "{column}");
    }
    for column in ["", "site_id", "scan_id", "idade", "identity", "record id", "ids_score", "IDH1"] {
        assert!(!is_bare_id(column), "{column}");
    }
}

#[test]
fn the_longest_name_and_the_empty_one_have_an_answer() {
    assert!(is_direct_identifier(&"name".repeat(2_000)));
    assert!(!is_direct_identifier(&("name".repeat(2_000) + "q")));
    assert!(!is_direct_identifier(""));
}

/// A name written with other separators, in another case, and as one word.
fn spellings(column: &str) -> Vec<String> {
    let words: Vec<&str> = column.split(|c: char| !c.is_alphanumeric()).collect();
    let capital = |word: &&str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
    };
    let mut spellings: Vec<String> = ["_", "-", " ", ".", ""].map(|joint| words.join(joint)).to_vec();
    spellings.push(words.iter().filter_map(capital).collect());
    spellings.extend([column.to_uppercase(), column.to_lowercase(), column.nfd().collect()]);
    spellings
}

#[test]
fn case_separators_and_capitals_between_words_do_not_change_the_answer() {
    for column in columns(LEFT_OUT).chain(columns(KEPT)) {
        for spelling in spellings(column) {
            assert_eq!(is_direct_identifier(&spelling), is_direct_identifier(column), "{spelling:?}");
        }
    }
}

proptest! {
    #[test]
    fn how_words_are_joined_does_not_change_the_answer(
        words in prop::collection::vec(
            prop::sample::select(vec!["name", "patient", "birth", "date", "of", "site", "Tel", "nom", "de", "s", "x"]),
            1..6,
        ),
        joints in prop::collection::vec(prop::sample::select(vec!["_", "-", " ", ".", ""]), 6),
    ) {
        let joined: String = words.iter().zip(&joints).flat_map(|(word, joint)| [*joint, *word]).collect();
        prop_assert_eq!(is_direct_identifier(&joined), is_direct_identifier(&words.concat()));
    }

    #[test]
    fn any_text_has_an_answer(column in any::<String>()) {
        let _ = is_direct_identifier(&column);
    }
}

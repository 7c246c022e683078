//! Copies of tables, as file managers and cloud drives name them.

/// The name of the table that a file is a copy of; `None` if it is no copy.
///
/// A copy has words before the name (`Copy of sub-…`, in any language), or a blank or bracket behind its suffix
/// (`…_parc (1).tsv`, `…_parc - Copy.tsv`, `…_parc copy 2.tsv`). A BIDS name has neither.
pub(crate) fn original(file_name: &str) -> Option<String> {
    let without_words = match file_name.find(" sub-") {
        Some(blank) if !file_name.starts_with("sub-") => file_name.get(blank + 1..)?,
        _ => file_name,
    };
    let plain = without_words.strip_suffix(".gz").unwrap_or(without_words);
    let stem = plain.strip_suffix(".tsv")?;
    let suffix = ["_parcellation", "_parc", "_diffmap", "_scalarstats"].into_iter().find_map(|suffix| {
        let end = stem.rfind(suffix)? + suffix.len();
        stem.get(end..)?.starts_with([' ', '(']).then_some(end)
    });
    let stem_of_table = suffix.and_then(|end| stem.get(..end)).unwrap_or(stem);
    let original = format!("{stem_of_table}{}", without_words.get(stem.len()..)?);
    (original != file_name).then_some(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_from_tables() {
        let table = "sub-1_tissue-GM_parc.tsv";
        for copy in [
            "Copy of sub-1_tissue-GM_parc.tsv",
            "Kopie von sub-1_tissue-GM_parc.tsv",
            "sub-1_tissue-GM_parc (1).tsv",
            "sub-1_tissue-GM_parc(2).tsv",
            "sub-1_tissue-GM_parc - Copy.tsv",
            "sub-1_tissue-GM_parc copy 2.tsv",
            "Copy of sub-1_tissue-GM_parc (1).tsv",
        ] {
            assert_eq!(original(copy).as_deref(), Some(table), "{copy}");
        }
        assert_eq!(original("sub-1_parc (1).tsv.gz").as_deref(), Some("sub-1_parc.tsv.gz"));
        for other in [table, "sub-a b_parc.tsv", "s_parc.old.tsv", "sub-1_parcel (1).tsv", "notes (1).txt"] {
            assert_eq!(original(other), None, "{other}");
        }
    }
}

//! The XML that CAT12 writes: a root `<S>`, and vectors as MATLAB prints them.

use std::path::Path;

use na_model::Number;
use roxmltree::{Document, Node};

use crate::files::pointer::check_content;
use crate::parse::text::line_and_character;
use crate::unit_error::{UnitError, complaint, shorten};

/// The root of CAT12's files since 2016.
const ROOT: &str = "S";

/// Calls `read` with the root of a file. Text of another encoding than UTF-8 is of paths alone, and is not kept as it was.
///
/// # Errors
/// XML that is not well-formed, with line and character; another root than CAT12's; what `read` says.
pub(crate) fn with_root<T>(
    path: &Path,
    bytes: &[u8],
    read: impl FnOnce(Node<'_, '_>) -> Result<T, UnitError>,
) -> Result<T, UnitError> {
    check_content(path, bytes)?;
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let document = Document::parse(text).map_err(|error| syntax(path, text, &error))?;
    let root = document.root_element();
    match root.tag_name().name() {
        ROOT => read(root),
        "QAS" => Err(UnitError::form(
            path,
            "the root <QAS> of CAT12 before 2016",
            "the root <S>: run CAT12's quality assurance again with a version of today",
        )),
        other => Err(UnitError::form(
            path,
            format!("the root <{}>", shorten(other.as_bytes())),
            "CAT12's root <S>",
        )),
    }
}

fn syntax(path: &Path, text: &str, error: &roxmltree::Error) -> UnitError {
    let ((line, character), problem) = match error {
        roxmltree::Error::UnclosedRootNode | roxmltree::Error::UnexpectedEndOfStream => {
            let problem = "the file ends before its elements do: it may be cut".to_owned();
            (line_and_character(text, text.len()), problem)
        }
        error => {
            let place = |n| usize::try_from(n).unwrap_or(usize::MAX);
            ((place(error.pos().row), place(error.pos().col)), complaint(error))
        }
    };
    UnitError::Syntax { path: path.to_owned(), line, character, problem }
}

/// The first child of a name.
pub(crate) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The one element in another. `None` if there is none, or more.
pub(crate) fn only_child<'a, 'input>(node: Node<'a, 'input>) -> Option<Node<'a, 'input>> {
    let mut children = node.children().filter(Node::is_element);
    children.next().filter(|_| children.next().is_none())
}

/// The text of an element without blanks around it. `None` if it has none, or elements.
pub(crate) fn text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let is_plain = node.children().all(|child| child.is_text());
    node.text().filter(|_| is_plain).map(str::trim_ascii).filter(|text| !text.is_empty())
}

/// The numbers of a vector: `[1;2;3]`, `[1 2 NaN]`, or one without brackets. `None` stands for `NaN`.
///
/// # Errors
/// The word that is no finite number.
pub(crate) fn numbers(text: &str) -> Result<Vec<Option<f64>>, &str> {
    let inner = text.strip_prefix('[').map_or(text, |rest| rest.strip_suffix(']').unwrap_or(rest));
    let words = inner.split([';', ' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    words.map(number).collect()
}

fn number(word: &str) -> Result<Option<f64>, &str> {
    if word.eq_ignore_ascii_case("nan") {
        return Ok(None);
    }
    let value = Number::parse(word).map(Number::to_double).filter(|value| value.is_finite());
    value.map(Some).ok_or(word)
}

/// CAT12's version and revision: `12.9 r2577`. Up to version 12.3 the revision alone is there: `r1126`.
pub(crate) fn version(root: Node<'_, '_>) -> Option<String> {
    let software = child(root, "software")?;
    let told = |name: &str| child(software, name).and_then(text);
    let version = told("version_cat")?;
    let is_revision = version.bytes().all(|byte| byte.is_ascii_digit());
    let revision = told("revision_cat");
    Some(match revision {
        Some(revision) => format!("{version} r{revision}"),
        None if is_revision => format!("r{version}"),
        None => version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_however_matlab_separates_them() {
        for text in ["[1;2.5;NaN]", "[1 2.5 NaN]", "[1, 2.5, nan]", "1 2.5 NaN", "[1\n2.5\tNaN ]"] {
            assert_eq!(numbers(text), Ok(vec![Some(1.0), Some(2.5), None]), "{text}");
        }
        assert_eq!(numbers("[]"), Ok(Vec::new()));
        assert_eq!(numbers("[ ]"), Ok(Vec::new()));
        assert_eq!(numbers("1e-05"), Ok(vec![Some(1e-5)]));
        assert_eq!(numbers("[1 Inf]"), Err("Inf"));
        assert_eq!(numbers("[1 -Inf]"), Err("-Inf"));
        assert_eq!(numbers("[1 abc]"), Err("abc"));
    }

    #[test]
    fn another_root_and_broken_xml_are_refused_with_the_way_out() {
        let read = |text: &str| {
            let name = |root: Node<'_, '_>| Ok(root.tag_name().name().to_owned());
            with_root(Path::new("cat_x.xml"), text.as_bytes(), name).map_err(|error| error.to_string())
        };
        assert_eq!(read("\u{feff}<?xml version=\"1.0\"?><S/>"), Ok("S".to_owned()));
        assert!(read("<QAS><SM/></QAS>").unwrap_err().contains("before 2016"));
        assert!(read("<html/>").unwrap_err().contains("the root <html>"));
        let cut = read("<S>\n <a>").unwrap_err();
        assert!(cut.starts_with("cat_x.xml, line 2, character 5: the file ends"), "{cut}");
        let crossed = read("<S>\n <a></b></S>").unwrap_err();
        assert!(crossed.starts_with("cat_x.xml, line 2, character "), "{crossed}");
        let bomb = "<!DOCTYPE S [<!ENTITY a \"9\">]><S>&a;</S>";
        assert!(read(bomb).is_err());
    }

    #[test]
    fn versions_are_told_by_number_and_revision() {
        let of = |software: &str| {
            let text = format!("<S><software>{software}</software></S>");
            with_root(Path::new("x"), text.as_bytes(), |root| Ok(version(root))).unwrap()
        };
        let new = "<version_cat>12.9</version_cat><revision_cat>2577</revision_cat>";
        assert_eq!(of(new).as_deref(), Some("12.9 r2577"));
        assert_eq!(of("<version_cat>1126</version_cat>").as_deref(), Some("r1126"));
        assert_eq!(of("<version_cat>26.0.rc3</version_cat>").as_deref(), Some("26.0.rc3"));
        assert_eq!(of("<version_spm>7771</version_spm>"), None);
    }
}

//! CAT12's regional values of a session, `catROI_*.xml` of volumes and `catROIs_*.xml` of surfaces: for each atlas a list of regions, and
//! a vector a measure. Begin with [`parse_rois`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use na_model::columns::{INDEX, LABEL};
use roxmltree::Node;

use crate::parse::cat12_xml::{child, numbers, text, with_root};
use crate::parse::parsed_table::Remark;
use crate::unit_error::{UnitError, shorten};

/// Which of an atlas' regions have numbers of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoiKind {
    /// Volumes: `ids` are the atlas' numbers.
    Volumes,
    /// Surfaces: `ids` are colours, of both hemispheres alike.
    Surfaces,
}

/// The regional values of one atlas.
#[derive(Debug, Clone, PartialEq)]
pub struct Cat12Rois {
    /// A row a region: `index`, of volumes; `label`, as CAT12 abbreviates it; then the measures, in the file's order.
    pub regions: RecordBatch,
    /// CAT12's revision, `r1233`. `None` if the file does not say it.
    pub version: Option<String>,
    /// What the user should know.
    pub remarks: Vec<Remark>,
}

/// Parses the values of an atlas. CAT12 writes `_` for what no element can be called by: `a-b` is the element `a_b`.
///
/// ```
/// use std::path::Path;
///
/// use na_pipeline::parse::cat12_rois::{RoiKind, parse_rois};
///
/// let file = "<S><cobra><ids>[1;2]</ids><names><item>lCA1</item><item>rCA1</item></names>\
///             <data><Vgm>[0.5;NaN]</Vgm></data></cobra></S>";
/// let rois = parse_rois(Path::new("catROI_sub-1.xml"), file.as_bytes(), "cobra", RoiKind::Volumes)?;
/// assert_eq!((rois.regions.num_rows(), rois.regions["Vgm"].null_count()), (2, 1));
/// # Ok::<(), na_pipeline::UnitError>(())
/// ```
///
/// # Errors
/// XML that is not well-formed, with line and character; no such atlas, with those that are there; a measure with another number of
/// values than there are regions, or with one that is no number.
pub fn parse_rois(path: &Path, bytes: &[u8], atlas: &str, kind: RoiKind) -> Result<Cat12Rois, UnitError> {
    with_root(path, bytes, |root| {
        let element =
            root.children().find(|child| child.is_element() && is_atlas(child.tag_name().name(), atlas));
        match element {
            Some(element) => Atlas { path, element, kind }.read(),
            None => {
                let there: Vec<&str> = elements(root).map(|child| child.tag_name().name()).collect();
                let found = format!("the atlases {}", shorten(there.join(", ").as_bytes()));
                Err(UnitError::line(path, 1, found, format!("the atlas {atlas}; --atlas chooses another")))
            }
        }
    })
}

/// The atlases of a file, each with its measures. Empty where it cannot be read.
#[must_use]
pub fn atlases(path: &Path, bytes: &[u8]) -> Vec<(String, Vec<String>)> {
    let read = with_root(path, bytes, |root| {
        let atlases = elements(root).filter_map(|atlas| {
            let measures = elements(child(atlas, DATA)?).map(|measure| measure.tag_name().name().to_owned());
            Some((atlas.tag_name().name().to_owned(), measures.collect()))
        });
        Ok(atlases.collect())
    });
    read.unwrap_or_default()
}

const DATA: &str = "data";

/// Whether an element is that of an atlas: MATLAB takes `-`, blanks and other signs out of names.
pub(crate) fn is_atlas(element: &str, atlas: &str) -> bool {
    let as_matlab = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    element == atlas || element.chars().eq(atlas.chars().map(as_matlab))
}

fn elements<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// An atlas in a file.
struct Atlas<'a, 'input> {
    path: &'a Path,
    element: Node<'a, 'input>,
    kind: RoiKind,
}

impl Atlas<'_, '_> {
    fn read(self) -> Result<Cat12Rois, UnitError> {
        let ids = self.ids()?;
        let (labels, remarks) = self.labels(&ids)?;
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        if self.kind == RoiKind::Volumes && !ids.is_empty() {
            self.check_length("ids", ids.len(), labels.len())?;
            columns.push((INDEX.to_owned(), Arc::new(Int64Array::from(ids))));
        }
        let n = labels.len();
        columns.push((LABEL.to_owned(), Arc::new(StringArray::from(labels))));
        for measure in child(self.element, DATA).into_iter().flat_map(elements) {
            let name = measure.tag_name().name();
            let values = self.values(name, measure)?;
            self.check_length(name, values.len(), n)?;
            columns.push((name.to_owned(), Arc::new(Float64Array::from(values))));
        }
        let has_measures = columns.iter().any(|(name, _)| name != INDEX && name != LABEL);
        if n == 0 || !has_measures {
            return Err(self.form("no values", "regions and their values: run CAT12 again"));
        }
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let regions = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| self.form(error.to_string(), "a column a measure"))?;
        let version = child(self.element, "version").and_then(text).map(|revision| format!("r{revision}"));
        Ok(Cat12Rois { regions, version, remarks })
    }

    /// The numbers of the regions, or their colours.
    fn ids(&self) -> Result<Vec<i64>, UnitError> {
        let Some(found) = child(self.element, "ids").and_then(text) else { return Ok(Vec::new()) };
        let inner = found.trim_start_matches('[').trim_end_matches(']');
        let words = inner.split([';', ' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        let whole = |word: &str| {
            word.parse()
                .map_err(|_| self.form(format!("ids with {}", shorten(word.as_bytes())), "whole numbers"))
        };
        words.map(whole).collect()
    }

    /// The names of the regions; where there are none, their numbers.
    fn labels(&self, ids: &[i64]) -> Result<(Vec<String>, Vec<Remark>), UnitError> {
        let items = child(self.element, "names").into_iter().flat_map(elements);
        let names: Vec<Option<String>> = items.map(|item| text(item).map(str::to_owned)).collect();
        if names.iter().any(Option::is_none) {
            return Err(self.form("a region without a name", "a name for each region"));
        }
        if !names.is_empty() {
            return Ok((names.into_iter().flatten().collect(), Vec::new()));
        }
        let remark = Remark {
            what: "an atlas without names of regions",
            example: format!("{} of {}", self.name(), self.path.display()),
            advice: "regions are called by their numbers",
        };
        Ok((ids.iter().map(ToString::to_string).collect(), vec![remark]))
    }

    fn values(&self, name: &str, measure: Node<'_, '_>) -> Result<Vec<Option<f64>>, UnitError> {
        numbers(text(measure).unwrap_or_default()).map_err(|word| {
            let found = format!("{name} with {}", shorten(word.as_bytes()));
            self.form(found, "numbers or NaN, with decimal points: run CAT12 again")
        })
    }

    fn check_length(&self, name: &str, found: usize, expected: usize) -> Result<(), UnitError> {
        if found == expected {
            return Ok(());
        }
        let found = format!("{name} with {found} values for {expected} regions");
        Err(self.form(found, "a value a region (a decimal comma makes two of one): run CAT12 again"))
    }

    fn name(&self) -> &str {
        self.element.tag_name().name()
    }

    fn form(&self, found: impl std::fmt::Display, expected: &'static str) -> UnitError {
        UnitError::form(self.path, format!("in {}, {found}", self.name()), expected)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::{Array, types::Int64Type};

    use super::*;

    const FILE: &str = "<S><a_b><ids>[1;5]</ids><names><item>lHip</item><item>rHip</item></names><version>1233</version>\
                        <data><Vgm>[0.5;NaN]</Vgm><Vcsf>[1 2]</Vcsf></data></a_b><other><ids>7</ids><data><Vgm>1</Vgm></data></other></S>";

    fn parsed(text: &str, atlas: &str, kind: RoiKind) -> Result<Cat12Rois, String> {
        parse_rois(Path::new("catROI_x.xml"), text.as_bytes(), atlas, kind).map_err(|error| error.to_string())
    }

    fn names(rois: &Cat12Rois) -> Vec<String> {
        rois.regions.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    #[test]
    fn an_atlas_is_called_as_its_file_or_as_matlab_calls_it() {
        for atlas in ["a_b", "a-b", "a b"] {
            let rois = parsed(FILE, atlas, RoiKind::Volumes).unwrap();
            assert_eq!(names(&rois), ["index", "label", "Vgm", "Vcsf"]);
            assert_eq!(rois.regions["index"].as_primitive::<Int64Type>().values().to_vec(), [1, 5]);
            assert_eq!((rois.version.as_deref(), rois.regions["Vgm"].null_count()), (Some("r1233"), 1));
        }
        assert_eq!(
            names(&parsed(FILE, "a-b", RoiKind::Surfaces).unwrap()),
            ["label", "Vgm", "Vcsf"],
            "colours"
        );
        let absent = parsed(FILE, "hammers", RoiKind::Volumes).unwrap_err();
        assert!(
            absent.contains("the atlases a_b, other") && absent.contains("the atlas hammers"),
            "{absent}"
        );
    }

    #[test]
    fn regions_without_names_are_called_by_their_numbers() {
        let rois = parsed(FILE, "other", RoiKind::Volumes).unwrap();
        assert_eq!((rois.regions["label"].as_string::<i32>().value(0), rois.remarks.len()), ("7", 1));
        let nameless = FILE.replace("<item>rHip</item>", "<item/>");
        assert!(parsed(&nameless, "a_b", RoiKind::Volumes).unwrap_err().contains("without a name"));
    }

    #[test]
    fn lengths_that_differ_are_refused_with_both_numbers() {
        for (from, to, says) in [
            ("[1 2]", "[1 2 3]", "in a_b, Vcsf with 3 values for 2 regions"),
            ("[1 2]", "[1,5 2]", "in a_b, Vcsf with 3 values for 2 regions"),
            ("[1 2]", "[]", "in a_b, Vcsf with 0 values for 2 regions"),
            ("[1 2]", "[1 Inf]", "in a_b, Vcsf with Inf"),
            ("[1;5]", "[1;5;6]", "in a_b, ids with 3 values for 2 regions"),
            ("[1;5]", "[1;x]", "in a_b, ids with x"),
            ("<data>", "<x>", "well"),
        ] {
            let changed = FILE.replacen(from, to, 1);
            match parsed(&changed, "a_b", RoiKind::Volumes) {
                Err(error) => assert!(says == "well" || error.contains(says), "{error}"),
                Ok(rois) => panic!("{to}: {rois:?}"),
            }
        }
        let nothing = "<S><a_b><ids>[]</ids><data/></a_b></S>";
        assert!(parsed(nothing, "a_b", RoiKind::Volumes).unwrap_err().contains("no values"));
    }
}

//! The regions of an atlas, as a table lists them.
//!
//! Knows the columns' names alone. Open `set` for the regions that a table has and whether another's agree with them, and
//! `matching` for those of one table that are the same region.

use serde::{Deserialize, Serialize};

use crate::columns::STRUCTURE;

mod matching;
mod set;

pub use matching::matched_regions;
pub use set::RegionSet;

/// One parcel: a row of a TSV.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Region {
    /// Its number in the atlas image, where the table gives one.
    pub index: Option<i64>,
    /// Its name, where the table gives one.
    pub label: Option<String>,
    /// The hemisphere it is in, as the table writes it (`L`, `left`, `lh`), where the table gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hemisphere: Option<String>,
}

/// A side of the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Region {
    /// What a cell of one of the [`HEMISPHERE_COLUMNS`](crate::columns::HEMISPHERE_COLUMNS) says. A structure may be anything:
    /// `CORTEX_LEFT` has a side, `BRAIN_STEM` has none and tells no regions apart.
    #[must_use]
    pub fn hemisphere_in<'a>(column: &str, cell: &'a str) -> Option<&'a str> {
        (column != STRUCTURE || side(cell).is_some()).then_some(cell)
    }

    /// Whether a hemisphere is one word, and not part of a structure's name.
    #[must_use]
    pub fn is_plain_hemisphere(hemisphere: &str) -> bool {
        words(hemisphere).filter(|word| !word.eq_ignore_ascii_case("hemisphere")).count() == 1
    }

    /// Whether both can be one region: nothing that both tables give is different, and one of it names the region.
    fn may_be(&self, other: &Self) -> bool {
        let [indices, labels] = [
            agree(self.index.as_ref(), other.index.as_ref()),
            agree(self.label.as_ref(), other.label.as_ref()),
        ];
        let named = indices == Some(true) || labels == Some(true);
        named && indices != Some(false) && labels != Some(false) && self.is_beside(other)
    }

    /// Whether nothing says that they are in different hemispheres.
    fn is_beside(&self, other: &Self) -> bool {
        agree(self.hemisphere.as_ref(), other.hemisphere.as_ref()) != Some(false) || self.has_side_of(other)
    }

    fn has_side_of(&self, other: &Self) -> bool {
        let side_of = |region: &Self| region.hemisphere.as_deref().and_then(side);
        side_of(self).is_some() && side_of(self) == side_of(other)
    }

    /// Whether both are one region of one side that is spelled in two ways.
    fn is_spelled_otherwise(&self, other: &Self) -> bool {
        self.hemisphere != other.hemisphere && self.has_side_of(other) && self.may_be(other)
    }
}

/// Whether two values are the same; none where one of them is not known.
fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> Option<bool> {
    one.zip(other).map(|(one, other)| one == other)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The side that a hemisphere's or structure's name tells: none where it tells none, or both.
fn side(name: &str) -> Option<Side> {
    let of_word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "l" | "lh" | "left" => Some(Side::Left),
        "r" | "rh" | "right" => Some(Side::Right),
        _ => None,
    };
    let mut sides = words(name).filter_map(of_word);
    let first = sides.next()?;
    sides.all(|side| side == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_a_hemisphere_only_where_it_names_a_side() {
        for (cell, is_one) in [
            ("L", true),
            ("rh", true),
            ("CIFTI_STRUCTURE_CORTEX_LEFT", true),
            ("Right-Accumbens", true),
            ("Accumbens", false),
            ("BRAIN_STEM", false),
            ("left and right", false),
            ("Lingual", false),
        ] {
            assert_eq!(Region::hemisphere_in("structure", cell).is_some(), is_one, "{cell}");
            assert_eq!(Region::hemisphere_in("hemi", cell), Some(cell));
        }
        assert!(Region::is_plain_hemisphere("L") && Region::is_plain_hemisphere("left hemisphere"));
        assert!(!Region::is_plain_hemisphere("CORTEX_LEFT"));
    }

    #[test]
    fn regions_of_the_version_before_are_read_and_written_as_they_were() {
        let text = r#"{"index":1,"label":"V1"}"#;
        let region: Region = serde_json::from_str(text).unwrap();
        assert_eq!(region.hemisphere, None);
        assert_eq!(serde_json::to_string(&region).unwrap(), text);
    }
}

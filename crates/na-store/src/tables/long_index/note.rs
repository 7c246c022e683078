//! The index in the footer of a table's file: reading it costs a hundredth of decoding the keys of all rows.
//!
//! It is text, as all of Parquet's key-value metadata: base64 of a version, the layout of the row groups that it is of, a hash, and
//! a compressed payload. Whoever rewrites a file may copy its notes: an index of other row groups counts as none, and so does one
//! that is damaged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use na_model::{MapSource, Region, Session};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::format::key_value_metadata as keys;
use crate::format::page_compression::{compress, decompress};
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::index::{LongIndex, RowRange};

/// The version of the payload. A reader takes an index of any other for none.
const VERSION: u8 = 1;

/// What the payload holds: numbers by column, as differences where they rise by one, so that they compress to a few bytes a session.
#[derive(Serialize, Deserialize)]
struct Payload {
    sessions: Vec<(String, Option<String>)>,
    /// Model, param and description.
    maps: Vec<Option<(String, String, String)>>,
    /// Index, label and hemisphere.
    regions: Vec<(Option<i64>, Option<String>, Option<String>)>,
    /// Differences of successive regions.
    region_lists: Vec<Vec<i64>>,
    ranges: Ranges,
}

/// The row ranges, of which each begins where the one before it ends, or at the start of its row group.
#[derive(Default, Serialize, Deserialize)]
struct Ranges {
    /// How many each row group has.
    of_group: Vec<usize>,
    rows: Vec<usize>,
    /// Differences.
    sessions: Vec<i64>,
    maps: Vec<usize>,
    region_lists: Vec<usize>,
}

/// The note of an index of row groups with this layout.
///
/// # Errors
/// An index that cannot be a file's.
pub(crate) fn to_text(index: &LongIndex, layout: u64) -> Result<String, String> {
    let payload = Payload::of(index).ok_or("its row ranges are apart")?;
    let payload = postcard::to_allocvec(&payload).map_err(|error| error.to_string())?;
    let payload = compress(&payload).map_err(|error| error.to_string())?;
    let head = [layout, xxh3_64(&payload)].map(u64::to_le_bytes).concat();
    Ok(STANDARD.encode([&[VERSION], head.as_slice(), &payload].concat()))
}

/// The index in a file's footer. `None` if there is none, or none of its row groups.
pub(crate) fn of_file(file: &ParquetReader) -> Option<LongIndex> {
    let index = of_text(file.key_value(keys::INDEX)?, file.file().layout())?;
    has_all_rows(&index, file).then_some(index)
}

/// The index of a note. `None` if it is damaged, or of row groups with another layout.
fn of_text(text: &str, layout: u64) -> Option<LongIndex> {
    let bytes = STANDARD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (of_layout, rest) = rest.split_first_chunk()?;
    let (hash, payload) = rest.split_first_chunk()?;
    let is_of_file = u64::from_le_bytes(*of_layout) == layout;
    if *version != VERSION || !is_of_file || u64::from_le_bytes(*hash) != xxh3_64(payload) {
        return None;
    }
    let payload: Payload = postcard::from_bytes(&decompress(payload).ok()?).ok()?;
    payload.into_index()
}

/// Whether the row ranges of each row group are all of its rows.
fn has_all_rows(index: &LongIndex, file: &ParquetReader) -> bool {
    file.row_groups()
        .iter()
        .enumerate()
        .all(|(group, metadata)| usize::try_from(metadata.num_rows()) == Ok(index.n_rows_of(group)))
}

impl Payload {
    /// `None` if row ranges are apart.
    fn of(index: &LongIndex) -> Option<Self> {
        let sessions = index.sessions.iter();
        let maps = index
            .maps
            .iter()
            .map(|map| map.as_ref().map(|map| (map.model.clone(), map.param.clone(), map.desc.clone())));
        let regions = index.regions.iter();
        Some(Self {
            sessions: sessions
                .map(|session| (session.subject.as_str().to_owned(), session.id_str().map(str::to_owned)))
                .collect(),
            maps: maps.collect(),
            regions: regions
                .map(|region| (region.index, region.label.clone(), region.hemisphere.clone()))
                .collect(),
            region_lists: index.region_lists.iter().map(|list| differences(list.iter().copied())).collect(),
            ranges: Ranges::of(&index.row_ranges)?,
        })
    }

    /// `None` if it contradicts itself.
    fn into_index(self) -> Option<LongIndex> {
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|(subject, id)| Session::from_store(subject, id.as_deref()).ok());
        let maps = self.maps.into_iter();
        let regions = self.regions.into_iter();
        let lists = self.region_lists.into_iter();
        let index = LongIndex {
            sessions: sessions.collect::<Option<_>>()?,
            maps: maps.map(|map| map.map(|(model, param, desc)| MapSource { model, param, desc })).collect(),
            regions: regions.map(|(index, label, hemisphere)| Region { index, label, hemisphere }).collect(),
            region_lists: lists.map(|list| sums(list).collect::<Option<Vec<_>>>()).collect::<Option<_>>()?,
            row_ranges: self.ranges.into_row_ranges()?,
        };
        let is_known = |range: &RowRange| {
            let list = index.region_lists.get(range.region_list);
            range.session < index.sessions.len()
                && range.map < index.maps.len()
                && list.is_some_and(|list| list.len() == range.rows.len())
        };
        let mut regions = index.region_lists.iter().flatten();
        let is_whole =
            index.row_ranges.iter().all(is_known) && regions.all(|region| *region < index.regions.len());
        is_whole.then_some(index)
    }
}

impl Ranges {
    fn of(row_ranges: &[RowRange]) -> Option<Self> {
        let mut ranges = Self::default();
        let mut end = 0;
        for range in row_ranges {
            if range.row_group >= ranges.of_group.len() {
                ranges.of_group.resize(range.row_group + 1, 0);
                end = 0;
            }
            if range.rows.start != end || range.row_group + 1 != ranges.of_group.len() {
                return None;
            }
            end = range.rows.end;
            *ranges.of_group.last_mut()? += 1;
            ranges.rows.push(range.rows.len());
            ranges.maps.push(range.map);
            ranges.region_lists.push(range.region_list);
        }
        ranges.sessions = differences(row_ranges.iter().map(|range| range.session));
        Some(ranges)
    }

    fn into_row_ranges(self) -> Option<Vec<RowRange>> {
        let n = self.rows.len();
        if self.of_group.iter().try_fold(0_usize, |sum, of| sum.checked_add(*of))? != n
            || [self.sessions.len(), self.maps.len(), self.region_lists.len()] != [n; 3]
        {
            return None;
        }
        let mut groups =
            self.of_group.iter().enumerate().flat_map(|(group, n)| std::iter::repeat_n(group, *n));
        let keys = sums(self.sessions).zip(self.maps).zip(self.region_lists);
        let mut row_ranges: Vec<RowRange> = Vec::with_capacity(n);
        for (rows, ((session, map), region_list)) in self.rows.into_iter().zip(keys) {
            let row_group = groups.next()?;
            let last = row_ranges.last().filter(|last| last.row_group == row_group);
            let start = last.map_or(0, |last| last.rows.end);
            let rows = start..start.checked_add(rows)?;
            row_ranges.push(RowRange { row_group, rows, session: session?, map, region_list });
        }
        Some(row_ranges)
    }
}

/// The difference of each number to the one before it, of the first to 0.
fn differences(numbers: impl Iterator<Item = usize>) -> Vec<i64> {
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    let mut before = 0;
    let difference = |now| now - std::mem::replace(&mut before, now);
    numbers.map(number).map(difference).collect()
}

/// The numbers with these differences. `None` for one below zero, or too large.
fn sums(differences: Vec<i64>) -> impl Iterator<Item = Option<usize>> {
    let mut sum = 0_i64;
    differences.into_iter().map(move |difference| {
        sum = sum.checked_add(difference)?;
        usize::try_from(sum).ok()
    })
}

#[cfg(test)]
mod tests {
    use na_model::SubjectCode;
    use proptest::prelude::*;

    use super::*;
    use crate::tables::long_index::builder::IndexBuilder;

    /// Rows of one map: a new row group or not, subject, map, and the regions of its rows.
    type Rows = (bool, u8, u8, Vec<u8>);

    fn index_of(rows: &[Rows]) -> LongIndex {
        let mut builder = IndexBuilder::default();
        let (mut row_group, mut end) = (0, 0);
        for (is_new_group, subject, map, regions) in rows {
            if *is_new_group && end > 0 {
                (row_group, end) = (row_group + 1, 0);
            }
            let word = |of: &str| format!("{of}{map}");
            let map =
                (*map > 0).then(|| MapSource { model: word("m"), param: word("p"), desc: String::new() });
            let subject = subject.to_string();
            let session = Session::new(SubjectCode::clean(&subject).unwrap(), None);
            let region_list = builder.region_list(regions.iter().map(|region| Region {
                index: (region % 3 > 0).then(|| i64::from(*region) - 100),
                label: (region % 5 > 0).then(|| region.to_string()),
                hemisphere: (region % 2 > 0).then(|| "L".to_owned()),
            }));
            builder.add_rows(row_group, end..end + regions.len(), session, map, region_list);
            end += regions.len();
        }
        builder.index
    }

    proptest! {
        #[test]
        fn an_index_is_the_same_after_it_was_text(
            rows in prop::collection::vec(
                (any::<bool>(), any::<u8>(), 0..3_u8, prop::collection::vec(any::<u8>(), 1..6)),
                0..30,
            ),
            layout in any::<u64>(),
            place in any::<prop::sample::Index>(),
        ) {
            let index = index_of(&rows);
            let text = to_text(&index, layout).unwrap();
            prop_assert_eq!(of_text(&text, layout), Some(index));
            prop_assert_eq!(of_text(&text, layout ^ 1), None, "it is of other row groups");
            let mut damaged = text.into_bytes();
            let place = place.index(damaged.len());
            damaged[place] = if damaged[place] == b'A' { b'B' } else { b'A' };
            prop_assert_eq!(of_text(std::str::from_utf8(&damaged).unwrap(), layout), None);
        }
    }

    #[test]
    fn rows_that_are_apart_have_no_note() {
        let mut index = index_of(&[(false, 1, 0, vec![1, 2]), (false, 2, 0, vec![1, 2])]);
        index.row_ranges[1].rows = 3..5;
        assert!(to_text(&index, 7).is_err());
    }
}

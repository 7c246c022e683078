//! Total intracranial volume in the table that `parcellate` writes beside its others: `source_file` and `vol_TIV`.

use std::path::Path;

use na_model::columns::VOL_TIV;
use na_model::{Number, is_missing};

use crate::files::pointer::check_content;
use crate::files::tiv_rank::{Rank, image_of_report, rank_of_image};
use crate::parse::bad_cell::{bad_cell, expected_number};
use crate::parse::cell::unquoted;
use crate::parse::text::{has_lines_of_old_macs, line_of, text_of, without_bom};
use crate::parse::volume::{Volume, volume};
use crate::unit_error::{UnitError, shorten};

/// The volumes in column `vol_TIV`, row by row, each with the image of its source file. A row without a number above 0
/// has none.
///
/// # Errors
/// Bytes that are not such a table, with line and column.
pub fn tiv_from_tsv(path: &Path, bytes: &[u8]) -> Result<Vec<Volume>, UnitError> {
    check_content(path, bytes)?;
    let text = text_of(without_bom(bytes))
        .map_err(|(line, found)| UnitError::line(path, line, found, "UTF-8 text: write the file again"))?;
    if text.trim().is_empty() {
        return Err(UnitError::form(
            path,
            "an empty file",
            "columns source_file and vol_TIV: write it again",
        ));
    }
    if has_lines_of_old_macs(text) {
        return Err(UnitError::old_mac_lines(path));
    }
    if !text.ends_with('\n') {
        return Err(UnitError::cut_last_line(path, line_of(text.as_bytes(), text.len())));
    }
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap_or_default().split('\t').map(unquoted).collect();
    let Some(column) = header.iter().position(|name| name == VOL_TIV) else {
        let found = format!("the columns {}", shorten(header.join(", ").as_bytes()));
        return Err(UnitError::line(path, 1, found, "a column vol_TIV"));
    };
    let source = header.iter().position(|name| name == "source_file");
    let mut volumes = Vec::new();
    for (line, row) in (2..).zip(lines).filter(|(_, row)| !row.is_empty()) {
        let cells: Vec<&str> = row.split('\t').collect();
        if cells.len() != header.len() {
            let expected = format!("{} as in the header: the file may be cut", header.len());
            return Err(UnitError::line(path, line, format!("{} cells", cells.len()), expected));
        }
        let cell = cells.get(column).copied().unwrap_or_default();
        if is_missing(cell) {
            continue;
        }
        if Number::parse(cell).is_none() {
            return Err(bad_cell(path, line, VOL_TIV, cell, expected_number(cell)));
        }
        let image = source.and_then(|index| cells.get(index)).map_or("", |file| image_of_source(file));
        volumes.extend(volume(cell).map(|millilitres| Volume {
            rank: Rank::Table(rank_of_image(image)),
            image: image.to_owned(),
            millilitres,
        }));
    }
    Ok(volumes)
}

fn image_of_source(file: &str) -> &str {
    let name = file.trim_matches('"').rsplit(['/', '\\']).next().unwrap_or_default();
    image_of_report(name).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiv(text: &str) -> Result<Vec<(Rank, f64)>, String> {
        let volumes =
            tiv_from_tsv(Path::new("x_tiv.tsv"), text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(volumes.into_iter().map(|volume| (volume.rank, volume.millilitres)).collect())
    }

    #[test]
    fn each_row_with_a_number_has_the_rank_of_its_image() {
        let rows = "source_file\tvol_TIV\n/a.b/cat_o.xml\t1400\n\
            /x/cat_s_T1w.xml\t1401\n\
            /x/cat_s_ce-corrected_T1w.xml\tn/a\n\
            /x/cat_s_ce-corrected_T1w.xml\t-1\n\
            /x/cat_s_ce-uncorrected_T1w.xml\t1402.25\n";
        let expected = [(Rank::Table(3), 1400.0), (Rank::Table(2), 1401.0), (Rank::Table(1), 1402.25)];
        assert_eq!(tiv(rows), Ok(expected.to_vec()));
        let bare = tiv("\u{feff}vol_TIV\r\n1500.5\r\n1600\r\n\r\n");
        assert_eq!(bare, Ok(vec![(Rank::Table(3), 1500.5), (Rank::Table(3), 1600.0)]));
        let images = tiv_from_tsv(Path::new("x"), rows.as_bytes()).unwrap();
        assert_eq!(images[1].image, "s_T1w");
    }

    #[test]
    fn nothing_is_none() {
        for cell in ["", "NaN", "n/a", "N/A", "None", "0", "-1500", "inf"] {
            assert_eq!(tiv(&format!("source_file\tvol_TIV\nx\t{cell}\n")), Ok(Vec::new()), "{cell}");
        }
        assert_eq!(tiv("source_file\tvol_TIV\n"), Ok(Vec::new()));
    }

    #[test]
    fn other_tables_are_errors_with_their_place() {
        let says = |text: &str, words: &str| {
            let error = tiv(text).unwrap_err();
            assert!(error.contains("x_tiv.tsv") && error.contains(words), "{error}");
        };
        says("source_file\tvol_TIV\nx\t12,5\n", "line 2, column vol_TIV: found \"12,5\"");
        says("source_file\tvol_TIV\nx\n", "line 2: found 1 cells");
        says("source_file\tvol_TIV\nx\t1500\ny\t16", "line 3: found a last line that has no end");
        says("source_file\tTIV\nx\t1\n", "line 1: found the columns source_file, TIV");
        says("source_file\tvol_TIV\rx\t1500\r", "CR alone");
        says("", "an empty file");
    }
}

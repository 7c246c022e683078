//! TIV in the table that `parcellate` writes beside its own: `source_file` and `vol_TIV`.

use std::path::Path;

use crate::cell::{expected_number, is_null_number, unquoted};
use crate::delimited::{line_of, text_of, without_bom};
use crate::tiv::{rank_of_stem, volume};
use crate::unit_error::{UnitError, shorten};

/// The volume in column `vol_TIV`, mL: of several rows, that of the most trusted source file that has a number above
/// 0.
///
/// # Errors
/// Bytes that are no such table, with line and column.
pub fn tiv_from_tsv(path: &Path, bytes: &[u8]) -> Result<Option<f64>, UnitError> {
    let text = text_of(without_bom(bytes))
        .map_err(|(line, found)| UnitError::line(path, line, found, "UTF-8 text: write the file again"))?;
    if text.trim().is_empty() {
        return Err(UnitError::form(
            path,
            "an empty file",
            "columns source_file and vol_TIV: write it again",
        ));
    }
    if !text.ends_with('\n') {
        let expected = "a newline: the file may be cut; if it is whole, add a newline";
        let line = line_of(text.as_bytes(), text.len());
        return Err(UnitError::line(path, line, "a last line that has no end", expected));
    }
    let mut lines = text.lines();
    let header: Vec<_> =
        lines.next().unwrap_or_default().split('\t').map(|n| unquoted(n.as_bytes())).collect();
    let Some(column) = header.iter().position(|name| name == "vol_TIV") else {
        let found = format!("the columns {}", shorten(header.join(", ").as_bytes()));
        return Err(UnitError::line(path, 1, found, "a column vol_TIV"));
    };
    let source = header.iter().position(|name| name == "source_file");
    let mut best: Option<(u8, f64)> = None;
    for (line, row) in (2..).zip(lines).filter(|(_, row)| !row.is_empty()) {
        let cells: Vec<&str> = row.split('\t').collect();
        if cells.len() != header.len() {
            let expected = format!("{} as in the header: the file may be cut", header.len());
            return Err(UnitError::line(path, line, format!("{} cells", cells.len()), expected));
        }
        let cell = cells.get(column).copied().unwrap_or_default().as_bytes();
        if is_null_number(cell) {
            continue;
        }
        if fast_float2::parse::<f64, _>(cell).is_err() {
            return Err(UnitError::Cell {
                path: path.to_owned(),
                line,
                column: "vol_TIV".to_owned(),
                found: shorten(cell),
                expected: expected_number(cell),
            });
        }
        let rank = source.and_then(|place| cells.get(place)).map_or(3, |file| rank_of_source(file));
        if let Some(ml) = volume(cell).filter(|_| best.is_none_or(|(before, _)| rank < before)) {
            best = Some((rank, ml));
        }
    }
    Ok(best.map(|(_, ml)| ml))
}

fn rank_of_source(file: &str) -> u8 {
    let name = file.trim_matches('"').rsplit('/').next().unwrap_or_default();
    rank_of_stem(name.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiv(text: &str) -> Result<Option<f64>, String> {
        tiv_from_tsv(Path::new("x_tiv.tsv"), text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_most_trusted_row_with_a_number_counts() {
        let rows = "source_file\tvol_TIV\n/a.b/cat_o.xml\t1400\n\
            /x/cat_s_T1w.xml\t1401\n\
            /x/cat_s_ce-uncorrected_T1w.xml\t1402\n";
        assert_eq!(tiv(rows), Ok(Some(1402.0)));
        assert_eq!(tiv(&format!("{rows}/x/cat_s_ce-corrected_T1w.xml\t1403.25\n")), Ok(Some(1403.25)));
        assert_eq!(tiv(&format!("{rows}/x/cat_s_ce-corrected_T1w.xml\tn/a\n")), Ok(Some(1402.0)));
        assert_eq!(tiv(&format!("{rows}/x/cat_s_ce-corrected_T1w.xml\t-1\n")), Ok(Some(1402.0)));
        assert_eq!(tiv("\u{feff}vol_TIV\r\n1500.5\r\n1600\r\n\r\n"), Ok(Some(1500.5)));
    }

    #[test]
    fn nothing_is_none() {
        for cell in ["", "NaN", "n/a", "0", "-1500", "inf"] {
            assert_eq!(tiv(&format!("source_file\tvol_TIV\nx\t{cell}\n")), Ok(None), "{cell}");
        }
        assert_eq!(tiv("source_file\tvol_TIV\n"), Ok(None));
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
        says("", "an empty file");
    }
}

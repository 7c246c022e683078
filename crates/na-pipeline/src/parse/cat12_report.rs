//! Total intracranial volume in CAT12's report.

use std::path::Path;

use na_model::columns::VOL_TIV;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::files::pointer::check_content;
use crate::parse::text::line_and_character;
use crate::parse::volume::volume;
use crate::unit_error::{UnitError, complaint};

/// The first `<subjectmeasures><vol_TIV>` directly under the root that is a number above 0, mL. Deeper ones hold help
/// texts, and `<subjectratings>` a rating. Nothing after the number is read, and no entity is expanded.
///
/// # Errors
/// XML that is not well-formed up to the number, with line and character.
pub fn tiv_from_xml(path: &Path, bytes: &[u8]) -> Result<Option<f64>, UnitError> {
    check_content(path, bytes)?;
    // Only the number must be UTF-8: older reports hold paths in the system's own encoding.
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut depth = 0_usize;
    let mut in_measures = false;
    let mut seen_root = false;
    let mut number: Option<String> = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| syntax(path, &text, reader.error_position(), complaint(&error)))?;
        match event {
            Event::Start(element) => {
                depth += 1;
                seen_root = true;
                let name = element.name();
                match depth {
                    2 => in_measures = name.as_ref() == "subjectmeasures",
                    3 if in_measures && name.as_ref() == VOL_TIV => number = Some(String::new()),
                    _ => spoil(&mut number),
                }
            }
            Event::Text(piece) => {
                if let Some(number) = number.as_mut().filter(|_| depth == 3) {
                    number.push_str(&piece.xml10_content());
                }
            }
            Event::End(_) => {
                if depth == 3
                    && let Some(ml) = number.take().and_then(|number| volume(&number))
                {
                    return Ok(Some(ml));
                }
                depth = depth.saturating_sub(1);
            }
            Event::Empty(_) => {
                seen_root = true;
                spoil(&mut number);
            }
            Event::GeneralRef(_) | Event::CData(_) => spoil(&mut number),
            Event::Eof if depth == 0 && seen_root => return Ok(None),
            Event::Eof => {
                let problem = "the file ends before its elements do: it may be cut".to_owned();
                return Err(syntax(path, &text, reader.buffer_position(), problem));
            }
            _ => {}
        }
    }
}

/// Makes text that is interrupted by markup no number: dropping the markup would join its digits.
fn spoil(number: &mut Option<String>) {
    if let Some(number) = number {
        number.push('?');
    }
}

fn syntax(path: &Path, text: &str, position: u64, problem: String) -> UnitError {
    let (line, character) = line_and_character(text, usize::try_from(position).unwrap_or(text.len()));
    UnitError::Syntax { path: path.to_owned(), line, character, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiv(text: &str) -> Result<Option<f64>, String> {
        tiv_from_xml(Path::new("cat_x.xml"), text.as_bytes()).map_err(|error| error.to_string())
    }

    const REPORT: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<S>\n \
        <help><subjectmeasures><vol_TIV>12</vol_TIV>\
        </subjectmeasures></help>\n \
        <subjectratings><vol_TIV>1.2</vol_TIV></subjectratings>\n <subjectmeasures>\
        <vol_TIV>total intracranial volume</vol_TIV></subjectmeasures>\n <subjectmeasures><x><vol_TIV>13</vol_TIV></x>\
        <vol_abs_CGW>[1 2]</vol_abs_CGW><vol_TIV> 1777.8443260565234 </vol_TIV></subjectmeasures>\n</S>\n";

    #[test]
    fn only_the_measure_directly_under_the_root_counts() {
        assert_eq!(tiv(REPORT), Ok(Some(1_777.844_326_056_523_4)));
        assert_eq!(
            tiv("<A><subjectmeasures><vol_TIV>1.5e3</vol_TIV></subjectmeasures></A>"),
            Ok(Some(1500.0))
        );
    }

    #[test]
    fn what_is_no_number_above_0_is_passed_over() {
        for found in
            ["NaN", "", "[ ]", "1500,5", "0", "-3", "Inf", "1500 mL", "15<b>0</b>00", "15<b/>00", "&#49;500"]
        {
            let text = format!("<S><subjectmeasures><vol_TIV>{found}</vol_TIV></subjectmeasures></S>");
            assert_eq!(tiv(&text), Ok(None), "{found}");
        }
        let two = "<S><subjectmeasures><vol_TIV>NaN</vol_TIV><vol_TIV>1400</vol_TIV></subjectmeasures></S>";
        assert_eq!(tiv(two), Ok(Some(1400.0)));
        assert_eq!(tiv("<S><subjectmeasures/></S>"), Ok(None));
        assert_eq!(tiv("<S/>"), Ok(None));
        assert_eq!(tiv("<vol_TIV>1500</vol_TIV>"), Ok(None));
    }

    #[test]
    fn a_cut_or_broken_report_is_an_error_with_its_place() {
        let error = tiv(&REPORT[..REPORT.find("12</vol_TIV>").unwrap()]).unwrap_err();
        assert!(error.starts_with("cat_x.xml, line 3, character 34: "), "{error}");
        let error = tiv("<S>\n <a></b>\n</S>").unwrap_err();
        assert!(error.starts_with("cat_x.xml, line 2, character 5: "), "{error}");
        let error = tiv("<S>\n <é></b>\n</S>").unwrap_err();
        assert!(error.starts_with("cat_x.xml, line 2, character 5: "), "{error}");
        let error = tiv(&format!("<S></{}></S>", "a\nb".repeat(1000))).unwrap_err();
        assert!(error.len() < 300 && error.lines().count() == 1, "{error}");
        assert!(tiv("<S><subjectmeasures><vol_TIV>1777.8").unwrap_err().contains("may be cut"));
        assert!(tiv("").is_err());
        assert!(tiv("not xml").is_err());
    }

    #[test]
    fn what_follows_the_number_does_not_matter() {
        let end = REPORT.find("</vol_TIV></subjectmeasures>\n</S>").unwrap() + "</vol_TIV>".len();
        assert!(tiv(&REPORT[..end]).unwrap().is_some());
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = "<!DOCTYPE S [<!ENTITY a \"9999999999\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
            <S><subjectmeasures><vol_TIV>&b;</vol_TIV><vol_TIV>1400</vol_TIV></subjectmeasures></S>";
        assert_eq!(tiv(bomb), Ok(Some(1400.0)));
    }

    #[test]
    fn bytes_of_another_encoding_elsewhere_do_not_matter() {
        let mut bytes = b"<S><file>M\xfcller</file>".to_vec();
        bytes.extend_from_slice(b"<subjectmeasures><vol_TIV>1400</vol_TIV></subjectmeasures></S>");
        assert_eq!(tiv_from_xml(Path::new("x"), &bytes).unwrap(), Some(1400.0));
    }
}

use arrow_array::{
    Array, Float64Array,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<ParsedTable, UnitError> {
    parse_table(Path::new("x_parc.tsv"), text.as_bytes())
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The type of a column `extra` that holds these cells.
fn type_of(name: &str, cells: &[&str]) -> DataType {
    column(name, cells).data_type().clone()
}

fn column(name: &str, cells: &[&str]) -> arrow_array::ArrayRef {
    let rows: String = cells.iter().enumerate().map(|(row, cell)| format!("a{row}\t1.5\t{cell}\n")).collect();
    parse(&format!("label\tcv\t{name}\n{rows}")).unwrap().batch.column(2).clone()
}

fn texts(name: &str, cells: &[&str]) -> Vec<Option<String>> {
    column(name, cells).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn cell_error(name: &str, cell: &str) -> String {
    error(&format!("label\tcv\t{name}\na\t1\t\nb\t1\t{cell}\n"))
}

#[test]
fn a_table_keeps_its_columns_in_order_with_their_types() {
    let table = parse(
        "index\tlabel\tvolume_mm3\tvoxel_count\tis_bimodal\n1\tL\t711.6200971901417\t139\tTrue\n2\tR\t\t\tFalse\n",
    )
    .unwrap();
    let types: Vec<_> = table
        .batch
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone(), field.is_nullable()))
        .collect();
    assert_eq!(
        types,
        [
            ("index".into(), DataType::Int64, true),
            ("label".into(), DataType::Utf8, true),
            ("volume_mm3".into(), DataType::Float64, true),
            ("voxel_count".into(), DataType::Int64, true),
            ("is_bimodal".into(), DataType::Boolean, true),
        ]
    );
    let volumes = table.batch.column(2).as_primitive::<Float64Type>();
    assert_eq!(volumes.iter().collect::<Vec<_>>(), [Some(711.620_097_190_141_7), None]);
    let flags: Vec<_> = table.batch.column(4).as_boolean().iter().collect();
    assert_eq!(flags, [Some(true), Some(false)]);
}

#[test]
fn bom_crlf_and_empty_lines_at_the_end_change_nothing() {
    let plain = "label\tmean\tstd\textra\tis_bimodal\na\t1.5\t2\tx\tTrue\nb\t2.5\t\t\tFalse\n";
    let expected = parse(plain).unwrap();
    assert_eq!(parse(&format!("\u{feff}{}", plain.replace('\n', "\r\n"))).unwrap(), expected);
    assert_eq!(parse(&format!("{plain}\n\n")).unwrap(), expected);
    assert_eq!(parse(&format!("{}\r\n\r\n", plain.replace('\n', "\r\n"))).unwrap(), expected);
    let numbers_last = "label\tmean\na\t1.5\nb\t2.5\n";
    assert_eq!(parse(&numbers_last.replace('\n', "\r\n")).unwrap(), parse(numbers_last).unwrap());
    let integers_last = "label\tmean\na\t1\nb\t2\n";
    assert_eq!(parse(&integers_last.replace('\n', "\r\n")).unwrap(), parse(integers_last).unwrap());
}

#[test]
fn a_region_can_be_called_na() {
    assert_eq!(
        texts("network_label", &["NA", "NaN", "n/a", "", "1", "True"]),
        [Some("NA".into()), Some("NaN".into()), None, None, Some("1".into()), Some("True".into())]
    );
    for name in ["hemisphere", "atlas_name"] {
        assert_eq!(type_of(name, &["1", "2"]), DataType::Utf8);
        assert_eq!(type_of(name, &["", ""]), DataType::Utf8);
    }
    assert!(parse("name\tmean\nNA\t1\n").is_ok());
}

#[test]
fn numeric_columns_know_every_word_for_nothing() {
    let means =
        column("mean", &["0.5", "", "N/A", "NA", "#N/A", "-nan", "None", "-0.0", "inf", "-inf", "+1.5"]);
    let means: Vec<_> =
        means.as_primitive::<Float64Type>().iter().map(|value| value.map(f64::to_bits)).collect();
    let values = |values: &[f64]| values.iter().map(|v| Some(v.to_bits())).collect::<Vec<_>>();
    assert_eq!(means[..1], values(&[0.5]));
    assert_eq!(means[1..7], [None; 6]);
    assert_eq!(means[7..], values(&[-0.0, f64::INFINITY, f64::NEG_INFINITY, 1.5]));
}

#[test]
fn statistics_are_integers_only_while_all_are() {
    assert_eq!(type_of("mean", &["", "1", "-2", "9223372036854775807"]), DataType::Int64);
    assert!(cell_error("mean", "9223372036854775808").contains("64 bits"));
    assert_eq!(type_of("mean", &["", "None"]), DataType::Float64);
    let widened = column("mean", &["", "9007199254740993", "3", "0.5", "7"]);
    let widened: Vec<_> = widened.as_primitive::<Float64Type>().iter().collect();
    assert_eq!(widened, [None, Some(9_007_199_254_740_993_i64 as f64), Some(3.0), Some(0.5), Some(7.0)]);
    let minus_zero = column("mean", &["1", "-0"]);
    assert_eq!(minus_zero.as_primitive::<Float64Type>().value(1).to_bits(), (-0.0_f64).to_bits());
}

#[test]
fn statistics_must_be_numbers() {
    let message = cell_error("mean", "ERR");
    assert_eq!(message, "x_parc.tsv, line 3, column mean: found \"ERR\", expected a number or empty");
    assert!(cell_error("mean", "1,5").contains("decimal point, not a comma"));
    assert!(cell_error("mean", "1e999").contains("a number that a double can hold"));
    for cell in [" 1", "True", "\"1\"", "nil", "1.5x", "1 5"] {
        assert!(cell_error("mean", cell).contains("a number or empty"), "{cell}");
    }
    let long = cell_error("mean", &"x".repeat(1000));
    assert!(long.len() < 200, "{long}");
    // Also where the column is of doubles or integers already.
    assert!(error("label\tmean\na\t1.5\nb\t1.5x\n").contains("line 3, column mean"));
    assert!(error("label\tmean\na\t1.5\nb\t1e999\n").contains("double can hold"));
    assert!(error("label\tmean\na\t1\nb\t2x\n").contains("line 3, column mean"));
}

#[test]
fn flags_may_be_numbers() {
    let flags = column("is_bimodal", &["True", "1", "1.0", "true", "0", "0.0", "False", "FALSE", "", "NaN"]);
    let flags: Vec<_> = flags.as_boolean().iter().collect();
    assert_eq!(
        flags,
        [[Some(true); 4], [Some(false); 4]].concat().into_iter().chain([None; 2]).collect::<Vec<_>>()
    );
    assert_eq!(type_of("is_bimodal", &["", ""]), DataType::Boolean);
    for cell in ["2", "yes", "Truer", "-1"] {
        let message = cell_error("is_bimodal", cell);
        assert!(
            message.contains("line 3, column is_bimodal") && message.contains("True, False"),
            "{message}"
        );
    }
}

#[test]
fn an_index_is_an_integer() {
    let index = column("index", &["1", "12.0", "13.", "n/a", ""]);
    let index: Vec<_> = index.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(index, [Some(1), Some(12), Some(13), None, None]);
    for cell in ["1.5", "x", "007"] {
        let message = error(&format!("label\tmean\tindex\na\t1\t1\nb\t1\t{cell}\n"));
        assert!(message.contains("line 3, column index") && message.contains("an integer"), "{message}");
    }
}

#[test]
fn other_columns_take_the_narrowest_type() {
    use DataType::{Boolean, Float64, Int64, Null, Utf8};
    let cases: [(&[&str], DataType); 15] = [
        (&["", "n/a", "NA", "NaN", "N/A", "null"], Null),
        (&["NA", "1", "2"], Int64),
        (&["1", "", "2.5", "-inf", "1e-7"], Float64),
        (&["True", "false", ""], Boolean),
        (&["1", "True"], Utf8),
        (&["True", "0"], Utf8),
        (&["1", "2.5", "x"], Utf8),
        (&["1", "007"], Utf8),
        (&["1.5", "007"], Utf8),
        (&["1.5", "+2.5", "Inf"], Float64),
        (&["1", "+2"], Int64),
        (&["1", "1234567890123456789"], Int64),
        (&["1.5", "12345678901234567890"], Utf8),
        (&["1.5", "1e999"], Utf8),
        (&["1", "\"2\""], Utf8),
    ];
    for (cells, expected) in cases {
        assert_eq!(type_of("extra", cells), expected, "{cells:?}");
    }
    assert_eq!(type_of("extra", &["1.5", "0.12345678901234567890"]), Float64);
}

#[test]
fn a_column_that_becomes_text_keeps_what_was_written_above() {
    assert_eq!(
        texts("extra", &["NA", "", "1.50", "1e3", "n/a", "word", "2"]),
        [
            Some("NA".into()),
            None,
            Some("1.50".into()),
            Some("1e3".into()),
            None,
            Some("word".into()),
            Some("2".into())
        ]
    );
}

#[test]
fn quotes_are_characters_unless_they_enclose_a_cell_of_text() {
    let table = parse("\"label\"\t\"mean\"\n\"a \"\"b\"\"\"\t1\n5\" x\t2\n").unwrap();
    let labels: Vec<_> = table.batch.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(labels, ["a \"b\"", "5\" x"]);
}

#[test]
fn rows_of_another_length_are_errors_with_their_line() {
    let short = error("label\tmean\tstd\na\t1\t2\nb\t1\n");
    assert!(short.starts_with("x_parc.tsv, line 3: found 2 cells, expected 3"), "{short}");
    assert!(short.contains("may be cut"), "{short}");
    assert!(error("label\tmean\na\t1\t2\n").contains("line 2: found 3 cells, expected 2"));
    // A cell that slipped into the place of a missing one is not the error.
    assert!(error("label\tmean\tstd\ncortex\textra\t1\t2\n").contains("found 4 cells"));
    assert!(error("label\tmean\na\t1\n\nb\t2\n").contains("line 3: found 1 cells"));
}

#[test]
fn a_file_that_may_be_cut_is_an_error() {
    let message = error("label\tmean\na\t1\nb\t1.2");
    assert!(message.contains("line 3") && message.contains("add a newline"), "{message}");
    assert!(error("label\tmean").contains("a header and no rows"));
    assert!(error("label\tmean\n\n").contains("a header and no rows"));
    for empty in ["", "\u{feff}", "\n\n"] {
        assert!(error(empty).contains("an empty file"), "{empty:?}");
    }
}

#[test]
fn a_header_names_regions_and_statistics_once_each() {
    assert!(error("region\tmean\na\t1\n").contains("a column label or name"));
    assert!(error("label,mean\na,1\n").contains("without tabs"));
    assert!(error("label\textra\na\t1\n").contains("a statistic that parcellate computes"));
    assert!(error("label\tmean\tmean\na\t1\t1\n").contains("line 1: found the column \"mean\" twice"));
    assert!(error("label\tmean\t\na\t1\t1\n").contains("no name for column 3"));
    for name in na_model::columns::ADDED_COLUMNS.concat() {
        assert!(error(&format!("label\tmean\t{name}\na\t1\t1\n")).contains("the store adds"), "{name}");
    }
}

#[test]
fn a_row_that_repeats_another_is_left_out_with_a_note() {
    let table = parse("label\tmean\textra\na\t1.50\tx\nb\t2\t\na\t1.5\tx\na\t1.5\tx\n").unwrap();
    assert_eq!(table.batch.num_rows(), 2);
    let note = "x_parc.tsv: rows that repeat others were left out: 2, e.g. line 4 is line 2 again";
    assert_eq!(table.notes, [note]);
    assert_eq!(parse("label\tmean\na\t1\nb\t1\n").unwrap().notes, Vec::<String>::new());
}

#[test]
fn two_rows_of_one_region_that_differ_are_an_error_with_both_lines() {
    let message = error("index\tlabel\tmean\n2\tb\t1\n1\ta\t1\n2\tb\t1.5\n");
    assert!(message.contains("line 4: found another row of region 2 \"b\" than line 2"), "{message}");
    assert!(
        error("label\tmean\na\t1\na\t\n").contains("line 3: found another row of region \"a\" than line 2")
    );
    assert!(error("index\tlabel\tmean\n1\t\t1\n1\t\t2\n").contains("another row of region 1 than line 2"));
    let nameless = error("index\tlabel\tmean\n\t\t1\n1\ta\t1\n\t\t2\n");
    assert!(
        nameless.contains("line 4") && nameless.contains("a region without label and index"),
        "{nameless}"
    );
    assert!(nameless.contains("a label or an index in each row"), "{nameless}");
}

#[test]
fn regions_are_told_apart_by_index_label_and_hemisphere() {
    for distinct in [
        "index\tlabel\tmean\n1\ta\t1\n2\ta\t2\n",
        "index\tlabel\tmean\n1\ta\t1\n1\tb\t2\n",
        "hemisphere\tlabel\tmean\nL\ta\t1\nR\ta\t2\n",
        "hemi\tlabel\tmean\n1\ta\t1\n2\ta\t2\n",
        "structure\tlabel\tmean\nlh\ta\t1\n\ta\t2\n",
    ] {
        assert_eq!(parse(distinct).unwrap().batch.num_rows(), 2, "{distinct}");
    }
    // The first of the columns that is there counts.
    let message = error("hemi\themisphere\tlabel\tmean\nlh\tL\ta\t1\nrh\tL\ta\t2\n");
    assert!(message.contains("region \"a\" (L)"), "{message}");
}

#[test]
fn lines_of_old_macs_are_named() {
    assert!(error("label\tmean\ra\t1\r").contains("CR alone, as on old Macs"));
    assert!(error("label\tmean\ra\t1\r\n").contains("save it again"));
}

/// A square table whose columns turn to text in its last row.
fn turning_late(size: usize) -> String {
    let names: Vec<String> = (0..size).map(|column| format!("c{column}")).collect();
    let rows: String = (1..size).map(|row| format!("r{row}\t1{}\n", "\t7".repeat(size))).collect();
    format!("label\tmean\t{}\n{rows}last\t1{}\n", names.join("\t"), "\tx".repeat(size))
}

#[test]
fn columns_that_turn_to_text_late_are_read_twice_in_all() {
    let size = 1200;
    let text = turning_late(size);
    let asked = std::cell::Cell::new(0);
    let counts = || {
        asked.set(asked.get() + 1);
        false
    };
    let begin = std::time::Instant::now();
    let table = parse_table_unless(Path::new("x"), text.as_bytes(), &counts).unwrap();
    // Seconds are what the cube of the size takes, and ten times as much as is allowed here.
    assert!(begin.elapsed() < std::time::Duration::from_secs(30), "{:?}", begin.elapsed());
    let last = table.batch.column(size + 1).as_string::<i32>();
    assert_eq!((last.value(0), last.value(size - 1)), ("7", "x"));
    let cells = size * (size + 2);
    assert!((cells / 8192..cells / 1024).contains(&asked.get()), "{} questions", asked.get());
}

#[test]
fn a_stop_inside_a_table_is_heard_in_either_pass() {
    let text = turning_late(200);
    let questions = |stop_at: usize| {
        let asked = std::cell::Cell::new(0);
        let stops = || asked.replace(asked.get() + 1) == stop_at;
        (
            parse_table_unless(Path::new("x"), text.as_bytes(), &stops)
                .is_err_and(|e| matches!(e, UnitError::Stopped)),
            asked.get(),
        )
    };
    let (is_stopped, all) = questions(usize::MAX);
    assert!(!is_stopped && all > 16, "{all}");
    for at in [0, 1, all / 2, all - 1] {
        assert_eq!(questions(at), (true, at + 1));
    }
}

#[test]
fn bytes_that_are_no_text_are_errors_with_their_line() {
    let parse = |bytes: &[u8]| parse_table(Path::new("x"), bytes).unwrap_err().to_string();
    assert!(parse(b"label\tmean\na\t1\n\0\0\0\0").contains("line 3: found a NUL byte"));
    assert!(parse(b"label\tmean\n\xe9\t1\n").contains("line 2: found a byte that is not UTF-8"));
}

proptest! {
    #[test]
    fn doubles_survive_bit_for_bit(
        table in (1_usize..5).prop_flat_map(|width| {
            prop::collection::vec(prop::collection::vec(any::<f64>(), width), 1..20)
        }),
        shortest in any::<bool>(),
        statistic in any::<bool>(),
    ) {
        let names = if statistic { ["mean", "std", "median", "sum"] } else { ["a", "b", "c", "d"] };
        let width = table[0].len();
        let mut text = format!("label\tcv\t{}\n", names[..width].join("\t"));
        for (number, row) in table.iter().enumerate() {
            text.push_str(&format!("r{number}\t1"));
            for value in row {
                match (value.is_nan(), shortest) {
                    (true, _) => text.push('\t'),
                    (false, true) => text.push_str(&format!("\t{value:?}")),
                    (false, false) => text.push_str(&format!("\t{value:.17e}")),
                }
            }
            text.push('\n');
        }
        let parsed = parse(&text).unwrap();
        for index in 0..width {
            let expected: Vec<Option<u64>> =
                table.iter().map(|row| Some(row[index]).filter(|v| !v.is_nan()).map(f64::to_bits)).collect();
            let array = parsed.batch.column(index + 2);
            let found: Vec<Option<u64>> = match array.as_any().downcast_ref::<Float64Array>() {
                Some(doubles) => doubles.iter().map(|v| v.map(f64::to_bits)).collect(),
                None => vec![None; array.null_count().max(array.logical_null_count())],
            };
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_bytes_can_break_the_reader(bytes in "[\"a1.,\\-e\t\n\r]{0,80}") {
        let text = format!("label\tmean\tx\n{bytes}\n");
        if let Ok(table) = parse(&text) {
            let lines = text.trim_end_matches(['\r', '\n']).split('\n').count();
            prop_assert!(table.batch.num_rows() < lines);
        }
    }
}

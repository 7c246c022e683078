use arrow_array::{
    Array,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use proptest::prelude::*;

use super::*;

/// A column of these cells, or the index of the first that does not fit.
fn read(name: &str, cells: &[String], is_fast: bool) -> Result<ArrayRef, (usize, String)> {
    let mut column = ColumnBuilder::new(name.to_owned(), cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let rest = format!("{cell}\t1");
        if is_fast && let Some(end) = column.take_usual(rest.as_bytes()) {
            assert_eq!(end, cell.len());
            continue;
        }
        column.push(cell).map_err(|misfit| (index, format!("{misfit:?}")))?;
    }
    Ok(column.finish())
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<f64>().prop_map(|x| x.to_string()),
        4 => any::<i64>().prop_map(|x| x.to_string()),
        4 => (-999..999_i64).prop_map(|x| x.to_string()),
        2 => "[+-]?[0-9]{0,21}[.]?[0-9]{0,3}",
        2 => "[+-]?[0-9.eEinfaN+-]{0,6}",
        1 => prop::sample::select(vec![
            "", "n/a", "N/A", "NA", "NaN", "nan", "-nan", "null", "NULL", "None", "none", "<NA>", "#N/A", "NAN", ".", "-",
            "True", "False", "true", "FALSE", "TRUE", "Truer", "x", "é", "\"1\"", "Inf", "-inf", "Infinity", "+1.5",
            "007", "-00.5", "00", "-0", "+0", "0.0", "1e999", "1e-999", "123456789012345678", "1234567890123456789",
            "9223372036854775808", "9007199254740993", "12.0",
        ]).prop_map(str::to_owned),
    ]
}

/// What the one rule says of a column of numbers.
fn numbers(cells: &[String]) -> Option<Vec<Option<Number>>> {
    cells
        .iter()
        .map(|cell| if is_missing(cell) { Some(None) } else { Number::parse(cell).map(Some) })
        .collect()
}

fn values(array: &ArrayRef) -> Vec<Option<u64>> {
    if let Some(doubles) = array.as_primitive_opt::<Float64Type>() {
        return doubles.iter().map(|value| value.map(f64::to_bits)).collect();
    }
    let integers = array.as_primitive_opt::<Int64Type>();
    integers.map_or_else(|| vec![None; array.len()], |all| all.iter().map(|v| v.map(|v| v as u64)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_cell_gives_the_same_with_and_without_the_fast_path(
        cells in prop::collection::vec(cell(), 1..8),
        name in prop::sample::select(vec!["mean", "index", "extra", "is_bimodal", "label"]),
    ) {
        prop_assert_eq!(read(name, &cells, true), read(name, &cells, false));
    }

    #[test]
    fn a_number_is_one_in_a_statistic_as_in_any_other_column(cells in prop::collection::vec(cell(), 1..4)) {
        let statistic = read("mean", &cells, true);
        let other = read("extra", &cells, true);
        let Some(expected) = numbers(&cells) else {
            prop_assert!(statistic.is_err());
            prop_assert!(other.is_err() || cells.iter().all(|cell| is_missing(cell) || boolean(cell).is_some()));
            return Ok(());
        };
        let are_doubles = expected.iter().flatten().any(|number| matches!(number, Number::Double(_)));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|number| Some(match number? {
                Number::Integer(value) if !are_doubles => value as u64,
                number => number.to_double().to_bits(),
            }))
            .collect();
        prop_assert_eq!(values(&statistic.unwrap()), expected.clone());
        prop_assert_eq!(values(&other.unwrap()), expected);
    }
}

#[test]
fn infinity_and_a_plus_sign_are_numbers_in_any_column() {
    for cell in ["Inf", "+1.5", "-inf", "1e3"] {
        let column = read("extra", &[cell.to_owned()], true).unwrap();
        assert_eq!(column.as_primitive::<Float64Type>().len(), 1, "{cell}");
    }
}

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};

use super::*;

const HEADER: &str = "node\tscalar\tqsirecon_suffix\tmean\tstdev\tmedian\n";

fn path() -> &'static Path {
    Path::new("sub-1_seg-A_scalarstats.tsv")
}

fn parsed(rows: &str, map: &str) -> Result<ParsedTable, String> {
    let text = format!("{HEADER}{rows}");
    parse_scalarstats(path(), text.as_bytes(), "W", &[map], &|| false)
        .map(|mut tables| tables.remove(0))
        .map_err(|error| error.to_string())
}

fn means(batch: &RecordBatch) -> Vec<Option<f64>> {
    batch["mean"].as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn a_map_has_a_row_a_node_and_what_has_no_value_is_null() {
    let rows = "a\tod\tW\t0.5\t0.25\t1\na\tcoverage\tW\t1.0\tn/a\tn/a\nb\tod\tW\tn/a\tn/a\tn/a\nb\tcoverage\tW\t0.5\tn/a\tn/a\n";
    let od = parsed(rows, "od").unwrap();
    let names: Vec<String> = od.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["label", "mean", "stdev", "median"]);
    assert_eq!((means(&od.batch), od.remarks.len()), (vec![Some(0.5), None], 0));
    let coverage = parsed(rows, "coverage").unwrap().batch;
    assert_eq!(means(&coverage), [Some(1.0), Some(0.5)]);
    assert_eq!(coverage["stdev"].null_count(), 2);
    let text = format!("{HEADER}{rows}");
    assert_eq!(maps_of(path(), text.as_bytes(), true).unwrap().unwrap(), ["od", "coverage"]);
    let (all, both) = (["coverage", "od"], text.as_bytes());
    let together = parse_scalarstats(path(), both, "W", &all, &|| false).unwrap();
    assert_eq!((&together[0].batch, &together[1].batch), (&coverage, &od.batch));
    let of_windows = format!("\u{feff}{HEADER}{rows}").replace('\n', "\r\n");
    let same = parse_scalarstats(path(), of_windows.as_bytes(), "W", &["od"], &|| false).unwrap();
    assert_eq!(same[0].batch, od.batch);
}

#[test]
fn columns_stand_in_any_order_and_further_ones_are_kept() {
    let text = "mean\tscalar\tnode\tmedian\tstdev\tqsirecon_suffix\tnote\n0.5\tod\ta\t1\t0.25\tW\t7\n";
    let table = &parse_scalarstats(path(), text.as_bytes(), "W", &["od"], &|| false).unwrap()[0].batch;
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["mean", "label", "median", "stdev", "note"]);
    assert_eq!(table["note"].as_string::<i32>().value(0), "7");
}

#[test]
fn rows_that_say_the_same_twice_are_one_and_others_are_refused() {
    let twice = parsed("a\tod\tW\t0.5\t0.25\tn/a\na\tod\tW\t0.50\t0.25\t\n", "od").unwrap();
    assert_eq!((twice.batch.num_rows(), twice.remarks.len()), (1, 1));
    let other = parsed("a\tod\tW\t0.5\t0.25\t1\na\tod\tW\t0.6\t0.25\t1\n", "od").unwrap_err();
    assert!(other.contains("line 3") && other.contains("line 2") && other.contains("od of a"), "{other}");
    let lost = parsed("a\tod\tW\t0.5\t0.25\t1\na\tod\tW\tn/a\t0.25\t1\n", "od").unwrap_err();
    assert!(lost.contains("other values"), "{lost}");
}

#[test]
fn what_is_no_such_table_is_refused_with_its_line() {
    for (rows, says) in [
        ("a\tod\tV\t0.5\t0.25\t1\n", "line 2: found qsirecon_suffix V"),
        ("a\tod\tw\t0.5\t0.25\t1\n", "found qsirecon_suffix w"),
        ("a\tod\tW\t0.5\t0.25\n", "line 2: found 5 cells"),
        ("a\tod\tW\t0.5\t0.25\t1\nb\tod\tW\t0,5\t0.25\t1\n", "line 3, column mean"),
        ("\tod\tW\t0.5\t0.25\t1\n", "line 2, column node"),
        ("a\tn/a\tW\t0.5\t0.25\t1\n", "line 2, column scalar"),
        ("a\tod\tW\t0.5\t0.25\t1\nb\tfa\tW\t0.5\t0.25\t1\n", "line 3: found the map fa"),
        (
            "a\tod\tW\t1\t1\t1\nb\tod\tW\t1\t1\t1\na\tfa\tW\t1\t1\t1\nb\tfa\tW\t1\t1\t1\n",
            "line 4: found the map fa",
        ),
        ("a\tod\tW\t0.5\t0.25\t1", "a last line that has no end"),
        ("a\tfa\tW\t0.5\t0.25\t1\n", "no rows of od"),
        ("", "a header and no rows"),
    ] {
        let error = parsed(rows, "od").unwrap_err();
        assert!(error.contains(says) && error.contains("scalarstats.tsv"), "{error}");
    }
    let lacking = HEADER.replace("stdev", "std") + "a\tod\tW\t0.5\t0.25\t1\n";
    let error = maps_of(path(), lacking.as_bytes(), true).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("stdev"), "{error}");
    let many: String = (0..300).map(|n| format!("a\tm{n}\tW\t1\t1\t1\n")).collect();
    let error = maps_of(path(), format!("{HEADER}{many}").as_bytes(), true).unwrap_err().to_string();
    assert!(error.contains("more than 256 maps"), "{error}");
}

#[test]
fn maps_are_known_once_the_first_node_has_ended() {
    let rows = "a\tod\tW\t1\t1\t1\na\tfa\tW\t1\t1\t1\nb\tod\tW\t1\t1\t1\nb\tfa\tW\t1\t1\t1\n";
    let text = format!("{HEADER}{rows}");
    let second_node = text.find("b\t").unwrap() + "b\tod\tW\t1\t1\t1\n".len();
    for end in 0..text.len() {
        let maps = maps_of(path(), &text.as_bytes()[..end], false).unwrap();
        assert_eq!(maps.map(|maps| maps.len()), (end >= second_node).then_some(2), "{end}");
    }
}

use na_model::{ListedSession, SessionId, SubjectCode};

use super::*;

fn session(subject: &str) -> Session {
    Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean("1").unwrap())
}

fn listing(columns: &[&str], rows: &[(&str, &[&str])]) -> Listing {
    let cell = |cell: &&str| (!cell.is_empty()).then(|| (*cell).to_owned());
    Listing {
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows: rows
            .iter()
            .map(|(s, values)| ListedSession {
                session: session(s),
                values: values.iter().map(cell).collect(),
            })
            .collect(),
        ..Listing::default()
    }
}

fn merged(old: MetadataTable, listing: &Listing) -> MetadataTable {
    let mut all: HashSet<Session> = old.sessions.iter().cloned().collect();
    all.extend(listing.rows.iter().map(|row| row.session.clone()));
    let merged = MetadataTable::merge(old, listing, &all);
    // As it comes back from its file.
    let folder = tempfile::tempdir().unwrap();
    merged.write(folder.path(), &FileChanges::default(), Compression::Zstd).unwrap();
    let read = MetadataTable::read(folder.path()).unwrap();
    assert_eq!(read.state(), merged.state());
    MetadataTable { notes: merged.notes, ..read }
}

fn names(table: &MetadataTable) -> Vec<(&str, &str)> {
    table.columns.iter().map(|column| (column.own_name.as_str(), column.name.as_str())).collect()
}

#[test]
fn missing_spellings_are_null_in_number_columns_and_words_in_text_columns() {
    let list = listing(
        &["score", "answer", "none"],
        &[("1", &["21.5", "None", "NA"]), ("2", &["N/A", "yes", "None"]), ("3", &["<NA>", "n/a", ""])],
    );
    let table = merged(MetadataTable::default(), &list);
    assert_eq!(table.values(&session("1")), [Scalar::Double(21.5), Scalar::text("None"), Scalar::Null]);
    assert_eq!(table.values(&session("2")), [Scalar::Null, Scalar::text("yes"), Scalar::Null]);
    assert_eq!(table.values(&session("3")), [Scalar::Null, Scalar::Null, Scalar::Null]);
}

#[test]
fn a_columns_type_never_narrows_and_an_empty_one_has_none() {
    let first = merged(
        MetadataTable::default(),
        &listing(&["a", "b", "c"], &[("1", &["1.5", "x", ""]), ("2", &["2.5", "y", ""])]),
    );
    let then = merged(first, &listing(&["a", "b", "c"], &[("1", &["1", "1", "1"]), ("2", &["2", "2", "2"])]));
    assert_eq!(then.values(&session("1")), [Scalar::Double(1.0), Scalar::text("1"), Scalar::Integer(1)]);
}

#[test]
fn digits_that_a_double_does_not_hold_are_told() {
    let long = listing(&["code"], &[("1", &["202507271541123457"])]);
    let first = merged(MetadataTable::default(), &long);
    assert_eq!(first.notes, [""; 0]);
    assert_eq!(first.values(&session("1")), [Scalar::Integer(202_507_271_541_123_457)]);
    let then = merged(first, &listing(&["code"], &[("2", &["1.5"])]));
    assert!(then.notes.iter().any(|note| note.contains("column code has whole numbers")), "{:?}", then.notes);
}

#[test]
fn columns_whose_names_differ_in_case_only_keep_the_names_they_got() {
    let first = merged(
        MetadataTable::default(),
        &listing(&["AGE", "Age", "sex", "Sex", "Subject_Code"], &[("1", &["30", "31", "f", "F", "x"])]),
    );
    let expected = [
        ("AGE", "AGE"),
        ("Age", "Age_2"),
        ("sex", "sex_2"),
        ("Sex", "Sex"),
        ("Subject_Code", "Subject_Code_2"),
    ];
    assert_eq!(names(&first), expected);
    assert_eq!(first.notes.len(), 3);
    let then = merged(first, &listing(&["sex", "Age", "SEX", "Sex"], &[("1", &["m", "32", "X", "M"])]));
    assert_eq!(names(&then), [("sex", "sex_2"), ("Age", "Age_2"), ("SEX", "SEX_3"), ("Sex", "Sex")]);
    let values = ["m", "X", "M"].map(Scalar::text);
    let [m, x, large_m] = values;
    assert_eq!(then.values(&session("1")), [m, Scalar::Integer(32), x, large_m]);
}

#[test]
fn a_column_that_must_not_be_there_leaves_all_sessions() {
    let first = merged(
        MetadataTable::default(),
        &listing(&["DoB", "site"], &[("1", &["1950-01-01", "a"]), ("2", &["1960-01-01", "b"])]),
    );
    let mut list = listing(&["site"], &[("1", &["c"])]);
    list.left_out = vec!["DoB".to_owned()];
    let then = merged(first, &list);
    assert_eq!(names(&then), [("site", "site")]);
    assert_eq!(then.values(&session("2")), [Scalar::text("b")]);
    assert!(then.notes.len() == 1 && then.notes[0].contains("DoB leaves the store"), "{:?}", then.notes);
    assert_eq!(merged(then, &list).notes, [""; 0]);
}

#[test]
fn sessions_that_left_the_list_keep_what_was_known() {
    let all: HashSet<Session> = ["1", "2", "3"].map(session).into_iter().collect();
    let first = MetadataTable::merge(
        MetadataTable::default(),
        &listing(&["AGE", "sex"], &[("2", &["30", "F"]), ("1", &["40.5", ""]), ("9", &["1", "M"])]),
        &all,
    );
    assert_eq!(first.sessions, ["2", "1", "3"].map(session));
    let folder = tempfile::tempdir().unwrap();
    first.write(folder.path(), &FileChanges::default(), Compression::Zstd).unwrap();
    let second = MetadataTable::merge(
        MetadataTable::read(folder.path()).unwrap(),
        &listing(&["AGE", "site"], &[("3", &["50", "x"])]),
        &all,
    );
    assert_eq!(second.sessions, ["3", "2", "1"].map(session));
    let names: Vec<_> = second.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["AGE", "site", "sex"]);
    assert_eq!(second.values(&session("1")), [Scalar::Double(40.5), Scalar::Null, Scalar::Null]);
    assert_eq!(second.values(&session("2")), [Scalar::Double(30.0), Scalar::Null, Scalar::text("F")]);
    assert_eq!(second.values(&session("3")), [Scalar::Double(50.0), Scalar::text("x"), Scalar::Null]);
    assert_eq!(second.age_range(), Some((30.0, 50.0)));
}

#[test]
fn discovered_sessions_change_no_metadata() {
    let all: HashSet<Session> = ["1", "2"].map(session).into_iter().collect();
    let old = MetadataTable::merge(MetadataTable::default(), &listing(&["AGE"], &[("1", &["30"])]), &all);
    let discovered = listing(&[], &[("1", &[]), ("2", &[])]);
    let new = MetadataTable::merge(old, &discovered, &all);
    assert_eq!(new.values(&session("1")), [Scalar::Double(30.0)]);
    assert_eq!(new.values(&session("2")), [Scalar::Null]);
}

#[test]
fn an_age_in_a_unit_that_nobody_knows_is_not_called_years() {
    let unit = |table: &MetadataTable| {
        let field = table.schema().field_with_name("AGE").unwrap().clone();
        field.metadata().get("unit").cloned().unwrap()
    };
    let mut list = listing(&["AGE"], &[("1", &["3"]), ("2", &["4"])]);
    list.unknown_age_unit = true;
    let first = merged(MetadataTable::default(), &list);
    assert_eq!((unit(&first), first.ages_are_in_years()), ("unknown".to_owned(), false));
    let folder = tempfile::tempdir().unwrap();
    first.write(folder.path(), &FileChanges::default(), Compression::Zstd).unwrap();
    let read = || MetadataTable::read(folder.path()).unwrap();
    assert_eq!(unit(&read()), "unknown");
    let all: HashSet<Session> = ["1", "2"].map(session).into_iter().collect();
    // Lists that say nothing of some ages leave them as they are.
    for list in [listing(&[], &[("1", &[])]), listing(&["AGE"], &[("1", &["33"])])] {
        assert_eq!(unit(&MetadataTable::merge(read(), &list, &all)), "unknown");
    }
    let years = listing(&["AGE"], &[("1", &["33"]), ("2", &["44"])]);
    let then = MetadataTable::merge(read(), &years, &all);
    assert_eq!((unit(&then), then.ages_are_in_years()), ("years".to_owned(), true));
}

#[test]
fn a_column_goes_with_the_list_where_nobody_who_left_the_list_has_a_value_in_it() {
    let first = merged(MetadataTable::default(), &listing(&["a"], &[("1", &["x"]), ("2", &["y"])]));
    let second = merged(first, &listing(&["a", "b"], &[("2", &["y", "z"])]));
    assert_eq!(names(&second), [("a", "a"), ("b", "b")]);
    let third = merged(second, &listing(&["c"], &[("2", &["z"])]));
    assert_eq!(names(&third), [("c", "c"), ("a", "a")], "1 never had a value in b");
}

use std::fs;

use super::*;

fn read_as(
    file: &str,
    content: impl AsRef<[u8]>,
    options: &SessionListOptions,
) -> Result<SessionList, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    fs::write(&path, content).unwrap();
    let list = read_session_list(&path, options);
    list.map_err(|error| {
        let text = error.to_string();
        assert!(text.contains(file), "{text}");
        text
    })
}

fn read(content: &str) -> Result<SessionList, String> {
    read_as("s.csv", content, &SessionListOptions::default())
}

fn read_with(content: &str, change: impl FnOnce(&mut SessionListOptions)) -> Result<SessionList, String> {
    let mut options = SessionListOptions::default();
    change(&mut options);
    read_as("s.csv", content, &options)
}

fn ids(list: &SessionList) -> Vec<String> {
    list.listing.rows.iter().map(|row| row.session.to_string()).collect()
}

fn values(list: &SessionList) -> Vec<Vec<Option<&str>>> {
    list.listing.rows.iter().map(|row| row.values.iter().map(Option::as_deref).collect()).collect()
}

fn says(error: &Result<SessionList, String>, words: &[&str]) {
    let text = error.as_ref().unwrap_err();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn everything_is_text_and_in_the_list_s_order() {
    let list = read(
        "subject_code,session_id,AGE,sex,code\n475,20250727154112345,31.20,F,007\nCLMC-10,202407110849.0,n/a,,n/a\n",
    )
    .unwrap();
    assert_eq!(ids(&list), ["sub-0475/ses-20250727154112345", "sub-CLMC_10/ses-202407110849"]);
    assert_eq!(list.listing.columns, ["AGE", "sex", "code"]);
    assert_eq!(values(&list), [vec![Some("31.20"), Some("F"), Some("007")], vec![None, None, None]]);
    let written = |s: &str, e: &str| WrittenIds { subject: s.into(), session: Some(e.into()) };
    assert_eq!(list.as_written, [written("475", "20250727154112345"), written("CLMC-10", "202407110849.0")]);
    assert_eq!(list.notes, Vec::<String>::new());
}

#[test]
fn bom_crlf_tabs_and_bids_names_change_nothing() {
    let plain = read("subject_code,session_id,sex\n01,a,F\n02,,M\n").unwrap();
    let bids = "\u{feff}participant_id\tsession_id\tsex\r\nsub-01\tses-a\tF\r\n\r\nsub-02\tn/a\tM\r\n";
    assert_eq!(read_as("s.tsv", bids, &SessionListOptions::default()).unwrap(), plain);
    assert_eq!(read("SubjectCode, ScanID ,sex\n 01,a ,F\n02,,M\n,,\n").unwrap(), plain);
    assert_eq!(plain.as_written[1].session, None);
}

#[test]
fn a_list_without_sessions_has_null_sessions() {
    assert_eq!(ids(&read("subject_code,sex\n01,F\n").unwrap()), ["sub-0001"]);
}

#[test]
fn missing_identifier_columns_are_named_with_the_option() {
    says(&read("id,visit\n1,a\n"), &["id, visit", "SubjectCode", "participant_id", "--subject-column"]);
    let list = read_with("id,visit,sex\n1,a,F\n", |o| {
        o.subject_column = Some("id".into());
        o.session_column = Some("visit".into());
    });
    assert_eq!(ids(&list.unwrap()), ["sub-0001/ses-a"]);
    says(
        &read_with("id,sex\n1,F\n", |o| o.subject_column = Some("x".into())),
        &["--subject-column x", "id, sex"],
    );
    says(&read("subject_code,participant_id\n1,1\n"), &["subject_code, participant_id", "--subject-column"]);
    let one = read_with("a,b\n1,2\n", |o| {
        o.subject_column = Some("a".into());
        o.session_column = Some("a".into());
    });
    says(&one, &["must differ"]);
}

#[test]
fn identical_rows_are_one_and_others_of_one_session_an_error() {
    let list = read("subject_code,sex\n01,F\n02,M\n01,F\n").unwrap();
    assert_eq!(ids(&list), ["sub-0001", "sub-0002"]);
    assert!(list.notes[0].contains("1 rows"), "{:?}", list.notes);
    says(&read("subject_code,sex\n01,F\n02,M\n01,M\n"), &["line 2", "line 4", "sub-0001"]);
    says(
        &read("subject_code,session_id\r\na-b,x.y\r\nc,d\r\na.b,x y\r\n"),
        &["line 2 (\"a-b, x.y\")", "line 4 (\"a.b, x y\")", "sub-0a_b/ses-x_y"],
    );
}

#[test]
fn identifiers_that_cannot_be_cleaned_are_errors_with_their_line() {
    says(&read("subject_code,session_id\n1,a\n\n2,2.02e11\n"), &["line 4", "digits were lost"]);
    says(&read("subject_code,session_id\n1,a\n\"a\\b\",a\n"), &["line 3", "backslash"]);
    says(&read("subject_code,session_id\n,a\n"), &["line 2", "empty"]);
    says(&read("subject_code,session_id\nn/a,a\n"), &["line 2", "empty"]);
}

#[test]
fn direct_identifiers_are_left_out_unless_chosen() {
    let text = "subject_code,Name,site_name,E-mail,sex\n1,Ann,Oslo,a@b.c,F\n";
    let list = read(text).unwrap();
    assert_eq!(list.listing.columns, ["site_name", "sex"]);
    assert!(list.notes[0].contains("Name, E-mail") && list.notes[0].contains("--metadata-columns"));
    let chosen = |columns: &[&str]| {
        let columns = columns.iter().map(|&c| c.to_owned()).collect();
        read_with(text, |o| o.metadata_columns = Some(columns))
    };
    let list = chosen(&["sex", "E-mail", "subject_code"]).unwrap();
    assert_eq!(list.listing.columns, ["E-mail", "sex"]);
    assert_eq!(values(&list), [[Some("a@b.c"), Some("F")]]);
    assert_eq!(list.notes, Vec::<String>::new());
    says(&chosen(&["Sex"]), &["--metadata-columns Sex", "Name, site_name, E-mail, sex"]);
    assert_eq!(chosen(&[]).unwrap().listing.columns, Vec::<String>::new());
}

#[test]
fn age_has_one_name_and_is_a_number() {
    let list = read("subject_code,age,Age@Scan\n1,5,31.2\n2,6,NA\n3,7,NaN\n4,8,1e1\n").unwrap();
    assert_eq!(list.listing.columns, ["age", "AGE"]);
    let ages: Vec<_> = values(&list).iter().map(|row| row[1]).collect();
    assert_eq!(ages, [Some("31.2"), None, None, Some("1e1")]);
    let list =
        read_with("subject_code,years,age\n1,31,x\n", |o| o.age_column = Some("years".into())).unwrap();
    assert_eq!(list.listing.columns, ["AGE", "age"]);
    says(&read("subject_code,Age\n1,3\n2,old\n"), &["line 3", "column Age", "\"old\"", "--age-column"]);
    says(&read("subject_code,Age\n1,\"31,2\"\n"), &["decimal point"]);
    says(&read("subject_code,Age\n1,inf\n"), &["line 2", "inf"]);
    says(&read_with("subject_code,a\n1,3\n", |o| o.age_column = Some("b".into())), &["--age-column b", "a"]);
    let both = "subject_code,AGE,years\n1,3,4\n";
    says(&read_with(both, |o| o.age_column = Some("years".into())), &["AGE", "another of this name"]);
    let without = read_with(both, |o| {
        o.age_column = Some("years".into());
        o.metadata_columns = Some(vec![]);
    });
    assert_eq!(values(&without.unwrap()), [[Some("4")]]);
    let by_name = read_with("subject_code,Age\n1,3\n", |o| o.metadata_columns = Some(vec!["AGE".into()]));
    assert_eq!(by_name.unwrap().listing.columns, ["AGE"]);
}

#[test]
fn headers_that_repeat_or_collide_are_errors_and_nameless_columns_are_left_out() {
    says(&read("subject_code,sex,sex\n1,F,F\n"), &["two of its columns are called sex"]);
    let text = "id,subject_code\n1,2\n";
    says(&read_with(text, |o| o.subject_column = Some("id".into())), &["subject_code", "--metadata-columns"]);
    for name in ["tiv", "label", "mean"] {
        says(&read(&format!("subject_code,{name}\n1,2\n")), &[name, "--metadata-columns"]);
    }
    let list = read(",subject_code,sex,\n0,1,F,\n").unwrap();
    assert_eq!(list.listing.columns, ["sex"]);
    assert!(list.notes[0].contains("2 columns have no name"), "{:?}", list.notes);
}

#[test]
fn other_forms_are_refused_with_the_way_out() {
    says(&read("subject_code;session_id\n1;2\n"), &["semicolons", "save it again with commas"]);
    says(&read("subject_code\tsession_id\n1\t2\n"), &["tabs", ".tsv"]);
    says(&read_as("s.tsv", "subject_code,a\n1,2\n", &SessionListOptions::default()), &["commas", ".csv"]);
    says(&read_as("s.xlsx", "PK", &SessionListOptions::default()), &["spreadsheet", "save it as CSV"]);
    says(&read("PK\u{3}\u{4}xx"), &["spreadsheet"]);
    says(&read_as("s.txt", "subject_code\n1\n", &SessionListOptions::default()), &[".csv"]);
    for empty in ["", "\u{feff}", "\n\n"] {
        says(&read(empty), &["it is empty"]);
    }
    for header in ["subject_code,a\n", "subject_code,a", "subject_code,a\n,\n"] {
        says(&read(header), &["no rows"]);
    }
}

#[test]
fn damaged_lists_are_errors_with_their_line() {
    says(&read("subject_code,sex\n1,F\n\n2\n"), &["line 4", "found 1 cells, expected 2"]);
    says(&read("subject_code,sex\r\n1,F\r\n2,M,x\r\n"), &["line 3", "found 3 cells"]);
    let latin1 = read_as("s.csv", b"subject_code,site\n1,M\xfcnchen\n", &SessionListOptions::default());
    says(&latin1, &["line 2", "UTF-8"]);
    says(&read_as("s.csv", b"\xff\xfes\0u\0", &SessionListOptions::default()), &["UTF-16", "UTF-8"]);
    says(&read("subject_code,note\n1,a\n2,\"b\n3,c\n4,d\n"), &["line 3", "never closed"]);
    let quoted = read("subject_code,note\n1,\"a,\nb\"\n2,\"say \"\"x\"\"\"\n").unwrap();
    assert_eq!(values(&quoted), [[Some("a,\nb")], [Some("say \"x\"")]]);
}

#[test]
fn folders_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = SessionListOptions::default();
    let path = folder.path().join("x.csv");
    let missing = read_session_list(&path, &options).unwrap_err().to_string();
    assert!(missing.contains("x.csv") && missing.contains("No such file"), "{missing}");
    fs::create_dir(&path).unwrap();
    assert!(read_session_list(&path, &options).unwrap_err().to_string().contains("it is a folder"));
}

use std::fs;

use super::*;

fn read_as(
    file: &str,
    content: impl AsRef<[u8]>,
    options: &SessionListOptions,
) -> Result<ListedRows, String> {
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

fn read(content: &str) -> Result<ListedRows, String> {
    read_as("s.csv", content, &SessionListOptions::default())
}

fn read_with(content: &str, change: impl FnOnce(&mut SessionListOptions)) -> Result<ListedRows, String> {
    let mut options = SessionListOptions::default();
    change(&mut options);
    read_as("s.csv", content, &options)
}

fn ids(list: &ListedRows) -> Vec<String> {
    list.rows.iter().map(|row| format!("{} {}", row.subject, row.session).trim().to_owned()).collect()
}

fn values(list: &ListedRows) -> Vec<Vec<Option<&str>>> {
    list.rows.iter().map(|row| row.values.iter().map(Option::as_deref).collect()).collect()
}

fn says(error: &Result<ListedRows, String>, words: &[&str]) {
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
    assert_eq!(ids(&list), ["475 20250727154112345", "CLMC-10 202407110849.0"]);
    assert_eq!(list.columns, ["AGE", "sex", "code"]);
    assert_eq!(values(&list), [vec![Some("31.20"), Some("F"), Some("007")], vec![None, None, None]]);
    assert_eq!(list.notes, Vec::<String>::new());
}

#[test]
fn bom_crlf_tabs_and_bids_names_change_nothing() {
    let plain = read("subject_code,session_id,sex\n01,a,F\n02,,M\n").unwrap();
    let bids = "\u{feff}participant_id\tsession_id\tsex\r\n01\ta\tF\r\n\r\n02\t\tM\r\n";
    let bids = read_as("s.tsv", bids, &SessionListOptions::default()).unwrap();
    assert_eq!((ids(&bids), values(&bids)), (ids(&plain), values(&plain)));
    let spaced = read("SubjectCode, ScanID ,sex\n 01,a ,F\n02,,M\n,,\n").unwrap();
    assert_eq!((ids(&spaced), values(&spaced)), (ids(&plain), values(&plain)));
}

#[test]
fn a_list_without_sessions_has_null_sessions() {
    let list = read("subject_code,sex\n01,F\n").unwrap();
    assert_eq!((ids(&list), list.has_sessions), (vec!["01".to_owned()], false));
}

#[test]
fn missing_identifier_columns_are_named_with_the_option() {
    says(
        &read("person,visit\n1,a\n"),
        &["person, visit", "SubjectCode", "participant_id", "--subject-column"],
    );
    let list = read_with("person,visit,sex\n1,a,F\n", |o| {
        o.subject_column = Some("person".into());
        o.session_column = Some("visit".into());
    });
    assert_eq!(ids(&list.unwrap()), ["1 a"]);
    says(
        &read_with("id,sex\n1,F\n", |o| o.subject_column = Some("x".into())),
        &["--subject-column x", "id, sex"],
    );
    let one = read_with("a,b\n1,2\n", |o| {
        o.subject_column = Some("a".into());
        o.session_column = Some("a".into());
    });
    says(&one, &["must differ"]);
}

#[test]
fn identifier_columns_are_known_in_any_case_and_the_first_counts() {
    for (subject, session) in [
        ("subject", "session"),
        ("Subject_Code", "SESSION_ID"),
        ("sub", "ses"),
        ("ID", "scanid"),
        ("id", "Ses"),
    ] {
        let list = read(&format!("{subject},{session},sex\n1,a,F\n")).unwrap();
        assert_eq!((ids(&list), list.notes.len()), (vec!["1 a".to_owned()], 0), "{subject} {session}");
    }
    let list = read("participant_id,sex,subject_code\n1,F,2\n").unwrap();
    assert_eq!(
        (ids(&list), list.columns),
        (vec!["2".to_owned()], vec!["participant_id".to_owned(), "sex".to_owned()])
    );
    assert!(list.notes[0].contains("subject_code, participant_id"), "{:?}", list.notes);
    let list = read("id,subject_code\n1,2\n").unwrap();
    assert_eq!((ids(&list), list.columns.len()), (vec!["2".to_owned()], 0), "a bare id is left out");
}

#[test]
fn direct_identifiers_are_left_out_unless_chosen() {
    let text = "subject_code,Name,site_name,E-mail,sex\n1,Ann,Oslo,a@b.c,F\n";
    let list = read(text).unwrap();
    assert_eq!(list.columns, ["site_name", "sex"]);
    assert!(list.notes[0].contains("Name, E-mail") && list.notes[0].contains("--keep-column"));
    let kept = read_with(text, |o| o.keep_columns = vec!["E-mail".to_owned()]).unwrap();
    assert_eq!(kept.columns, ["site_name", "E-mail", "sex"]);
    says(&read_with(text, |o| o.keep_columns = vec!["x".to_owned()]), &["--keep-column x"]);
    let chosen = |columns: &[&str]| {
        let columns = columns.iter().map(|&c| c.to_owned()).collect();
        read_with(text, |o| o.metadata_columns = Some(columns))
    };
    let list = chosen(&["sex", "E-mail", "subject_code"]).unwrap();
    assert_eq!(list.columns, ["E-mail", "sex"]);
    assert_eq!(values(&list), [[Some("a@b.c"), Some("F")]]);
    assert_eq!(list.notes, Vec::<String>::new());
    says(&chosen(&["Sex"]), &["--metadata-columns Sex", "Name, site_name, E-mail, sex"]);
    assert_eq!(chosen(&[]).unwrap().columns, Vec::<String>::new());
}

#[test]
fn age_has_one_name_and_is_a_number() {
    let list = read("subject_code,age,Age@Scan\n1,5,31.2\n2,6,NA\n3,7,NaN\n4,8,1e1\n").unwrap();
    assert_eq!(list.columns, ["age", "AGE"]);
    let ages: Vec<_> = values(&list).iter().map(|row| row[1]).collect();
    assert_eq!(ages, [Some("31.2"), None, None, Some("1e1")]);
    let list =
        read_with("subject_code,years,age\n1,31,x\n", |o| o.age_column = Some("years".into())).unwrap();
    assert_eq!(list.columns, ["AGE", "age"]);
    says(&read_with("subject_code,a\n1,3\n", |o| o.age_column = Some("b".into())), &["--age-column b", "a"]);
    let by_name = read_with("subject_code,Age\n1,3\n", |o| o.metadata_columns = Some(vec!["AGE".into()]));
    assert_eq!(by_name.unwrap().columns, ["AGE"]);
}

#[test]
fn an_age_that_is_no_number_is_null_and_kept_as_text() {
    let list = read("subject_code,Age\n1,30.5\n2,89+\n3,N/A\n4,-\n5,35-40\n").unwrap();
    assert_eq!(list.columns, ["AGE", "Age_text"]);
    assert_eq!(
        values(&list),
        [
            [Some("30.5"), None],
            [Some("89.0"), Some("89+")],
            [None, None],
            [None, None],
            [None, Some("35-40")]
        ]
    );
    assert!(
        list.notes[0].contains("1 ages are no numbers") && !list.notes[0].contains("35-40"),
        "{:?}",
        list.notes
    );
    says(&read("subject_code,Age\n1,old\n2,n/a\n"), &["Age", "--age-column"]);
    assert_eq!(values(&read("subject_code,Age\n1,\n2,n/a\n").unwrap()), [[None], [None]]);
}

#[test]
fn a_header_that_repeats_is_an_error_and_nameless_columns_are_left_out() {
    says(&read("subject_code,sex,sex\n1,F,F\n"), &["two of its columns are called sex"]);
    let list = read(",subject_code,sex,\n0,1,F,\n").unwrap();
    assert_eq!(list.columns, ["sex"]);
    assert!(list.notes[0].contains("2 columns have no name"), "{:?}", list.notes);
}

#[test]
fn semicolons_and_gzip_are_read_as_they_are() {
    let list = read("subject;ses;AGE;score;text\n1;a;30,5;1,25;1,2\n2;b;;-3;x\n").unwrap();
    assert_eq!(ids(&list), ["1 a", "2 b"]);
    assert_eq!(values(&list), [[Some("30.5"), Some("1.25"), Some("1,2")], [None, Some("-3"), Some("x")]]);
    let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzipped, b"subject\tsex\n1\tF\n").unwrap();
    let gzipped = gzipped.finish().unwrap();
    let options = SessionListOptions::default();
    assert_eq!(ids(&read_as("s.tsv.gz", &gzipped, &options).unwrap()), ["1"]);
    says(&read_as("s.tsv.gz", &gzipped[..gzipped.len() - 9], &options), &["cannot be decompressed"]);
}

#[test]
fn other_forms_are_refused_with_the_way_out() {
    says(&read("subject_code\tsession_id\n1\t2\n"), &["tabs", ".tsv"]);
    says(&read_as("s.tsv", "subject_code,a\n1,2\n", &SessionListOptions::default()), &["commas", ".csv"]);
    says(&read_as("s.xlsx", "PK", &SessionListOptions::default()), &["spreadsheet", "save it as CSV"]);
    says(&read("PK\u{3}\u{4}xx"), &["spreadsheet"]);
    says(&read_as("s.txt", "subject_code\n1\n", &SessionListOptions::default()), &[".csv"]);
    says(&read("subject_code,a\r1,2\r3,4\r"), &["old Macs"]);
    says(&read("sep=;\nsubject_code;a\n1;2\n"), &["sep=;", "delete that line"]);
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
    for open in ["1,a\n2,\"b\n3,c\n4,d\n", "1,a\n2,\"b\n3,c\n4,d\"\n5,e\n", "1,a\n2,\"b\n", "1,a\n2,\"b"] {
        says(&read(&format!("subject_code,note\n{open}")), &["line 3", "quote"]);
    }
    let quoted = read("subject_code,note\n1,\"a,b\"\n2,\"say \"\"x\"\"\"\n3,5\" tall\n").unwrap();
    assert_eq!(values(&quoted), [[Some("a,b")], [Some("say \"x\"")], [Some("5\" tall")]]);
    let long = format!("subject_code,a,note\n1,x,y\n2,x,{}\n", "z".repeat(70_000));
    says(&read(&long), &["line 3", "column note", "64 KiB"]);
    assert!(read(&long.replace(&"z".repeat(10_000), "z")).is_ok());
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

#[test]
fn the_age_that_is_chosen_is_age_wherever_a_column_of_that_name_stands() {
    for (header, row) in
        [("AGE,Age@Scan", "30,31.5"), ("Age@Scan,AGE", "31.5,30"), ("AGE,Age@Scan,age_2", "30,31.5,x")]
    {
        let content = format!("subject_code,{header}\n1,{row}\n");
        let list = read_with(&content, |options| options.age_column = Some("Age@Scan".into())).unwrap();
        let value = |name: &str| {
            let index = list.columns.iter().position(|column| column == name).unwrap();
            list.rows[0].values[index].as_deref()
        };
        let other = if header.ends_with("_2") { "AGE_3" } else { "AGE_2" };
        assert_eq!((value("AGE"), value(other)), (Some("31.5"), Some("30")), "{header}");
        assert!(list.notes.iter().any(|note| note.contains(other)), "{:?}", list.notes);
    }
    let list = read("subject_code,Age,age_text\n1,89+,old\n").unwrap();
    assert_eq!(list.columns, ["AGE", "Age_text_2", "age_text"]);
}

#[test]
fn a_column_that_is_kept_by_name_is_kept_beside_those_that_are_chosen() {
    let content = "subject_code,Group,Name,site\n1,a,b,c\n";
    let with = |keep: &str| {
        read_with(content, |options| {
            options.metadata_columns = Some(vec!["Group".into()]);
            options.keep_columns = vec![keep.into()];
        })
    };
    assert_eq!(with("Name").unwrap().columns, ["Group", "Name"]);
    says(&with("Nmae"), &["--keep-column Nmae is not among its columns Group, Name, site"]);
}

#[test]
fn ages_with_decimal_commas_where_commas_are_no_points_are_said_to_be_so() {
    let error = read("subject_code,age\n1,\"30,5\"\n2,\"41,25\"\n3,n/a\n");
    says(&error, &["its column age", "comma in place of the decimal point", "semicolons"]);
    assert!(!error.unwrap_err().contains("30,5"));
    says(&read("subject_code,age\n1,\"30,5\"\n2,old\n"), &["not one number"]);
}

#[test]
fn a_column_that_sounds_like_the_visit_or_the_age_and_is_not_taken_for_it_is_told() {
    for (header, told) in [
        ("subject_code,Visit", "if Visit is it, --session-column Visit says so"),
        ("subject_code,time_point", "--session-column time_point"),
        ("subject_code,age_years", "--age-column age_years"),
        ("subject_code,AgeAtScan", "--age-column AgeAtScan"),
    ] {
        let list = read(&format!("{header}\n1,2\n")).unwrap();
        assert!(list.notes.iter().any(|note| note.contains(told)), "{header}: {:?}", list.notes);
    }
    for header in
        ["subject_code,session,visit,AGE,age_at_onset", "subject_code,language,supervision,Percentage"]
    {
        let cells = vec!["1"; header.split(',').count()].join(",");
        assert_eq!(read(&format!("{header}\n{cells}\n")).unwrap().notes, [""; 0], "{header}");
    }
}

#[test]
fn what_is_not_chosen_is_left_out_of_the_store_and_age_has_its_own_name_there() {
    let options = |chosen: &[&str]| SessionListOptions {
        metadata_columns: Some(chosen.iter().map(|name| (*name).to_owned()).collect()),
        ..SessionListOptions::default()
    };
    let left_out = |options: &SessionListOptions| {
        let stored = ["AGE", "sex", "site"];
        stored.into_iter().filter(|column| options.leaves_out(column)).collect::<Vec<_>>()
    };
    assert_eq!(left_out(&SessionListOptions::default()), [""; 0]);
    assert_eq!(left_out(&options(&["Age@Scan", "sex"])), ["site"]);
    assert_eq!(left_out(&options(&["sex"])), ["AGE", "site"]);
    let kept = SessionListOptions { keep_columns: vec!["site".to_owned()], ..options(&["sex"]) };
    assert_eq!(left_out(&kept), ["AGE"]);
}

#[test]
fn a_broken_json_beside_the_list_is_told_once() {
    for (file, header) in [
        ("participants.tsv", "participant_id\tage"),
        ("participants.tsv", "participant_id\tsex"),
        ("visits.tsv.gz", "participant_id\tage"),
        ("visits.tsv", "participant_id\tsex"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), format!("{header}\n01\t30\n")).unwrap();
        for json in ["participants.json", "visits.json"] {
            fs::write(folder.path().join(json), "{").unwrap();
        }
        let list = read_session_list(&folder.path().join(file), &SessionListOptions::default()).unwrap();
        let told = |json: &str| list.notes.iter().filter(|note| note.contains(json)).count();
        assert_eq!(told("participants.json"), 1, "{file} {header}: {:?}", list.notes);
        assert_eq!(told("visits.json"), usize::from(file.starts_with("visits")), "{file} {header}");
    }
}

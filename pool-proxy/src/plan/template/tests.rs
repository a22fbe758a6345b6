use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{MOST, Rendered, Terms, comment, render};
use crate::error::PlanError;
use crate::plan::room::Room;
use crate::plan::tree::Statement;
use crate::plan::value::{Number, Value};
use crate::postgres::Param;

fn statement(fragments: &str, types: &str, is_chunkable: bool) -> Statement {
    let json = format!(
        r#"{{"type":"templateSql","fragments":{fragments},"args":[],"argTypes":{types},"chunkable":{is_chunkable},
           "placeholderFormat":{{"prefix":"$","hasNumbering":true}}}}"#
    );
    serde_json::from_str(&json).unwrap()
}

fn terms<'a>(comment: &'a str, is_logged: bool, room: &'a Room) -> Terms<'a> {
    Terms { comment, is_logged, room }
}

fn number(number: i64) -> Value {
    Value::Number(Number::Int(number))
}

fn numbers(count: i64) -> Value {
    Value::List((1..=count).map(number).collect())
}

fn texts(values: &[&str]) -> Value {
    Value::List(values.iter().map(|text| Value::Text((*text).into())).collect())
}

fn run(statement: &Statement, args: &[Value]) -> Result<Vec<Rendered>, PlanError> {
    let args: Vec<Cow<'_, Value>> = args.iter().map(Cow::Borrowed).collect();
    render(statement, &args, &terms("", false, &Room::default()))
}

/// The text and the parameters' texts.
fn shown(rendered: &Rendered) -> (String, Vec<String>) {
    let params = rendered.query.params.iter().map(|param| match param {
        Param::Null => "NULL".to_owned(),
        Param::Text(text) => text.clone(),
        Param::Array { literal, .. } => literal.clone(),
        Param::Bytes(bytes) => format!("{bytes:?}"),
    });
    (rendered.query.text.to_string(), params.collect())
}

fn one(fragments: &str, args: &[Value]) -> (String, Vec<String>) {
    let rendered = run(&statement(fragments, "[]", true), args).map_err(|error| error.message).unwrap();
    assert_eq!(rendered.len(), 1);
    shown(&rendered[0])
}

fn refused(fragments: &str, args: &[Value]) -> (Option<&'static str>, String) {
    match run(&statement(fragments, "[]", false), args) {
        Ok(_) => panic!("{fragments}"),
        Err(error) => (error.code, error.message),
    }
}

const TUPLE: &str = r#"{"type":"parameterTuple","itemPrefix":"","itemSeparator":",","itemSuffix":""}"#;
const LOWER: &str = r#"{"type":"parameterTuple","itemPrefix":"LOWER(","itemSeparator":", ","itemSuffix":")"}"#;
const TUPLES: &str =
    r#"{"type":"parameterTupleList","itemPrefix":"(","itemSeparator":",","itemSuffix":")","groupSeparator":", "}"#;
const PARAMETER: &str = r#"{"type":"parameter"}"#;

fn chunk(text: &str) -> String {
    format!(r#"{{"type":"stringChunk","chunk":"{text}"}}"#)
}

#[test]
fn parameters_are_numbered_over_the_whole_statement() {
    let all = format!(
        "[{},{PARAMETER},{},{TUPLE},{},{TUPLES},{},{PARAMETER}]",
        chunk("a = "),
        chunk(" AND b IN "),
        chunk(" VALUES "),
        chunk(" LIMIT ")
    );
    let pairs = Value::List(vec![texts(&["x", "y"]), texts(&["z", "w"])]);
    let (text, params) = one(&all, &[number(7), numbers(3), pairs, Value::Text("1".into())]);
    assert_eq!(text, "a = $1 AND b IN ($2,$3,$4) VALUES ($5,$6), ($7,$8) LIMIT $9");
    assert_eq!(params, ["7", "1", "2", "3", "x", "y", "z", "w", "1"]);
}

#[test]
fn lists_are_written_by_what_they_hold() {
    for (fragment, value, expected, params) in [
        (TUPLE, numbers(1), "($1)", vec!["1"]),
        (TUPLE, numbers(0), "(NULL)", vec![]),
        // A value by itself is a list of one, also one that is null.
        (TUPLE, number(4), "($1)", vec!["4"]),
        (TUPLE, Value::Null, "($1)", vec!["NULL"]),
        (LOWER, texts(&["A", "b"]), "(LOWER($1), LOWER($2))", vec!["A", "b"]),
        (LOWER, numbers(0), "(NULL)", vec![]),
        (TUPLES, Value::List(vec![numbers(2)]), "($1,$2)", vec!["1", "2"]),
        (TUPLES, Value::List(vec![numbers(1), numbers(0), numbers(2)]), "($1), (), ($2,$3)", vec!["1", "1", "2"]),
        // A parameter is one value, also where that is a list.
        (PARAMETER, numbers(3), "$1", vec![r#"{"1","2","3"}"#]),
        (PARAMETER, numbers(0), "$1", vec!["{}"]),
        (PARAMETER, Value::Null, "$1", vec!["NULL"]),
    ] {
        let params: Vec<String> = params.into_iter().map(str::to_owned).collect();
        assert_eq!(one(&format!("[{fragment}]"), &[value]), (expected.to_owned(), params), "{fragment}");
    }
}

#[test]
fn what_does_not_fit_the_template_is_told_so() {
    let malformed = |why: &str| (None, format!("Malformed query template. {why}"));
    for (fragments, args, why) in [
        (format!("[{PARAMETER}]"), vec![], "Fragments attempt to read over 0 parameters."),
        (format!("[{PARAMETER},{PARAMETER}]"), vec![number(1)], "Fragments attempt to read over 1 parameters."),
        (format!("[{TUPLE},{PARAMETER}]"), vec![number(1)], "Fragments attempt to read over 1 parameters."),
        (format!("[{TUPLES}]"), vec![number(1)], "Tuple list expected."),
        (format!("[{TUPLES}]"), vec![numbers(0)], "Tuple list cannot be empty."),
        (format!("[{TUPLES}]"), vec![numbers(1)], "Tuple expected."),
    ] {
        assert_eq!(refused(&fragments, &args), malformed(why), "{fragments}");
    }
    // More arguments than fragments are left alone.
    assert_eq!(one(&format!("[{PARAMETER}]"), &[number(1), number(2)]).1, ["1"]);
}

#[test]
fn a_tuples_type_is_that_of_each_element_in_turn() {
    let types = r#"[{"arity":"tuple","elements":[{"scalarType":"datetime","dbType":"DATE","arity":"scalar"},
        {"scalarType":"string","arity":"scalar"}]}]"#;
    let date = "2024-02-03T04:05:06.000Z";
    let statement = statement(&format!("[{TUPLES}]"), types, false);
    let rendered = run(&statement, &[Value::List(vec![texts(&[date, date]), texts(&[date, "x"])])]).unwrap();
    assert_eq!(shown(&rendered[0]).1, ["2024-02-03", date, "2024-02-03", "x"]);
    let odd = run(&statement, &[Value::List(vec![texts(&[date])])]);
    assert_eq!(odd.err().and_then(|error| error.code), None);
}

#[test]
fn types_go_with_their_arguments() {
    let types = r#"[{"scalarType":"int"},{"scalarType":"datetime","dbType":"DATE","arity":"scalar"},null]"#;
    let types = types.replace(",null", "");
    let statement = statement(&format!("[{PARAMETER},{TUPLE},{PARAMETER}]"), &types, false);
    let date = "2024-02-03T04:05:06.000Z";
    let args = [Value::Text(date.into()), texts(&[date, date]), Value::Text(date.into())];
    assert_eq!(shown(&run(&statement, &args).unwrap()[0]).1, [date, "2024-02-03", "2024-02-03", date]);
}

/// Into how many parameters each a statement is cut.
fn cuts(fragments: &str, args: &[Value]) -> Result<Vec<usize>, Option<&'static str>> {
    let fragments = fragments.replacen('[', &format!("[{},", chunk("WHERE a IN ")), 1);
    let rendered = run(&statement(&fragments, "[]", true), args).map_err(|error| error.code)?;
    Ok(rendered.iter().map(|one| one.query.params.len()).collect())
}

#[test]
#[allow(clippy::cast_possible_wrap)]
fn statements_with_too_many_parameters_are_cut_at_their_longest_list() {
    let most = MOST as i64;
    let tuple = format!("[{PARAMETER},{TUPLE},{PARAMETER}]");
    let args = |count| [number(1), numbers(count), number(2)];
    assert_eq!(cuts(&tuple, &args(most - 2)), Ok(vec![MOST]));
    assert_eq!(cuts(&tuple, &args(most - 1)), Ok(vec![MOST, 3]));
    assert_eq!(cuts(&tuple, &args(2 * most)), Ok(vec![MOST, MOST, 6]));

    // The others are repeated; of two lists of the same length, the first is cut.
    let two = format!("[{TUPLE},{TUPLE}]");
    assert_eq!(cuts(&two, &[numbers(40_000), numbers(30_000)]), Ok(vec![MOST, 30_000 + 40_000 - 35_535]));
    assert_eq!(cuts(&two, &[numbers(40_000), numbers(40_000)]), Ok(vec![MOST, 40_000 + 40_000 - 25_535]));
    // If the rest alone is too much, nothing helps.
    assert_eq!(cuts(&two, &[numbers(70_000), numbers(66_000)]), Err(Some("P2029")));

    // Pairs stay together.
    let pairs = Value::List((0..40_000).map(|_| numbers(2)).collect());
    assert_eq!(cuts(&format!("[{TUPLES}]"), &[pairs]), Ok(vec![MOST - 1, 80_000 - (MOST - 1)]));
    // What is there twice is asked for once.
    let twice = |different: i64| Value::List((0..70_000).map(|index| number(index % different)).collect());
    assert_eq!(cuts(&format!("[{TUPLE}]"), &[twice(most + 1)]), Ok(vec![MOST, 1]));
    assert_eq!(cuts(&format!("[{TUPLE}]"), &[twice(3)]), Ok(vec![3]));
    // One that is too long by itself has no place at all.
    let long = Value::List(vec![numbers(1), numbers(70_000), numbers(1)]);
    assert_eq!(cuts(&format!("[{TUPLES}]"), &[long]), Err(Some("P2029")));
}

#[test]
fn the_pieces_are_whole_statements() {
    let fragments = format!("[{},{TUPLE},{},{PARAMETER}]", chunk("WHERE a IN "), chunk(" AND b = "));
    let pieces = run(&statement(&fragments, "[]", true), &[numbers(70_000), Value::Text("x".into())]).unwrap();
    let (first, second) = (shown(&pieces[0]), shown(&pieces[1]));
    assert!(
        first.0.starts_with("WHERE a IN ($1,$2,$3,") && first.0.ends_with(",$65534) AND b = $65535"),
        "{:.100}",
        first.0
    );
    assert!(
        second.0.starts_with("WHERE a IN ($1,$2,") && second.0.ends_with(",$4466) AND b = $4467"),
        "{:.100}",
        second.0
    );
    assert_eq!((first.1[65_533].as_str(), first.1[65_534].as_str()), ("65534", "x"));
    assert_eq!((second.1[0].as_str(), second.1[4_466].as_str()), ("65535", "x"));
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let limit = "The query parameter limit supported by your database is exceeded.".to_owned();
    assert_eq!(refused(&format!("[{TUPLE}]"), &[numbers(65_536)]), (Some("P2029"), limit.clone()));
    assert!(run(&statement(&format!("[{TUPLE}]"), "[]", false), &[numbers(65_535)]).is_ok());
    let plain = format!("[{}]", vec![PARAMETER; 65_536].join(","));
    assert_eq!(refused(&plain, &vec![Value::Null; 65_536]), (Some("P2029"), limit));
}

#[test]
fn a_log_has_the_parameters_as_they_came() {
    let types = r#"[{"scalarType":"datetime","arity":"scalar"},{"scalarType":"bytes","arity":"scalar"}]"#;
    let statement = statement(&format!("[{PARAMETER},{PARAMETER},{TUPLE},{PARAMETER}]"), types, false);
    let args = [
        Value::Text("1970-01-01T00:00:00.000Z".into()),
        Value::Text("AQ==".into()),
        numbers(2),
        Value::List(vec![Value::Null, Value::Text("\"".into())]),
    ];
    let args: Vec<Cow<'_, Value>> = args.iter().map(Cow::Borrowed).collect();
    let rendered = render(&statement, &args, &terms(" /*a='b'*/", true, &Room::default())).unwrap();
    let [Rendered { query, json }] = &*rendered else { panic!() };
    assert_eq!(json.as_deref(), Some(r#"["1970-01-01T00:00:00.000Z","AQ==",1,2,[null,"\""]]"#));
    assert_eq!(&*query.text, "$1$2($3,$4)$5 /*a='b'*/");
}

#[test]
fn comments_are_sorted_and_encoded() {
    let of = |entries: &[(&str, &str)]| {
        let entries: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        comment(&entries).unwrap()
    };
    assert_eq!(of(&[]), "");
    assert_eq!(of(&[("a", "b")]), " /*a='b'*/");
    assert_eq!(
        of(&[("key two", "a/b c"), ("app", "it's"), ("action", "queryRaw")]),
        r" /*action='queryRaw',app='it\'s',key%20two='a%2Fb%20c'*/"
    );
    // Nothing can end the comment.
    assert_eq!(of(&[("*/", "*/ DROP")]), " /**%2F='*%2F%20DROP'*/");
    assert_eq!(of(&[("é", "-_.!~*()&=,;\\")]), " /*%C3%A9='-_.!~*()%26%3D%2C%3B%5C'*/");
    let statement: Statement = serde_json::from_str(r#"{"type":"rawSql","sql":"SELECT 1","args":[]}"#).unwrap();
    let rendered = render(&statement, &[], &terms(&of(&[("a", "b")]), false, &Room::default())).unwrap();
    assert_eq!(&*rendered[0].query.text, "SELECT 1 /*a='b'*/");
}

#[test]
fn a_plan_for_another_database_is_refused_by_its_name() {
    let read = |format: &str| {
        let json = format!(
            r#"{{"type":"templateSql","fragments":[{PARAMETER}],"args":[],"placeholderFormat":{format},"chunkable":false}}"#
        );
        serde_json::from_str::<Statement>(&json).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read("null"), Ok(()));
    assert_eq!(read(r#"{"prefix":"$","hasNumbering":true}"#), Ok(()));
    for (format, says) in [
        (r#"{"prefix":"?","hasNumbering":false}"#, "MySQL"),
        (r#"{"prefix":"@P","hasNumbering":true}"#, "SQL Server"),
        (r#"{"prefix":":","hasNumbering":true}"#, "only Postgres"),
        (r#"{"prefix":"$","hasNumbering":false}"#, "only Postgres"),
    ] {
        assert!(read(format).unwrap_err().contains(says), "{format}");
    }
}

#[test]
fn a_text_has_no_zeros() {
    let statement: Statement =
        serde_json::from_str(r#"{"type":"rawSql","sql":"SELECT 1\u0000","args":[],"argTypes":[]}"#).unwrap();
    assert_eq!(run(&statement, &[]).err().and_then(|error| error.code), Some("P6000"));
    assert_eq!(refused(&format!("[{},{TUPLE}]", chunk("\\u0000")), &[number(1)]).0, Some("P6000"));
}

#[test]
fn what_would_take_all_memory_is_refused() {
    let long = Value::Text("x".repeat(1 << 20).into());
    let plain = format!("[{}]", vec![PARAMETER; 1000].join(","));
    assert_eq!(refused(&plain, &vec![long; 1000]).0, Some("P6009"));
    let prefix = format!(
        r#"[{{"type":"parameterTuple","itemPrefix":"{}","itemSeparator":",","itemSuffix":""}}]"#,
        "x".repeat(1 << 20)
    );
    assert_eq!(refused(&prefix, &[numbers(1000)]).0, Some("P6009"));
}

#[test]
fn statements_that_differ_in_their_number_of_values_have_one_pattern() {
    let with = |before: &str, count: i64, comment: &str| {
        let list = numbers(count);
        let args = [Cow::Borrowed(&list), Cow::Borrowed(&list)];
        let statement = statement(&format!("[{},{TUPLE},{PARAMETER}]", chunk(before)), "[]", false);
        let rendered = render(&statement, &args, &terms(comment, false, &Room::default())).unwrap();
        rendered[0].query.pattern.as_deref().map(str::to_owned)
    };
    let of = |count, comment| with("a IN ", count, comment);
    assert_eq!(of(3, ""), of(500, " /*a='b'*/"));
    assert_eq!(of(3, "").as_deref(), Some("a IN ($1,$2)$3"));
    assert_eq!(of(1, "").as_deref(), Some("a IN ($1)$2"));
    assert_eq!(of(0, ""), None);
    // Of another number of arguments it may be another function.
    for before in ["", "f ", "f", r#"\"IN\""#, "BEGIN"] {
        assert_eq!(with(before, 3, ""), None, "{before}");
    }
    // What stands between values could make a text of every other one.
    let quoted = r#"{"type":"parameterTuple","itemPrefix":"'","itemSeparator":",","itemSuffix":""}"#;
    let list = numbers(3);
    let rendered = render(
        &statement(&format!("[{},{quoted}]", chunk("a IN ")), "[]", false),
        &[Cow::Borrowed(&list)],
        &terms("", false, &Room::default()),
    )
    .unwrap();
    assert_eq!(rendered[0].query.pattern, None);
}

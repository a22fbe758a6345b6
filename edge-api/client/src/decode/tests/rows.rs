//! Whole rows: structs by names, tuples by positions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{column, json};
use crate::decode::{Misfit, Shape, decode_row, hide};

/// `id` int8, `name` text, `tags` text[].
fn row<T: DeserializeOwned>() -> Result<T, Misfit> {
    of(&[("id", 20), ("name", 25), ("tags", 1009)], &[Some("7"), None, Some("{a,b}")])
}

fn of<T: DeserializeOwned>(columns: &[(&str, u32)], cells: &[Option<&str>]) -> Result<T, Misfit> {
    let mut columns: Vec<_> = columns.iter().map(|(name, oid)| column(name, *oid)).collect();
    hide(&mut columns);
    decode_row(&columns, cells, Shape::Row)
}

#[derive(Debug, PartialEq, Deserialize)]
struct User {
    id: i64,
    name: Option<String>,
    #[serde(rename = "tags")]
    labels: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Whole(User);

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    id: i64,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Rest {
    name: Option<String>,
    tags: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    id: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Last {
    id: i64,
}

fn labels() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

#[test]
fn structs_take_columns_by_name() {
    let user = || User { id: 7, name: None, labels: labels() };
    assert_eq!(row(), Ok(user()));
    assert_eq!(row(), Ok(Whole(user())));
    assert_eq!(row(), Ok(Some(user())));
    assert_eq!(row(), Ok(Flat { id: 7, rest: Rest { name: None, tags: labels() } }));
    let error = row::<Strict>().unwrap_err().to_string();
    assert_eq!(error, "there is no field for the column \"name\"");
}

#[test]
fn tuples_take_columns_by_position() {
    assert_eq!(row(), Ok((7_i64, None::<String>, labels())));
    let error = row::<(i64,)>().unwrap_err().to_string();
    assert_eq!(error, "the rows have 3 columns where 1 were expected");
    row::<(i64, Option<String>, Vec<String>, i32)>().unwrap_err();
}

#[test]
fn maps_take_what_there_is() {
    assert_eq!(row::<Value>(), Ok(json(r#"{"id":7,"name":null,"tags":["a","b"]}"#)));
    assert_eq!(row::<BTreeMap<String, Value>>().map(|map| map.len()), Ok(3));
    assert_eq!(row::<()>(), Ok(()));
}

#[test]
fn of_columns_with_one_name_the_last_counts() {
    let columns = [("id", 20), ("x", 25), ("id", 20)];
    let cells = [Some("1"), Some("x"), Some("2")];
    assert_eq!(of::<Value>(&columns, &cells), Ok(json(r#"{"x":"x","id":2}"#)));
    assert_eq!(of(&columns, &cells), Ok(Last { id: 2 }));
    assert_eq!(of(&columns, &cells), Ok((1, "x".to_owned(), 2)));
}

#[test]
fn one_column_is_its_value() {
    assert_eq!(of(&[("n", 23)], &[Some("7")]), Ok(7));
    assert_eq!(of(&[("n", 23)], &[None]), Ok(None::<i32>));
    assert_eq!(of(&[("n", 25)], &[Some("x")]), Ok("x".to_owned()));
    let error = row::<i32>().unwrap_err().to_string();
    assert_eq!(error, "the rows have 3 columns where one value was expected");
    let columns = [column("a", 23), column("b", 23)];
    decode_row::<i32>(&columns, &[Some("1"), Some("2")], Shape::Scalar).unwrap_err();
}

#[test]
fn a_list_is_the_value_of_the_only_column() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Tags(Vec<String>);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let array = |oid: u32, text: &str| of::<Vec<String>>(&[("c", oid)], &[Some(text)]);
    assert_eq!(array(1009, "{a,b}"), Ok(texts(&["a", "b"])));
    // Of a type that somebody made, such as an enum.
    assert_eq!(array(100_001, "{sad,happy}"), Ok(texts(&["sad", "happy"])));
    assert_eq!(array(114, r#"["a"]"#), Ok(texts(&["a"])));
    assert_eq!(of(&[("c", 17)], &[Some("\\x0102")]), Ok(vec![1_u8, 2]));
    assert_eq!(of(&[("c", 1009)], &[Some("{a,NULL}")]), Ok(Some(vec![Some("a".to_owned()), None])));
    assert_eq!(of(&[("c", 1009)], &[None]), Ok(None::<Vec<String>>));
    assert_eq!(of(&[("c", 1009)], &[Some("{a}")]), Ok(Tags(texts(&["a"]))));
    let error = array(25, "hunter2").unwrap_err().to_string();
    assert_eq!(error, "column \"c\" (text): expected a sequence");
    // Tuples, and arrays of Rust's, go by positions, whatever the column is.
    assert_eq!(of(&[("c", 1009)], &[Some("{a,b}")]), Ok((texts(&["a", "b"]),)));
    assert_eq!(of(&[("c", 17)], &[Some("\\x01")]), Ok((vec![1_u8],)));
    of::<[String; 2]>(&[("c", 1009)], &[Some("{a,b}")]).unwrap_err();
    // Of several columns a list has the values.
    assert_eq!(of(&[("a", 23), ("b", 23)], &[Some("1"), None]), Ok(vec![Some(1), None]));
}

/// What serde reads through `flatten` it reads without a word of which type is wanted.
#[test]
fn flattened_fields_take_what_the_column_says() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer<T> {
        #[serde(flatten)]
        inner: Inner<T>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner<T> {
        c: T,
    }
    fn flat<T: DeserializeOwned>(oid: u32, text: &str) -> Result<T, Misfit> {
        of::<Outer<T>>(&[("c", oid)], &[Some(text)]).map(|outer| outer.inner.c)
    }
    assert_eq!(flat(16, "t"), Ok(true));
    assert_eq!(flat(20, "-7"), Ok(-7_i64));
    assert_eq!(flat(23, "7"), Ok(7_u8));
    assert_eq!(flat(701, "0.5"), Ok(0.5_f64));
    assert_eq!(flat(25, "x"), Ok("x".to_owned()));
    assert_eq!(flat(1007, "{1,NULL}"), Ok(vec![Some(1), None]));
    assert_eq!(flat(3802, r#"{"a": 1}"#), Ok(json(r#"{"a":1}"#)));
    assert_eq!(flat(1184, "2024-01-01 12:00:00+00"), Ok("2024-01-01T12:00:00+00:00".to_owned()));
    assert_eq!(flat(2950, "00000000-0000-0000-0000-000000000000"), Ok(uuid::Uuid::nil()));
    // These are text there.
    assert_eq!(flat(1700, "1.10"), Ok("1.10".to_owned()));
    assert_eq!(flat(17, "\\x01"), Ok("\\x01".to_owned()));
    assert_eq!(flat(701, "NaN"), Ok("NaN".to_owned()));
    assert_eq!(flat(100_001, "{a}"), Ok("{a}".to_owned()));
    for error in [
        flat::<f64>(1700, "1.1011").map(drop),
        flat::<Vec<u8>>(17, "\\x0102").map(drop),
        flat::<f64>(701, "Infinity").map(drop),
        flat::<Vec<String>>(100_001, "{hunter2}").map(drop),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(!["1.1011", "x0102", "Infinity", "hunter2"].iter().any(|value| error.contains(value)), "{error}");
    }
}

#[test]
fn untagged_enums_take_what_the_column_says() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Whole(i64),
        Real(f64),
        Text(String),
    }
    assert_eq!(of(&[("c", 23)], &[Some("7")]), Ok((Any::Whole(7),)));
    assert_eq!(of(&[("c", 701)], &[Some("7")]), Ok((Any::Real(7.0),)));
    assert_eq!(of(&[("c", 1700)], &[Some("7")]), Ok((Any::Text("7".to_owned()),)));
    assert_eq!(of(&[("c", 25)], &[Some("7")]), Ok((Any::Text("7".to_owned()),)));
}

#[test]
fn errors_name_the_column() {
    #[derive(Debug, Deserialize)]
    struct Named {
        #[serde(rename = "id")]
        _id: i64,
        #[serde(rename = "name")]
        _name: String,
    }
    let error = row::<Named>().unwrap_err().to_string();
    assert_eq!(error, "column \"name\" (text): NULL where text was expected; an Option would take it");
    let error = row::<(i8, String, String)>().unwrap_err().to_string();
    assert_eq!(error, "column \"name\" (text): NULL where text was expected; an Option would take it");
    let error = of::<Named>(&[("id", 20)], &[Some("1")]).unwrap_err().to_string();
    assert_eq!(error, "there is no column for the field \"name\"");
}

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

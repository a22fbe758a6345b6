use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Column, Misfit, Shape, decode_row};

mod rows;
mod values;

/// Reads one value of a type.
fn value<T: DeserializeOwned>(oid: u32, text: Option<&str>) -> Result<T, Misfit> {
    decode_row(&[column("c", oid)], &[text], Shape::Scalar)
}

fn column(name: &str, oid: u32) -> Column<'_> {
    Column { name: name.into(), oid, hidden: false }
}

/// For types that have no better name here.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

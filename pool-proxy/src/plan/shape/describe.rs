//! Values in the words of errors, which are JavaScript's.

use std::fmt::{self, Display};

use super::leaf::Leaf;
use super::{json, plain, written};
use crate::plan::number;
use crate::plan::value::Value;

/// What JavaScript's `String()` makes of a value: lists are their elements with commas between them, and objects are
/// `[object Object]` (<https://tc39.es/ecma262/#sec-tostring>).
pub(super) struct Described<'a>(pub(super) &'a Leaf<'a>);

impl Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Leaf::Undefined => f.write_str("undefined"),
            Leaf::Null => f.write_str("null"),
            Leaf::Bool(bool) => bool.fmt(f),
            Leaf::Text(text) => f.write_str(text),
            Leaf::Number(number) => f.write_str(&written(|out| number::write(out, *number))),
            Leaf::Digits(digits) => f.write_str(&written(|out| super::compact::write_number(out, digits))),
            Leaf::Moment(moment) => {
                f.write_str(written(|out| plain::write(out, &Value::Moment(*moment))).trim_matches('"'))
            }
            Leaf::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte}", if index > 0 { "," } else { "" })?;
                }
                Ok(())
            }
            Leaf::Json(json) if json.starts_with('[') => flat(json, f),
            Leaf::Value(Value::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    element(&Leaf::of(item), f)?;
                }
                Ok(())
            }
            Leaf::Json(_) | Leaf::Value(_) => f.write_str("[object Object]"),
        }
    }
}

/// An element of a list: nothing where it is null.
fn element(leaf: &Leaf<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match leaf {
        Leaf::Undefined | Leaf::Null => Ok(()),
        leaf => Described(leaf).fmt(f),
    }
}

/// The elements of a list, and of those in it.
fn flat(list: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = list.trim_start_matches(OPEN);
    while let Some((item, tail)) = json::first(rest) {
        element(&Leaf::of_json(item), f)?;
        rest = tail.trim_start_matches(CLOSE);
        while let Some(tail) = rest.strip_prefix(',') {
            f.write_str(",")?;
            rest = tail.trim_start_matches(OPEN).trim_start_matches(CLOSE);
        }
    }
    Ok(())
}

const OPEN: [char; 5] = ['[', ' ', '\t', '\n', '\r'];
const CLOSE: [char; 5] = [']', ' ', '\t', '\n', '\r'];

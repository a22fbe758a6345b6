//! The statement that stands for others like it: the same whatever the number of values in its lists, and without a comment.
//!
//! Postgres is asked once what it is, not for each length; and it cannot be asked about more than 100 parameters.

use std::borrow::Cow;
use std::sync::Arc;

use super::{list, numbered};
use crate::plan::tree::{Fragment, Item, mark};
use crate::plan::value::Value;

/// Values of a list that are written: so many that what separates them is there, too.
const SHOWN: usize = 2;

/// `None` if it would not surely be of the same kind: what stands between the values could begin a text or a comment, and end it
/// with the next one; and of a function's arguments, each number of them could be another function's.
pub(super) fn pattern(fragments: &[Fragment], args: &[Cow<'_, Value>]) -> Option<Arc<str>> {
    let mut text = String::with_capacity(fragments.len() * 32);
    let mut marks = 0;
    for (fragment, argument) in numbered(fragments) {
        let mut values = |text: &mut String, (prefix, suffix): (&str, &str), separator: &str, count: usize| {
            for index in 0..count {
                text.push_str(if index > 0 { separator } else { "" });
                text.push_str(prefix);
                mark(text, marks);
                marks += 1;
                text.push_str(suffix);
            }
        };
        match fragment {
            Fragment::Text(chunk) => text.push_str(chunk),
            Fragment::Parameter => values(&mut text, ("", ""), "", 1),
            Fragment::Tuple(item) => {
                let count = list(args.get(argument)?).len().min(SHOWN);
                if !is_plain(item) || count == 0 || !is_list(&text) {
                    return None;
                }
                text.push('(');
                values(&mut text, (&item.prefix, &item.suffix), &item.separator, count);
                text.push(')');
            }
            Fragment::Tuples { item, separator } => {
                if !is_plain(item) || !is_separator(separator) || !is_list(&text) {
                    return None;
                }
                for (index, tuple) in list(args.get(argument)?).iter().take(SHOWN).enumerate() {
                    text.push_str(if index > 0 { separator } else { "" });
                    text.push_str(&item.prefix);
                    values(&mut text, ("", ""), &item.separator, list(tuple).len());
                    text.push_str(&item.suffix);
                }
            }
        }
    }
    Some(text.into())
}

/// Whether a value more or less changes nothing but their number.
fn is_plain(item: &Item) -> bool {
    let around = (&*item.prefix, &*item.suffix);
    matches!(around, ("", "") | ("(" | "LOWER(" | "lower(", ")")) && is_separator(&item.separator)
}

/// Whether a list may follow that is no function's arguments.
fn is_list(text: &str) -> bool {
    let last =
        text.trim_ascii_end().rsplit(|before: char| !before.is_alphanumeric() && before != '_' && before != '"').next();
    last.is_some_and(|word| ["IN", "VALUES"].iter().any(|list| word.eq_ignore_ascii_case(list)))
}

fn is_separator(text: &str) -> bool {
    text.trim_ascii() == ","
}

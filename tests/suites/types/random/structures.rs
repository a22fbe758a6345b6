//! Random arrays, ranges and composites of the others.

use std::fmt::Write;

use harness::Dice;

use super::Generator;
use super::numbers::{float8, whole};
use super::texts::text;
use super::times::timestamptz;

pub(super) const KINDS: &[(&str, Generator)] = &[
    ("pair", pair),
    ("nest", nest),
    ("several", |dice| array(dice, "int4", |dice| whole(dice, 32))),
    ("int4range", |dice| range(dice, |number| number.to_string())),
    ("int8range", |dice| range(dice, |number| (number * 1_000_000_007).to_string())),
    ("numrange", |dice| range(dice, |number| format!("{number}.50"))),
    ("floatrange", |dice| range(dice, |number| format!("{number}e-3"))),
    ("daterange", |dice| range(dice, day)),
    ("tsrange", |dice| range(dice, |number| format!("{} 01:02:03.{}", day(number), number.abs()))),
    ("tstzrange", |dice| range(dice, |number| format!("{} 01:02:03+05:30", day(number)))),
    ("int4multirange", |dice| multirange(dice, |number| number.to_string())),
    ("int8multirange", |dice| multirange(dice, |number| (number * 1_000_000_007).to_string())),
    ("nummultirange", |dice| multirange(dice, |number| format!("{number}.50"))),
    ("floatmultirange", |dice| multirange(dice, |number| format!("{number}e-3"))),
    ("datemultirange", |dice| multirange(dice, day)),
    ("tsmultirange", |dice| multirange(dice, |number| format!("{} 01:02:03", day(number)))),
    ("tstzmultirange", |dice| multirange(dice, |number| format!("{} 01:02:03-11:00", day(number)))),
];

/// A date for each number, in the same order.
fn day(number: i64) -> String {
    let days = number + 1000;
    format!("{:04}-{:02}-{:02}", 2000 + days / 336, 1 + days % 336 / 28, 1 + days % 28)
}

fn bounds(dice: &mut Dice, show: fn(i64) -> String) -> String {
    let lower = dice.between(-1000, 1000);
    let upper = dice.between(lower, 1001);
    let side =
        |dice: &mut Dice, number: i64| if dice.once_in(8) { String::new() } else { format!("\"{}\"", show(number)) };
    let (open, close) = (dice.pick(&["[", "("]), dice.pick(&["]", ")"]));
    format!("{open}{},{}{close}", side(dice, lower), side(dice, upper))
}

fn range(dice: &mut Dice, show: fn(i64) -> String) -> String {
    if dice.once_in(12) { "empty".to_owned() } else { bounds(dice, show) }
}

fn multirange(dice: &mut Dice, show: fn(i64) -> String) -> String {
    let ranges: Vec<String> = (0..dice.below(5)).map(|_| bounds(dice, show)).collect();
    format!("{{{}}}", ranges.join(","))
}

/// A field of a composite, in quotes.
fn field(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

fn pair(dice: &mut Dice) -> String {
    let number = if dice.once_in(5) { String::new() } else { whole(dice, 32) };
    let words = if dice.once_in(5) { String::new() } else { field(&text(dice)) };
    format!("({number},{words})")
}

fn nest(dice: &mut Dice) -> String {
    let fields = [
        field(&pair(dice)),
        field(&array(dice, "pair", pair)),
        field(&timestamptz(dice)),
        field(&format!("\\x{:x}0", dice.bits() >> 4 | 1 << 59)),
        float8(dice),
    ];
    let shown = fields.iter().map(|field| if dice.once_in(6) { "" } else { field.as_str() });
    format!("({})", shown.collect::<Vec<_>>().join(","))
}

/// An array literal of any shape (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>).
pub(super) fn array(dice: &mut Dice, kind: &str, element: Generator) -> String {
    let dimensions = [0, 1, 1, 1, 2, 3, 4, 6][dice.below(8)];
    let widest = if dimensions > 3 { 2 } else { 4 };
    let sizes: Vec<usize> = (0..dimensions).map(|_| 1 + dice.below(widest)).collect();
    let mut text = String::new();
    if dimensions > 0 && dice.once_in(3) {
        for size in &sizes {
            let lower = dice.between(-5, 5);
            let _ = write!(text, "[{lower}:{}]", lower + i64::try_from(*size).unwrap_or(1) - 1);
        }
        text.push('=');
    }
    // The one type whose arrays are not divided by commas.
    let comma = if kind == "box" { ";" } else { "," };
    write_level(dice, &sizes, element, comma, &mut text);
    text
}

fn write_level(dice: &mut Dice, sizes: &[usize], element: Generator, comma: &str, text: &mut String) {
    text.push('{');
    if let Some((size, inner)) = sizes.split_first() {
        for index in 0..*size {
            if index > 0 {
                text.push_str(comma);
            }
            if !inner.is_empty() {
                write_level(dice, inner, element, comma, text);
            } else if dice.once_in(8) {
                text.push_str(dice.pick(&["NULL", "null"]));
            } else {
                let item = element(dice);
                let _ = write!(text, "\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""));
            }
        }
    }
    text.push('}');
}

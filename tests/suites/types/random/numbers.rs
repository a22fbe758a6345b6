//! Random numbers.

use std::fmt::Write;

use harness::Dice;

use super::Generator;

pub(super) const KINDS: &[(&str, Generator)] = &[
    ("bool", |dice| dice.pick(&["t", "f", "true", "false", "on", "off", "yes", "no", "1", "0"]).to_owned()),
    ("int2", |dice| whole(dice, 16)),
    ("int4", |dice| whole(dice, 32)),
    ("int8", |dice| whole(dice, 64)),
    ("float4", float4),
    ("float8", float8),
    ("numeric", numeric),
    ("numeric(20,4)", |dice| format!("{}.{}", dice.between(-99_999_999, 99_999_999), dice.below(1_000_000))),
    ("money", |dice| {
        format!("{}.{:02}", dice.between(-92_233_720_368_547_757, 92_233_720_368_547_757), dice.below(100))
    }),
    ("oid", natural),
    ("xid", natural),
    ("cid", natural),
    ("xid8", |dice| dice.bits().to_string()),
    ("small", |dice| dice.between(-1_000_000, 999_999).to_string()),
    ("regclass", |dice| dice.pick(&["pg_class", "pg_type", "0", "4123456789"]).to_owned()),
    ("regtype", |dice| dice.pick(&["int4", "text[]", "\"char\"", "interval", "0", "4123456789"]).to_owned()),
];

/// A whole number of any size up to so many bits, and of either sign.
pub(super) fn whole(dice: &mut Dice, bits: u32) -> String {
    let shift = 64 - bits + u32::try_from(dice.below(bits as usize)).unwrap_or(0);
    (dice.bits().cast_signed() >> shift).to_string()
}

fn natural(dice: &mut Dice) -> String {
    (dice.bits() >> (32 + dice.below(32))).to_string()
}

fn float4(dice: &mut Dice) -> String {
    let bits = u32::try_from(dice.bits() >> 32).unwrap_or(0);
    match dice.below(3) {
        0 => short(dice),
        _ => float_text(f64::from(f32::from_bits(bits)), &format!("{:e}", f32::from_bits(bits))),
    }
}

pub(super) fn float8(dice: &mut Dice) -> String {
    let number = f64::from_bits(dice.bits());
    match dice.below(3) {
        0 => short(dice),
        _ => float_text(number, &format!("{number:e}")),
    }
}

fn float_text(number: f64, text: &str) -> String {
    if number.is_nan() { "NaN".to_owned() } else { text.replace("inf", "Infinity") }
}

/// Such as people write, and what is no number.
fn short(dice: &mut Dice) -> String {
    let decimal = format!("{}.{}", dice.between(-1000, 1000), dice.below(1000));
    dice.pick(&[decimal.as_str(), &decimal, &decimal, "-0", "NaN", "Infinity", "-Infinity"]).to_owned()
}

fn numeric(dice: &mut Dice) -> String {
    if dice.once_in(12) {
        return dice.pick(&["NaN", "Infinity", "-Infinity", "0", "-0.000", "1e-1000", "1e1000"]).to_owned();
    }
    let longest = if dice.once_in(10) { 2000 } else { 40 };
    let (before, after) = (dice.below(longest) + 1, dice.below(longest));
    let mut text = String::from(dice.pick(&["", "-", "+"]));
    let mut zeros = 0;
    for place in 0..before + after {
        if place == before {
            text.push('.');
        }
        // Runs of zeros are what goes wrong with numbers kept in groups of four digits.
        if zeros == 0 && dice.once_in(8) {
            zeros = dice.below(9);
        }
        let digit = if zeros > 0 { 0 } else { dice.below(10) };
        zeros = zeros.saturating_sub(1);
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
    if dice.once_in(8) {
        let _ = write!(text, "e{}", dice.between(-50, 50));
    }
    text
}

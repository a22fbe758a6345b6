//! Numbers as JavaScript reads and prints them, and decimals as its clients do.

use std::ops::RangeInclusive;

use super::value::Number;

/// The integers of which JavaScript's numbers lack none (<https://tc39.es/ecma262/#sec-number.max_safe_integer>).
pub const SAFE_INTEGERS: RangeInclusive<i64> = -9_007_199_254_740_991..=9_007_199_254_740_991;

/// Writes a number as JavaScript's `String()` does: `1e+21`, `0` for -0, `NaN`
/// (<https://tc39.es/ecma262/#sec-numeric-types-number-tostring>).
pub fn write(out: &mut Vec<u8>, number: Number) {
    match number {
        Number::Int(integer) => out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes()),
        Number::Float(float) => out.extend_from_slice(ryu_js::Buffer::new().format(float).as_bytes()),
    }
}

/// Writes a number as `JSON.stringify` does: what JSON has no word for is null.
pub fn write_json(out: &mut Vec<u8>, number: Number) {
    match number {
        Number::Float(float) if !float.is_finite() => out.extend_from_slice(b"null"),
        number => write(out, number),
    }
}

/// What JavaScript's `Number()` makes of a text
/// (<https://tc39.es/ecma262/#sec-stringtonumber>): blanks around it do not count, nothing is 0, and what is no number
/// is NaN.
pub fn of_text(text: &str) -> f64 {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned.as_bytes() {
        [] if text.is_empty() => 0.0,
        [b'0', radix, ..] if radix.is_ascii_alphabetic() && text.len() == unsigned.len() => match radix {
            b'x' | b'X' => of_digits(unsigned, 16),
            b'o' | b'O' => of_digits(unsigned, 8),
            b'b' | b'B' => of_digits(unsigned, 2),
            _ => text.parse().unwrap_or(f64::NAN),
        },
        b"Infinity" if text.starts_with('-') => f64::NEG_INFINITY,
        b"Infinity" => f64::INFINITY,
        [b'0'..=b'9' | b'.', ..] => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

fn of_digits(text: &str, radix: u32) -> f64 {
    let digits = text.get(2..).unwrap_or_default();
    if digits.is_empty() {
        return f64::NAN;
    }
    digits
        .chars()
        .try_fold(0.0, |number: f64, digit| Some(number * f64::from(radix) + f64::from(digit.to_digit(radix)?)))
        .unwrap_or(f64::NAN)
}

/// Whether a text is an integer: digits, with a minus in front if need be.
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes a decimal number as the clients' decimals are printed, with all of its digits: no zeros at either end, no point
/// without digits behind it, and an exponent where that is 21 or more, or -7 or less. False, and nothing is written, if
/// the text is no number.
pub fn write_decimal(out: &mut Vec<u8>, text: &str) -> bool {
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..).unwrap_or_default()),
        [b'+', ..] => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    match unsigned {
        "NaN" if !negative => {
            out.extend_from_slice(b"NaN");
            return true;
        }
        "Infinity" => {
            out.extend_from_slice(if negative { b"-Infinity" } else { b"Infinity" });
            return true;
        }
        _ => {}
    }
    let Some(Decimal { whole, fraction, exponent }) = Decimal::parse(unsigned) else { return false };
    let digits = || whole.bytes().chain(fraction.bytes());
    let Some(first) = digits().position(|digit| digit != b'0') else {
        out.push(b'0');
        return true;
    };
    let count = whole.len() + fraction.len() - first - digits().rev().take_while(|digit| *digit == b'0').count();
    let mut digits = digits().skip(first).take(count);
    // That of the first digit.
    let exponent = exponent.saturating_add(signed(whole.len())).saturating_sub(signed(first) + 1);
    if negative {
        out.push(b'-');
    }
    if exponent <= -7 || exponent >= 21 {
        out.extend(digits.by_ref().take(1));
        if count > 1 {
            out.push(b'.');
            out.extend(digits);
        }
        out.extend_from_slice(if exponent < 0 { b"e" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend((exponent..-1).map(|_| b'0'));
        out.extend(digits);
    } else {
        let whole = usize::try_from(exponent).unwrap_or_default() + 1;
        out.extend(digits.by_ref().chain(std::iter::repeat(b'0')).take(whole));
        if count > whole {
            out.push(b'.');
            out.extend(digits);
        }
    }
    true
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The parts of a decimal number.
struct Decimal<'a> {
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty())).then_some(Self {
            whole,
            fraction,
            exponent,
        })
    }
}

/// Writes an amount of money, which Postgres prints with the currency and separators of `lc_monetary`, as a number: the
/// digits, a point before those of the fraction, and a minus where there is one or parentheses
/// (<https://www.postgresql.org/docs/current/datatype-money.html>). What stands before the last one or two digits is
/// taken for the point, since groups have three.
pub fn write_money(out: &mut Vec<u8>, text: &str) {
    if text.contains(['-', '(', '\u{2212}']) {
        out.push(b'-');
    }
    let fraction = text.rfind(|character: char| character.is_ascii_digit()).map_or(0, |last| {
        let body = text.get(..=last).unwrap_or_default();
        let digits = body.bytes().rev().take_while(u8::is_ascii_digit).count();
        let separated = body.as_bytes().get(..body.len() - digits).and_then(|head| head.last());
        if digits < 3 && matches!(separated, Some(b'.' | b',')) { digits } else { 0 }
    });
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    for (index, digit) in text.bytes().filter(u8::is_ascii_digit).enumerate() {
        if fraction > 0 && index == digits - fraction {
            out.push(b'.');
        }
        out.push(digit);
    }
}

#[cfg(test)]
mod tests;

//! JSON as JavaScript writes what it has read: without blanks, numbers and strings in their shortest form.

use crate::plan::number;
use crate::plan::value::Number;

/// Writes JSON, which has to be valid; in a JSON string, of which it is the whole text, if it is to be quoted.
pub(in crate::plan) fn write(out: &mut Vec<u8>, json: &str, quoted: bool) {
    let bytes = json.as_bytes();
    let mut at = 0;
    if quoted {
        out.push(b'"');
    }
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let end = end_of_string(bytes, at);
                string(out, bytes.get(at + 1..end).unwrap_or_default(), quoted);
                at = end + 1;
            }
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at..).unwrap_or_default();
                let end = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                write_number(out, rest.get(..end).unwrap_or_default());
                at += end;
            }
            other => {
                out.push(*other);
                at += 1;
            }
        }
    }
    if quoted {
        out.push(b'"');
    }
}

/// An integer of no more digits is a double, too.
const EXACT: usize = 15;

/// Writes a number as the double nearest to it is printed, since that is what clients make of it.
pub(super) fn write_number(out: &mut Vec<u8>, digits: &str) {
    if digits == "-0" {
        out.push(b'0');
    } else if digits.len() <= EXACT && number::is_integer(digits) {
        out.extend_from_slice(digits.as_bytes());
    } else {
        match number::of_text(digits) {
            float if float.is_finite() => number::write(out, Number::Float(float)),
            _ => out.extend_from_slice(digits.as_bytes()),
        }
    }
}

/// Where the quote is that ends the string that begins here.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return at,
            Some(_) => at += 1,
        }
    }
}

/// A string without its quotes.
fn string(out: &mut Vec<u8>, inner: &[u8], quoted: bool) {
    let quote: &[u8] = if quoted { b"\\\"" } else { b"\"" };
    out.extend_from_slice(quote);
    if inner.contains(&b'\\') {
        escaped(out, inner, quoted);
    } else {
        out.extend_from_slice(inner);
    }
    out.extend_from_slice(quote);
}

/// A string in which characters are escaped, of which only those are to stay so that have to be
/// (<https://tc39.es/ecma262/#sec-quotejsonstring>).
fn escaped(out: &mut Vec<u8>, inner: &[u8], quoted: bool) {
    for unit in char::decode_utf16(units(inner)) {
        let character = match unit {
            Ok(character) => character,
            Err(half) => {
                escape(out, quoted);
                out.extend_from_slice(format!("u{:04x}", half.unpaired_surrogate()).as_bytes());
                continue;
            }
        };
        let short = match character {
            '"' => b'"',
            '\\' => b'\\',
            '\u{8}' => b'b',
            '\u{c}' => b'f',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\0'..='\u{1f}' => {
                escape(out, quoted);
                out.extend_from_slice(format!("u{:04x}", u32::from(character)).as_bytes());
                continue;
            }
            _ => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        escape(out, quoted);
        if quoted && matches!(short, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(short);
    }
}

/// The backslash that begins an escape.
fn escape(out: &mut Vec<u8>, quoted: bool) {
    out.extend_from_slice(if quoted { b"\\\\" } else { b"\\" });
}

/// The UTF-16 of a JSON string without its quotes, which may have halves of surrogate pairs.
pub(super) fn units(inner: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(inner);
    let mut characters = text.chars();
    let mut units = Vec::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    units.extend(u16::from_str_radix(&digits, 16));
                    continue;
                }
                Some(itself) => itself,
                None => break,
            },
            character => character,
        };
        units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
    }
    units
}

#[cfg(test)]
mod tests;

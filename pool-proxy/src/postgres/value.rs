//! Values between JSON and Postgres's text.

use serde_json::value::RawValue;

use super::array;
use super::query::Param;

/// Writes a JSON string.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    write_text(out, text.as_bytes());
}

/// Writes a JSON string. Bytes that are not UTF-8 stay what they are, for who looks at all that was written.
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    // Few texts have anything to escape.
    if !needs_escapes(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    match std::str::from_utf8(text) {
        // Writing a str into a Vec cannot fail.
        Ok(text) => drop(serde_json::to_writer(out, text)),
        Err(_) => out.extend_from_slice(text),
    }
}

/// Whether a JSON string has to say some of these bytes in another way (<https://www.rfc-editor.org/rfc/rfc8259#section-7>).
fn needs_escapes(text: &[u8]) -> bool {
    /// None of the bytes is left out, so that all are looked at together; that they are a known number makes that short.
    fn any<const N: usize>(bytes: &[u8; N]) -> bool {
        bytes.iter().fold(0, |any, byte| any | is_escaped(*byte)) != 0
    }
    fn is_escaped(byte: u8) -> u8 {
        u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\')
    }
    // The last of a length may overlap those before.
    if let Some(last) = text.last_chunk::<16>() {
        return text.as_chunks().0.iter().any(any::<16>) || any(last);
    }
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => any(first) || any(last),
        _ => text.iter().any(|byte| is_escaped(*byte) != 0),
    }
}

/// Whether values of this type are JSON as they are: bool, int2, int4, finite floats, json, jsonb.
fn is_json_scalar(oid: u32) -> bool {
    matches!(oid, 16 | 21 | 23 | 114 | 700 | 701 | 3802)
}

/// The element type of an array of such a type.
fn json_element(oid: u32) -> Option<u32> {
    Some(match oid {
        1000 => 16,
        1005 => 21,
        1007 => 23,
        199 => 114,
        1021 => 700,
        1022 => 701,
        3807 => 3802,
        _ => return None,
    })
}

/// Writes a value as JSON by its type: bool, int2, int4, finite floats, json and jsonb, and arrays of them, as they
/// are; everything else as its text. int8 and numeric stay text, since JSON clients would lose digits. Bytes that are not UTF-8
/// stay what they are, for who looks at all that was written.
pub fn write_json(out: &mut Vec<u8>, oid: u32, text: &[u8]) {
    if is_json_scalar(oid) {
        write_scalar(out, oid, text);
    } else if let Some(element) = json_element(oid) {
        match std::str::from_utf8(text) {
            Ok(text) => array::write_json(out, text, |out, item| write_scalar(out, element, item.as_bytes())),
            Err(_) => out.extend_from_slice(text),
        }
    } else {
        write_text(out, text);
    }
}

fn write_scalar(out: &mut Vec<u8>, oid: u32, text: &[u8]) {
    match (oid, text) {
        (16, b"t") => out.extend_from_slice(b"true"),
        (16, b"f") => out.extend_from_slice(b"false"),
        (700 | 701, b"NaN" | b"Infinity" | b"-Infinity") => write_text(out, text),
        _ => out.extend_from_slice(text),
    }
}

/// A parameter from any JSON: strings as they are, null as NULL, numbers with the digits sent, booleans and objects
/// as their text, arrays as array literals.
///
/// # Errors
/// What is wrong with a string, such as half of a surrogate pair.
pub fn param(json: &RawValue) -> Result<Param, serde_json::Error> {
    let text = json.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Param::Null,
        Some(b'"') => Param::Text(serde_json::from_str(text)?),
        Some(b'[') => {
            let mut literal = String::new();
            if !write_literal(&mut literal, text, DIMENSIONS)? {
                // It can only be JSON; where it is not, Postgres says what is wrong with it.
                text.clone_into(&mut literal);
            }
            Param::Array { literal, json: text.to_owned() }
        }
        _ => Param::Text(text.to_owned()),
    })
}

/// The most dimensions an array of Postgres's has.
const DIMENSIONS: usize = 6;

/// Writes an array literal; false if it has more dimensions than are left.
fn write_literal(out: &mut String, json: &str, dimensions: usize) -> Result<bool, serde_json::Error> {
    let Some(inner_dimensions) = dimensions.checked_sub(1) else { return Ok(false) };
    let items: Vec<&RawValue> = serde_json::from_str(json)?;
    out.push('{');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let text = item.get();
        match text.as_bytes().first() {
            Some(b'n') => out.push_str("NULL"),
            Some(b'[') => {
                if !write_literal(out, text, inner_dimensions)? {
                    return Ok(false);
                }
            }
            Some(b'"') => array::write_quoted(out, &serde_json::from_str::<String>(text)?),
            Some(b'{') => array::write_quoted(out, text),
            _ => out.push_str(text),
        }
    }
    out.push('}');
    Ok(true)
}

#[cfg(test)]
mod tests;

//! bytea, in either of the forms that `bytea_output` knows.

/// The bytes of `\x0aff` or of `abc\\\001`; nothing if it is neither.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => hex(digits.as_bytes()),
        None => escaped(text.as_bytes()),
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// A backslash stands before another or before three octal digits.
fn escaped(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        match text {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                text = rest;
            }
            [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', rest @ ..] => {
                bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                text = rest;
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                text = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn reads_both_forms() {
        let cases: &[(&str, Option<&[u8]>)] = &[
            ("\\x", Some(b"")),
            ("\\x00ff0A", Some(&[0, 255, 10])),
            ("\\x0", None),
            ("\\x0g", None),
            ("", Some(b"")),
            ("abc", Some(b"abc")),
            ("a\\\\b\\000\\377", Some(b"a\\b\0\xff")),
            ("\\400", None),
            ("\\08", None),
            ("\\", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text).as_deref(), *expected, "{text}");
        }
    }
}

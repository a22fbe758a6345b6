use super::{usual, write};
use crate::plan::moment;

/// Dates that are copied are what they would be if they were read and written.
#[test]
fn copies_what_it_would_write() {
    for text in [
        "2024-05-06T07:08:09.010Z",
        "2024-05-06 07:08:09.123456+00",
        "2024-05-06T07:08:09+00:00",
        "2024-12-30T23:59:59.9+00:00",
        "2024-10-01T00:00:00",
        "2024-02-28T19:00:00",
        "0001-01-01T00:00:00Z",
        "9999-11-20T09:19:29.999999Z",
    ] {
        assert!(usual(text.as_bytes()).is_some(), "{text}");
        let (mut copied, mut expected) = (Vec::new(), vec![b'"']);
        assert!(write(&mut copied, text));
        moment::write(&mut expected, moment::parse(text).unwrap());
        expected.push(b'"');
        assert_eq!(copied, expected, "{text}");
    }
}

#[test]
fn reads_the_others() {
    for (text, expected) in [
        ("2024-02-29", Some("2024-02-29T00:00:00.000Z")),
        ("2024-02-29T10:00:00", Some("2024-02-29T10:00:00.000Z")),
        ("2024-01-31T10:00:00+00:00", Some("2024-01-31T10:00:00.000Z")),
        ("2024-01-01T24:00:00Z", Some("2024-01-02T00:00:00.000Z")),
        ("2024-01-01T10:00:00+02", Some("2024-01-01T08:00:00.000Z")),
        ("10:11:12.5", Some("1970-01-01T10:11:12.500Z")),
        ("0044-03-15 12:00:00 BC", Some("-000043-03-15T12:00:00.000Z")),
        ("+012345-01-01T00:00:00+00:00", Some("+012345-01-01T00:00:00.000Z")),
        ("2024-02-30T00:00:00Z", None),
        ("2024-00-10T00:00:00Z", None),
        ("2024-13-10T00:00:00Z", None),
        ("2024-19-10T00:00:00Z", None),
        ("2024-01-00T00:00:00Z", None),
        ("2024-01-10T25:00:00Z", None),
        ("2024-01-10T00:00:00.Z", None),
        ("2024-01-10T00:00:00.5x", None),
        ("infinity+00:00", None),
        ("", None),
    ] {
        let mut out = Vec::new();
        assert_eq!(write(&mut out, text), expected.is_some(), "{text}");
        let expected = expected.map(|expected| format!("\"{expected}\"")).unwrap_or_default();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }
}

use harness::{Dice, cases};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::{Param, param, write_json};

fn check_out(oid: u32, text: &str, expected: &str) {
    let mut out = Vec::new();
    write_json(&mut out, oid, text.as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), expected, "oid {oid}, {text}");
}

#[test]
fn writes_json_by_type() {
    check_out(16, "t", "true");
    check_out(21, "-7", "-7");
    check_out(23, "2147483647", "2147483647");
    check_out(20, "9007199254740993", "\"9007199254740993\"");
    check_out(1700, "1.10", "\"1.10\"");
    check_out(701, "1e+20", "1e+20");
    check_out(701, "-Infinity", "\"-Infinity\"");
    check_out(3802, "{\"a\": 1.0}", "{\"a\": 1.0}");
    check_out(25, "a\"\n\u{1}é", "\"a\\\"\\n\\u0001é\"");
}

#[test]
fn writes_arrays() {
    check_out(1007, "{1,NULL,3}", "[1,null,3]");
    check_out(1007, "{}", "[]");
    check_out(1007, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
    check_out(1007, "[0:1]={1,2}", "[1,2]");
    check_out(1000, "{t,f}", "[true,false]");
    check_out(1022, "{1.5,NaN}", "[1.5,\"NaN\"]");
    check_out(3807, r#"{"{\"a\": \"=,}\"}",NULL,1}"#, r#"[{"a": "=,}"},null,1]"#);
    check_out(1009, "{a,b}", "\"{a,b}\"");
}

fn check_in(json: &str, expected: Option<&str>) {
    let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
    let text = match param(&raw).unwrap() {
        Param::Null => None,
        Param::Text(text) | Param::Array { literal: text, .. } => Some(text),
        Param::Bytes(_) => panic!("JSON has no bytes"),
    };
    assert_eq!(text.as_deref(), expected, "{json}");
}

#[test]
fn reads_every_kind_of_json() {
    check_in("null", None);
    check_in("\"a\\u00e9\\n\"", Some("aé\n"));
    check_in("12345678901234567890.10", Some("12345678901234567890.10"));
    check_in("true", Some("true"));
    check_in(r#"{"a": [1]}"#, Some(r#"{"a": [1]}"#));
    check_in(r#"[1, null, "a\"\\,b", [true], {"x":"y"}]"#, Some(r#"{1,NULL,"a\"\\,b",{true},"{\"x\":\"y\"}"}"#));
    check_in("[]", Some("{}"));
    check_in("[[[[[[1]]]]]]", Some("{{{{{{1}}}}}}"));
    check_in("[[[[[[[1]]]]]]]", Some("[[[[[[[1]]]]]]]"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check_in(&deep, Some(&deep));
}

#[test]
fn shows_no_value() {
    assert_eq!(format!("{:?}", Param::Text("secret".into())), "[redacted]");
}

/// A list as an array may be, each list in it as deep as the others.
fn list(dice: &mut Dice, depth: usize) -> Value {
    let item = |dice: &mut Dice| match dice.below(4) {
        0 => Value::Null,
        1 => json!("NULL"),
        _ => json!(dice.text(9)),
    };
    (0..dice.below(4)).map(|_| if depth > 1 { list(dice, depth - 1) } else { item(dice) }).collect()
}

#[test]
fn an_array_is_written_so_that_it_is_read_as_it_was() {
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let depth = 1 + dice.below(4);
        let sent = list(&mut dice, depth);
        let Ok(Param::Array { literal, json }) = param(&to_raw_value(&sent).unwrap()) else { panic!("{sent}") };
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), sent);
        // As an array of texts comes back.
        let mut read = Vec::new();
        crate::postgres::array::write_json(&mut read, &literal, super::write_string);
        assert_eq!(serde_json::from_slice::<Value>(&read).unwrap(), sent, "{literal}");
    }
}

#[test]
fn any_text_of_any_type_is_written() {
    const PIECES: &[&str] = &["{", "}", "\"", "\\", ",", "NULL", "[0:1]=", "é", "a", "t", "1"];
    let mut dice = Dice::new();
    for number in 0..cases(20_000) {
        let text = if number % 3 == 0 { dice.text(30) } else { dice.pieces(PIECES, 20) };
        for oid in [16, 23, 25, 114, 701, 1000, 1007, 1009, 3807] {
            write_json(&mut Vec::new(), oid, text.as_bytes());
        }
        // What is a string stays one, whatever is in it.
        let mut out = Vec::new();
        write_json(&mut out, 25, text.as_bytes());
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

#[test]
fn what_is_to_be_escaped_is_found_wherever_it_stands() {
    for length in 0..70 {
        for place in 0..length {
            for (letter, escaped) in
                [("\"", "\\\""), ("\\", "\\\\"), ("\n", "\\n"), ("\u{1f}", "\\u001f"), (" ", " "), ("é", "é")]
            {
                let (before, behind) = ("x".repeat(place), "y".repeat(length - place));
                check_out(25, &format!("{before}{letter}{behind}"), &format!("\"{before}{escaped}{behind}\""));
            }
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_never_become_utf8() {
    let mut dice = Dice::new();
    let mut broken = 0;
    for _ in 0..cases(20_000) {
        let mut text = dice.text(30).into_bytes();
        let at = dice.below(text.len() + 1);
        text.splice(at..at, dice.pick(&[&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\xa9", b"\""]).iter().copied());
        for oid in [16, 23, 25, 114, 701, 1000, 1007, 1009, 3807] {
            let mut out = b"[".to_vec();
            write_json(&mut out, oid, &text);
            out.push(b']');
            assert_eq!(std::str::from_utf8(&out).is_ok(), std::str::from_utf8(&text).is_ok());
        }
        broken += usize::from(std::str::from_utf8(&text).is_err());
    }
    assert!(broken > 0);
}

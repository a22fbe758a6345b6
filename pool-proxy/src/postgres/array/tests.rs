use super::{Part, read, write_json, write_quoted};

/// The parts in short: brackets, `~` for NULL, items between bars.
fn parts(text: &str) -> String {
    let mut out = String::new();
    read(text, |part| match part {
        Part::Open => out.push('['),
        Part::Close => out.push(']'),
        Part::Null => out.push('~'),
        Part::Item(item) => {
            out.push('|');
            out.push_str(item);
            out.push('|');
        }
    });
    out
}

#[test]
fn reads_literals() {
    for (text, expected) in [
        ("{}", "[]"),
        ("{1,2}", "[|1||2|]"),
        ("{1,NULL}", "[|1|~]"),
        (r#"{"NULL",null}"#, "[|NULL||null|]"),
        (r#"{"",a}"#, "[|||a|]"),
        (r#"{"a\"b","c\\d","e,f","{g}"}"#, r#"[|a"b||c\d||e,f||{g}|]"#),
        (r#"{"\\","\""}"#, r#"[|\||"|]"#),
        ("{{1,2},{3,NULL}}", "[[|1||2|][|3|~]]"),
        ("[0:1]={1,2}", "[|1||2|]"),
        ("[1:1][-2:-1]={{a,b}}", "[[|a||b|]]"),
        ("{a=b}", "[|a=b|]"),
        ("{日本,\"é\\\"\"}", "[|日本||é\"|]"),
    ] {
        assert_eq!(parts(text), expected, "{text}");
    }
}

/// Anything ends, whatever it is.
#[test]
fn reads_what_is_no_literal() {
    for text in ["", "{", "}", "\"", "{\"", "{\"\\", "a", "[=", "{\"a\\é", "é}"] {
        parts(text);
    }
}

#[test]
fn writes_elements() {
    for (text, expected) in [("", r#""""#), ("a b", r#""a b""#), (r#"q"u\o"#, r#""q\"u\\o""#), ("é\\", r#""é\\""#)] {
        let mut out = String::new();
        write_quoted(&mut out, text);
        assert_eq!(out, expected);
        assert_eq!(parts(&format!("{{{out}}}")), format!("[|{text}|]"));
    }
}

#[test]
fn writes_json() {
    for (text, expected) in [
        ("{}", "[]"),
        ("{1,NULL}", "[<1>,null]"),
        ("{{},{}}", "[[],[]]"),
        ("{{1,2},{3,\"4,\"}}", "[[<1>,<2>],[<3>,<4,>]]"),
    ] {
        let mut out = Vec::new();
        write_json(&mut out, text, |out, item| out.extend_from_slice(format!("<{item}>").as_bytes()));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

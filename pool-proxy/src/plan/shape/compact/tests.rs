use super::write;

const CASES: &[(&str, &str)] = &[
    ("null", "null"),
    (" true ", "true"),
    ("{ }", "{}"),
    ("[ ]", "[]"),
    (r#"{"z" : 1,  "a":2 }"#, r#"{"z":1,"a":2}"#),
    (r#"{"a": [1.0, 1e3, -0, -0.0, 0.10, 1E-7, 1e21]}"#, r#"{"a":[1,1000,0,0,0.1,1e-7,1e+21]}"#),
    ("123456789012345678901234567890", "1.2345678901234568e+29"),
    ("-9007199254740993", "-9007199254740992"),
    ("1e999", "1e999"),
    ("\"\"", "\"\""),
    (r#""a b, {c} [d]: \"e\"""#, r#""a b, {c} [d]: \"e\"""#),
    (r#""\u00e9\/\u2028 é 日""#, "\"é/\u{2028} é 日\""),
    (r#""\u0022\u005c\u0008\u000c\u000a\u000d\u0009\u0001\u001F""#, r#""\"\\\b\f\n\r\t\u0001\u001f""#),
    (r#""\b\f\n\r\t\\""#, r#""\b\f\n\r\t\\""#),
    (r#""\ud83d\ude00 \ud800 \uDFFFx\ud800\u0041""#, r#""😀 \ud800 \udfffx\ud800A""#),
    ("\"\u{7f}\"", "\"\u{7f}\""),
];

fn written(json: &str, quoted: bool) -> String {
    let mut out = Vec::new();
    write(&mut out, json, quoted);
    String::from_utf8(out).unwrap()
}

#[test]
fn writes_what_javascript_would() {
    for (json, expected) in CASES {
        assert_eq!(written(json, false), *expected);
    }
}

#[test]
fn writes_it_into_strings() {
    for (json, expected) in CASES {
        assert_eq!(written(json, true), serde_json::to_string(expected).unwrap());
    }
}

/// However deep it is.
#[test]
fn does_not_run_out_of_stack() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(written(&deep, false), deep);
}

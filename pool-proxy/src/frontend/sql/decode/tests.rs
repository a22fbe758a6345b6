use super::{Asked, Options, decode};
use crate::gateway::call::Isolation;

fn refused(body: &str) -> String {
    decode(body.as_bytes(), Options::default()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn reads_one_and_several() {
    let asked = decode(br#"{"query":"select $1","params":[1,null],"arrayMode":true}"#, Options::default()).unwrap();
    let Asked::One(query, layout) = asked else { panic!("one query") };
    assert_eq!((&*query.text, query.params.len()), ("select $1", 2));
    assert_eq!(layout.arrays, [true]);

    let options = Options { isolation: Some(Isolation::Serializable), array_mode: true, ..Options::default() };
    let body = br#"{"queries":[{"query":"a"},{"query":"b","params":[],"arrayMode":false}]}"#;
    let Asked::Batch(batch, layout) = decode(body, options).unwrap() else { panic!("a batch") };
    assert_eq!((batch.queries.len(), batch.mode.isolation), (2, Some(Isolation::Serializable)));
    assert_eq!(layout.arrays, [true, false]);
}

#[test]
fn names_what_is_wrong() {
    for (body, expected) in [
        ("", "line 1 column 0"),
        ("{\n\"query\": }", "line 2 column 10"),
        ("[]", "an object with \"query\" or \"queries\""),
        ("{}", "needs \"query\" or \"queries\""),
        (r#"{"query":1}"#, "expected a string"),
        (r#"{"query":"a","params":{}}"#, "expected a sequence"),
        (r#"{"query":"a","params":["\ud800"]}"#, "params[0]"),
        (r#"{"query":"a","queries":[]}"#, "not both"),
        (r#"{"queries":[{"query":"a"},{"query":"b","params":["\ud800"]}]}"#, "queries[1]: params[0]"),
        (r#"{"query":"a\u0000b"}"#, "zero character"),
    ] {
        let message = refused(body);
        assert!(message.contains(expected), "{body}: {message}");
    }
    assert!(decode(b"\xff", Options::default()).unwrap_err().to_string().contains("byte 0"));
}

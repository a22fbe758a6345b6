use harness::{Dice, cases};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Asked, Options, decode};
use crate::error::Failure;
use crate::frontend::heads::Heads;
use crate::gateway::call::{Isolation, Query};
use crate::postgres::query::Param;

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

/// What a parameter must become; arrays have a test of their own.
fn param(dice: &mut Dice) -> (Value, Param) {
    match dice.below(5) {
        0 => (Value::Null, Param::Null),
        1 => (json!(true), Param::Text("true".to_owned())),
        2 => {
            let number = dice.between(i64::MIN, i64::MAX);
            (json!(number), Param::Text(number.to_string()))
        }
        3 => {
            let object = json!({ dice.text(9): dice.text(9) });
            let text = object.to_string();
            (object, Param::Text(text))
        }
        _ => {
            let text = dice.text(20);
            (json!(text), Param::Text(text))
        }
    }
}

/// A query as it is sent, and as it must be read.
fn any_query(dice: &mut Dice) -> (Value, Query, bool) {
    let text = dice.text(40).replace('\0', "");
    let (sent, params): (Vec<_>, Vec<_>) = (0..dice.below(5)).map(|_| param(dice)).unzip();
    let mut body = json!({ "query": text });
    if !params.is_empty() || dice.once_in(2) {
        body["params"] = sent.into();
    }
    let arrays = dice.once_in(2);
    if arrays || dice.once_in(2) {
        body["arrayMode"] = arrays.into();
    }
    (body, Query { text: text.into(), params, pattern: None }, arrays)
}

#[test]
fn what_is_written_is_what_is_read() {
    let mut dice = Dice::new();
    let shown = |query: &Query| format!("{:?} {:?}", query.text, texts(&query.params));
    for _ in 0..cases(5000) {
        if dice.once_in(2) {
            let (body, expected, arrays) = any_query(&mut dice);
            let asked = decode(body.to_string().as_bytes(), Options::default());
            let Ok(Asked::One(query, layout)) = asked else { panic!("{body}: {asked:?}") };
            assert_eq!((shown(&query), layout.arrays), (shown(&expected), vec![arrays]), "{body}");
        } else {
            let all: Vec<_> = (0..dice.below(5)).map(|_| any_query(&mut dice)).collect();
            let body = json!({ "queries": all.iter().map(|(body, ..)| body).collect::<Vec<_>>() });
            let asked = decode(body.to_string().as_bytes(), Options::default());
            let Ok(Asked::Batch(batch, layout)) = asked else { panic!("{body}: {asked:?}") };
            assert_eq!(layout.arrays, all.iter().map(|(.., arrays)| *arrays).collect::<Vec<_>>());
            let (read, sent) = (batch.queries.iter().map(shown), all.iter().map(|(_, query, _)| shown(query)));
            assert!(read.eq(sent), "{body}");
        }
    }
}

/// `Debug` of a parameter hides it.
fn texts(params: &[Param]) -> Vec<Option<&str>> {
    fn text(param: &Param) -> Option<&str> {
        if let Param::Text(text) = param { Some(text) } else { None }
    }
    params.iter().map(text).collect()
}

#[test]
fn whatever_comes_is_read_or_refused() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"query\"",
        "\"queries\"",
        "\"params\"",
        "\"arrayMode\"",
        "null",
        "true",
        "0",
        "-1e999",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\\",
        "\"a\"",
        "\u{feff}",
        "é",
        "[[[[[[[[[",
        "{\"query\":\"a\"}",
    ];
    let mut dice = Dice::new();
    let mut read = 0;
    for number in 0..cases(20_000) {
        let body = match number % 4 {
            0 => dice.bytes(100),
            1 => dice.pieces(PIECES, 30).into_bytes(),
            2 => {
                let mut body = any_query(&mut dice).0.to_string().into_bytes();
                dice.spoil(&mut body, PIECES);
                body
            }
            _ => {
                let mut body =
                    json!({ "queries": [any_query(&mut dice).0, any_query(&mut dice).0] }).to_string().into_bytes();
                dice.spoil(&mut body, PIECES);
                body
            }
        };
        match decode(&body, Options::default()) {
            Ok(_) => read += 1,
            Err(Failure::BadRequest(why)) => assert!(!why.is_empty()),
            Err(failure) => panic!("{failure:?}: {}", String::from_utf8_lossy(&body)),
        }
    }
    assert!((cases(20_000) / 100..cases(20_000) / 2).contains(&read), "{read}");
}

#[test]
fn whatever_headers_say_is_read_or_refused() {
    let names = [
        "neon-raw-text-output",
        "neon-array-mode",
        "neon-batch-isolation-level",
        "neon-batch-read-only",
        "neon-batch-deferrable",
    ];
    let values =
        ["true", "TRUE", "false", "", "Serializable", "RepeatableRead", "serializable", "1", "true, true", "\u{e9}"];
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let mut headers = HeaderMap::new();
        for _ in 0..=dice.below(4) {
            let mut value = dice.pick(&values).as_bytes().to_vec();
            if dice.once_in(3) {
                dice.spoil(&mut value, &values);
            }
            let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
            headers.append(HeaderName::from_static(dice.pick(&names)), value);
        }
        match Options::from_headers(Heads::of(&headers)) {
            Ok(options) => {
                let is_on =
                    |name: &str| headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
                assert_eq!((options.raw_text, options.read_only), (is_on(names[0]), is_on(names[3])), "{headers:?}");
            }
            Err(failure) => assert!(matches!(failure, Failure::BadRequest(_)), "{failure:?}: {headers:?}"),
        }
    }
}

use harness::{Dice, cases};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Rest, decode, usual_place, with_whole_characters};
use crate::error::Failure;

const PLAN: &str = r#"{"type":"value","args":"p"}"#;

#[test]
fn bodies_are_read_around_their_plan() {
    for (body, is_read) in [
        (format!(r#"{{"model":"A","operation":"o","plan":{PLAN},"params":{{"%1":2}}}}"#), true),
        (format!(r#"{{"operation":"o","plan":{PLAN},"params":{{}},"comments":{{"a":"b"}}}}"#), true),
        // What was left out is another plan than the one that counts.
        (format!(r#"{{"operation":"o","plan" :{{}},"params" :{{}},"x":{{"plan":{PLAN},"params":{{}}}}}}"#), false),
        (format!(r#"{{"operation":"o","plan":{PLAN},"params":{{}},"plan":{{}}}}"#), false),
        (format!(r#"{{"operation":"","plan":{PLAN},"params":{{}}}}"#), false),
        (format!(r#"{{"operation":"o","plan":{PLAN},"params":{{}}"#), false),
    ] {
        let place = usual_place(&body).unwrap();
        assert_eq!(body.get(place.clone()), Some(PLAN), "{body}");
        let rest = Rest::of(&body, &place).unwrap();
        let asked = rest.decode();
        assert_eq!(asked.is_some(), is_read, "{body}");
        if let Some(asked) = asked {
            let whole = decode(&body).ok().unwrap();
            assert_eq!(asked.params.map(RawValue::get), whole.params.map(RawValue::get));
            assert_eq!(asked.comments, whole.comments);
        }
    }
}

#[test]
fn plans_elsewhere_are_not_found() {
    for body in ["", "{}", r#"{"plan": {}}"#, r#"{"params":{},"plan":{}}"#, r#"{"x":1,"params":{},"plan":{}}"#] {
        assert_eq!(usual_place(body), None, "{body}");
    }
}

#[test]
fn halves_of_characters_are_replaced() {
    for (json, expected) in [
        (r#""party \ud83c""#, Some(r#""party \ufffd""#)),
        (r#""\udf89 \uD83C\uDF89""#, Some(r#""\ufffd \uD83C\uDF89""#)),
        (r#""\ud83c\ud83c\udf89""#, Some(r#""\ufffd\ud83c\udf89""#)),
        (r#""\ud83cx\udf89é""#, Some(r#""\ufffdx\ufffdé""#)),
        (r#""\\ud83c \"\u00e9""#, None),
        (r#""\ud83c\udf89""#, None),
        (r#""\é \u12"#, None),
        ("\\", None),
        ("", None),
    ] {
        assert_eq!(with_whole_characters(json).as_deref(), expected, "{json}");
    }
}

/// A body as clients write it.
fn any_body(dice: &mut Dice) -> Value {
    let plan = json!({ "type": "value", "args": dice.text(12), "plan": { dice.text(4): ",\"params\":{" } });
    let mut body = json!({ "operation": "findMany", "plan": plan, "params": { dice.text(5): dice.text(9) } });
    if dice.once_in(2) {
        body["model"] = "User".into();
    }
    if dice.once_in(3) {
        body["comments"] = json!({ "traceparent": dice.text(9) });
    }
    body
}

#[test]
fn what_is_written_is_what_is_read() {
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let body = any_body(&mut dice);
        let text = body.to_string();
        let asked = decode(&text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
        let of = |part: Option<&RawValue>| serde_json::from_str::<Value>(part.unwrap().get()).unwrap();
        assert_eq!((of(asked.plan), of(asked.params)), (body["plan"].clone(), body["params"].clone()));
        assert_eq!(json!(asked.comments), body.get("comments").cloned().unwrap_or_default());
    }
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
        "\"plan\":",
        "\"plan\":{}",
        ",\"params\":{",
        "\"params\":{}",
        "\"operation\":\"o\"",
        "\"model\":\"\"",
        "null",
        "1",
        "\\",
        "\\ud83c",
        "\\ud83c\\udf89",
        "\\udf89",
        "\\u12",
        "é",
        "{\"operation\":\"o\",",
    ];
    let mut dice = Dice::new();
    let mut read = 0;
    for number in 0..cases(20_000) {
        let text = match number % 3 {
            0 => String::from_utf8_lossy(&dice.bytes(80)).into_owned(),
            1 => dice.pieces(PIECES, 24),
            _ => {
                let mut body = any_body(&mut dice).to_string().into_bytes();
                dice.spoil(&mut body, PIECES);
                String::from_utf8_lossy(&body).into_owned()
            }
        };
        // What is replaced is as good JSON as it was, and there is nothing left to replace.
        if let Some(whole) = with_whole_characters(&text) {
            assert_eq!(with_whole_characters(&whole), None, "{text}");
        }
        match decode(&text) {
            Ok(asked) => {
                read += 1;
                // However the plan is found, it is the same.
                let place = usual_place(&text).and_then(|place| Some((Rest::of(&text, &place)?, place)));
                if let Some((rest, place)) = place
                    && let Some(short) = rest.decode()
                    && serde_json::from_str::<&RawValue>(&text[place.clone()]).is_ok()
                {
                    assert_eq!(asked.plan.map(RawValue::get), text.get(place), "{text}");
                    assert_eq!(asked.params.map(RawValue::get), short.params.map(RawValue::get), "{text}");
                }
            }
            Err(Failure::BadRequest(_)) => {}
            Err(failure) => panic!("{failure:?}: {text}"),
        }
    }
    assert!(read > cases(20_000) / 100, "{read}");
}

use serde_json::value::RawValue;

use super::{Rest, decode, usual_place, with_whole_characters};

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

use super::DEEPEST;
use crate::error::PlanError;
use crate::plan::Plan;

fn plan(json: &str) -> Plan {
    Plan::parse(json).unwrap_or_else(|error| panic!("{json:.200}: {}", error.message))
}

fn refused(json: &str) -> PlanError {
    match Plan::parse(json) {
        Ok(_) => panic!("{json:.200} is a plan"),
        Err(error) => error,
    }
}

/// So many levels of what opens and closes, and something in it.
fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn plans_are_as_deep_as_they_may_be() {
    let unit = r#"{"type":"unit"}"#;
    let sql = r#"{"type":"query","args":{"type":"rawSql","sql":"SELECT 1","args":[]}}"#;
    let binding = r#"{"type":"let","args":{"bindings":[{"name":"a","expr":"#;
    let child = r#"{"type":"join","args":{"parent":{"type":"unit"},"children":[{"child":"#;
    let cases = [
        ("unique", nested(DEEPEST - 1, r#"{"type":"unique","args":"#, unit, "}")),
        ("turned", nested(DEEPEST - 1, r#"{"args":"#, unit, r#","type":"unique"}"#)),
        ("seq", nested((DEEPEST - 1) / 2, r#"{"type":"seq","args":["#, unit, "]}")),
        ("let", nested((DEEPEST - 1) / 4, binding, unit, &format!("}}],\"expr\":{unit}}}}}"))),
        ("let in", nested((DEEPEST - 1) / 2, r#"{"type":"let","args":{"bindings":[],"expr":"#, unit, "}}")),
        ("join", nested((DEEPEST - 1) / 4, child, unit, r#","on":[["a","b"]],"parentField":"c"}]}}"#)),
        (
            "if",
            nested(
                (DEEPEST - 1) / 2,
                r#"{"type":"if","args":{"rule":{"type":"never"},"value":{"type":"unit"},"then":{"type":"unit"},"else":"#,
                unit,
                "}}",
            ),
        ),
        ("sql", nested((DEEPEST - 4) / 2, r#"{"type":"transaction","args":{"type":"unique","args":"#, sql, "}}")),
        ("list", format!(r#"{{"type":"value","args":{}}}"#, nested(DEEPEST - 1, "[", "", "]"))),
        ("record", format!(r#"{{"type":"value","args":{}}}"#, nested(DEEPEST - 1, r#"{"a":"#, "1", "}"))),
        ("call", {
            let open = r#"{"prisma__type":"generatorCall","prisma__value":{"name":"x","args":["#;
            format!(r#"{{"type":"value","args":{}}}"#, nested((DEEPEST - 1) / 3, open, "1", "]}}"))
        }),
        ("structure", {
            let open = r#"{"type":"object","serializedName":"a","skipNulls":false,"fields":{"a":"#;
            let map = nested((DEEPEST - 4) / 2, open, r#"{"type":"affectedRows"}"#, "}}");
            format!(r#"{{"type":"dataMap","args":{{"expr":{unit},"structure":{map}}}}}"#)
        }),
        ("nested operations", {
            let map = nested((DEEPEST - 4) / 2, r#"{"reverse":true,"nested":{"a":"#, "{}", "}}");
            format!(r#"{{"type":"process","args":{{"expr":{unit},"operations":{map}}}}}"#)
        }),
    ];
    // With the stack of a thread that runs requests.
    for (name, json) in cases {
        let read = std::thread::Builder::new().stack_size(2 << 20).spawn(move || drop(plan(&json))).unwrap();
        assert!(read.join().is_ok(), "{name}");
    }
}

#[test]
fn deeper_ones_are_refused() {
    for json in [
        nested(DEEPEST, r#"{"type":"unique","args":"#, r#"{"type":"unit"}"#, "}"),
        nested(100_000, r#"{"type":"unique","args":"#, r#"{"type":"unit"}"#, "}"),
        nested(10_000_000, "[", "", "]"),
        "{\"a\":".repeat(100_000),
        format!(r#"{{"type":"value","args":{}"#, "[".repeat(DEEPEST)),
    ] {
        let error = refused(&json);
        assert_eq!(
            (error.code, error.message.as_str()),
            (Some("P6000"), "The query plan is nested deeper than 512 levels")
        );
    }
    // Brackets in strings are none.
    plan(&format!(r#"{{"type":"value","args":"{}\"{}"}}"#, "[".repeat(10_000), "{".repeat(10_000)));
    plan(r#"{"type":"value","args":["\\",["]\\\\\"["]]}"#);
}

#[test]
fn arguments_before_types_are_not_read_over_and_over() {
    let heavy = |levels: usize, size: usize| {
        let inner = format!(r#"{{"type":"value","args":"{}"}}"#, "x".repeat(size));
        nested(levels, r#"{"args":"#, &inner, r#","type":"unique"}"#)
    };
    plan(&heavy(10, 100_000));
    let error = refused(&heavy(40, 200_000));
    assert_eq!(error.message, "The nodes of the query plan have their arguments before their types");
    // Nor if the key hides: it is none then.
    let hidden = heavy(40, 10).replace("\"args\":{\"args\"", "\"\\u0061rgs\":{\"args\"");
    assert!(refused(&hidden).message.contains("missing field"), "{hidden:.200}");
    // Clients' own order costs nothing, however deep it is.
    let inner = format!(r#"{{"type":"value","args":"{}"}}"#, "x".repeat(100_000));
    plan(&nested(400, r#"{"type":"unique","args":"#, &inner, "}"));
}

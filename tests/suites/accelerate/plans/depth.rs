//! Plans that are as deep as they may be run to their end; clients' own come to about a third of it.

use super::Asked;

/// Levels of JSON.
const DEEPEST: usize = 512;

fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

#[tokio::test]
async fn plans_that_are_as_deep_as_they_may_be_run() {
    let asked = Asked::after("CREATE TABLE t (a int)").await;
    let one = r#"{"type":"value","args":1}"#;
    let sql = r#"{"type":"query","args":{"type":"templateSql","fragments":[{"type":"stringChunk","chunk":"SELECT 1 AS a"}],"args":[]}}"#;
    let list = r#"{"type":"value","args":[1]}"#;
    let null = r#"{"type":"value","args":null}"#;
    let rule = r#"{"type":"rowCountEq","args":1}"#;
    let structure = |levels: usize| {
        let open = r#"{"type":"object","serializedName":null,"skipNulls":false,"fields":{"a":"#;
        nested(levels, open, r#"{"type":"field","dbName":"a","fieldType":{"arity":"required","type":"int"}}"#, "}}")
    };
    for (name, plan) in [
        ("unique", nested(DEEPEST - 1, r#"{"type":"unique","args":"#, one, "}")),
        ("required", nested(DEEPEST - 1, r#"{"type":"required","args":"#, one, "}")),
        ("reverse", nested(DEEPEST - 2, r#"{"type":"reverse","args":"#, list, "}")),
        ("seq", nested((DEEPEST - 1) / 2, r#"{"type":"seq","args":["#, one, "]}")),
        ("sum", nested((DEEPEST - 1) / 2, r#"{"type":"sum","args":["#, one, "]}")),
        ("concat", nested((DEEPEST - 1) / 2, r#"{"type":"concat","args":["#, one, "]}")),
        ("let", nested((DEEPEST - 1) / 2, r#"{"type":"let","args":{"bindings":[],"expr":"#, one, "}}")),
        (
            "bindings",
            nested(
                (DEEPEST - 1) / 4,
                r#"{"type":"let","args":{"bindings":[{"name":"a","expr":"#,
                one,
                r#"}],"expr":{"type":"get","args":{"name":"a"}}}}"#,
            ),
        ),
        ("mapField", nested((DEEPEST - 2) / 2, r#"{"type":"mapField","args":{"field":"a","records":"#, list, "}}")),
        (
            "if",
            nested(
                (DEEPEST - 1) / 2,
                &format!(r#"{{"type":"if","args":{{"value":{one},"rule":{rule},"else":{one},"then":"#),
                one,
                "}}",
            ),
        ),
        (
            "validate",
            nested(
                (DEEPEST - 2) / 2,
                &format!(
                    r#"{{"type":"validate","args":{{"rules":[{rule}],"errorIdentifier":"MISSING_RECORD","context":{{}},"expr":"#
                ),
                one,
                "}}",
            ),
        ),
        (
            "join",
            nested(
                (DEEPEST - 1) / 4,
                &format!(
                    r#"{{"type":"join","args":{{"parent":{null},"children":[{{"on":[],"parentField":"f","child":"#
                ),
                null,
                "}]}}",
            ),
        ),
        (
            "diff",
            nested(
                (DEEPEST - 2) / 2,
                &format!(r#"{{"type":"diff","args":{{"fields":[],"to":{null},"from":"#),
                list,
                "}}",
            ),
        ),
        (
            "process",
            nested((DEEPEST - 2) / 2, r#"{"type":"process","args":{"operations":{"reverse":true},"expr":"#, list, "}}"),
        ),
        (
            "dataMap",
            nested(
                1,
                r#"{"type":"dataMap","args":{"enums":{},"structure":"#,
                &structure((DEEPEST - 5) / 2),
                &format!(r#","expr":{sql}}}}}"#),
            ),
        ),
        (
            "transaction",
            nested((DEEPEST - 5) / 2, r#"{"type":"transaction","args":{"type":"unique","args":"#, sql, "}}"),
        ),
        ("record", format!(r#"{{"type":"value","args":{}}}"#, nested(DEEPEST - 1, r#"{"a":"#, "1", "}"))),
        ("list", format!(r#"{{"type":"value","args":{}}}"#, nested(DEEPEST - 1, "[", "", "]"))),
    ] {
        let body = format!(r#"{{"operation":"findMany","params":{{}},"plan":{plan}}}"#);
        let proxy = &asked.served.proxy;
        let request = proxy.request("POST", "/query").bearer(proxy.key()).header("content-type", "application/json");
        let answer = request.body(body).send().await;
        assert_eq!(answer.status, 200, "{name}: {:.300}", answer.text);
    }
}

//! Values that get deeper while a plan runs, which is not deep itself: they are refused before any stack is used up.

use super::{Door, nested, refused};

/// Levels of JSON.
const DEEP: usize = 480;

fn parameter(name: &str) -> String {
    format!(r#"{{"prisma__type":"param","prisma__value":{{"name":"{name}","type":"String"}}}}"#)
}

/// A plan that binds a name to these, one after the other.
fn bound(bindings: &[String], then: &str) -> String {
    let bindings: Vec<String> = bindings.iter().map(|expr| format!(r#"{{"name":"a","expr":{expr}}}"#)).collect();
    format!(r#"{{"type":"let","args":{{"bindings":[{}],"expr":{then}}}}}"#, bindings.join(","))
}

fn value(json: &str) -> String {
    format!(r#"{{"type":"value","args":{json}}}"#)
}

const GET: &str = r#"{"type":"get","args":{"name":"a"}}"#;

/// What the name is bound to, in a field of a record.
fn joined() -> String {
    format!(
        r#"{{"type":"join","args":{{"parent":{},"children":[{{"child":{GET},"on":[["k","k"]],"parentField":"c","isRelationUnique":true}}]}}}}"#,
        value(r#"{"k":1}"#)
    )
}

#[tokio::test]
async fn values_that_get_deeper_with_each_name_are_refused() {
    let door = Door::open().await;
    let lists = |count: usize| {
        let mut bindings = vec![value("1")];
        bindings.extend(std::iter::repeat_n(value(&nested("[", &parameter("a"), "]", DEEP)), count));
        bindings
    };
    let joins = |count: usize| {
        let mut bindings = vec![value(r#"{"k":1}"#)];
        bindings.extend(std::iter::repeat_n(joined(), count));
        bindings
    };
    let fields = |kind: &str, field: &str| {
        let expr = format!(
            r#"{{"type":"{kind}","args":{{"expr":{{"type":"unit"}},"fields":{{"f":{{"type":"{field}","value":{}}}}}}}}}"#,
            nested("[", &parameter("a"), "]", DEEP / 2)
        );
        bound(&[vec![value("1")], vec![expr; 60]].concat(), GET)
    };
    let pairs = r#"{"prisma__type":"generatorCall","prisma__value":{"name":"product","args":["#;
    let pairs = value(&nested(pairs, &parameter("a"), ",1]}}", 100));
    for plan in [
        bound(&lists(10), GET),
        bound(&lists(90), r#"{"type":"unit"}"#),
        bound(&joins(129), GET),
        bound(&joins(60_000), r#"{"type":"unit"}"#),
        fields("initializeRecord", "value"),
        fields("mapRecord", "set"),
        bound(&[vec![value("1")], vec![pairs; 60]].concat(), GET),
    ] {
        let answer = door.ask_text(&plan, "{}").await;
        refused(&answer, &plan);
        assert_eq!(answer.body["code"], "P6000", "{}: {plan:.200}", answer.text);
    }
    // Parameters that stand for each other.
    let chain: Vec<String> = (1..30)
        .map(|name| format!(r#""%{name}":{}"#, nested("[", &parameter(&format!("%{}", name + 1)), "]", DEEP)))
        .collect();
    let names: Vec<String> = (1..=30).rev().map(|name| parameter(&format!("%{name}"))).collect();
    let answer =
        door.ask_text(&value(&format!("[{}]", names.join(","))), &format!(r#"{{{},"%30":1}}"#, chain.join(","))).await;
    refused(&answer, "a chain");
    door.check().await;
}

/// As deep as they may be, whatever is done to them.
#[tokio::test]
async fn values_that_are_as_deep_as_they_may_be_are_worked_with() {
    let door = Door::open().await;
    let mut bindings = vec![value(&nested("[", "1", "]", 500)), value(&nested("[", &parameter("a"), "]", 139))];
    bindings.push(format!(
        r#"{{"type":"initializeRecord","args":{{"expr":{{"type":"unit"}},"fields":{{"f":{{"type":"value","value":{}}},"k":{{"type":"value","value":1}}}}}}}}"#,
        parameter("a")
    ));
    bindings.extend(std::iter::repeat_n(joined(), 128));
    let distinct = format!(
        r#"{{"type":"process","args":{{"expr":{GET},"operations":{{"distinct":["c"],"pagination":null,"linkingFields":null,"reverse":true,"nested":{{}}}}}}}}"#
    );
    for then in [
        GET.to_owned(),
        format!(r#"{{"type":"concat","args":[{distinct}]}}"#),
        format!(r#"{{"type":"seq","args":[{GET},{{"type":"unit"}}]}}"#),
    ] {
        let answer = door.ask_text(&bound(&bindings, &then), "{}").await;
        assert_eq!(answer.status, 200, "{:.300}", answer.text);
    }
    door.check().await;
}

//! Plans that were right, with something else in a place or two. The same ones for a seed (`POOL_PROXY_TEST_SEED`).

use harness::{Dice, cases};
use serde_json::{Map, Value, json};

use super::{Door, SECRET, raw, refused_or_too_much, template, told};

/// How many plans.
fn plans() -> usize {
    cases(4000)
}

fn param(name: &str) -> Value {
    json!({ "prisma__type": "param", "prisma__value": { "name": name, "type": "Int" } })
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({ "prisma__type": "generatorCall", "prisma__value": { "name": name, "args": arguments } })
}

fn get(name: &str) -> Value {
    json!({ "type": "get", "args": { "name": name } })
}

fn field(name: &str, kind: &str, arity: &str) -> Value {
    json!({ "type": "field", "dbName": name, "fieldType": { "arity": arity, "type": kind, "name": "E", "encoding": "base64" } })
}

/// Users, of whom there are two.
fn users() -> Value {
    let chunk = |text: &str| json!({ "type": "stringChunk", "chunk": text });
    let tuple = json!({ "type": "parameterTuple", "itemPrefix": "", "itemSeparator": ",", "itemSuffix": "" });
    let fragments = json!([
        chunk(r#"SELECT id, email, name, born, meta FROM "User" WHERE id IN "#),
        tuple,
        chunk(" ORDER BY id LIMIT "),
        { "type": "parameter" },
    ]);
    template(&fragments, &json!([[param("%1"), 2], "10"]))
}

/// A plan of many kinds of nodes.
fn whole() -> Value {
    let structure = json!({ "type": "object", "serializedName": null, "skipNulls": false, "fields": {
        "id": field("id", "int", "required"), "email": field("email", "string", "required"),
        "born": field("born", "datetime", "optional"), "meta": field("meta", "json", "optional"),
        "name": field("name", "string", "optional"),
        "posts": { "type": "object", "serializedName": "posts", "skipNulls": true, "fields": {
            "id": field("id", "bigint", "required"), "role": field("name", "enum", "optional"),
        } },
    } });
    let operations = json!({
        "pagination": { "cursor": { "id": param("%1") }, "take": 5, "skip": 0 }, "distinct": ["id"], "reverse": true,
        "linkingFields": ["id"], "nested": { "posts": {
            "pagination": null, "distinct": null, "reverse": false, "linkingFields": null, "nested": {},
        } },
    });
    let joined = json!({ "type": "join", "args": {
        "parent": users(), "canAssumeStrictEquality": true,
        "children": [{ "child": users(), "on": [["id", "id"]], "parentField": "posts", "isRelationUnique": false }],
    } });
    let checked = json!({ "type": "validate", "args": {
        "expr": joined, "rules": [{ "type": "rowCountNeq", "args": 0 }], "errorIdentifier": "MISSING_RECORD",
        "context": { "operation": "a query" },
    } });
    let choice = json!({ "type": "if", "args": {
        "value": get("0"), "rule": { "type": "rowCountEq", "args": 2 },
        "then": { "type": "process", "args": { "expr": get("0"), "operations": operations } },
        "else": { "type": "unique", "args": { "type": "mapField", "args": { "field": "id", "records": get("0") } } },
    } });
    let first = json!({ "type": "getFirstNonEmpty", "args": { "names": ["1", "0"] } });
    let bindings = json!([{ "name": "0", "expr": checked }, { "name": "1", "expr": choice }]);
    let bound = json!({ "type": "let", "args": { "bindings": bindings, "expr": first } });
    let body = json!({ "type": "seq", "args": [{ "type": "unit" }, bound] });
    json!({ "type": "dataMap", "args": {
        "expr": { "type": "transaction", "args": body }, "structure": structure, "enums": { "E": { "A": "a" } },
    } })
}

/// Plans that work, each with nodes that the others lack.
fn valid() -> Vec<Value> {
    let value = |arguments: Value| json!({ "type": "value", "args": arguments });
    let execute = |sql: &str| json!({ "type": "execute", "args": { "type": "rawSql", "sql": sql, "args": [param("%1")], "argTypes": [{ "arity": "scalar", "scalarType": "int" }] } });
    let none = execute(r#"UPDATE "User" SET name = name WHERE id = $1::int AND false"#);
    vec![
        whole(),
        users(),
        json!({ "type": "sum", "args": [none, none, value(json!("3"))] }),
        json!({ "type": "concat", "args": [value(json!([1, 2])), { "type": "reverse", "args": users() }] }),
        json!({ "type": "diff", "args": { "from": users(), "to": users(), "fields": ["id"] } }),
        value(json!([
            call("uuid", &json!([4])),
            call("nanoid", &json!([10])),
            call("now", &json!([])),
            call("product", &json!([[1, 2], [3]]))
        ])),
        json!({ "type": "initializeRecord", "args": { "expr": users(), "fields": { "a": { "type": "value", "value": param("%1") } } } }),
        json!({ "type": "mapRecord", "args": {
            "expr": { "type": "initializeRecord", "args": { "expr": users(), "fields": { "a": { "type": "value", "value": 1 } } } },
            "fields": { "a": { "type": "divide", "value": param("%1") } },
        } }),
        json!({ "type": "required", "args": raw("SELECT id, email, born, meta, ARRAY[1,2] AS l, 1.5::numeric AS n FROM \"User\"") }),
    ]
}

/// Something else for a place.
fn other(dice: &mut Dice, plan: &Value) -> Value {
    match dice.below(24) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(dice.between(-3, 3)),
        3 => json!(i64::MIN),
        4 => json!(u64::MAX),
        5 => json!(-0.5),
        6 => json!("@huge"),
        7 => json!(""),
        8 => json!("a\u{0}b"),
        9 => json!("id"),
        10 => json!([]),
        11 => json!({}),
        12 => json!([[null]]),
        13 => json!({ "type": "unit" }),
        14 => json!({ "type": "nope", "args": {} }),
        15 => param("%2"),
        16 => {
            call(dice.pick(&["uuid", "cuid", "ulid", "nanoid", "now", "product", "zz"]), &json!([dice.between(-1, 9)]))
        }
        17 => json!("__proto__"),
        18 => json!(SECRET),
        // Another part of the same plan.
        _ => {
            let at = dice.below(size(plan));
            part(plan, at).cloned().unwrap_or_default()
        }
    }
}

/// How many values there are in a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0_usize,
    }
}

/// The value at a place, counted from 0 in the order in which they are written.
fn part(value: &Value, at: usize) -> Option<&Value> {
    if at == 0 {
        return Some(value);
    }
    let children: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => vec![],
    };
    let mut before = at - 1;
    for child in children {
        let held = size(child);
        if before < held {
            return part(child, before);
        }
        before -= held;
    }
    None
}

/// The same to change it.
fn place(value: &mut Value, at: usize) -> Option<&mut Value> {
    if at == 0 {
        return Some(value);
    }
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => vec![],
    };
    let mut before = at - 1;
    for child in children {
        let held = size(child);
        if before < held {
            return place(child, before);
        }
        before -= held;
    }
    None
}

/// Changes one place.
fn spoil(dice: &mut Dice, plan: &mut Value) {
    let at = dice.below(size(plan));
    let instead = other(dice, plan);
    let Some(place) = place(plan, at) else { return };
    match (dice.below(6), place) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let name = any_name(dice, fields);
            fields.remove(&name);
        }
        (1, Value::Object(fields)) if !fields.is_empty() => {
            let (from, to) = (any_name(dice, fields), any_name(dice, fields));
            let moved = fields.remove(&from).unwrap_or_default();
            fields.insert(to, moved);
        }
        (2, Value::Object(fields)) => drop(fields.insert(dice.pick(&["args", "type", "x", ""]).to_owned(), instead)),
        (0, Value::Array(list)) if !list.is_empty() => drop(list.remove(dice.below(list.len()))),
        (1, Value::Array(list)) => list.insert(dice.below(list.len() + 1), instead),
        (2, Value::Array(list)) => list.reverse(),
        (3, place) => *place = json!([place.take()]),
        (_, place) => *place = instead,
    }
}

fn any_name(dice: &mut Dice, fields: &Map<String, Value>) -> String {
    fields.keys().nth(dice.below(fields.len())).cloned().unwrap_or_default()
}

#[tokio::test]
async fn valid_plans_are_answered() {
    let door = Door::open().await;
    for plan in valid() {
        let answer = door.ask(&plan, &json!({ "%1": 1, "%2": 2 })).await;
        assert_eq!(answer.status, 200, "{}: {plan}", answer.text);
    }
    door.check().await;
}

#[tokio::test]
async fn spoiled_plans_are_answered_or_refused() {
    let door = Door::open().await;
    let valid = valid();
    let mut dice = Dice::new();
    let seed = dice.seed();
    let mut answered = 0;
    for number in 0..plans() {
        let mut body =
            json!({ "operation": "findMany", "plan": valid[number % valid.len()], "params": { "%1": 1, "%2": 2 } });
        for _ in 0..=dice.below(3) {
            spoil(&mut dice, &mut body["plan"]);
        }
        if dice.once_in(20) {
            spoil(&mut dice, &mut body);
        }
        // Numbers that a value cannot hold.
        let huge = *dice.pick(&[&"1e400", &"-1e-400", &"123456789012345678901234567890", &"-0.0", &"\"\\ud800\""]);
        let text = body.to_string().replace("\"@huge\"", huge);
        let answer = door.post("/query", text.clone()).send().await;
        let sent = format!("POOL_PROXY_TEST_SEED={seed}: {text}");
        if answer.status == 200 {
            answered += 1;
            told(&answer, &sent);
        } else {
            refused_or_too_much(&answer, &sent);
        }
    }
    // Many are wrong, and some are not, or nothing was spoiled.
    assert!((plans() / 50..plans() * 9 / 10).contains(&answered), "{answered}; seed {seed}");
    door.check().await;
}

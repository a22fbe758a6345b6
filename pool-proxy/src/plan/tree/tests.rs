mod hostile;

use std::fmt::Write as _;

use super::{Expression, Fragment, Node, Params, Plan, Rule, Sql};
use crate::error::PlanError;
use crate::plan::value::{Number, Value};

fn plan(json: &str) -> Plan {
    Plan::parse(json).unwrap_or_else(|error| panic!("{json:.200}: {}", error.message))
}

fn refused(json: &str) -> PlanError {
    match Plan::parse(json) {
        Ok(_) => panic!("{json:.200} is a plan"),
        Err(error) => error,
    }
}

/// A literal as it is kept.
fn literal(json: &str) -> Value {
    let plan = plan(&format!(r#"{{"type":"value","args":{json}}}"#));
    match plan.root {
        Node::Value(expression) => match *expression {
            Expression::Literal(value) => value,
            _ => panic!("{json} is no literal"),
        },
        _ => panic!("{json} is no value"),
    }
}

#[test]
fn every_kind_of_node_is_read() {
    let unit = r#"{"type":"unit"}"#;
    let sql = r#"{"type":"rawSql","sql":"SELECT 1","args":[],"argTypes":[]}"#;
    let structure = r#"{"type":"affectedRows"}"#;
    for (kind, args) in [
        ("query", sql.to_owned()),
        ("execute", sql.to_owned()),
        ("get", r#"{"name":"a"}"#.to_owned()),
        ("let", format!(r#"{{"bindings":[{{"name":"a","expr":{unit}}}],"expr":{unit}}}"#)),
        ("unique", unit.to_owned()),
        ("required", unit.to_owned()),
        ("mapField", format!(r#"{{"field":"a","records":{unit}}}"#)),
        ("dataMap", format!(r#"{{"expr":{unit},"structure":{structure},"enums":{{}}}}"#)),
        ("dataMap", format!(r#"{{"expr":{unit},"structure":{structure}}}"#)),
        (
            "validate",
            format!(
                r#"{{"expr":{unit},"rules":[{{"type":"never"}},{{"type":"rowCountEq","args":1}},{{"args":0,"type":"rowCountNeq"}},
                   {{"type":"affectedRowCountEq","args":2}}],"errorIdentifier":"MISSING_RECORD","context":{{"a":1}}}}"#
            ),
        ),
        (
            "join",
            format!(
                r#"{{"parent":{unit},"children":[{{"child":{unit},"on":[["a","b"]],"parentField":"c","isRelationUnique":true}}],
                   "canAssumeStrictEquality":true}}"#
            ),
        ),
        ("seq", "[]".to_owned()),
        ("seq", format!("[{unit},{unit}]")),
        ("concat", "[]".to_owned()),
        ("sum", "[]".to_owned()),
        ("value", "1".to_owned()),
        ("if", format!(r#"{{"value":{unit},"rule":{{"type":"never"}},"then":{unit},"else":{unit}}}"#)),
        ("diff", format!(r#"{{"from":{unit},"to":{unit},"fields":["a"]}}"#)),
        ("getFirstNonEmpty", r#"{"names":["a","b"]}"#.to_owned()),
        (
            "process",
            format!(
                r#"{{"expr":{unit},"operations":{{"pagination":{{"cursor":{{"a":1}},"take":1,"skip":null}},"distinct":["a"],
                   "reverse":true,"linkingFields":null,"nested":{{"b":{{"pagination":null,"distinct":null,"reverse":false,
                   "linkingFields":null,"nested":{{}}}}}}}}}}"#
            ),
        ),
        ("transaction", unit.to_owned()),
        ("reverse", unit.to_owned()),
        (
            "initializeRecord",
            format!(r#"{{"expr":{unit},"fields":{{"a":{{"type":"lastInsertId"}},"b":{{"type":"value","value":1}}}}}}"#),
        ),
        ("mapRecord", format!(r#"{{"expr":{unit},"fields":{{"a":{{"type":"divide","value":"2"}}}}}}"#)),
    ] {
        // In the order of clients, the other way round, and with what is not known.
        plan(&format!(r#"{{"type":"{kind}","args":{args}}}"#));
        plan(&format!(r#"{{"args":{args},"type":"{kind}"}}"#));
        plan(&format!(r#" {{ "new" : [{{"a":{{}}}}], "type" : "{kind}" , "args" : {args} , "returnType":null }} "#));
    }
    plan(r#"{"type":"unit","args":{"what":"ever"}}"#);
    plan(r#"{"args":null,"type":"unit"}"#);
}

#[test]
fn what_is_no_plan_is_told_so() {
    for (json, expected) in [
        (r#"{"type":"nope"}"#, "Unexpected node type: nope"),
        (r#"{"type":"nope","args":{}}"#, "Unexpected node type: nope"),
        (r#"{"args":{},"type":"no such thing"}"#, "Unexpected node type: no such thing"),
        (r#"{"type":"unique","args":{"type":"Query","args":1}}"#, "Unexpected node type: Query"),
        (r#"{"args":{"type":"Query","args":1},"type":"unique"}"#, "Unexpected node type: Query"),
    ] {
        let error = refused(json);
        assert_eq!((error.message.as_str(), error.code), (expected, Some("P6000")), "{json}");
    }
    for json in [
        "",
        "nonsense",
        "[]",
        "{}",
        "null",
        "1",
        r#"{"type":"unique"}"#,
        r#"{"type":"unique","args":null}"#,
        r#"{"type":"unique","args":[]}"#,
        r#"{"type":7,"args":1}"#,
        r#"{"type":"seq","args":{}}"#,
        r#"{"type":"get","args":{}}"#,
        r#"{"type":"get","args":{"name":7}}"#,
        r#"{"type":"let","args":{"bindings":[]}}"#,
        r#"{"type":"query","args":{"type":"templateSql","args":[]}}"#,
        r#"{"type":"query","args":{"type":"rawSql","args":[]}}"#,
        r#"{"type":"query","args":{"type":"templateSql","fragments":[{"type":"stringChunk"}],"args":[]}}"#,
        r#"{"type":"query","args":{"type":"templateSql","fragments":[{"type":"other"}],"args":[]}}"#,
        r#"{"type":"query","args":{"type":"templateSql","fragments":[{"chunk":"x"}],"args":[]}}"#,
        r#"{"type":"query","args":{"type":"mongo","sql":"x","args":[]}}"#,
        r#"{"type":"if","args":{"value":{"type":"unit"},"rule":{"type":"soon"},"then":{"type":"unit"},"else":{"type":"unit"}}}"#,
        r#"{"type":"value","args":{"prisma__type":"param"}}"#,
        r#"{"type":"value","args":{"prisma__type":"other","prisma__value":{}}}"#,
        r#"{"type":"value","args":{"prisma__value":{},"prisma__type":"param"}}"#,
        r#"{"type":"value","args":1} trailing"#,
        r#"{"type":"value","args":1e999}"#,
        r#"{"type":"value","args":"\ud800"}"#,
    ] {
        let error = refused(json);
        assert_eq!(error.code, Some("P6000"), "{json}: {}", error.message);
        assert!(error.message.starts_with("The query plan cannot be read: "), "{json}: {}", error.message);
    }
}

#[test]
fn literals_keep_their_digits() {
    for (json, expected) in [
        ("null", Value::Null),
        ("true", Value::Bool(true)),
        ("0", Value::Number(Number::Int(0))),
        ("-7", Value::Number(Number::Int(-7))),
        ("9007199254740993", Value::Number(Number::Int(9_007_199_254_740_993))),
        ("9223372036854775807", Value::Number(Number::Int(i64::MAX))),
        ("18446744073709551615", Value::Number(Number::Float(18_446_744_073_709_551_615.0))),
        ("1.5", Value::Number(Number::Float(1.5))),
        (r#""a\nb\u00e9""#, Value::Text("a\nbé".into())),
        (r#"[1,["x",null],[]]"#, {
            let inner = Value::List(vec![Value::Text("x".into()), Value::Null]);
            Value::List(vec![Value::Number(Number::Int(1)), inner, Value::List(vec![])])
        }),
    ] {
        assert!(literal(json) == expected, "{json}");
    }
}

#[test]
fn objects_are_records_of_which_the_last_of_equal_names_counts() {
    let Value::Record(record) = literal(r#"{"a":1,"b":{"c":[{}]},"a":2,"prisma__value":3}"#) else { panic!() };
    assert_eq!(record.names().iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b", "prisma__value"]);
    assert!(record.get("a") == Some(&Value::Number(Number::Int(2))));
    assert!(matches!(record.get("b"), Some(Value::Record(_))));
}

#[test]
fn placeholders_and_generators_are_seen_in_any_order_of_keys() {
    let name = r#"{"prisma__type":"param","prisma__value":{"name":"%1","type":"DateTime"}}"#;
    let turned = r#"{"prisma__value":{"type":"DateTime","name":"%1"},"prisma__type":"param"}"#;
    for json in [name, turned] {
        let plan = plan(&format!(r#"{{"type":"value","args":{json}}}"#));
        let Node::Value(expression) = &plan.root else { panic!() };
        let Expression::Placeholder(placeholder) = &**expression else { panic!("{json}") };
        assert!(placeholder.is_date && &*placeholder.name.text == "%1", "{json}");
        assert_eq!((plan.slot("%1"), plan.slot("%2"), plan.slots()), (Some(0), None, 1));
    }
    let call =
        format!(r#"{{"prisma__type":"generatorCall","prisma__value":{{"name":"product","args":[[1],{name}]}}}}"#);
    let turned =
        format!(r#"{{"prisma__value":{{"args":[[1],{turned}],"name":"product"}},"prisma__type":"generatorCall"}}"#);
    for json in [call, turned] {
        let plan = plan(&format!(r#"{{"type":"value","args":{json}}}"#));
        let Node::Value(expression) = &plan.root else { panic!() };
        let Expression::Generator(generator) = &**expression else { panic!("{json}") };
        assert!(
            matches!(&*generator.args, [Expression::Literal(Value::List(_)), Expression::Placeholder(_)]),
            "{json}"
        );
        assert!(!plan.is_volatile());
    }
    // A list is a literal until something in it is none.
    let plan = plan(&format!(r#"{{"type":"value","args":[1,2,{name},3]}}"#));
    let Node::Value(expression) = &plan.root else { panic!() };
    let Expression::List(values) = &**expression else { panic!() };
    assert!(matches!(
        &**values,
        [Expression::Literal(_), Expression::Literal(_), Expression::Placeholder(_), Expression::Literal(_)]
    ));
}

#[test]
fn what_generates_is_volatile() {
    let call =
        |name: &str| format!(r#"{{"prisma__type":"generatorCall","prisma__value":{{"name":"{name}","args":[]}}}}"#);
    let value = |json: &str| plan(&format!(r#"{{"type":"unique","args":{{"type":"value","args":[{json}]}}}}"#));
    assert!(value(&call("now")).is_volatile() && value(&call("uuid")).is_volatile());
    assert!(!value(&call("product")).is_volatile() && !value("1").is_volatile());
    let params = |json: &str| Params::parse(json).map(|params| params.is_volatile()).map_err(|error| error.code);
    assert_eq!(params("{}"), Ok(false));
    assert_eq!(params(&format!(r#"{{"%1":[{}]}}"#, call("nanoid"))), Ok(true));
    assert_eq!(params("[]"), Err(Some("P6000")));
    assert_eq!(params("{"), Err(Some("P6000")));
}

#[test]
fn a_template_without_lists_has_one_text() {
    let fragments = |json: &str| {
        let query = r#"{"type":"query","args":{"type":"templateSql","chunkable":true,"placeholderFormat":{"prefix":"$"},"args":[],"fragments":"#;
        match plan(&format!("{query}{json}}}}}")).root {
            Node::Query(statement) => *statement,
            _ => panic!(),
        }
    };
    let chunk = |text: &str| format!(r#"{{"type":"stringChunk","chunk":"{text}"}}"#);
    let parameter = r#"{"type":"parameter"}"#;
    let statement =
        fragments(&format!("[{},{parameter},{},{parameter}]", chunk("SELECT a "), chunk("\\u00e9 \\\"b\\\" ")));
    assert!(statement.is_chunkable && !statement.is_raw);
    let Sql::Whole { text, arguments } = statement.sql else { panic!() };
    assert_eq!((&*text, arguments), ("SELECT a $1é \"b\" $2", 2));
    // Clients up to 7.4 leave these away.
    let Sql::Parts(parts) = fragments(r#"[{"type":"parameterTuple"},{"type":"parameterTupleList"}]"#).sql else {
        panic!()
    };
    let [Fragment::Tuple(tuple), Fragment::Tuples { item, separator }] = &*parts else { panic!() };
    for item in [tuple, item] {
        assert_eq!((&*item.prefix, &*item.separator, &*item.suffix), ("", ",", ""));
    }
    assert_eq!(&**separator, ",");
}

#[test]
fn a_value_is_taken_where_nothing_asks_for_it_again() {
    fn last(node: &Node, out: &mut Vec<(String, bool)>) {
        match node {
            Node::Get(name) => out.push((name.text.to_string(), name.is_last)),
            Node::Let(of) => {
                of.bindings.iter().for_each(|binding| last(&binding.expr, out));
                last(&of.expr, out);
            }
            Node::Seq(nodes) => nodes.iter().for_each(|node| last(node, out)),
            Node::Unique(of) => last(of, out),
            Node::Join(of) => {
                last(&of.parent, out);
                of.children.iter().for_each(|child| last(&child.node, out));
            }
            Node::If(of) => {
                for node in [&of.value, &of.then, &of.otherwise] {
                    last(node, out);
                }
            }
            Node::FirstNonEmpty(of) => out.extend(of.names.iter().map(|name| (name.text.to_string(), name.is_last))),
            _ => {}
        }
    }
    let get = |name: &str| format!(r#"{{"type":"get","args":{{"name":"{name}"}}}}"#);
    let bind = |name: &str, value: &str, then: &str| {
        format!(r#"{{"type":"let","args":{{"bindings":[{{"name":"{name}","expr":{value}}}],"expr":{then}}}}}"#)
    };
    let seq = |nodes: &[String]| format!(r#"{{"type":"seq","args":[{}]}}"#, nodes.join(","));
    let uses = |name: &str| {
        format!(
            r#"{{"type":"value","args":{{"prisma__type":"param","prisma__value":{{"name":"{name}","type":"Int"}}}}}}"#
        )
    };
    let one = r#"{"type":"value","args":1}"#;
    let join = |parent: &str, child: &str| {
        format!(
            r#"{{"type":"join","args":{{"parent":{parent},"children":[{{"child":{child},"on":[],"parentField":"f"}}]}}}}"#
        )
    };
    for (json, expected) in [
        (bind("a", one, &get("a")), vec![("a", true)]),
        (bind("a", one, &seq(&[get("a"), get("a")])), vec![("a", false), ("a", true)]),
        (bind("a", one, &seq(&[get("a"), uses("a")])), vec![("a", false)]),
        (bind("a", one, &seq(&[uses("a"), get("a")])), vec![("a", true)]),
        // The right side is the outer one, and nobody sees that again.
        (bind("a", one, &bind("a", &get("a"), &get("a"))), vec![("a", true), ("a", true)]),
        // Here somebody does.
        (
            bind("a", one, &seq(&[bind("a", &get("a"), &get("a")), get("a")])),
            vec![("a", false), ("a", true), ("a", true)],
        ),
        // A child may ask for its parent, which is looked at when all children are there.
        (bind("a", one, &join(&get("a"), &get("a"))), vec![("a", true), ("a", false)]),
        (bind("a", one, &join(&get("a"), &bind("a", one, &get("a")))), vec![("a", true), ("a", true)]),
        (bind("a", one, r#"{"type":"getFirstNonEmpty","args":{"names":["a","b"]}}"#), vec![("a", true), ("b", true)]),
        (
            bind(
                "a",
                one,
                &format!(
                    r#"{{"type":"if","args":{{"value":{},"rule":{{"type":"never"}},"then":{},"else":{one}}}}}"#,
                    get("a"),
                    get("a")
                ),
            ),
            vec![("a", false), ("a", true)],
        ),
    ] {
        let mut found = Vec::new();
        last(&plan(&json).root, &mut found);
        let found: Vec<(&str, bool)> = found.iter().map(|(name, is_last)| (name.as_str(), *is_last)).collect();
        assert_eq!(found, expected, "{json}");
    }
}

#[test]
fn rules_are_read() {
    let rule = |json: &str| serde_json::from_str::<Rule>(json).ok();
    assert_eq!(rule(r#"{"type":"rowCountEq","args":3}"#), Some(Rule::RowCountEq(3)));
    assert_eq!(rule(r#"{"type":"rowCountNeq","args":0}"#), Some(Rule::RowCountNeq(0)));
    assert_eq!(rule(r#"{"type":"affectedRowCountEq","args":1}"#), Some(Rule::AffectedRowCountEq(1)));
    assert_eq!(rule(r#"{"type":"never"}"#), Some(Rule::Never));
    assert_eq!(rule(r#"{"type":"rowCountEq"}"#), None);
}

#[test]
fn names_of_many_parameters_are_found() {
    let mut json = String::from(r#"{"type":"value","args":["#);
    for index in 1..=20_000 {
        let comma = if index > 1 { "," } else { "" };
        let _ = write!(json, r#"{comma}{{"prisma__type":"param","prisma__value":{{"name":"%{index}","type":"Int"}}}}"#);
    }
    json.push_str("]}");
    let plan = plan(&json);
    assert_eq!(plan.slots(), 20_000);
    assert!(plan.slot("%20000").is_some() && plan.slot("%20001").is_none());
}

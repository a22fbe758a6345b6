//! Plans and parameters that nobody's compiler writes.

use harness::{Dice, cases};

use super::super::{Params, Plan};

/// A plan of many kinds of nodes.
const PLAN: &str = r#"{"type":"dataMap","args":{"expr":{"type":"let","args":{"bindings":[{"name":"0","expr":{"type":"query","args":
    {"type":"templateSql","fragments":[{"type":"stringChunk","chunk":"SELECT id FROM t WHERE id IN "},{"type":"parameterTuple",
    "itemPrefix":"","itemSeparator":",","itemSuffix":""}],"placeholderFormat":{"prefix":"$","hasNumbering":true},"args":[[
    {"prisma__type":"param","prisma__value":{"name":"%1","type":"Int"}},2]],"argTypes":[{"arity":"list","scalarType":"int"}],
    "chunkable":true}}}],"expr":{"type":"unique","args":{"type":"get","args":{"name":"0"}}}}},"structure":{"type":"object",
    "serializedName":null,"skipNulls":false,"fields":{"id":{"type":"field","dbName":"id","fieldType":{"arity":"required",
    "type":"int"}}}},"enums":{}}}"#;

const PARAMS: &str =
    r#"{"%1":[1,2.5,"a",null,true,9007199254740993,{"a":[{}]}],"%2":"2026-01-01T00:00:00Z","%3":{"b":-0.0}}"#;

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "-1",
    "1e999",
    "\"type\":\"unit\"",
    "\"type\":\"seq\"",
    "\"args\":[]",
    "\"name\":\"0\"",
    "\"prisma__type\":\"param\"",
    "\"prisma__value\":",
    "[[[[[[[[[[",
    "{\"type\":\"transaction\",\"args\":",
    "\\ud800",
    "\\u0000",
    "é",
    "%1",
];

#[test]
fn whatever_comes_is_a_plan_or_refused() {
    let fault = Plan::parse(PLAN).err().or(Params::parse(PARAMS).err());
    assert!(fault.is_none(), "{:?}", fault.map(|fault| fault.message));
    let mut dice = Dice::new();
    let (mut plans, mut params) = (0, 0);
    for number in 0..cases(20_000) {
        let text = |dice: &mut Dice, valid: &str| match number % 4 {
            0 => String::from_utf8_lossy(&dice.bytes(80)).into_owned(),
            1 => dice.pieces(PIECES, 30),
            _ => {
                let mut text = valid.as_bytes().to_vec();
                dice.spoil(&mut text, PIECES);
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        let plan = text(&mut dice, PLAN);
        match Plan::parse(&plan) {
            Ok(_) => plans += 1,
            Err(error) => assert!(error.code.is_some() && !error.message.is_empty(), "{plan}"),
        }
        params += usize::from(Params::parse(&text(&mut dice, PARAMS)).is_ok());
    }
    assert!(plans > cases(20_000) / 200 && params > cases(20_000) / 200, "{plans} {params}");
}

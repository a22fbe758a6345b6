use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Json, Param};

#[test]
fn values_become_what_the_proxy_takes() {
    let cases: Vec<(Param, &str)> = vec![
        (true.into(), r#""true""#),
        ((-1_i8).into(), "-1"),
        (i16::MIN.into(), "-32768"),
        (7.into(), "7"),
        (i64::MIN.into(), "-9223372036854775808"),
        (u8::MAX.into(), "255"),
        (u64::MAX.into(), "18446744073709551615"),
        (i128::MAX.into(), "170141183460469231731687303715884105727"),
        (0.1_f64.into(), "0.1"),
        (0.1_f32.into(), "0.1"),
        (3.0_f64.into(), "3"),
        ((-0.0_f64).into(), "-0"),
        (1e300_f64.into(), "1e300"),
        (5e-324_f64.into(), "5e-324"),
        (f64::NAN.into(), r#""NaN""#),
        (f64::INFINITY.into(), r#""Infinity""#),
        (f32::NEG_INFINITY.into(), r#""-Infinity""#),
        ('ä'.into(), r#""ä""#),
        ("a\"b".into(), r#""a\"b""#),
        (String::new().into(), r#""""#),
        (Cow::Borrowed("x").into(), r#""x""#),
        ((&String::from("x")).into(), r#""x""#),
        ((&7).into(), "7"),
        (vec![0_u8, 255].into(), r#""\\x00ff""#),
        ((&[1_u8][..]).into(), r#""\\x01""#),
        (b"ab".into(), r#""\\x6162""#),
        (Vec::<u8>::new().into(), r#""\\x""#),
        (None::<i32>.into(), "null"),
        (Some(1).into(), "1"),
        (Some("x").into(), r#""x""#),
        (Some(vec![1_u8]).into(), r#""\\x01""#),
        (Param::null(), "null"),
        (vec![1, 2].into(), "[1,2]"),
        (Vec::<String>::new().into(), "[]"),
        (["a", "b"].into(), r#"["a","b"]"#),
        ((&[1_i64, 2][..]).into(), "[1,2]"),
        ((&vec![1.5]).into(), "[1.5]"),
        (vec![Some(1), None].into(), "[1,null]"),
        (vec![vec![1, 2], vec![3, 4]].into(), "[[1,2],[3,4]]"),
        (vec![vec![1_u8], vec![2]].into(), r#"["\\x01","\\x02"]"#),
        (vec![f64::NAN].into(), r#"["NaN"]"#),
        (Json(json!({ "a": [1, null] })).into(), r#""{\"a\":[1,null]}""#),
        (Json(vec![1, 2]).into(), r#""[1,2]""#),
        (Json("x").into(), r#""\"x\"""#),
        (Value::Null.into(), r#""null""#),
        ((&json!([1])).into(), r#""[1]""#),
        (vec![json!({ "a": 1 }), json!("b")].into(), r#"["{\"a\":1}","\"b\""]"#),
    ];
    for (param, expected) in cases {
        assert!(param.is_valid(), "{expected}");
        assert_eq!(serde_json::to_string(&param).unwrap(), expected);
    }
}

#[cfg(feature = "uuid")]
#[test]
fn uuids_become_text() {
    let id = uuid::Uuid::from_u128(1);
    assert_eq!(serde_json::to_value(Param::from(id)).unwrap(), "00000000-0000-0000-0000-000000000001");
    assert_eq!(serde_json::to_value(Param::from(vec![id])).unwrap(), json!([id.to_string()]));
}

#[test]
fn what_is_no_json_is_told_before_it_is_sent() {
    let keyed: BTreeMap<Vec<u8>, i32> = BTreeMap::from([(vec![1], 2)]);
    assert!(!Param::from(Json(&keyed)).is_valid());
    assert!(!Param::from(vec![Json(&keyed)]).is_valid());
}

#[test]
fn debug_shows_no_values() {
    let json = Json(json!({ "pin": "hunter2" }));
    let debug = format!("{json:?} {:?} {:?}", Param::from(json.clone()), Param::from(vec!["hunter2"]));
    assert!(debug.contains("Json") && !debug.contains("hunter2"), "{debug}");
}

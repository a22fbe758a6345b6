use std::collections::HashSet;

use super::{call, cuid, ulid};
use crate::plan::shape::plain;
use crate::plan::value::{Number, Value};

fn int(integer: i64) -> Value {
    Value::Number(Number::Int(integer))
}

fn text(name: &str, args: &[Value]) -> String {
    match call(name, args, 0) {
        Ok(Value::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tells_the_time_of_the_request() {
    let Ok(Value::Text(now)) = call("now", &[], 1_704_164_645_678) else { panic!("no text") };
    assert_eq!(&*now, "2024-01-02T03:04:05.678Z");
}

/// A call, the length of what it makes, and what that has to be.
type Check<'a> = (&'a str, &'a [Value], usize, &'a dyn Fn(&str) -> bool);

/// Each of its length, of its characters, and none twice.
#[test]
fn makes_identifiers() {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    let is_base36 = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
    let is_url = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let is_crockford = |text: &str| text.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte));
    let checks: [Check<'_>; 7] = [
        ("uuid", &[int(4)], 36, &|text| is_hex(text) && text.get(14..15) == Some("4")),
        ("uuid", &[int(7)], 36, &|text| is_hex(text) && text.get(14..15) == Some("7")),
        ("cuid", &[int(1)], 25, &|text| is_base36(text) && text.starts_with('c')),
        ("cuid", &[int(2)], 24, &|text| is_base36(text) && !text.as_bytes()[0].is_ascii_digit()),
        ("ulid", &[], 26, &|text| is_crockford(text) && text.as_bytes()[0] <= b'7'),
        ("nanoid", &[], 21, &is_url),
        ("nanoid", &[int(10)], 10, &is_url),
    ];
    for (name, args, length, is_right) in checks {
        let made: HashSet<String> = (0..1000).map(|_| text(name, args)).collect();
        assert_eq!(made.len(), 1000, "{name}");
        for made in made {
            assert!(made.len() == length && is_right(&made), "{name}: {made}");
        }
    }
    assert_eq!(text("nanoid", &[int(0)]), "");
}

/// Those that begin with the time are sorted by it.
#[test]
fn begins_with_the_time() {
    assert!(ulid(1_469_918_176_385).starts_with("01ARYZ6S41"));
    assert!(ulid((1 << 48) - 1).starts_with("7ZZZZZZZZZ"));
    assert!(cuid::one(1_577_836_800_000).starts_with("ck4ujaio0"));
}

#[test]
fn pairs() {
    let list = |items: &[i64]| Value::List(items.iter().copied().map(int).collect());
    for (left, right, expected) in [
        (list(&[1, 2]), list(&[3, 4]), "[[1,3],[1,4],[2,3],[2,4]]"),
        (list(&[1, 2]), int(3), "[[1,3],[2,3]]"),
        (int(1), list(&[2, 3]), "[[1,2],[1,3]]"),
        (int(1), int(2), "[[1,2]]"),
        (list(&[]), int(2), "[]"),
        (Value::Null, int(2), "[[null,2]]"),
    ] {
        let mut out = Vec::new();
        plain::write(&mut out, &call("product", &[left, right], 0).unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn refuses_what_it_does_not_know() {
    for (name, args, expected) in [
        ("zz", vec![], "Encountered an unknown generator 'zz'"),
        ("uuid", vec![int(1)], "Invalid UUID generator arguments"),
        ("uuid", vec![], "Invalid UUID generator arguments"),
        ("cuid", vec![int(3)], "Invalid CUID generator arguments"),
        ("nanoid", vec![int(-1)], "Wrong ID size"),
        ("nanoid", vec![int(i64::MAX)], "Wrong ID size"),
        ("nanoid", vec![Value::Text("5".into())], "Invalid Nanoid generator arguments"),
        ("product", vec![int(1)], "Invalid Product generator arguments"),
    ] {
        let error = call(name, &args, 0).unwrap_err();
        assert_eq!((error.code, &*error.message), (None, expected));
    }
}

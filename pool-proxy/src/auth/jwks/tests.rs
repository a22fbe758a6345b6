use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Dice, cases};
use jsonwebtoken::Algorithm::{self, ES256, EdDSA, HS256, RS256};
use serde_json::{Value, json};

use super::{KeySet, NotKeySet};

const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn rsa(more: Value) -> Value {
    with(json!({ "kty": "RSA", "n": modulus(256), "e": "AQAB" }), more)
}

/// Of so many bytes.
fn modulus(bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![0xA5; bytes])
}

fn ec(more: Value) -> Value {
    with(json!({ "kty": "EC", "crv": "P-256", "x": COORDINATE, "y": COORDINATE }), more)
}

fn ed(more: Value) -> Value {
    with(json!({ "kty": "OKP", "crv": "Ed25519", "x": COORDINATE }), more)
}

#[allow(clippy::needless_pass_by_value)] // so that a case reads as JSON alone
fn with(mut key: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        key[name] = value.clone();
    }
    key
}

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn finds_a_key_by_name_and_algorithm() {
    let set = parse(&[
        rsa(json!({ "kid": "a", "use": "sig", "alg": "RS256" })),
        ec(json!({ "kid": "b" })),
        ed(json!({ "kid": "c", "key_ops": ["verify"] })),
        ec(json!({ "kid": "d" })),
        ec(json!({ "kid": "d" })),
    ]);
    let found = |id: Option<&str>, algorithm: Algorithm| set.find(id, algorithm).len();
    for (id, algorithm, expected) in [
        (Some("a"), RS256, 1),
        (Some("a"), ES256, 0),
        (Some("b"), ES256, 1),
        (Some("d"), ES256, 2),
        (Some("c"), EdDSA, 1),
        (Some("e"), ES256, 0),
        (None, RS256, 1),
        (None, EdDSA, 1),
        (None, ES256, 3),
        (None, HS256, 0),
        (Some("a"), HS256, 0),
    ] {
        assert_eq!(found(id, algorithm), expected, "{id:?} {algorithm:?}");
    }
    // A key without a name is any key's, unless there is one of the name.
    let set = parse(&[rsa(json!({})), rsa(json!({ "kid": "x" }))]);
    assert_eq!((set.find(Some("x"), RS256).len(), set.find(Some("y"), RS256).len()), (1, 1));
}

#[test]
fn leaves_out_what_is_for_something_else_or_of_no_use() {
    for other in [
        json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
        rsa(json!({ "use": "enc" })),
        rsa(json!({ "alg": "RS512" })),
        rsa(json!({ "alg": "RSA-OAEP" })),
        rsa(json!({ "alg": "something new" })),
        rsa(json!({ "key_ops": ["sign"] })),
        rsa(json!({ "n": modulus(128) })),
        rsa(json!({ "n": "AQAB" })),
        rsa(json!({ "n": "not base64!" })),
        ec(json!({ "crv": "P-384" })),
        ec(json!({ "x": "AQAB" })),
        ed(json!({ "crv": "X25519" })),
        ed(json!({ "x": "AQAB" })),
        json!({ "kty": "EC" }),
        json!({ "kty": "new" }),
        json!(1),
    ] {
        assert!(parse(std::slice::from_ref(&other)).is_empty(), "{other}");
        assert_eq!(parse(&[other.clone(), ec(json!({ "kid": "good" }))]).len(), 1, "{other}");
    }
    // As some publish it.
    let padded = URL_SAFE_NO_PAD.encode([&[0][..], &[0xA5; 256][..]].concat());
    assert_eq!(parse(&[rsa(json!({ "n": padded }))]).len(), 1);
}

#[test]
fn a_set_that_is_none_is_told() {
    for text in ["", "[]", "{}", "{\"keys\": 1}", "{\"keys\": [}", "<html>"] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), NotKeySet, "{text}");
    }
    assert!(KeySet::parse(b"{\"keys\": []}").unwrap().is_empty());
}

#[test]
fn whatever_an_issuer_publishes_is_a_set_or_none() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"kty\":\"RSA\"",
        "\"kty\":\"EC\"",
        "\"crv\":\"P-256\"",
        "\"n\":\"AQAB\"",
        "\"use\":\"sig\"",
        "null",
        "1",
        "[[[[[[[[",
        "\\u0000",
        "é",
        "==",
    ];
    let valid =
        json!({ "keys": [rsa(json!({ "kid": "a" })), ec(json!({ "use": "sig" })), ed(json!({ "alg": "EdDSA" }))] });
    let valid = valid.to_string().into_bytes();
    assert_eq!(KeySet::parse(&valid).unwrap().len(), 3);
    let mut dice = Dice::new();
    let mut sets = 0;
    for number in 0..cases(20_000) {
        let mut text = valid.clone();
        match number % 4 {
            0 => text = dice.bytes(80),
            1 => text = format!("{{\"keys\":[{}]}}", dice.pieces(PIECES, 16)).into_bytes(),
            _ => dice.spoil(&mut text, PIECES),
        }
        let Ok(set) = KeySet::parse(&text) else { continue };
        sets += 1;
        for algorithm in [RS256, ES256, EdDSA, HS256] {
            set.find(Some("a"), algorithm);
            set.find(None, algorithm);
        }
    }
    assert!(sets > cases(20_000) / 100, "{sets}");
    // More keys than anybody has are not looked at.
    let many = json!({ "keys": vec![ec(json!({})); 1000] });
    assert_eq!(KeySet::parse(many.to_string().as_bytes()).unwrap().len(), super::MOST_KEYS);
}

use jsonwebtoken::Algorithm::{self, ES256, EdDSA, HS256, RS256};
use serde_json::{Value, json};

use super::{KeySet, KeySetError};

const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn rsa(more: Value) -> Value {
    with(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), more)
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

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn finds_a_key_by_name_and_algorithm() {
    let set = parse(&[
        rsa(json!({ "kid": "a", "use": "sig", "alg": "RS256" })),
        ec(json!({ "kid": "b" })),
        ed(json!({ "kid": "c", "key_ops": ["verify"] })),
        ec(json!({ "kid": "d" })),
    ])
    .unwrap();
    let found = |id: Option<&str>, algorithm: Algorithm| set.find(id, algorithm).is_some();
    for (id, algorithm, expected) in [
        (Some("a"), RS256, true),
        (Some("a"), ES256, false),
        (Some("b"), ES256, true),
        (Some("d"), ES256, true),
        (Some("c"), EdDSA, true),
        (Some("e"), ES256, false),
        (None, RS256, true),
        (None, EdDSA, true),
        // Two would do.
        (None, ES256, false),
        (None, HS256, false),
        (Some("a"), HS256, false),
    ] {
        assert_eq!(found(id, algorithm), expected, "{id:?} {algorithm:?}");
    }
    // A key without a name is any key's.
    assert!(parse(&[rsa(json!({}))]).unwrap().find(Some("x"), RS256).is_some());
    assert!(KeySet::secret(b"secret").find(Some("x"), HS256).is_some());
    assert!(KeySet::secret(b"secret").find(Some("x"), RS256).is_none());
}

#[test]
fn leaves_out_what_is_for_something_else() {
    for other in [
        json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
        rsa(json!({ "use": "enc" })),
        rsa(json!({ "alg": "RS512" })),
        rsa(json!({ "alg": "RSA-OAEP" })),
        rsa(json!({ "alg": "something new" })),
        ec(json!({ "crv": "P-384" })),
        ed(json!({ "crv": "X25519" })),
        json!({ "kty": "EC" }),
        json!({ "kty": "new" }),
        json!(1),
    ] {
        assert_eq!(parse(std::slice::from_ref(&other)).unwrap_err(), KeySetError::Empty, "{other}");
        assert!(parse(&[other.clone(), ec(json!({ "kid": "good" }))]).is_ok(), "{other}");
    }
}

#[test]
fn a_set_that_is_none_is_told() {
    for text in ["", "[]", "{}", "{\"keys\": 1}", "{\"keys\": [}", "<html>"] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), KeySetError::Malformed, "{text}");
    }
    assert_eq!(KeySet::parse(b"{\"keys\": []}").unwrap_err(), KeySetError::Empty);
}

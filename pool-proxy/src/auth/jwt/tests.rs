use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::Issuer;
use crate::auth::claims::Claims;
use crate::auth::jwks::KeySource;
use crate::auth::{Allowance, Databases, Usage};
use crate::error::Failure;

fn issuer(role_claim: &str, default_role: Option<&str>) -> Issuer {
    Issuer {
        name: "issuer".into(),
        issuer: None,
        audiences: vec![],
        keys: KeySource::secret(b"secret"),
        role_claim: role_claim.to_owned(),
        roles: vec!["reader".into(), "writer".into()],
        default_role: default_role.map(Arc::from),
        claims: vec!["sub".to_owned(), "org".to_owned()],
        databases: Databases::All,
        read_only: false,
        invalidate: false,
        allowance: Allowance::default(),
        usage: Usage::default(),
    }
}

fn claims(value: &Value) -> Claims {
    Claims::parse(&to_raw_value(value).unwrap()).unwrap()
}

#[test]
fn a_role_is_one_that_the_issuer_may_give() {
    let nested = json!({ "realm": { "a/b": { "role": "writer" } } });
    for (claim, default, value, expected) in [
        ("role", None, json!({ "role": "reader" }), Some("reader")),
        ("role", Some("anon"), json!({}), Some("anon")),
        ("role", Some("anon"), json!({ "role": null }), Some("anon")),
        ("role", Some("anon"), json!({ "role": "anon" }), Some("anon")),
        ("role", None, json!({}), None),
        ("role", Some("anon"), json!({ "role": "postgres" }), None),
        ("role", Some("anon"), json!({ "role": "Reader" }), None),
        ("role", Some("anon"), json!({ "role": "" }), None),
        ("role", Some("anon"), json!({ "role": ["reader"] }), None),
        ("/realm/a~1b/role", None, nested.clone(), Some("writer")),
        ("/realm/role", Some("anon"), nested.clone(), Some("anon")),
        ("/realm", Some("anon"), nested, None),
        ("https://example.com/role", None, json!({ "https://example.com/role": "reader" }), Some("reader")),
    ] {
        let role = issuer(claim, default).role(&claims(&value));
        match role {
            Ok(role) => assert_eq!(Some(&*role), expected, "{claim} {value}"),
            Err(Failure::Forbidden(_)) => assert_eq!(expected, None, "{claim} {value}"),
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn only_configured_claims_are_kept_and_subjects_have_lines_of_their_own() {
    let principal = |text: &str| {
        let claims = Claims::parse(&serde_json::from_str::<Box<RawValue>>(text).unwrap()).unwrap();
        issuer("role", Some("reader")).principal(&claims).unwrap()
    };
    let ada = principal(r#"{"org": {"b": 1, "a": [2.50]}, "sub": "ada", "exp": 1, "email": "a@b.c"}"#);
    assert_eq!(ada.claims.as_deref(), Some(r#"{"org":{"b": 1, "a": [2.50]},"sub":"ada"}"#));
    assert!(ada.is_restricted() && !ada.may_invalidate);
    assert_eq!(ada, principal(r#"{"sub": "ada", "org": {"b": 1, "a": [2.50]}, "exp": 2}"#));
    let bob = principal(r#"{"sub": "bob", "exp": 1}"#);
    assert_eq!(bob.claims.as_deref(), Some(r#"{"sub":"bob"}"#));
    assert_eq!(bob.name, ada.name);
    assert_ne!(bob.line, ada.line);
    assert_eq!(principal(r#"{"exp": 1}"#).claims.as_deref(), Some("{}"));
    // Every digit counts.
    let large = principal(r#"{"org": 100000000000000000001, "sub": 7}"#);
    assert_eq!(large.claims.as_deref(), Some(r#"{"org":100000000000000000001,"sub":7}"#));
    assert_ne!(large.line, principal(r#"{"sub": 8}"#).line);
}

#[test]
fn no_date_is_too_late() {
    for exp in [json!(0), json!(-5), json!(1.5), json!(u64::MAX), json!(1e300), json!("1")] {
        let _ = claims(&json!({ "exp": exp })).expiry();
    }
}

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Issuer, expiry};
use crate::auth::Allowance;
use crate::auth::jwks::{KeySet, KeySource};
use crate::error::Failure;

fn issuer(role_claim: &str, default_role: Option<&str>) -> Issuer {
    Issuer {
        name: "issuer".into(),
        issuer: None,
        audiences: vec![],
        keys: KeySource::Fixed(KeySet::secret(b"secret")),
        role_claim: role_claim.to_owned(),
        roles: vec!["reader".into(), "writer".into()],
        default_role: default_role.map(Arc::from),
        claims: vec!["sub".to_owned(), "org".to_owned()],
        databases: None,
        read_only: false,
        allowance: Allowance::default(),
    }
}

fn claims(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
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
        let role = issuer(claim, default).role(&claims(value.clone()));
        match role {
            Ok(role) => assert_eq!(Some(&*role), expected, "{claim} {value}"),
            Err(Failure::Forbidden(_)) => assert_eq!(expected, None, "{claim} {value}"),
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn only_configured_claims_are_kept_and_subjects_have_lines_of_their_own() {
    let principal = |value: Value| issuer("role", Some("reader")).principal(&claims(value)).unwrap();
    let ada = principal(json!({ "org": { "b": 1, "a": [2.50] }, "sub": "ada", "exp": 1, "email": "a@b.c" }));
    assert_eq!(ada.claims.as_deref(), Some(r#"{"org":{"a":[2.5],"b":1},"sub":"ada"}"#));
    assert!(ada.is_restricted());
    let again = principal(json!({ "sub": "ada", "org": { "a": [2.50], "b": 1 }, "exp": 2 }));
    assert_eq!(ada, again);
    let bob = principal(json!({ "sub": "bob", "exp": 1 }));
    assert_eq!(bob.claims.as_deref(), Some(r#"{"sub":"bob"}"#));
    assert_eq!(bob.name, ada.name);
    assert_ne!(bob.line, ada.line);
    assert_eq!(principal(json!({ "exp": 1 })).claims.as_deref(), Some("{}"));
}

#[test]
fn no_date_is_too_late() {
    for exp in [json!(0), json!(-5), json!(1.5), json!(u64::MAX), json!(1e300), json!("1")] {
        let _ = expiry(&claims(json!({ "exp": exp })));
    }
}

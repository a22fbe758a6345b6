use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Dice, cases};
use ring::hmac;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::Issuer;
use crate::auth::claims::Claims;
use crate::auth::jwks::KeySource;
use crate::auth::{Allowance, Auth, Databases, Usage};
use crate::drain::Drain;
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

/// A token that the issuer's secret has signed, whatever it says.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), said.as_bytes());
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Also tokens that are signed: an issuer may be careless.
#[tokio::test]
async fn whatever_a_token_says_it_holds_or_is_refused() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"alg\":\"none\"",
        "\"alg\":\"HS256\"",
        "\"exp\":",
        "\"sub\":",
        "null",
        "1e308",
        "-1",
        "\"crit\":[]",
        "\"aud\":[1]",
        "[[[[[[[[[[[",
        ".",
        "..",
        "=",
        "é",
        "\\ud800",
        "\"role\":{}",
    ];
    let auth = Auth::new(vec![], vec![issuer("role", Some("reader"))], Drain::default());
    let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let header = br#"{"alg":"HS256","typ":"JWT"}"#;
    let mut dice = Dice::new();
    let (mut good, mut refused) = (0, 0);
    for number in 0..cases(10_000) {
        let subject = dice.text(12);
        let claims = json!({ "sub": subject, "exp": later, "role": "writer", "org": dice.text(9) });
        let whole = signed(header, claims.to_string().as_bytes());
        // What was said is what is read.
        if number % 4 == 0 {
            let principal =
                auth.authenticate(Some(&whole)).await.unwrap_or_else(|failure| panic!("{claims}: {failure}"));
            let read: Value = serde_json::from_str(principal.claims.as_deref().unwrap()).unwrap();
            assert_eq!(
                (principal.role.as_deref(), &read["sub"], &read["org"]),
                (Some("writer"), &claims["sub"], &claims["org"])
            );
        }
        let (mut head, mut body) = (header.to_vec(), claims.to_string().into_bytes());
        let token = match number % 4 {
            0 => {
                let mut token = whole.clone().into_bytes();
                dice.spoil(&mut token, PIECES);
                String::from_utf8_lossy(&token).into_owned()
            }
            1 => format!("{}.{}.{}", dice.text(9), dice.text(30), dice.text(20)),
            2 => {
                dice.spoil(&mut head, PIECES);
                signed(&head, &body)
            }
            _ => {
                dice.spoil(&mut body, PIECES);
                signed(header, &body)
            }
        };
        match auth.authenticate(Some(&token)).await {
            Ok(principal) => {
                good += 1;
                assert!(principal.is_restricted() && matches!(principal.role.as_deref(), Some("reader" | "writer")));
            }
            Err(Failure::Unauthorized { .. } | Failure::Forbidden(_)) => refused += 1,
            Err(failure) => panic!("{failure:?}: {token}"),
        }
    }
    assert!(good > 0 && refused > cases(10_000) / 2, "{good} {refused}");
}

//! Tokens: whose are taken, whose are not, and that `hono/jwt` and we understand each other.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::Answer;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::process::Command;

use super::blog::{Blog, JWT_SECRET, Person, assert_problem};
use super::host::now;

/// A token made by hand, so that anything can be wrong with it.
fn token(header: &Value, claims: &Value, secret: &str) -> String {
    let signed = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&signed);
    format!("{signed}.{}", part(mac.finalize().into_bytes()))
}

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hs256() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

async fn me(blog: &Blog, token: &str) -> Answer {
    blog.request("GET", "/api/v1/user/me").bearer(token).send().await
}

#[tokio::test]
async fn a_token_of_the_same_secret_is_taken() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    for claims in [
        json!({ "sub": ada.id, "exp": now() + 60 }),
        json!({ "sub": ada.id, "exp": now() + 60, "iat": now(), "nbf": now() - 1, "role": "reader", "aud": "anybody" }),
        json!({ "sub": ada.id, "exp": format!("{}.5", now() + 60).parse::<f64>().unwrap() }),
    ] {
        let answer = me(&blog, &token(&hs256(), &claims, JWT_SECRET)).await.expect(200);
        assert_eq!(answer.body["id"], ada.id.as_str());
    }
}

#[tokio::test]
async fn what_is_not_ours_is_refused() {
    check_what_is_not_ours_is_refused(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_what_is_not_ours_is_refused(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let good = json!({ "sub": ada.id, "exp": now() + 60 });
    let minted = token(&hs256(), &good, JWT_SECRET);
    let (signed, signature) = minted.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let other = part(json!({ "sub": "00000000-0000-4000-8000-000000000001", "exp": now() + 60 }).to_string());
    let none = part(json!({ "alg": "none", "typ": "JWT" }).to_string());
    let with = |header: Value| token(&header, &good, JWT_SECRET);
    let claiming = |claims: Value| token(&hs256(), &claims, JWT_SECRET);
    for (what, token) in [
        ("signed with another key", token(&hs256(), &good, "another secret, also more than 32 bytes long")),
        ("alg none, no signature", format!("{none}.{claims}.")),
        ("alg none, our signature", format!("{none}.{claims}.{signature}")),
        ("alg None", with(json!({ "alg": "None" }))),
        ("alg HS512, signed by HS256", with(json!({ "alg": "HS512" }))),
        ("alg RS256", with(json!({ "alg": "RS256" }))),
        ("no alg", with(json!({ "typ": "JWT" }))),
        ("other claims under a good signature", format!("{header}.{other}.{signature}")),
        ("no signature", format!("{signed}.")),
        ("half a signature", format!("{signed}.{}", &signature[..20])),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{minted}.x")),
        ("no token", "x".to_owned()),
        ("no JSON", format!("{}.{}.{}", part("{"), part("{"), part("x"))),
        ("no exp", claiming(json!({ "sub": ada.id }))),
        ("exp is a text", claiming(json!({ "sub": ada.id, "exp": "tomorrow" }))),
        ("no sub", claiming(json!({ "exp": now() + 60 }))),
        ("sub is no id", claiming(json!({ "sub": "ada", "exp": now() + 60 }))),
        ("not yet", claiming(json!({ "sub": ada.id, "exp": now() + 120, "nbf": now() + 60 }))),
    ] {
        let answer = me(blog, &token).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.text);
        assert_problem(answer, 401, "token_invalid");
    }
}

#[tokio::test]
async fn an_expired_token_is_named_as_such() {
    check_an_expired_token_is_named_as_such(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_an_expired_token_is_named_as_such(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    for exp in [now(), now() - 1, 0] {
        let expired = token(&hs256(), &json!({ "sub": ada.id, "exp": exp }), JWT_SECRET);
        let answer = assert_problem(me(blog, &expired).await, 401, "token_expired");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
}

#[tokio::test]
async fn the_header_is_read_as_the_standard_has_it() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let send = async |value: String| blog.request("GET", "/api/v1/user/me").header("authorization", value).send().await;
    send(format!("bearer {}", ada.token)).await.expect(200);
    send(format!("BEARER  {} ", ada.token)).await.expect(200);
    for other in [ada.token.clone(), format!("Basic {}", ada.token), format!("Token {}", ada.token), String::new()] {
        assert_problem(send(other).await, 401, "unauthenticated");
    }
    assert_problem(blog.get("/api/v1/user/me").await, 401, "unauthenticated");
}

#[tokio::test]
async fn every_route_of_ones_own_asks_for_a_token() {
    check_every_route_of_ones_own_asks_for_a_token(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_every_route_of_ones_own_asks_for_a_token(blog: &Blog) {
    for (method, path) in [
        ("GET", "/api/v1/user/me"),
        ("GET", "/api/v1/user/me/posts"),
        ("POST", "/api/v1/blog"),
        ("PUT", "/api/v1/blog/00000000-0000-4000-8000-000000000001"),
        ("DELETE", "/api/v1/blog/00000000-0000-4000-8000-000000000001"),
    ] {
        let request = blog.request(method, path).json(&json!({ "title": "x" }));
        assert_problem(request.send().await, 401, "unauthenticated");
    }
}

#[tokio::test]
async fn hono_and_we_understand_each_other() {
    check_hono_and_we_understand_each_other(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_hono_and_we_understand_each_other(blog: &Blog) {
    let ada: Person = blog.sign_up("Ada").await;
    let claims = json!({ "sub": ada.id, "exp": now() + 60 }).to_string();
    let minted = hono(&["sign", JWT_SECRET, &claims]).await;
    assert_eq!(me(blog, minted.trim()).await.expect(200).body["id"], ada.id.as_str());

    let read: Value = serde_json::from_str(&hono(&["verify", JWT_SECRET, &ada.token]).await).unwrap();
    assert_eq!(read["sub"], ada.id.as_str());
    assert!(read["exp"].as_u64().unwrap() > read["iat"].as_u64().unwrap());
}

/// What `hono/jwt` makes of its arguments.
async fn hono(arguments: &[&str]) -> String {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients"));
    let output = Command::new("node").arg("hono-jwt.mjs").args(arguments).current_dir(folder).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

//! Which tokens are taken: by signature, time, audience and issuer.

use serde_json::{Value, json};

use super::mint::{Mint, Office, SECRET, issuer, now, part};

const WHO: &str = "SELECT current_setting('request.jwt.claims')::json ->> 'sub'";

#[tokio::test]
async fn all_four_algorithms() {
    let folder = harness::Folder::new();
    let mints = [Mint::rsa(2048), Mint::ec(), Mint::ed(), Mint::rsa(3072)];
    let keys: Vec<Value> = mints.iter().enumerate().map(|(id, mint)| mint.jwk(&id.to_string())).collect();
    let path = folder.write("jwks.json", json!({ "keys": keys }).to_string());
    let issuers = format!(
        "[[issuers]]\nname = \"public\"\nissuer = \"https://public.example\"\njwks_file = \"{}\"\n\
         default_role = \"ROLE_NAME\"\n{}",
        path.display(),
        issuer("")
    );
    let office = Office::with(&issuers, |proxy| proxy).await;
    for (id, mint) in mints.iter().enumerate() {
        let header = json!({ "alg": mint.algorithm(), "kid": id.to_string() });
        let claims = json!({ "iss": "https://public.example", "sub": format!("user {id}"), "exp": now() + 60 });
        let token = mint.token_with(&header, &claims);
        for _ in 0..2 {
            assert_eq!(office.value(&token, WHO).await, format!("user {id}"), "{}", mint.algorithm());
        }
        // The right key under another's name, and another issuer's.
        let other = json!({ "alg": mint.algorithm(), "kid": ((id + 1) % 4).to_string() });
        office.ask(&mint.token_with(&other, &claims), WHO).await.expect(401);
        let claims = json!({ "iss": "https://other.example", "exp": now() + 60 });
        office.ask(&mint.token_with(&header, &claims), WHO).await.expect(401);
    }
    // The only ones of their kind need no name.
    for mint in &mints[1..3] {
        let claims = json!({ "iss": "https://public.example", "sub": "nameless", "exp": now() + 60 });
        assert_eq!(office.value(&mint.token(&claims), WHO).await, "nameless");
    }
    let shared = Mint::secret(SECRET);
    assert_eq!(office.value(&shared.token(&json!({ "sub": "x", "exp": now() + 60 })), WHO).await, "x");
    // What the public key is made of is no secret.
    for key in [part(PUBLIC), keys[0]["n"].as_str().unwrap().to_owned(), keys[1].to_string()] {
        for header in [json!({ "alg": "HS256", "kid": "0" }), json!({ "alg": "HS256" })] {
            let claims = json!({ "iss": "https://public.example", "exp": now() + 60 });
            office.ask(&Mint::secret(&key).token_with(&header, &claims), WHO).await.expect(401);
        }
    }
    office.end().await;
}

const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----";

#[tokio::test]
async fn what_does_not_hold_is_refused_in_the_same_words() {
    let office = Office::plain().await;
    let mint = Mint::secret(SECRET);
    let good = json!({ "sub": "ada", "exp": now() + 60 });
    let token = mint.token(&good);
    assert_eq!(office.value(&token, WHO).await, "ada");
    for header in [json!({ "alg": "HS256", "typ": "at+jwt" }), json!({ "alg": "HS256", "kid": "any" })] {
        assert_eq!(office.value(&mint.token_with(&header, &good), WHO).await, "ada");
    }
    // As some libraries write it.
    let spaced = mint.sign(&format!("{}.{}", part("{\n \"alg\": \"HS256\"}"), part(good.to_string())));
    assert_eq!(office.value(&spaced, WHO).await, "ada");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let bob = part(json!({ "sub": "bob", "exp": now() + 60 }).to_string());
    let with = |header: Value| mint.token_with(&header, &good);
    let claiming = |claims: Value| mint.token(&claims);
    for (why, wrong) in [
        ("other claims", format!("{header}.{bob}.{signature}")),
        ("no signature", format!("{signed}.")),
        ("half a signature", format!("{signed}.{}", &signature[..20])),
        ("another secret", Mint::secret("another secret, at least 32 bytes long").token(&good)),
        ("none", format!("{}.{bob}.", part(r#"{"alg":"none"}"#))),
        ("None", with(json!({ "alg": "None" }))),
        ("HS512", with(json!({ "alg": "HS512" }))),
        ("RS256", with(json!({ "alg": "RS256" }))),
        ("no alg", with(json!({ "typ": "JWT" }))),
        ("crit", with(json!({ "alg": "HS256", "crit": ["b64"], "b64": false }))),
        ("no exp", claiming(json!({ "sub": "ada" }))),
        ("exp in words", claiming(json!({ "sub": "ada", "exp": "tomorrow" }))),
        ("negative exp", claiming(json!({ "sub": "ada", "exp": -1 }))),
        ("exp null", claiming(json!({ "sub": "ada", "exp": null }))),
        ("an audience nobody asked for", claiming(json!({ "sub": "ada", "exp": now() + 60, "aud": "others" }))),
        ("what is no audience", claiming(json!({ "sub": "ada", "exp": now() + 60, "aud": 5 }))),
        ("half an audience", claiming(json!({ "sub": "ada", "exp": now() + 60, "aud": ["a", 1] }))),
        ("for another purpose", with(json!({ "alg": "HS256", "typ": "logout+jwt" }))),
        ("too long", claiming(json!({ "sub": "ada", "exp": now() + 60, "x": "x".repeat(16 << 10) }))),
        ("claims that are no object", mint.token(&json!([1]))),
        ("an array", mint.token(&json!("text"))),
        ("not JSON", format!("{}.{}.{}", part("ey"), part("ey"), part("ey"))),
        ("four parts", format!("{token}.x")),
        ("two parts", signed.to_owned()),
        ("a long one", format!("{signed}.{}", "A".repeat(4000))),
    ] {
        let refused = office.ask(&wrong, "SELECT 1").await;
        assert_eq!(refused.status, 401, "{why}: {}", refused.text);
        assert_eq!(refused.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{why}");
        assert_eq!(refused.body["message"], "password authentication failed: the credential is not valid", "{why}");
    }
    office.end().await;
}

#[tokio::test]
async fn time_audience_and_issuer_are_checked() {
    let strict = issuer("issuer = \"https://id.example\"\naudience = [\"api\", \"admin\"]");
    let office = Office::with(&strict, |proxy| proxy).await;
    let mint = Mint::secret(SECRET);
    let claims = |more: Value| {
        let mut claims = json!({ "iss": "https://id.example", "aud": "api", "sub": "ada", "exp": now() + 600 });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        mint.token(&claims)
    };
    for good in [
        json!({}),
        json!({ "aud": ["others", "admin"] }),
        json!({ "nbf": now() - 1, "iat": now() }),
        json!({ "exp": format!("{}.5", now() + 60).parse::<f64>().unwrap() }),
        // Clocks differ.
        json!({ "exp": now() - 5 }),
        json!({ "nbf": now() + 5 }),
        json!({ "exp": 99_999_999_999_u64 }),
    ] {
        let answer = office.ask(&claims(good.clone()), WHO).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.text);
    }
    let wrong = "password authentication failed: the credential is not valid";
    for (bad, message) in [
        (json!({ "exp": now() - 120 }), "the token has expired"),
        (json!({ "nbf": now() + 120 }), "the token is not valid yet"),
        (json!({ "aud": "others" }), wrong),
        (json!({ "aud": ["others"] }), wrong),
        (json!({ "aud": [] }), wrong),
        (json!({ "aud": null }), wrong),
        (json!({ "aud": { "api": true } }), wrong),
        (json!({ "iss": "https://id.example/" }), wrong),
        (json!({ "iss": null }), wrong),
        (json!({ "iss": ["https://id.example"] }), wrong),
    ] {
        let refused = office.ask(&claims(bad.clone()), WHO).await;
        assert_eq!(refused.status, 401, "{bad}: {}", refused.text);
        assert_eq!(refused.body["message"], message, "{bad}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
    office.end().await;
}

/// Good until then, also when it was found good before.
#[tokio::test]
async fn a_token_that_expires_while_it_is_used_is_refused() {
    let office = Office::plain().await;
    // The proxy grants clocks thirty seconds.
    let token = Mint::secret(SECRET).token(&json!({ "sub": "ada", "exp": now() - 25 }));
    office.ask(&token, WHO).await.expect(200);
    harness::eventually(|| async {
        let answer = office.ask(&token, WHO).await;
        answer.status == 401 && answer.body["message"] == "the token has expired"
    })
    .await;
    office.end().await;
}

#[tokio::test]
async fn a_token_comes_as_bearer_or_as_a_password_and_is_never_logged() {
    let office = Office::with(&issuer(""), |proxy| proxy.env("POOL_PROXY_LOG", "text,trace")).await;
    let claims = json!({ "sub": "a-very-private-subject", "exp": now() + 60 });
    let token = Mint::secret(SECRET).token(&claims);
    assert_eq!(office.value(&token, WHO).await, "a-very-private-subject");
    let request = || office.proxy.request("POST", "/sql").json(&json!({ "query": WHO }));
    let url = format!("postgresql://anybody:{token}@proxy.example/default");
    request().header("neon-connection-string", &url).send().await.expect(200);
    let wrong = format!("{token}x");
    request().bearer(&wrong).send().await.expect(401);
    // Keys go on working beside it.
    office.proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    let log = office.proxy.stderr();
    let signature = token.rsplit_once('.').unwrap().1;
    for secret in [SECRET, signature, &token, "a-very-private-subject"] {
        assert!(!log.contains(secret), "{log}");
    }
    office.end().await;
}

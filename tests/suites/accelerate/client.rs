//! Prisma's clients as applications have them, from npm: what their users do, against the proxy.

use harness::Folder;
use serde_json::json;

use super::wide::Wide;
use crate::clients::node_with;

#[tokio::test]
async fn reads() {
    node("prisma/reads.test.mjs").await;
}

#[tokio::test]
async fn writes() {
    node("prisma/writes.test.mjs").await;
}

#[tokio::test]
async fn transactions() {
    node("prisma/transactions.test.mjs").await;
}

#[tokio::test]
async fn errors() {
    node("prisma/errors.test.mjs").await;
}

#[tokio::test]
async fn the_cache() {
    node("prisma/cache.test.mjs").await;
}

#[tokio::test]
async fn events_of_queries() {
    node("prisma/logs.test.mjs").await;
}

#[tokio::test]
async fn moving_as_the_readme_tells() {
    node_with_proxy("prisma/moving.test.mjs", &Wide::elsewhere().await).await;
}

/// The same over TLS, with a certificate of the operator's own authority.
#[tokio::test]
async fn moving_to_a_proxy_with_a_private_ca() {
    let folder = Folder::new();
    folder.authority("ca");
    folder.certificate_by("proxy", "ca");
    let wide = Wide::encrypted(&folder).await;
    let ca = folder.path("ca.crt").display().to_string();
    let url = wide.url();
    let database = wide.database.url();
    let trusting = [("ACCELERATE_URL", &*url), ("DATABASE_URL", &database), ("NODE_EXTRA_CA_CERTS", &ca)];
    let passed = node_with("prisma/moving.test.mjs", &trusting).await;
    passed.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", wide.proxy.stderr()));
    // A client that does not know the authority sends nothing.
    let refused = node_with("prisma/moving.test.mjs", &trusting[..2]).await.expect_err("no certificate was asked for");
    assert!(refused.contains("the key goes to nobody else"), "{refused}");
}

#[tokio::test]
async fn older_versions() {
    node("prisma/versions.test.mjs").await;
}

/// What 5.x sends, and 6.x unless its schema says otherwise: a question that needs an engine on the server.
#[tokio::test]
async fn a_client_that_wants_an_engine_is_told_what_to_change() {
    let wide = Wide::start().await;
    let hash = "3a9f6b1cb2e8d8a6a5d5a8e1f7a9c1f0e9d8c7b6a5d4c3b2a1f0e9d8c7b6a5d4";
    for (method, path, body) in [
        ("PUT", format!("/5.22.0/{hash}/schema"), json!("Z2VuZXJhdG9yIGNsaWVudCB7fQ==")),
        ("POST", format!("/6.15.0/{hash}/graphql"), json!({ "modelName": "User", "action": "findMany", "query": {} })),
        ("POST", format!("/6.15.0/{hash}/itx/abc/graphql"), json!({ "action": "queryRaw", "query": {} })),
        ("POST", format!("/6.15.0/{hash}/transaction/start"), json!({ "max_wait": 2000, "timeout": 5000 })),
    ] {
        let answer = wide.proxy.request(method, &path).bearer(wide.proxy.key()).json(&body).send().await;
        let said = answer.body.to_string();
        assert!(answer.status.is_client_error(), "{method} {path}: {} {said}", answer.status);
        assert_ne!(answer.body["code"], json!(null), "{said}");
        for word in ["engineType = \\\"client\\\"", "6.16"] {
            assert!(said.contains(word), "{method} {path}: {said}");
        }
    }
}

/// Runs the tests of a file in `tests/clients` with a wide database and a proxy of their own.
async fn node(file: &str) {
    node_with_proxy(file, &Wide::start().await).await;
}

async fn node_with_proxy(file: &str, wide: &Wide) {
    let variables = [("ACCELERATE_URL", &*wide.url()), ("DATABASE_URL", &wide.database.url())];
    let passed = node_with(file, &variables).await;
    passed.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", wide.proxy.stderr()));
}

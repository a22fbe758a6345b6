//! TLS between a relay and its upstream, with an authority of one's own.

use std::fs;

use futures_util::future::join_all;
use harness::{Folder, Proxy, ProxyBuilder, Relay};
use serde_json::json;

use crate::sql::served::Served;

/// A proxy that speaks TLS with a certificate for `localhost`, by the authority `ours`; there is another, `theirs`.
async fn encrypted(folder: &Folder) -> Served {
    folder.authority("ours");
    folder.authority("theirs");
    folder.certificate_by("server", "ours");
    let files = |proxy: ProxyBuilder| {
        let proxy = proxy.env("POOL_PROXY_TLS_CERT", folder.path("server.crt"));
        proxy.env("POOL_PROXY_TLS_KEY", folder.path("server.key"))
    };
    Served::with("", files).await
}

#[tokio::test]
async fn the_authority_is_a_path_or_pem_text_or_in_the_file() {
    let folder = Folder::new();
    let Served { proxy, database: _database } = encrypted(&folder).await;
    let (path, theirs) =
        (folder.path("ours.crt").display().to_string(), folder.path("theirs.crt").display().to_string());
    let text = fs::read_to_string(&path).unwrap();
    let relay = |root: &str| {
        let builder = Proxy::builder().relay_to(&proxy);
        if root.is_empty() { builder } else { builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", root) }
    };
    let leaf = folder.path("server.crt").display().to_string();
    let (bundle, one_line) = (format!("{}{text}", fs::read_to_string(&theirs).unwrap()), text.replace('\n', "\\n"));
    for root in [&path, &text, &one_line, &bundle, &leaf] {
        let relay = relay(root).start().await;
        let answer = relay.sql(json!({ "query": "SELECT 'over TLS' AS t" })).await;
        assert_eq!(answer.status, 200, "{root}: {}", answer.text);
        assert_eq!(answer.body["rows"][0]["t"], "over TLS");
    }
    let file = format!("[upstream]\nurl = \"{}\"\nroot_cert = \"{path}\"", proxy.url());
    let from_file = Proxy::builder().key("").config(file).start().await;
    from_file.request("GET", "/health").send().await.expect(200);
    // Another authority, and the system's.
    for root in ["", "system", &theirs] {
        let relay = relay(root).start().await;
        let refused = relay.sql(json!({ "query": "SELECT 1" })).await.expect(503);
        assert_eq!(refused.body["code"], "P6008", "{}", refused.text);
        assert!(refused.text.contains("certificate"), "{root}: {}", refused.text);
        let ready = relay.ops_request("GET", "/ready").send().await.expect(503);
        assert!(ready.text.contains("certificate"), "{}", ready.text);
    }
}

#[tokio::test]
async fn the_name_is_checked() {
    let folder = Folder::new();
    folder.authority("ours");
    folder.certificate_by("server", "ours");
    // This host, too, by a name that is not in the certificate.
    let files = |proxy: ProxyBuilder| {
        let proxy = proxy.env("POOL_PROXY_LISTEN", "127.0.0.2:0").env("POOL_PROXY_TLS_CERT", folder.path("server.crt"));
        proxy.env("POOL_PROXY_TLS_KEY", folder.path("server.key"))
    };
    let served = Served::with("", files).await;
    let builder = Proxy::builder().relay_to(&served.proxy);
    let relay = builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ours.crt")).start().await;
    let refused = relay.sql(json!({ "query": "SELECT 1" })).await.expect(503);
    assert!(refused.text.contains("not valid for name"), "{}", refused.text);
}

#[tokio::test]
async fn many_requests_share_few_connections() {
    let folder = Folder::new();
    let Served { proxy, database: _database } = encrypted(&folder).await;
    let between = Relay::to(proxy.url()).await;
    let builder = Proxy::builder().relay(&between.url(proxy.url()), proxy.key());
    let relay = builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ours.crt")).start().await;
    relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    // The first is opened before it is known that one will do. Then a hundred on each: the proxy takes no more than two
    // hundred, and the hundred and first may be what others wait for.
    for (requests, connections) in [(40, 2), (150, 3)] {
        let slow = json!({ "query": "SELECT pg_sleep(0.1)" });
        for answer in join_all((0..requests).map(|_| relay.sql(slow.clone()))).await {
            answer.expect(200);
        }
        assert_eq!(between.opened(), connections, "for {requests} requests at a time");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let folder = Folder::new();
    let Served { proxy, database: _database } = encrypted(&folder).await;
    let between = Relay::to(proxy.url()).await;
    between.hang();
    let builder = Proxy::builder().relay(&between.url(proxy.url()), proxy.key());
    let relay = builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ours.crt")).start().await;
    let refused = relay.sql(json!({ "query": "SELECT 1" })).await.expect(503);
    assert!(refused.text.contains("no connection within 5 s"), "{}", refused.text);
    between.forward();
    relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
}

#[tokio::test]
async fn a_connection_that_is_forgotten_in_between_is_found_out() {
    let folder = Folder::new();
    let Served { proxy, database: _database } = encrypted(&folder).await;
    let between = Relay::to(proxy.url()).await;
    let builder = Proxy::builder().relay(&between.url(proxy.url()), proxy.key());
    let relay = builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ours.crt")).start().await;
    // The first finds out that HTTP/2 is spoken, the second opens the connection that stays.
    for _ in 0..2 {
        relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    }
    between.lose();
    // It is told that nothing is known of it, and not left waiting.
    let lost = relay.sql(json!({ "query": "SELECT 1" })).await.expect(502);
    assert_eq!((&lost.body["code"], &lost.body["outcome"]), (&json!("P6008"), &json!("unknown")), "{}", lost.text);
    relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
}

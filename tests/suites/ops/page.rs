//! The operators' page: what is served, and to whom. How it looks and works in a browser is in `tests/clients/page.test.mjs`.

use harness::{Proxy, fresh_database, key_entry};
use serde_json::{Value, json};

use crate::clients::node_with;
use crate::sql::served::Served;

const TOKEN: &str = "operators-token-0001";

#[tokio::test]
async fn in_a_browser() {
    let database = fresh_database().await;
    let key =
        key_entry("web", "a key of the web, 0001", "role = \"web_anon\"\nrate = \"600/min\"\nexpires = \"2035-01-01\"");
    let start = |token: Option<&'static str>| {
        let builder = Proxy::builder().database(&database).config(&key).env("POOL_PROXY_REGION", "fra");
        token.into_iter().fold(builder, |builder, token| builder.env("POOL_PROXY_OPS_TOKEN", token)).start()
    };
    let (open, locked) = (start(None).await, start(Some(TOKEN)).await);
    let relay = Proxy::builder().relay_to(&open).start().await;
    let variables = [
        ("POOL_PROXY_URL", open.url()),
        ("POOL_PROXY_TEST_KEY", open.key()),
        ("OPS_URL", open.ops_url()),
        ("LOCKED_URL", locked.ops_url()),
        ("OPS_TOKEN", TOKEN),
        ("RELAY_URL", relay.url()),
        ("RELAY_OPS_URL", relay.ops_url()),
    ];
    node_with("page.test.mjs", &variables).await.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", open.stderr()));
}

#[tokio::test]
async fn the_page_is_for_everybody_and_has_nothing_in_it() {
    let served = Served::with("", |proxy| proxy.env("POOL_PROXY_OPS_TOKEN", TOKEN)).await;
    let proxy = &served.proxy;
    let page = proxy.ops_request("GET", "/").send().await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let files: Vec<&str> = page.text.split('"').filter(|part| part.starts_with("/page/")).collect();
    assert!(files.len() >= 3, "{}", page.text);
    for file in files {
        let answer = proxy.ops_request("GET", file).send().await.expect(200);
        let kind = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(answer.header("content-type"), kind, "{file}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{file}");
    }
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"]
    {
        assert!(policy.split("; ").any(|found| found == part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(proxy.ops_request("HEAD", "/").send().await.expect(200).text, "");
    // Everything it shows is asked for, with the token.
    for path in ["/keys", "/statements", "/pools"] {
        proxy.ops_request("GET", path).send().await.expect(401);
        proxy.ops_request("GET", path).bearer(TOKEN).send().await.expect(200);
    }
    for path in ["/", "/page/main.js", "/keys"] {
        proxy.request("GET", path).bearer(proxy.key()).send().await.expect(404);
    }
    proxy.ops_request("GET", "/page/").send().await.expect(404);
    proxy.ops_request("GET", "/page/../main.js").send().await.expect(404);
}

/// A key of the list.
async fn key(proxy: &Proxy, name: &str) -> Value {
    let keys = proxy.ops_request("GET", "/keys").send().await.expect(200).body["keys"].clone();
    keys.as_array().unwrap().iter().find(|key| key["name"] == name).cloned().unwrap_or_else(|| panic!("{keys:#}"))
}

const SECRET: &str = "a key of the web, 0001";

#[tokio::test]
async fn keys_are_told_with_what_they_may_and_do() {
    let issuer = "[[issuers]]\nname = \"id\"\nissuer = \"https://id.example.com/\"\n\
        secret = \"a secret of thirty-two bytes, and more\"\ndefault_role = \"web_anon\"\nconcurrency = 3\n";
    let web = "databases = [\"default\"]\nread_only = true\nrole = \"pg_monitor\"\nrate = \"2/h\"\nconcurrency = 5";
    let old = key_entry("old", "a key of the past, 0001", "expires = \"2020-01-01\"");
    let config = format!("{}{old}{issuer}", key_entry("web", SECRET, web));
    let mut served = Served::with("", |proxy| proxy.config(&config)).await;
    let none = json!({
        "kind": "key", "name": "web", "roles": ["pg_monitor"], "read_only": true, "databases": ["default"], "rate": "2/h",
        "concurrency": 5, "expires": null, "expired": false, "requests": 0, "running": 0, "refused": 0,
    });
    assert_eq!(key(&served.proxy, "web").await, none);
    let ask = |query: &str| served.proxy.request("POST", "/sql").bearer(SECRET).json(&json!({ "query": query }));
    let busy = tokio::spawn(ask("SELECT pg_sleep(1)").send());
    super::asleep(&served.database, 1).await;
    assert_eq!(key(&served.proxy, "web").await["running"], 1);
    busy.await.unwrap().expect(200);
    ask("SELECT 1").send().await.expect(200);
    ask("SELECT 1").send().await.expect(429);
    let used = key(&served.proxy, "web").await;
    assert_eq!((&used["requests"], &used["running"], &used["refused"]), (&json!(2), &json!(0), &json!(1)), "{used}");
    let env = key(&served.proxy, "env").await;
    assert_eq!((&env["roles"], &env["databases"], &env["rate"]), (&json!([]), &Value::Null, &Value::Null), "{env}");
    let old = key(&served.proxy, "old").await;
    assert_eq!((&old["expires"], &old["expired"]), (&json!("2020-01-01T00:00:00Z"), &json!(true)), "{old}");
    let id = key(&served.proxy, "id").await;
    assert_eq!(
        (&id["kind"], &id["roles"], &id["concurrency"]),
        (&json!("issuer"), &json!(["web_anon"]), &json!(3)),
        "{id}"
    );
    let all = served.proxy.ops_request("GET", "/keys").send().await.expect(200).text;
    for secret in [SECRET, served.proxy.key(), "sha256", "thirty-two", "id.example.com"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    // What was used stays counted when the file is read again.
    std::fs::write(served.proxy.config_path(), config.replace("2/h", "3/h")).unwrap();
    served.proxy.signal(harness::Signal::Hangup);
    harness::eventually(|| async { key(&served.proxy, "web").await["rate"] == "3/h" }).await;
    assert_eq!(key(&served.proxy, "web").await["requests"], 2);
}

//! `pool-proxy key new`: what it prints fits the configuration file, and the key opens the door.

use serde_json::{Value, json};

use crate::config::{File, printed, run};

const DATABASE: &str = "[databases.default]\nurl = \"postgres://app@db.internal/app\"\n\n";

#[test]
fn the_entry_is_one_for_the_file() {
    let plain: &[&str] = &[];
    let all = &[
        "--database",
        "default",
        "--read-only",
        "--role",
        "it's \"quoted\" \\ ünïcode",
        "--expires",
        "2035-01-01T12:00:00+02:00",
        "--rate",
        "600/min",
        "--concurrency",
        "20",
    ];
    for options in [plain, all] {
        let answer = run(&[&["key", "new", "--name", "web:1"], options].concat(), &[]);
        let (out, err) = printed(&answer);
        assert_eq!(answer.status.code(), Some(0), "{err}");
        let entry = &out[out.find("[[keys]]").unwrap()..out.find("\n\nFor clients").unwrap()];
        let file = File::new(&format!("{DATABASE}{entry}\n"));
        let accepted = run(&["config", "--json", "--config", file.path()], &[]);
        let (shown, err) = printed(&accepted);
        assert_eq!(accepted.status.code(), Some(0), "{entry}\n{err}");
        let json: Value = serde_json::from_str(&shown).unwrap();
        let value = |key: &str| {
            let entries = json["config"].as_array().unwrap().iter();
            entries.filter(|entry| entry["key"] == key).map(|entry| entry["value"].clone()).next()
        };
        assert_eq!(value("keys.web:1.databases"), Some(json!(if options.is_empty() { "all" } else { "default" })));
        assert_eq!(value("keys.web:1.read_only"), Some(json!(if options.is_empty() { "false" } else { "true" })));
        assert_eq!(value("keys.web:1.rate"), options.get(8).map(|rate| json!(rate)));
        assert_eq!(value("keys.web:1.concurrency"), options.get(10).map(|most| json!(most)));
        assert_eq!(value("keys.web:1.role"), options.get(4).map(|role| json!(role)));
    }
}

#[test]
fn the_secret_is_printed_for_clients_alone() {
    let answer = run(&["key", "new", "--name", "web", "--database", "app", "--host", "p.example.org", "--json"], &[]);
    let json: Value = serde_json::from_str(&printed(&answer).0).unwrap();
    let text = |key: &str| json[key].as_str().unwrap();
    let secret = text("secret");
    assert!(secret.len() > 40, "{secret}");
    assert_eq!(text("neon"), format!("postgresql://pool-proxy:{secret}@p.example.org/app"));
    assert_eq!(text("prisma"), format!("prisma+postgres://p.example.org/?api_key={secret}"));
    assert_eq!(text("wrangler"), "wrangler secret put POOL_PROXY_KEY");
    assert!(text("curl").contains("https://p.example.org/sql") && text("curl").contains(secret));
    assert!(text("hash").starts_with("sha256:"));
    assert!(!text("entry").contains(secret) && text("entry").contains(text("hash")));
    let other: Value = serde_json::from_str(&printed(&run(&["key", "new", "--name", "web", "--json"], &[])).0).unwrap();
    assert_ne!(other["secret"], json["secret"]);
}

#[tokio::test]
async fn the_key_opens_the_door() {
    let made = run(&["key", "new", "--name", "web", "--database", "default", "--json"], &[]);
    let made: Value = serde_json::from_str(&printed(&made).0).unwrap();
    let database = harness::fresh_database().await;
    let proxy = harness::Proxy::builder().database(&database).key("").config(made["entry"].as_str().unwrap());
    let proxy = proxy.start().await;
    let body = json!({ "query": "SELECT 1 AS one" });
    let secret = made["secret"].as_str().unwrap();
    let answer = proxy.request("POST", "/sql").bearer(secret).json(&body).send().await;
    assert_eq!(answer.status, 200);
    let hash = made["hash"].as_str().unwrap();
    let answer = proxy.request("POST", "/sql").bearer(hash).json(&body).send().await;
    assert_eq!(answer.status, 401);
    assert!(!proxy.stderr().contains(secret));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "--name <NAME>"),
        (&["--name", "a b"], "a name of 1 to 64 letters"),
        (&["--name", "a", "--database", "a/b"], "a name of 1 to 63 letters"),
        (&["--name", "a", "--role", "none"], "the name of a Postgres role"),
        (&["--name", "a", "--expires", "2020-01-01"], "a date that is still to come"),
        (&["--name", "a", "--rate", "fast"], "50/s, 600/min or 5000/h"),
        (&["--name", "a", "--concurrency", "0"], "--concurrency"),
        (&["--name", "a", "--host", "https://p.example.org"], "a host alone"),
    ];
    for (options, expected) in cases {
        let answer = run(&[&["key", "new"], options].concat(), &[]);
        assert_eq!(answer.status.code(), Some(2), "{options:?}");
        let (out, err) = printed(&answer);
        assert!(out.is_empty() && err.contains(expected), "{options:?}: {err}");
    }
}

//! Who is let in at all.

use harness::{Answer, Proxy, fresh_database, key_entry};
use serde_json::json;

use crate::sql::served::Served;

async fn ask(proxy: &Proxy, headers: &[(&str, String)]) -> Answer {
    let request = proxy.request("POST", "/sql").json(&json!({ "query": "SELECT 1 AS one" }));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

fn neon(password: &str) -> (&'static str, String) {
    ("neon-connection-string", format!("postgres://user:{password}@db.example.com/default"))
}

#[tokio::test]
async fn a_wrong_or_absent_key_is_401() {
    let served = Served::plain().await;
    let key = served.proxy.key().to_owned();
    let bearer = |text: &str| ("authorization", format!("Bearer {text}"));
    let longer = format!("{key}x");
    for headers in [
        vec![],
        vec![bearer("")],
        vec![bearer("wrong")],
        vec![bearer(&key[..key.len() - 1])],
        vec![bearer(&longer)],
        vec![bearer(&key.to_uppercase().replace(|c: char| c.is_ascii_digit(), "G"))],
        vec![("authorization", key.clone())],
        vec![("authorization", format!("Basic {key}"))],
        vec![("x-api-key", key.clone())],
        vec![neon("wrong")],
        vec![("neon-connection-string", "postgres://user@db.example.com/default".to_owned())],
        // The bearer wins, also when it is the wrong one.
        vec![bearer("wrong"), neon(&key)],
    ] {
        let refused = ask(&served.proxy, &headers).await;
        assert_eq!(refused.status, 401, "{headers:?}: {}", refused.text);
        assert!(refused.header("www-authenticate").starts_with("Bearer"), "{headers:?}");
        assert!(!refused.text.contains(&key), "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_tells_an_unknown_key_from_a_wrong_or_an_expired_one() {
    let database = fresh_database().await;
    let old = "a key that is no longer valid";
    let config = key_entry("old", old, "expires = \"2020-01-01\"");
    let proxy = Proxy::builder().database(&database).config(config).start().await;
    let mut seen = Vec::new();
    let almost = format!("{}x", &proxy.key()[1..]);
    for key in ["unknown", &almost, old, &"x".repeat(4000)] {
        for headers in [vec![("authorization", format!("Bearer {key}"))], vec![neon(&key.replace(' ', "%20"))]] {
            let refused = ask(&proxy, &headers).await.expect(401);
            let mut headers: Vec<String> = refused.headers.keys().map(ToString::to_string).collect();
            headers.sort();
            seen.push((refused.text.len(), refused.body["message"].clone(), headers));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_key_may_come_as_bearer_or_in_the_connection_string() {
    let key = "k@y:with/strange?chars#and%41 ü".to_owned();
    let served = Served::with("", |proxy| proxy.key(key.clone())).await;
    let encoded = key.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"));
    for headers in [vec![neon(&encoded)], vec![neon(&encoded), ("cookie", "a=b".to_owned())]] {
        let answer = ask(&served.proxy, &headers).await;
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text);
    }
    let served = Served::plain().await;
    let key = served.proxy.key();
    for headers in [
        vec![("authorization", format!("Bearer {key}"))],
        vec![("Authorization", format!("bearer {key}"))],
        vec![("authorization", format!("BEARER {key}"))],
        vec![neon(key)],
        vec![("Neon-Connection-String", format!("postgresql://u:{key}@a.example:5432,b.example/default?x=y"))],
        vec![("authorization", format!("Bearer {key}")), neon("wrong")],
        vec![("authorization", format!("Bearer {key}")), ("neon-connection-string", "postgres://host".to_owned())],
    ] {
        let answer = ask(&served.proxy, &headers).await;
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_connection_string_that_is_none_is_told_without_repeating_it() {
    let served = Served::plain().await;
    for text in ["http://user:secret-password@host/db", "postgres://u:secret-password%ff@host/db", "secret-password"] {
        let refused = ask(&served.proxy, &[("neon-connection-string", text.to_owned())]).await;
        assert!([400, 401].contains(&refused.status.as_u16()), "{text}: {} {}", refused.status, refused.text);
        assert!(!refused.text.contains("secret-password"), "{text}: {}", refused.text);
    }
}

#[tokio::test]
async fn every_door_asks_for_a_key() {
    let served = Served::plain().await;
    for path in ["/sql", "/invalidate"] {
        served.proxy.request("POST", path).body("{}").send().await.expect(401);
        served.proxy.request("POST", path).bearer("wrong").body("{}").send().await.expect(401);
    }
    served.proxy.request("GET", "/health").send().await.expect(200);
}

#[tokio::test]
async fn a_body_is_not_read_for_a_wrong_key() {
    let served = Served::plain().await;
    for body in ["", "not JSON", "{\"query\": \"SELECT 1\"}"] {
        let refused = served.proxy.request("POST", "/sql").bearer("wrong").body(body).send().await;
        assert_eq!(refused.status, 401, "{body}");
    }
}

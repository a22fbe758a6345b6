//! Transactions that are not there, not the client's own, or asked for in a wrong way.

use harness::{Answer, key_entry};
use serde_json::{Value, json};

use super::{Door, pool, raw, refused, told};

const OTHER: &str = "secret-of-another-client";

const START: &str = r#"{"maxWait":5000,"timeout":60000}"#;

/// With room for several at once, and a second key.
async fn open() -> Door {
    Door::with(|proxy| {
        let settings = proxy.config(key_entry("other", OTHER, ""));
        settings.env("POOL_PROXY_POOL_MAX", "4").env("POOL_PROXY_POOL_MIN_IDLE", "1")
    })
    .await
}

async fn start(door: &Door) -> String {
    let started = door.post("/transaction/start", START).send().await.expect(200);
    let id = started.body["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(started.header("prisma-transaction-id"), id);
    id
}

fn query(plan: &Value) -> String {
    json!({ "operation": "queryRaw", "plan": plan, "params": {} }).to_string()
}

/// Refused as the transaction manager does.
#[track_caller]
fn is_none(answer: &Answer, sent: &str) {
    refused(answer, sent);
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (409, &json!("P2028")), "{sent}: {}", answer.text);
    let error = answer.body["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("Transaction API error: Transaction not found."), "{sent}: {error}");
}

#[tokio::test]
async fn ids_that_nobody_gave_are_unknown() {
    let door = open().await;
    let own = start(&door).await;
    let similar = format!("{}{}", &own[..own.len() - 1], if own.ends_with('0') { '1' } else { '0' });
    let long = "a".repeat(2000);
    let uuid = "00000000-0000-4000-8000-000000000000";
    for id in ["nope", "0", "-1", uuid, &similar, &own.to_uppercase().replace('-', ""), &long, "null", "start0"] {
        for (act, body) in [("query", query(&raw("SELECT 1"))), ("commit", String::new()), ("rollback", String::new())]
        {
            is_none(&door.post(&format!("/transaction/{id}/{act}"), body).send().await, &format!("{id}/{act}"));
        }
    }
    for path in [
        "%00/commit",
        "%ff/commit",
        "%2e%2e/commit",
        "../commit",
        "/commit",
        "a%2Fb/commit",
        "a/b/commit",
        "a/nope",
        "a",
        "",
        "start/query",
        "start/commit",
        &format!("{own}/"),
        &format!("{own}/commit/"),
        &format!("{own}/Commit"),
        &format!("{own}%20/commit"),
        &format!("{own}?x=y"),
    ] {
        // Where nothing is, no dialect is spoken in particular.
        let answer = door.post(&format!("/transaction/{path}"), "").send().await;
        let says = answer.body["error"].is_string() || answer.body["message"].is_string();
        assert!(answer.status.is_client_error() && says, "{} {}: {path}", answer.status, answer.text);
    }
    // The one that is there is as it was.
    let ours = door.post(&format!("/transaction/{own}/query"), query(&raw("SELECT 7"))).send().await.expect(200);
    assert_eq!(ours.body["data"]["rows"], json!([[7]]));
    door.post(&format!("/transaction/{own}/rollback"), "").send().await.expect(200);
    finish(&door).await;
}

/// An id is of use to the key that began it alone.
#[tokio::test]
async fn transactions_of_others_are_unknown() {
    let door = open().await;
    let own = start(&door).await;
    let delete = json!({ "type": "execute", "args": { "type": "rawSql", "sql": "DELETE FROM \"User\"", "args": [], "argTypes": [] } });
    let proxy = &door.served.proxy;
    for (act, body) in [("query", query(&delete)), ("commit", String::new()), ("rollback", String::new())] {
        let path = format!("/transaction/{own}/{act}");
        let asked =
            proxy.request("POST", &path).bearer(OTHER).header("content-type", "application/json").body(body.clone());
        is_none(&asked.send().await, act);
        let nobody = proxy.request("POST", &path).header("content-type", "application/json").body(body);
        refused(&nobody.send().await.expect(401), act);
    }
    let nested = json!({ "maxWait": 1000, "timeout": 1000, "newTxId": own }).to_string();
    let asked = proxy.request("POST", "/transaction/start").bearer(OTHER).header("content-type", "application/json");
    is_none(&asked.body(nested).send().await, "a nested one");
    let ours =
        door.post(&format!("/transaction/{own}/query"), query(&raw("SELECT count(*) FROM \"User\""))).send().await;
    assert_eq!(ours.expect(200).body["data"]["rows"], json!([["2"]]));
    door.post(&format!("/transaction/{own}/commit"), "").send().await.expect(200);
    let again = door.post(&format!("/transaction/{own}/commit"), "").send().await.expect(409);
    refused(&again, "a second commit");
    // Closed ones are not told apart from unknown ones to others.
    let asked = proxy.request("POST", &format!("/transaction/{own}/commit")).bearer(OTHER);
    is_none(&asked.send().await, "after the end");
    finish(&door).await;
}

#[tokio::test]
async fn wrong_words_for_a_start_are_refused() {
    let door = open().await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"maxWait":"soon","timeout":1000}"#,
        r#"{"maxWait":1000,"timeout":"1000"}"#,
        r#"{"maxWait":0,"timeout":1000}"#,
        r#"{"maxWait":1000,"timeout":0}"#,
        r#"{"maxWait":1000,"timeout":1000,"isolationLevel":"SNAPSHOT"}"#,
        r#"{"maxWait":1000,"timeout":1000,"isolationLevel":"Serializable; DROP TABLE \"User\""}"#,
        r#"{"maxWait":1000,"timeout":1000,"isolationLevel":1}"#,
        r#"{"maxWait":1000,"timeout":1000,"newTxId":"nope"}"#,
        r#"{"maxWait":1000,"timeout":1000,"newTxId":1}"#,
        r#"{"maxWait":1000,"timeout":1000,"newTxId":{}}"#,
    ] {
        refused(&door.post("/transaction/start", body).send().await, body);
    }
    for body in [
        r#"{"maxWait":-1,"timeout":1000}"#,
        r#"{"maxWait":1000,"timeout":-1}"#,
        r#"{"maxWait":1e300,"timeout":1e300}"#,
        r#"{"maxWait":1000.5,"timeout":1000.5}"#,
        r#"{"maxWait":99999999999999999999,"timeout":18446744073709551615}"#,
        r#"{"maxWait":1000,"timeout":1000,"isolationLevel":null,"newTxId":null}"#,
        r#"{"maxWait":1000,"timeout":1000,"unknown":[]}"#,
    ] {
        let answer = door.post("/transaction/start", body).send().await;
        told(&answer, body);
        if let Some(id) = answer.body["id"].as_str() {
            told(&door.post(&format!("/transaction/{id}/rollback"), "").send().await, body);
        }
    }
    finish(&door).await;
}

/// What is wrong in a transaction is told, and leaves it to its client to end it.
#[tokio::test]
async fn a_transaction_outlives_wrong_plans() {
    let door = open().await;
    let own = start(&door).await;
    let path = format!("/transaction/{own}/query");
    for body in [
        "",
        "{",
        "{}",
        r#"{"operation":"x","plan":{"type":"nope"},"params":{}}"#,
        r#"{"operation":"x","plan":1,"params":{}}"#,
    ] {
        refused(&door.post(&path, body).send().await, body);
        let plain = door.post(&path, query(&raw("SELECT 7"))).send().await;
        assert_eq!(plain.body["data"]["rows"], json!([[7]]), "after {body}: {}", plain.text);
    }
    refused(&door.post(&path, query(&raw("SELECT 1/0"))).send().await, "1/0");
    let aborted = door.post(&path, query(&raw("SELECT 7"))).send().await.expect(400);
    assert!(aborted.text.contains("25P02"), "{}", aborted.text);
    door.post(&format!("/transaction/{own}/rollback"), "").send().await.expect(200);
    finish(&door).await;
}

async fn finish(door: &Door) {
    harness::eventually(|| async { pool(&door.served).await["active"] == 0 }).await;
    let log = door.served.proxy.stderr();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(door.ask(&raw("SELECT 1"), &json!({})).await.expect(200).body["data"]["rows"], json!([[1]]));
}

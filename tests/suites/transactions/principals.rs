//! A transaction is its principal's: with their rights, and nobody else's.

use harness::{Proxy, fresh_database, key_entry};
use serde_json::json;

use super::open::Open;
use crate::sql::served::Served;

const OTHER: &str = "another-key-0123456789";

#[tokio::test]
async fn an_id_is_of_no_use_to_others() {
    let served = Served::with("", |proxy| proxy.config(key_entry("other", OTHER, ""))).await;
    let open = Open::begin(&served.proxy).await;
    let theirs = |path: String| served.proxy.request("POST", &path).bearer(OTHER);
    for act in ["commit", "rollback"] {
        let answer = theirs(format!("/transaction/{}/{act}", open.id)).send().await.expect(409);
        assert!(answer.body["error"].as_str().unwrap().contains("Transaction not found"), "{}", answer.text);
    }
    let body = json!({ "query": "SELECT 1" });
    theirs("/sql".to_owned()).json(&body).header("Pool-Transaction", &open.id).send().await.expect(409);
    served.proxy.request("POST", "/transaction/start").send().await.expect(401);
    assert_eq!(open.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn an_id_is_of_one_database() {
    let second = fresh_database().await;
    let databases = format!("[databases.second]\nurl = \"{}\"", second.url());
    let served = Served::with("", |proxy| proxy.config(databases)).await;
    let open = Open::begin(&served.proxy).await;
    let others = [
        open.request("SELECT 1").header("Pool-Database", "second"),
        open.end_request("commit").header("Pool-Database", "second"),
    ];
    for other in others {
        let answer = other.send().await.expect(409);
        assert!(answer.text.contains("Transaction not found"), "{}", answer.text);
    }
    let named = open.request("SELECT current_database()::text").header("Pool-Database", "default").send().await;
    assert_eq!(named.expect(200).body["rows"][0][0], served.database.name());
    open.end("commit").await.expect(200);
}

const ROLES: &str = "
CREATE TABLE docs (owner text, body text);
INSERT INTO docs VALUES ('ada', 'hers'), ('bob', 'his');
";

#[tokio::test]
async fn a_key_with_a_role_keeps_it_from_beginning_to_end() {
    let database = fresh_database().await;
    database.batch(ROLES).await;
    let role = format!("reader_{}", database.name());
    database.batch(&format!("CREATE ROLE {role}; GRANT SELECT ON docs TO {role}")).await;
    let proxy = Proxy::builder()
        .database(&database)
        .config(key_entry("restricted", OTHER, &format!("role = \"{role}\"")))
        .start()
        .await;
    let begin = proxy.request("POST", "/transaction/start").bearer(OTHER);
    let id = begin.json(&json!({ "maxWait": 5000, "timeout": 15000 })).send().await.expect(200).body["id"].clone();
    let id = id.as_str().unwrap();
    let step = |query: &str| {
        let body = json!({ "query": query, "arrayMode": true });
        proxy.request("POST", "/sql").bearer(OTHER).json(&body).header("Pool-Transaction", id).send()
    };
    assert_eq!(step("SELECT current_user::text").await.expect(200).body["rows"][0][0], role);
    assert_eq!(step("SELECT count(*)::int FROM docs").await.expect(200).body["rows"][0][0], 2);
    // None of the ways out; the transaction goes on, since nothing of this was sent.
    for escape in ["RESET ROLE", "SELECT set_config('role', 'none', false)", "COMMIT", "SET ROLE NONE"] {
        let refused = step(escape).await;
        assert!(matches!(refused.status.as_u16(), 400 | 403), "{escape}: {}", refused.text);
    }
    assert_eq!(step("SELECT current_user::text").await.expect(200).body["rows"][0][0], role);
    assert_eq!(step("INSERT INTO docs VALUES ('eve', 'x')").await.expect(400).body["code"], "42501");
    let commit = proxy.request("POST", &format!("/transaction/{id}/rollback")).bearer(OTHER).send().await;
    commit.expect(200);
    // The connection is the owner's again.
    assert_ne!(proxy.sql(json!({ "query": "SELECT current_user::text AS u" })).await.body["rows"][0]["u"], role);
}

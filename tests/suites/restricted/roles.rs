//! Reading and writing as a role: its rights, its rows, its own request only.

use serde_json::{Value, json};

use super::ring::Ring;

const POLICIES: &str = "
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (owner = current_user) WITH CHECK (owner = current_user);
CREATE SCHEMA ROLE_NAME;
CREATE TABLE ROLE_NAME.places (own bool);
CREATE TABLE places (own bool);
INSERT INTO ROLE_NAME.places VALUES (true);
INSERT INTO places VALUES (false);
GRANT USAGE ON SCHEMA ROLE_NAME TO ROLE_NAME;
GRANT SELECT ON ROLE_NAME.places, places TO ROLE_NAME;
";

#[tokio::test]
async fn reading_works_for_every_restricted_key() {
    let ring = Ring::plain().await;
    for key in [&ring.read_only, &ring.as_role, &ring.as_role_read_only] {
        for _ in 0..3 {
            assert_eq!(ring.value(key, "SELECT count(*) FROM docs").await, "2");
            let body = json!({ "query": "SELECT body FROM docs WHERE owner = $1", "params": ["somebody"] });
            assert_eq!(ring.send(key, &body).await.expect(200).body["rows"], json!([{ "body": "theirs" }]));
            let results = ring
                .ask_batch(key, &["SELECT 1 AS one", "WITH d AS (SELECT * FROM docs) SELECT count(*) AS n FROM d"])
                .await;
            assert_eq!(results.expect(200).body["results"][1]["rows"], json!([{ "n": "2" }]));
            for query in ["SELECT now(), random() < 2, current_setting('server_version')", "VALUES (1)", "TABLE docs"] {
                ring.ask(key, query).await.expect(200);
            }
        }
    }
    ring.end().await;
}

#[tokio::test]
async fn a_role_has_its_own_rights() {
    let ring = Ring::plain().await;
    for key in [&ring.as_role, &ring.as_role_read_only] {
        assert_eq!(ring.value(key, "SELECT current_user::text").await, ring.role.as_str());
        for _ in 0..2 {
            let refused = ring.ask(key, "SELECT * FROM closed").await.expect(400);
            assert_eq!(refused.body["code"], "42501", "{}", refused.text);
        }
    }
    for (query, rows) in [
        ("INSERT INTO docs (owner, body) VALUES ('x', 'new') RETURNING body", json!([{ "body": "new" }])),
        ("UPDATE docs SET body = 'newer' WHERE owner = 'x' RETURNING body", json!([{ "body": "newer" }])),
        ("DELETE FROM docs WHERE owner = 'x' RETURNING body", json!([{ "body": "newer" }])),
    ] {
        assert_eq!(ring.ask(&ring.as_role, query).await.expect(200).body["rows"], rows, "{query}");
    }
    let queries = ["INSERT INTO docs (body) VALUES ('kept')", "SELECT 1 / 0"];
    ring.ask_batch(&ring.as_role, &queries).await.expect(400);
    assert_eq!(ring.value(&ring.as_role, "SELECT count(*) FROM docs").await, "2");
    ring.end().await;
}

#[tokio::test]
async fn a_role_sees_its_own_rows_and_nobody_is_mistaken_for_it() {
    let ring = Ring::with(POLICIES).await;
    let (all, own) = (json!("2"), json!("1"));
    let count = "SELECT count(*) FROM docs";
    for time in 1..=4 {
        for (key, expected) in
            [(ring.proxy.key(), &all), (&ring.as_role, &own), (&ring.read_only, &all), (&ring.as_role_read_only, &own)]
        {
            assert_eq!(&ring.value(key, count).await, expected, "time {time}");
            let results = ring.ask_batch(key, &["SELECT 1", count]).await.expect(200);
            assert_eq!(&results.body["results"][1]["rows"][0]["count"], expected, "time {time}");
            // The search path's "$user" is another schema for each.
            let places = ring.value(key, "SELECT own FROM places").await;
            assert_eq!(places, json!(expected == &own), "time {time}");
        }
    }
    let refused = ring.ask(&ring.as_role, "INSERT INTO docs (owner) VALUES ('somebody')").await.expect(400);
    assert_eq!(refused.body["code"], "42501");
    ring.end().await;
}

#[tokio::test]
async fn an_answer_cached_for_one_is_not_given_to_another() {
    let ring = Ring::with(POLICIES).await;
    for _ in 0..3 {
        for (key, expected) in [(ring.proxy.key(), "2"), (&ring.as_role, "1"), (&ring.read_only, "2")] {
            let request = ring.proxy.request("POST", "/sql").bearer(key).header("cache-control", "max-age=60");
            let answer = request.json(&json!({ "query": "SELECT count(*) AS n FROM docs" })).send().await.expect(200);
            assert_eq!(answer.body["rows"], json!([{ "n": expected }]), "{}", answer.header("cache-status"));
        }
    }
    ring.end().await;
}

#[tokio::test]
async fn a_role_is_assumed_again_after_everything_was_deallocated() {
    let ring = Ring::plain().await;
    for loss in ["DEALLOCATE ALL", "DISCARD ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"] {
        for time in 1..=3 {
            for key in [&ring.as_role, &ring.read_only] {
                let answer = ring.ask(key, "SELECT count(*) FROM docs").await;
                assert_eq!(answer.status, 200, "after {loss}, time {time}: {}", answer.text);
                let answer = ring.ask_batch(key, &["SELECT 1", "SELECT count(*) FROM docs"]).await;
                assert_eq!(answer.status, 200, "after {loss}, time {time}: {}", answer.text);
                ring.ask(ring.proxy.key(), loss).await.expect(200);
            }
        }
    }
    ring.end().await;
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_the_operators_fault_and_runs_nothing() {
    let ring = Ring::with("ALTER ROLE ROLE_NAME RENAME TO ROLE_NAME_2").await;
    for _ in 0..3 {
        for queries in [vec!["DELETE FROM docs"], vec!["SELECT 1", "DELETE FROM docs"]] {
            let answer = match queries.as_slice() {
                [query] => ring.ask(&ring.as_role, query).await,
                queries => ring.ask_batch(&ring.as_role, queries).await,
            };
            assert!(answer.status.is_server_error(), "{} {}", answer.status, answer.text);
            assert!(!answer.text.contains(&ring.role), "{}", answer.text);
        }
        assert_eq!(ring.value(ring.proxy.key(), "SELECT count(*) FROM docs").await, "2");
    }
    ring.database.batch(&format!("ALTER ROLE {0}_2 RENAME TO {0}", ring.role)).await;
    assert_eq!(ring.value(&ring.as_role, "SELECT current_user::text").await, ring.role.as_str());
    ring.end().await;
}

#[tokio::test]
async fn the_reason_names_what_is_refused_and_no_value() {
    let ring = Ring::plain().await;
    let body = json!({ "query": "SELECT set_config('role', $1, true)", "params": ["secret-parameter"] });
    let refused = ring.send(&ring.as_role, &body).await.expect(403);
    assert!(refused.text.contains("set_config") && !refused.text.contains("secret-parameter"), "{}", refused.text);
    let refused = ring.ask(&ring.as_role, "RESET ROLE").await.expect(403);
    assert!(refused.text.contains("utility"), "{}", refused.text);
    assert_eq!(refused.body.get("code"), None::<&Value>);
    ring.end().await;
}

#[tokio::test]
async fn a_read_only_key_gets_read_only_batches_whatever_it_asks_for() {
    let ring = Ring::plain().await;
    for isolation in ["ReadCommitted", "RepeatableRead", "Serializable"] {
        let request = ring.proxy.request("POST", "/sql").bearer(&ring.read_only);
        let request = request.header("neon-batch-read-only", "false").header("neon-batch-isolation-level", isolation);
        let body = json!({ "queries": [{ "query": "SELECT current_setting('transaction_read_only') AS ro, current_setting('transaction_isolation') AS level" }] });
        let answer = request.json(&body).send().await.expect(200);
        let level = answer.body["results"][0]["rows"][0]["level"].as_str().unwrap_or_default().replace(' ', "");
        assert_eq!((&answer.body["results"][0]["rows"][0]["ro"], level), (&json!("on"), isolation.to_lowercase()));
    }
    ring.end().await;
}

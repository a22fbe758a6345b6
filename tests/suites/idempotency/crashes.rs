//! What is lost between the COMMIT and its answer, on any of its ways, has happened once.

use harness::{Database, Proxy, Relay, Way, eventually, fresh_database, random_hex};
use serde_json::{Value, json};

use super::{GATE, GATED, INSERT, TABLE, count, insert, is_repeated, keyed};
use crate::sql::served::{Served, batch};

/// What stands in the database, past every proxy.
async fn rows(database: &Database) -> i64 {
    database.client().await.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

/// How many COMMITs wait.
async fn gated(database: &Database) -> i64 {
    database.client().await.query_one(GATED, &[]).await.unwrap().get(0)
}

fn bodies() -> [Value; 2] {
    [insert(), batch(&[INSERT, "SELECT count(*) FROM t"])]
}

#[tokio::test]
async fn a_proxy_that_is_killed_before_it_answers_has_done_it_once() {
    let database = fresh_database().await;
    database.batch(GATE).await;
    let relay = Relay::to(&database.url()).await;
    let key = random_hex(16);
    for (number, body) in bodies().iter().enumerate() {
        let name = format!("k{number}");
        let mut proxy = Proxy::builder().through(&relay, &database).key(key.as_str()).start().await;
        let gate = database.client().await;
        gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let lost = tokio::spawn(keyed(&proxy, &name, body).try_send());
        eventually(|| async { gated(&database).await == 1 }).await;
        // The COMMIT is on its way, and nothing of it comes back.
        relay.stall(Way::Back);
        let before = rows(&database).await;
        gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        eventually(|| async { rows(&database).await == before + 1 }).await;
        proxy.kill();
        assert!(lost.await.unwrap().is_err());
        relay.forward();
        let other = Proxy::builder().database(&database).key(key.as_str()).start().await;
        let again = keyed(&other, &name, body).send().await.expect(200);
        assert!(is_repeated(&again), "{}", again.text);
        assert!(again.text.contains("\"rowCount\":1"), "{}", again.text);
        assert_eq!(rows(&database).await, before + 1);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_known_to_whoever_asks_again() {
    let database = fresh_database().await;
    database.batch(GATE).await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().through(&relay, &database).start().await;
    for has_committed in [true, false] {
        for (number, body) in bodies().iter().enumerate() {
            let name = format!("{has_committed}-{number}");
            let gate = database.client().await;
            gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
            let lost = tokio::spawn(keyed(&proxy, &name, body).send());
            eventually(|| async { gated(&database).await == 1 }).await;
            let before = rows(&database).await;
            if has_committed {
                relay.stall(Way::Back);
                gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
                eventually(|| async { rows(&database).await == before + 1 }).await;
                relay.reset().await;
                relay.forward();
            } else {
                let end = GATED.replace("count(*)", "pg_terminate_backend(pid)");
                gate.batch_execute(&end).await.unwrap();
                gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
            }
            assert_eq!(lost.await.unwrap().expect(502).body["outcome"], "unknown");
            let again = eventually(|| async {
                let again = keyed(&proxy, &name, body).send().await;
                if again.status == 200 { Ok(again) } else { Err(again) }
            })
            .await;
            assert_eq!(is_repeated(&again), has_committed, "{}", again.text);
            assert_eq!(rows(&database).await, before + 1);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_its_way_to_the_client_is_given_again() {
    let served = Served::after(TABLE).await;
    let relay = Relay::to(served.proxy.url()).await;
    let url = format!("{}/sql", relay.url(served.proxy.url()));
    for (number, body) in bodies().iter().enumerate() {
        let name = format!("k{number}");
        let before = rows(&served.database).await;
        relay.stall(Way::Back);
        let request = harness::Request::to("POST", url.as_str()).bearer(served.proxy.key()).json(body);
        let lost = tokio::spawn(request.header("Idempotency-Key", &name).try_send());
        eventually(|| async { rows(&served.database).await == before + 1 }).await;
        relay.reset().await;
        assert!(lost.await.unwrap().is_err());
        relay.forward();
        let again = eventually(|| async {
            let again = keyed(&served.proxy, &name, body).send().await;
            if again.status == 200 { Ok(again) } else { Err(again) }
        })
        .await;
        assert!(is_repeated(&again));
        assert_eq!(rows(&served.database).await, before + 1);
    }
}

#[tokio::test]
async fn a_client_that_leaves_early_and_comes_again_has_done_it_once() {
    let served = Served::after(GATE).await;
    let gate = served.database.client().await;
    for (number, body) in [
        batch(&[INSERT, "SELECT pg_advisory_xact_lock_shared(7)"]),
        json!({ "query": "INSERT INTO t (a) SELECT 1 FROM pg_advisory_xact_lock_shared(7) RETURNING id" }),
        insert(),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("k{number}");
        gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let left = tokio::spawn(keyed(&served.proxy, &name, body).try_send());
        eventually(|| async { served.postgres(GATED).await == "1" }).await;
        left.abort();
        let _ = left.await;
        gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        let first = eventually(|| async {
            let answer = keyed(&served.proxy, &name, body).send().await;
            if answer.status == 200 { Ok(answer) } else { Err(answer) }
        })
        .await;
        super::repeats(&served.proxy, &name, body, &first).await;
        assert_eq!(count(&served).await, (number + 1).to_string());
    }
}

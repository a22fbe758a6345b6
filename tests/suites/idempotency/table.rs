//! The table itself: who makes it, how it is emptied.

use harness::{Proxy, eventually, fresh_database};
use serde_json::json;

use super::{INSERT, TABLE, count, insert, is_repeated, keyed, repeats};
use crate::config::{printed, run};
use crate::sql::served::{Served, batch};

#[tokio::test]
async fn an_expired_key_is_free() {
    let served = Served::after(TABLE).await;
    let body = batch(&[INSERT]);
    for run in 1..=3 {
        let first = keyed(&served.proxy, "k", &body).send().await.expect(200);
        assert!(!is_repeated(&first));
        repeats(&served.proxy, "k", &body, &first).await;
        assert_eq!(count(&served).await, run.to_string());
        // An hour more than a day later.
        let kept = "SELECT (expires_at - created_at = interval '24 hours')::text FROM pool_proxy.idempotency";
        assert_eq!(served.postgres(kept).await, "true");
        served.database.batch("UPDATE pool_proxy.idempotency SET expires_at = expires_at - interval '25 hours'").await;
    }
    // Also for another request.
    keyed(&served.proxy, "k", &insert()).send().await.expect(200);
}

#[tokio::test]
async fn a_row_without_an_outcome_is_worth_nothing() {
    let served = Served::after(TABLE).await;
    keyed(&served.proxy, "k", &insert()).send().await.expect(200);
    served.database.batch("UPDATE pool_proxy.idempotency SET outcome = NULL").await;
    let anew = keyed(&served.proxy, "k", &insert()).send().await.expect(200);
    assert!(!is_repeated(&anew));
    repeats(&served.proxy, "k", &insert(), &anew).await;
    assert_eq!(count(&served).await, "2");
}

#[tokio::test]
async fn expired_keys_are_deleted_behind_others() {
    let served = Served::after(TABLE).await;
    keyed(&served.proxy, "k", &insert()).send().await.expect(200);
    served
        .database
        .batch(
            "INSERT INTO pool_proxy.idempotency SELECT scope, n::text, request, outcome, created_at, now() - interval '1 hour'
               FROM pool_proxy.idempotency, generate_series(1, 2500) n",
        )
        .await;
    // One that has just begun sweeps with its first.
    let other = Proxy::builder().database(&served.database).key(served.proxy.key()).start().await;
    let expired = "SELECT count(*) FROM pool_proxy.idempotency WHERE expires_at < now()";
    for (number, left) in ["1500", "500", "0"].iter().enumerate() {
        assert!(!is_repeated(&keyed(&other, &format!("s{number}"), &insert()).send().await.expect(200)));
        eventually(|| async { served.postgres(expired).await == *left }).await;
    }
    // What has not expired is there.
    assert!(is_repeated(&keyed(&served.proxy, "k", &insert()).send().await.expect(200)));
    assert_eq!(served.postgres("SELECT count(*) FROM pool_proxy.idempotency").await, "4");
}

#[tokio::test]
async fn a_table_that_is_dropped_is_made_again() {
    let served = Served::on_one_connection(TABLE).await;
    for run in 1..=3 {
        assert!(!is_repeated(&keyed(&served.proxy, "k", &insert()).send().await.expect(200)));
        assert_eq!(count(&served).await, run.to_string());
        assert!(is_repeated(&keyed(&served.proxy, "k", &insert()).send().await.expect(200)));
        let drop = if run == 1 { "DROP TABLE pool_proxy.idempotency" } else { "DROP SCHEMA pool_proxy CASCADE" };
        served.database.batch(drop).await;
    }
}

#[tokio::test]
async fn two_proxies_make_it_at_once() {
    for _ in 0..3 {
        let served = Served::after(TABLE).await;
        let other = Proxy::builder().database(&served.database).key(served.proxy.key()).start().await;
        let sent = (0..8).map(|number| {
            let proxy = if number % 2 == 0 { &served.proxy } else { &other };
            keyed(proxy, &format!("k{number}"), &insert()).send()
        });
        for answer in futures_util::future::join_all(sent).await {
            answer.expect(200);
        }
        assert_eq!(count(&served).await, "8");
    }
}

#[tokio::test]
async fn a_role_without_the_right_says_what_is_to_be_done() {
    let database = fresh_database().await;
    let role = format!("{}_app", database.name());
    let setup = format!("CREATE ROLE {role} LOGIN PASSWORD 'app'; {TABLE}; GRANT ALL ON t TO {role}");
    database.batch(&setup).await;
    let proxy = Proxy::builder().database_url(database.url_as(&role, "app")).start().await;
    for body in [insert(), batch(&[INSERT])] {
        for _ in 0..2 {
            let refused = keyed(&proxy, "k", &body).send().await.expect(501);
            assert!(refused.text.contains("pool-proxy coherence apply"), "{}", refused.text);
            assert!(!refused.text.contains(&role), "{}", refused.text);
        }
    }
    let rows = json!({ "query": "SELECT count(*)::int AS n FROM t" });
    assert_eq!(proxy.sql(rows.clone()).await.expect(200).body["rows"][0]["n"], 0);
    // A schema of its own is enough.
    database.batch(&format!("CREATE SCHEMA pool_proxy AUTHORIZATION {role}")).await;
    let first = keyed(&proxy, "k", &insert()).send().await.expect(200);
    repeats(&proxy, "k", &insert(), &first).await;
    assert_eq!(proxy.sql(rows).await.expect(200).body["rows"][0]["n"], 1);
    drop(proxy);
    database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn the_command_makes_it_and_removes_it() {
    let served = Served::after(TABLE).await;
    let url = served.database.url();
    let coherence = |what: &str| {
        let answer = run(&["coherence", what], &[("DATABASE_URL", &url), ("POOL_PROXY_KEY", "a key of the tests")]);
        let (out, err) = printed(&answer);
        assert!(answer.status.success(), "{out}{err}");
        out
    };
    let there = "SELECT (to_regclass('pool_proxy.idempotency') IS NOT NULL)::text";
    assert!(coherence("plan").contains("CREATE TABLE IF NOT EXISTS pool_proxy.idempotency"));
    assert_eq!(served.postgres(there).await, "false");
    coherence("apply");
    assert_eq!(served.postgres(there).await, "true");
    assert!(coherence("plan").contains("nothing is to be done"));
    let first = keyed(&served.proxy, "k", &insert()).send().await.expect(200);
    repeats(&served.proxy, "k", &insert(), &first).await;
    coherence("remove");
    assert_eq!(served.postgres(there).await, "false");
}

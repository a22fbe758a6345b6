//! Where the changes of a database cannot be followed: answers are kept for a time as always, everybody is told, and nothing
//! fails.

use std::time::Duration;

use harness::{Postgres, Signal, eventually_within};
use serde_json::json;
use tokio_postgres::Client;

use super::bench::{auto, cluster, connect, root_url, status, url};
use super::command::{attempt, coherence};

const SLOTS: &str = "SELECT pg_create_physical_replication_slot('s' || n)
    FROM generate_series(1, current_setting('max_replication_slots')::int) n";

/// A proxy serves, and says what it lacks once; so does `check`.
async fn is_told(postgres: &Postgres, log: &str, check: &str) {
    let proxy = auto(postgres).start().await;
    let said = "answers are not kept until they change: ";
    eventually_within(Duration::from_secs(20), || async {
        let text = proxy.stderr();
        if text.contains(said) && text.contains(log) { Ok(()) } else { Err(text) }
    })
    .await;
    let body = json!({ "query": "SELECT n FROM words" });
    let mut words = Vec::new();
    for _ in 0..20 {
        words.push(status(&proxy.sql(body.clone()).await.expect(200)));
        if words.len() < 3 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let allowed = ["pool-proxy; fwd=bypass; detail=unseen", "pool-proxy; fwd=bypass; detail=incoherent"];
    assert!(words.iter().all(|word| allowed.contains(&word.as_str())), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some(allowed[1]));
    let timed = || proxy.sql_request(&body).header("cache-control", "max-age=60").send();
    assert_eq!(status(&timed().await.expect(200)), "pool-proxy; fwd=miss; stored");
    assert!(status(&timed().await.expect(200)).starts_with("pool-proxy; hit; ttl="));
    let text = proxy.stderr();
    assert_eq!(text.matches(said).count(), 1, "{text}");
    assert!(text.contains("pool-proxy check"), "{text}");
    let (checked, _, _) = attempt(&["check"], &url(postgres));
    assert!(checked.contains(check), "{checked}");
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

#[tokio::test]
async fn what_is_missing_is_told_and_nothing_fails() {
    let postgres = cluster().await;
    let (root, url) = (connect(&root_url(&postgres)).await, url(&postgres));
    run(&connect(&url).await, "CREATE TABLE words (id int PRIMARY KEY, n int); INSERT INTO words VALUES (1, 0)").await;

    let log = "no publication named pool_proxy";
    is_told(&postgres, log, "there is no publication pool_proxy: run `pool-proxy coherence apply`").await;
    coherence("apply", &url);

    run(&root, "ALTER ROLE app NOREPLICATION").await;
    is_told(&postgres, "replication", "the role may not replicate: ALTER ROLE ... REPLICATION").await;
    let (_, err, code) = attempt(&["coherence", "apply"], &url);
    assert!(code == Some(1) && err.contains("the role may not replicate"), "{err}");
    run(&root, "ALTER ROLE app REPLICATION").await;

    root.query(SLOTS, &[]).await.unwrap();
    is_told(&postgres, "all replication slots are in use", "raise max_replication_slots").await;
    root.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots", &[]).await.unwrap();

    run(&root, "ALTER SYSTEM SET wal_level = replica").await;
    postgres.go_down(Signal::Interrupt).unwrap();
    postgres.come_back().unwrap();
    is_told(&postgres, "wal_level", "wal_level is not logical: set it").await;
    let (_, err, code) = attempt(&["coherence", "apply"], &url);
    assert!(code == Some(1) && err.contains("wal_level is not logical"), "{err}");
    coherence("remove", &url);
}

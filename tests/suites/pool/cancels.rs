//! Cancels hit whom they are meant for, and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use harness::eventually;
use serde_json::json;

use super::cap::Census;
use crate::sql::served::{ADVISORY_LOCKS, Served};

const LIMITS: &str = "[limits]\nquery = \"1s\"\nqueue = \"60s\"\ntransaction = \"20s\"";

#[tokio::test]
async fn a_storm_of_them_hits_no_other_query() {
    let setup = "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)";
    let served = Served::with(setup, |proxy| proxy.config(LIMITS).env("POOL_PROXY_POOL_MAX", "6")).await;
    let served = Arc::new(served);
    let over = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..6)
        .map(|number| {
            let (served, over) = (Arc::clone(&served), Arc::clone(&over));
            tokio::spawn(async move {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer = match number % 3 {
                        0 => {
                            served
                                .proxy
                                .sql(json!({ "query": "SELECT a FROM t WHERE a = $1", "params": [number] }))
                                .await
                        }
                        1 => served.ask_batch(&["SELECT 1", "SELECT count(*) FROM t", "SELECT 2"]).await,
                        _ => served.ask(&format!("SELECT set_config('app.number', '{number}', true)")).await,
                    };
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let slow: Vec<_> = (0..100)
        .map(|number| {
            let served = Arc::clone(&served);
            // Some end by themselves at about the time when they are cancelled.
            let seconds = [60.0, 1.0, 1.001, 0.999][number % 4];
            tokio::spawn(async move { served.ask(&format!("SELECT pg_sleep({seconds}) -- {}", number % 2)).await })
        })
        .collect();
    for request in slow {
        let answer = request.await.unwrap();
        assert!([200, 504].contains(&answer.status.as_u16()), "{} {}", answer.status, answer.text);
    }
    over.store(true, Ordering::Relaxed);
    for other in others {
        assert!(other.await.unwrap() > 0, "every one of the others was served");
    }
}

#[tokio::test]
async fn a_cancelled_request_leaves_a_clean_connection() {
    let served = Served::with("", |proxy| proxy.config(LIMITS).env("POOL_PROXY_POOL_MAX", "1")).await;
    let backend = served.value("SELECT pg_backend_pid()").await;
    for time in 1..=3 {
        for queries in [
            vec!["SELECT pg_advisory_lock(1), pg_sleep(60)"],
            vec!["SELECT pg_advisory_lock(1)", "SELECT pg_sleep(60)"],
            vec!["SELECT pg_advisory_lock(1)", "SET app.tenant = 'x'", "SELECT pg_sleep(60)", "SELECT 1"],
        ] {
            let answer = served.ask_batch(&queries).await;
            assert_eq!(answer.status, 504, "{queries:?}: {}", answer.text);
            assert_eq!(
                served.value("SELECT coalesce(current_setting('app.tenant', true), '')").await,
                "",
                "time {time}"
            );
            assert_eq!(served.value(ADVISORY_LOCKS).await, "0", "{queries:?}, time {time}");
        }
    }
    assert_eq!(served.value("SELECT pg_backend_pid()").await, backend, "a cancel need not cost the connection");
}

#[tokio::test]
async fn a_hundred_who_leave_at_once_hurt_nobody() {
    let setup = "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)";
    let config = "[limits]\nquery = \"60s\"\nqueue = \"60s\"\ntransaction = \"60s\"";
    let served = Served::with(setup, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "6")).await;
    let served = Arc::new(served);
    let census = Census::of(&served.database).await;
    let over = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..4)
        .map(|number| {
            let (served, over) = (Arc::clone(&served), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = if number % 2 == 0 {
                        served.ask("SELECT count(*) FROM t").await
                    } else {
                        served.ask_batch(&["SELECT 1", "SELECT sum(a) FROM t"]).await
                    };
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            })
        })
        .collect();
    for round in 0..10 {
        let leaving: Vec<_> = (0..100)
            .map(|number| {
                let served = Arc::clone(&served);
                // Some of them are over at about the time when their clients leave.
                let sleep = format!("SELECT pg_sleep({})", [60.0, 0.02, 0.05][number % 3]);
                tokio::spawn(async move {
                    if number % 2 == 0 {
                        served.ask(&sleep).await
                    } else {
                        served.ask_batch(&["SELECT 1", &sleep]).await
                    }
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(50 + 10 * round)).await;
        for client in &leaving {
            client.abort();
        }
    }
    over.store(true, Ordering::Relaxed);
    for other in others {
        other.await.unwrap();
    }
    // The pool is whole: as many at once as there may be.
    let at_once = join_all((0..6).map(|_| served.ask("SELECT pg_sleep(0.1)"))).await;
    assert!(at_once.iter().all(|answer| answer.status == 200));
    eventually(|| async { served.metric("pool_proxy_pool_waiting").await < 1.0 }).await;
    assert!(census.most().await <= 6);
}

//! Several at once with the same key, at one proxy and at two.

use futures_util::future::join_all;
use harness::{Proxy, eventually};
use serde_json::{Value, json};

use super::{GATE, GATED, INSERT, TABLE, count, insert, is_repeated, keyed, repeats};
use crate::sql::served::{Served, batch};

#[tokio::test]
async fn while_the_first_runs_the_others_are_told_so_and_hold_nothing() {
    let served = Served::with(GATE, |proxy| proxy.env("POOL_PROXY_POOL_MAX", "2")).await;
    let gate = served.database.client().await;
    for (number, body) in [insert(), batch(&[INSERT, INSERT])].iter().enumerate() {
        let key = format!("k{number}");
        gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let first = tokio::spawn(keyed(&served.proxy, &key, body).send());
        eventually(|| async { served.postgres(GATED).await == "1" }).await;
        for body in [body, &json!({ "query": "SELECT nextval('t_id_seq')" })] {
            for _ in 0..5 {
                let refused = keyed(&served.proxy, &key, body).send().await.expect(409);
                assert!(refused.text.contains("still runs"), "{}", refused.text);
                assert_eq!(refused.header("retry-after"), "1");
            }
        }
        // Another key is another matter.
        served.run("SELECT 1").await;
        gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        let first = first.await.unwrap().expect(200);
        assert!(!is_repeated(&first));
        repeats(&served.proxy, &key, body, &first).await;
    }
    assert_eq!(count(&served).await, "3");
}

/// All of them at once, half of them at each; one has run, and the others were told so or are given its answer.
async fn storm(proxies: [&Proxy; 2], key: &str, body: &Value, isolation: &str) {
    let sent = (0..16).map(|number| {
        let request = keyed(proxies[number % 2], key, body).header("neon-batch-isolation-level", isolation);
        request.send()
    });
    let answers = join_all(sent).await;
    let ran: Vec<_> = answers.iter().filter(|answer| answer.status == 200 && !is_repeated(answer)).collect();
    let [first] = ran[..] else { panic!("{} have run: {answers:?}", ran.len()) };
    for answer in &answers {
        match answer.status.as_u16() {
            200 => assert_eq!(answer.bytes, first.bytes),
            409 => {}
            other => panic!("{other}: {}", answer.text),
        }
    }
    for proxy in proxies {
        let again = keyed(proxy, key, body).header("neon-batch-isolation-level", isolation).send().await.expect(200);
        assert!(is_repeated(&again));
        assert_eq!(again.bytes, first.bytes);
    }
}

#[tokio::test]
async fn of_many_at_two_proxies_one_runs() {
    let served = Served::after(TABLE).await;
    let other = Proxy::builder().database(&served.database).key(served.proxy.key()).start().await;
    let slow = batch(&[INSERT, "SELECT pg_sleep(0.02)"]);
    let quick = batch(&[INSERT]);
    let mut runs = 0;
    for isolation in ["ReadCommitted", "RepeatableRead", "Serializable"] {
        for (name, body) in [("slow", &slow), ("quick", &quick), ("one", &insert())] {
            for round in 0..6 {
                storm(
                    [&served.proxy, &other],
                    &format!("{isolation} {name} {round}").replace(' ', "-"),
                    body,
                    isolation,
                )
                .await;
                runs += 1;
                assert_eq!(count(&served).await, runs.to_string());
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_from_before_the_first_ended_hides_nothing() {
    let served = Served::on_one_connection(TABLE).await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let lock = served.database.client().await;
    for isolation in ["ReadCommitted", "RepeatableRead", "Serializable"] {
        let body = batch(&[INSERT]);
        let send = |key: &str| keyed(&served.proxy, key, &body).header("neon-batch-isolation-level", isolation).send();
        let other = format!("other-{isolation}");
        let first = send(&other).await.expect(200);
        let before = count(&served).await;
        // Its snapshot is taken before it waits for this lock, and it has no key yet.
        lock.batch_execute("BEGIN; LOCK TABLE pool_proxy.idempotency IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
        let second = tokio::spawn(send(isolation));
        eventually(|| async { served.postgres(waiting).await == "1" }).await;
        // As if the first came to its end now: the same request of the same principal.
        let ends = format!(
            "INSERT INTO pool_proxy.idempotency SELECT scope, '{isolation}', request, outcome, created_at, expires_at
               FROM pool_proxy.idempotency WHERE key = '{other}'; COMMIT"
        );
        lock.batch_execute(&ends).await.unwrap();
        let answer = second.await.unwrap().expect(200);
        assert!(is_repeated(&answer));
        assert_eq!(answer.bytes, first.bytes);
        assert_eq!(count(&served).await, before);
    }
}

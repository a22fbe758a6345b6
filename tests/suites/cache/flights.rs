//! Equal requests in flight run once, and nobody's leaving hurts the others.

use std::time::Duration;

use harness::{Answer, Request, eventually};
use serde_json::json;
use tokio::task::JoinHandle;

use super::bench::{Bench, LONG, QUERY, STORED, status, ttl, word};

const COLLAPSED: &str = "pool-proxy; fwd=miss; collapsed";

fn send(count: usize, request: &Request) -> Vec<JoinHandle<Answer>> {
    (0..count).map(|_| tokio::spawn(request.clone().send())).collect()
}

async fn answers(sent: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = vec![];
    for task in sent {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn fifty_equal_requests_run_one_query() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let sent = send(50, &bench.request(QUERY, LONG));
    lock.held_up(1).await;
    // Room for fifty more, if each ran its own.
    let others = send(5, &bench.request("SELECT word AS other FROM words", LONG));
    lock.held_up(2).await;
    lock.release().await;
    let answers = answers(sent).await;
    let said: Vec<String> = answers.iter().map(status).collect();
    assert_eq!(said.iter().filter(|said| *said == STORED).count(), 1, "{said:?}");
    assert!(said.iter().any(|said| said == COLLAPSED), "{said:?}");
    for answer in &answers {
        // Whoever came to the listener only after the landing has a hit.
        let shared = [STORED, COLLAPSED].contains(&status(answer).as_str()) || ttl(answer).is_some();
        assert!(shared, "{}", status(answer));
        assert_eq!(answer.bytes, answers[0].bytes);
        assert_eq!(word(answer), "old");
    }
    for other in others {
        other.await.unwrap().expect(200);
    }
    assert_eq!(bench.metric(r#"pool_proxy_queries_total{database="default",result="ok"}"#).await, 2);
}

#[tokio::test]
async fn requests_that_do_not_ask_for_caching_are_not_collapsed() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let sent = send(3, &bench.proxy.sql_request(&json!({ "query": QUERY })));
    lock.held_up(3).await;
    lock.release().await;
    for answer in answers(sent).await {
        assert_eq!(status(&answer), "");
    }
}

#[tokio::test]
async fn a_refresh_that_a_client_asks_for_joins_nobody() {
    let bench = Bench::start().await;
    bench.store().await;
    let lock = bench.lock().await;
    let sent = send(2, &bench.request(QUERY, "no-cache, max-age=600"));
    lock.held_up(2).await;
    lock.release().await;
    for answer in answers(sent).await {
        assert_eq!(status(&answer), "pool-proxy; fwd=request; stored");
    }
}

#[tokio::test]
async fn a_leader_that_leaves_takes_nobody_along() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let leader = send(1, &bench.request(QUERY, LONG));
    lock.held_up(1).await;
    let followers = send(10, &bench.request(QUERY, LONG));
    leader[0].abort();
    lock.run("UPDATE words SET word = 'new'").await;
    lock.release().await;
    for answer in answers(followers).await {
        assert_eq!(word(&answer.expect(200)), "new");
    }
}

#[tokio::test]
async fn when_all_have_left_the_query_is_cancelled() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let sent = send(3, &bench.request(QUERY, LONG));
    lock.held_up(1).await;
    for task in &sent {
        task.abort();
    }
    // The lock is still held: nothing but a cancel ends the wait.
    lock.held_up(0).await;
    lock.release().await;
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn the_tags_of_followers_are_added() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let leader = send(1, &bench.request(QUERY, LONG).header("cache-tag", "a"));
    lock.held_up(1).await;
    let followers = send(5, &bench.request(QUERY, LONG).header("cache-tag", "b"));
    lock.release().await;
    answers(leader).await;
    answers(followers).await;
    bench.invalidate(&json!(["b"])).await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn an_error_is_told_to_all_and_stored_for_nobody() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let sent = send(10, &bench.request(QUERY, LONG));
    lock.held_up(1).await;
    lock.run("ALTER TABLE words RENAME TO gone").await;
    lock.release().await;
    for answer in answers(sent).await {
        assert_eq!(answer.expect(400).body["code"], "42P01");
    }
    bench.database.batch("ALTER TABLE gone RENAME TO words").await;
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

const ENDING: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE wait_event_type = 'Lock' AND datname = current_database()";

#[tokio::test]
async fn a_leader_whose_connection_is_ended_takes_nobody_along() {
    let bench = Bench::start().await;
    let lock = bench.lock().await;
    let leader = send(1, &bench.request(QUERY, LONG));
    lock.held_up(1).await;
    let followers = send(10, &bench.request(QUERY, LONG));
    tokio::time::sleep(Duration::from_millis(100)).await;
    lock.run(ENDING).await;
    for leader in answers(leader).await {
        // Postgres said so, and nothing was run.
        leader.expect(503);
    }
    // One of them leads now, and the others follow it.
    lock.held_up(1).await;
    lock.release().await;
    let answers = answers(followers).await;
    assert!(answers.iter().any(|answer| status(answer) == COLLAPSED));
    for answer in answers {
        assert_eq!(word(&answer.expect(200)), "old");
    }
}

/// The leader has waited for as long as it may; those who came after it have not.
#[tokio::test]
async fn a_leader_that_waited_too_long_takes_nobody_along() {
    let settings = "[limits]\nqueue = \"4s\"\n[pool]\nmax = 1\n";
    let bench = Bench::with(|proxy| proxy.config(settings)).await;
    let lock = bench.lock().await;
    let occupant = send(1, &bench.request("SELECT word AS other FROM words", LONG));
    lock.held_up(1).await;
    let leader = send(1, &bench.request(QUERY, LONG));
    let waiting = r#"pool_proxy_pool_waiting{database="default"}"#;
    eventually(async || bench.metric(waiting).await == 1).await;
    // So that they still have time when the leader has none.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let followers = send(10, &bench.request(QUERY, LONG));
    for leader in answers(leader).await {
        leader.expect(503);
    }
    lock.release().await;
    for answer in answers(followers).await {
        assert_eq!(word(&answer.expect(200)), "old");
    }
    answers(occupant).await;
}

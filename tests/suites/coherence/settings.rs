//! Settings that Postgres gives to a session when it begins: those that were open before keep the old ones.

use harness::{Answer, eventually};

use super::bench::{Bench, value};
use crate::transactions::open::Open;

const SETUP: &str = "
    CREATE TABLE moments (id int PRIMARY KEY, at timestamptz); INSERT INTO moments VALUES (1, '2024-03-05 12:00:00+00');
    CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'here');
    CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.words (id int PRIMARY KEY, word text);
    INSERT INTO elsewhere.words VALUES (1, 'there')";
const AT: &str = "SELECT at::text FROM public.moments";
const WORD: &str = "SELECT word FROM words";

/// Each of them changes what one of the two answers is.
const CHANGES: [(&str, &str, &str); 6] = [
    ("ALTER DATABASE app SET timezone = 'Asia/Tokyo'", AT, "2024-03-05 21:00:00+09"),
    ("ALTER DATABASE app SET search_path = elsewhere", WORD, "there"),
    ("ALTER ROLE app SET datestyle = 'German'", AT, "05.03.2024 21:00:00 JST"),
    ("ALTER ROLE app IN DATABASE app SET timezone = 'UTC'", AT, "05.03.2024 12:00:00 UTC"),
    ("ALTER ROLE app RESET datestyle", AT, "2024-03-05 12:00:00+00"),
    ("ALTER DATABASE app RESET ALL", WORD, "here"),
];

async fn bench() -> Bench {
    let bench = Bench::after(SETUP).await;
    bench.run("ALTER PUBLICATION pool_proxy ADD TABLE elsewhere.words").await;
    bench.keep(AT).await;
    bench.keep(WORD).await;
    bench
}

/// At once, so that no connection is left out that could answer.
async fn many(bench: &Bench, query: impl Fn(usize) -> String) -> Vec<Answer> {
    let asking: Vec<_> = (0..30).map(|n| tokio::spawn(bench.request(&query(n)).send())).collect();
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap().expect(200));
    }
    answers
}

#[tokio::test]
async fn sessions_that_began_before_a_change_answer_no_more() {
    let bench = bench().await;
    for (change, read, now) in CHANGES {
        // As many connections as there may be.
        many(&bench, |n| format!("SELECT {n}, pg_sleep(0.02)")).await;
        bench.run(change).await;
        // Each is asked of the database, and nobody is refused meanwhile.
        eventually(|| async {
            let answers = many(&bench, |n| format!("{read} WHERE id < {}", 100 + n)).await;
            let wrong = answers.iter().map(value).find(|said| said != now);
            wrong.map_or(Ok(()), |said| Err((change, said)))
        })
        .await;
        eventually(|| async { bench.value(read).await == now }).await;
        assert_eq!(value(&bench.keep(read).await), now, "{change}");
    }
}

#[tokio::test]
async fn a_session_that_is_in_use_is_closed_when_it_comes_back() {
    let bench = bench().await;
    let transaction = Open::begin(&bench.proxy).await;
    let own = transaction.value("SELECT pg_backend_pid()").await;
    bench.run("ALTER DATABASE app SET timezone = 'Asia/Tokyo'").await;
    eventually(|| async { bench.value(AT).await == "2024-03-05 21:00:00+09" }).await;
    assert_eq!(transaction.value("SELECT pg_backend_pid()").await, own, "nobody's transaction is ended");
    assert_ne!(transaction.value("SELECT current_setting('TimeZone')").await, "Asia/Tokyo");
    transaction.end("commit").await.expect(200);
    let alive = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {own}");
    eventually(|| async { bench.postgres(&alive).await == "0" }).await;
    for answer in many(&bench, |n| format!("SELECT current_setting('TimeZone'), {n}")).await {
        assert_eq!(value(&answer), "Asia/Tokyo");
    }
}

#[tokio::test]
async fn what_is_set_for_the_whole_server_counts() {
    let bench = bench().await;
    let root = bench.root().await;
    let none = "SELECT count(*)::int FROM words WHERE (id = NULL) IS NOT NULL";
    for (value, expected) in [("on", 1), ("off", 0)] {
        bench.keep(none).await;
        root.batch_execute(&format!("ALTER SYSTEM SET transform_null_equals = {value}")).await.unwrap();
        root.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        eventually(|| async { bench.value(none).await == expected }).await;
    }
}

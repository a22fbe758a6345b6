//! Who has written sees it, at once: through the same proxy always, through another with a bookmark.

use harness::Proxy;
use serde_json::{Value, json};

use crate::transactions::open::Open;

use super::bench::{Bench, HIT, status, value};

const COUNTER: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int); INSERT INTO counter VALUES (1, 0), (2, 0);
    CREATE VIEW total AS SELECT sum(n)::int AS n FROM counter;
    CREATE TABLE mirrored (id int PRIMARY KEY, n int); INSERT INTO mirrored VALUES (1, 0);
    CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN UPDATE mirrored SET n = NEW.n; RETURN NEW; END';
    CREATE TABLE source (id int PRIMARY KEY, n int); INSERT INTO source VALUES (1, 0);
    CREATE TRIGGER mirror AFTER UPDATE ON source FOR EACH ROW EXECUTE FUNCTION mirror()";

const READS: [&str; 3] = ["SELECT n FROM counter WHERE id = 1", "SELECT n FROM total", "SELECT max(n) FROM counter"];

async fn send(proxy: &Proxy, body: Value, bookmark: &str) -> harness::Answer {
    let mut request = proxy.sql_request(&body);
    if !bookmark.is_empty() {
        request = request.header("pool-bookmark", bookmark);
    }
    request.send().await.expect(200)
}

#[tokio::test]
async fn a_read_behind_a_write_never_misses_it() {
    let bench = Bench::after(COUNTER).await;
    let mut hits = 0;
    for n in 1..=200 {
        let set = format!("UPDATE counter SET n = {n} WHERE id = 1");
        let body = match n % 4 {
            0 => json!({ "query": set }),
            1 => json!({ "query": "UPDATE counter SET n = $1 WHERE id = 1", "params": [n] }),
            2 => {
                json!({ "queries": [{ "query": "SELECT 1" }, { "query": "UPDATE counter SET n = $1 WHERE id = 1", "params": [n] }] })
            }
            _ => {
                json!({ "query": "WITH done AS (UPDATE counter SET n = $1 WHERE id = 1 RETURNING n) SELECT n FROM done", "params": [n] })
            }
        };
        let written = bench.proxy.sql(body).await.expect(200);
        assert_ne!(written.header("pool-bookmark"), "");
        for read in READS {
            for _ in 0..2 {
                let answer = bench.ask(read).await;
                assert_eq!(value(&answer), n, "{read}: {}", status(&answer));
                hits += usize::from(status(&answer) == HIT);
            }
        }
    }
    assert!(hits > 0, "nothing was kept, so nothing was shown");
}

#[tokio::test]
async fn what_a_trigger_writes_is_not_missed_either() {
    let bench = Bench::after(COUNTER).await;
    let mut hits = 0;
    for n in 1..=100 {
        bench.proxy.sql(json!({ "query": "UPDATE source SET n = $1", "params": [n] })).await.expect(200);
        for _ in 0..3 {
            let answer = bench.ask("SELECT n FROM mirrored").await;
            assert_eq!(value(&answer), n, "{}", status(&answer));
            hits += usize::from(status(&answer) == HIT);
        }
    }
    assert!(hits > 0);
}

#[tokio::test]
async fn what_leads_back_through_another_server_is_not_missed_either() {
    let bench = Bench::after(&format!(
        "{COUNTER}; CREATE FUNCTION act() RETURNS int LANGUAGE sql AS
           'UPDATE public.counter SET n = n + 1 WHERE id = 1 RETURNING n';
         CREATE VIEW acts AS SELECT act() AS n"
    ))
    .await;
    let server = format!(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw
           OPTIONS (host '127.0.0.1', port '{}', dbname 'app');
         CREATE USER MAPPING FOR app SERVER back OPTIONS (user 'app', password 'app'); GRANT USAGE ON FOREIGN SERVER back TO app",
        bench.postgres.port()
    );
    bench.root().await.batch_execute(&server).await.unwrap();
    bench
        .run(
            "CREATE FOREIGN TABLE far (id int, n int) SERVER back OPTIONS (table_name 'counter');
             CREATE FOREIGN TABLE far_acts (n int) SERVER back OPTIONS (table_name 'acts')",
        )
        .await;
    let mut hits = 0;
    for n in 1..=50 {
        bench.ask(&format!("UPDATE far SET n = {} WHERE id = 1", 2 * n - 1)).await;
        for n in [2 * n - 1, 2 * n] {
            for _ in 0..3 {
                let answer = bench.ask(READS[0]).await;
                assert_eq!(value(&answer), n, "{}", status(&answer));
                hits += usize::from(status(&answer) == HIT);
            }
            if n % 2 == 1 {
                bench.ask("SELECT n FROM far_acts").await;
            }
        }
    }
    assert!(hits > 0);
}

#[tokio::test]
async fn a_bookmark_holds_at_another_proxy() {
    let bench = Bench::after(COUNTER).await;
    let other = bench.another().await;
    let read = json!({ "query": READS[0], "arrayMode": true });
    let mut hits = 0;
    for n in 1..=200 {
        let (near, far) = if n % 2 == 0 { (&bench.proxy, &other) } else { (&other, &bench.proxy) };
        let body = json!({ "query": "UPDATE counter SET n = $1 WHERE id = 1", "params": [n] });
        let bookmark = send(near, body, "").await.header("pool-bookmark");
        for _ in 0..3 {
            let answer = send(far, read.clone(), &bookmark).await;
            assert_eq!(value(&answer), n, "{}", status(&answer));
            hits += usize::from(status(&answer) == HIT);
        }
    }
    assert!(hits > 0);
    let refused = bench.request(READS[0]).header("pool-bookmark", "yesterday").send().await.expect(400);
    assert!(refused.text.contains("Pool-Bookmark: a log sequence number is"), "{}", refused.text);
}

#[tokio::test]
async fn a_transaction_is_written_when_it_commits() {
    let bench = Bench::after(COUNTER).await;
    for n in 1..=30 {
        let open = Open::begin(&bench.proxy).await;
        open.value(&format!("UPDATE counter SET n = {n} WHERE id = 1 RETURNING n")).await;
        assert_eq!(bench.value(READS[0]).await, n - 1);
        open.end("commit").await.expect(200);
        assert_eq!(bench.value(READS[0]).await, n);
        assert_eq!(bench.value(READS[0]).await, n);
    }
}

#[tokio::test]
async fn what_no_stream_tells_is_told_to_other_proxies() {
    let bench = Bench::after(
        "CREATE TABLE part (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF part FOR VALUES FROM (0) TO (10);
         CREATE TABLE high PARTITION OF part FOR VALUES FROM (10) TO (100);
         CREATE VIEW shown AS SELECT 0 AS n;
         CREATE TABLE more (id int PRIMARY KEY); INSERT INTO more VALUES (1)",
    )
    .await;
    let other = bench.another().await;
    let ask = async |sql: &str, bookmark: &str| {
        send(&bench.proxy, json!({ "query": sql, "arrayMode": true }), bookmark).await
    };
    let (count, shown) = ("SELECT count(*)::int FROM part", "SELECT n FROM shown");
    for n in 1..=12 {
        bench.run("INSERT INTO low VALUES (1, 1) ON CONFLICT DO NOTHING").await;
        for sql in [count, shown] {
            bench.keep(sql).await;
        }
        let view = format!("CREATE OR REPLACE VIEW shown AS SELECT {n} AS n");
        match n % 3 {
            0 => {
                send(&other, json!({ "query": view }), "").await;
                send(&other, json!({ "query": "TRUNCATE low" }), "").await;
            }
            1 => {
                let batch =
                    json!({ "queries": [{ "query": "TRUNCATE low" }, { "query": view }, { "query": "SELECT 1" }] });
                send(&other, batch, "").await;
            }
            _ => {
                let open = Open::begin(&other).await;
                open.ask("TRUNCATE low").await.expect(200);
                open.ask(&view).await.expect(200);
                open.end("commit").await.expect(200);
            }
        }
        // With what the stream tells of, it passes what it does not.
        let bookmark = send(&other, json!({ "query": "UPDATE more SET id = id" }), "").await.header("pool-bookmark");
        for (sql, expected) in [(count, 0), (shown, n)] {
            let answer = ask(sql, &bookmark).await;
            assert_eq!(value(&answer), expected, "{sql}, turn {n}: {}", status(&answer));
        }
    }
}

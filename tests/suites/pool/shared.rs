//! Reads of several clients through one connection: each gets its own answer, and the rest of the world is as without.

use std::sync::Arc;
use std::time::Duration;

use harness::{Answer, Dice, Wire, eventually, key_entry, random_hex};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::sql::served::Served;

const SHARED: &str = "pool_proxy_shared_reads_total";

const SETUP: &str = "
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, about text NOT NULL);
INSERT INTO people SELECT n, 'name ' || n, repeat('x', n % 50) FROM generate_series(1, 1000) n;
CREATE TABLE counts (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counts SELECT n, 0 FROM generate_series(1, 64) n;
ANALYZE
";

const PERSON: &str = "SELECT id, name, about FROM people WHERE id = $1";
const QUOTIENT: &str = "SELECT 1000 / $1::int AS q";
/// Short or long, by its parameter.
const COUNT: &str = "SELECT $1::int AS id, (SELECT count(*)::int FROM generate_series(1, $2::int)) AS n";
const ROWS: &str = "SELECT n, name FROM generate_series(1, $1::int) n JOIN people ON id = $2 ORDER BY n";

async fn on(connections: usize, config: &str) -> Arc<Served> {
    let config = format!("[limits]\nqueue = \"60s\"\n{config}");
    let max = connections.to_string();
    Arc::new(Served::with(SETUP, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", max)).await)
}

fn person(id: usize) -> Value {
    json!({ "query": PERSON, "params": [id] })
}

fn check_person(id: usize, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = json!([{ "id": id, "name": format!("name {id}"), "about": "x".repeat(id % 50) }]);
    assert_eq!(answer.body["rows"], expected);
    assert_eq!((&answer.body["rowCount"], &answer.body["command"]), (&json!(1), &json!("SELECT")));
}

/// Many clients that do one thing after the other, each by its own number and dice.
async fn crowd<F>(clients: usize, act: impl Fn(usize, Dice) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut crowd = JoinSet::new();
    for number in 0..clients {
        crowd.spawn(act(number, Dice::new()));
    }
    while let Some(ended) = crowd.join_next().await {
        ended.unwrap();
    }
}

/// Twice is known, and once more is light.
async fn get_to_know(served: &Served) {
    for _ in 0..4 {
        for body in [
            person(1),
            json!({ "query": QUOTIENT, "params": [1] }),
            json!({ "query": COUNT, "params": [1, 1] }),
            json!({ "query": ROWS, "params": [1, 1] }),
        ] {
            served.proxy.sql(body).await.expect(200);
        }
    }
}

#[tokio::test]
async fn everybody_gets_their_own_answer_whatever_others_do() {
    let served = on(3, "").await;
    get_to_know(&served).await;
    let act = |number: usize, mut dice: Dice| {
        let served = Arc::clone(&served);
        async move {
            for _ in 0..100 {
                let id = dice.below(1000) + 1;
                match dice.below(12) {
                    0 => {
                        let query = "UPDATE counts SET n = n + 1 WHERE id = $1 RETURNING id";
                        let answer = served.proxy.sql(json!({ "query": query, "params": [number + 1] })).await;
                        assert_eq!(answer.expect(200).body["rows"], json!([{ "id": number + 1 }]));
                    }
                    1 => {
                        let queries =
                            json!({ "queries": [person(id), { "query": "SELECT $1::int AS n", "params": [id] }] });
                        let answer = served.proxy.sql(queries).await.expect(200);
                        assert_eq!(answer.body["results"][0]["rows"][0]["id"], id);
                        assert_eq!(answer.body["results"][1]["rows"], json!([{ "n": id }]));
                    }
                    2 => {
                        let by = dice.below(4);
                        let answer = served.proxy.sql(json!({ "query": QUOTIENT, "params": [by] })).await;
                        match by {
                            0 => assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("22012"))),
                            by => assert_eq!(answer.expect(200).body["rows"], json!([{ "q": 1000 / by }])),
                        }
                    }
                    3 => {
                        served.run("SELECT set_config('app.secret', 'x', false)").await;
                        let left = served.value("SELECT coalesce(current_setting('app.secret', true), '')").await;
                        assert_eq!(left, "");
                    }
                    4 => {
                        let count = dice.below(300);
                        let answer =
                            served.proxy.sql(json!({ "query": ROWS, "params": [count, id] })).await.expect(200);
                        let rows = answer.body["rows"].as_array().unwrap();
                        assert_eq!((rows.len(), &answer.body["rowCount"]), (count, &json!(count)));
                        for (index, row) in rows.iter().enumerate() {
                            assert_eq!(*row, json!({ "n": index + 1, "name": format!("name {id}") }));
                        }
                    }
                    5 => {
                        // Leaves before it is answered.
                        let mut client = Wire::open(&served.proxy).await;
                        client.send(&person(id)).await;
                        tokio::time::sleep(Duration::from_micros(dice.bits() % 3000)).await;
                    }
                    _ => check_person(id, &served.proxy.sql(person(id)).await),
                }
            }
        }
    };
    crowd(40, act).await;
    assert!(served.metric(SHARED).await > 100.0);
    // All connections are in order, and free.
    for id in 1..=30 {
        check_person(id, &served.proxy.sql(person(id)).await);
    }
    let stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pool-proxy' \
        AND state <> 'idle'";
    eventually(|| async { served.postgres(stuck).await == "0" }).await;
    eventually(|| async {
        let connections = async |state: &str| {
            served.metric(&format!("pool_proxy_pool_connections{{database=\"default\",state=\"{state}\"}}")).await
        };
        connections("active").await < 0.5 && connections("idle").await > 0.5
    })
    .await;
}

#[tokio::test]
async fn who_takes_long_keeps_nobody_and_its_end_hits_nobody_else() {
    let served = on(2, "query = \"1s\"").await;
    get_to_know(&served).await;
    let act = |number: usize, mut dice: Dice| {
        let served = Arc::clone(&served);
        async move {
            for turn in 0..60 {
                if number < 3 && turn % 20 == number {
                    // Longer than it may; its cancel finds others behind it.
                    let answer = served.proxy.sql(json!({ "query": COUNT, "params": [number, 2_000_000_000] })).await;
                    assert_eq!(answer.status, 504, "{}", answer.text);
                }
                let count = dice.below(100);
                let answer = served.proxy.sql(json!({ "query": COUNT, "params": [turn, count] })).await.expect(200);
                assert_eq!(answer.body["rows"], json!([{ "id": turn, "n": count }]));
                let id = dice.below(1000) + 1;
                check_person(id, &served.proxy.sql(person(id)).await);
            }
        }
    };
    crowd(20, act).await;
    assert!(served.metric(SHARED).await > 0.0);
}

#[tokio::test]
async fn a_lock_keeps_those_who_need_it_and_nobody_else() {
    let served = on(8, "query = \"60s\"").await;
    get_to_know(&served).await;
    let lock = served.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // Each of them has a connection in the end, and there are two more.
    let held: Vec<_> = (1..=6)
        .map(|id| {
            let served = Arc::clone(&served);
            tokio::spawn(async move { check_person(id, &served.proxy.sql(person(id)).await) })
        })
        .collect();
    let act = |_, mut dice: Dice| {
        let served = Arc::clone(&served);
        async move {
            for _ in 0..50 {
                let count = dice.below(100);
                let answer = served.proxy.sql(json!({ "query": COUNT, "params": [7, count] })).await.expect(200);
                assert_eq!(answer.body["rows"], json!([{ "id": 7, "n": count }]));
            }
        }
    };
    crowd(20, act).await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(|| async { served.postgres(waiting).await == "6" }).await;
    lock.batch_execute("COMMIT").await.unwrap();
    for held in held {
        held.await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_ends_and_a_table_that_changes_give_nobody_a_wrong_answer() {
    let served = on(2, "").await;
    get_to_know(&served).await;
    let act = |number: usize, mut dice: Dice| {
        let served = Arc::clone(&served);
        async move {
            if number == 0 {
                let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'pool-proxy'";
                let client = served.database.client().await;
                for turn in 0..20 {
                    client.batch_execute(kill).await.unwrap();
                    let other = if turn % 2 == 0 { "varchar(50)" } else { "text" };
                    client.batch_execute(&format!("ALTER TABLE people ALTER name TYPE {other}")).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                return;
            }
            for _ in 0..100 {
                let id = dice.below(1000) + 1;
                let answer = served.proxy.sql(person(id)).await;
                // The first of them on a connection that ended in the middle knows no better.
                if answer.status != 502 {
                    check_person(id, &answer);
                }
            }
        }
    };
    crowd(20, act).await;
    assert!(served.metric(SHARED).await > 0.0);
    for id in 1..=30 {
        check_person(id, &served.proxy.sql(person(id)).await);
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_as_ever() {
    let served = on(1, "response_bytes = \"100KiB\"").await;
    get_to_know(&served).await;
    let text = "SELECT repeat('x', $1::int) AS t";
    for _ in 0..4 {
        served.proxy.sql(json!({ "query": text, "params": [1] })).await.expect(200);
    }
    let act = |number: usize, mut dice: Dice| {
        let served = Arc::clone(&served);
        async move {
            for _ in 0..50 {
                // One row over the limit, many that are so together, and some that are not.
                let length = if number.is_multiple_of(4) { 200_000 } else { dice.below(1000) };
                let answer = served.proxy.sql(json!({ "query": text, "params": [length] })).await;
                if number.is_multiple_of(4) {
                    assert_eq!(answer.status, 507, "{}", answer.text);
                } else {
                    assert_eq!(answer.expect(200).body["rows"], json!([{ "t": "x".repeat(length) }]));
                }
                let count = if number % 4 == 1 { 20_000 } else { dice.below(100) };
                let answer = served.proxy.sql(json!({ "query": ROWS, "params": [count, 1] })).await;
                if number % 4 == 1 {
                    assert_eq!(answer.status, 507, "{}", answer.text);
                } else {
                    assert_eq!(answer.expect(200).body["rows"].as_array().unwrap().len(), count);
                }
            }
        }
    };
    crowd(8, act).await;
    assert!(served.metric(SHARED).await > 0.0);
}

/// Those who read would take every seat that comes free, for ever.
#[tokio::test]
async fn who_needs_a_connection_alone_gets_one_among_many_that_share() {
    let served = on(1, "").await;
    get_to_know(&served).await;
    let (done, over) = tokio::sync::watch::channel(false);
    let writes = {
        let served = Arc::clone(&served);
        async move {
            for n in 1..=100 {
                let answer =
                    served.proxy.sql(json!({ "query": "UPDATE counts SET n = n + 1 WHERE id = 1 RETURNING n" }));
                assert_eq!(answer.await.expect(200).body["rows"], json!([{ "n": n }]));
            }
            done.send_replace(true);
        }
    };
    let act = |_, mut dice: Dice| {
        let (served, over) = (Arc::clone(&served), over.clone());
        async move {
            while !*over.borrow() {
                let id = dice.below(1000) + 1;
                check_person(id, &served.proxy.sql(person(id)).await);
            }
        }
    };
    tokio::join!(crowd(30, act), writes);
    assert!(served.metric(SHARED).await > 0.0);
}

#[tokio::test]
async fn nobody_shares_with_a_role_or_where_it_is_turned_off() {
    let secret = random_hex(16);
    let settings = [
        ("[pool]\nshared_reads = false\n".to_owned(), None),
        (key_entry("reader", &secret, "read_only = true"), Some(&secret)),
    ];
    for (config, key) in settings {
        let served = Served::with(SETUP, |proxy| proxy.config(&*config).env("POOL_PROXY_POOL_MAX", "1")).await;
        let served = Arc::new(served);
        get_to_know(&served).await;
        let act = |_, mut dice: Dice| {
            let (served, key) = (Arc::clone(&served), key.cloned());
            async move {
                let mut client = Wire::open(&served.proxy).await;
                if let Some(key) = key {
                    client = client.with_key(&key);
                }
                for _ in 0..20 {
                    let id = dice.below(1000) + 1;
                    client.send(&person(id)).await;
                    check_person(id, &client.answer().await);
                }
            }
        };
        crowd(20, act).await;
        assert!(served.metric(SHARED).await.abs() < 0.5, "{config}");
    }
}

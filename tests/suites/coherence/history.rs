//! A history of writers and readers at two proxies and around them, with everything that may go wrong, checked as it is made:
//! every row has one writer, who gives it the next higher number each time, so that each answer tells how old it is.

mod size;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Proxy, Relay, Signal, Way};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::bench::{Bench, HIT, auto, connect, status, url};
use size::{Dice, LATE, Size, seed};

/// Rows of each writer.
const ROWS: usize = 8;
/// One at each proxy, and one past them.
const WRITERS: usize = 3;

const SETUP: &str = "
    CREATE TABLE item (id int PRIMARY KEY, v bigint, note text);
    CREATE TABLE twin (id int PRIMARY KEY, v bigint);
    CREATE TABLE mirror (id int PRIMARY KEY, v bigint);
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int PRIMARY KEY REFERENCES parent ON DELETE CASCADE, v bigint);
    CREATE TABLE part (id int PRIMARY KEY, v bigint) PARTITION BY RANGE (id);
    CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (10);
    CREATE TABLE part_b PARTITION OF part FOR VALUES FROM (10) TO (100);
    CREATE TABLE emptied (id int PRIMARY KEY, v bigint);
    CREATE VIEW shown AS SELECT id, v FROM item;
    CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN UPDATE mirror SET v = NEW.v WHERE id = NEW.id; RETURN NEW; END';
    CREATE TRIGGER mirror AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION mirror();
    INSERT INTO item SELECT n, 0 FROM generate_series(0, 23) n; INSERT INTO twin SELECT id, 0 FROM item;
    INSERT INTO mirror SELECT id, 0 FROM item; INSERT INTO parent SELECT id FROM item;
    INSERT INTO child SELECT id, 0 FROM item; INSERT INTO part SELECT id, 0 FROM item;
    INSERT INTO emptied VALUES (0, 0);";

/// How a read finds the number of a row; two columns must agree, since they are only changed together.
const READS: [&str; 9] = [
    "SELECT v FROM item WHERE id = $1",
    "SELECT v FROM shown WHERE id = $1",
    "SELECT i.v, t.v FROM item i JOIN twin t USING (id) WHERE i.id = $1",
    "SELECT v, (SELECT v FROM twin WHERE id = $1) FROM item WHERE id = $1",
    "SELECT v FROM mirror WHERE id = $1",
    "SELECT max(v) FROM child WHERE id = $1",
    "SELECT v FROM part WHERE id = $1",
    "SELECT max(v) FILTER (WHERE id = $1) FROM item",
    "WITH found AS MATERIALIZED (SELECT * FROM twin) SELECT v FROM found WHERE id = $1",
];

/// What is known of a row.
#[derive(Default)]
struct Row {
    /// The number that was acknowledged last, by the proxy that did.
    acknowledged: [AtomicI64; 2],
    /// The last that was begun: none is higher.
    begun: AtomicI64,
}

struct History {
    rows: Vec<Row>,
    reads: AtomicU64,
    writes: AtomicU64,
    accidents: AtomicU64,
    /// How often each word of the cache was said.
    said: Mutex<BTreeMap<String, u64>>,
    wanted: u64,
    ends: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

impl History {
    fn new(wanted: u64) -> Self {
        let rows = (0..ROWS * WRITERS).map(|_| Row::default()).collect();
        Self {
            rows,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            accidents: AtomicU64::new(0),
            said: Mutex::default(),
            wanted,
            ends: AtomicBool::new(false),
            wrong: Mutex::default(),
        }
    }

    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::SeqCst)
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
        self.ends.store(true, Ordering::SeqCst);
    }
}

fn lsn(text: &str) -> u64 {
    let Some((high, low)) = text.split_once('/') else { return 0 };
    let half = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
    (half(high) << 32) | half(low)
}

/// The statements that give a row its next number. All of them in one transaction.
fn writes(kind: usize, row: usize, v: i64) -> Vec<Value> {
    let set = |table: &str| json!({ "query": format!("UPDATE {table} SET v = $2 WHERE id = $1"), "params": [row, v] });
    let both = |more: Value| vec![set("item"), set("twin"), set("part"), more];
    match kind {
        0 => both(set("child")),
        1 => both(json!({ "query": format!("UPDATE child SET v = {v} WHERE id = {row}") })),
        2 => vec![
            json!({ "query": "DELETE FROM parent WHERE id = $1", "params": [row] }),
            json!({ "query": "INSERT INTO parent VALUES ($1)", "params": [row] }),
            json!({ "query": "INSERT INTO child VALUES ($1, $2)", "params": [row, v] }),
            set("item"),
            set("twin"),
            json!({ "query": "DELETE FROM part WHERE id = $1", "params": [row] }),
            json!({ "query": "INSERT INTO part VALUES ($1, $2)", "params": [row, v] }),
        ],
        _ => both(
            json!({ "query": "WITH c AS (UPDATE child SET v = $2 WHERE id = $1 RETURNING v) SELECT * FROM c", "params": [row, v] }),
        ),
    }
}

/// One writer, with rows of its own, at a proxy or past both.
async fn write(history: Arc<History>, writer: usize, proxy: Option<Arc<Proxy>>, direct: String, seed: u64) {
    let mut dice = Dice(seed);
    let mut client: Option<Client> = None;
    while history.goes_on() {
        let row = writer * ROWS + dice.below(ROWS);
        let v = history.rows[row].begun.fetch_add(1, Ordering::SeqCst) + 1;
        let queries = writes(dice.below(4), row, v);
        let done = if let Some(proxy) = &proxy {
            let answer = proxy.sql_request(&json!({ "queries": queries })).try_send().await;
            answer.is_ok_and(|answer| answer.status == 200)
        } else {
            past(&mut client, &direct, &queries).await
        };
        if done {
            history.writes.fetch_add(1, Ordering::SeqCst);
            if let (Some(_), Some(place)) = (&proxy, history.rows[row].acknowledged.get(writer)) {
                place.fetch_max(v, Ordering::SeqCst);
            }
        }
        tokio::time::sleep(Duration::from_micros(500 + 100 * dice.below(300) as u64)).await;
    }
}

/// Writes past the proxies, on a connection that is made anew where the last one was lost.
async fn past(client: &mut Option<Client>, direct: &str, queries: &[Value]) -> bool {
    if client.is_none() {
        *client = super::bench::try_connect(direct).await;
    }
    let text: Vec<String> = queries.iter().map(inlined).collect();
    let done = match client {
        Some(client) => client.batch_execute(&format!("BEGIN; {}; COMMIT", text.join("; "))).await.is_ok(),
        None => false,
    };
    if !done {
        *client = None;
    }
    done
}

/// A query with its parameters in their places: whole numbers.
fn inlined(query: &Value) -> String {
    let mut text = query["query"].as_str().unwrap().to_owned();
    for (number, param) in (1..).zip(query["params"].as_array().into_iter().flatten()) {
        text = text.replace(&format!("${number}"), &param.to_string());
    }
    text
}

/// A reader, who stays at a proxy without bookmarks, or goes from one to the other with them.
async fn read(history: Arc<History>, proxies: [Arc<Proxy>; 2], reader: usize, seed: u64) {
    let mut dice = Dice(seed);
    let roams = reader.is_multiple_of(2);
    let (mut known, mut bookmark): (HashMap<usize, i64>, String) = (HashMap::new(), String::new());
    while history.goes_on() {
        let row = dice.below(ROWS * WRITERS);
        let sql = READS[dice.below(READS.len())];
        let at = if roams { dice.below(2) } else { reader / 2 % 2 };
        let place = &history.rows[row];
        let acknowledged = place.acknowledged[at].load(Ordering::SeqCst);
        let needed = acknowledged.max(known.get(&row).copied().unwrap_or_default());
        let mut request = proxies[at].sql_request(&json!({ "query": sql, "params": [row], "arrayMode": true }));
        if roams && !bookmark.is_empty() {
            request = request.header("pool-bookmark", &bookmark);
        }
        let Ok(answer) = request.try_send().await else { continue };
        if answer.status != 200 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        let begun = place.begun.load(Ordering::SeqCst);
        let columns: Vec<i64> = answer.body["rows"][0].as_array().into_iter().flatten().map(number).collect();
        let said = status(&answer);
        let told = |problem: &str| {
            format!(
                "{problem}: {sql} of row {row} at proxy {at} gave {columns:?}, known {needed} (acknowledged {acknowledged}), begun {begun}; {said}, bookmark {bookmark:?}, roams {roams}"
            )
        };
        let Some(v) = columns.first().copied() else {
            history.wrong(told("no row"));
            break;
        };
        if columns.iter().any(|other| *other != v) {
            history.wrong(told("torn"));
        } else if v < needed {
            history.wrong(told("too old"));
        } else if v > begun {
            history.wrong(told("from the future"));
        }
        known.insert(row, v);
        if lsn(&answer.header("pool-bookmark")) > lsn(&bookmark) {
            bookmark = answer.header("pool-bookmark");
        }
        *history.said.lock().unwrap().entry(said).or_default() += 1;
        if history.reads.fetch_add(1, Ordering::SeqCst) + 1 >= history.wanted {
            history.ends.store(true, Ordering::SeqCst);
        }
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(-1)
}

/// Accidents, one after the other.
async fn accidents(
    history: Arc<History>,
    relays: [Arc<Relay>; 2],
    bench: Arc<Bench>,
    (root, size): (String, Size),
    seed: u64,
) {
    let mut dice = Dice(seed);
    let mut turn = 0;
    while history.goes_on() {
        let relay = &relays[dice.below(2)];
        match size.accident.unwrap_or_else(|| dice.below(10)) {
            0 => relay.delay_streams(Duration::from_millis(50)),
            1 => relay.delay_streams(Duration::from_millis(500)),
            2 => relay.delay(Way::Back, Duration::from_millis(20)),
            LATE => relay.delay_sessions(Duration::from_millis(20)),
            3 => {
                if let Some(client) = super::bench::try_connect(&root).await {
                    let _ = client.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").await;
                }
            }
            4 => relay.reset().await,
            5 => {
                if let Some(client) = super::bench::try_connect(&root).await {
                    turn += 1;
                    let sql = ["item.v", "item.v + 0"][turn % 2];
                    let _ = client
                        .batch_execute(&format!("CREATE OR REPLACE VIEW shown AS SELECT id, {sql} AS v FROM item"))
                        .await;
                }
            }
            6 => {
                if let Some(client) = super::bench::try_connect(&root).await {
                    let empty = "BEGIN; TRUNCATE twin; INSERT INTO twin SELECT id, v FROM item; COMMIT";
                    let _ = client.batch_execute(&format!("SET lock_timeout = '1s'; {empty}")).await;
                }
            }
            8 => {
                let bench = Arc::clone(&bench);
                let signal = [Signal::Quit, Signal::Interrupt][dice.below(2)];
                let restart = move || {
                    bench.postgres.go_down(signal).unwrap();
                    bench.postgres.come_back().unwrap();
                };
                tokio::task::spawn_blocking(restart).await.unwrap();
            }
            _ => {}
        }
        history.accidents.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200 + dice.below(400) as u64)).await;
        relay.forward();
        // Without some quiet there would be nothing to be wrong.
        tokio::time::sleep(Duration::from_millis(dice.below(size.quiet) as u64)).await;
    }
}

struct Outcome {
    wrong: Vec<String>,
    reads: u64,
    writes: u64,
    accidents: u64,
    said: BTreeMap<String, u64>,
}

impl Outcome {
    fn hits(&self) -> u64 {
        self.said.get(HIT).copied().unwrap_or_default()
    }

    /// One line, which `cargo xtask bench` reads.
    fn line(&self) -> String {
        let Self { wrong, reads, writes, accidents, .. } = self;
        let (wrong, hits) = (wrong.len(), self.hits());
        format!("history: {reads} reads, {wrong} wrong, {hits} hits, {writes} writes, {accidents} accidents")
    }
}

/// Makes a history.
async fn make(size: Size, seed: u64, variables: &[(&str, &str)]) -> Outcome {
    let bench = Arc::new(Bench::after(SETUP).await);
    let root = bench.postgres.url().rsplit_once('/').map(|(server, _)| format!("{server}/app")).unwrap();
    let mut relays = Vec::new();
    let mut proxies = Vec::new();
    for _ in 0..2 {
        let relay = Arc::new(Relay::to(&url(&bench.postgres)).await);
        let mut builder =
            auto(&bench.postgres).database_url(format!("{}?sslmode=disable", relay.url(&url(&bench.postgres))));
        for (name, value) in variables {
            builder = builder.env(*name, *value);
        }
        let proxy = builder.env("POOL_PROXY_POOL_MAX", "6").start().await;
        bench.is_followed(&proxy).await;
        relays.push(relay);
        proxies.push(Arc::new(proxy));
    }
    let proxies: [Arc<Proxy>; 2] = proxies.try_into().unwrap();
    let relays: [Arc<Relay>; 2] = relays.try_into().unwrap();
    let history = Arc::new(History::new(size.reads));
    let mut tasks = Vec::new();
    let mut dice = Dice(seed);
    let mut draw = || dice.below(usize::MAX >> 1) as u64 | 1;
    for writer in 0..WRITERS {
        let proxy = proxies.get(writer).cloned();
        tasks.push(tokio::spawn(write(Arc::clone(&history), writer, proxy, url(&bench.postgres), draw())));
    }
    for reader in 0..size.readers {
        tasks.push(tokio::spawn(read(Arc::clone(&history), proxies.clone(), reader, draw())));
    }
    let (relays, whom) = (relays.clone(), (root, size));
    tasks.push(tokio::spawn(accidents(Arc::clone(&history), relays, Arc::clone(&bench), whom, draw())));
    for task in tasks {
        task.await.unwrap();
    }
    let wrong = std::mem::take(&mut *history.wrong.lock().unwrap());
    if wrong.is_empty() {
        settled(&bench, &proxies).await;
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    let (reads, writes, accidents) = (count(&history.reads), count(&history.writes), count(&history.accidents));
    Outcome { wrong, reads, writes, accidents, said: history.said.lock().unwrap().clone() }
}

/// After quiet, every answer is the database's own.
async fn settled(bench: &Bench, proxies: &[Arc<Proxy>; 2]) {
    let client = connect(&url(&bench.postgres)).await;
    for proxy in proxies {
        bench.is_followed(proxy).await;
        for sql in READS {
            for row in 0..ROWS * WRITERS {
                let direct: i64 = client.query_one(&sql.replace("$1", &row.to_string()), &[]).await.unwrap().get(0);
                let body = json!({ "query": sql, "params": [row], "arrayMode": true });
                let answer = proxy.sql(body).await.expect(200);
                assert_eq!(number(&answer.body["rows"][0][0]), direct, "{sql} of {row}: {}", status(&answer));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_ever_too_old() {
    let outcome = make(Size::wanted(8_000), seed(), &[]).await;
    println!("{:#?}\n{}", outcome.said, outcome.line());
    assert!(outcome.wrong.is_empty(), "{}", outcome.wrong.join("\n"));
    assert!(outcome.hits() * 20 > outcome.reads, "{} hits of {} reads show little", outcome.hits(), outcome.reads);
}

/// The checker itself: with a cache that does not hold its answers against what has changed meanwhile, it must complain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_fence_is_found() {
    let outcome = make(Size::late(200_000), seed(), &[("POOL_PROXY_TEST_FENCE", "off")]).await;
    println!("found after {} reads: {:?}", outcome.reads, outcome.wrong);
    assert!(!outcome.wrong.is_empty());
}

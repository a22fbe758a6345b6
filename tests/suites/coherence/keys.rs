//! Rows by their keys: whatever type a key is of, however it is written, and wherever a statement names it, a change of the
//! row is seen.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use harness::{Proxy, eventually_within};
use serde_json::{Value, json};

use super::bench::{Bench, HIT, cluster, connect, publish, status};

/// A name, a type, a key of it, the same written another way, and another key.
type Key = (&'static str, &'static str, &'static str, &'static str, &'static str);

const KEYS: &[Key] = &[
    ("int2", "int2", "7", " +7", "8"),
    ("int4", "int4", "7", "007", "-8"),
    ("int8", "int8", "9007199254740993", "+9007199254740993", "8"),
    ("oid", "oid", "7", "007", "8"),
    ("numeric", "numeric", "1.0", "1.00", "2"),
    ("scaled", "numeric(10, 2)", "1", "1.000", "2"),
    ("float8", "float8", "1", "1e0", "2"),
    ("zero", "float8", "0", "-0", "2"),
    (
        "uuid",
        "uuid",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}",
        "B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    ),
    ("text", "text", "Straße", "Straße", "straße"),
    ("bytes", "text COLLATE \"C\"", " a ", " a ", "a"),
    ("german", "text COLLATE \"de-x-icu\"", "Ärger", "Ärger", "A\u{308}rger"),
    ("folded", "text COLLATE folded", "Anna", "ANNA", "Bert"),
    ("citext", "citext", "Anna", "ANNA", "Bert"),
    ("varchar", "varchar(5)", "abc", "abc", "abc  "),
    ("bpchar", "char(6)", "abc", "abc   ", "abcd"),
    ("letter", "\"char\"", "a", "a", "b"),
    ("name", "name", "abc", "abc", "abcd"),
    ("bool", "bool", "t", "yes", "off"),
    ("stamp", "timestamptz", "2024-01-01 00:00:00+00", "2024-01-01 01:00:00+01", "2024-02-01"),
    ("date", "date", "2024-01-01", "20240101", "2024-01-02"),
    ("span", "interval", "1 day", "24 hours", "2 days"),
    ("period", "daterange", "[2024-01-01,2024-01-31]", "[2024-01-01,2024-02-01)", "[2024-01-01,)"),
    ("bytea", "bytea", "\\x6162", "ab", "\\x63"),
    ("jsonb", "jsonb", "{\"a\": 1}", "{ \"a\":1.0 }", "[]"),
    ("mood", "mood", "sad", "sad", "happy"),
    ("whole", "whole", "7", " 07", "8"),
    ("word", "word", "abc", "abc", "abcd"),
    ("inet", "inet", "10.0.0.1", "10.0.0.1/32", "10.0.0.2"),
    ("list", "int[]", "{1,2}", "{ 1, +2 }", "{3}"),
];

const TYPES: &str = "
    CREATE EXTENSION citext;
    CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE DOMAIN whole AS int; CREATE DOMAIN word AS text;";

/// Ways to name the row with a key and another one.
const WAYS: &[&str] = &[
    "SELECT n FROM @table WHERE id = $1",
    "SELECT sum(n)::int, count(*)::int FROM @table WHERE id IN ('@key', '@other')",
    "SELECT max(id::text) FROM @table WHERE $1::@type = id AND $2::text <> ''",
];

/// What becomes of a row.
const CHANGES: &[&str] = &[
    "INSERT INTO @table VALUES ('@same', 0)",
    "UPDATE @table SET n = 1 WHERE id = '@key'",
    "UPDATE @table SET id = '@other' WHERE id = '@key'",
    "INSERT INTO @table VALUES ('@same', 2)",
    "UPDATE @table SET id = '@key', n = 3 WHERE n = 2",
    "INSERT INTO @table VALUES ('@same', 9) ON CONFLICT (id) DO UPDATE SET n = 4",
    "TRUNCATE @table",
];

fn filled((name, of, key, same, other): &Key, text: &str) -> String {
    let text = text.replace("@table", &format!("by_{name}")).replace("@type", of);
    text.replace("@key", key).replace("@same", same).replace("@other", other)
}

/// The rows of an answer, and what it says of the cache.
async fn ask(proxy: &Proxy, read: &Value, control: &str) -> (String, Value) {
    let request = proxy.sql_request(read);
    let request = if control.is_empty() { request } else { request.header("cache-control", control) };
    let answer = request.send().await.expect(200);
    (status(&answer), answer.body["rows"].clone())
}

/// Keeps the answers to all reads.
async fn keep(proxy: &Proxy, reads: &[Value]) {
    let keep = |read| {
        eventually_within(PATIENCE, move || async move {
            let (said, _) = ask(proxy, read, "").await;
            if said == HIT { Ok(()) } else { Err(format!("{read}: {said}")) }
        })
    };
    stream::iter(reads).for_each_concurrent(AT_ONCE, keep).await;
}

/// What is given is what the database has, at the latest when the stream has told of it.
async fn are_true(proxy: &Proxy, reads: &[Value], after: &str) {
    let is_true = |read| {
        eventually_within(PATIENCE, move || async move {
            let ((said, given), (_, stored)) = (ask(proxy, read, "").await, ask(proxy, read, "no-store").await);
            if given == stored { Ok(()) } else { Err(format!("{read} after {after}: {given}, not {stored}; {said}")) }
        })
    };
    stream::iter(reads).for_each_concurrent(AT_ONCE, is_true).await;
}

/// How many reads are under way at once, and how long each is waited for.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_key_is_the_same_however_it_is_written() {
    let tables: Vec<String> =
        KEYS.iter().map(|key| filled(key, "CREATE TABLE @table (id @type PRIMARY KEY, n int)")).collect();
    let bench = Bench::after(&format!("{TYPES}{}", tables.join(";"))).await;
    let mut reads = Vec::new();
    for key in KEYS {
        for way in WAYS {
            let spellings = if key.2 == key.3 { &[key.2][..] } else { &[key.2, key.3] };
            for written in spellings {
                let query = filled(&(key.0, key.1, written, written, key.4), way);
                let params: &[&str] = match (query.contains("$1"), query.contains("$2")) {
                    (true, true) => &[written, key.4],
                    (true, false) => &[written],
                    _ => &[],
                };
                reads.push(json!({ "query": query, "arrayMode": true, "params": params }));
            }
        }
    }
    for change in CHANGES {
        keep(&bench.proxy, &reads).await;
        for key in KEYS {
            bench.run(&filled(key, change)).await;
        }
        are_true(&bench.proxy, &reads, change).await;
    }
}

const SHAPED: &str = "
    CREATE TABLE a (id int PRIMARY KEY, n int);
    CREATE TABLE b (id bigint PRIMARY KEY, a int, n int);
    CREATE TABLE two (n int, x uuid, gone int, y int, PRIMARY KEY (y, x) INCLUDE (n)); ALTER TABLE two DROP COLUMN gone;
    CREATE TABLE coded (id int PRIMARY KEY, code text NOT NULL UNIQUE, n int);
    ALTER TABLE coded REPLICA IDENTITY USING INDEX coded_code_key;
    CREATE TABLE whole (id int PRIMARY KEY, n int); ALTER TABLE whole REPLICA IDENTITY FULL;
    CREATE TABLE made (n int, id int GENERATED ALWAYS AS (n % 10) STORED PRIMARY KEY);
    CREATE TABLE old (id int PRIMARY KEY, n int); CREATE TABLE young (PRIMARY KEY (id)) INHERITS (old);
    CREATE TABLE split (id int, n int, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
    CREATE TABLE split_2 PARTITION OF split FOR VALUES FROM (10) TO (20);
    CREATE TABLE mixed (id int, n int, code int NOT NULL, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES FROM (0) TO (10); CREATE UNIQUE INDEX by_code ON mixed_1 (code);
    ALTER TABLE mixed_1 REPLICA IDENTITY USING INDEX by_code; INSERT INTO mixed SELECT i, i, i FROM generate_series(1, 5) i;
    CREATE VIEW both_of_them AS SELECT a.id, a.n, b.n AS m FROM a LEFT JOIN b ON b.a = a.id;
    INSERT INTO a SELECT i, 0 FROM generate_series(1, 5) i; INSERT INTO b SELECT i, i % 3 + 1, 0 FROM generate_series(1, 5) i;
    INSERT INTO two SELECT 0, ('00000000-0000-0000-0000-00000000000' || i % 2)::uuid, i FROM generate_series(1, 5) i;
    INSERT INTO coded SELECT i, 'c' || i, 0 FROM generate_series(1, 5) i; INSERT INTO whole SELECT * FROM a;
    INSERT INTO made SELECT i FROM generate_series(1, 5) i; INSERT INTO old VALUES (1, 0), (2, 0);
    INSERT INTO young VALUES (1, 0), (3, 0); INSERT INTO split SELECT i % 3, i FROM generate_series(1, 15) i";

/// Each with 2 for `$1` and 3 for `$2`.
const SHAPES: &[&str] = &[
    "SELECT n FROM a WHERE $1 = id AND n > $2 - 100",
    "SELECT n FROM a WHERE id = $1 OR id = $2",
    "SELECT n FROM a WHERE (id = $1) IS TRUE AND $2 > 0",
    "SELECT n FROM a WHERE id IS NOT DISTINCT FROM $1 AND $2 > 0",
    "SELECT n FROM a WHERE NOT id <> $1 AND $2 > 0",
    "SELECT n FROM a WHERE id IN ($1, $2) ORDER BY id",
    "SELECT n FROM a WHERE id = ANY (ARRAY[$1::int, $2]) ORDER BY id",
    "SELECT n FROM a WHERE id = ALL (ARRAY[$1::int, $1]) AND $2 > 0",
    "SELECT n FROM a WHERE id <> ALL (ARRAY[$1::int, $2]) ORDER BY id",
    "SELECT n FROM a WHERE id = $1 AND id = $2",
    "SELECT n FROM a WHERE id = $1::bigint AND $2 > 0",
    "SELECT n FROM a WHERE id + 0 = $1 AND $2 > 0",
    "SELECT n FROM a WHERE id BETWEEN $1 AND $2 ORDER BY id",
    "SELECT n FROM a WHERE (id, n) = ($1, $2)",
    "SELECT n FROM a WHERE coalesce(id, $2) = $1",
    "SELECT n FROM a WHERE CASE WHEN id = $1 THEN true ELSE id = $2 END ORDER BY id",
    "SELECT count(*)::int, max(n) FROM a WHERE id = $1 HAVING count(*) < $2",
    "SELECT n, row_number() OVER (ORDER BY n)::int FROM a WHERE id = $1 AND $2 > 0",
    "SELECT DISTINCT ON (n) id FROM a WHERE id = $1 AND $2 > 0 ORDER BY n, id LIMIT 1",
    "SELECT count(*) FILTER (WHERE id = $1)::int, $2 FROM a",
    "SELECT a.n, b.n FROM a JOIN b ON b.id = a.id WHERE a.id = $1 AND $2 > 0",
    "SELECT a.n, b.n FROM a, b WHERE a.id = $1 AND b.id = $2",
    "SELECT a.id, b.n FROM a LEFT JOIN b ON b.a = a.id AND b.id = $1 WHERE $2 > 0 ORDER BY 1",
    "SELECT a.id, b.n FROM a LEFT JOIN b ON b.a = a.id WHERE b.id = $1 AND $2 > 0",
    "SELECT a.n, b.n FROM a FULL JOIN b USING (id) WHERE id = $1 AND $2 > 0",
    "SELECT a.n, b.n FROM a RIGHT JOIN b USING (id) WHERE a.id = $1 AND $2 > 0",
    "SELECT x.n, y.n FROM a x JOIN a y ON y.id = x.id + 1 WHERE x.id = $1 AND y.id = $2",
    "SELECT x.n, y.n FROM a x CROSS JOIN a y WHERE x.id = $1 AND $2 > 0 ORDER BY y.id",
    "SELECT n, (SELECT count(*)::int FROM b WHERE b.a = a.id) FROM a WHERE id = $1 AND $2 > 0",
    "SELECT n FROM a WHERE id = $1 AND NOT EXISTS (SELECT FROM b WHERE b.id = $2 AND b.n > 0)",
    "SELECT n FROM a WHERE id = $1 AND EXISTS (SELECT FROM b WHERE b.a = a.id AND a.id = $2)",
    "SELECT n FROM (SELECT * FROM a WHERE id = $1) s WHERE n <> $2",
    "SELECT n FROM (SELECT * FROM a OFFSET 0) s WHERE id = $1 AND $2 > 0",
    "WITH s AS MATERIALIZED (SELECT * FROM a WHERE id IN ($1, $2)) SELECT s.n, t.n FROM s JOIN s t ON t.id = s.id + 1",
    "SELECT n FROM a WHERE id = $1 UNION ALL SELECT n FROM b WHERE id = $2",
    "SELECT id FROM a EXCEPT SELECT id FROM a WHERE id IN ($1, $2) ORDER BY 1",
    "SELECT a.n, l.n FROM a, LATERAL (SELECT sum(n)::int AS n FROM b WHERE b.a = a.id AND b.id <> $2) l WHERE a.id = $1",
    "SELECT v.i, a.n FROM (VALUES ($1::int), ($2)) v (i) LEFT JOIN a ON a.id = v.i ORDER BY 1",
    "SELECT n, m FROM both_of_them WHERE id = $1 AND $2 > 0 ORDER BY m",
    "SELECT array_agg(n ORDER BY n), to_json(array_agg(a)) FROM a WHERE id = $1 AND $2 > 0",
    "SELECT n FROM b WHERE id = $1::smallint AND $2 > 0",
    "SELECT n FROM two WHERE y = $1 AND x = '00000000-0000-0000-0000-000000000000' AND $2 > 0",
    "SELECT n FROM two WHERE x = '00000000-0000-0000-0000-000000000001' AND y IN ($1, $2)",
    "SELECT n FROM two WHERE y = $1 AND $2 > 0",
    "SELECT n FROM coded WHERE id = $1 AND $2 > 0",
    "SELECT n FROM coded WHERE code = 'c' || $1::text AND $2 > 0",
    "SELECT n FROM coded WHERE code = 'c2' AND $1 < $2",
    "SELECT n FROM whole WHERE id = $1 AND $2 > 0",
    "SELECT n FROM made WHERE id = $1 AND $2 > 0",
    "SELECT n FROM old WHERE id = 1 AND $1 < $2 ORDER BY 1",
    "SELECT n FROM ONLY old WHERE id = $1 AND $2 > 0",
    "SELECT n FROM young WHERE id = $2 AND $1 > 0",
    "SELECT n FROM split WHERE id = $1 AND n = $2",
    "SELECT n FROM split WHERE id = $1 AND n = 11 AND $2 > 0",
    "SELECT code FROM mixed WHERE id = $1 AND n = 2 AND $2 > 0",
    "SELECT n FROM split_1 WHERE id = $1 AND n = $1 AND $2 > 0",
    "SELECT id FROM split_2 WHERE n = 14 AND id = $1 AND $2 > 0",
    "SELECT n, tableoid::regclass::oid > 0 FROM split WHERE id = $1 AND n IN (14, 5) AND $2 > 0",
];

const TURNS: &[&str] = &[
    "UPDATE mixed SET id = 9 WHERE id = 2",
    "UPDATE a SET n = 1 WHERE id = 2",
    "UPDATE a SET n = 2 WHERE id = 3",
    "UPDATE a SET n = 3 WHERE id = 5",
    "UPDATE b SET n = 1 WHERE id = 2",
    "UPDATE b SET n = 2, a = 2 WHERE id = 3",
    "UPDATE b SET a = 2, n = 5 WHERE id IN (1, 4)",
    "DELETE FROM b WHERE id = 2",
    "UPDATE b SET id = 2 WHERE id = 5",
    "UPDATE a SET id = 9 WHERE id = 2",
    "UPDATE a SET id = 2, n = 7 WHERE id = 3",
    "INSERT INTO a VALUES (3, 8), (6, 8)",
    "MERGE INTO a USING (SELECT DISTINCT a FROM b) b ON a.id = b.a WHEN MATCHED THEN UPDATE SET n = a.n + 1",
    "WITH gone AS (DELETE FROM a WHERE id = 2 RETURNING id) INSERT INTO b SELECT 20, id, 3 FROM gone",
    "INSERT INTO a VALUES (2, 4) ON CONFLICT (id) DO UPDATE SET n = 5",
    "UPDATE two SET n = n + 1; UPDATE coded SET n = 1; UPDATE whole SET n = 1 WHERE id = 2; UPDATE made SET n = 12 WHERE n = 2",
    "UPDATE two SET y = 9 WHERE y = 2; UPDATE two SET y = 2 WHERE y = 3; UPDATE coded SET id = 9 WHERE id = 2",
    "UPDATE coded SET code = 'c9' WHERE code = 'c2'; UPDATE coded SET code = 'c2', id = 2 WHERE code = 'c3'; DELETE FROM made WHERE id = 2",
    "UPDATE whole SET id = 9 WHERE id = 2; UPDATE whole SET id = 2 WHERE id = 3; INSERT INTO made VALUES (22)",
    "UPDATE old SET n = 1 WHERE id = 1; UPDATE ONLY old SET n = 2; UPDATE young SET n = 5 WHERE id = 3",
    "INSERT INTO young VALUES (2, 6); DELETE FROM old WHERE id = 1; DELETE FROM ONLY old",
    "UPDATE split SET n = n + 10 WHERE n = 2; UPDATE split_1 SET id = 2 WHERE n = 3; UPDATE split SET n = 2 WHERE n = 14",
    "DELETE FROM split_2; TRUNCATE split_1; INSERT INTO split VALUES (2, 3), (2, 14)",
    "UPDATE split SET n = 5 WHERE n = 14; TRUNCATE old; TRUNCATE a, b",
];

#[tokio::test]
async fn a_row_is_the_same_however_it_is_named() {
    let bench = Bench::after(SHAPED).await;
    let reads: Vec<Value> =
        (SHAPES.iter()).map(|query| json!({ "query": query, "arrayMode": true, "params": ["2", "3"] })).collect();
    for change in TURNS {
        keep(&bench.proxy, &reads).await;
        bench.run(change).await;
        are_true(&bench.proxy, &reads, change).await;
    }
}

/// A database may write its texts in another encoding than those who ask; constants come in the database's.
#[tokio::test]
async fn a_text_is_the_same_in_every_encoding() {
    let postgres = cluster().await;
    let server = postgres.url().rsplit_once('/').unwrap().0.to_owned();
    let create = "CREATE DATABASE latin OWNER app ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    connect(&postgres.url()).await.batch_execute(create).await.unwrap();
    let client = connect(&format!("{server}/latin")).await;
    client.batch_execute("CREATE TABLE by_text (id text PRIMARY KEY, n int)").await.unwrap();
    publish(&client).await;
    let url = format!("{server}/latin");
    let proxy = Proxy::builder().database_url(url).env("POOL_PROXY_CACHE_MODE", "auto").start().await;
    let bench = Bench { postgres, proxy, client };
    bench.is_followed(&bench.proxy).await;
    let mut reads = Vec::new();
    // The bytes of the second are the first in UTF-8.
    for key in ["é", "Ã©", "plain"] {
        reads.push(json!({ "query": "SELECT n FROM by_text WHERE id = $1", "arrayMode": true, "params": [key] }));
        reads.push(json!({ "query": format!("SELECT n FROM by_text WHERE id = '{key}'"), "arrayMode": true }));
    }
    for change in [
        "INSERT INTO by_text VALUES ('é', 1), ('Ã©', 2), ('plain', 3)",
        "UPDATE by_text SET n = 4 WHERE id = 'é'",
        "UPDATE by_text SET n = 5 WHERE id = 'Ã©'",
        "UPDATE by_text SET n = 6 WHERE id = 'plain'",
        "DELETE FROM by_text WHERE id = 'Ã©'",
    ] {
        keep(&bench.proxy, &reads).await;
        bench.run(change).await;
        are_true(&bench.proxy, &reads, change).await;
    }
}

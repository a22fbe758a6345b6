//! What may be stored, and what it was read from.

use pool_proxy::statement::Kind;

use super::bench::Bench;

const SETUP: &str = "
CREATE TABLE docs (id int PRIMARY KEY, body text, at timestamptz DEFAULT now(), tags text[], data jsonb);
CREATE TYPE pair AS (a int, b int); CREATE TABLE pairs (p pair, l int[]);
CREATE TABLE people (id int PRIMARY KEY, name text);
CREATE VIEW plain_view AS SELECT d.id, p.name FROM docs d JOIN people p USING (id);
CREATE VIEW view_of_view AS SELECT * FROM plain_view WHERE id > 1;
CREATE VIEW dated AS SELECT *, now() AS read_at FROM docs;
CREATE VIEW dicey AS SELECT *, random() AS dice FROM docs;
CREATE VIEW dicey_twice AS SELECT * FROM dicey;
CREATE VIEW about_me AS SELECT pg_backend_pid() AS pid;
CREATE VIEW locking AS SELECT * FROM docs FOR UPDATE;
CREATE MATERIALIZED VIEW kept AS SELECT id, random() FROM docs;
CREATE SEQUENCE numbers;
CREATE FUNCTION honest(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION wild(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION wild_step(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1 + $2; END';
CREATE AGGREGATE wild_sum(int) (SFUNC = wild_step, STYPE = int, INITCOND = '0');
CREATE FUNCTION wild_less(docs, docs) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE OPERATOR <# (LEFTARG = docs, RIGHTARG = docs, FUNCTION = wild_less);
CREATE DOMAIN wild_number AS int CHECK (wild(VALUE) > 0);
CREATE TYPE boxed AS (n wild_number);
CREATE TABLE guarded (id int, owner text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (wild(id) > 0 AND EXISTS (SELECT 1 FROM people WHERE name = owner));
CREATE TABLE log (at date, line text) PARTITION BY RANGE (at);
CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
CREATE TABLE log_2024_a PARTITION OF log_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-06-01');
CREATE TEMP TABLE scratch (id int);
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE far (id int) SERVER nowhere;
CREATE TABLE trunk (id int); CREATE FOREIGN TABLE branch () INHERITS (trunk) SERVER nowhere;
";

/// "" = may be stored.
const CASES: &[(&str, &str)] = &[
    ("SELECT 1", ""),
    ("SELECT * FROM docs WHERE id = $1", ""),
    ("VALUES (1), (2)", ""),
    ("TABLE docs", ""),
    ("/* random() */ SELECT 'now()' -- FOR UPDATE", ""),
    ("SELECT now(), current_date, localtimestamp, current_user FROM docs", ""),
    (
        "WITH d AS MATERIALIZED (SELECT * FROM docs) SELECT count(*), max(id) FROM d WHERE EXISTS (SELECT 1 FROM people)",
        "",
    ),
    ("SELECT id, rank() OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM docs", ""),
    (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) CYCLE n SET c USING p SELECT * FROM t",
        "",
    ),
    ("SELECT id FROM docs UNION SELECT id FROM people ORDER BY 1 LIMIT 5", ""),
    ("SELECT tags[1], data['a'], data->>'b', ARRAY[id], ROW(id, body) FROM docs", ""),
    ("SELECT * FROM docs WHERE id = ANY ($1) AND (id, body) < (1, 'x') AND body IS DISTINCT FROM 'y'", ""),
    ("SELECT CASE id WHEN 1 THEN coalesce(body, 'z') ELSE nullif(body, 'q') END, greatest(id, 2) FROM docs", ""),
    ("SELECT id, grouping(id) FROM docs GROUP BY ROLLUP (id)", ""),
    ("SELECT * FROM xmltable('/r' PASSING xml '<r/>' COLUMNS a int PATH 'a')", ""),
    ("SELECT xmlelement(name x, body), xmlforest(id) FROM docs", ""),
    ("SELECT array_agg(id ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM docs", ""),
    (
        "SELECT body COLLATE \"C\", id IS NULL, (id > 1) IS TRUE, make_interval(days => id), at AT TIME ZONE 'UTC' FROM docs",
        "",
    ),
    ("SELECT sum(id) OVER w, ntile(2) OVER w FROM docs WINDOW w AS (PARTITION BY body ORDER BY at)", ""),
    ("SELECT log_2024_a::log, (docs).id FROM log_2024_a, docs", ""),
    ("SELECT $1::int[]::text[], '{1}'::int[]::bigint[], ROW(1, 'a') = ROW(2, 'b'), $2::text[] @> tags FROM docs", ""),
    ("SELECT grouping(id, body) FROM docs GROUP BY GROUPING SETS ((id), (body), ()), CUBE (at)", ""),
    ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SEARCH DEPTH FIRST BY n SET o SELECT * FROM t", ""),
    ("SELECT '<a/>'::xml IS DOCUMENT, xmlserialize(CONTENT '<a/>'::xml AS text), xmlparse(DOCUMENT '<a/>')", ""),
    ("SELECT DISTINCT ON (id) * FROM docs LEFT JOIN people USING (id) ORDER BY id FETCH FIRST 3 ROWS WITH TIES", ""),
    (
        "SELECT id FROM docs WHERE (id, body) IN (SELECT id, name FROM people) AND id > ALL (SELECT 1 EXCEPT SELECT 2)",
        "",
    ),
    ("SELECT u.*, ARRAY(SELECT 1) FROM docs, unnest(tags) WITH ORDINALITY u JOIN LATERAL (SELECT 1) l ON true", ""),
    ("SELECT * FROM plain_view", ""),
    ("SELECT * FROM view_of_view", ""),
    ("SELECT * FROM dated", ""),
    ("SELECT * FROM kept", ""),
    ("SELECT honest(id) FROM docs", ""),
    ("SELECT relname FROM pg_class", ""),
    ("SELECT table_name FROM information_schema.tables", "session"),
    ("SELECT $1::text::timestamptz", ""),
    ("SELECT * FROM log", ""),
    ("SELECT random()", "volatile"),
    ("SELECT * FROM dicey", "volatile"),
    ("SELECT * FROM dicey_twice", "volatile"),
    ("SELECT wild(id) FROM docs", "volatile"),
    ("SELECT * FROM docs ORDER BY wild(id)", "volatile"),
    ("SELECT wild_sum(id) FROM docs", "volatile"),
    ("SELECT wild_sum(id) OVER () FROM docs", "volatile"),
    ("SELECT docs <# docs FROM docs", "volatile"),
    ("SELECT docs <# ALL (ARRAY[docs]) FROM docs", "volatile"),
    ("SELECT * FROM docs, wild(1)", "volatile"),
    ("SELECT 1::wild_number", "volatile"),
    ("SELECT $1::wild_number", "volatile"),
    ("SELECT $1::text::wild_number[]", "volatile"),
    ("SELECT * FROM json_to_record('{\"b\":[1]}') AS x(b boxed)", "volatile"),
    ("SELECT * FROM guarded", "volatile"),
    ("SELECT id FROM docs WHERE id IN (SELECT id FROM guarded)", "volatile"),
    ("SELECT * FROM docs TABLESAMPLE bernoulli (10)", "volatile"),
    ("SELECT nextval('numbers')", "volatile"),
    ("SELECT last_value FROM numbers", "volatile"),
    ("SELECT * FROM ts_stat('SELECT NULL::tsvector')", "volatile"),
    ("SELECT query_to_xml('SELECT 1', true, true, '')", "volatile"),
    ("SELECT table_to_xml('docs', true, true, '')", "volatile"),
    ("SELECT domain_in('1', 'wild_number'::regtype, -1) IS NULL", "volatile"),
    ("SELECT pg_advisory_lock(1)", "volatile"),
    ("SELECT pg_backend_pid()", "session"),
    ("SELECT * FROM about_me", "session"),
    ("SELECT inet_client_addr()", "session"),
    ("SELECT txid_current()", "session"),
    ("SELECT pg_current_snapshot()", "session"),
    ("SELECT lastval()", "session"),
    ("SELECT name FROM pg_prepared_statements", "session"),
    ("SELECT * FROM scratch", "temporary"),
    ("SELECT id FROM docs WHERE id IN (SELECT id FROM scratch)", "temporary"),
    ("SELECT * FROM far", "foreign"),
    ("SELECT * FROM trunk", "foreign"),
    ("SELECT * FROM docs FOR UPDATE", "locks"),
    ("SELECT * FROM docs FOR KEY SHARE SKIP LOCKED", "locks"),
    ("SELECT * FROM (SELECT * FROM docs FOR SHARE) d", "locks"),
    ("SELECT * FROM locking", "locks"),
    ("INSERT INTO docs VALUES (1) RETURNING id", "writes"),
    ("INSERT INTO docs (id, at) VALUES (1, DEFAULT), (2, $1) ON CONFLICT (id) WHERE id > 0 DO NOTHING", "writes"),
    ("UPDATE pairs SET p.a = 1, l[2] = 3", "writes"),
    ("UPDATE docs SET body = 'x'", "writes"),
    ("DELETE FROM docs", "writes"),
    ("WITH d AS (DELETE FROM docs RETURNING *) SELECT * FROM d", "writes"),
    ("WITH d AS (INSERT INTO docs VALUES (1) RETURNING *) SELECT random() FROM people FOR UPDATE", "writes"),
    ("SHOW search_path", "utility"),
    ("EXPLAIN SELECT 1", "utility"),
    ("SELECT * INTO copied FROM docs", "utility"),
];

/// Of newer versions: the first that knows them.
const NEWER: &[(u32, &str, &str)] = &[
    (15_00_00, "MERGE INTO docs USING people p ON p.id = docs.id WHEN MATCHED THEN UPDATE SET body = p.name", "writes"),
    (16_00_00, "SELECT json_array(id, body), json_object('a': id RETURNING jsonb), body IS JSON FROM docs", ""),
    (16_00_00, "SELECT json_arrayagg(id ORDER BY id), json_objectagg(id: body) FROM docs", ""),
    (16_00_00, "SELECT random_normal()", "volatile"),
    (16_00_00, "SELECT pg_input_is_valid('1', 'wild_number')", "volatile"),
    (
        17_00_00,
        "SELECT json_value(data, '$.a' RETURNING int DEFAULT 0 ON EMPTY), json_exists(data, '$.b') FROM docs",
        "",
    ),
    (
        17_00_00,
        "SELECT j.* FROM docs, json_table(data, '$[*]' COLUMNS (n FOR ORDINALITY, a int PATH '$.a', \
     NESTED PATH '$.x[*]' COLUMNS (b text PATH '$'), NESTED '$.y[*]' COLUMNS (c text PATH '$'))) j",
        "",
    ),
    (17_00_00, "SELECT json_value(data, '$.a' RETURNING wild_number) FROM docs", "volatile"),
    (
        17_00_00,
        "MERGE INTO docs USING people p ON p.id = docs.id WHEN NOT MATCHED BY SOURCE THEN DELETE \
     RETURNING merge_action(), docs.*",
        "writes",
    ),
    (18_00_00, "UPDATE docs SET body = 'x' RETURNING old.body, new.body", "writes"),
    (18_00_00, "SELECT uuidv7()", "volatile"),
    (18_00_00, "SELECT id, count(*) FROM docs GROUP BY id HAVING id > 1", ""),
];

#[tokio::test]
async fn says_what_may_be_stored() {
    let bench = Bench::with(SETUP).await;
    let version = bench.version().await;
    let newer = NEWER.iter().filter(|case| version >= case.0).map(|(_, sql, expected)| (*sql, *expected));
    for (sql, expected) in CASES.iter().copied().chain(newer) {
        let verdict = bench.ask(sql).await;
        let got = verdict.cacheable.err().map_or("", |refusal| refusal.as_str());
        assert_eq!(got, expected, "{sql}: {verdict:?}");
    }
}

/// The trees Postgres ships with: every construct in them must be known.
#[tokio::test]
async fn reads_every_catalogue_view() {
    let bench = Bench::with("").await;
    let list = "SELECT string_agg(quote_ident(schemaname) || '.' || quote_ident(viewname), ' ') FROM pg_views";
    for view in bench.one(list).await.split(' ') {
        let verdict = bench.ask_typed(&format!("SELECT * FROM {view}"), &[], None).await;
        assert_eq!(verdict.kind, Kind::Select, "{view}");
    }
}

#[tokio::test]
async fn names_base_relations() {
    let bench = Bench::with(SETUP).await;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("SELECT 1", &[], &[]),
        ("SELECT * FROM docs a, docs b", &["docs"], &[]),
        ("SELECT * FROM view_of_view", &["docs", "people"], &[]),
        ("SELECT * FROM kept", &["kept"], &[]),
        ("SELECT * FROM guarded", &["guarded", "people"], &[]),
        ("SELECT * FROM log", &["log", "log_2024", "log_2024_a"], &[]),
        (
            "WITH p AS (SELECT * FROM people) UPDATE docs SET body = p.name FROM p WHERE p.id = docs.id",
            &["people"],
            &["docs"],
        ),
        ("WITH d AS (DELETE FROM docs RETURNING *) SELECT * FROM d, people", &["people"], &["docs"]),
        ("INSERT INTO log VALUES ('2024-02-01')", &[], &["log", "log_2024", "log_2024_a"]),
        ("INSERT INTO dated (id) VALUES (1)", &[], &["docs"]),
    ];
    for (sql, reads, writes) in cases {
        let verdict = bench.ask(sql).await;
        assert_eq!(verdict.reads, oids(&bench, reads).await, "read by {sql}");
        assert_eq!(verdict.writes, oids(&bench, writes).await, "written by {sql}");
    }
}

async fn oids(bench: &Bench, names: &[&str]) -> Vec<u32> {
    let mut oids = Vec::new();
    for name in names {
        oids.push(bench.oid(name).await);
    }
    oids.sort_unstable();
    oids
}

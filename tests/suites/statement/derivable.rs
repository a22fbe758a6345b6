//! What may be kept until it changes, and why the rest may not.

use pool_proxy::statement::{Kind, Safe, tells_time};

use super::bench::Bench;

const SETUP: &str = "
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN day AS date;
CREATE TABLE docs (id int PRIMARY KEY, body text, at timestamptz, tags text[], data jsonb, mood mood, day day);
CREATE TABLE people (id int PRIMARY KEY, name text, price money);
CREATE VIEW plain_view AS SELECT d.id, p.name FROM docs d JOIN people p USING (id);
CREATE VIEW dated AS SELECT *, now() AS read_at FROM docs;
CREATE TYPE moment AS (at timestamptz, n int);
CREATE UNLOGGED TABLE fast (id int);
CREATE VIEW over_fast AS SELECT * FROM fast;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM docs;
CREATE FUNCTION honest(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION \"Loud\"(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN upper($1); END';
CREATE TABLE mine (id int, owner text);
ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON mine USING (owner = current_setting('request.jwt.claims', true)::json->>'sub');
CREATE TABLE theirs (id int, owner text);
ALTER TABLE theirs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON theirs USING (owner = current_setting('app.user', true));
CREATE TABLE fresh (id int, at timestamptz);
ALTER TABLE fresh ENABLE ROW LEVEL SECURITY;
CREATE POLICY young ON fresh USING (at > now() - interval '1 day');
CREATE VIEW held AS SELECT id FROM docs WHERE xmax::text <> '0';
CREATE TABLE lockable (id int);
ALTER TABLE lockable ENABLE ROW LEVEL SECURITY;
CREATE POLICY free ON lockable USING (xmax::text = '0');
CREATE TABLE log (at date, line text) PARTITION BY RANGE (at);
CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
";

/// "" = may be kept until it changes.
const CASES: &[(&str, &str)] = &[
    ("SELECT * FROM docs WHERE id = $1", ""),
    ("SELECT * FROM plain_view", ""),
    ("SELECT 1", ""),
    ("SELECT line FROM log", ""),
    ("SELECT 'know how', 'nowhere' FROM docs", ""),
    // Casts by way of the text form
    ("SELECT id::text, body::int, data::text, (data->>'n')::numeric, at::text FROM docs", ""),
    ("SELECT $1::text::mood, $2::text[]::mood[], mood::text, body::mood FROM docs", ""),
    ("SELECT $1::text::timestamptz", "changing"),
    ("SELECT body::date FROM docs", "changing"),
    ("SELECT (data->>'at')::timestamp FROM docs", "changing"),
    ("SELECT $1::text::day", "changing"),
    ("SELECT $1::text::tstzrange", "changing"),
    ("SELECT tags::timestamptz[] FROM docs", "changing"),
    ("SELECT body::regclass FROM docs", "changing"),
    // The time
    ("SELECT now()", "changing"),
    ("SELECT current_date", "changing"),
    ("SELECT localtime", "changing"),
    ("SELECT localtimestamp(2)", "changing"),
    ("SELECT statement_timestamp()", "changing"),
    ("SELECT clock_timestamp()", "volatile"),
    ("SELECT age(at) FROM docs", "changing"),
    ("SELECT age(at, at) FROM docs", ""),
    ("SELECT localtime::timetz", "changing"),
    ("SELECT '10:00'::time::timetz", "changing"),
    ("SELECT * FROM dated", "changing"),
    ("SELECT 'now'::timestamptz", "frozen"),
    ("SELECT * FROM docs WHERE at < 'today'", "frozen"),
    ("SELECT * FROM docs WHERE at < '2024-01-01' AND at > timestamptz '2023-01-01 10:00'", ""),
    (
        "SELECT at + interval '1 day', date_trunc('day', at), extract(year FROM at), at::date, to_char(at, 'YYYY') FROM docs",
        "",
    ),
    ("SELECT date_trunc('day', at, 'Europe/Berlin'), at AT TIME ZONE 'UTC', at BETWEEN day AND day + 1 FROM docs", ""),
    ("SELECT generate_series(at, at + interval '1 day', interval '1 hour') FROM docs", ""),
    // Without a date, the offset of a time zone is today's.
    ("SELECT $1::timetz", "changing"),
    ("SELECT '10:00'::timetz", "changing"),
    ("SELECT '{10:00}'::timetz[]", "changing"),
    // What the parser of a list, a range or a row makes out of it
    ("SELECT '{n\\ow}'::timestamptz[]", "frozen"),
    ("SELECT '[n\"o\"w,)'::tstzrange", "frozen"),
    // Who asks: the key holds it
    ("SELECT current_user, session_user, current_role, current_catalog, current_schema", ""),
    ("SELECT current_setting('request.jwt.claims', true)::jsonb", ""),
    ("SELECT current_setting('REQUEST.JWT.CLAIMS')", ""),
    ("SELECT current_setting('app.user', true)", "changing"),
    ("SELECT current_setting('work_mem')", "changing"),
    ("SELECT current_setting(body, true) FROM docs", "changing"),
    ("SELECT current_setting($1)", "changing"),
    ("SELECT current_setting(NULL, false)", "changing"),
    ("SELECT current_setting('request.jwt.' || 'claims', true)", "changing"),
    ("SELECT current_setting('request.jwt.claims'), current_setting(body) FROM docs", "changing"),
    ("SELECT pg_backend_pid()", "session"),
    ("SELECT inet_client_addr()", "session"),
    ("SELECT * FROM mine", ""),
    ("SELECT * FROM theirs", "changing"),
    ("SELECT * FROM fresh", "changing"),
    // Functions
    ("SELECT lower(body), body || id, concat(body, id), format('%s', id), length(body) FROM docs", ""),
    (
        "SELECT json_agg(d), jsonb_object_agg(id, body), to_jsonb(d.*), row_to_json(d), array_to_json(array_agg(id)) FROM docs d GROUP BY d",
        "",
    ),
    ("SELECT count(*), sum(id), array_agg(id ORDER BY id), string_agg(body, ',') FROM docs", ""),
    ("SELECT to_tsvector(body) @@ plainto_tsquery('cat'), ts_headline(body, to_tsquery('cat')) FROM docs", ""),
    ("SELECT enum_range(mood), price + price, price::numeric FROM docs, people", ""),
    ("SELECT jsonb_path_query(data, '$.a'), data @> '{}', jsonb_array_elements(data), data #>> '{a}' FROM docs", ""),
    ("SELECT honest(1)", "function"),
    ("SELECT \"Loud\"('x')", "volatile"),
    ("SELECT similarity(body, 'cat') FROM docs", ""),
    ("SELECT body % 'cat' FROM docs", "function"),
    ("SELECT crypt(body, 'x'), digest(body, 'sha256') FROM docs", ""),
    ("SELECT gen_salt('bf')", "volatile"),
    ("SELECT jsonb_populate_record(NULL::docs, data) FROM docs", "changing"),
    ("SELECT * FROM jsonb_to_record('{}') AS r(at timestamptz)", "changing"),
    ("SELECT * FROM xmltable('/r' PASSING xml '<r/>' COLUMNS a int PATH 'a')", "changing"),
    ("SELECT has_table_privilege('docs', 'SELECT')", "changing"),
    ("SELECT random()", "volatile"),
    ("SELECT nextval('s')", "volatile"),
    ("SELECT txid_current()", "session"),
    ("SELECT table_to_xml('docs', true, false, '')", "volatile"),
    // Relations
    ("SELECT * FROM pg_class", "catalog"),
    ("SELECT * FROM information_schema.tables", "session"),
    ("SELECT * FROM docs WHERE EXISTS (SELECT FROM pg_roles)", "catalog"),
    ("SELECT * FROM fast", "unlogged"),
    ("SELECT * FROM docs, over_fast", "unlogged"),
    ("SELECT * FROM kept", "materialized"),
    // What the server writes down beside a row: a lock or an update that fails is in no stream.
    ("SELECT xmax FROM docs WHERE id = 1", "changing"),
    ("SELECT cmin, cmax FROM docs", "changing"),
    ("SELECT id FROM docs WHERE ctid = '(0,1)'", "changing"),
    ("SELECT p.id FROM people p LEFT JOIN docs d USING (id) GROUP BY p.id, d.xmax", "changing"),
    ("SELECT * FROM held", "changing"),
    ("SELECT id FROM lockable", "changing"),
    // Other ones only as the rows or the definitions do.
    ("SELECT xmin, tableoid::oid FROM docs", ""),
    // What is not cacheable at all
    ("SELECT * FROM docs FOR SHARE", "locks"),
    ("INSERT INTO docs (id) VALUES (1) RETURNING id", "writes"),
    ("WITH gone AS (DELETE FROM docs RETURNING id) SELECT * FROM gone", "writes"),
    ("EXPLAIN SELECT 1", "utility"),
    ("SHOW work_mem", "utility"),
];

#[tokio::test]
async fn only_what_follows_from_what_it_reads_is_kept_until_it_changes() {
    let bench = Bench::with(SETUP).await;
    bench.run("CREATE SEQUENCE s; CREATE EXTENSION pg_trgm; CREATE EXTENSION pgcrypto").await;
    for (sql, expected) in CASES {
        let verdict = bench.ask(sql).await;
        let told = verdict.derivable.err().map_or("", pool_proxy::statement::Refusal::as_str);
        assert_eq!(told, *expected, "{sql}");
        assert!(verdict.cacheable.is_ok() || verdict.derivable.is_err(), "{sql}");
    }
    if bench.version().await >= 170_000 {
        let verdict = bench.ask("SELECT json_value(data, '$.at' RETURNING timestamptz) FROM docs").await;
        assert!(verdict.derivable.is_err());
    }
}

#[tokio::test]
async fn a_function_is_vouched_for_by_its_full_name() {
    let bench = Bench::with(SETUP).await;
    let safe = |names: &[&str]| -> Safe { names.iter().map(|name| (*name).to_owned()).collect() };
    let sql = "SELECT honest(1), \"Loud\"('x') FROM docs";
    for (names, expected) in [
        (&["public.honest", "public.\"Loud\""][..], true),
        (&["public.honest"], false),
        (&["honest", "Loud"], false),
        (&["public.honest", "public.loud"], false),
    ] {
        let verdict = bench.ask_with(sql, &safe(names)).await;
        assert_eq!(verdict.derivable.is_ok(), expected, "{names:?}");
        assert_eq!(verdict.contained, expected, "{names:?}");
    }
    let verdict = bench.ask_with("SELECT now()", &safe(&["pg_catalog.now"])).await;
    assert!(verdict.derivable.is_err(), "nobody vouches for Postgres's own");
}

#[tokio::test]
async fn parameters_that_may_tell_the_time_are_known() {
    let bench = Bench::with(SETUP).await;
    let sql =
        "SELECT $1::text, $2::timestamptz, $3::mood, $4::date[], $5::int, $6::day, $7::tstzrange, $8::mood[], $9::docs";
    let verdict = bench.ask(sql).await;
    assert_eq!(verdict.timed, [1, 3, 5, 6, 8]);
    assert!(verdict.derivable.is_ok());
    for (text, of) in [
        ("now", "timestamptz"),
        ("\t NOW\n", "timestamptz"),
        ("now()", "timestamptz"),
        ("\"now\"", "timestamptz"),
        ("today 10:00", "timestamptz"),
        ("{2024-01-01,tomorrow}", "timestamptz[]"),
        ("{n\\ow}", "timestamptz[]"),
        ("{\"n\\ow\"}", "timestamptz[]"),
        ("[yesterday,)", "tstzrange"),
        ("[n\"o\"w,infinity)", "tstzrange"),
        ("{[n\\ow,)}", "tstzmultirange"),
        ("(n\"o\"w,1)", "moment"),
        ("{\"(n\\\"o\\\"w,1)\"}", "moment[]"),
        ("{\"(n\\\\ow,1)\"}", "moment[]"),
    ] {
        let is_dated = bench.one(&format!("SELECT ('{text}'::{of})::text LIKE '%20__-%'")).await;
        assert_eq!(is_dated, "t", "{text} is none for Postgres");
        assert!(tells_time(text), "{text}");
    }
    for text in ["2024-01-01", "infinity", "epoch", "allballs", "10 Nov 2024"] {
        assert!(!tells_time(text), "{text}");
    }
}

#[tokio::test]
async fn what_else_is_written_is_known_not_to_be() {
    let bench = Bench::with(
        "CREATE TABLE plain (id int PRIMARY KEY, n int DEFAULT 1 CHECK (n > 0), at timestamptz DEFAULT now());
         CREATE TABLE child (id int REFERENCES plain ON DELETE CASCADE);
         CREATE TABLE watched (id int); CREATE TABLE ruled (id int);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE TRIGGER t BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION f();
         CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO plain VALUES (1);
         CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
         CREATE FOREIGN TABLE far (id int) SERVER nowhere;
         CREATE TABLE trunk (id int); CREATE FOREIGN TABLE branch () INHERITS (trunk) SERVER nowhere",
    )
    .await;
    for (sql, expected) in [
        ("INSERT INTO plain VALUES ($1)", true),
        ("DELETE FROM plain WHERE id = $1", true),
        ("UPDATE plain SET n = n + 1, at = now() WHERE id = nextval('s')", true),
        ("SELECT * FROM plain", true),
        ("INSERT INTO watched VALUES (1)", false),
        ("INSERT INTO ruled VALUES (1)", false),
        ("INSERT INTO plain VALUES (g())", false),
        ("SELECT g()", false),
        ("SELECT query_to_xml('', true, true, '')", false),
        ("TRUNCATE plain", false),
        // Behind a wrapper there may be this database again.
        ("INSERT INTO far VALUES (1)", false),
        ("UPDATE trunk SET id = 2", false),
        ("SELECT * FROM far", false),
    ] {
        if sql.contains("nextval") {
            bench.run("CREATE SEQUENCE s").await;
        }
        let verdict = bench.ask(sql).await;
        assert_eq!(verdict.contained, expected, "{sql}");
    }
    let verdict = bench.ask("DELETE FROM plain").await;
    let mut written = [bench.oid("plain").await, bench.oid("child").await];
    written.sort_unstable();
    assert_eq!((verdict.kind, verdict.writes), (Kind::Delete, written.to_vec()));
}

#[tokio::test]
async fn a_row_that_is_written_is_known_by_the_values_it_gets() {
    let bench = Bench::with("CREATE TABLE docs (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n int)").await;
    let docs = bench.oid("docs").await;
    for (overriding, expected) in [("", 2), ("OVERRIDING SYSTEM VALUE", 2), ("OVERRIDING USER VALUE", 0)] {
        let verdict = bench.ask(&format!("INSERT INTO docs (id, n) {overriding} VALUES (1, $1)")).await;
        let pins: Vec<usize> = verdict.rows[&docs].iter().map(|place| place.pins.len()).collect();
        assert_eq!(pins, [expected], "{overriding}");
    }
}

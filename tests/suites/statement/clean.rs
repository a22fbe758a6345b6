//! What leaves nothing behind in the session.

use super::bench::Bench;

const SETUP: &str = "
CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text CHECK (length(body) < 9), n serial,
  twice int GENERATED ALWAYS AS (length(body) * 2) STORED);
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE grandchildren (id int REFERENCES children ON DELETE SET NULL);
CREATE TABLE stable_parents (id int PRIMARY KEY); CREATE TABLE stable_children (id int REFERENCES stable_parents);
CREATE FUNCTION sneaky(int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('a.b', 'x', false); RETURN $1; END $$;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('a.b', 'x', false); RETURN NEW; END $$;
CREATE TABLE stamped (id int); CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE asleep (id int); CREATE TRIGGER stamp BEFORE INSERT ON asleep FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE asleep DISABLE TRIGGER stamp;
CREATE TABLE ruled (id int); CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO parents VALUES (NEW.id);
CREATE TABLE defaulted (id int DEFAULT sneaky(1)); CREATE TABLE checked (id int CHECK (sneaky(id) > 0));
CREATE FUNCTION sneaky_fixed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN sneaky($1); END';
CREATE TABLE indexed (id int); CREATE INDEX ON indexed (sneaky_fixed(id));
CREATE DOMAIN sneaky_number AS int CHECK (sneaky(VALUE) > 0); CREATE TABLE typed (id sneaky_number);
CREATE TABLE split (id int) PARTITION BY LIST (id); CREATE TABLE split_1 PARTITION OF split FOR VALUES IN (1);
CREATE TRIGGER stamp BEFORE INSERT ON split_1 FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE roots (id int PRIMARY KEY); CREATE TABLE leaves (id int REFERENCES roots ON DELETE CASCADE);
CREATE TRIGGER stamp BEFORE DELETE ON leaves FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE VIEW over_stamped AS SELECT * FROM stamped;
CREATE VIEW instead AS SELECT 1 AS id; CREATE TRIGGER stamp INSTEAD OF INSERT ON instead FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE VIEW settled AS SELECT set_config('a.b', 'x', false) AS done;
CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (sneaky(id) > 0);
CREATE TYPE mood AS (v int);
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM sneaky(1); RETURN '1'; END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE moods (m mood[]);
CREATE FUNCTION tell() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TEMP TABLE scratch (id int);
";

const CLEAN: &[&str] = &[
    "SELECT 1",
    "SELECT now(), random(), gen_random_uuid(), clock_timestamp(), pg_sleep(0), txid_current()",
    "SELECT * FROM docs WHERE id = $1 FOR UPDATE",
    "SELECT nextval('docs_n_seq'), setval('docs_n_seq', 3)",
    "SELECT * FROM pg_locks",
    "SELECT * FROM information_schema.columns",
    "SELECT pg_notify('a', 'b')",
    "INSERT INTO docs (body) VALUES ($1)",
    "INSERT INTO parents VALUES (1) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
    "INSERT INTO asleep VALUES (1)",
    "INSERT INTO roots VALUES (1)",
    "UPDATE docs SET body = $1 WHERE id = $2",
    "DELETE FROM docs",
    "DELETE FROM parents",
    "DELETE FROM stable_parents",
    "WITH d AS (DELETE FROM docs RETURNING *) INSERT INTO parents SELECT id FROM d",
];

const UNCLEAN: &[&str] = &[
    "SELECT set_config('a.b', 'x', true)",
    "SELECT * FROM settled",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock_shared(1)",
    "SELECT setseed(0.5)",
    "SELECT pg_replication_origin_session_reset()",
    "SELECT query_to_xml('SELECT set_config(''a.b'', ''x'', false)', true, true, '')",
    "SELECT lo_create(0)",
    "SELECT sneaky(1)",
    "SELECT tell()",
    "SELECT 1::sneaky_number",
    "SELECT array_in('{1}', 'sneaky_number'::regtype, -1) IS NULL",
    "SELECT to_json(m) FROM moods",
    "SELECT to_json(moods) FROM moods",
    "SELECT * FROM guarded",
    "SELECT * FROM scratch",
    "INSERT INTO scratch VALUES (1)",
    "INSERT INTO stamped VALUES (1)",
    "INSERT INTO over_stamped VALUES (1)",
    "INSERT INTO instead VALUES (1)",
    "WITH i AS (INSERT INTO stamped VALUES (1) RETURNING *) SELECT * FROM i",
    "INSERT INTO split VALUES (1)",
    "INSERT INTO ruled VALUES (1)",
    "INSERT INTO defaulted VALUES (DEFAULT)",
    "INSERT INTO checked VALUES (1)",
    "INSERT INTO indexed VALUES (1)",
    "INSERT INTO typed VALUES (1)",
    "DELETE FROM roots",
    "INSERT INTO roots VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
    "SET a.b = 'x'",
    "LISTEN a",
    "DO 'BEGIN END'",
    "DISCARD ALL",
    "DEALLOCATE ALL",
    "CREATE TEMP TABLE t (id int)",
    "RESET ALL",
];

#[tokio::test]
async fn says_what_is_clean() {
    let bench = Bench::with(SETUP).await;
    for (list, expected) in [(CLEAN, true), (UNCLEAN, false)] {
        for sql in list {
            let verdict = bench.ask(sql).await;
            assert_eq!(verdict.clean, expected, "{sql}: {verdict:?}");
        }
    }
}

#[tokio::test]
async fn follows_cascades_to_their_tables() {
    let bench = Bench::with(SETUP).await;
    let mut expected = vec![bench.oid("parents").await, bench.oid("children").await, bench.oid("grandchildren").await];
    expected.sort_unstable();
    assert_eq!(bench.ask("DELETE FROM parents").await.writes, expected);
    assert_eq!(bench.ask("INSERT INTO parents VALUES (1)").await.writes, [bench.oid("parents").await]);
}

#[tokio::test]
async fn knows_who_reads_sequence_state() {
    let bench = Bench::with(SETUP).await;
    for (sql, expected) in [
        ("SELECT lastval()", true),
        ("INSERT INTO parents VALUES (currval('docs_n_seq'))", true),
        ("SELECT nextval('docs_n_seq')", false),
        ("SELECT 'lastval()'", false),
    ] {
        assert_eq!(bench.ask(sql).await.reads_sequence_state, expected, "{sql}");
    }
}

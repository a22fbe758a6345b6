//! Writes with an `Idempotency-Key` take effect once, whatever happens to them and however often they are sent.

mod crashes;
mod principals;
mod races;
mod repeats;
mod table;
mod words;

use harness::{Answer, Proxy, Request};
use serde_json::{Value, json};

use crate::sql::served::Served;

/// A table that counts what was done.
const TABLE: &str = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int)";

/// The COMMIT of whoever has written waits for who holds the advisory lock 7.
const GATE: &str = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int);
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(7);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION gate()";

/// How many sessions wait for an advisory lock.
const GATED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";

const INSERT: &str = "INSERT INTO t (a) VALUES (1) RETURNING id";

fn insert() -> Value {
    json!({ "query": INSERT })
}

/// A request with a key.
fn keyed(proxy: &Proxy, key: &str, body: &Value) -> Request {
    proxy.sql_request(body).header("Idempotency-Key", key)
}

/// Whether it is the answer of one that came before.
fn is_repeated(answer: &Answer) -> bool {
    match answer.header("idempotency-replayed").as_str() {
        "true" => true,
        "" => false,
        other => panic!("Idempotency-Replayed: {other}"),
    }
}

/// Sends what has been done once more: it gets the same bytes.
async fn repeats(proxy: &Proxy, key: &str, body: &Value, first: &Answer) {
    let again = keyed(proxy, key, body).send().await.expect(200);
    assert!(is_repeated(&again), "{}", again.text);
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(again.header("content-type"), first.header("content-type"));
}

/// How many rows there are.
async fn count(served: &Served) -> String {
    served.postgres("SELECT count(*) FROM t").await
}

//! A key is its principal's own; and who may not do just anything works with it like all others.

use harness::{Answer, Database, Proxy, Request, fresh_database, key_entry, random_hex};
use serde_json::{Value, json};

use super::{INSERT, is_repeated};
use crate::sql::served::batch;

/// The table is for the role, by rows; a deferred trigger says as whom it runs.
const SETUP: &str = "
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, by text DEFAULT current_user);
    CREATE TABLE ran (by text);
    CREATE FUNCTION ran() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ran VALUES (current_user);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER ran AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ran();
    CREATE ROLE ROLE_NAME;
    GRANT ALL ON t, ran TO ROLE_NAME;
    -- As a platform may have it, which gives its roles whatever is made.
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ROLE_NAME, PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO ROLE_NAME;";

/// A proxy, the secrets of its keys, and the role of two of them.
struct House {
    proxy: Proxy,
    database: Database,
    role: String,
    secrets: Vec<String>,
}

const NAMES: [&str; 5] = ["plain", "role", "same-role", "read-only", "plain-too"];

impl House {
    async fn new() -> Self {
        let database = fresh_database().await;
        let role = format!("{}_role", database.name());
        database.batch(&SETUP.replace("ROLE_NAME", &role)).await;
        let secrets: Vec<String> = NAMES.iter().map(|_| random_hex(20)).collect();
        let as_role = format!("role = \"{role}\"");
        let rights = ["", &as_role, &as_role, "read_only = true", ""];
        let entry = |((name, secret), more): ((&&str, &String), &str)| key_entry(name, secret, more);
        let config: Vec<String> = NAMES.iter().zip(&secrets).zip(rights).map(entry).collect();
        let proxy = Proxy::builder().database(&database).config(config.concat()).env("POOL_PROXY_POOL_MAX", "1");
        Self { proxy: proxy.start().await, database, role, secrets }
    }

    /// A request of one of them.
    fn request(&self, name: &str, body: &Value) -> Request {
        let at = NAMES.iter().position(|known| *known == name).unwrap();
        self.proxy.request("POST", "/sql").bearer(&self.secrets[at]).json(body)
    }

    async fn keyed(&self, name: &str, key: &str, body: &Value) -> Answer {
        self.request(name, body).header("Idempotency-Key", key).send().await
    }

    async fn value(&self, sql: &str) -> String {
        self.database.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn end(self) {
        drop(self.proxy);
        let role = &self.role;
        self.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

#[tokio::test]
async fn two_who_choose_the_same_key_do_not_meet() {
    let house = House::new().await;
    let mut seen = Vec::new();
    for name in ["plain", "role", "same-role", "plain-too"] {
        let first = house.keyed(name, "k", &json!({ "query": INSERT })).await.expect(200);
        assert!(!is_repeated(&first), "{name}");
        let again = house.keyed(name, "k", &json!({ "query": INSERT })).await.expect(200);
        assert!(is_repeated(&again) && again.bytes == first.bytes, "{name}");
        assert!(!seen.contains(&first.text), "{name}");
        seen.push(first.text);
        // Another's request is not held against it.
        let other = house.keyed(name, "k", &batch(&[INSERT])).await.expect(422);
        assert!(other.text.contains("was another one"));
    }
    assert_eq!(house.value("SELECT count(*)::text FROM t").await, "4");
    house.end().await;
}

#[tokio::test]
async fn a_role_writes_as_itself_until_the_commit() {
    let house = House::new().await;
    for body in [json!({ "query": INSERT }), batch(&[INSERT, "SELECT current_user::text AS me"])] {
        for key in ["a", "b", "c"] {
            let key = format!("{key}{}", body.to_string().len());
            let first = house.keyed("role", &key, &body).await.expect(200);
            let again = house.keyed("role", &key, &body).await.expect(200);
            assert!(is_repeated(&again) && again.bytes == first.bytes, "{}", again.text);
        }
    }
    let as_it = format!("SELECT (count(*) = 6 AND bool_and(by = '{}'))::text FROM ", house.role);
    assert_eq!(house.value(&format!("{as_it} t")).await, "true");
    // What waits for the COMMIT, too.
    assert_eq!(house.value(&format!("{as_it} ran")).await, "true");
    // The connection is the login role's again.
    let plain = house.request("plain", &json!({ "query": "SELECT current_user = session_user AS same" }));
    assert_eq!(plain.send().await.expect(200).body["rows"][0]["same"], true);
    house.end().await;
}

#[tokio::test]
async fn an_error_of_a_role_frees_the_key() {
    let house = House::new().await;
    let failing = batch(&[INSERT, "SELECT 1 / (SELECT 0)"]);
    for _ in 0..3 {
        assert_eq!(house.keyed("role", "k", &failing).await.expect(400).body["queryIndex"], 1);
        let refused = json!({ "query": "SELECT set_config('role', 'none', true)" });
        house.keyed("role", "k", &refused).await.expect(403);
    }
    assert!(!is_repeated(&house.keyed("role", "k", &json!({ "query": INSERT })).await.expect(200)));
    house.end().await;
}

#[tokio::test]
async fn nobody_who_is_restricted_reads_or_writes_the_table() {
    let house = House::new().await;
    house.keyed("plain", "k", &json!({ "query": INSERT })).await.expect(200);
    house.database.batch("CREATE VIEW around AS SELECT * FROM pool_proxy.idempotency").await;
    for query in [
        "SELECT * FROM pool_proxy.idempotency",
        "SELECT count(*) FROM pool_proxy.idempotency",
        "WITH x AS (SELECT outcome FROM pool_proxy.idempotency) SELECT * FROM x",
        "SELECT table_to_xml('pool_proxy.idempotency', true, true, '')",
        "UPDATE pool_proxy.idempotency SET outcome = ''",
        "DELETE FROM pool_proxy.idempotency",
        "INSERT INTO pool_proxy.idempotency (scope, key, request, expires_at) VALUES ('', 'k', '', now())",
        "SELECT * FROM around",
    ] {
        for name in ["role", "read-only"] {
            // A function that is given the name of what it reads has the rights of its caller, as anywhere else.
            if name == "read-only" && query.contains("table_to_xml") {
                continue;
            }
            for body in [json!({ "query": query }), batch(&[query])] {
                for keyed in [false, true] {
                    let request = house.request(name, &body);
                    let request = if keyed { request.header("Idempotency-Key", "t") } else { request };
                    let answer = request.send().await;
                    assert!(matches!(answer.status.as_u16(), 400 | 403), "{name} {query}: {}", answer.text);
                }
            }
        }
    }
    assert_eq!(
        house.value("SELECT (count(*) = 1 AND bool_and(outcome <> ''))::text FROM pool_proxy.idempotency").await,
        "true"
    );
    house.database.batch("DROP VIEW around").await;
    house.end().await;
}

#[tokio::test]
async fn who_only_reads_reads_each_time() {
    let house = House::new().await;
    for _ in 0..2 {
        let answer = house.keyed("read-only", "k", &json!({ "query": "SELECT 1 AS one" })).await.expect(200);
        assert!(!is_repeated(&answer));
        assert_eq!(house.keyed("read-only", "k", &json!({ "query": INSERT })).await.expect(400).body["code"], "25006");
    }
    house.end().await;
}

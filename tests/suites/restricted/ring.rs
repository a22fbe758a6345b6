//! A proxy whose file has restricted keys.

use harness::{Answer, Database, Proxy, fresh_database, key_entry, random_hex};
use serde_json::{Value, json};

use crate::sql::served::{batch, first_value};

/// The proxy, and the secrets of its keys.
pub(super) struct Ring {
    pub(super) proxy: Proxy,
    pub(super) database: Database,
    /// The Postgres role of `role` and `role_read_only`: it may read and write `docs`, and nothing else.
    pub(super) role: String,
    /// `read_only = true` and no role.
    pub(super) read_only: String,
    /// A role.
    pub(super) as_role: String,
    /// Both.
    pub(super) as_role_read_only: String,
}

const SETUP: &str = "
CREATE TABLE docs (id serial PRIMARY KEY, owner text, body text);
CREATE TABLE closed (secret text);
INSERT INTO docs (owner, body) VALUES ('ROLE_NAME', 'mine'), ('somebody', 'theirs');
INSERT INTO closed VALUES ('hidden');
CREATE ROLE ROLE_NAME;
GRANT SELECT, INSERT, UPDATE, DELETE ON docs TO ROLE_NAME;
GRANT USAGE ON SEQUENCE docs_id_seq TO ROLE_NAME;
";

impl Ring {
    /// With `setup` after the usual tables; `ROLE_NAME` in it is the role's name. One connection serves all keys.
    pub(super) async fn with(setup: &str) -> Self {
        let database = fresh_database().await;
        // Roles belong to the whole cluster: one of this database's own.
        let role = format!("{}_role", database.name());
        database.batch(&format!("{SETUP}{setup}").replace("ROLE_NAME", &role)).await;
        let secrets: Vec<String> = (0..3).map(|_| random_hex(20)).collect();
        let as_role = format!("role = \"{role}\"");
        let config = [
            key_entry("read-only", &secrets[0], "read_only = true"),
            key_entry("role", &secrets[1], &as_role),
            key_entry("role-read-only", &secrets[2], &format!("read_only = true\n{as_role}")),
        ];
        let proxy = Proxy::builder().database(&database).config(config.concat()).env("POOL_PROXY_POOL_MAX", "1");
        let proxy = proxy.start().await;
        let [read_only, as_role, as_role_read_only] = <[String; 3]>::try_from(secrets).unwrap();
        Self { proxy, database, role, read_only, as_role, as_role_read_only }
    }

    pub(super) async fn plain() -> Self {
        Self::with("").await
    }

    /// The answer of a key to one statement.
    pub(super) async fn ask(&self, key: &str, query: &str) -> Answer {
        self.send(key, &json!({ "query": query })).await
    }

    /// The answer of a key to statements in one transaction.
    pub(super) async fn ask_batch(&self, key: &str, queries: &[&str]) -> Answer {
        self.send(key, &batch(queries)).await
    }

    pub(super) async fn send(&self, key: &str, body: &Value) -> Answer {
        self.proxy.request("POST", "/sql").bearer(key).json(body).send().await
    }

    /// The first value of the first row, of a statement that works.
    pub(super) async fn value(&self, key: &str, query: &str) -> Value {
        first_value(query, &self.send(key, &json!({ "query": query, "arrayMode": true })).await)
    }

    /// Drops what outlives the database.
    pub(super) async fn end(self) {
        drop(self.proxy);
        let role = &self.role;
        self.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

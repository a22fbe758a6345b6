//! One session on a fresh database, and the two ways to ask.

use pool_proxy::statement::{Safe, Verdict, analyse};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

/// A session to ask on, and the database that lives as long as it does.
pub(super) struct Bench {
    pub(super) client: Client,
    database: harness::Database,
}

impl Bench {
    /// A fresh database after `setup`.
    pub(super) async fn with(setup: &str) -> Self {
        let database = harness::fresh_database().await;
        let client = connect(&database.url()).await;
        let bench = Self { client, database };
        bench.run(setup).await;
        bench
    }

    pub(super) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Another session on the same database.
    pub(super) async fn another(&self) -> Client {
        connect(&self.database.url()).await
    }

    pub(super) async fn ask(&self, sql: &str) -> Verdict {
        self.ask_as(sql, None).await
    }

    /// As the pool does it: Prepare, then analyse; and the session must be idle and as it was afterwards.
    pub(super) async fn ask_as(&self, sql: &str, role: Option<&str>) -> Verdict {
        let prepared = self.client.prepare(sql).await.unwrap_or_else(|error| panic!("prepare {sql}: {error:?}"));
        self.ask_typed(sql, prepared.params(), role).await
    }

    /// With functions that somebody vouches for.
    pub(super) async fn ask_with(&self, sql: &str, safe: &Safe) -> Verdict {
        let prepared = self.client.prepare(sql).await.unwrap_or_else(|error| panic!("prepare {sql}: {error:?}"));
        analyse(&self.client, sql, prepared.params(), None, safe).await.expect("a verdict")
    }

    pub(super) async fn ask_typed(&self, sql: &str, params: &[Type], role: Option<&str>) -> Verdict {
        let state = "SELECT current_user, current_setting('search_path'), current_setting('check_function_bodies')";
        let before = self.one(state).await;
        let verdict = analyse(&self.client, sql, params, role, &Safe::default())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let after = self.one(state).await;
        assert_eq!(before, after, "the session changed: {sql}");
        // In a transaction block this would warn only; outside of one it is an error.
        assert!(self.client.batch_execute("SAVEPOINT probe").await.is_err(), "a transaction is open: {sql}");
        let left =
            self.one("SELECT count(*) FROM pg_catalog.pg_proc WHERE proname = 'pool_proxy_statement_probe'").await;
        assert_eq!(left, "0", "the probe is still there: {sql}");
        verdict
    }

    /// The first row, its columns joined.
    pub(super) async fn one(&self, sql: &str) -> String {
        use tokio_postgres::SimpleQueryMessage::Row;
        let messages = self.client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let row = messages.iter().find_map(|message| if let Row(row) = message { Some(row) } else { None });
        let row = row.expect("a row");
        (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect::<Vec<_>>().join("|")
    }

    pub(super) async fn oid(&self, relation: &str) -> u32 {
        self.one(&format!("SELECT '{relation}'::regclass::oid")).await.parse().expect("an oid")
    }

    pub(super) async fn version(&self) -> u32 {
        self.one("SHOW server_version_num").await.parse().expect("a number")
    }

    /// Roles belong to the whole cluster: a name of this database's own.
    pub(super) async fn role(&self, rights: &str) -> String {
        let name = format!("{}_reader", self.one("SELECT current_database()").await);
        self.run(&format!("CREATE ROLE {name} NOLOGIN; {}", rights.replace("ROLE", &name))).await;
        name
    }

    pub(super) async fn drop_role(&self, role: &str) {
        self.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

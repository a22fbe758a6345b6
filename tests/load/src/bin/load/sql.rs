//! One plain connection to Postgres for the driver's own questions, blocking.

use load::{Failure, Outcome};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// Runs statements one after the other; the connection ends with it.
pub(crate) struct Sql {
    runtime: Runtime,
    client: Client,
}

impl Sql {
    pub(crate) fn connect(url: &str) -> Outcome<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, Failure>(client)
        });
        let client = client.map_err(|failure| format!("cannot reach the benchmark's Postgres: {failure}"))?;
        Ok(Self { runtime, client })
    }

    pub(crate) fn run(&self, statement: &str) -> Outcome<()> {
        let done = self.runtime.block_on(self.client.batch_execute(statement));
        done.map_err(|failure| format!("{statement}: {failure}").into())
    }

    pub(crate) fn text(&self, query: &str) -> Outcome<String> {
        Ok(self.runtime.block_on(self.client.query_one(query, &[]))?.try_get(0)?)
    }

    /// Client connections to `database`; this one must be to another.
    pub(crate) fn connections_to(&self, database: &str) -> Outcome<i64> {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = $1";
        Ok(self.runtime.block_on(self.client.query_one(count, &[&database]))?.try_get(0)?)
    }
}

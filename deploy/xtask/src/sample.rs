//! The sample schema that `dev` puts into its private Postgres.

use harness::Error;
use tokio_postgres::NoTls;

const SCHEMA: &str = include_str!("../sample.sql");

/// Applies the schema over the direct URL.
pub(crate) fn apply(url: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::doing("starting a runtime"))?;
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(Error::doing("connecting to the private Postgres"))?;
        let connection = tokio::spawn(connection);
        let applied = client.batch_execute(SCHEMA).await;
        applied.map_err(Error::doing("applying deploy/xtask/sample.sql"))?;
        drop(client);
        let _ = connection.await;
        Ok(())
    })
}

//! What `dev` puts into its private Postgres: the edge API's tables, and some people and posts in them.

use harness::Error;
use tokio_postgres::NoTls;

use crate::migrate;

const DATA: &str = include_str!("../sample.sql");

/// Applies the migrations and then the sample data, over the direct URL.
pub(crate) fn apply(url: &str) -> Result<(), Error> {
    migrate::apply(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::doing("starting a runtime"))?;
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(Error::doing("connecting to the private Postgres"))?;
        let connection = tokio::spawn(connection);
        let applied = client.batch_execute(DATA).await;
        applied.map_err(Error::doing("applying deploy/xtask/sample.sql"))?;
        drop(client);
        let _ = connection.await;
        Ok(())
    })
}

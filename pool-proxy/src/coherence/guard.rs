//! Keeps the publication from standing in the way of anybody's writes.
//!
//! A table that was published with a replica identity may lose it: its primary key is dropped, or a partition comes that has
//! none. From then on Postgres refuses UPDATE and DELETE on it
//! (<https://www.postgresql.org/docs/current/logical-replication-publication.html>). Nothing can keep that from happening but
//! the table's leaving the publication, so it is taken out as soon as that is seen.

use std::collections::BTreeSet;

use tracing::warn;

use super::install::Standing;
use super::look::Eye;
use super::{Coherence, Stop};

/// Writes do not wait for the lock that this takes, nor it for them; a long ALTER TABLE or VACUUM is not waited for.
const LOCK_TIMEOUT: &str = "500ms";

/// What became of tables that refuse writes.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// Those that were told of, so that it is not said at each look.
    told: BTreeSet<String>,
}

impl Coherence {
    /// Takes tables out of the publication that refuse writes because of it. Whatever is left over is tried again at the next
    /// look.
    pub(super) async fn clear(&self, eye: &mut Eye) -> Result<(), Stop> {
        let standing = eye.standing(&self.publication).await?;
        let is_owned = standing.publication.as_ref().is_some_and(|publication| publication.is_owned);
        let refusing: BTreeSet<String> = standing.refusing().map(str::to_owned).collect();
        eye.guard.told.retain(|table| refusing.contains(table));
        eye.is_cleared = true;
        for table in refusing {
            let (database, publication) = (&self.database.name, &self.publication);
            let dropped =
                if is_owned { eye.drop_table(publication, &table).await? } else { Err("not its owner".to_owned()) };
            let is_news = eye.guard.told.insert(table.clone());
            match dropped {
                Ok(()) => warn!(
                    %database,
                    "{table} has lost its replica identity, so Postgres refused UPDATE and DELETE on it: it is taken out of the \
                     publication {publication}, and answers from it are kept for their time only. `pool-proxy coherence apply` \
                     puts it back once it has one"
                ),
                Err(why) => {
                    // An owner who comes later is noticed by the change of the publication itself.
                    eye.is_cleared &= !is_owned;
                    if is_news {
                        warn!(
                            %database,
                            "Postgres refuses UPDATE and DELETE on {table}, which has lost its replica identity and is in the \
                             publication {publication}; it cannot be taken out ({why}): run `pool-proxy coherence apply` as the \
                             publication's owner"
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

impl Eye {
    /// How things stand with the publication and its tables.
    async fn standing(&mut self, publication: &str) -> Result<Standing, Stop> {
        let server = self.server().await?;
        let asked = tokio::time::timeout(super::look::PATIENCE, Standing::ask(server.client(), publication)).await;
        let standing = asked.map_err(|_| super::look::lost())?.map_err(|error| super::look::refused(&error))?;
        self.rest().await;
        Ok(standing)
    }

    /// Takes a table out of the publication; or says why that is not to be had now.
    async fn drop_table(&mut self, publication: &str, table: &str) -> Result<Result<(), String>, Stop> {
        let server = self.server().await?;
        let sql = format!(
            "BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; ALTER PUBLICATION \"{publication}\" DROP TABLE ONLY {table}; COMMIT"
        );
        let work = async {
            let dropped = server.client().batch_execute(&sql).await;
            if dropped.is_err() {
                server.client().batch_execute("ROLLBACK").await.map_err(|_| super::look::lost())?;
            }
            Ok(dropped.map_err(|error| {
                error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
            }))
        };
        let outcome = tokio::time::timeout(super::look::PATIENCE, work).await.map_err(|_| super::look::lost())?;
        self.rest().await;
        outcome
    }
}

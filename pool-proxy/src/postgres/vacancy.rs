//! How many more connections the server would take.

use tokio_postgres::SimpleQueryMessage;

use super::query::QueryError;
use super::server::Server;

/// By the limits of the role, of the database and of the server. Superusers are bound by the last alone, and may take
/// what is reserved there (<https://www.postgresql.org/docs/current/runtime-config-connection.html>).
const VACANCIES: &str = "SELECT CASE WHEN r.rolsuper THEN m.most - m.there ELSE least(\
        m.most - m.there - m.reserved, \
        nullif(r.rolconnlimit, -1) - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
            WHERE usesysid = r.oid AND backend_type = 'client backend'), \
        nullif(d.datconnlimit, -1) - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
            WHERE datid = d.oid AND usesysid IS NOT NULL)) END \
    FROM pg_catalog.pg_roles AS r, pg_catalog.pg_database AS d, \
        (SELECT pg_catalog.current_setting('max_connections')::int AS most, \
            pg_catalog.current_setting('superuser_reserved_connections')::int \
                + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int AS reserved, \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
                WHERE usesysid IS NOT NULL AND datid IS NOT NULL) AS there) AS m \
    WHERE r.rolname = session_user AND d.datname = pg_catalog.current_database()";

impl Server {
    /// How many more connections this one's role could open, as far as it can see; about, since others come and go.
    ///
    /// # Errors
    /// What Postgres says, or that the connection is gone.
    pub async fn vacancies(&self) -> Result<i64, QueryError> {
        let messages = self.client().simple_query(VACANCIES).await.map_err(QueryError::from)?;
        let found = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        found.ok_or(QueryError::Closed)
    }
}

//! Does the server have as many connections as the pools may open, and are there enough.

use pool_proxy::config::{Config, DatabaseConfig};
use tokio_postgres::Client;

use super::ask;
use super::finding::Findings;
use super::keys;

pub(super) async fn examine(client: &Client, config: &Config, database: &DatabaseConfig, findings: &mut Findings) {
    const CHECK: &str = "connections";
    // reserved_connections came with Postgres 16. Superusers have no limit of their own.
    const SQL: &str = "SELECT current_setting('max_connections'), \
        (current_setting('superuser_reserved_connections')::int \
            + coalesce(current_setting('reserved_connections', true), '0')::int)::text, \
        (CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END)::text, \
        (CASE WHEN rolsuper THEN -1 ELSE datconnlimit END)::text \
        FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()";
    second(config, database, findings);
    let numbers = match ask::row::<4>(client, SQL, &[]).await {
        Ok(texts) => texts.map(|text| text.parse::<i64>().unwrap_or(-1)),
        Err(error) => return findings.unknown(CHECK, &error),
    };
    let [max, reserved, of_role, of_database] = numbers;
    let address = database.target.address();
    let same_server = |other: &&DatabaseConfig| other.target.address() == address;
    let same_login = |other: &&DatabaseConfig| other.target.user() == database.target.user();
    let sum = |others: &mut dyn Iterator<Item = &DatabaseConfig>| {
        others.map(|other| i64::try_from(other.pool.max).unwrap_or(i64::MAX)).fold(0, i64::saturating_add)
    };
    let on_server = sum(&mut config.databases.iter().filter(same_server));
    let of_login = sum(&mut config.databases.iter().filter(same_server).filter(same_login));
    let ours = sum(&mut std::iter::once(database));
    let free = max - reserved;
    compare(findings, CHECK, on_server, free, &format!("max_connections {max} less {reserved} reserved"));
    if of_role >= 0 {
        let limit = format!("the CONNECTION LIMIT of the role {}", database.target.user());
        compare(findings, "role's connections", of_login, of_role, &limit);
    }
    if of_database >= 0 {
        compare(findings, "database's connections", ours, of_database, "the CONNECTION LIMIT of the database");
    }
}

/// Whoever is restricted needs a second connection for a moment, where a statement in its transaction is new.
fn second(config: &Config, database: &DatabaseConfig, findings: &mut Findings) {
    let (max, transactions) = (database.pool.max, database.pool.transactions);
    if transactions < max {
        return;
    }
    if let Some(bearer) = keys::of(config, database).iter().find(|bearer| bearer.restricted) {
        let said = format!(
            "interactive transactions may hold all connections (pool.transactions {transactions} of pool.max {max}), and one of {} \
             needs another one for a statement that is new: raise pool.max or lower pool.transactions",
            bearer.check
        );
        findings.warn("transactions", said);
    }
}

/// More than the server has fails; nearly all of them leaves none for others.
fn compare(findings: &mut Findings, check: &str, wanted: i64, available: i64, limit: &str) {
    let said = format!("pool.max {wanted} of {available} ({limit})");
    if wanted > available {
        findings.fail(check, format!("{said}; lower pool.max or raise the limit"));
    } else if wanted.saturating_mul(100) > available.saturating_mul(80) {
        findings.warn(check, format!("{said}: over 80 %; little is left for others, or for a second proxy"));
    } else {
        findings.fine(check, said);
    }
}

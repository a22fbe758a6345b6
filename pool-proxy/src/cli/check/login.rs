//! The role that logs in: what it may, and for restricted keys that it may nothing by itself.

use pool_proxy::config::{Config, DatabaseConfig};
use tokio_postgres::Client;

use super::ask;
use super::finding::Findings;

pub(super) async fn examine(client: &Client, config: &Config, database: &DatabaseConfig, findings: &mut Findings) {
    const CHECK: &str = "login role";
    const SQL: &str = "SELECT rolsuper::text, rolbypassrls::text, rolinherit::text, \
        has_database_privilege(current_database(), 'TEMPORARY')::text FROM pg_roles WHERE rolname = session_user";
    let [superuser, bypasses, inherits, temporary] = match ask::row::<4>(client, SQL, &[]).await {
        Ok(texts) => texts.map(|text| ask::truth(&text)),
        Err(error) => return findings.unknown(CHECK, &error),
    };
    let user = database.target.user();
    if superuser {
        findings.warn(CHECK, format!("{user} is a superuser: a leaked key could run programs on the server"));
    } else if bypasses {
        findings.warn(CHECK, format!("{user} has BYPASSRLS: no row-level security holds for it"));
    } else {
        findings.fine(CHECK, format!("{user} is no superuser and is under row-level security"));
    }
    if temporary {
        findings.fine("statement analysis", "TEMPORARY is granted");
    } else {
        findings.warn(
            "statement analysis",
            format!(
                "{user} may not make temporary objects, which the analysis needs: nothing is cached and restricted \
                 keys are refused; GRANT TEMPORARY ON DATABASE ... TO {user}"
            ),
        );
    }
    if let Some(bearer) = super::keys::of(config, database).iter().find(|bearer| bearer.restricted) {
        own_rights(client, (user, &bearer.check), superuser, inherits, findings).await;
    }
}

/// A statement that escaped its role should find nothing to read.
async fn own_rights(
    client: &Client,
    (user, bearer): (&str, &str),
    superuser: bool,
    inherits: bool,
    findings: &mut Findings,
) {
    const CHECK: &str = "login's own rights";
    // SET ROLE is not inheriting: these are the rights of the login itself, and those it inherits.
    const SQL: &str = "SELECT count(*)::text, coalesce(min(c.oid::regclass::text), '') \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%' \
        AND n.nspname <> 'information_schema' \
        AND has_table_privilege(session_user, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')";
    let rights = match ask::row::<2>(client, SQL, &[]).await {
        _ if superuser => Some("every right".to_owned()),
        Ok([count, _]) if count == "0" => None,
        Ok([count, example]) => Some(format!("rights on {count} tables, such as {example}")),
        Err(error) => return findings.unknown(CHECK, &error),
    };
    if let Some(rights) = rights {
        findings.warn(
            CHECK,
            format!(
                "the {bearer} is restricted, but {user} itself has {rights}: give such a database \
                 entry whose login has none (deploy/grants.sql)"
            ),
        );
    } else if inherits {
        findings.warn(CHECK, format!("{user} inherits what its roles will be granted: ALTER ROLE {user} NOINHERIT"));
    } else {
        findings.fine(CHECK, format!("{user} has none, and inherits none"));
    }
}

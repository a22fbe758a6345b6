//! Keys and issuers: does each one's role exist, may the login become it, and can a read-only one really not write.

use std::time::{Duration, SystemTime};

use pool_proxy::auth::KeyEntry;
use pool_proxy::config::{Config, DatabaseConfig};
use tokio_postgres::Client;

use super::ask;
use super::finding::Findings;

/// An expiry this near is worth a word.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Whoever may use a database: a key, or the tokens of an issuer with one of their roles.
pub(super) struct Bearer<'a> {
    /// What the report calls it.
    pub(super) check: String,
    /// Whether it runs only what cannot get out.
    pub(super) restricted: bool,
    role: Option<&'a str>,
    read_only: bool,
}

/// All that may use a database.
pub(super) fn of<'a>(config: &'a Config, database: &DatabaseConfig) -> Vec<Bearer<'a>> {
    let keys =
        config.keys.iter().map(|key| &key.principal).filter(|principal| principal.databases.contain(&database.name));
    let keys = keys.map(|principal| Bearer {
        check: format!("key \"{}\"", principal.name),
        restricted: principal.is_restricted(),
        role: principal.role.as_deref(),
        read_only: principal.read_only,
    });
    let issuers = config.issuers.iter().filter(|issuer| issuer.databases.contain(&database.name));
    let issuers = issuers.flat_map(|issuer| {
        issuer.all_roles().map(|role| Bearer {
            check: format!("issuer \"{}\"", issuer.name),
            restricted: true,
            role: Some(role),
            read_only: issuer.read_only,
        })
    });
    keys.chain(issuers).collect()
}

/// Keys that are refused, or will be soon.
pub(super) fn expiry(findings: &mut Findings, keys: &[KeyEntry]) {
    let now = SystemTime::now();
    for key in keys {
        let Some(end) = key.expires else { continue };
        let check = format!("key \"{}\"", key.principal.name);
        let date = humantime::format_rfc3339_seconds(end);
        match end.duration_since(now) {
            // Loading the configuration has warned of it.
            Err(_) => {}
            Ok(left) if left < SOON => findings.warn(check, format!("expires at {date}: make another in time")),
            Ok(_) => findings.fine(check, format!("expires at {date}")),
        }
    }
}

/// What the database knows of the keys' roles.
pub(super) async fn examine(client: &Client, config: &Config, database: &DatabaseConfig, findings: &mut Findings) {
    let login = database.target.user();
    for Bearer { check, role, read_only, .. } in of(config, database) {
        if let Some(role) = role
            && !may_become(client, &check, login, role, findings).await
        {
            continue;
        }
        if read_only {
            cannot_write(client, &check, role.unwrap_or(login), role.is_none(), findings).await;
        }
    }
}

/// Whether the login may run statements as the role.
async fn may_become(client: &Client, check: &str, user: &str, role: &str, findings: &mut Findings) -> bool {
    // Since Postgres 16 a membership may come without the right to SET ROLE.
    const SQL: &str = "SELECT pg_has_role(session_user, r.oid, \
        CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)::text, \
        r.rolsuper::text, r.rolbypassrls::text FROM pg_roles r WHERE r.rolname = $1::text";
    let found = match ask::rows(client, SQL, &[&role]).await {
        Ok(rows) => rows,
        Err(error) => {
            findings.unknown(check, &error);
            return false;
        }
    };
    let Some(row) = found.first() else {
        findings.fail(check, format!("there is no role \"{role}\"; CREATE ROLE \"{role}\" or name another"));
        return false;
    };
    let column = |index| row.try_get::<_, String>(index).is_ok_and(|text| ask::truth(&text));
    if !column(0) {
        findings.fail(check, format!("{user} may not SET ROLE to \"{role}\"; GRANT \"{role}\" TO {user}"));
        return false;
    }
    if column(1) {
        findings.fail(check, format!("its role \"{role}\" is a superuser, so that nothing restricts it"));
    } else if column(2) {
        findings.warn(check, format!("its role \"{role}\" has BYPASSRLS: no row-level security holds for it"));
    } else {
        findings.fine(check, format!("{user} may SET ROLE to \"{role}\""));
    }
    true
}

/// READ ONLY can be escaped by a statement that leaves the transaction's own rules alone: a read-only key is one whose
/// role has no right to write.
async fn cannot_write(client: &Client, check: &str, role: &str, is_login: bool, findings: &mut Findings) {
    const SQL: &str = "SELECT 'is a superuser' FROM pg_roles WHERE rolname = $1::text AND rolsuper \
        UNION ALL SELECT 'may create schemas' \
            WHERE has_database_privilege($1::text::name, current_database(), 'CREATE') \
        UNION ALL SELECT 'may create objects in the schema ' || quote_ident(nspname) FROM pg_namespace \
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' \
            AND has_schema_privilege($1::text::name, oid, 'CREATE') \
        UNION ALL SELECT 'may write to ' || c.oid::regclass::text \
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT LIKE 'pg\\_%' \
            AND n.nspname <> 'information_schema' \
            AND (has_table_privilege($1::text::name, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
                OR has_any_column_privilege($1::text::name, c.oid, 'INSERT, UPDATE')) \
        UNION ALL SELECT 'is a member of ' || rolname FROM pg_roles \
            WHERE rolname IN ('pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data') \
            AND pg_has_role($1::text::name, oid, 'USAGE')";
    let rights = match ask::rows(client, SQL, &[&role]).await {
        Ok(rows) => rows,
        Err(error) => return findings.unknown(check, &error),
    };
    let rights: Vec<String> = rights.iter().filter_map(|row| row.try_get(0).ok()).collect();
    let whose = if is_login { "names no role, and the login" } else { "is read-only, but its role" };
    match rights.first() {
        None if is_login => findings.warn(
            check,
            format!("reads as the login \"{role}\", which has no right to write; name a role all the same"),
        ),
        None => findings.fine(check, format!("its role \"{role}\" has no right to write")),
        Some(first) => {
            let more = match rights.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            findings.fail(check, format!("{whose} \"{role}\" {first}{more}; see web_read in deploy/grants.sql"));
        }
    }
}

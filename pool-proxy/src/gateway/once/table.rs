//! The table of what was done once: how it is made, and all that is asked of it.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, Error};

/// A row whose outcome is NULL is never seen by others: it is written in the transaction that writes the row.
const CREATE: [&str; 5] = [
    // IF NOT EXISTS would ask for the right to make one where it is there already.
    "DO $$ BEGIN IF pg_catalog.to_regnamespace('pool_proxy') IS NULL THEN CREATE SCHEMA pool_proxy; END IF; END $$",
    "CREATE TABLE IF NOT EXISTS pool_proxy.idempotency (scope bytea, key text COLLATE \"C\", request bytea NOT NULL, \
     outcome bytea, created_at timestamptz NOT NULL DEFAULT pg_catalog.now(), expires_at timestamptz NOT NULL, \
     PRIMARY KEY (scope, key))",
    "CREATE INDEX IF NOT EXISTS idempotency_expires_at ON pool_proxy.idempotency (expires_at)",
    // A platform's default privileges may give its roles every new table.
    "DO $$ DECLARE name text; BEGIN FOR name IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' \
     ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END \
     FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a WHERE c.oid = 'pool_proxy.idempotency'::pg_catalog.regclass \
     AND a.grantee <> c.relowner LOOP EXECUTE 'REVOKE ALL ON pool_proxy.idempotency FROM ' || name; END LOOP; END $$",
    "COMMENT ON TABLE pool_proxy.idempotency IS 'Outcomes of writes that were sent with an Idempotency-Key'",
];

/// What is to be run so that the table is there; nothing if it is.
///
/// # Errors
/// What the database says.
pub async fn to_apply(client: &Client) -> Result<Vec<String>, Error> {
    const IS_THERE: &str = "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = 'pool_proxy' AND c.relname = 'idempotency'";
    let is_there = !client.query_typed(IS_THERE, &[]).await?.is_empty();
    Ok(if is_there { Vec::new() } else { CREATE.map(str::to_owned).into() })
}

/// Makes it, all or nothing, as one text runs; one at a time, since of two that find no schema at the same moment one would
/// fail.
pub(in crate::gateway) fn create() -> String {
    format!("SELECT pg_catalog.pg_advisory_xact_lock(7236847716284532071); {}", CREATE.join("; "))
}

/// What is asked of it, each with its parameters.
pub(in crate::gateway) struct Texts {
    /// Scope, key, request, lock: takes the key, or fails at once. Whoever is behind a request that still runs would have to
    /// wait for its end, holding a connection, so it is told by a lock that nobody waits for. That lock goes when the
    /// transaction has ended for everybody to see, and the primary key looks at what is there, not at the transaction's
    /// snapshot: so it finds what was committed meanwhile, also under REPEATABLE READ and SERIALIZABLE.
    pub(in crate::gateway) claim: Arc<str>,
    /// Scope, key, request: whether it was the same request, and its outcome then; no row if there is none.
    pub(in crate::gateway) look_up: Arc<str>,
    /// Scope, key, outcome.
    pub(in crate::gateway) store: Arc<str>,
    /// Scope, key: frees a key that is worth nothing any more.
    pub(in crate::gateway) discard: Arc<str>,
    /// Frees keys that have expired, a small portion of them.
    pub(in crate::gateway) sweep: Arc<str>,
    /// Before the outcome is stored, as the table is not for the role of the statements; and behind it, since what waits for
    /// the COMMIT, such as deferred triggers, is to run as that role.
    pub(in crate::gateway) leave_role: Arc<str>,
    pub(in crate::gateway) enter_role: Arc<str>,
}

/// Rows that one sweep deletes at most.
pub(in crate::gateway) const PORTION: u64 = 1000;

pub(in crate::gateway) static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts {
    // The cast fails, and that is told as the key's being in use; nothing else in it can fail so.
    claim: "INSERT INTO pool_proxy.idempotency (scope, key, request, expires_at) \
        SELECT $1::bytea, $2::text, $3::bytea, pg_catalog.now() + interval '24 hours' \
        WHERE (CASE WHEN pg_catalog.pg_try_advisory_xact_lock($4::bigint) THEN 'true' \
        ELSE 'the first request with this Idempotency-Key still runs' END)::boolean"
        .into(),
    look_up:
        "SELECT (request = $3::bytea)::text, CASE WHEN request = $3::bytea THEN pg_catalog.encode(outcome, 'hex') END \
        FROM pool_proxy.idempotency WHERE scope = $1::bytea AND key = $2::text AND outcome IS NOT NULL \
        AND expires_at > pg_catalog.now()"
            .into(),
    store: "UPDATE pool_proxy.idempotency SET outcome = $3::bytea WHERE scope = $1::bytea AND key = $2::text".into(),
    discard: "DELETE FROM pool_proxy.idempotency WHERE scope = $1::bytea AND key = $2::text \
        AND (outcome IS NULL OR expires_at <= pg_catalog.now())"
        .into(),
    sweep: format!(
        "DELETE FROM pool_proxy.idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM pool_proxy.idempotency \
         WHERE expires_at <= pg_catalog.now() ORDER BY expires_at LIMIT {PORTION} FOR UPDATE SKIP LOCKED))"
    )
    .into(),
    leave_role: "SELECT pg_catalog.set_config('pool_proxy.role', pg_catalog.current_setting('role'), true), \
        pg_catalog.set_config('role', NULL, true)"
        .into(),
    enter_role: "SELECT pg_catalog.set_config('role', pg_catalog.current_setting('pool_proxy.role'), true)".into(),
});

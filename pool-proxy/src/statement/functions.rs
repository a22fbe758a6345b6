//! What a function means for cache, session and restricted principals: by where it comes from and its volatility, and by name
//! only for functions of Postgres's own, which nobody else can take (schema `pg_catalog` and an id given by initdb).
//!
//! The lists were made by going through every volatile and every stable function of Postgres 15 and 18. A volatile one that is on
//! no list counts as dangerous, so a new one needs no entry to be safe.

use super::Refusal;
use super::labels::FIRST_USER_OID;

/// One row of `pg_proc`.
pub(super) struct Function {
    pub(super) oid: u32,
    pub(super) namespace: u32,
    /// The namespace's name, quoted where it needs to be: for messages.
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) volatile: bool,
    pub(super) language: u32,
    pub(super) aggregate: bool,
}

/// What calling a function means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) cacheable: Result<(), Refusal>,
    pub(super) clean: bool,
    pub(super) reads_sequence_state: bool,
    /// May a restricted principal call it?
    pub(super) allowed: bool,
}

impl Function {
    /// `schema.name`, for a message; Postgres's own without the schema.
    pub(super) fn title(&self) -> String {
        if self.is_builtin() { format!("{}()", self.name) } else { format!("{}.{}()", self.schema, self.name) }
    }

    /// Made by initdb, in a schema made by initdb and not meant for users: `pg_catalog` or `information_schema`. A superuser can
    /// put functions into `pg_catalog`, but not with such an id.
    pub(super) fn is_builtin(&self) -> bool {
        self.oid < FIRST_USER_OID && self.namespace < FIRST_USER_OID && self.namespace != PUBLIC
    }

    pub(super) fn effect(&self) -> Effect {
        if self.is_builtin() { self.builtin() } else { self.foreign() }
    }

    fn builtin(&self) -> Effect {
        let name = self.name.as_str();
        let on = |list: &[&str]| list.contains(&name);
        let reads_sequence_state = on(SEQUENCE_STATE);
        let (cacheable, clean, allowed) = if on(RUNS_TEXT) {
            (Err(Refusal::Volatile), false, false)
        } else if on(RUNS_INPUT) {
            (Err(Refusal::Volatile), false, true)
        } else if !self.volatile {
            (if on(SESSION) { Err(Refusal::Session) } else { Ok(()) }, true, true)
        } else {
            let refusal = if on(SESSION) || reads_sequence_state { Refusal::Session } else { Refusal::Volatile };
            (Err(refusal), on(HARMLESS) || on(LEAVES_NOTHING), on(HARMLESS))
        };
        Effect { cacheable, clean, reads_sequence_state, allowed }
    }

    /// A user's function may set anything whatever it is declared as (findings, A17), so it is never clean. What it does for a
    /// restricted principal is its owner's risk, except for volatile C code: `dblink` and its like open doors of their own.
    fn foreign(&self) -> Effect {
        let compiled = matches!(self.language, INTERNAL | C);
        let runs_text = compiled && EXTENSION_RUNS_TEXT.contains(&self.name.as_str());
        let generator = EXTENSION_GENERATORS.contains(&self.name.as_str());
        Effect {
            cacheable: if self.volatile || runs_text { Err(Refusal::Volatile) } else { Ok(()) },
            clean: false,
            reads_sequence_state: false,
            allowed: !runs_text && (!compiled || !self.volatile || generator),
        }
    }
}

/// `PG_PUBLIC_NAMESPACE`, `INTERNALlanguageId` and `ClanguageId`: pinned ids of `pg_namespace.dat` and `pg_language.dat`.
const PUBLIC: u32 = 2200;
const INTERNAL: u32 = 12;
const C: u32 = 13;

/// Leaves nothing behind when `DISCARD SEQUENCES` runs before it (findings, A17).
const SEQUENCE_STATE: &[&str] = &["currval", "lastval"];

/// Volatile, and neither changes the session nor anything else beyond a sequence.
const HARMLESS: &[&str] = &[
    // random values, the time, waiting
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "gen_random_uuid",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "random",
    "random_normal",
    "timeofday",
    "uuidv4",
    "uuidv7",
    // sequences
    "currval",
    "lastval",
    "nextval",
    "pg_get_sequence_data",
    "pg_sequence_last_value",
    // sizes and shapes
    "pg_database_size",
    "pg_indexes_size",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_relation_size",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
    // what the server is doing: pg_locks and its like, positions in the WAL, the fate of transactions
    "current_query",
    "pg_blocking_pids",
    "pg_collation_actual_version",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_database_collation_actual_version",
    "pg_is_in_recovery",
    "pg_jit_available",
    "pg_last_committed_xact",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_lock_status",
    "pg_notification_queue_usage",
    "pg_prepared_xact",
    "pg_stat_get_io",
    "pg_stat_get_xact_blocks_fetched",
    "pg_stat_get_xact_blocks_hit",
    "pg_stat_get_xact_function_calls",
    "pg_stat_get_xact_function_self_time",
    "pg_stat_get_xact_function_total_time",
    "pg_stat_get_xact_numscans",
    "pg_stat_get_xact_tuples_deleted",
    "pg_stat_get_xact_tuples_fetched",
    "pg_stat_get_xact_tuples_hot_updated",
    "pg_stat_get_xact_tuples_inserted",
    "pg_stat_get_xact_tuples_newpage_updated",
    "pg_stat_get_xact_tuples_returned",
    "pg_stat_get_xact_tuples_updated",
    "pg_xact_commit_timestamp",
    "pg_xact_commit_timestamp_origin",
    "pg_xact_status",
    "txid_status",
];

/// Volatile and not for restricted principals, but nothing of it stays in the session: it acts on others, or with the commit.
const LEAVES_NOTHING: &[&str] =
    &["pg_cancel_backend", "pg_logical_emit_message", "pg_notify", "pg_terminate_backend", "setval"];

/// Tells about the connection, session or transaction that happens to run it. Most of them are declared stable.
const SESSION: &[&str] = &[
    "current_query",
    "inet_client_addr",
    "inet_client_port",
    "inet_server_addr",
    "inet_server_port",
    "pg_backend_pid",
    "pg_current_snapshot",
    "pg_current_xact_id",
    "pg_current_xact_id_if_assigned",
    "pg_cursor",
    "pg_is_other_temp_schema",
    "pg_listening_channels",
    "pg_my_temp_schema",
    "pg_prepared_statement",
    "pg_show_all_settings",
    "pg_stat_get_snapshot_timestamp",
    "pg_trigger_depth",
    "txid_current",
    "txid_current_if_assigned",
    "txid_current_snapshot",
];

/// Runs SQL text, reads relations that are named by a value, or drains a cursor: no tree shows what it does.
const RUNS_TEXT: &[&str] = &[
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_stat",
];

/// Runs the input function of a type that is named by a value, and with it the constraints of a domain.
const RUNS_INPUT: &[&str] =
    &["array_in", "domain_in", "multirange_in", "pg_input_error_info", "pg_input_is_valid", "range_in", "record_in"];

/// C functions of extensions that run SQL text although some of them are declared stable (tablefunc, xml2).
const EXTENSION_RUNS_TEXT: &[&str] = &["connectby", "crosstab", "crosstab2", "crosstab3", "crosstab4", "xpath_table"];

/// Volatile C functions of extensions that only make values (uuid-ossp, pgcrypto, tablefunc).
const EXTENSION_GENERATORS: &[&str] = &[
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "normal_rand",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    // Encryption draws a session key or an initial vector.
    "pgp_pub_encrypt",
    "pgp_pub_encrypt_bytea",
    "pgp_sym_encrypt",
    "pgp_sym_encrypt_bytea",
];

#[cfg(test)]
mod tests;

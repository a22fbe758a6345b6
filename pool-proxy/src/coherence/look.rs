//! What is asked of the database beside the stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::guard::Guard;
use super::{Coherence, Stop};
use crate::auth::Principal;
use crate::cache::{Doubt, Published, Told};
use crate::error::Failure;
use crate::gateway::Database;
use crate::pool::Lease;
use crate::postgres::{Lsn, Server, Snapshot};

/// How often the end of the log is asked for, and how often of these the catalogue is looked at, too.
const OFTEN: Duration = Duration::from_millis(250);
const CATALOGUE: u32 = 2;
/// No connection of a pool of so many is kept for asking.
const SMALL: usize = 5;
/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the stream may be behind without telling anything at all.
const SILENCE: Duration = Duration::from_mins(1);

/// The name of a log segment begins with the timeline it belongs to.
const LOOK: &str = "\
SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_wal_insert_lsn()::text,
  pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)";

/// Texts that are others whenever definitions or rights, and settings, are that an answer may depend on. Rows are counted
/// and their `xmin`s added up: a change puts in place of one a later one. Temporary relations are left out, since sessions
/// make and drop them all the time. Of Postgres's own functions those count that are no older than the cluster's first
/// transaction: somebody may have replaced them. Nothing in it leaves a choice of operators to the search path.
///
/// Settings are those that a session is given when it begins, and what has become of them in this one. What is changed for
/// the whole server comes to all sessions by itself, but to some a moment later than to others.
const DEFINITIONS: &str = "\
WITH relation AS MATERIALIZED (
  SELECT oid, xmin FROM pg_catalog.pg_class WHERE oid >= 16384::oid AND relpersistence <> 't'
), part(text) AS (
  SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM relation
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(a.xmin::text::bigint))
    FROM pg_catalog.pg_attribute a JOIN relation ON relation.oid = a.attrelid WHERE a.attnum > 0
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(d.xmin::text::bigint))
    FROM pg_catalog.pg_attrdef d JOIN relation ON relation.oid = d.adrelid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(i.xmin::text::bigint))
    FROM pg_catalog.pg_index i JOIN relation ON relation.oid = i.indrelid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(r.xmin::text::bigint))
    FROM pg_catalog.pg_rewrite r JOIN relation ON relation.oid = r.ev_class
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(t.xmin::text::bigint))
    FROM pg_catalog.pg_trigger t JOIN relation ON relation.oid = t.tgrelid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_policy
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_inherits
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_proc p WHERE p.oid >= 16384::oid OR pg_catalog.age(p.xmin) < 2147483647
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_type WHERE oid >= 16384::oid AND typrelid = 0::oid AND typelem = 0::oid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_enum
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_constraint WHERE contypid <> 0::oid OR contype = 'f'
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_operator WHERE oid >= 16384::oid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_cast WHERE oid >= 16384::oid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_collation WHERE oid >= 16384::oid
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_ts_config
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_ts_config_map
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_ts_dict
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_publication
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_publication_rel
  UNION ALL SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.pg_auth_members
  UNION ALL SELECT xmin::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
  UNION ALL SELECT pg_catalog.md5(pg_catalog.string_agg(r::text, ',' ORDER BY r.oid)) FROM (
    SELECT oid, rolname, rolsuper, rolinherit, rolbypassrls FROM pg_catalog.pg_roles) r
), given(text) AS (
  SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(s.xmin::text::bigint)) FROM pg_catalog.pg_db_role_setting s
    WHERE (s.setdatabase = 0::oid OR s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
      AND (s.setrole = 0::oid OR pg_catalog.pg_get_userbyid(s.setrole) = session_user)
  UNION ALL SELECT pg_catalog.concat(name, '=', pg_catalog.current_setting(name, true)) FROM (VALUES ('TimeZone'), ('DateStyle'),
    ('IntervalStyle'), ('extra_float_digits'), ('bytea_output'), ('lc_monetary'), ('lc_numeric'), ('lc_time'),
    ('default_text_search_config'), ('search_path'), ('row_security'), ('xmloption'), ('xmlbinary'), ('array_nulls'),
    ('quote_all_identifiers'), ('timezone_abbreviations'), ('transform_null_equals'), ('server_version')) AS setting(name)
)
SELECT (SELECT pg_catalog.string_agg(text, ',') FROM part), (SELECT pg_catalog.string_agg(text, ',') FROM given)";

/// The relations of the publication and their partitions, each with the one under whose id its changes are told: the
/// topmost of the publication. Only of a publication that tells of all changes of all rows, under the topmost's id. Not those
/// whose rows are not in Postgres's own tables (heap is access method 2): the stream need not tell of these. Timescale's and
/// Citus's are known by a trigger.
const PUBLISHED: &str = "\
WITH RECURSIVE published AS (
  SELECT r.prrelid AS oid FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
  WHERE p.pubname = $1 AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot
    AND pg_catalog.to_jsonb(r)->>'prqual' IS NULL AND pg_catalog.to_jsonb(r)->>'prattrs' IS NULL
), tree(oid, told_as) AS (
  SELECT oid, oid FROM published
  UNION
  SELECT i.inhrelid, tree.told_as FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT tree.oid::text, tree.told_as::text, CASE WHEN tree.oid = tree.told_as THEN (
    SELECT CASE WHEN NOT pg_catalog.bool_or(a.attgenerated <> '') THEN pg_catalog.string_agg(k.number::text, ',' ORDER BY k.number) END
    FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = tree.oid AND k.place <= i.indnkeyatts
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) END
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
WHERE tree.told_as NOT IN (SELECT oid FROM tree WHERE oid <> told_as) AND (c.relkind <> 'r' OR c.relam = 2::oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
    WHERE t.tgrelid = c.oid AND (t.tgname = 'ts_insert_blocker' OR f.proname = 'citus_truncate_trigger'))";

const HOLDER: &str = "\
SELECT pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(active_pid), ', ') FROM pg_catalog.pg_replication_slots
WHERE slot_name = $1 AND pg_catalog.cardinality(pg_catalog.pg_blocking_pids(active_pid)) > 0";

const END_SLOT: &str = "\
SELECT pg_catalog.pg_terminate_backend(active_pid)::text FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";

/// One of the database's connections, kept for asking.
pub(super) struct Eye {
    database: Arc<Database>,
    lease: Option<Lease>,
    /// The definitions that the cache relies on.
    pub(super) known: Option<Definitions>,
    /// The settings that connections of the pool have which are not outdated.
    settings: Option<String>,
    /// Why nothing is kept, as it was told last.
    pub(super) told: Option<String>,
    /// What became of tables that refuse writes.
    pub(super) guard: Guard,
    /// No table is known to be left that does.
    pub(super) is_cleared: bool,
}

/// What stands for the definitions, and for the settings of sessions that begin now.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Definitions {
    definitions: String,
    settings: String,
}

/// What was seen.
pub(super) struct Seen {
    /// When it was asked for.
    pub(super) asked: Instant,
    pub(super) snapshot: Snapshot,
    /// The end of the log.
    pub(super) end: Lsn,
    pub(super) timeline: u32,
}

impl Eye {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            lease: None,
            known: None,
            settings: None,
            told: None,
            guard: Guard::default(),
            is_cleared: true,
        }
    }

    /// Nothing is known any more, and another connection is to be taken.
    pub(super) fn close(&mut self) {
        (self.lease, self.known) = (None, None);
    }

    /// How far the log is, and who has ended.
    pub(super) async fn look(&mut self) -> Result<Seen, Stop> {
        let asked = Instant::now();
        let rows = self.ask(LOOK, &[]).await?;
        let row = rows.first().ok_or_else(unreadable)?;
        Ok(Seen {
            asked,
            snapshot: text(row, 0)?.parse().map_err(|_| unreadable())?,
            end: text(row, 1)?.parse().map_err(|_| unreadable())?,
            timeline: u32::from_str_radix(&text(row, 2)?, 16).map_err(|_| unreadable())?,
        })
    }

    /// What stands for all definitions, as a session sees it that has the settings that sessions are given now. Those that
    /// began before are retired; what they are reading is not kept once the cache is told that definitions are others.
    pub(super) async fn definitions(&mut self) -> Result<Definitions, Stop> {
        loop {
            let rows = self.ask(DEFINITIONS, &[]).await?;
            let row = rows.first().ok_or_else(unreadable)?;
            let seen = Definitions { definitions: text(row, 0)?, settings: text(row, 1)? };
            if self.settings.as_ref() == Some(&seen.settings) {
                return Ok(seen);
            }
            self.database.pool.renew();
            self.settings = Some(seen.settings);
            self.give_back().await;
        }
    }

    /// What a publication tells of.
    pub(super) async fn published(&mut self, publication: &str) -> Result<Published, Stop> {
        let rows = self.ask(PUBLISHED, &[publication]).await?;
        let oid = |row: &Row, at| text(row, at)?.parse::<u32>().map_err(|_| unreadable());
        let told = |row: &Row| {
            let columns = row.try_get::<_, Option<String>>(2).map_err(|_| unreadable())?.unwrap_or_default();
            let columns = columns.split(',').filter(|column| !column.is_empty());
            let identity = columns.map(str::parse).collect::<Result<_, _>>().map_err(|_| unreadable())?;
            Ok((oid(row, 0)?, Told { relation: oid(row, 1)?, identity }))
        };
        rows.iter().map(told).collect()
    }

    async fn ask(&mut self, query: &str, params: &[&str]) -> Result<Vec<Row>, Stop> {
        let server = self.server().await?;
        let params: Vec<(&(dyn ToSql + Sync), Type)> =
            params.iter().map(|param| (param as &(dyn ToSql + Sync), Type::TEXT)).collect();
        let answer = timeout(PATIENCE, server.client().query_typed(query, &params)).await;
        let rows = answer.map_err(|_| lost())?.map_err(|error| refused(&error))?;
        self.rest().await;
        Ok(rows)
    }

    /// The process that a slot waits for, while it is being made: it waits until every transaction has ended that had written
    /// something when it began.
    pub(super) async fn holder(&mut self, slot: &str) -> Result<Option<String>, Stop> {
        let rows = self.ask(HOLDER, &[slot]).await?;
        rows.first().map(|row| text(row, 0)).transpose()
    }

    /// Ends the session of a slot. The slot goes with it.
    pub(super) async fn end_slot(&mut self, slot: &str) -> Result<(), Stop> {
        self.ask(END_SLOT, &[slot]).await.map(drop)
    }

    /// The connection, for as long as something is asked.
    pub(super) async fn server(&mut self) -> Result<&mut Server, Stop> {
        if self.lease.is_none() {
            // A principal of nobody: its line is its own.
            let (lease, _) = self.database.lease(&Principal::default()).await.map_err(Stop::Asked)?;
            self.lease = Some(lease);
        }
        let server = self.lease.as_mut().and_then(Lease::server).ok_or_else(lost)?;
        server.limit_rows(0);
        Ok(server)
    }

    /// Nothing is being asked. Where there are few connections, none is kept from clients: transactions that stay open would leave the
    /// others nothing. It is waited for in the line then; while all are busy for longer than the bound, nothing is
    /// given that was kept, and that is the lesser harm.
    pub(super) async fn rest(&mut self) {
        if self.database.pool.max() <= SMALL {
            self.give_back().await;
        }
    }

    async fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.finish(false).await;
        }
    }
}

pub(super) fn lost() -> Stop {
    Stop::Asked(Failure::unavailable("the connection to the database was lost"))
}

pub(super) fn refused(error: &tokio_postgres::Error) -> Stop {
    match error.as_db_error() {
        Some(said) => Stop::Answered(said.message().to_owned()),
        None => lost(),
    }
}

fn unreadable() -> Stop {
    Stop::Answered("the database answered what cannot be read".to_owned())
}

fn text(row: &Row, at: usize) -> Result<String, Stop> {
    row.try_get::<_, Option<String>>(at).ok().flatten().ok_or_else(unreadable)
}

impl Coherence {
    /// Looks at the database again and again, until that fails or the stream turns out to be dead.
    pub(super) async fn watch(&self, eye: &mut Eye) -> Stop {
        let mut moved = (self.changes.position(), Instant::now());
        for turn in 0_u32.. {
            let next = Instant::now() + OFTEN;
            if turn % CATALOGUE == 0
                && let Err(stop) = self.look_at_definitions(eye).await
            {
                return stop;
            }
            let seen = match eye.look().await {
                Ok(seen) => seen,
                Err(stop) => return stop,
            };
            let end = seen.end;
            self.note(seen);
            let position = self.changes.position();
            if position != moved.0 || position >= end {
                moved = (position, Instant::now());
            } else if moved.1.elapsed() > SILENCE {
                return Stop::Silent;
            }
            // Nobody is kept waiting for the next turn.
            while let Ok(doubt) = timeout_at(next, self.changes.in_doubt()).await {
                if doubt == Doubt::Definitions
                    && let Err(stop) = self.look_at_definitions(eye).await
                {
                    return stop;
                }
                match eye.look().await {
                    Ok(seen) => self.note(seen),
                    Err(stop) => return stop,
                }
                if Instant::now() >= next {
                    break;
                }
            }
        }
        Stop::Silent
    }

    fn note(&self, seen: Seen) {
        self.changes.forget(seen.snapshot);
        self.changes.learn(seen.asked, seen.end);
    }

    async fn look_at_definitions(&self, eye: &mut Eye) -> Result<(), Stop> {
        let (doubts, asked) = (self.changes.definitions_doubted(), Instant::now());
        let mut definitions = eye.definitions().await?;
        let is_same = eye.known.as_ref() == Some(&definitions);
        if !is_same || !eye.is_cleared {
            self.clear(eye).await?;
            definitions = eye.definitions().await?;
        }
        if eye.known.as_ref() != Some(&definitions) {
            let published = eye.published(&self.publication).await?;
            let seen = eye.look().await?;
            // First: what is read from now on is to be kept.
            self.database.pool.redefined();
            self.shelf.discard(&self.changes.redefine(seen.snapshot, published));
            eye.known = Some(definitions);
        }
        self.changes.settle_definitions(doubts, asked);
        Ok(())
    }
}

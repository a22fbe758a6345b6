//! What a database needs so that its changes can be followed, and how to take it back.
//!
//! Nothing here may make anybody's write fail. Postgres refuses UPDATE and DELETE on a table that is published and has no
//! replica identity (<https://www.postgresql.org/docs/current/logical-replication-publication.html>), so such tables stay
//! out.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// How things stand in a database.
// What Postgres says, one answer each.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub struct Standing {
    /// The tables there are; of partitions those alone that are published by themselves.
    pub tables: Vec<Table>,
    /// The publication, if there is one of that name.
    pub publication: Option<Publication>,
    /// `wal_level` is `logical`.
    pub is_logical: bool,
    /// The role may replicate.
    pub replicates: bool,
    /// The role may make event triggers.
    pub is_superuser: bool,
    /// The role may create things in the database.
    pub creates: bool,
    /// Changes of definitions are told by event triggers.
    pub tells_definitions: bool,
    /// There is something that was installed besides the publication: the event triggers or their schema.
    pub has_more: bool,
    /// Replication slots that nobody uses.
    pub free_slots: i64,
}

/// A publication, as it is.
#[derive(Debug)]
pub struct Publication {
    /// It tells of all kinds of changes, those of partitions under their table's name.
    pub tells_all: bool,
    /// The role may change it.
    pub is_owned: bool,
    /// It is for all tables, of the database or of a schema, so that none can be left out.
    pub is_wide: bool,
}

/// A table, or a partitioned one with its partitions.
#[derive(Debug)]
pub struct Table {
    /// With its schema, quoted where SQL needs it.
    pub name: String,
    /// It is in the publication.
    pub is_published: bool,
    /// It is there with a filter or a list of columns.
    pub is_filtered: bool,
    /// Postgres refuses UPDATE and DELETE on it, or on one of its partitions, while it is published: rows have no identity.
    pub refuses_writes: bool,
    /// Why it cannot be followed.
    pub obstacle: Option<Obstacle>,
}

/// Why a table cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// It, or one of its partitions, is a foreign table.
    Foreign,
    /// It, or one of its partitions, is unlogged.
    Unlogged,
    /// It, or one of its partitions, is kept by another access method than Postgres's own.
    AccessMethod,
    /// It is one of an extension that spreads it over others: a distributed table, or a hypertable.
    Elsewhere,
    /// It has no replica identity, or one of its partitions has none.
    NoIdentity,
    /// It is partitioned, and has no primary key that its next partition would get, too.
    NoKeyForPartitions,
    /// It belongs to a role that the proxy's is no member of.
    Owner(String),
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => f.write_str("left out: a partition is a foreign table"),
            Self::Unlogged => f.write_str("left out: unlogged, its changes are in no log"),
            Self::AccessMethod => f.write_str("left out: its access method is not heap"),
            Self::Elsewhere => f.write_str("left out: an extension keeps its rows in other tables"),
            Self::NoIdentity => f.write_str("left out: no primary key or other replica identity"),
            Self::NoKeyForPartitions => f.write_str(
                "left out: partitioned without a primary key, so that its next partition would have no identity",
            ),
            Self::Owner(owner) => write!(f, "left out: only {owner} may publish it"),
        }
    }
}

/// Everything that is asked of the database at once. A primary key identifies rows unless it is deferrable. What is
/// unlogged is never published, so nothing of it is refused. A partition gets its table's primary key, and no other identity.
/// Heap is access method 2; Timescale's and Citus's tables are known by a trigger.
const TABLES: &str = "\
WITH RECURSIVE tree(root, oid) AS (
  SELECT c.oid, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pool_proxy')
      AND (NOT c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p
        ON p.oid = r.prpubid WHERE p.pubname = $1 AND r.prrelid = c.oid))
  UNION ALL
  SELECT tree.root, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
), part AS (
  SELECT tree.root, tree.oid, c.relkind, c.relpersistence, k.has_key, c.relkind = 'r' AND c.relam <> 2::oid AS is_odd,
    EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid WHERE t.tgrelid = c.oid
      AND (t.tgname = 'ts_insert_blocker' OR f.proname = 'citus_truncate_trigger')) AS is_spread, CASE c.relreplident
      WHEN 'f' THEN true
      WHEN 'd' THEN k.has_key
      WHEN 'i' THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid)
      ELSE false END AS is_identified
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_catalog.pg_index i
      WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid)) AS k(has_key)
), table_of AS (
  SELECT root, pg_catalog.bool_or(relkind = 'f') AS has_foreign, pg_catalog.bool_or(relpersistence = 'u') AS has_unlogged,
    pg_catalog.bool_or(is_odd) AS has_odd, pg_catalog.bool_or(is_spread) AS is_spread,
    pg_catalog.bool_or(relkind = 'r' AND relpersistence = 'p' AND NOT is_identified) AS refuses,
    pg_catalog.bool_or(relkind = 'p' AND oid = root AND NOT has_key) AS lacks_key,
    pg_catalog.bool_or(relkind = 'p' AND NOT is_identified) AS is_vague FROM part GROUP BY root
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), t.has_foreign::text,
  t.has_unlogged::text, t.refuses::text, t.lacks_key::text, t.is_vague::text,
  pg_catalog.pg_has_role(c.relowner, 'USAGE')::text, pg_catalog.pg_get_userbyid(c.relowner)::text, (r.oid IS NOT NULL)::text,
  (pg_catalog.to_jsonb(r)->>'prqual' IS NOT NULL OR pg_catalog.to_jsonb(r)->>'prattrs' IS NOT NULL)::text,
  t.has_odd::text, t.is_spread::text
FROM table_of t JOIN pg_catalog.pg_class c ON c.oid = t.root JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1
  LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
ORDER BY 1";

/// Publications of whole schemas came with Postgres 15: asked of the schema's own list of relations, so that it need not be
/// there.
const AROUND: &str = "\
SELECT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot)::text,
  pg_catalog.pg_has_role(p.pubowner, 'USAGE')::text,
  (p.puballtables OR EXISTS (SELECT FROM pg_catalog.pg_publication_tables v
    WHERE v.pubname = p.pubname AND NOT EXISTS (WITH RECURSIVE up(oid) AS (
      SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = v.tablename AND n.nspname = v.schemaname
      UNION ALL SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid)
      SELECT FROM pg_catalog.pg_publication_rel r JOIN up ON up.oid = r.prrelid WHERE r.prpubid = p.oid)))::text,
  (pg_catalog.current_setting('wal_level') = 'logical')::text, (u.rolreplication OR u.rolsuper)::text, u.rolsuper::text,
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::text, (t.awake = 2)::text,
  (t.all_of_them > 0 OR EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pool_proxy'))::text,
  (pg_catalog.current_setting('max_replication_slots')::bigint
    - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots))::text
FROM pg_catalog.pg_roles u LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1
  CROSS JOIN (SELECT pg_catalog.count(*) FILTER (WHERE e.evtenabled IN ('O', 'A')), pg_catalog.count(*)
    FROM pg_catalog.pg_event_trigger e WHERE e.evtname IN ('pool_proxy_defined', 'pool_proxy_dropped')) AS t(awake, all_of_them)
WHERE u.rolname = current_user";

/// Tells of whatever changes what a statement may mean, but for temporary things. It must not be the reason that anything fails.
const TELL: &str = "\
CREATE OR REPLACE FUNCTION pool_proxy.tell_definitions() RETURNS event_trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tell$
BEGIN
  IF tg_event = 'sql_drop' THEN
    PERFORM FROM pg_catalog.pg_event_trigger_dropped_objects() d WHERE NOT d.is_temporary;
  ELSE
    PERFORM FROM pg_catalog.pg_event_trigger_ddl_commands() c WHERE c.schema_name IS DISTINCT FROM 'pg_temp';
  END IF;
  IF FOUND THEN
    PERFORM pg_catalog.pg_logical_emit_message(true, 'pool_proxy', 'ddl');
  END IF;
EXCEPTION WHEN OTHERS THEN NULL;
END $tell$";

impl Standing {
    /// Asks a database.
    ///
    /// # Errors
    /// What it says.
    pub async fn ask(client: &Client, publication: &str) -> Result<Self, Error> {
        let param: [(&(dyn ToSql + Sync), Type); 1] = [(&publication, Type::NAME)];
        let tables = client.query_typed(TABLES, &param).await?.iter().map(table).collect::<Result<_, _>>()?;
        let around = client.query_typed(AROUND, &param).await?;
        let around = around.first();
        let flag = |at| around.map_or(Ok(None), |row| truth(row, at));
        let publication = match (flag(0)?, flag(1)?, flag(2)?) {
            (Some(tells_all), Some(is_owned), Some(is_wide)) => Some(Publication { tells_all, is_owned, is_wide }),
            _ => None,
        };
        let free = around.map_or(Ok(None), |row| row.try_get::<_, Option<String>>(9))?;
        Ok(Self {
            tables,
            publication,
            is_logical: flag(3)? == Some(true),
            replicates: flag(4)? == Some(true),
            is_superuser: flag(5)? == Some(true),
            creates: flag(6)? == Some(true),
            tells_definitions: flag(7)? == Some(true),
            has_more: flag(8)? == Some(true),
            free_slots: free.and_then(|free| free.parse().ok()).unwrap_or_default(),
        })
    }

    /// The tables that are published, and of which Postgres refuses UPDATE and DELETE for that.
    pub fn refusing(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|table| table.is_published && table.refuses_writes).map(|table| table.name.as_str())
    }

    /// Why nothing can be followed here, whatever is installed; each with what to do.
    pub fn obstacles(&self) -> Vec<&'static str> {
        let mut obstacles = Vec::new();
        if !self.is_logical {
            obstacles.push(
                "wal_level is not logical: set it (on most platforms a parameter of the database) and restart Postgres",
            );
        }
        if !self.replicates {
            obstacles.push(
                "the role may not replicate: ALTER ROLE ... REPLICATION, as a superuser or by the provider's own way",
            );
        }
        match &self.publication {
            Some(publication) if publication.is_wide => obstacles.push(
                "the publication is for all tables, also those of which Postgres then refuses UPDATE and DELETE: drop it, or name \
                 another one (cache.publication)",
            ),
            Some(publication) if !publication.is_owned => obstacles.push(
                "the publication belongs to another role: have that one run this, or name another publication (cache.publication)",
            ),
            None if !self.creates => {
                obstacles.push("the role may not create a publication: GRANT CREATE ON DATABASE ... TO it");
            }
            Some(_) | None => {}
        }
        obstacles
    }

    /// What is to be run so that everything is followed that can be; nothing if it is so already.
    pub fn to_apply(&self, publication: &str) -> Vec<String> {
        // Also a name such as `all`.
        let publication = format!("\"{publication}\"");
        let mut sql = Vec::new();
        let wanted: Vec<&Table> = self.tables.iter().filter(|table| table.obstacle.is_none()).collect();
        let with = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
        if let Some(held) = &self.publication {
            if !held.tells_all {
                sql.push(format!("ALTER PUBLICATION {publication} SET ({with})"));
            }
            for table in
                self.tables.iter().filter(|table| table.is_published && (table.is_filtered || table.obstacle.is_some()))
            {
                sql.push(format!("ALTER PUBLICATION {publication} DROP TABLE ONLY {}", table.name));
            }
            for table in wanted.iter().filter(|table| !table.is_published || table.is_filtered) {
                sql.push(format!("ALTER PUBLICATION {publication} ADD TABLE ONLY {}", table.name));
            }
        } else {
            let names: Vec<String> = wanted.iter().map(|table| format!("ONLY {}", table.name)).collect();
            let tables = if names.is_empty() { String::new() } else { format!(" FOR TABLE {}", names.join(", ")) };
            sql.push(format!("CREATE PUBLICATION {publication}{tables} WITH ({with})"));
        }
        if self.is_superuser && !self.tells_definitions {
            sql.push("CREATE SCHEMA IF NOT EXISTS pool_proxy".to_owned());
            sql.push(TELL.to_owned());
            for (name, event) in [("pool_proxy_defined", "ddl_command_end"), ("pool_proxy_dropped", "sql_drop")] {
                sql.push(format!("DROP EVENT TRIGGER IF EXISTS {name}"));
                sql.push(format!(
                    "CREATE EVENT TRIGGER {name} ON {event} EXECUTE FUNCTION pool_proxy.tell_definitions()"
                ));
            }
        }
        sql
    }

    /// What is to be run so that nothing of it is left. A publication for all tables was made by somebody else.
    pub fn to_remove(&self, publication: &str) -> Vec<String> {
        let mut sql = Vec::new();
        if self.publication.as_ref().is_some_and(|publication| !publication.is_wide) {
            sql.push(format!("DROP PUBLICATION \"{publication}\""));
        }
        if self.has_more {
            if self.is_superuser {
                sql.push("DROP EVENT TRIGGER IF EXISTS pool_proxy_defined".to_owned());
                sql.push("DROP EVENT TRIGGER IF EXISTS pool_proxy_dropped".to_owned());
            }
            sql.push("DROP SCHEMA IF EXISTS pool_proxy CASCADE".to_owned());
        }
        sql
    }
}

fn table(row: &Row) -> Result<Table, Error> {
    let flag = |at| truth(row, at).map(|flag| flag == Some(true));
    let refuses_writes = flag(3)?;
    let (is_published, is_filtered) = (flag(8)?, flag(9)?);
    let obstacle = if flag(1)? {
        Some(Obstacle::Foreign)
    } else if flag(2)? {
        Some(Obstacle::Unlogged)
    } else if flag(10)? {
        Some(Obstacle::AccessMethod)
    } else if flag(11)? {
        Some(Obstacle::Elsewhere)
    } else if refuses_writes {
        Some(Obstacle::NoIdentity)
    } else if flag(4)? {
        Some(Obstacle::NoKeyForPartitions)
    } else if flag(5)? {
        Some(Obstacle::NoIdentity)
    } else if !flag(6)? && (!is_published || is_filtered) {
        Some(Obstacle::Owner(row.try_get(7)?))
    } else {
        None
    };
    Ok(Table { name: row.try_get(0)?, is_published, is_filtered, refuses_writes, obstacle })
}

fn truth(row: &Row, at: usize) -> Result<Option<bool>, Error> {
    Ok(row.try_get::<_, Option<String>>(at)?.map(|text| text == "true"))
}

//! What the catalogue says about the object ids of a tree. Each look-up is one query and one round trip; every value travels as
//! text; names are written in full although the search path is already `pg_catalog`.

use std::collections::BTreeSet;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::functions::{Function, Volatility};
use super::probe::{Failure, cell};
use super::tree::Facts;

/// The functions that are named, and those behind operators and subscripts. One scan, no join: planning is most of the cost.
/// 1255 is `pg_proc`, 3079 `pg_extension`.
const FUNCTIONS: &str = "\
SELECT p.oid::text, p.pronamespace::oid::text, p.pronamespace::regnamespace::text || '.' || pg_catalog.quote_ident(p.proname),
  p.proname::text, p.provolatile::text, p.prolang::text, p.prokind::text,
  CASE WHEN p.oid >= 16384 THEN (SELECT e.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e
    ON e.oid = d.refobjid WHERE d.classid = 1255 AND d.objid = p.oid AND d.refclassid = 3079 AND d.deptype = 'e') END
FROM pg_catalog.pg_proc p WHERE p.oid = ANY ($1::text::oid[]
  || ARRAY(SELECT o.oprcode::oid FROM pg_catalog.pg_operator o WHERE o.oid = ANY ($2::text::oid[]))
  || ARRAY(SELECT t.typsubscript::oid FROM pg_catalog.pg_type t WHERE t.oid = ANY ($3::text::oid[])))";

/// What an aggregate of the user's calls. Postgres's own do not need to be opened.
const BEHIND_AGGREGATES: &str = "\
SELECT 'function', a.aggfnoid::oid::text, part.oid::text FROM pg_catalog.pg_aggregate a
  CROSS JOIN LATERAL (VALUES (a.aggtransfn::oid), (a.aggfinalfn::oid), (a.aggcombinefn::oid), (a.aggserialfn::oid),
    (a.aggdeserialfn::oid), (a.aggmtransfn::oid), (a.aggminvtransfn::oid), (a.aggmfinalfn::oid)) AS part(oid)
  WHERE a.aggfnoid = ANY ($1::text::oid[]) AND part.oid <> 0";

/// The flags tell whether there is anything behind it to look for: they may be true for nothing, never false for something.
const RELATIONS: &str = "\
SELECT c.oid::text, c.relkind::text, c.relpersistence::text,
  (c.relhassubclass OR c.relhasrules OR c.relrowsecurity)::text,
  c.relhastriggers::text, c.relhasrules::text, (c.relchecks > 0)::text,
  coalesce(c.relnamespace = pg_catalog.to_regnamespace('pool_proxy'), false)::text
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::text::oid[])";

/// What reading a relation reads and runs. Views are rules named `_RETURN`, of event type 1.
const BEHIND_READING: &str = "\
SELECT 'child', i.inhparent::text, i.inhrelid::text FROM pg_catalog.pg_inherits i WHERE i.inhparent = ANY ($1::text::oid[])
UNION ALL
SELECT 'view', r.ev_class::text, r.ev_action::text FROM pg_catalog.pg_rewrite r
  WHERE r.ev_class = ANY ($1::text::oid[]) AND r.ev_type = '1'
UNION ALL
SELECT 'tree', p.polrelid::text, e.tree FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
  CROSS JOIN LATERAL (VALUES (p.polqual::text), (p.polwithcheck::text)) AS e(tree)
  WHERE p.polrelid = ANY ($1::text::oid[]) AND c.relrowsecurity AND e.tree IS NOT NULL";

/// What writing a relation runs besides, in parts: only those are asked for that can have an answer. First what any table may
/// have: defaults and generated columns, expressions of its indexes and its partition key, domains of its columns.
const ANY_WRITTEN: &str = "\
SELECT 'tree', d.adrelid::text, d.adbin::text FROM pg_catalog.pg_attrdef d WHERE d.adrelid = ANY ($1::text::oid[])
UNION ALL
SELECT 'tree', i.indrelid::text, e.tree FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL (VALUES (i.indexprs::text), (i.indpred::text)) AS e(tree)
  WHERE i.indrelid = ANY ($1::text::oid[]) AND e.tree IS NOT NULL
UNION ALL
SELECT 'type', a.attrelid::text, a.atttypid::text FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::text::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384";

const PARTITIONED: &str = "\
SELECT 'tree', p.partrelid::text, p.partexprs::text FROM pg_catalog.pg_partitioned_table p
  WHERE p.partrelid = ANY ($1::text::oid[]) AND p.partexprs IS NOT NULL";

const CHECKED: &str = "\
SELECT 'tree', c.conrelid::text, c.conbin::text FROM pg_catalog.pg_constraint c
  WHERE c.conrelid = ANY ($1::text::oid[]) AND c.contype = 'c' AND c.conbin IS NOT NULL";

const RULED: &str = "\
SELECT 'rule', r.ev_class::text, NULL FROM pg_catalog.pg_rewrite r
  WHERE r.ev_class = ANY ($1::text::oid[]) AND r.ev_type <> '1' AND r.ev_enabled <> 'D'";

/// The user's triggers (4 INSERT, 8 DELETE, 16 UPDATE), and the foreign keys that act on other tables: those sit as internal
/// triggers on the table they point at, on which `tgconstrrelid` is the other one.
const TRIGGERED: &str = "\
SELECT 'trigger', t.tgrelid::text, NULL FROM pg_catalog.pg_trigger t
  WHERE t.tgrelid = ANY ($1::text::oid[]) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND (t.tgtype & 28) <> 0
UNION ALL
SELECT 'cascade', t.tgrelid::text, t.tgconstrrelid::text FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_constraint c ON c.oid = t.tgconstraint
  WHERE t.tgrelid = ANY ($1::text::oid[]) AND t.tgisinternal AND c.contype = 'f' AND c.confrelid = t.tgrelid
    AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd'))";

/// What a type runs unseen, wherever it is nested: the constraints and default of a domain, and the cast that `to_json` looks up
/// by itself (`json_categorize_type`; 114 is json, 3802 jsonb).
const TYPES: &str = "\
WITH RECURSIVE part(oid) AS (
  SELECT pg_catalog.unnest($1::text::oid[])
  UNION
  SELECT inner_part.oid FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
    CROSS JOIN LATERAL (
      SELECT t.typelem UNION ALL SELECT t.typbasetype
      UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
    ) AS inner_part(oid) WHERE inner_part.oid >= 16384
)
SELECT 'tree', part.oid::text, c.conbin::text FROM part JOIN pg_catalog.pg_constraint c ON c.contypid = part.oid
  WHERE c.conbin IS NOT NULL
UNION ALL
SELECT 'tree', part.oid::text, t.typdefaultbin::text FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
  WHERE t.typdefaultbin IS NOT NULL
UNION ALL
SELECT 'enum', part.oid::text, part.oid::text FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
  LEFT JOIN pg_catalog.pg_type m ON m.oid = t.typelem AND t.typcategory = 'A'
  WHERE coalesce(m.typtype, t.typtype) = 'e'
UNION ALL
SELECT 'function', part.oid::text, k.castfunc::text FROM part JOIN pg_catalog.pg_cast k ON k.castsource = part.oid
  WHERE k.casttarget IN (114, 3802) AND k.castfunc <> 0";

/// One row of `pg_class`.
pub(super) struct Relation {
    pub(super) oid: u32,
    pub(super) kind: String,
    pub(super) persistence: String,
    /// Has children, rules (a view is one) or row security.
    pub(super) has_more: bool,
    /// Is the proxy's own.
    pub(super) is_ours: bool,
    /// Which parts of what writing runs there can be, as the queries that ask for them.
    pub(super) written: Vec<&'static str>,
}

/// Something found behind a relation or a type.
pub(super) enum Behind {
    /// An expression that will be evaluated.
    Tree(String),
    /// The query of view `of`.
    View {
        of: u32,
        tree: String,
    },
    /// `relation` is a partition or a child of `of`.
    Child {
        of: u32,
        relation: u32,
    },
    /// Rows of `relation` follow when rows of the written one go or change their key.
    Cascade {
        relation: u32,
    },
    Type(u32),
    /// A type that is an enumeration, or a list of one.
    Enum(u32),
    Function(u32),
    Trigger,
    Rule,
}

/// The functions of `facts`, those behind its operators and subscripts included.
pub(super) async fn functions(client: &Client, facts: &Facts) -> Result<Vec<Function>, Failure> {
    if facts.functions.is_empty() && facts.operators.is_empty() && facts.subscripted.is_empty() {
        return Ok(Vec::new());
    }
    let ids = [array(&facts.functions), array(&facts.operators), array(&facts.subscripted)];
    let mut found = Vec::new();
    for row in &ask(client, FUNCTIONS, &ids).await? {
        found.push(Function {
            oid: oid(row, 0)?,
            namespace: oid(row, 1)?,
            full_name: word(row, 2)?,
            name: word(row, 3)?,
            volatility: match word(row, 4)?.as_str() {
                "i" => Volatility::Immutable,
                "s" => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            language: oid(row, 5)?,
            extension: cell(row, 7)?,
            aggregate: word(row, 6)? == "a",
        });
    }
    // A function that is not there any more cannot be judged.
    let all = facts.functions.iter().all(|oid| found.iter().any(|function| function.oid == *oid));
    if all { Ok(found) } else { Err(Failure::Unanalysable) }
}

/// The relations themselves.
pub(super) async fn relations(client: &Client, oids: &BTreeSet<u32>) -> Result<Vec<Relation>, Failure> {
    let mut found = Vec::new();
    for row in &ask_if_any(client, RELATIONS, oids).await? {
        let flag = |at| word(row, at).map(|word| word == "true");
        let kind = word(row, 1)?;
        let parts = [(flag(4)?, TRIGGERED), (flag(5)?, RULED), (flag(6)?, CHECKED), (kind == "p", PARTITIONED)];
        let written = parts.iter().filter(|(there, _)| *there).map(|(_, query)| *query).collect();
        let (persistence, has_more, is_ours) = (word(row, 2)?, flag(3)?, flag(7)?);
        found.push(Relation { oid: oid(row, 0)?, kind, persistence, has_more, is_ours, written });
    }
    if found.len() == oids.len() { Ok(found) } else { Err(Failure::Unanalysable) }
}

/// Children, views and policies.
pub(super) async fn behind_reading(client: &Client, oids: &BTreeSet<u32>) -> Result<Vec<Behind>, Failure> {
    behind(&ask_if_any(client, BEHIND_READING, oids).await?)
}

/// Defaults, indexes and column types, and those `parts` that the relations' flags call for.
pub(super) async fn behind_writing(
    client: &Client,
    oids: &BTreeSet<u32>,
    parts: &BTreeSet<&'static str>,
) -> Result<Vec<Behind>, Failure> {
    let query: Vec<&str> = std::iter::once(ANY_WRITTEN).chain(parts.iter().copied()).collect();
    behind(&ask_if_any(client, &query.join("\nUNION ALL\n"), oids).await?)
}

/// Their transition functions and the rest.
pub(super) async fn behind_aggregates(client: &Client, oids: &BTreeSet<u32>) -> Result<Vec<Behind>, Failure> {
    behind(&ask_if_any(client, BEHIND_AGGREGATES, oids).await?)
}

/// Domain constraints and casts.
pub(super) async fn behind_types(client: &Client, oids: &BTreeSet<u32>) -> Result<Vec<Behind>, Failure> {
    behind(&ask_if_any(client, TYPES, oids).await?)
}

fn behind(rows: &[Row]) -> Result<Vec<Behind>, Failure> {
    rows.iter()
        .map(|row| {
            Ok(match word(row, 0)?.as_str() {
                "tree" => Behind::Tree(word(row, 2)?),
                "view" => Behind::View { of: oid(row, 1)?, tree: word(row, 2)? },
                "child" => Behind::Child { of: oid(row, 1)?, relation: oid(row, 2)? },
                "cascade" => Behind::Cascade { relation: oid(row, 2)? },
                "type" => Behind::Type(oid(row, 2)?),
                "enum" => Behind::Enum(oid(row, 2)?),
                "function" => Behind::Function(oid(row, 2)?),
                "trigger" => Behind::Trigger,
                "rule" => Behind::Rule,
                _ => return Err(Failure::Unanalysable),
            })
        })
        .collect()
}

async fn ask_if_any(client: &Client, query: &str, oids: &BTreeSet<u32>) -> Result<Vec<Row>, Failure> {
    if oids.is_empty() { Ok(Vec::new()) } else { ask(client, query, &[array(oids)]).await }
}

async fn ask(client: &Client, query: &str, params: &[String]) -> Result<Vec<Row>, Failure> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> =
        params.iter().map(|param| (param as &(dyn ToSql + Sync), Type::TEXT)).collect();
    client.query_typed(query, &params).await.map_err(|error| Failure::of(client, error))
}

/// Object ids as Postgres writes an array: parameters of this room are text.
fn array(oids: &BTreeSet<u32>) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    format!("{{{}}}", oids.join(","))
}

fn word(row: &Row, at: usize) -> Result<String, Failure> {
    cell(row, at)?.ok_or(Failure::Unanalysable)
}

fn oid(row: &Row, at: usize) -> Result<u32, Failure> {
    word(row, at)?.parse().map_err(|_| Failure::Unanalysable)
}

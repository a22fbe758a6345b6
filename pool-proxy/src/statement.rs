//! What a statement is, as Postgres's own parser says: may its answer be kept, does it leave the session clean, may a
//! restricted principal run it, which relations does it touch.
//!
//! It never decides by the words of a text (the few looks at the text it does take are in `text`, each with its reason), never
//! runs the statement, and never keeps anything: verdicts are the caller's to remember, by text, role and search path.

mod catalog;
mod functions;
mod labels;
mod normal;
mod pins;
mod plain;
mod probe;
mod survey;
mod text;
mod tree;

pub use normal::{Normal, normalize};
pub use pins::{Pin, PinKind, Place, Source};
pub use plain::tells_time;
pub use text::{
    has_frozen_literal, is_shaped_by_session, may_chain, may_define, refused_keyword, rolls_back_to_savepoint,
    shows_nothing,
};

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use probe::{Failure, Probe};

/// What Postgres's parser says a statement is.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What the statement does at its top; a SELECT may still modify rows in a WITH.
    pub kind: Kind,
    /// May its answer be stored? The refusal's word goes to `Cache-Status`.
    pub cacheable: Result<(), Refusal>,
    /// Does its answer follow from what it reads alone, so that it may be kept until that changes? Never where it is not
    /// cacheable at all.
    pub derivable: Result<(), Refusal>,
    /// Parameters, counted from 0, of types that take a text such as `now` for the time: with one that does, the answer does
    /// not follow from what is read. See [`tells_time`].
    pub timed: Vec<usize>,
    /// How many parameters it has.
    pub params: usize,
    /// What it writes is in `writes`, and nothing else is written: by a trigger, a rule, a function or another server.
    pub contained: bool,
    /// Nothing of it can outlive its own execution in the session: the connection needs no reset afterwards.
    pub clean: bool,
    /// Calls `lastval()` or `currval()`: `DISCARD SEQUENCES` must run before it.
    pub reads_sequence_state: bool,
    /// May a restricted principal (a role, claims or a read-only key) run it? The reason is fit for an answer: it names a
    /// function or a kind, never a value.
    pub restricted: Result<(), String>,
    /// The base relations it reads, views, policies and partitions followed. What a user's function reads is not among them.
    pub reads: Vec<u32>,
    /// The base relations it writes, partitions and cascading foreign keys followed. What a trigger writes is not among them.
    pub writes: Vec<u32>,
    /// For relations that are touched nowhere but where the statement names them, those places: with what it says there of
    /// the rows.
    pub rows: BTreeMap<u32, Vec<Place>>,
}

/// The kinds of statement Postgres tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SELECT, VALUES, TABLE, with or without WITH.
    Select,
    /// INSERT, ON CONFLICT included.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE (Postgres 15 and later).
    Merge,
    /// Everything a function body refuses: SET, DDL, CALL, DO, EXPLAIN, SHOW, ...
    Utility,
    /// Could not be analysed.
    Unknown,
}

impl Kind {
    /// The word for logs and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Utility => "utility",
            Self::Unknown => "unknown",
        }
    }
}

/// Why an answer may not be stored. In order of weight: of several reasons the first is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// It is a utility statement.
    Utility,
    /// It could not be analysed, and asking again will not help while text, role and schema stay the same.
    Unanalysable,
    /// The analysis was cut short (cancelled, out of a lock or a slot): do not remember this verdict.
    Interrupted,
    /// It modifies rows, in a WITH perhaps.
    Writes,
    /// FOR UPDATE, FOR SHARE and their kin.
    Locks,
    /// It reads a temporary relation, which is another one on every connection.
    Temporary,
    /// It reads a foreign table, whose changes Postgres does not see.
    Foreign,
    /// It tells about the session or transaction that runs it.
    Session,
    /// Two runs may differ: a volatile function, TABLESAMPLE, or SQL text that nobody has seen.
    Volatile,
    /// It reads a system catalogue, of whose changes no change stream tells.
    Catalog,
    /// It reads an unlogged table, of whose changes no change stream tells.
    Unlogged,
    /// It reads a materialised view, whose refresh is no change of its rows.
    Materialized,
    /// It calls a function of the user's, which may read anything.
    Function,
    /// It depends on the time, on a setting, or on how rows are stored.
    Changing,
    /// Its text has a literal such as `'now'`, which is read when it is prepared.
    Frozen,
}

/// Functions of the user's that somebody vouches for: their results follow from their arguments, and they write nothing.
#[derive(Debug, Clone, Default)]
pub struct Safe(BTreeSet<Box<str>>);

impl FromIterator<String> for Safe {
    /// By their full names, `schema.name`, quoted where SQL needs it.
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().map(String::into_boxed_str).collect())
    }
}

impl Safe {
    fn contains(&self, function: &functions::Function) -> bool {
        !function.is_builtin() && self.0.contains(&*function.full_name)
    }
}

impl Refusal {
    /// The word for `Cache-Status: ...; detail=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utility => "utility",
            Self::Unanalysable => "unanalysable",
            Self::Interrupted => "interrupted",
            Self::Writes => "writes",
            Self::Locks => "locks",
            Self::Temporary => "temporary",
            Self::Foreign => "foreign",
            Self::Session => "session",
            Self::Volatile => "volatile",
            Self::Catalog => "catalog",
            Self::Unlogged => "unlogged",
            Self::Materialized => "materialized",
            Self::Function => "function",
            Self::Changing => "changing",
            Self::Frozen => "frozen",
        }
    }
}

impl Verdict {
    /// May the verdict be remembered? Not when the analysis was cut short: the next one may go through.
    pub fn is_lasting(&self) -> bool {
        self.cacheable != Err(Refusal::Interrupted)
    }

    /// The verdict on what no tree was read of: nothing is allowed, everything is reset.
    fn unseen(kind: Kind, refusal: Refusal, reason: &str) -> Self {
        Self {
            kind,
            cacheable: Err(refusal),
            derivable: Err(refusal),
            timed: Vec::new(),
            params: 0,
            contained: false,
            clean: false,
            reads_sequence_state: false,
            restricted: Err(reason.to_owned()),
            reads: Vec::new(),
            writes: Vec::new(),
            rows: BTreeMap::new(),
        }
    }
}

/// Asks Postgres what `text` is. `text` was accepted by Prepare as exactly one statement, `params` are its resolved parameter
/// types; `role` is the role whose rights and search path resolve the names (None: the login role); `safe` are functions that
/// somebody vouches for.
///
/// Needs an idle session and leaves it idle: the probe runs in a transaction of its own that is always rolled back. If this
/// future is dropped half way, that rollback has not run and the connection must be closed.
///
/// # Errors
/// Only if the connection failed, or could not be brought back to idle, which comes to the same. Whatever else goes wrong is
/// a verdict of "not analysable".
pub async fn analyse(
    client: &Client,
    text: &str,
    params: &[Type],
    role: Option<&str>,
    safe: &Safe,
) -> Result<Verdict, Error> {
    let outcome = examine(client, text, params, role, safe).await;
    probe::end(client).await?;
    match outcome {
        Ok(verdict) => Ok(verdict),
        Err(Failure::Lost(error)) => Err(error),
        Err(Failure::Utility) => Ok(Verdict::unseen(
            Kind::Utility,
            Refusal::Utility,
            "a utility statement is not allowed for this principal",
        )),
        Err(Failure::Interrupted) => {
            Ok(Verdict::unseen(Kind::Unknown, Refusal::Interrupted, "the statement could not be analysed just now"))
        }
        Err(Failure::Unanalysable) => {
            Ok(Verdict::unseen(Kind::Unknown, Refusal::Unanalysable, "the statement could not be analysed"))
        }
    }
}

async fn examine(
    client: &Client,
    text: &str,
    params: &[Type],
    role: Option<&str>,
    safe: &Safe,
) -> Result<Verdict, Failure> {
    let probe = Probe::begin(client, role).await?;
    let tree = probe.tree(text, params).await?;
    let mut verdict = survey::survey(client, &tree, params, safe).await?;
    if has_frozen_literal(text) && verdict.derivable.is_ok() {
        verdict.derivable = Err(Refusal::Frozen);
    }
    Ok(verdict)
}

//! Reads statements: SQL as it is, or a template in which parameters are left open.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::Expression;
use crate::plan::arguments::ArgType;

/// A statement and its arguments.
#[derive(Deserialize)]
#[serde(try_from = "Wire")]
pub(in crate::plan) struct Statement {
    /// Written by the application, so its results are not the schema's.
    pub(in crate::plan) is_raw: bool,
    pub(in crate::plan) sql: Sql,
    pub(in crate::plan) args: Vec<Expression>,
    /// One for each argument; those that are missing say nothing.
    pub(in crate::plan) types: Vec<ArgType>,
    /// It may be run in pieces, each with some values of its largest argument.
    pub(in crate::plan) is_chunkable: bool,
}

/// How parameters are written, which tells what database a plan is for: `$1`, `$2`, ... are Postgres's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marks {
    prefix: Box<str>,
    #[serde(default = "super::yes")]
    has_numbering: bool,
}

impl Marks {
    /// # Errors
    /// What the plan is for instead.
    fn expect_postgres(&self) -> Result<(), &'static str> {
        match (&*self.prefix, self.has_numbering) {
            ("$", true) => Ok(()),
            ("?", _) => Err("it is for MySQL or SQLite, and only Postgres is served"),
            ("@P", _) => Err("it is for SQL Server, and only Postgres is served"),
            _ => Err("its parameters are not written as Postgres's, and only Postgres is served"),
        }
    }
}

/// The mark of a parameter, by how many come before it.
pub(in crate::plan) fn mark(text: &mut String, before: usize) {
    text.push('$');
    text.push_str(itoa::Buffer::new().format(before + 1));
}

/// About what one takes, in bytes.
pub(in crate::plan) const MARK: usize = "$65535".len();

/// The text of a statement.
pub(in crate::plan) enum Sql {
    /// It is the same for all arguments, of which each is one parameter.
    Whole {
        text: Arc<str>,
        /// How many arguments it takes.
        arguments: usize,
    },
    /// It depends on how many values its arguments have.
    Parts(Vec<Fragment>),
}

/// A piece of a statement.
pub(in crate::plan) enum Fragment {
    /// As it is.
    Text(Box<str>),
    /// One parameter.
    Parameter,
    /// A parameter for each value of a list, in parentheses.
    Tuple(Item),
    /// The same for each list of a list.
    Tuples { item: Item, separator: Box<str> },
}

/// How the values of a list are written.
pub(in crate::plan) struct Item {
    pub(in crate::plan) prefix: Box<str>,
    pub(in crate::plan) separator: Box<str>,
    pub(in crate::plan) suffix: Box<str>,
}

impl Item {
    /// About what it takes for each value, in bytes.
    pub(in crate::plan) fn len(&self) -> usize {
        self.prefix.len() + self.separator.len() + self.suffix.len()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    r#type: Kind,
    #[serde(default)]
    sql: Option<Box<str>>,
    #[serde(default)]
    fragments: Option<Vec<Fragment>>,
    #[serde(default)]
    placeholder_format: Option<Marks>,
    #[serde(default)]
    args: Vec<Expression>,
    #[serde(default)]
    arg_types: Vec<ArgType>,
    #[serde(default)]
    chunkable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    RawSql,
    TemplateSql,
}

impl TryFrom<Wire> for Statement {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, &'static str> {
        let is_raw = matches!(wire.r#type, Kind::RawSql);
        wire.placeholder_format.map_or(Ok(()), |marks| marks.expect_postgres())?;
        let sql = if is_raw {
            Sql::Whole { text: wire.sql.ok_or("missing field `sql`")?.into(), arguments: wire.args.len() }
        } else {
            Sql::of(wire.fragments.ok_or("missing field `fragments`")?)
        };
        Ok(Self { is_raw, sql, args: wire.args, types: wire.arg_types, is_chunkable: wire.chunkable })
    }
}

impl Sql {
    fn of(fragments: Vec<Fragment>) -> Self {
        if fragments.iter().any(|fragment| matches!(fragment, Fragment::Tuple(_) | Fragment::Tuples { .. })) {
            return Self::Parts(fragments);
        }
        let mut text = String::new();
        let mut arguments = 0;
        for fragment in &fragments {
            if let Fragment::Text(chunk) = fragment {
                text.push_str(chunk);
            } else {
                mark(&mut text, arguments);
                arguments += 1;
            }
        }
        Self::Whole { text: text.into(), arguments }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece {
    r#type: PieceKind,
    #[serde(default)]
    chunk: Option<Box<str>>,
    #[serde(default)]
    item_prefix: Box<str>,
    // Clients up to 7.4 wrote none of the three.
    #[serde(default = "comma")]
    item_separator: Box<str>,
    #[serde(default)]
    item_suffix: Box<str>,
    #[serde(default = "comma")]
    group_separator: Box<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum PieceKind {
    StringChunk,
    Parameter,
    ParameterTuple,
    ParameterTupleList,
}

fn comma() -> Box<str> {
    ",".into()
}

impl<'de> Deserialize<'de> for Fragment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let piece = Piece::deserialize(deserializer)?;
        let item = Item { prefix: piece.item_prefix, separator: piece.item_separator, suffix: piece.item_suffix };
        Ok(match piece.r#type {
            PieceKind::StringChunk => Self::Text(piece.chunk.ok_or_else(|| D::Error::missing_field("chunk"))?),
            PieceKind::Parameter => Self::Parameter,
            PieceKind::ParameterTuple => Self::Tuple(item),
            PieceKind::ParameterTupleList => Self::Tuples { item, separator: piece.group_separator },
        })
    }
}

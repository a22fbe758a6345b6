//! A plan as it was read: one variant for each kind of node. It holds nothing of a request, so that requests can share it.

mod depth;
mod expression;
mod joins;
mod names;
mod node;
mod statement;

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use depth::check as check_depth;
use expression::Fields;
pub(super) use expression::{Expression, Generator, Placeholder};
pub(super) use statement::{Fragment, Item, MARK, Sql, Statement, mark};

use super::errors;
use super::structure::{Enums, Structure};
use crate::error::PlanError;

/// A query plan.
pub struct Plan {
    root: Node,
    /// Where the value of a name is kept while the plan runs.
    slots: HashMap<Box<str>, usize>,
    is_volatile: bool,
    writes: bool,
}

impl Plan {
    /// Reads a plan from its JSON.
    ///
    /// # Errors
    /// `P6000` for what is no plan, or one that is nested too deeply or puts records into each other too often.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        check_depth(text.as_bytes())?;
        let mut root: Node = read(text)?;
        let settled = names::settle(&mut root);
        joins::check(&root, settled.slots.len())?;
        Ok(Self { root, slots: settled.slots, is_volatile: settled.is_volatile, writes: settled.writes })
    }

    /// Whether it generates values that are not the same each time.
    pub(super) fn is_volatile(&self) -> bool {
        self.is_volatile
    }

    /// Whether something in it says that it writes; what its queries do is for Postgres to say.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The slot of a name, if the plan has it.
    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }
}

/// What the names of a plan stand for in one request: `{"%1": 1, ...}`.
#[derive(Default)]
pub(super) struct Params(HashMap<Box<str>, Expression>);

impl Params {
    /// Reads them from their JSON.
    pub(super) fn parse(text: &str) -> Result<Self, PlanError> {
        check_depth(text.as_bytes())?;
        read(text).map(Self)
    }

    pub(super) fn is_volatile(&self) -> bool {
        self.0.values().any(Expression::is_volatile)
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&Expression> {
        self.0.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

/// Reads JSON whose depth is known to be in bounds.
fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, PlanError> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    T::deserialize(&mut json).and_then(|value| json.end().map(|()| value)).map_err(|error| errors::unreadable(&error))
}

/// A step of a plan.
pub(super) enum Node {
    Query(Box<Statement>),
    Execute(Box<Statement>),
    Get(Name),
    Let(Box<Let>),
    Unique(Box<Node>),
    Required(Box<Node>),
    MapField(Box<MapField>),
    DataMap(Box<DataMap>),
    Validate(Box<Validate>),
    Join(Box<Join>),
    Seq(Vec<Node>),
    Concat(Vec<Node>),
    Sum(Vec<Node>),
    Value(Box<Expression>),
    If(Box<If>),
    Diff(Box<Diff>),
    FirstNonEmpty(Box<FirstNonEmpty>),
    Process(Box<Process>),
    Transaction(Box<Node>),
    Unit,
    Reverse(Box<Node>),
    InitializeRecord(Box<RecordOf<Initializer>>),
    MapRecord(Box<RecordOf<Operation>>),
}

/// A name that something is bound to.
pub(super) struct Name {
    pub(super) text: Box<str>,
    /// Where its value is kept; [`UNSETTLED`] in what came with a request, which the plan does not know.
    pub(super) slot: usize,
    /// Nothing asks for the value after this, so it can be taken.
    pub(super) is_last: bool,
}

/// The slot of a name that has none, or none yet.
pub(super) const UNSETTLED: usize = usize::MAX;

impl Name {
    fn new(text: Box<str>) -> Self {
        Self { text, slot: UNSETTLED, is_last: false }
    }
}

#[derive(Deserialize)]
pub(super) struct Let {
    pub(super) bindings: Vec<Binding>,
    pub(super) expr: Node,
}

#[derive(Deserialize)]
pub(super) struct Binding {
    pub(super) name: Name,
    pub(super) expr: Node,
}

#[derive(Deserialize)]
pub(super) struct MapField {
    pub(super) field: Box<str>,
    pub(super) records: Node,
}

#[derive(Deserialize)]
pub(super) struct DataMap {
    pub(super) expr: Node,
    pub(super) structure: Structure,
    #[serde(default)]
    pub(super) enums: Enums,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validate {
    pub(super) expr: Node,
    pub(super) rules: Vec<Rule>,
    /// Clients before 7.5 write the name in their engine's own way.
    #[serde(alias = "error_identifier")]
    pub(super) error_identifier: Box<str>,
    /// An object; the error's `meta`.
    pub(super) context: Box<RawValue>,
}

/// What a value has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "type", content = "args", rename_all = "camelCase")]
pub(super) enum Rule {
    RowCountEq(i64),
    RowCountNeq(i64),
    AffectedRowCountEq(i64),
    Never,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Join {
    pub(super) parent: Node,
    pub(super) children: Vec<Child>,
    #[serde(default = "yes")]
    pub(super) can_assume_strict_equality: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    #[serde(rename = "child")]
    pub(super) node: Node,
    /// Pairs of the parent's column and the child's.
    pub(super) on: Vec<(Box<str>, Box<str>)>,
    pub(super) parent_field: Box<str>,
    #[serde(default)]
    pub(super) is_relation_unique: bool,
}

#[derive(Deserialize)]
pub(super) struct If {
    pub(super) value: Node,
    pub(super) rule: Rule,
    pub(super) then: Node,
    #[serde(rename = "else")]
    pub(super) otherwise: Node,
}

#[derive(Deserialize)]
pub(super) struct Diff {
    pub(super) from: Node,
    pub(super) to: Node,
    pub(super) fields: Vec<Box<str>>,
}

#[derive(Deserialize)]
pub(super) struct FirstNonEmpty {
    pub(super) names: Vec<Name>,
}

#[derive(Deserialize)]
pub(super) struct Process {
    pub(super) expr: Node,
    pub(super) operations: Operations,
}

/// What is done to records in memory, in this order but for `nested`, which is for the records in a field.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Operations {
    pub(super) distinct: Option<Vec<Box<str>>>,
    pub(super) pagination: Option<Pagination>,
    /// What groups belong to: each is made distinct and cut into pages by itself.
    pub(super) linking_fields: Option<Vec<Box<str>>>,
    pub(super) reverse: bool,
    #[serde(deserialize_with = "expression::fields")]
    pub(super) nested: Fields<Operations>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pagination {
    #[serde(deserialize_with = "expression::optional_fields")]
    pub(super) cursor: Option<Fields<Expression>>,
    pub(super) take: Option<i64>,
    pub(super) skip: Option<i64>,
}

/// A record that comes from another value.
#[derive(Deserialize)]
pub(super) struct RecordOf<T> {
    pub(super) expr: Node,
    #[serde(deserialize_with = "expression::fields", bound(deserialize = "T: Deserialize<'de>"))]
    pub(super) fields: Fields<T>,
}

/// Where a new record's field comes from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Source {
    Value,
    LastInsertId,
}

/// A field of a new record. Postgres has no last inserted id, so that there is no value then.
#[derive(Deserialize)]
pub(super) struct Initializer {
    pub(super) r#type: Source,
    /// null is a value, too.
    #[serde(default, deserialize_with = "some")]
    pub(super) value: Option<Expression>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Expression>, D::Error> {
    Expression::deserialize(deserializer).map(Some)
}

/// What is done to a field.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Operator {
    Set,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A change of a field.
#[derive(Deserialize)]
pub(super) struct Operation {
    pub(super) r#type: Operator,
    pub(super) value: Expression,
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;

//! Which rows of its tables a statement can touch at all, where it says so: `WHERE id = $1`.
//!
//! A table is pinned where it stands in a query whose WHERE holds, among what must be true together, an equality between a
//! column of it and a parameter or a constant: rows with another value have no part in the result, however tables are joined,
//! since WHERE comes after the joins. What pins an outer query says nothing about its sub-queries, each of which is looked
//! at by itself.

mod node;

use std::collections::BTreeMap;

use node::{Node, Value};
use uuid::Uuid;

/// Texts of trees longer than this are not looked at, in bytes.
const LONGEST: usize = 256 << 10;

/// One place where a relation stands in a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Columns, by number, and the values that a row there must have one of.
    pub pins: Vec<Pin>,
    /// Columns that are given other values there.
    pub changes: Vec<i16>,
}

/// A column that must have one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The column's number in its relation.
    pub column: i16,
    /// What its values are.
    pub kind: PinKind,
    /// Where they come from.
    pub values: Vec<Source>,
}

/// Types whose values can be told apart by their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// Whole numbers.
    Integer,
    /// UUIDs.
    Uuid,
    /// Texts, compared byte by byte.
    Text,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A parameter, counted from 0.
    Param(usize),
    /// A constant.
    Text(String),
}

impl PinKind {
    /// The one text by which Postgres prints a value that somebody wrote as `text`, if it is one for certain.
    pub fn canonical(self, text: &str) -> Option<String> {
        match self {
            Self::Integer => text.trim_ascii().parse::<i64>().ok().map(|number| number.to_string()),
            Self::Text => Some(text.to_owned()),
            Self::Uuid => Uuid::try_parse(text).ok().map(|uuid| uuid.to_string()),
        }
    }

    /// By an equality operator of a B-tree (`pg_operator.dat`).
    fn of_equality(operator: u32, collation: u32) -> Option<Self> {
        match operator {
            // int2, int4 and int8 with each other
            94 | 96 | 410 | 15 | 416 | 532 | 533 | 1862 | 1868 => Some(Self::Integer),
            2972 => Some(Self::Uuid),
            // With a collation that takes nothing but the same bytes for the same: default, C, POSIX.
            98 if [100, 950, 951].contains(&collation) => Some(Self::Text),
            _ => None,
        }
    }

    fn of_type(oid: u32) -> Option<Self> {
        match oid {
            20 | 21 | 23 => Some(Self::Integer),
            2950 => Some(Self::Uuid),
            25 | 1043 => Some(Self::Text),
            _ => None,
        }
    }
}

/// The relations of a statement's own tree, with all places where each of them stands. Nothing if the tree cannot be read.
pub(super) fn pins(tree: &str) -> BTreeMap<u32, Vec<Place>> {
    let mut found = BTreeMap::new();
    if tree.len() <= LONGEST
        && let Some(root) = node::read(tree)
    {
        root.each("QUERY", &mut |query| places(query, &mut found));
    }
    found
}

fn places(query: &Node, found: &mut BTreeMap<u32, Vec<Place>>) {
    let command = query.number("commandType").unwrap_or_default();
    let written = query.number("resultRelation").unwrap_or_default();
    let mut pins: BTreeMap<u32, Vec<Pin>> = BTreeMap::new();
    // What MERGE looks at is not in its WHERE alone.
    if command != MERGE
        && let Some(quals) = query.node("jointree").and_then(|jointree| jointree.node("quals"))
    {
        conjuncts(quals, &mut pins);
    }
    for (number, entry) in (1..).zip(query.list("rtable")) {
        let Some(relation) = entry.as_node().and_then(|entry| entry.number("relid")).filter(|relation| *relation > 0)
        else {
            continue;
        };
        let mut place = Place { pins: pins.remove(&number).unwrap_or_default(), changes: Vec::new() };
        if number == written {
            match command {
                INSERT => place.pins = inserted(query),
                _ => {
                    place.changes =
                        query.list("targetList").iter().filter_map(|entry| column(entry.as_node()?)).collect();
                }
            }
        }
        found.entry(relation).or_default().push(place);
    }
}

/// `CmdType` of `nodes.h`.
const INSERT: u32 = 3;
const MERGE: u32 = 5;

/// `OVERRIDING_USER_VALUE` of `primnodes.h`.
const BY_THE_SEQUENCE: u32 = 1;

/// What must be true together, by the number of the range table entry that it is about.
fn conjuncts(quals: &Node, pins: &mut BTreeMap<u32, Vec<Pin>>) {
    let mut open = vec![quals];
    while let Some(node) = open.pop() {
        match node.label {
            "BOOLEXPR" if node.scalar("boolop") == Some("and") => {
                open.extend(node.list("args").iter().filter_map(Value::as_node));
            }
            "OPEXPR" => {
                if let [left, right] = node.list("args") {
                    let pin = equality(node, left, right).or_else(|| equality(node, right, left));
                    pins_of(pins, pin);
                }
            }
            "SCALARARRAYOPEXPR" if node.scalar("useOr") == Some("true") => {
                if let [left, right] = node.list("args") {
                    pins_of(pins, one_of(node, left, right));
                }
            }
            _ => {}
        }
    }
}

fn pins_of(pins: &mut BTreeMap<u32, Vec<Pin>>, pin: Option<(u32, Pin)>) {
    if let Some((entry, pin)) = pin {
        pins.entry(entry).or_default().push(pin);
    }
}

fn kind(node: &Node) -> Option<PinKind> {
    PinKind::of_equality(node.number("opno")?, node.number("inputcollid").unwrap_or_default())
}

fn equality(node: &Node, column: &Value, value: &Value) -> Option<(u32, Pin)> {
    let (entry, column) = variable(column.as_node()?)?;
    Some((entry, Pin { column, kind: kind(node)?, values: vec![source(value.as_node()?)?] }))
}

/// `column = ANY (ARRAY[...])`, which is what `IN` becomes.
fn one_of(node: &Node, column: &Value, list: &Value) -> Option<(u32, Pin)> {
    let (entry, column) = variable(column.as_node()?)?;
    let list = list.as_node().filter(|list| matches!(list.label, "ARRAYEXPR" | "ARRAY"))?;
    let values = list.list("elements").iter().map(|element| source(element.as_node()?)).collect::<Option<Vec<_>>>()?;
    Some((entry, Pin { column, kind: kind(node)?, values }))
}

/// A column of a relation of this query: its entry and its number. Behind a relabelling it is still the same text.
fn variable(node: &Node) -> Option<(u32, i16)> {
    match node.label {
        // Of a type that is printed as what it is compared by.
        "VAR" if node.number("varlevelsup") == Some(0) && PinKind::of_type(node.number("vartype")?).is_some() => {
            Some((node.number("varno")?, node.scalar("varattno")?.parse().ok()?))
        }
        "RELABELTYPE" if PinKind::of_type(node.number("resulttype")?).is_some() => variable(node.node("arg")?),
        _ => None,
    }
}

/// `int8(int4)`, `int8(int2)` and `int4(int2)` of `pg_proc.dat`: a number stays the number it is.
const WIDENING: [u32; 3] = [481, 754, 313];

fn source(node: &Node) -> Option<Source> {
    match node.label {
        "PARAM" if node.scalar("paramkind") == Some("0") => {
            PinKind::of_type(node.number("paramtype")?)?;
            Some(Source::Param(usize::try_from(node.number("paramid")?.checked_sub(1)?).ok()?))
        }
        "CONST" => constant(node).map(Source::Text),
        "RELABELTYPE" if PinKind::of_type(node.number("resulttype")?).is_some() => source(node.node("arg")?),
        "FUNCEXPR" if WIDENING.contains(&node.number("funcid")?) => match node.list("args") {
            [argument] => source(argument.as_node()?),
            _ => None,
        },
        _ => None,
    }
}

/// The text of a constant.
fn constant(node: &Node) -> Option<String> {
    let datum = node.datum("constvalue")?;
    match node.number("consttype")? {
        // A datum that is passed by value is as wide as a machine word.
        21 => Some(i16::from_le_bytes(datum.get(..2)?.try_into().ok()?).to_string()),
        23 => Some(i32::from_le_bytes(datum.get(..4)?.try_into().ok()?).to_string()),
        20 => Some(i64::from_le_bytes(datum.get(..8)?.try_into().ok()?).to_string()),
        2950 => Some(Uuid::from_bytes(datum.try_into().ok()?).to_string()),
        // Of which only this much is the same in every encoding that a database may be in.
        25 | 1043 => String::from_utf8(datum.get(4..)?.to_vec()).ok().filter(|text| text.is_ascii()),
        _ => None,
    }
}

/// The columns of the only row that an INSERT writes, as far as they are given by parameters and constants.
fn inserted(query: &Node) -> Vec<Pin> {
    // Who writes several rows, or rows from elsewhere, reads them from a range table entry.
    if query.list("rtable").len() != 1 || query.node("onConflict").is_some() {
        return Vec::new();
    }
    // Then identity columns do not get the values that are written; which columns those are, only the catalogue knows.
    if query.number("override") == Some(BY_THE_SEQUENCE) {
        return Vec::new();
    }
    let pin = |entry: &Value| {
        let entry = entry.as_node()?;
        let value = entry.node("expr")?;
        let kind = match value.label {
            "PARAM" => PinKind::of_type(value.number("paramtype")?)?,
            "CONST" => PinKind::of_type(value.number("consttype")?)?,
            _ => return None,
        };
        Some(Pin { column: column(entry)?, kind, values: vec![source(value)?] })
    };
    query.list("targetList").iter().filter_map(pin).collect()
}

/// The column that a target entry is for.
fn column(entry: &Node) -> Option<i16> {
    entry.scalar("resno")?.parse().ok()
}

#[cfg(test)]
mod tests;

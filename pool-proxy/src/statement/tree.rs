//! Reads the text form of a parsed query (`pg_node_tree`) into facts, with an explicit stack: nesting costs no recursion.
//!
//! The format is that of Postgres's `outfuncs.c`, the tokens are those of `pg_strtok` in `read.c`: blanks separate, `(){}`
//! stand alone, a backslash takes the next character with it. A value that happens to look like a label (an alias named
//! ":funcid" is written unquoted) is told apart by its place: the token after a label is that label's value, always.

use std::collections::BTreeSet;

use super::labels::{self, Meaning, NodeKind};

/// Why a tree could not be read. All of them mean: not analysable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the tree ends early or closes what it did not open")]
    Shape,
    #[error("unknown node {0}")]
    Node(String),
    #[error("unknown field {0}")]
    Field(String),
    #[error("a number was expected in field {0}")]
    Number(String),
}

/// What one or several trees say, before anything is looked up. Object ids as written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent observations, not the states of anything")]
pub(super) struct Facts {
    /// Functions called by their own id: calls, aggregates, window functions, the functions behind resolved operators.
    pub(super) functions: BTreeSet<u32>,
    /// Operators used by comparison, sorting and grouping; what they call is in `pg_operator`.
    pub(super) operators: BTreeSet<u32>,
    /// `TABLESAMPLE` handlers.
    pub(super) samples: BTreeSet<u32>,
    /// Types mentioned anywhere that are not Postgres's own: their domain constraints and casts run unseen.
    pub(super) types: BTreeSet<u32>,
    /// Types that are subscripted: the handler is theirs.
    pub(super) subscripted: BTreeSet<u32>,
    pub(super) reads: BTreeSet<u32>,
    pub(super) writes: BTreeSet<u32>,
    /// `commandType` of each query that is in no other query.
    pub(super) commands: Vec<u32>,
    /// Any query in it, at any depth, that is not a SELECT.
    pub(super) modifies: bool,
    /// Any query that updates or deletes rows, which a foreign key can carry on to other tables.
    pub(super) cascades: bool,
    /// FOR UPDATE and its weaker forms, at any depth.
    pub(super) locks: bool,
    /// WHERE CURRENT OF: depends on a cursor of the session.
    pub(super) current_of: bool,
    /// Draws from a sequence without naming a function (identity columns).
    pub(super) next_value: bool,
    /// `CURRENT_DATE` and whatever else tells the time without naming a function.
    pub(super) tells_time: bool,
    /// Columns that Postgres itself keeps with a row, and writes with no change of the row.
    pub(super) tells_storage: bool,
    /// Values are made out of JSON or XML by the input functions of their types.
    pub(super) parses: bool,
    /// Types made by way of the text form.
    pub(super) cast_by_text: BTreeSet<u32>,
    /// Settings that are read by `current_setting`; `None` for one that no constant names.
    pub(super) settings: BTreeSet<Option<String>>,
    /// A node stood outside of every query: a bare expression, as defaults and policies are.
    pub(super) bare: bool,
}

/// `CMD_SELECT` of `nodes.h`; the same number in every version.
pub(super) const SELECT: u32 = 1;
/// `CMD_INSERT`.
pub(super) const INSERT: u32 = 3;

/// `SVFOP_LOCALTIMESTAMP_N` of `primnodes.h`: up to it, they tell the time; behind it, who asks and where.
const LAST_OF_TIME: u32 = 8;
/// `timetz` and lists of it, whose text says no date: the offset of its time zone is that of the day on which it is read.
const OF_TODAY: [u32; 2] = [1266, 1270];
/// `ctid`, `cmin`, `xmax` and `cmax` of `sysattr.h`: VACUUM FULL moves a row, who locks it or fails to change it leaves a mark,
/// and no change stream tells of that. `xmin` and `tableoid` are others only where a change of the row is told.
const STORAGE: [&str; 4] = ["-1", "-3", "-4", "-5"];
/// `current_setting(text)` and `current_setting(text, boolean)`: pinned ids of `pg_proc.dat`.
const CURRENT_SETTING: [u32; 2] = [2077, 3294];

impl Facts {
    /// Adds what `tree` says. A failure leaves the facts incomplete: they must not be used then.
    pub(super) fn add(&mut self, tree: &str) -> Result<(), Unreadable> {
        Reader { tokens: Tokens::of(tree), stack: Vec::new(), queries: 0, facts: self }.read()
    }
}

/// Something that was opened and not closed yet.
enum Frame<'a> {
    List { field: &'a str },
    Node(Node),
}

struct Node {
    kind: NodeKind,
    /// Of a range table entry: the relation it stands for, 0 for none.
    relation: u32,
    /// Of a query: its range table so far, counted from 1 by `result_relation`.
    range_table: Vec<u32>,
    result_relation: u32,
    command: u32,
    /// Of a call: the function.
    function: u32,
    /// Of a constant: its text, if it may be one. Of a call: its first argument, if it is such a constant.
    text: Option<String>,
}

struct Reader<'a, 'f> {
    tokens: Tokens<'a>,
    stack: Vec<Frame<'a>>,
    /// How many of them are queries.
    queries: usize,
    facts: &'f mut Facts,
}

impl<'a> Reader<'a, '_> {
    fn read(mut self) -> Result<(), Unreadable> {
        while let Some(token) = self.tokens.next()? {
            match self.stack.last() {
                Some(Frame::Node(_)) => match token.strip_prefix(':') {
                    Some(field) if !field.is_empty() => {
                        let value = self.tokens.expect()?;
                        self.value(field, value)?;
                    }
                    _ if token == "}" => self.close_node()?,
                    _ => return Err(Unreadable::Shape),
                },
                Some(Frame::List { field }) => {
                    let field = *field;
                    if token == ")" {
                        self.stack.pop();
                    } else {
                        self.value(field, token)?;
                    }
                }
                None => self.value("", token)?,
            }
        }
        if self.stack.is_empty() { Ok(()) } else { Err(Unreadable::Shape) }
    }

    /// One value of `field`: a node, a list or a scalar.
    fn value(&mut self, field: &'a str, token: &'a str) -> Result<(), Unreadable> {
        match token {
            "{" => self.open_node(),
            "(" => {
                self.stack.push(Frame::List { field });
                Ok(())
            }
            "}" | ")" => Err(Unreadable::Shape),
            // A datum is its length and then its bytes in brackets (outDatum).
            _ if field == "constvalue" && token != "<>" => self.datum(),
            scalar => self.scalar(field, scalar),
        }
    }

    fn datum(&mut self) -> Result<(), Unreadable> {
        if self.tokens.expect()? != "[" {
            return Err(Unreadable::Shape);
        }
        let names = self.names_setting();
        let mut bytes = Vec::new();
        loop {
            match self.tokens.expect()? {
                "]" => break,
                // Printed as a signed number.
                byte if names => bytes.extend(byte.parse::<i16>().ok().map(|byte| byte.to_le_bytes()[0])),
                _ => {}
            }
        }
        if let Some(Frame::Node(node)) = self.stack.last_mut()
            && node.kind == NodeKind::Constant
        {
            node.text = text_of(&bytes);
        }
        Ok(())
    }

    /// Whether the constant that is being read is the first argument of a `current_setting`.
    fn names_setting(&self) -> bool {
        matches!(
            self.stack.as_slice(),
            [.., Frame::Node(call), Frame::List { field: "args" }, Frame::Node(constant)]
                if constant.kind == NodeKind::Constant && call.text.is_none() && CURRENT_SETTING.contains(&call.function)
        )
    }

    fn open_node(&mut self) -> Result<(), Unreadable> {
        let label = self.tokens.expect()?;
        let kind = labels::node(label).ok_or_else(|| Unreadable::Node(shortened(label)))?;
        match kind {
            NodeKind::OnConflict => self.facts.cascades = true,
            NodeKind::RowMark => self.facts.locks = true,
            NodeKind::CurrentOf => self.facts.current_of = true,
            NodeKind::NextValue => self.facts.next_value = true,
            NodeKind::Parse => self.facts.parses = true,
            _ => {}
        }
        if kind == NodeKind::Query {
            self.queries += 1;
        } else if self.queries == 0 {
            self.facts.bare = true;
        }
        let (relation, result_relation, command, function, text) = (0, 0, 0, 0, None);
        let node = Node { kind, relation, range_table: Vec::new(), result_relation, command, function, text };
        self.stack.push(Frame::Node(node));
        Ok(())
    }

    fn close_node(&mut self) -> Result<(), Unreadable> {
        let Some(Frame::Node(node)) = self.stack.pop() else {
            return Err(Unreadable::Shape);
        };
        match node.kind {
            NodeKind::RangeTableEntry => self.enter_range(node.relation),
            NodeKind::Query => self.close_query(&node),
            NodeKind::Constant => self.close_constant(node),
            NodeKind::Call if CURRENT_SETTING.contains(&node.function) => _ = self.facts.settings.insert(node.text),
            _ => {}
        }
        Ok(())
    }

    fn close_constant(&mut self, constant: Node) {
        if let [.., Frame::Node(call), Frame::List { field: "args" }] = self.stack.as_mut_slice()
            && call.kind == NodeKind::Call
            && call.text.is_none()
        {
            call.text = constant.text;
        }
    }

    /// A range table entry belongs to the query whose `:rtable` list it stands in; its place there is its number.
    fn enter_range(&mut self, relation: u32) {
        if let [.., Frame::Node(query), Frame::List { field: "rtable" }] = self.stack.as_mut_slice()
            && query.kind == NodeKind::Query
        {
            query.range_table.push(relation);
        } else if relation != 0 {
            self.facts.reads.insert(relation);
        }
    }

    fn close_query(&mut self, query: &Node) {
        for (number, relation) in (1u32..).zip(&query.range_table) {
            if *relation == 0 {
                continue;
            }
            if number == query.result_relation {
                self.facts.writes.insert(*relation);
            } else {
                self.facts.reads.insert(*relation);
            }
        }
        if query.command != SELECT {
            self.facts.modifies = true;
            self.facts.cascades |= query.command != INSERT;
        }
        self.queries -= 1;
        if self.queries == 0 {
            self.facts.commands.push(query.command);
        }
    }

    fn scalar(&mut self, field: &'a str, token: &'a str) -> Result<(), Unreadable> {
        // `(o 1 2)` is a list of object ids, `(i ...)` of integers: the letter is no member. `<>` is NULL.
        if matches!(token, "<>" | "o" | "i" | "b" | "x") {
            return Ok(());
        }
        let meaning = labels::field(field).ok_or_else(|| Unreadable::Field(shortened(field)))?;
        if meaning == Meaning::Nothing {
            return Ok(());
        }
        if meaning == Meaning::Column {
            self.facts.tells_storage |= STORAGE.contains(&token);
            return Ok(());
        }
        let Ok(number) = token.parse::<u32>() else {
            // Types are guessed from a field's name: an alias or a flag may carry such a name, an id is a number.
            let guess = matches!(meaning, Meaning::Type | Meaning::ValueType);
            return if guess { Ok(()) } else { Err(Unreadable::Number(shortened(field))) };
        };
        let facts = &mut *self.facts;
        match meaning {
            // Of the value functions, it is the first: CURRENT_DATE.
            Meaning::ValueFunction => self.place(meaning, number),
            _ if number == 0 => {}
            Meaning::Function => {
                facts.functions.insert(number);
                self.place(meaning, number);
            }
            Meaning::CastTo => {
                if number >= labels::FIRST_USER_OID {
                    facts.types.insert(number);
                }
                self.place(meaning, number);
            }
            Meaning::Operator => _ = facts.operators.insert(number),
            Meaning::Sample => _ = facts.samples.insert(number),
            Meaning::ValueType if OF_TODAY.contains(&number) => facts.tells_time = true,
            Meaning::Type | Meaning::ValueType | Meaning::Subscripted if number < labels::FIRST_USER_OID => {}
            Meaning::Type | Meaning::ValueType => _ = facts.types.insert(number),
            Meaning::Subscripted => {
                facts.types.insert(number);
                facts.subscripted.insert(number);
            }
            Meaning::Relation | Meaning::ResultRelation | Meaning::Command => {
                self.place(meaning, number);
            }
            Meaning::Column | Meaning::Nothing => {}
        }
        Ok(())
    }

    /// Values that mean something only inside their own node.
    fn place(&mut self, meaning: Meaning, number: u32) {
        let Some(Frame::Node(node)) = self.stack.last_mut() else {
            return;
        };
        match (meaning, node.kind) {
            (Meaning::Relation, NodeKind::RangeTableEntry) => node.relation = number,
            (Meaning::ResultRelation, NodeKind::Query) => node.result_relation = number,
            (Meaning::Command, NodeKind::Query) => node.command = number,
            (Meaning::Function, NodeKind::Call) => node.function = number,
            (Meaning::ValueFunction, NodeKind::ValueFunction) => self.facts.tells_time |= number <= LAST_OF_TIME,
            (Meaning::CastTo, NodeKind::CastByText) => _ = self.facts.cast_by_text.insert(number),
            _ => {}
        }
    }
}

/// The text in a datum of type `text`: four bytes of length, and then its characters.
fn text_of(datum: &[u8]) -> Option<String> {
    String::from_utf8(datum.get(4..)?.to_vec()).ok()
}

/// Enough of a label to name it in a log, never a value's length.
fn shortened(label: &str) -> String {
    label.chars().take(40).collect()
}

/// `pg_strtok`.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(tree: &'a str) -> Self {
        Self { rest: tree }
    }

    pub(super) fn next(&mut self) -> Result<Option<&'a str>, Unreadable> {
        let rest = self.rest.trim_start_matches([' ', '\n', '\t']);
        let Some(first) = rest.bytes().next() else {
            self.rest = rest;
            return Ok(None);
        };
        let end = if is_special(first) { 1 } else { word_end(rest) };
        let (token, rest) = rest.split_at_checked(end).ok_or(Unreadable::Shape)?;
        self.rest = rest;
        Ok(Some(token))
    }

    fn expect(&mut self) -> Result<&'a str, Unreadable> {
        self.next()?.ok_or(Unreadable::Shape)
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'{' | b'}')
}

/// Bytes are enough: what separates is ASCII, and a backslash before a longer character leaves only bytes that do not.
fn word_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if is_special(byte) || matches!(byte, b' ' | b'\n' | b'\t') {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;

//! A tree as a tree: nodes with fields, for the few questions that need more than its words.

use super::super::tree::Tokens;

/// Nesting deeper than this is not read.
const DEEPEST: usize = 200;

/// A node, such as `{VAR :varno 1 ...}`.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) label: &'t str,
    fields: Vec<(&'t str, Value<'t>)>,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Node(Box<Node<'t>>),
    List(Vec<Value<'t>>),
    Scalar(&'t str),
    Datum(Vec<u8>),
}

/// Reads a tree; `None` if it is none, or too deep.
pub(super) fn read(tree: &str) -> Option<Value<'_>> {
    let mut tokens = Tokens::of(tree);
    let first = tokens.next().ok()??;
    value(&mut tokens, first, DEEPEST)
}

fn value<'t>(tokens: &mut Tokens<'t>, token: &'t str, depth: usize) -> Option<Value<'t>> {
    let depth = depth.checked_sub(1)?;
    match token {
        "{" => node(tokens, depth).map(|node| Value::Node(Box::new(node))),
        "(" => {
            let mut list = Vec::new();
            loop {
                match tokens.next().ok()?? {
                    ")" => return Some(Value::List(list)),
                    token => list.push(value(tokens, token, depth)?),
                }
            }
        }
        "}" | ")" => None,
        scalar => Some(Value::Scalar(scalar)),
    }
}

fn node<'t>(tokens: &mut Tokens<'t>, depth: usize) -> Option<Node<'t>> {
    let label = tokens.next().ok()??;
    let mut fields = Vec::new();
    loop {
        let token = tokens.next().ok()??;
        if token == "}" {
            return Some(Node { label, fields });
        }
        let field = token.strip_prefix(':')?;
        let token = tokens.next().ok()??;
        let value = if field == "constvalue" && token != "<>" { datum(tokens)? } else { value(tokens, token, depth)? };
        fields.push((field, value));
    }
}

/// Its length has been read; its bytes are printed as signed numbers.
fn datum<'t>(tokens: &mut Tokens<'t>) -> Option<Value<'t>> {
    if tokens.next().ok()?? != "[" {
        return None;
    }
    let mut bytes = Vec::new();
    loop {
        match tokens.next().ok()?? {
            "]" => return Some(Value::Datum(bytes)),
            byte => bytes.push(byte.parse::<i16>().ok()?.to_le_bytes()[0]),
        }
    }
}

impl<'t> Value<'t> {
    pub(super) fn as_node(&self) -> Option<&Node<'t>> {
        if let Self::Node(node) = self { Some(node) } else { None }
    }

    /// Shows each node with this label, at any depth.
    pub(super) fn each(&self, label: &str, show: &mut impl FnMut(&Node<'t>)) {
        match self {
            Self::Node(node) => {
                if node.label == label {
                    show(node);
                }
                node.fields.iter().for_each(|(_, value)| value.each(label, show));
            }
            Self::List(values) => values.iter().for_each(|value| value.each(label, show)),
            Self::Scalar(_) | Self::Datum(_) => {}
        }
    }
}

impl<'t> Node<'t> {
    fn field(&self, name: &str) -> Option<&Value<'t>> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node<'t>> {
        self.field(name)?.as_node()
    }

    pub(super) fn list(&self, name: &str) -> &[Value<'t>] {
        if let Some(Value::List(values)) = self.field(name) { values } else { &[] }
    }

    pub(super) fn scalar(&self, name: &str) -> Option<&'t str> {
        if let Some(Value::Scalar(scalar)) = self.field(name) { Some(scalar) } else { None }
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.scalar(name)?.parse().ok()
    }

    pub(super) fn datum(&self, name: &str) -> Option<&[u8]> {
        if let Some(Value::Datum(bytes)) = self.field(name) { Some(bytes) } else { None }
    }
}

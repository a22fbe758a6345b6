//! Reads nodes: `{"type": KIND, "args": ...}`. Clients write the kind first, so that the arguments can be read at once.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Name, Node};

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(Self::new)
    }
}

/// The kinds of nodes.
#[derive(Clone, Copy)]
enum Kind {
    Query,
    Execute,
    Get,
    Let,
    Unique,
    Required,
    MapField,
    DataMap,
    Validate,
    Join,
    Seq,
    Concat,
    Sum,
    Value,
    If,
    Diff,
    FirstNonEmpty,
    Process,
    Transaction,
    Unit,
    Reverse,
    InitializeRecord,
    MapRecord,
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl Visitor<'_> for Words {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of a node")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Kind, E> {
                Ok(match word {
                    "query" => Kind::Query,
                    "execute" => Kind::Execute,
                    "get" => Kind::Get,
                    "let" => Kind::Let,
                    "unique" => Kind::Unique,
                    "required" => Kind::Required,
                    "mapField" => Kind::MapField,
                    "dataMap" => Kind::DataMap,
                    "validate" => Kind::Validate,
                    "join" => Kind::Join,
                    "seq" => Kind::Seq,
                    "concat" => Kind::Concat,
                    "sum" => Kind::Sum,
                    "value" => Kind::Value,
                    "if" => Kind::If,
                    "diff" => Kind::Diff,
                    "getFirstNonEmpty" => Kind::FirstNonEmpty,
                    "process" => Kind::Process,
                    "transaction" => Kind::Transaction,
                    "unit" => Kind::Unit,
                    "reverse" => Kind::Reverse,
                    "initializeRecord" => Kind::InitializeRecord,
                    "mapRecord" => Kind::MapRecord,
                    other => return Err(E::custom(format_args!("Unexpected node type: {other}"))),
                })
            }
        }

        deserializer.deserialize_str(Words)
    }
}

/// The keys of a node. One that is written with escapes is none, so that the look at the depth sees what is read.
enum Key {
    Type,
    Args,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl<'de> Visitor<'de> for Words {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, word: &'de str) -> Result<Key, E> {
                Ok(match word {
                    "type" => Key::Type,
                    "args" => Key::Args,
                    _ => Key::Other,
                })
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Key, E> {
                Ok(Key::Other)
            }
        }

        deserializer.deserialize_identifier(Words)
    }
}

#[derive(serde::Deserialize)]
struct Get {
    name: Name,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node of a query plan")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut kind = None;
                let mut node = None;
                let mut early: Option<&'de RawValue> = None;
                while let Some(key) = map.next_key()? {
                    match (key, kind) {
                        (Key::Type, _) => kind = Some(map.next_value()?),
                        (Key::Args, Some(kind)) => node = Some(args(kind, &mut map)?),
                        (Key::Args, None) => early = Some(map.next_value()?),
                        (Key::Other, _) => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                match (kind, node, early) {
                    (None, ..) => Err(A::Error::missing_field("type")),
                    (Some(Kind::Unit), ..) => Ok(Node::Unit),
                    (_, Some(node), _) => Ok(node),
                    (Some(kind), None, Some(early)) => again(kind, early).map_err(A::Error::custom),
                    (Some(_), None, None) => Err(A::Error::missing_field("args")),
                }
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// Arguments that came before the type.
fn again(kind: Kind, early: &RawValue) -> Result<Node, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(early.get());
    json.disable_recursion_limit();
    args(kind, &mut Alone(&mut json))
}

/// A value that stands alone, read as that of a key.
struct Alone<'a, R>(&'a mut serde_json::Deserializer<R>);

impl<'de, R: serde_json::de::Read<'de>> MapAccess<'de> for Alone<'_, R> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _: K) -> Result<Option<K::Value>, serde_json::Error> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, serde_json::Error> {
        seed.deserialize(&mut *self.0)
    }
}

/// Each arm is a call, which keeps the frame of this function small: plans are nested deeply.
fn args<'de, A: MapAccess<'de>>(kind: Kind, map: &mut A) -> Result<Node, A::Error> {
    match kind {
        Kind::Query => boxed(map, Node::Query),
        Kind::Execute => boxed(map, Node::Execute),
        Kind::Get => plain(map, |get: Get| Node::Get(get.name)),
        Kind::Let => boxed(map, Node::Let),
        Kind::Unique => boxed(map, Node::Unique),
        Kind::Required => boxed(map, Node::Required),
        Kind::MapField => boxed(map, Node::MapField),
        Kind::DataMap => boxed(map, Node::DataMap),
        Kind::Validate => boxed(map, Node::Validate),
        Kind::Join => boxed(map, Node::Join),
        Kind::Seq => plain(map, Node::Seq),
        Kind::Concat => plain(map, Node::Concat),
        Kind::Sum => plain(map, Node::Sum),
        Kind::Value => boxed(map, Node::Value),
        Kind::If => boxed(map, Node::If),
        Kind::Diff => boxed(map, Node::Diff),
        Kind::FirstNonEmpty => boxed(map, Node::FirstNonEmpty),
        Kind::Process => boxed(map, Node::Process),
        Kind::Transaction => boxed(map, Node::Transaction),
        Kind::Unit => plain(map, |_: IgnoredAny| Node::Unit),
        Kind::Reverse => boxed(map, Node::Reverse),
        Kind::InitializeRecord => boxed(map, Node::InitializeRecord),
        Kind::MapRecord => boxed(map, Node::MapRecord),
    }
}

fn boxed<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A, node: fn(Box<T>) -> Node) -> Result<Node, A::Error> {
    Ok(node(map.next_value()?))
}

fn plain<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A, node: fn(T) -> Node) -> Result<Node, A::Error> {
    Ok(node(map.next_value()?))
}

//! What a data map asks for: which fields of a record become which fields of the answer, and as what.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::postgres::value::write_string;

/// What is to be made of a value.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Wire")]
pub enum Structure {
    /// The number of rows a statement touched, as `{"count": n}`.
    AffectedRows,
    /// An object of each record.
    Object(Object),
    /// One value.
    Field(Field),
}

/// Records and the fields they are to have.
#[derive(Debug, Clone)]
pub struct Object {
    /// The column that holds it; `None` for the very record it is a part of.
    pub serialized_name: Option<Box<str>>,
    /// Whether nulls of a list are left away.
    pub skip_nulls: bool,
    /// The fields, in the order in which they are written.
    pub members: Vec<Member>,
}

/// One field of an object.
#[derive(Debug, Clone)]
pub struct Member {
    /// As clients know it.
    pub name: Box<str>,
    /// `"name":`, ready to be written.
    pub key: Box<str>,
    /// What it is made of.
    pub structure: Structure,
}

/// A value of one column.
#[derive(Debug, Clone)]
pub struct Field {
    /// The column.
    pub db_name: Box<str>,
    /// Its type.
    pub field_type: FieldType,
}

/// What clients take a column for.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WireType")]
pub struct FieldType {
    /// How many values it holds.
    pub arity: Arity,
    /// What each of them is.
    pub kind: Kind,
}

/// How many values a column holds. Whether there has to be one is for Postgres to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arity {
    /// One.
    #[default]
    Required,
    /// One or none.
    Optional,
    /// A list.
    List,
}

/// The types of a schema's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// An integer that JavaScript has as a number.
    Int,
    /// Any integer.
    BigInt,
    /// A double.
    Float,
    /// true or false.
    Boolean,
    /// A number with all its digits.
    Decimal,
    /// A point in time, a date, or a time of day.
    DateTime,
    /// JSON, as text.
    Json,
    /// JSON in JSON.
    Object,
    /// Bytes.
    Bytes(Encoding),
    /// A name that the schema has another for.
    Enum(Box<str>),
    /// What the client has no type for.
    Unsupported,
}

/// How bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As bytes.
    #[default]
    Array,
    /// As base64.
    Base64,
    /// As `\x` and hexadecimal digits.
    Hex,
}

/// The names of each enum: the database's, and what clients know it as.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Enums(HashMap<Box<str>, HashMap<Box<str>, Box<str>>>);

impl Enums {
    /// The names of one.
    pub fn get(&self, name: &str) -> Option<&HashMap<Box<str>, Box<str>>> {
        self.0.get(name)
    }
}

/// A node as it comes, whatever its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    r#type: Box<str>,
    #[serde(default)]
    serialized_name: Option<Box<str>>,
    #[serde(default)]
    skip_nulls: bool,
    #[serde(default)]
    fields: Option<Members>,
    #[serde(default)]
    db_name: Option<Box<str>>,
    #[serde(default)]
    field_type: Option<FieldType>,
}

/// Fields in the order in which they came.
struct Members(Vec<Member>);

impl TryFrom<Wire> for Structure {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        match &*wire.r#type {
            "affectedRows" => Ok(Self::AffectedRows),
            "object" => Ok(Self::Object(Object {
                serialized_name: wire.serialized_name,
                skip_nulls: wire.skip_nulls,
                members: wire.fields.map(|Members(members)| members).unwrap_or_default(),
            })),
            "field" => Ok(Self::Field(Field {
                db_name: wire.db_name.ok_or("missing field `dbName`")?,
                field_type: wire.field_type.ok_or("missing field `fieldType`")?,
            })),
            other => Err(format!("unknown type of a data map: {other}")),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or_default());
                while let Some((name, structure)) = map.next_entry::<Box<str>, Structure>()? {
                    let mut key = Vec::with_capacity(name.len() + 3);
                    write_string(&mut key, &name);
                    key.push(b':');
                    let key = String::from_utf8(key).map_err(A::Error::custom)?.into_boxed_str();
                    members.push(Member { name, key, structure });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A type as it comes.
#[derive(Deserialize)]
struct WireType {
    r#type: Box<str>,
    #[serde(default)]
    arity: Arity,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    name: Option<Box<str>>,
}

impl TryFrom<WireType> for FieldType {
    type Error = String;

    fn try_from(wire: WireType) -> Result<Self, String> {
        let kind = match &*wire.r#type {
            "string" => Kind::String,
            "int" => Kind::Int,
            "bigint" => Kind::BigInt,
            "float" => Kind::Float,
            "boolean" => Kind::Boolean,
            "decimal" => Kind::Decimal,
            "datetime" => Kind::DateTime,
            "json" => Kind::Json,
            "object" => Kind::Object,
            "bytes" => Kind::Bytes(wire.encoding),
            "enum" => Kind::Enum(wire.name.ok_or("missing field `name`")?),
            "unsupported" => Kind::Unsupported,
            other => return Err(format!("unknown type of a field: {other}")),
        };
        Ok(Self { arity: wire.arity, kind })
    }
}

impl Structure {
    /// Writes the node as it came, for an error that names it.
    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        match self {
            Self::AffectedRows => out.extend_from_slice(br#"{"type":"affectedRows"}"#),
            Self::Object(object) => object.describe(out),
            Self::Field(field) => field.describe(out),
        }
    }
}

impl Object {
    /// Writes the node as it came.
    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"object","serializedName":"#);
        match &self.serialized_name {
            Some(name) => write_string(out, name),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(br#","fields":{"#);
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(member.key.as_bytes());
            member.structure.describe(out);
        }
        out.extend_from_slice(if self.skip_nulls { br#"},"skipNulls":true}"# } else { br#"},"skipNulls":false}"# });
    }
}

impl Field {
    /// Writes the node as it came.
    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"field","dbName":"#);
        write_string(out, &self.db_name);
        let (name, more) = match &self.field_type.kind {
            Kind::String => ("string", None),
            Kind::Int => ("int", None),
            Kind::BigInt => ("bigint", None),
            Kind::Float => ("float", None),
            Kind::Boolean => ("boolean", None),
            Kind::Decimal => ("decimal", None),
            Kind::DateTime => ("datetime", None),
            Kind::Json => ("json", None),
            Kind::Object => ("object", None),
            Kind::Bytes(Encoding::Array) => ("bytes", Some(("encoding", "array"))),
            Kind::Bytes(Encoding::Base64) => ("bytes", Some(("encoding", "base64"))),
            Kind::Bytes(Encoding::Hex) => ("bytes", Some(("encoding", "hex"))),
            Kind::Enum(name) => ("enum", Some(("name", &**name))),
            Kind::Unsupported => ("unsupported", None),
        };
        let arity = match self.field_type.arity {
            Arity::Required => "required",
            Arity::Optional => "optional",
            Arity::List => "list",
        };
        let mut key = |key: &str, value: &str| {
            out.extend_from_slice(key.as_bytes());
            write_string(out, value);
        };
        key(r#","fieldType":{"arity":"#, arity);
        key(r#","type":"#, name);
        match more {
            Some(("encoding", value)) => key(r#","encoding":"#, value),
            Some((_, value)) => key(r#","name":"#, value),
            None => {}
        }
        out.extend_from_slice(b"}}");
    }
}

#[cfg(test)]
mod tests;

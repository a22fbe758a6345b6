//! Types of columns, as far as Prisma's clients tell them apart.

use tokio_postgres::types::{Kind, Type};

use crate::error::PlanError;

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Column {
    /// What each value is, or each of a list's.
    pub(in crate::plan) class: Class,
    /// Whether they are lists.
    pub(in crate::plan) is_array: bool,
}

/// Types that are handled alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Class {
    /// int2, int4.
    Int,
    /// oid: a number that int4 does not hold.
    Oid,
    /// int8.
    BigInt,
    /// float4.
    Float,
    /// float8.
    Double,
    /// bool.
    Bool,
    /// numeric.
    Decimal,
    /// money.
    Money,
    /// date.
    Date,
    /// time.
    Time,
    /// timetz.
    TimeTz,
    /// timestamp, timestamptz.
    DateTime,
    /// json, jsonb.
    Json,
    /// uuid.
    Uuid,
    /// bytea.
    Bytes,
    /// "char", only in lists: by itself clients have no word for it.
    Char,
    /// Whatever clients have as text.
    Text,
}

/// The first OID that is none of Postgres's own (`FirstNormalObjectId`): enums, extensions, whatever users define.
const FIRST_USER_TYPE: u32 = 16_384;

impl Column {
    /// By the type's OID.
    ///
    /// # Errors
    /// P2010 for one that clients have no word for.
    pub(in crate::plan) fn of(type_oid: u32) -> Result<Self, PlanError> {
        if let Some(class) = Class::of(type_oid) {
            return Ok(Self { class, is_array: false });
        }
        let ty = Type::from_oid(type_oid);
        let name = ty.as_ref().map_or("Unknown", Type::name);
        match ty.as_ref().map(Type::kind) {
            // They print like no array does.
            Some(Kind::Array(_)) if [Type::INT2_VECTOR, Type::OID_VECTOR].iter().any(|ty| ty.oid() == type_oid) => {
                Err(unsupported(name))
            }
            Some(Kind::Array(element)) => match Class::of(element.oid()) {
                _ if *element == Type::CHAR => Ok(Self { class: Class::Char, is_array: true }),
                // Nor has the reference these two, which makes them errors rather than lists of text.
                Some(class) if ![Type::TIMETZ, Type::NAME].contains(element) => Ok(Self { class, is_array: true }),
                _ => Err(unsupported("Unknown")),
            },
            _ => Err(unsupported(name)),
        }
    }

    /// The name that clients know it by in the result of a raw query, without the `-array` of lists.
    pub(in crate::plan) fn name(self) -> &'static str {
        match self.class {
            Class::Int => "int",
            Class::Oid | Class::BigInt => "bigint",
            Class::Float => "float",
            Class::Double => "double",
            Class::Bool => "bool",
            Class::Decimal | Class::Money => "decimal",
            Class::Date => "date",
            Class::Time | Class::TimeTz => "time",
            Class::DateTime => "datetime",
            Class::Json => "json",
            Class::Uuid => "uuid",
            Class::Bytes => "bytes",
            Class::Char => "char",
            Class::Text => "string",
        }
    }
}

impl Class {
    fn of(type_oid: u32) -> Option<Self> {
        if type_oid >= FIRST_USER_TYPE {
            return Some(Self::Text);
        }
        Some(match Type::from_oid(type_oid)? {
            Type::INT2 | Type::INT4 => Self::Int,
            Type::OID => Self::Oid,
            Type::INT8 => Self::BigInt,
            Type::FLOAT4 => Self::Float,
            Type::FLOAT8 => Self::Double,
            Type::BOOL => Self::Bool,
            Type::NUMERIC => Self::Decimal,
            Type::MONEY => Self::Money,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeTz,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::DateTime,
            Type::JSON | Type::JSONB => Self::Json,
            Type::UUID => Self::Uuid,
            Type::BYTEA => Self::Bytes,
            Type::BPCHAR
            | Type::TEXT
            | Type::VARCHAR
            | Type::BIT
            | Type::VARBIT
            | Type::INET
            | Type::CIDR
            | Type::XML
            | Type::NAME => Self::Text,
            _ => return None,
        })
    }
}

/// What clients are told of a type that they have no word for.
fn unsupported(name: &str) -> PlanError {
    PlanError {
        code: Some("P2010"),
        message: format!(
            "Failed to deserialize column of type '{name}'. If you're using $queryRaw and this column is explicitly \
             marked as `Unsupported` in your Prisma schema, try casting this column to any supported Prisma type such \
             as `String`."
        ),
        meta: Some(
            format!(
                r#"{{"driverAdapterError":{{"name":"DriverAdapterError","cause":{{"kind":"UnsupportedNativeDataType","type":"{name}"}}}}}}"#
            )
            .into(),
        ),
        sqlstate: None,
    }
}

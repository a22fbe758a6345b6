//! Types whose text form means the same at any time.
//!
//! What reads a text as a `timestamptz` takes `now` and `tomorrow` for a time, too
//! (<https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES>), and so does what reads
//! an array, a range or a row of them. A type that is not on the list counts as one of these.

use tokio_postgres::types::{Kind, Type};

const PLAIN: &[Type] = &[
    Type::BIT,
    Type::BOOL,
    Type::BPCHAR,
    Type::BYTEA,
    Type::CHAR,
    Type::CIDR,
    Type::FLOAT4,
    Type::FLOAT8,
    Type::INET,
    Type::INT2,
    Type::INT4,
    Type::INT8,
    Type::INTERVAL,
    Type::JSON,
    Type::JSONB,
    Type::JSONPATH,
    Type::MACADDR,
    Type::MACADDR8,
    Type::MONEY,
    Type::NAME,
    Type::NUMERIC,
    Type::OID,
    Type::TEXT,
    Type::TSQUERY,
    Type::TS_VECTOR,
    Type::UUID,
    Type::VARBIT,
    Type::VARCHAR,
    Type::XML,
    // And of these, lists.
    Type::BOOL_ARRAY,
    Type::BPCHAR_ARRAY,
    Type::BYTEA_ARRAY,
    Type::FLOAT4_ARRAY,
    Type::FLOAT8_ARRAY,
    Type::INET_ARRAY,
    Type::INT2_ARRAY,
    Type::INT4_ARRAY,
    Type::INT8_ARRAY,
    Type::JSON_ARRAY,
    Type::JSONB_ARRAY,
    Type::NUMERIC_ARRAY,
    Type::TEXT_ARRAY,
    Type::UUID_ARRAY,
    Type::VARCHAR_ARRAY,
];

/// Whether a type's text form means the same at any time.
pub(super) fn is_plain(oid: u32) -> bool {
    PLAIN.iter().any(|plain| plain.oid() == oid)
}

/// Which of the parameters may tell the time if their text says `now`, counted from 0.
pub(super) fn timed(params: &[Type]) -> Vec<usize> {
    let is_timed = |param: &Type| match param.kind() {
        Kind::Enum(_) => false,
        Kind::Array(member) => !matches!(member.kind(), Kind::Enum(_)) && !is_plain(param.oid()),
        _ => !is_plain(param.oid()),
    };
    params.iter().enumerate().filter(|(_, param)| is_timed(param)).map(|(index, _)| index).collect()
}

/// Whether a parameter's text, of a type that may tell the time, may do so.
pub fn tells_time(text: &str) -> bool {
    let text = unescaped(&text.to_ascii_lowercase());
    ["now", "today", "tomorrow", "yesterday"].iter().any(|word| text.contains(word))
}

/// Without what lists, ranges and rows take for no more than a way to write what is around it.
pub(super) fn unescaped(text: &str) -> String {
    text.replace(['\\', '"'], "")
}

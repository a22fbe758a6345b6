use bytes::BytesMut;
use tokio_postgres::types::{Kind, ToSql, Type};

use super::Param;

#[test]
fn writes_bytes_by_type() {
    let domain = Type::new("pixels".to_owned(), 16_384, Kind::Domain(Type::BYTEA), "public".to_owned());
    for (bytes, ty, expected) in [
        (&b""[..], Type::BYTEA, &b"\\x"[..]),
        (b"\0\xff\x10", Type::BYTEA, b"\\x00ff10"),
        (b"\xab", domain, b"\\xab"),
        (b"text", Type::TEXT, b"text"),
        (b"12", Type::INT4, b"12"),
    ] {
        let mut out = BytesMut::new();
        Param::Bytes(bytes.into()).to_sql(&ty, &mut out).unwrap();
        assert_eq!(out, expected, "{ty}");
    }
}

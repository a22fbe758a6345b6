//! The text of the question.

use tokio_postgres::types::{Kind, Type};

use super::create;

#[test]
fn quotes_types_and_ends_comments() {
    let odd = Type::new("a\"b".into(), 20_000, Kind::Simple, "My Schema".into());
    assert_eq!(
        create("SELECT $1 -- x", &[Type::INT4_ARRAY, odd, Type::CHAR]),
        "CREATE FUNCTION pg_temp.pool_proxy_statement_probe(\"pg_catalog\".\"_int4\", \"My Schema\".\"a\"\"b\", \
         \"pg_catalog\".\"char\") RETURNS pg_catalog.void LANGUAGE sql BEGIN ATOMIC\nSELECT $1 -- x\n;\nEND"
    );
}

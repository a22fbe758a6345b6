//! No type is forgotten: whatever `pg_type` lists is in some list of cases.

use std::collections::BTreeSet;

use super::cases::LITERALS;
use super::expressions::{EXPRESSIONS, NONE};
use crate::sql::served::Served;

#[tokio::test]
async fn every_type_of_this_postgres_has_cases() {
    let served = Served::plain().await;
    let client = served.database.client().await;
    // Arrays are made of the others.
    let query = "SELECT oid::regtype::text, typname::text FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace \
                 AND typtype IN ('b', 'r', 'm', 'p') AND typcategory <> 'A' ORDER BY 2";
    let rows = client.query(query, &[]).await.unwrap();
    assert!(rows.len() > 90, "{} types", rows.len());
    let mut cases = BTreeSet::new();
    let listed = LITERALS.iter().map(|(kind, _)| *kind).chain(EXPRESSIONS.iter().map(|(kind, _)| *kind));
    for kind in listed {
        cases.insert(kind.split('(').next().unwrap_or(kind).trim_matches('"').to_owned());
    }
    let none: BTreeSet<&str> = NONE.iter().map(|(kind, _)| *kind).collect();
    let mut forgotten = Vec::new();
    for row in &rows {
        let (name, own): (String, String) = (row.get(0), row.get(1));
        let quoted = name.trim_matches('"');
        let has = cases.contains(&own) || (own == "char" && quoted == "char" && cases.contains("char"));
        assert!(!(has && none.contains(own.as_str())), "{own} has cases and is said to have none");
        if !has && !none.contains(own.as_str()) {
            forgotten.push(own);
        }
    }
    assert!(forgotten.is_empty(), "types without cases: {forgotten:?}");
}

use super::is_by;
use crate::plan::tree::{Sql, Statement};

const TUPLE: &str = r#"{"type":"parameterTuple","itemPrefix":"","itemSeparator":",","itemSuffix":""}"#;

/// Whether a statement with a list where its `?` is can be run for each part of it.
fn is_apart(text: &str) -> bool {
    let (before, after) = text.split_once('?').unwrap();
    let chunk = |text: &str| serde_json::json!({ "type": "stringChunk", "chunk": text });
    let tuple: serde_json::Value = serde_json::from_str(TUPLE).unwrap();
    let fragments = [chunk(before), tuple, chunk(after)];
    let json = serde_json::json!({ "type": "templateSql", "fragments": fragments, "args": [], "argTypes": [], "chunkable": true });
    let statement: Statement = serde_json::from_value(json).unwrap();
    let Sql::Parts(fragments) = &statement.sql else { panic!("no list") };
    is_by(fragments, 0)
}

#[test]
fn a_condition_of_all_rows_can_be_cut() {
    assert!(is_apart(r#"SELECT "a" FROM "t" WHERE "t"."a" IN ?"#));
    assert!(is_apart(r#"DELETE FROM "t" WHERE ("t"."a" IN ? AND 1=1)"#));
    assert!(is_apart(r#"SELECT "or" FROM "t" WHERE ("not" IS NOT NULL AND ("a" IN ? AND ("b" = 1 OR "b" = 2)))"#));
    assert!(is_apart("SELECT (SELECT 1 WHERE a OR b) FROM t WHERE a IN ?"));
}

#[test]
fn what_another_part_can_change_cannot() {
    for text in [
        r#"SELECT "a" FROM "t" WHERE ("a" IN ? OR "b" = 1)"#,
        r#"SELECT "a" FROM "t" WHERE ("b" = 1 OR "a" IN ?)"#,
        r#"SELECT "a" FROM "t" WHERE (NOT "a" IN ?)"#,
        r#"SELECT "a" FROM "t" WHERE "a" NOT IN ?"#,
        r#"SELECT "a" FROM "t" WHERE NOT ("b" = 1 AND "a" IN ?)"#,
        r#"SELECT "a" FROM "t" WHERE "a" IN (SELECT "b" FROM "u" WHERE "c" IN ?)"#,
        r#"SELECT "a" FROM "t" LEFT JOIN "u" ON "c" IN ? WHERE "u" IS NULL"#,
    ] {
        assert!(!is_apart(text), "{text}");
    }
}

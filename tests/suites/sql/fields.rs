//! The fields of an answer: what `RowDescription` says of each column.

use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE DOMAIN small AS int;
CREATE TABLE things (id int PRIMARY KEY, gone text, name varchar(10), price numeric(10,2), at timestamptz(3), ok bool,
    feeling mood, tiny small, tags text[]);
ALTER TABLE things DROP COLUMN gone;
";

fn field(name: &str, data_type: u32, table: u32, column: u32, size: i32, modifier: i32) -> Value {
    json!({
        "name": name, "dataTypeID": data_type, "tableID": table, "columnID": column,
        "dataTypeSize": size, "dataTypeModifier": modifier, "format": "text",
    })
}

#[tokio::test]
async fn fields_tell_type_table_column_size_and_modifier() {
    let served = Served::after(SETUP).await;
    let oid = async |name: &str| served.postgres(&format!("SELECT {name}::oid")).await.parse::<u32>().unwrap();
    let (table, mood) = (oid("'things'::regclass").await, oid("'mood'::regtype").await);
    let columns = json!([
        field("id", 23, table, 1, 4, -1),
        field("name", 1043, table, 3, -1, 14),
        field("price", 1700, table, 4, -1, 655_366),
        field("at", 1184, table, 5, 8, 3),
        field("ok", 16, table, 6, 1, -1),
        field("feeling", mood, table, 7, 4, -1),
        field("tiny", 23, table, 8, 4, -1),
        field("tags", 1009, table, 9, -1, -1),
    ]);
    for _ in 0..3 {
        let body = served.run("SELECT * FROM things").await;
        assert_eq!((&body["fields"], &body["rows"], &body["rowCount"]), (&columns, &json!([]), &json!(0)));
        let results = served.run_batch(&["SELECT 1", "SELECT * FROM things"]).await;
        assert_eq!(results[1]["fields"], columns);
        let body = served.run("INSERT INTO things (id) SELECT 1 WHERE false RETURNING id AS new_id").await;
        assert_eq!(body["fields"], json!([field("new_id", 23, table, 1, 4, -1)]));
    }
}

#[tokio::test]
async fn fields_of_expressions_belong_to_no_table() {
    let served = Served::after(SETUP).await;
    for (expression, data_type, size, modifier) in [
        ("1", 23, 4, -1),
        ("1::int8", 20, 8, -1),
        ("'x'", 25, -1, -1),
        ("'x'::varchar(3)", 1043, -1, 7),
        ("NULL", 25, -1, -1),
        ("'x'::cstring", 2275, -2, -1),
        ("'x'::name", 19, 64, -1),
        ("now()", 1184, 8, -1),
        ("1::small", 23, 4, -1),
        ("ROW(1)", 2249, -1, -1),
        ("B'101'::bit(3)", 1560, -1, 3),
    ] {
        let body = served.run(&format!("SELECT {expression} AS v")).await;
        assert_eq!(body["fields"], json!([field("v", data_type, 0, 0, size, modifier)]), "{expression}");
    }
}

#[tokio::test]
async fn statements_without_columns_have_no_fields() {
    let served = Served::after(SETUP).await;
    for query in
        ["SELECT FROM things", "INSERT INTO things (id) VALUES (1) ON CONFLICT DO NOTHING", "SET LOCAL x.y = '1'"]
    {
        assert_eq!(served.run(query).await["fields"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn fields_follow_a_table_that_was_made_anew() {
    let served = Served::on_one_connection("CREATE TABLE t (a int, b int)").await;
    let query = "SELECT b FROM t";
    for _ in 0..3 {
        served.run(query).await;
    }
    // Through the proxy: it learns of a change made past it only within a minute.
    served.run_batch(&["DROP TABLE t", "CREATE TABLE t (x int, a int, b int)"]).await;
    let table: u32 = served.postgres("SELECT 't'::regclass::oid").await.parse().unwrap();
    assert_eq!(served.run(query).await["fields"], json!([field("b", 23, table, 3, 4, -1)]));
}

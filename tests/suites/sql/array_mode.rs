//! Rows as arrays or objects, and columns that share a name.

use serde_json::{Value, json};

use super::served::Served;

const QUERY: &str = "SELECT 1 AS a, 2 AS b, 3 AS a";

async fn check(served: &Served, body: Value, headers: &[(&str, &str)], rows: &Value, as_array: bool) {
    let mut request = served.proxy.sql_request(&body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect(200);
    assert_eq!((&answer.body["rows"], &answer.body["rowAsArray"]), (rows, &json!(as_array)), "{body} {headers:?}");
    let names: Vec<_> = answer.body["fields"].as_array().into_iter().flatten().map(|field| &field["name"]).collect();
    assert_eq!(names, ["a", "b", "a"], "{body} {headers:?}");
}

#[tokio::test]
async fn the_header_or_the_body_asks_for_arrays() {
    let served = Served::plain().await;
    let (array, object) = (json!([[1, 2, 3]]), json!([{ "a": 3, "b": 2 }]));
    let header = ("Neon-Array-Mode", "true");
    for _ in 0..2 {
        check(&served, json!({ "query": QUERY }), &[], &object, false).await;
        check(&served, json!({ "query": QUERY, "arrayMode": true }), &[], &array, true).await;
        check(&served, json!({ "query": QUERY, "arrayMode": false }), &[], &object, false).await;
        check(&served, json!({ "query": QUERY, "arrayMode": null }), &[], &object, false).await;
        check(&served, json!({ "query": QUERY }), &[header], &array, true).await;
        check(&served, json!({ "query": QUERY }), &[("neon-array-mode", "false")], &object, false).await;
    }
}

#[tokio::test]
async fn each_query_of_a_batch_has_its_own_mode() {
    let served = Served::plain().await;
    let body = json!({ "queries": [
        { "query": QUERY, "arrayMode": true },
        { "query": QUERY, "arrayMode": false },
        { "query": QUERY },
    ] });
    let (array, object) = (json!([[1, 2, 3]]), json!([{ "a": 3, "b": 2 }]));
    for (header, rows) in [("false", [&array, &object, &object]), ("true", [&array, &object, &array])] {
        let answer = served.proxy.sql_request(&body).header("Neon-Array-Mode", header).send().await.expect(200);
        for (index, rows) in rows.into_iter().enumerate() {
            let result = &answer.body["results"][index];
            assert_eq!((&result["rows"], &result["rowAsArray"]), (rows, &json!(rows == &array)), "{header} {index}");
        }
    }
}

#[tokio::test]
async fn raw_text_and_arrays_go_together() {
    let served = Served::plain().await;
    let request = served.proxy.sql_request(&json!({ "query": "SELECT 1, true, NULL, '{\"a\": 1}'::json" }));
    let request = request.header("Neon-Raw-Text-Output", "true").header("Neon-Array-Mode", "true");
    let answer = request.send().await.expect(200);
    assert_eq!(answer.body["rows"], json!([["1", "t", null, "{\"a\": 1}"]]));
}

#[tokio::test]
async fn awkward_column_names_are_names() {
    let served = Served::plain().await;
    let query = r#"SELECT 1 AS "a ""quoted"" \ ü", 2 AS "__proto__", 3 AS "?column?", 4"#;
    let body = served.run(query).await;
    assert_eq!(body["rows"], json!([{ "a \"quoted\" \\ ü": 1, "__proto__": 2, "?column?": 4 }]));
}

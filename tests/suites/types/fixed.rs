//! The fixed cases of every type.

use serde_json::json;

use super::cases::LITERALS;
use super::compare::{Pair, Value};
use super::expressions::{EXPRESSIONS, SETUP};

#[tokio::test]
async fn every_types_text_is_what_postgres_prints() {
    let pair = Pair::start().await;
    let mut accepted = 0;
    for (kind, texts) in LITERALS {
        let mut values: Vec<Value> = texts.iter().map(|text| Value::new(kind, text)).collect();
        values.push(Value { kind: (*kind).to_owned(), text: None });
        // Known texts and prepared statements the second time.
        for _ in 0..2 {
            let count = pair.check(&[], &values, kind).await;
            // Of a type with only what is refused, nothing is shown.
            assert!(count > 1 || *kind == "xml", "{kind}");
            accepted += count;
        }
    }
    assert!(accepted > 800, "{accepted}");
}

#[tokio::test]
async fn every_expressions_text_is_what_postgres_prints() {
    let pair = Pair::start().await;
    pair.served.database.batch(SETUP).await;
    for (kind, expression) in EXPRESSIONS {
        let select = format!("SELECT {expression} AS v");
        let expected = pair.directly(&[], &select).await.unwrap();
        for array in [true, false] {
            let request = pair.served.proxy.sql_request(&json!({ "query": select, "arrayMode": array }));
            let answer = request.header("Neon-Raw-Text-Output", "true").send().await;
            assert_eq!(answer.status, 200, "{kind}: {expression}: {}", answer.text);
            let row = &answer.body["rows"][0];
            let got = if array { &row[0] } else { &row["v"] };
            assert!(*got == json!(expected[0]), "{kind}: {expression}");
        }
        let results = pair.served.run_batch(&["SELECT 1", &select]).await;
        assert_eq!(results[1]["rows"].as_array().map(Vec::len), Some(1), "{kind}: {expression}");
    }
}

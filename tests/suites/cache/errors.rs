//! Errors are never stored.

use serde_json::json;

use super::bench::{Bench, LONG, QUERY, STORED, status};

#[tokio::test]
async fn an_error_is_never_stored() {
    let bench = Bench::start().await;
    for (query, code) in [
        ("SELECT nothing FROM words", "42703"),
        ("SELECT", ""),
        ("SELEC 1", "42601"),
        ("SELECT 1 / (length(word) - 3) FROM words", "22012"),
        ("SELECT word::int FROM words", "22P02"),
    ] {
        for _ in 0..2 {
            let answer = bench.request(query, LONG).send().await;
            if code.is_empty() {
                continue;
            }
            let answer = answer.expect(400);
            assert_eq!(answer.body["code"], code, "{query}");
            assert!(!status(&answer).contains("hit"), "{query}: {}", status(&answer));
            assert_eq!(answer.header("age"), "", "{query}");
        }
    }
    bench.change("longer").await;
    let healed = bench.request("SELECT 1 / (length(word) - 3) FROM words", LONG).send().await.expect(200);
    assert_eq!(status(&healed), STORED);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_stored() {
    let bench = Bench::with(|builder| builder.config("[limits]\nresponse_bytes = 1000")).await;
    for _ in 0..2 {
        bench.request("SELECT repeat('x', 2000)", LONG).send().await.expect(507);
    }
    assert_eq!(bench.proxy.ops_request("GET", "/cache").send().await.body["entries"], 0);
}

#[tokio::test]
async fn the_limit_of_answers_is_not_that_of_what_the_proxy_asks_for_itself() {
    let bench =
        Bench::with(|builder| builder.config("[limits]\nresponse_bytes = 1000").env("POOL_PROXY_POOL_MAX", "1")).await;
    bench.ask(LONG).await;
    // The parser's tree of this is larger than any answer may be.
    let query = "SELECT count(*) AS n, max(relname) AS m, min(relkind) AS k FROM pg_class
        WHERE relname LIKE 'pg%' AND relkind = 'r' AND relpages > 1 AND relname > 'a'";
    let answer = bench.request(query, LONG).send().await.expect(200);
    assert_eq!(status(&answer), STORED);
}

#[tokio::test]
async fn an_answer_that_took_too_long_is_not_stored() {
    let bench = Bench::with(|builder| builder.config("[limits]\nquery = \"1s\"")).await;
    let lock = bench.lock().await;
    for _ in 0..2 {
        bench.request(QUERY, LONG).send().await.expect(504);
    }
    lock.release().await;
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_and_without_a_wish() {
    let bench = Bench::start().await;
    for _ in 0..2 {
        let request = bench.proxy.sql_request(&json!({ "query": 1 })).header("cache-control", LONG);
        let answer = request.send().await.expect(400);
        assert_eq!(status(&answer), "");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_tells_the_truth_of_what_was_committed() {
    let bench = Bench::with(|builder| builder.config("[limits]\nresponse_bytes = 1000")).await;
    bench.database.batch("CREATE TABLE runs (number int)").await;
    let client = bench.database.client().await;
    for number in 0..8 {
        // One row over the limit by itself.
        let query = format!("INSERT INTO runs VALUES ({number}) RETURNING repeat('x', 5000)");
        let answer = bench.proxy.sql(json!({ "query": query })).await.expect(507);
        let count = format!("SELECT count(*) = 1 FROM runs WHERE number = {number}");
        let committed: bool = client.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(answer.body["committed"], committed, "{}", answer.text);
    }
}

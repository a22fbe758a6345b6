//! Another client encoding would turn text into garbage: an error, or the true text, and nothing in between.

use super::served::Served;

#[tokio::test]
async fn another_client_encoding_gives_an_error_or_the_truth() {
    let served = Served::on_one_connection("").await;
    // In LATIN1 the first is not UTF-8, and the second is the UTF-8 of one other letter.
    for (text, truth) in [("chr(233)", "é"), ("chr(195) || chr(169)", "Ã©"), ("'ü'", "ü")] {
        for setting in ["SET client_encoding = 'LATIN1'", "SELECT set_config('client_encoding', 'LATIN1', true)"] {
            for time in 1..=3 {
                let query = format!("SELECT {text} AS v");
                let answer = served.ask_batch(&[setting, &query]).await;
                let value = &answer.body["results"][1]["rows"][0]["v"];
                assert!(answer.status == 400 || value == truth, "{setting}, {query}, time {time}: {}", answer.text);
                assert_eq!(served.value(&query).await, truth, "after {setting}");
            }
        }
    }
}

#[tokio::test]
async fn a_single_statement_cannot_garble_itself() {
    let served =
        Served::on_one_connection("CREATE TABLE \"tää\" (\"ää\" text); INSERT INTO \"tää\" VALUES ('Ã©')").await;
    let set = "set_config('client_encoding', 'LATIN1', false)";
    for query in [
        format!("SELECT {set}, chr(233) AS v"),
        format!("SELECT {set}, chr(195) || chr(169) AS v"),
        format!("SELECT * FROM \"tää\", (SELECT {set}) s"),
    ] {
        for time in 1..=3 {
            let answer = served.ask(&query).await;
            let truth = ["\"é\"", "\"Ã©\""].iter().any(|truth| answer.text.contains(truth));
            let own = if query.contains("233") { "\"é\"" } else { "\"Ã©\"" };
            assert!(
                answer.status == 400 || (truth && answer.text.contains(own)),
                "{query}, time {time}: {}",
                answer.text
            );
            assert_eq!(served.value("SELECT \"ää\" FROM \"tää\"").await, "Ã©", "after {query}");
        }
    }
}

#[tokio::test]
async fn a_database_of_another_encoding_is_served_in_utf8() {
    let served = Served::plain().await;
    let name = format!("{}_latin", served.database.name());
    let create = format!("CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    served.database.batch(&create).await;
    let url = served.database.url().replace(served.database.name(), &name);
    let latin = harness::Proxy::builder().database_url(url).start().await;
    let answer =
        latin.sql(serde_json::json!({ "query": "SELECT 'é' AS v, $1::text AS w", "params": ["ü"] })).await.expect(200);
    assert_eq!(answer.body["rows"], serde_json::json!([{ "v": "é", "w": "ü" }]));
    let refused = latin.sql(serde_json::json!({ "query": "SELECT $1::text", "params": ["€"] })).await.expect(400);
    assert_eq!(refused.body["code"], "22P05");
    drop(latin);
    served.database.batch(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

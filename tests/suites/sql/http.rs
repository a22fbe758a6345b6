//! The HTTP around a query: paths, methods, browsers, request ids, body sizes.

use harness::{Answer, Proxy, Wire};
use serde_json::json;

use super::served::Served;

#[tokio::test]
async fn another_path_is_404_and_another_method_405() {
    let served = Served::plain().await;
    for path in ["/", "/nope", "/sql/", "/SQL", "/sql/more", "/metrics", "/ready", "/pools"] {
        let answer = served.proxy.request("POST", path).bearer(served.proxy.key()).send().await.expect(404);
        assert!(answer.body["message"].is_string(), "{path}: {}", answer.text);
    }
    served
        .proxy
        .request("POST", "/sql?any=query")
        .bearer(served.proxy.key())
        .body(r#"{"query":"SELECT 1"}"#)
        .send()
        .await
        .expect(200);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
        let answer = served.proxy.request(method, "/sql").bearer(served.proxy.key()).send().await.expect(405);
        let allow = answer.header("allow");
        assert!(allow.contains("POST") && allow.contains("OPTIONS") && !allow.contains(method), "{method}: {allow}");
    }
}

#[tokio::test]
async fn browsers_of_configured_origins_may_ask() {
    let config = "[cors]\norigins = [\"https://app.example.com\", \"http://localhost:3000\"]";
    let served = Served::with("", |proxy| proxy.config(config)).await;
    for origin in ["https://app.example.com", "http://localhost:3000"] {
        let preflight = served.proxy.request("OPTIONS", "/sql").header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST");
        let preflight = preflight.header("access-control-request-headers", "authorization, neon-array-mode");
        let answer = preflight.send().await;
        assert!(answer.status.is_success(), "{}", answer.status);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("access-control-allow-methods").contains("POST"));
        assert!(answer.header("access-control-allow-headers").contains("neon-array-mode"));
        for body in [json!({ "query": "SELECT 1" }), json!({ "query": "SELEC" })] {
            let answer = served.proxy.sql_request(&body).header("origin", origin).send().await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert!(answer.header("vary").to_lowercase().contains("origin"));
        }
        // A browser must be able to read why it may not.
        let refused = served.proxy.request("POST", "/sql").header("origin", origin).send().await.expect(401);
        assert_eq!(refused.header("access-control-allow-origin"), origin);
    }
    for origin in
        ["https://evil.example", "https://app.example.com.evil.example", "null", "https://app.example.com:444"]
    {
        for method in ["OPTIONS", "POST"] {
            let request = served.proxy.request(method, "/sql").bearer(served.proxy.key()).header("origin", origin);
            let answer = request.body(r#"{"query": "SELECT 1"}"#).send().await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{method} {origin}");
        }
    }
}

#[tokio::test]
async fn without_configured_origins_no_browser_is_let_in() {
    let served = Served::plain().await;
    let answer = served.proxy.request("OPTIONS", "/sql").header("origin", "https://app.example.com").send().await;
    assert!(answer.status.is_success());
    assert_eq!(
        (answer.header("access-control-allow-origin"), answer.header("access-control-allow-methods")),
        Default::default()
    );
}

#[tokio::test]
async fn any_origin_may_ask_where_a_star_is_configured() {
    let served = Served::with("", |proxy| proxy.config("[cors]\norigins = [\"*\"]")).await;
    let answer =
        served.proxy.sql_request(&json!({ "query": "SELECT 1" })).header("origin", "https://a.example").send().await;
    assert!(["*", "https://a.example"].contains(&answer.header("access-control-allow-origin").as_str()));
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let served = Served::plain().await;
    let id_of = async |given: Option<&str>, path: &str| {
        let mut request = served.proxy.request("POST", path).bearer(served.proxy.key());
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        request.body(r#"{"query": "SELECT 1"}"#).send().await.header("x-request-id")
    };
    for path in ["/sql", "/nope", "/health"] {
        for valid in ["abc", "0f-1_2.3", &"x".repeat(128)] {
            assert_eq!(id_of(Some(valid), path).await, valid, "{path}");
        }
        let mut seen = vec![id_of(None, path).await];
        for invalid in ["", "with space", "a,b", "quote\"", "<script>", &"x".repeat(129)] {
            let id = id_of(Some(invalid), path).await;
            assert!(id.len() >= 16 && id != invalid && !seen.contains(&id), "{path} {invalid}: {id}");
            seen.push(id);
        }
    }
    let refused = served.proxy.sql_request(&json!({ "query": "SELEC" })).header("x-request-id", "mine-1").send().await;
    assert_eq!(
        (refused.body["requestId"].as_str(), refused.header("x-request-id")),
        (Some("mine-1"), "mine-1".to_owned())
    );
}

#[tokio::test]
async fn answers_say_what_took_how_long() {
    let served = Served::plain().await;
    let timing = served.ask("SELECT 1").await.expect(200).header("server-timing");
    for part in ["auth;dur=", "queue;dur=", "database;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_413() {
    let served = Served::with("", |proxy| proxy.config("[limits]\nrequest_bytes = \"1KiB\"")).await;
    let body = |size: usize| {
        let empty = json!({ "query": "SELECT length($1) AS n", "params": [""] }).to_string().len();
        json!({ "query": "SELECT length($1) AS n", "params": ["x".repeat(size - empty)] })
    };
    served.proxy.sql(body(1024)).await.expect(200);
    let refused = served.proxy.sql(body(1025)).await.expect(413);
    assert!(refused.body["message"].as_str().is_some_and(|message| message.contains("1024")), "{}", refused.text);
    assert_eq!(served.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn a_body_that_does_not_tell_its_length_is_413_as_soon_as_it_is_over() {
    let served = Served::with("", |proxy| proxy.config("[limits]\nrequest_bytes = \"1KiB\"")).await;
    let small = r#"{"query": "SELECT 7 AS seven"}"#;
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let answer = speak(&served.proxy, "transfer-encoding: chunked", &format!("{}0\r\n\r\n", chunk(small))).await;
    assert_eq!(answer.expect(200).body["rows"][0]["seven"], 7);
    // The last chunk never comes.
    let endless = chunk(&"x".repeat(1000)).repeat(2);
    speak(&served.proxy, "transfer-encoding: chunked", &endless).await.expect(413);
    // And a length that promises too much is refused before anything of it came.
    speak(&served.proxy, "content-length: 1000000000000", "").await.expect(413);
}

/// The answer to a request that is sent as it is written, with one more header.
async fn speak(proxy: &Proxy, header: &str, body: &str) -> Answer {
    let mut wire = Wire::open(proxy).await;
    let head = wire.head(format!("{header}\r\n"));
    wire.write([&head, body.as_bytes()].concat()).await;
    wire.answer().await
}

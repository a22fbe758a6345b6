//! A relay whose upstream is the relay itself.

use harness::Proxy;

use super::Relayed;

#[tokio::test]
async fn a_request_that_has_passed_too_many_relays_is_refused() {
    let relayed = Relayed::plain().await;
    let through = |relays: usize| {
        let request = relayed.relay.request("GET", "/health");
        (0..relays).fold(request, |request, _| request.header("via", "1.1 pool-proxy")).send()
    };
    through(3).await.expect(200);
    let refused = through(4).await.expect(508);
    assert!(refused.body["message"].as_str().unwrap().contains("leads back"), "{}", refused.text);
}

#[tokio::test]
async fn relays_may_be_chained() {
    let relayed = Relayed::plain().await;
    let second = Proxy::builder().relay_to(&relayed.relay).start().await;
    let third = Proxy::builder().relay_to(&second).start().await;
    third.sql(serde_json::json!({ "query": "SELECT 1" })).await.expect(200);
}

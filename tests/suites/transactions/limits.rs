//! The time of a transaction, and what is told of it.

use serde_json::json;

use super::plan;
use crate::sql::served::Served;

#[tokio::test]
async fn a_plan_that_takes_too_long_is_told_its_limit() {
    let served = Served::with("", |proxy| proxy.config("[limits]\ntransaction = \"700ms\"")).await;
    let sleep = plan("SELECT 1 AS n FROM pg_sleep(0.5)")["plan"].clone();
    let all = json!({ "type": "transaction", "args": { "type": "seq", "args": [sleep, sleep] } });
    for plan in [plan("SELECT 1 AS n FROM pg_sleep(60)")["plan"].clone(), all] {
        let body = json!({ "operation": "queryRaw", "plan": plan, "params": {} });
        let request = served.proxy.request("POST", "/query").bearer(served.proxy.key()).json(&body);
        let answer = request.send().await.expect(504);
        assert!(answer.text.contains("limit of 700 ms"), "{}", answer.text);
    }
}

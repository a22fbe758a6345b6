//! What may be a key, and where.

use serde_json::json;

use super::{TABLE, count, insert, keyed, repeats};
use crate::sql::served::Served;
use crate::transactions::open::Open;

#[tokio::test]
async fn a_key_is_one_value_of_visible_ascii() {
    let served = Served::after(TABLE).await;
    let longest = "~!".repeat(127) + "x";
    for key in ["1", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", longest.as_str()] {
        let first = keyed(&served.proxy, key, &insert()).send().await.expect(200);
        repeats(&served.proxy, key, &insert(), &first).await;
    }
    let before = count(&served).await;
    for key in ["", "two words", "tab\there", "ä", &format!("{longest}x")] {
        let refused = keyed(&served.proxy, key, &insert()).send().await.expect(400);
        assert!(refused.text.contains("Idempotency-Key"), "{}", refused.text);
    }
    let twice = keyed(&served.proxy, "a", &insert()).header("Idempotency-Key", "a").send().await.expect(400);
    assert!(twice.text.contains("Idempotency-Key"), "{}", twice.text);
    assert_eq!(count(&served).await, before);
}

#[tokio::test]
async fn a_step_of_a_transaction_takes_none() {
    let served = Served::after(TABLE).await;
    let open = Open::begin(&served.proxy).await;
    let step = keyed(&served.proxy, "k", &insert()).header("Pool-Transaction", &open.id);
    let refused = step.send().await.expect(400);
    assert!(refused.text.contains("Pool-Sequence"), "{}", refused.text);
}

#[tokio::test]
async fn a_query_plan_takes_none_and_says_where_it_is_taken() {
    let served = Served::after(TABLE).await;
    let statement = json!({ "type": "rawSql", "sql": "INSERT INTO t (a) VALUES (1)", "args": [], "argTypes": [] });
    let plan = json!({ "operation": "executeRaw", "plan": { "type": "execute", "args": statement }, "params": {} });
    let request = served.proxy.request("POST", "/query").bearer(served.proxy.key()).json(&plan);
    let refused = request.header("Idempotency-Key", "k").send().await.expect(400);
    assert!(refused.text.contains("POST /sql"), "{}", refused.text);
    assert_eq!(count(&served).await, "0");
}

#[tokio::test]
async fn browsers_may_send_it_and_read_what_came_of_it() {
    let config = "[cors]\norigins = [\"https://app.example\"]";
    let served = Served::with(TABLE, |proxy| proxy.config(config)).await;
    let asked = served.proxy.request("OPTIONS", "/sql").header("origin", "https://app.example");
    let asked = asked.header("access-control-request-headers", "idempotency-key").send().await.expect(204);
    assert!(asked.header("access-control-allow-headers").contains("idempotency-key"));
    let sent = keyed(&served.proxy, "k", &insert()).header("origin", "https://app.example").send().await.expect(200);
    assert!(sent.header("access-control-expose-headers").contains("idempotency-replayed"));
}

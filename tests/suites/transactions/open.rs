//! An open transaction, and short ways to use it.

use harness::{Answer, Proxy, Request};
use serde_json::{Value, json};

/// A transaction that a client holds by its id.
pub(crate) struct Open<'p> {
    pub(crate) proxy: &'p Proxy,
    pub(crate) id: String,
}

impl<'p> Open<'p> {
    /// With times that no test reaches.
    pub(crate) async fn begin(proxy: &'p Proxy) -> Self {
        Self::with(proxy, json!({ "maxWait": 5000, "timeout": 15000 })).await
    }

    pub(crate) async fn with(proxy: &'p Proxy, options: Value) -> Self {
        let answer = start(proxy, options).await.expect(200);
        let id = answer.body["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer.header("prisma-transaction-id"), id);
        Self { proxy, id }
    }

    /// A statement in it, to be sent.
    pub(crate) fn request(&self, query: &str) -> Request {
        self.proxy.sql_request(&json!({ "query": query, "arrayMode": true })).header("Pool-Transaction", &self.id)
    }

    pub(crate) async fn ask(&self, query: &str) -> Answer {
        self.request(query).send().await
    }

    /// A query plan in it, to be sent.
    pub(crate) fn plan_request(&self, plan: &Value) -> Request {
        self.proxy.request("POST", &format!("/transaction/{}/query", self.id)).bearer(self.proxy.key()).json(plan)
    }

    /// The first value of a statement that works.
    pub(crate) async fn value(&self, query: &str) -> Value {
        self.ask(query).await.expect(200).body["rows"][0][0].clone()
    }

    pub(crate) fn end_request(&self, how: &str) -> Request {
        self.proxy.request("POST", &format!("/transaction/{}/{how}", self.id)).bearer(self.proxy.key())
    }

    pub(crate) async fn end(&self, how: &str) -> Answer {
        self.end_request(how).send().await
    }
}

pub(crate) async fn start(proxy: &Proxy, options: Value) -> Answer {
    proxy.request("POST", "/transaction/start").bearer(proxy.key()).json(&options).send().await
}

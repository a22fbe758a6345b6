//! What becomes of plans, written by hand: how their statements reach the database, and what is left when one fails.

mod conditional;
mod depth;
mod flights;
mod restricted;
mod sizes;
mod statements;
mod told;
mod transactions;
mod values;

use harness::{Answer, ProxyBuilder};
use serde_json::{Value, json};

use crate::sql::served::Served;

/// A proxy that is asked plans.
struct Asked {
    served: Served,
}

impl Asked {
    async fn after(setup: &str) -> Self {
        Self::with(setup, |proxy| proxy).await
    }

    async fn with(setup: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        Self { served: Served::with(setup, settings).await }
    }

    /// The answer to a request.
    async fn post(&self, path: &str, body: &Value) -> Answer {
        let proxy = &self.served.proxy;
        proxy.request("POST", path).bearer(proxy.key()).json(body).send().await
    }

    /// The answer to a plan.
    async fn ask(&self, plan: &Value) -> Answer {
        self.post("/query", &asked(plan)).await
    }

    /// What a plan comes to.
    async fn data(&self, plan: &Value) -> Value {
        let answer = self.ask(plan).await;
        assert_eq!(answer.status, 200, "{}: {plan}", answer.text);
        answer.body["data"].clone()
    }

    /// The code and the message of a plan that fails.
    async fn fault(&self, plan: &Value) -> (Value, String) {
        let answer = self.ask(plan).await.expect(400);
        (answer.body["code"].clone(), answer.body["error"].as_str().unwrap_or_default().to_owned())
    }
}

fn asked(plan: &Value) -> Value {
    json!({ "operation": "findMany", "plan": plan, "params": { "%1": 1, "%2": "two" } })
}

fn node(kind: &str, args: impl Into<Value>) -> Value {
    json!({ "type": kind, "args": args.into() })
}

fn value(value: impl Into<Value>) -> Value {
    node("value", value)
}

fn get(name: &str) -> Value {
    node("get", json!({ "name": name }))
}

fn bind(name: &str, expr: &Value, then: &Value) -> Value {
    node("let", json!({ "bindings": [{ "name": name, "expr": expr }], "expr": then }))
}

fn name(name: &str) -> Value {
    json!({ "prisma__type": "param", "prisma__value": { "name": name, "type": "Int" } })
}

/// A statement of a schema's: SQL, with `$` where an argument comes.
fn statement(kind: &str, sql: &str, args: &[Value]) -> Value {
    let mut fragments = Vec::new();
    for (index, chunk) in sql.split('$').enumerate() {
        if index > 0 {
            fragments.push(json!({ "type": "parameter" }));
        }
        fragments.push(json!({ "type": "stringChunk", "chunk": chunk }));
    }
    let types = vec![json!({ "arity": "scalar", "scalarType": "int", "dbType": "INTEGER" }); args.len()];
    node(
        kind,
        json!({ "type": "templateSql", "fragments": fragments, "args": args, "argTypes": types, "chunkable": true }),
    )
}

fn query(sql: &str) -> Value {
    statement("query", sql, &[])
}

fn execute(sql: &str) -> Value {
    statement("execute", sql, &[])
}

/// An application's own statement.
fn raw(kind: &str, sql: &str, args: &[Value]) -> Value {
    node(kind, json!({ "type": "rawSql", "sql": sql, "args": args, "argTypes": vec![json!({}); args.len()] }))
}

/// Fails with P2025 if there is anything.
fn never(expr: &Value) -> Value {
    node(
        "validate",
        json!({ "expr": expr, "rules": [{ "type": "never" }], "errorIdentifier": "MISSING_RECORD", "context": { "operation": "a test" } }),
    )
}

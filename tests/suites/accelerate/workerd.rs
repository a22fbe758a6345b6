//! Prisma's client in a Worker, in the real workerd: the same queries, transactions, errors and cache as in Node.

use harness::Workerd;
use serde_json::{Value, json};

use super::wide::Wide;
use crate::clients::Bundle;

/// A Worker over the wide schema, with a proxy and a database of its own.
struct Edge {
    worker: Workerd,
    wide: Wide,
    _bundle: Bundle,
}

impl Edge {
    async fn start() -> Self {
        let bundle = Bundle::new("prisma", &[]).await;
        let wide = Wide::start().await;
        let worker = Workerd::builder().build(bundle.root()).var("DATABASE_URL", wide.url()).start().await;
        Self { worker, wide, _bundle: bundle }
    }

    /// What came of one of the Worker's deeds.
    async fn does(&self, deed: &str) -> Value {
        let answer = self.worker.request("GET", &format!("/{deed}")).send().await;
        assert_eq!(answer.status, 200, "{}\n{}", self.worker.log(), self.wide.proxy.stderr());
        answer.body
    }
}

#[tokio::test]
async fn reads_in_a_worker() {
    let edge = Edge::start().await;
    let found = edge.does("reads").await;
    let alice = &found["alice"];
    assert_eq!((&alice["role"], &alice["createdAt"]), (&json!("ADMIN"), &json!("2024-01-01T10:00:00.123Z")));
    assert_eq!(alice["profile"]["bio"], "hello");
    assert_eq!(alice["posts"][0]["likes"], "9007199254740993n");
    assert_eq!(alice["posts"][0]["meta"]["nested"]["arr"], json!([1, 2, 3]));
    assert_eq!(
        alice["posts"][0]["categories"],
        json!([
            { "id": 1, "name": "tech", "parentId": null }, { "id": 2, "name": "rust", "parentId": 1 },
        ])
    );
    assert_eq!(found["values"][0], json!([0, 255, 16]));
    assert_eq!(found["values"][1], "1.23456789012345678901234567890123456789e+29");
    assert_eq!(found["values"][2], "-9223372036854775808n");
    let groups = json!([
        { "authorId": 1, "_sum": { "views": 150 } }, { "authorId": 2, "_sum": { "views": 30 } },
        { "authorId": 3, "_sum": { "views": 5 } }, { "authorId": 5, "_sum": { "views": 7 } },
    ]);
    assert_eq!(found["groups"], groups);
    assert_eq!(found["raw"], json!([{ "likes": "9007199254740993n", "createdAt": "2024-03-01T00:00:00.000Z" }]));
}

#[tokio::test]
async fn writes_in_a_worker() {
    let edge = Edge::start().await;
    let done = edge.does("writes").await;
    assert_eq!(
        done,
        json!({
            "posts": [{ "title": "one" }, { "title": "two" }], "profile": { "bio": "b" }, "updated": { "count": 2 }, "deleted": "P2003",
        })
    );
    let kept = edge.wide.database.client().await;
    let kept = kept.query_one(r#"SELECT sum(views)::int FROM "Post" WHERE "authorId" = 6"#, &[]).await.unwrap();
    assert_eq!(kept.get::<_, i32>(0), 4);
}

#[tokio::test]
async fn transactions_in_a_worker() {
    let edge = Edge::start().await;
    let done = edge.does("transactions").await;
    assert_eq!(
        done,
        json!({
            "kept": [{ "views": 101 }, { "views": 51 }], "undone": "enough", "listed": [{ "views": 11 }, 7],
            "views": [{ "views": 101 }, { "views": 51 }, { "views": 11 }],
        })
    );
}

#[tokio::test]
async fn errors_in_a_worker() {
    let edge = Edge::start().await;
    let codes: Vec<Value> =
        edge.does("errors").await.as_array().unwrap().iter().map(|error| error["code"].clone()).collect();
    assert_eq!(codes, ["P2002", "P2025", "P2003", "P2010"]);
}

#[tokio::test]
async fn the_cache_in_a_worker() {
    let edge = Edge::start().await;
    let seen = edge.does("cache").await;
    assert_eq!(seen, json!([["Alice", "miss"], ["Alice", "ttl"], ["Alicia", "miss"]]));
}

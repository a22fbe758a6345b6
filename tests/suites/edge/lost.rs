//! Answers that are lost on their way: what was changed all the same is not served as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::Request;
use serde_json::json;

use super::blog::{Blog, assert_problem};

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_hidden_by_the_cache() {
    let lossy = Arc::new(AtomicBool::new(false));
    let blog = Blog::builder().lossy(&lossy).start().await;
    let ada = blog.sign_up("Ada").await;
    let lost = async |request: Request| {
        lossy.store(true, Ordering::SeqCst);
        let answer = request.send().await;
        lossy.store(false, Ordering::SeqCst);
        assert_problem(answer, 503, "outcome_unknown");
    };
    let count = async || blog.get("/api/v1/blog/bulk").await.expect(200).body["posts"].as_array().unwrap().len();
    let mut expected = 0;
    for (method, body) in [("PUT", json!({ "published": false })), ("DELETE", json!({}))] {
        assert_eq!(count().await, expected);
        let post = json!({ "title": "Post", "content": "Text.", "published": true });
        lost(blog.by(&ada, "POST", "/api/v1/blog").json(&post)).await;
        assert_eq!(count().await, expected + 1, "it was written");
        let found = blog.get("/api/v1/blog/bulk").await.body["posts"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/blog/{found}");
        blog.get(&path).await.expect(200);
        lost(blog.by(&ada, method, &path).json(&body)).await;
        blog.get(&path).await.expect(404);
        assert_eq!(count().await, expected, "{method}");
        expected = 0;
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_made_again() {
    let lossy = Arc::new(AtomicBool::new(false));
    let blog = Blog::builder().lossy(&lossy).set("PROXY_DEADLINE_MS", "1000").start().await;
    let ada = blog.sign_up("Ada").await;
    lossy.store(true, Ordering::SeqCst);
    for path in ["/api/v1/user/me", "/api/v1/user/me/posts", "/api/v1/blog/bulk"] {
        assert_problem(blog.by(&ada, "GET", path).send().await, 503, "database_unavailable");
    }
}

//! What is lost on its way: what was changed all the same is not served as it was.

use harness::{Proxy, Request, fresh_database};
use serde_json::json;

use super::blog::{Blog, assert_problem};
use super::host::{Losing, Lost, lose};

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_hidden_by_the_cache() {
    let losing = Losing::default();
    let blog = Blog::builder().losing(&losing).start().await;
    let ada = blog.sign_up("Ada").await;
    let lost = async |request: Request| {
        lose(&losing, Lost::Answers);
        let answer = request.send().await;
        lose(&losing, Lost::Nothing);
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
async fn a_change_whose_answer_is_too_large_is_not_hidden_by_the_cache() {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let proxy = Proxy::builder().database(&database).config("[limits]\nresponse_bytes = \"16KiB\"\n").start().await;
    let blog = Blog::builder().in_front_of(proxy).await;
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Short", true).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    blog.get(&path).await.expect(200);
    let edit = json!({ "content": "long ".repeat(10_000) });
    assert_problem(blog.by(&ada, "PUT", &path).json(&edit).send().await, 500, "internal");
    // The new text cannot be read either; the old one must not be.
    assert_problem(blog.get(&path).await, 500, "internal");
}

/// The change stands, and its author is told so; whoever then makes sure by repeating it gets rid of the old answers.
#[tokio::test]
async fn a_repeated_change_makes_up_for_an_invalidation_that_was_lost() {
    let losing = Losing::default();
    let blog = Blog::builder().losing(&losing).start().await;
    let ada = blog.sign_up("Ada").await;
    let count = async || blog.get("/api/v1/blog/bulk").await.expect(200).body["posts"].as_array().unwrap().len();
    let withdraw = json!({ "published": false });
    for (times, (first, second, status)) in
        (1..).zip([("PUT", "PUT", 200), ("PUT", "DELETE", 204), ("DELETE", "DELETE", 404)])
    {
        let post = blog.write(&ada, "Post", true).await;
        let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
        blog.get(&path).await.expect(200);
        assert_eq!(count().await, 1);
        let send = async |method: &str| blog.by(&ada, method, &path).json(&withdraw).send().await;
        lose(&losing, Lost::Invalidations);
        let made = send(first).await;
        assert!(made.status.is_success(), "{first}: {}", made.text);
        lose(&losing, Lost::Nothing);
        assert_eq!(blog.log().iter().filter(|line| line.contains("could not be invalidated")).count(), times);
        // The old answers are there still.
        blog.get(&path).await.expect(200);
        assert_eq!(count().await, 1);
        send(second).await.expect(status);
        blog.get(&path).await.expect(404);
        assert_eq!(count().await, 0, "{first}, then {second}");
    }
}

/// Also where the change asks for the state it is made in, which the first one has ended.
#[tokio::test]
async fn a_repeated_change_of_one_state_makes_up_for_it_too() {
    let losing = Losing::default();
    let blog = Blog::builder().losing(&losing).start().await;
    let ada = blog.sign_up("Ada").await;
    for (method, status) in [("PUT", 412), ("DELETE", 404)] {
        let post = blog.write(&ada, "Post", true).await;
        let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
        let tag = blog.get(&path).await.expect(200).header("etag");
        blog.get("/api/v1/blog/bulk").await.expect(200);
        let send = async || {
            let request = blog.by(&ada, method, &path).header("if-match", &tag);
            request.json(&json!({ "published": false })).send().await
        };
        lose(&losing, Lost::Invalidations);
        assert!(send().await.status.is_success());
        lose(&losing, Lost::Nothing);
        blog.get(&path).await.expect(200);
        send().await.expect(status);
        blog.get(&path).await.expect(404);
        assert_eq!(blog.get("/api/v1/blog/bulk").await.body["posts"], json!([]));
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_made_again() {
    let losing = Losing::default();
    let blog = Blog::builder().losing(&losing).start().await;
    let ada = blog.sign_up("Ada").await;
    for path in ["/api/v1/user/me", "/api/v1/user/me/posts", "/api/v1/blog/bulk"] {
        lose(&losing, Lost::NextAnswer);
        blog.by(&ada, "GET", path).send().await.expect(200);
        lose(&losing, Lost::Answers);
        assert_problem(blog.by(&ada, "GET", path).send().await, 503, "database_unavailable");
    }
}

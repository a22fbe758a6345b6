//! Reading one post: published ones are anybody's, drafts their author's; and nobody is sent what they have.

use serde_json::json;

use super::blog::{Blog, assert_problem};

#[tokio::test]
async fn a_draft_is_its_authors_alone() {
    let blog = Blog::start().await;
    let (ada, bruno) = (blog.sign_up("Ada").await, blog.sign_up("Bruno").await);
    let draft = blog.write(&ada, "Draft", false).await;
    let path = format!("/api/v1/blog/{}", draft["id"].as_str().unwrap());
    assert_problem(blog.get(&path).await, 404, "not_found");
    assert_problem(blog.by(&bruno, "GET", &path).send().await, 404, "not_found");
    let own = blog.by(&ada, "GET", &path).send().await.expect(200);
    assert_eq!(own.body, draft);
    assert_eq!(own.header("cache-control"), "private, no-store");
    assert_problem(blog.get(&path).await, 404, "not_found");

    // Whether it is there is asked with a token that is no good: that is worth saying.
    let stale = blog.request("GET", &path).bearer("x.y.z").send().await;
    assert_problem(stale, 401, "token_invalid");
    blog.by(&ada, "PUT", &path).json(&json!({ "published": true })).send().await.expect(200);
    blog.get(&path).await.expect(200);
    blog.request("GET", &path).bearer("x.y.z").send().await.expect(200);
}

#[tokio::test]
async fn a_post_is_cached_until_it_changes() {
    check_a_post_is_cached_until_it_changes(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_post_is_cached_until_it_changes(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Post", true).await;
    let other = blog.write(&ada, "Other", true).await;
    let path = |post: &serde_json::Value| format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    let read = async |path: &str| {
        let answer = blog.get(path).await;
        (answer.status.as_u16(), answer.header("cache-status").starts_with("pool-proxy; hit"), answer.body)
    };
    for path in [path(&post), path(&other)] {
        assert!(!read(&path).await.1);
        assert!(read(&path).await.1);
    }
    blog.by(&ada, "PUT", &path(&post)).json(&json!({ "title": "Edited" })).send().await.expect(200);
    let (status, hit, body) = read(&path(&post)).await;
    assert_eq!((status, hit, &body["title"]), (200, false, &json!("Edited")));
    assert!(read(&path(&other)).await.1, "the other one is as it was");
    blog.by(&ada, "PUT", &path(&post)).json(&json!({ "published": false })).send().await.expect(200);
    assert_eq!(read(&path(&post)).await.0, 404);
    blog.by(&ada, "PUT", &path(&post)).json(&json!({ "published": true })).send().await.expect(200);
    assert_eq!(read(&path(&post)).await.0, 200, "that it was not there is forgotten, too");
    blog.by(&ada, "DELETE", &path(&post)).send().await.expect(204);
    assert_eq!(read(&path(&post)).await.0, 404);
}

#[tokio::test]
async fn who_has_it_is_not_sent_it_again() {
    check_who_has_it_is_not_sent_it_again(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_who_has_it_is_not_sent_it_again(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Post", true).await;
    for path in [format!("/api/v1/blog/{}", post["id"].as_str().unwrap()), "/api/v1/blog/bulk".to_owned()] {
        let first = blog.get(&path).await.expect(200);
        let tag = first.header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
        assert_eq!(first.header("cache-control"), "public, no-cache");
        let ask = async |known: &str| blog.request("GET", &path).header("if-none-match", known).send().await;
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = ask(&known).await.expect(304);
            assert!(answer.bytes.is_empty());
            assert_eq!(answer.header("etag"), tag);
        }
        ask("\"x\"").await.expect(200);
        blog.by(&ada, "PUT", &format!("/api/v1/blog/{}", post["id"].as_str().unwrap()))
            .json(&json!({ "title": format!("Edited for {path}") }))
            .send()
            .await
            .expect(200);
        let changed = ask(&tag).await.expect(200);
        assert_ne!(changed.header("etag"), tag);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    check_head_is_get_without_the_body(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_head_is_get_without_the_body(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Post", true).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    let (get, head) = (blog.get(&path).await.expect(200), blog.request("HEAD", &path).send().await.expect(200));
    assert!(head.bytes.is_empty());
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.bytes.len().to_string());
    let missing = blog.request("HEAD", "/api/v1/blog/nothing").send().await.expect(404);
    assert!(missing.bytes.is_empty());
}

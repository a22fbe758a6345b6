//! `If-Match`: changing the post that one has read, and no later one.

use serde_json::json;

use super::blog::{Blog, assert_problem};

#[tokio::test]
async fn an_edit_of_what_has_changed_meanwhile_is_refused() {
    let blog = Blog::start().await;
    let (ada, bruno) = (blog.sign_up("Ada").await, blog.sign_up("Bruno").await);
    for published in [false, true] {
        let post = blog.write(&ada, "Post", published).await;
        let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
        let put = async |tag: &str, title: &str| {
            let request = blog.by(&ada, "PUT", &path).header("if-match", tag);
            request.json(&json!({ "title": title })).send().await
        };
        let read = blog.by(&ada, "GET", &path).send().await.expect(200).header("etag");
        let first = put(&read, "First").await.expect(200);
        let second = put(&read, "Second").await;
        assert_problem(second, 412, "precondition_failed");
        assert_eq!(blog.by(&ada, "GET", &path).send().await.expect(200).body["title"], "First");
        // The answer to an edit has the tag for the next one.
        let third = put(&format!("\"x\", {}", first.header("etag")), "Third").await.expect(200);
        assert_ne!(third.header("etag"), first.header("etag"));
        put("*", "Fourth").await.expect(200);
        assert_problem(put("\"x\"", "Fifth").await, 412, "precondition_failed");
        // As a CDN marks it that compresses answers.
        let fourth = blog.by(&ada, "GET", &path).send().await.expect(200).header("etag");
        assert_problem(put(&format!("W/{}", third.header("etag")), "Sixth").await, 412, "precondition_failed");
        put(&format!("W/{fourth}"), "Seventh").await.expect(200);

        let remove = async |tag: &str| blog.by(&ada, "DELETE", &path).header("if-match", tag).send().await;
        assert_problem(remove(&read).await, 412, "precondition_failed");
        let now = blog.by(&ada, "GET", &path).send().await.expect(200).header("etag");
        let his = blog.by(&bruno, "DELETE", &path).header("if-match", &now).send().await;
        assert_problem(his, 404, "not_found");
        remove(&now).await.expect(204);
        assert_problem(remove(&now).await, 404, "not_found");
        assert_problem(put("*", "Gone").await, 404, "not_found");
    }
}

#[tokio::test]
async fn of_many_edits_of_one_state_one_is_made() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Post", true).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    let tag = blog.get(&path).await.expect(200).header("etag");
    let put = async |number: usize| {
        let request = blog.by(&ada, "PUT", &path).header("if-match", &tag);
        request.json(&json!({ "title": format!("Title {number}") })).send().await.status.as_u16()
    };
    let mut statuses = futures_util::future::join_all((0..6).map(put)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
}

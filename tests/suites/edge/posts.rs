//! Writing posts: one's own, and nobody else's.

use serde_json::json;

use super::blog::{Blog, assert_problem, blamed};

#[tokio::test]
async fn a_post_is_written_edited_published_and_removed() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let body = json!({ "title": "Notes", "content": "On engines." });
    let created = blog.by(&ada, "POST", "/api/v1/blog").json(&body).send().await.expect(201);
    let post = created.body.clone();
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    assert_eq!(created.header("location"), path);
    assert_eq!(post["published"], false, "a draft unless told otherwise");
    assert!(post["publishedAt"].is_null());
    assert_eq!(post["author"], json!({ "id": ada.id, "name": "Ada" }));
    assert_eq!(post["createdAt"], post["updatedAt"]);

    let put = async |body| blog.by(&ada, "PUT", &path).json(&body).send().await.expect(200).body;
    let edited = put(json!({ "title": "Notes on engines" })).await;
    assert_eq!((&edited["title"], &edited["content"]), (&json!("Notes on engines"), &json!("On engines.")));
    assert_eq!(edited["createdAt"], post["createdAt"]);
    assert_ne!(edited["updatedAt"], post["updatedAt"]);

    let published = put(json!({ "published": true })).await;
    assert_eq!(published["published"], true);
    let first = published["publishedAt"].clone();
    assert!(first.is_string());
    let again = put(json!({ "published": true, "content": "On analytical engines." })).await;
    assert_eq!(again["publishedAt"], first, "the time of the first publishing stays");
    assert!(put(json!({ "published": false })).await["publishedAt"].is_null());
    assert_eq!(put(json!({ "title": null, "published": true })).await["title"], "Notes on engines");

    let answer = blog.by(&ada, "DELETE", &path).send().await.expect(204);
    assert!(answer.bytes.is_empty());
    assert_problem(blog.by(&ada, "DELETE", &path).send().await, 404, "not_found");
    assert_problem(blog.by(&ada, "GET", &path).send().await, 404, "not_found");
}

#[tokio::test]
async fn the_posts_of_others_are_not_there() {
    check_the_posts_of_others_are_not_there(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_the_posts_of_others_are_not_there(blog: &Blog) {
    let (ada, bruno) = (blog.sign_up("Ada").await, blog.sign_up("Bruno").await);
    for published in [false, true] {
        let post = blog.write(&ada, "Hers", published).await;
        let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
        let edit = blog.by(&bruno, "PUT", &path).json(&json!({ "title": "His" }));
        assert_problem(edit.send().await, 404, "not_found");
        assert_problem(blog.by(&bruno, "DELETE", &path).send().await, 404, "not_found");
        assert_eq!(blog.by(&ada, "GET", &path).send().await.expect(200).body["title"], "Hers");
    }
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    for id in
        ["1", "nonsense", "00000000-0000-4000-8000-00000000000", "%27%3B--", "00000000-0000-4000-8000-000000000000"]
    {
        let path = format!("/api/v1/blog/{id}");
        assert_problem(blog.get(&path).await, 404, "not_found");
        assert_problem(blog.by(&ada, "DELETE", &path).send().await, 404, "not_found");
        let edit = blog.by(&ada, "PUT", &path).json(&json!({ "title": "x" }));
        assert_problem(edit.send().await, 404, "not_found");
    }
}

#[tokio::test]
async fn an_edit_of_nothing_is_refused() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Hers", false).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    for body in [json!({}), json!({ "title": null })] {
        let answer = blog.by(&ada, "PUT", &path).json(&body).send().await;
        assert_eq!(blamed(&assert_problem(answer, 422, "invalid_input")), ["title"]);
    }
}

#[tokio::test]
async fn text_comes_back_as_it_went() {
    check_text_comes_back_as_it_went(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_text_comes_back_as_it_went(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    for text in [
        "emoji 👩🏽‍🚀🦋, Ελληνικά, עברית, 漢字, a\u{301} and \u{202e}sdrawkcab",
        "'; DROP TABLE posts; -- \" \\ $1 $$ %s {0} <script>alert(1)</script> &amp;",
        " \t spaces stay \r\n and so do lines \u{1}\u{7f} ",
    ] {
        let body = json!({ "title": text, "content": text, "published": true });
        let post = blog.by(&ada, "POST", "/api/v1/blog").json(&body).send().await.expect(201).body;
        assert_eq!((&post["title"], &post["content"]), (&json!(text), &json!(text)));
        let read = blog.get(&format!("/api/v1/blog/{}", post["id"].as_str().unwrap())).await.expect(200).body;
        assert_eq!(read, post);
    }
    let count = format!("SELECT count(*)::text FROM posts WHERE author_id = '{}'", ada.id);
    assert_eq!(blog.row(&count).await, ["3"]);
}

#[tokio::test]
async fn of_two_edits_at_once_none_is_lost() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "Draft", false).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    let put = async |body| blog.by(&ada, "PUT", &path).json(&body).send().await.expect(200).body;
    tokio::join!(
        put(json!({ "title": "New title" })),
        put(json!({ "content": "New text" })),
        put(json!({ "published": true }))
    );
    let read = blog.get(&path).await.expect(200).body;
    assert_eq!((&read["title"], &read["content"]), (&json!("New title"), &json!("New text")));
}

//! Lists of posts: whole, in order, page by page, and never stale after a write.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::blog::{Blog, assert_problem, blamed};

fn titles(page: &Value) -> Vec<&str> {
    page["posts"].as_array().unwrap().iter().map(|post| post["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_newest_published_posts_come_first() {
    let blog = Blog::start().await;
    let (ada, bruno) = (blog.sign_up("Ada").await, blog.sign_up("Bruno").await);
    blog.write(&ada, "First", true).await;
    blog.write(&bruno, "Second", true).await;
    blog.write(&ada, "Draft", false).await;
    let page = blog.get("/api/v1/blog/bulk").await.expect(200).body;
    assert_eq!(titles(&page), ["Second", "First"]);
    assert!(page["nextCursor"].is_null());
    assert_eq!(page["posts"][0]["author"], json!({ "id": bruno.id, "name": "Bruno" }));
    assert_eq!(page["posts"][0]["excerpt"], "About Second.");
    assert!(page["posts"][0].get("content").is_none());
}

#[tokio::test]
async fn an_excerpt_is_300_characters() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let body = json!({ "title": "Long", "content": "🦋".repeat(100_000), "published": true });
    blog.by(&ada, "POST", "/api/v1/blog").json(&body).send().await.expect(201);
    let page = blog.get("/api/v1/blog/bulk").await.expect(200).body;
    assert_eq!(page["posts"][0]["excerpt"], "🦋".repeat(300));
}

#[tokio::test]
async fn pages_join_without_a_gap_whatever_is_written_meanwhile() {
    check_pages_join_without_a_gap_whatever_is_written_meanwhile(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_pages_join_without_a_gap_whatever_is_written_meanwhile(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    // Many of one instant: only the id orders them.
    let insert = format!(
        "INSERT INTO posts (author_id, title, content, published, published_at)
         SELECT '{}', 'post ' || n, 'x', true, timestamptz '2026-01-01' + (n / 7) * interval '1.000001 s'
         FROM generate_series(1, 45) AS n",
        ada.id
    );
    blog.database.as_ref().unwrap().batch(&insert).await;
    let mut seen = vec![];
    let mut path = "/api/v1/blog/bulk?limit=10".to_owned();
    loop {
        let page = blog.get(&path).await.expect(200).body;
        seen.extend(page["posts"].as_array().unwrap().iter().map(|post| post["id"].as_str().unwrap().to_owned()));
        blog.write(&ada, "Meanwhile", true).await;
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/blog/bulk?limit=10&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 45);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 45);
    let ordered = blog
        .row("SELECT string_agg(id::text, ' ' ORDER BY published_at DESC, id DESC) FROM posts WHERE title <> 'Meanwhile'")
        .await;
    assert_eq!(seen.join(" "), ordered[0]);
}

#[tokio::test]
async fn a_last_page_that_is_full_is_the_last() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    for number in 0..4 {
        blog.write(&ada, &format!("Post {number}"), true).await;
    }
    let first = blog.get("/api/v1/blog/bulk?limit=2").await.expect(200).body;
    let path = format!("/api/v1/blog/bulk?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = blog.get(&path).await.expect(200).body;
    assert_eq!((titles(&first), titles(&second)), (vec!["Post 3", "Post 2"], vec!["Post 1", "Post 0"]));
    assert!(second["nextCursor"].is_null());
}

#[tokio::test]
async fn ones_own_list_has_the_drafts() {
    let blog = Blog::start().await;
    let (ada, bruno) = (blog.sign_up("Ada").await, blog.sign_up("Bruno").await);
    blog.write(&ada, "Draft", false).await;
    blog.write(&ada, "Published", true).await;
    blog.write(&bruno, "His", false).await;
    let page = blog.by(&ada, "GET", "/api/v1/user/me/posts?limit=1").send().await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(titles(&page.body), ["Published"]);
    let path = format!("/api/v1/user/me/posts?limit=1&cursor={}", page.body["nextCursor"].as_str().unwrap());
    let rest = blog.by(&ada, "GET", &path).send().await.expect(200).body;
    assert_eq!(titles(&rest), ["Draft"]);
    assert!(rest["nextCursor"].is_null());
}

#[tokio::test]
async fn a_query_is_checked_field_by_field() {
    let blog = Blog::start().await;
    for (query, fields) in [
        ("limit=0", vec!["limit"]),
        ("limit=101", vec!["limit"]),
        ("limit=-1", vec!["limit"]),
        ("limit=1.5", vec!["limit"]),
        ("limit=ten", vec!["limit"]),
        ("limit=", vec!["limit"]),
        ("cursor=x", vec!["cursor"]),
        ("cursor=%00", vec!["cursor"]),
        // The year 0, which Postgres has not, and the year -9999, which it does not read.
        ("cursor=_yNAAQDUP_8AAAAAAAAAAAAAAAAAAAAA", vec!["cursor"]),
        ("cursor=-rXkGBPzgAAAAAAAAAAAAAAAAAAAAAAA", vec!["cursor"]),
        ("cursor=1&limit=1000&page=2", vec!["cursor", "limit", "page"]),
        ("' OR 1=1 --", vec!["' OR 1"]),
    ] {
        let answer = blog.get(&format!("/api/v1/blog/bulk?{}", query.replace(' ', "%20"))).await;
        assert_eq!(blamed(&assert_problem(answer, 422, "invalid_input")), fields, "{query}");
    }
}

#[tokio::test]
async fn lists_are_cached_at_the_proxy_until_a_write_changes_them() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let post = blog.write(&ada, "First", true).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    let list = async || blog.get("/api/v1/blog/bulk").await.expect(200);
    let is_hit = |answer: &harness::Answer| answer.header("cache-status").starts_with("pool-proxy; hit");
    assert!(!is_hit(&list().await));
    assert!(is_hit(&list().await));

    let draft = blog.write(&ada, "Draft", false).await;
    let draft = format!("/api/v1/blog/{}", draft["id"].as_str().unwrap());
    blog.by(&ada, "PUT", &draft).json(&json!({ "title": "Better" })).send().await.expect(200);
    assert!(is_hit(&list().await), "a draft changes no list");

    for (change, expected) in [
        (blog.by(&ada, "PUT", &path).json(&json!({ "title": "Edited" })), vec!["Edited"]),
        (blog.by(&ada, "PUT", &draft).json(&json!({ "published": true })), vec!["Better", "Edited"]),
        (blog.by(&ada, "PUT", &path).json(&json!({ "published": false })), vec!["Better"]),
        (blog.by(&ada, "DELETE", &draft), vec![]),
    ] {
        let status = change.send().await.status;
        assert!(status.is_success());
        let answer = list().await;
        assert!(!is_hit(&answer));
        assert_eq!(titles(&answer.body), expected);
        assert!(is_hit(&list().await));
    }
    blog.write(&ada, "Another", true).await;
    assert_eq!(titles(&list().await.body), ["Another"]);
}

#[tokio::test]
async fn caching_can_be_turned_off() {
    let blog = Blog::builder().set("CACHE_TTL_SECONDS", "0").start().await;
    for _ in 0..2 {
        let status = blog.get("/api/v1/blog/bulk").await.expect(200).header("cache-status");
        assert!(!status.contains("hit") && !status.contains("stored"), "{status}");
    }
}

//! Who has written something sees it, also where another proxy answers that keeps what it was.

use harness::{Answer, eventually};
use serde_json::json;

use super::blog::{Blog, BlogBuilder};
use crate::coherence::keeping::{followed, keeping};

/// The cookie that an answer sets, as the next request sends it.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// Writes through one API, and reads through another with a proxy of its own.
async fn writes_are_seen(writing: BlogBuilder) {
    let postgres = followed(async |url, _| drop(edge_migrations::apply(url).await.unwrap())).await;
    let near = writing.in_front_of(keeping(&postgres).await).await;
    let far = Blog::builder().in_front_of(keeping(&postgres).await).await;

    let ada = near.sign_up("Ada").await;
    let post = near.write(&ada, "First", true).await;
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    for n in 0..20 {
        // The other proxy keeps it, for a minute.
        for _ in 0..2 {
            far.get(&path).await.expect(200);
        }
        let title = format!("Edited {n}");
        let edited = near.by(&ada, "PUT", &path).json(&json!({ "title": title })).send().await.expect(200);
        let cookie = cookie(&edited);
        assert!(cookie.starts_with("pool-bookmark="), "{cookie:?}");
        for read in [path.as_str(), "/api/v1/blog/bulk"] {
            let seen = far.request("GET", read).header("cookie", format!("a=b; {cookie}")).send().await.expect(200);
            assert!(seen.text.contains(&title), "{read} after {title}: {}: {}", seen.header("cache-status"), seen.text);
            assert_eq!(seen.header("set-cookie"), "", "any cache may keep it");
        }
    }
    // Who knows of more than the proxy does is not given what it keeps.
    let told = async |cookie: &str| {
        let answer = far.request("GET", &path).header("cookie", cookie).send().await.expect(200);
        answer.header("cache-status")
    };
    eventually(|| async { told("a=b").await.starts_with("pool-proxy; hit") }).await;
    assert!(!told("pool-bookmark=FFFFFFFE/0").await.contains("hit"));
    let any = far.request("GET", &path).header("cookie", "pool-bookmark=yesterday").send().await;
    any.expect(200);
}

#[tokio::test]
async fn a_write_is_seen_through_another_proxy() {
    writes_are_seen(Blog::builder()).await;
}

#[tokio::test]
async fn a_write_of_the_worker_is_seen_through_another_proxy() {
    writes_are_seen(Blog::builder().in_workerd()).await;
}

#[tokio::test]
async fn where_answers_are_kept_for_a_time_alone_there_is_no_cookie() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let body = json!({ "title": "A title", "content": "A text." });
    let written = blog.by(&ada, "POST", "/api/v1/blog").json(&body).send().await.expect(201);
    assert_eq!(written.header("set-cookie"), "");
}

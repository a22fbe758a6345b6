//! Who holds an answer asks whether it is still true, and never hears yes when it is not.

use harness::{Answer, Proxy, eventually};
use serde_json::json;

use super::bench::{Bench, HIT, STORED, status, url, value};

const WORDS: &str = "CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'old')";
const WORD: &str = "SELECT word FROM words WHERE id = 1";
const MANY: &str = "SELECT word, n FROM words, generate_series(1, 500) AS n ORDER BY n";

impl Bench {
    async fn ask_again(&self, query: &str, tag: &str) -> Answer {
        self.request(query).header("if-none-match", tag).send().await
    }
}

async fn write(proxy: &Proxy, word: &str) -> String {
    let body = json!({ "query": "UPDATE words SET word = $1 WHERE id = 1", "params": [word] });
    let answer = proxy.sql(body).await.expect(200);
    assert_eq!(answer.header("etag"), "");
    answer.header("pool-bookmark")
}

#[tokio::test]
async fn a_copy_is_good_until_it_changes() {
    let bench = Bench::after(WORDS).await;
    let unseen = bench.ask_again(WORD, "*").await.expect(200);
    assert_eq!((status(&unseen).as_str(), &*unseen.header("etag")), ("pool-proxy; fwd=bypass; detail=unseen", ""));
    let kept = bench.keep(WORD).await;
    let old = kept.header("etag");
    let again = bench.ask_again(WORD, &old).await;
    assert_eq!((again.status.as_u16(), again.bytes.len(), status(&again).as_str()), (304, 0, HIT));
    assert_eq!((again.header("etag"), again.header("age").as_str()), (old.clone(), "0"));
    assert_ne!(again.header("pool-bookmark"), "");
    for n in 0..50 {
        let word = format!("new {n}");
        write(&bench.proxy, &word).await;
        let changed = bench.ask_again(WORD, &old).await;
        assert_eq!(value(&changed), word, "{}", status(&changed));
        assert_ne!(changed.header("etag"), old);
        // Read anew, and the same again.
        write(&bench.proxy, "old").await;
        let back = bench.ask_again(WORD, &old).await;
        assert_eq!((back.status.as_u16(), back.header("etag")), (304, old.clone()), "{}", back.text);
        assert_ne!(status(&back), HIT);
    }
    // Also where it was changed past the proxy.
    bench.run("UPDATE words SET word = 'past it'").await;
    let changed = eventually(|| async {
        let answer = bench.ask_again(WORD, &old).await;
        if answer.status == 200 { Ok(answer) } else { Err(status(&answer)) }
    })
    .await;
    assert_eq!(value(&changed), "past it");
}

#[tokio::test]
async fn a_copy_of_one_proxy_is_good_at_another() {
    let bench = Bench::after(WORDS).await;
    let other = bench.another().await;
    let old = bench.keep(WORD).await.header("etag");
    let read = json!({ "query": WORD, "arrayMode": true });
    let far = |bookmark: &str| {
        let request = other.sql_request(&read).header("if-none-match", &old);
        if bookmark.is_empty() { request.send() } else { request.header("pool-bookmark", bookmark).send() }
    };
    let said = eventually(|| async {
        let answer = far("").await;
        if answer.status == 304 { Ok(status(&answer)) } else { Err(status(&answer)) }
    })
    .await;
    assert!([STORED, HIT].contains(&said.as_str()), "{said}");
    for n in 0..50 {
        let word = format!("new {n}");
        let changed = far(&write(&bench.proxy, &word).await).await;
        assert_eq!(value(&changed), word, "{}", status(&changed));
        let back = far(&write(&bench.proxy, "old").await).await;
        assert_eq!((back.status.as_u16(), back.header("etag")), (304, old.clone()), "{}", back.text);
    }
}

#[tokio::test]
async fn compressed_or_not_it_is_the_same_answer() {
    let bench = Bench::after(WORDS).await;
    let plain = bench.keep(MANY).await;
    let packed = bench.request(MANY).header("accept-encoding", "gzip").send().await.expect(200);
    assert_eq!((packed.header("content-encoding").as_str(), packed.header("etag")), ("gzip", plain.header("etag")));
    let again = bench.request(MANY).header("accept-encoding", "gzip").header("if-none-match", plain.header("etag"));
    let again = again.send().await;
    assert_eq!((again.status.as_u16(), status(&again).as_str()), (304, HIT));
    assert_eq!((again.header("content-encoding").as_str(), again.header("vary").as_str()), ("", "accept-encoding"));
}

#[tokio::test]
async fn where_answers_are_only_compared_nothing_has_a_tag() {
    let bench = Bench::after(WORDS).await;
    let observing = Proxy::builder().database_url(url(&bench.postgres)).env("POOL_PROXY_CACHE_MODE", "observe");
    let observing = observing.start().await;
    let read = json!({ "query": WORD, "arrayMode": true });
    let answer = eventually(|| async {
        let answer = observing.sql_request(&read).header("if-none-match", "*").send().await;
        let told = status(&answer);
        if told.ends_with("detail=observed") { Ok(answer) } else { Err(told) }
    })
    .await;
    assert_eq!(answer.header("etag"), "");
}

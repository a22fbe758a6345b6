//! Who holds an answer of this door asks as at `/sql` whether it is still the one.

use super::{Asked, statement};

#[tokio::test]
async fn what_a_client_holds_is_not_sent_again() {
    let asked = Asked::after("CREATE TABLE words (word text); INSERT INTO words VALUES ('old')").await;
    let body = super::asked(&statement("query", "SELECT word FROM words", &[]));
    let proxy = &asked.served.proxy;
    let ask = || proxy.request("POST", "/query").bearer(proxy.key()).json(&body);
    let cached = || ask().header("cache-control", "max-age=600");
    let first = cached().send().await.expect(200);
    let tag = first.header("etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [&tag, "*"] {
        let again = cached().header("if-none-match", known).send().await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{}", again.text);
        assert_eq!((again.header("etag"), again.header("accelerate-cache-status").as_str()), (tag.clone(), "ttl"));
        assert_eq!(again.header("accelerate-signature"), first.header("accelerate-signature"));
    }
    asked.served.database.batch("UPDATE words SET word = 'new'").await;
    let now = ask().header("if-none-match", &tag).send().await.expect(200);
    assert_eq!((&now.body["data"][0]["word"], now.header("etag").as_str()), (&"new".into(), ""));
    let anew = proxy.request("POST", "/invalidate").bearer(proxy.key()).json(&serde_json::json!({ "tags": "all" }));
    anew.send().await.expect(200);
    let changed = cached().header("if-none-match", &tag).send().await.expect(200);
    assert_ne!(changed.header("etag"), tag);
}

//! Smaller answers for clients that take them.

use std::io::Read;

use flate2::read::GzDecoder;
use harness::{Answer, Request};
use serde_json::{Value, json};

use crate::sql::served::{Served, batch};

const MANY: &str = "SELECT n, 'row number ' || n AS text FROM generate_series(1, 5000) AS n";

fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), "gzip", "{}", answer.text);
    assert!(answer.header("vary").contains("accept-encoding"));
    let mut text = String::new();
    GzDecoder::new(&answer.bytes[..]).read_to_string(&mut text).unwrap();
    assert!(answer.bytes.len() * 2 < text.len(), "{} of {}", answer.bytes.len(), text.len());
    text
}

fn plain(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), "");
    answer.text.clone()
}

impl Served {
    fn packed(&self, body: &Value) -> Request {
        self.proxy.sql_request(body).header("accept-encoding", "br, gzip;q=0.9")
    }
}

#[tokio::test]
async fn what_comes_out_is_what_a_plain_client_gets() {
    let served = Served::plain().await;
    for body in
        [json!({ "query": MANY }), json!({ "query": MANY, "arrayMode": true }), batch(&[MANY, "SELECT 1", MANY])]
    {
        let expected = plain(&served.proxy.sql(body.clone()).await.expect(200));
        assert_eq!(unpacked(&served.packed(&body).send().await.expect(200)), expected);
    }
}

#[tokio::test]
async fn short_answers_errors_and_other_wishes_stay_plain() {
    let served = Served::plain().await;
    let short = served.packed(&json!({ "query": "SELECT 1" })).send().await.expect(200);
    assert_eq!((plain(&short).is_empty(), short.header("vary")), (false, String::new()));
    plain(&served.packed(&json!({ "query": "SELEC" })).send().await.expect(400));
    for wish in ["identity", "gzip;q=0", "br", "gzip;q=0.1, identity;q=0.9", ""] {
        let request = served.proxy.sql_request(&json!({ "query": MANY })).header("accept-encoding", wish);
        let answer = request.send().await.expect(200);
        plain(&answer);
        assert!(answer.header("vary").contains("accept-encoding"), "{wish}");
    }
}

#[tokio::test]
async fn hits_are_kept_packed_and_counted() {
    let served = Served::plain().await;
    let body = json!({ "query": MANY });
    let size = async || served.proxy.ops_request("GET", "/cache").send().await.body["bytes"].as_u64().unwrap();
    let miss = served.proxy.sql_request(&body).header("cache-control", "max-age=600").send().await.expect(200);
    assert!(miss.header("cache-status").contains("fwd=miss; stored"));
    let expected = plain(&miss);
    let before = size().await;
    let mut packed = vec![];
    for _ in 0..3 {
        let hit = served.packed(&body).header("cache-control", "max-age=600").send().await.expect(200);
        assert!(hit.header("cache-status").contains("; hit"), "{}", hit.header("cache-status"));
        assert_eq!(unpacked(&hit), expected);
        packed.push(hit.bytes.len() as u64);
        assert_eq!(size().await, before + packed[0]);
    }
    let hit = served.proxy.sql_request(&body).header("cache-control", "max-age=600").send().await.expect(200);
    assert!(hit.header("cache-status").contains("; hit"));
    assert_eq!(plain(&hit), expected);
    // A client that takes it may be the first, too.
    let other = json!({ "query": MANY, "arrayMode": true });
    let asked = |body| served.packed(body).header("cache-control", "max-age=600").send();
    let miss = asked(&other).await.expect(200);
    assert!(miss.header("cache-status").contains("fwd=miss; stored"));
    assert_eq!(unpacked(&miss), unpacked(&asked(&other).await.expect(200)));
}

#[tokio::test]
async fn the_limit_counts_what_is_packed() {
    let served = Served::with("", |proxy| proxy.config("[limits]\nresponse_bytes = \"100KiB\"")).await;
    served.packed(&json!({ "query": "SELECT repeat('x', 200000)" })).send().await.expect(507);
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let served = Served::with("", |proxy| proxy.config("[clients]\ncompression = false")).await;
    let answer = served.packed(&json!({ "query": MANY })).send().await.expect(200);
    plain(&answer);
    assert_eq!(answer.header("vary"), "");
}

//! Requests that are wrong as requests, whatever the plan.

use harness::Wire;
use serde_json::json;

use super::{Door, refused, told};

/// The default limit of this door's bodies, in bytes.
const LIMIT: usize = 32 << 20;

const UNIT: &str = r#"{"operation":"x","plan":{"type":"unit"},"params":{}}"#;

#[tokio::test]
async fn bodies_of_another_form_are_refused() {
    let door = Door::open().await;
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "[]",
        "{}",
        "null",
        "1",
        "\"x\"",
        "x",
        "{} {}",
        "\u{feff}{}",
        r#"{"operation":"x","plan":{"type":"unit"},"params":{}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{}}}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},}"#,
        r#"{"operation":"x","params":{}}"#,
        r#"{"operation":"x","plan":{"type":"unit"}}"#,
        r#"{"plan":{"type":"unit"},"params":{}}"#,
        r#"{"operation":"","plan":{"type":"unit"},"params":{}}"#,
        r#"{"operation":1,"plan":{"type":"unit"},"params":{}}"#,
        r#"{"operation":null,"plan":{"type":"unit"},"params":{}}"#,
        r#"{"operation":"x","plan":"unit","params":{}}"#,
        r#"{"operation":"x","plan":null,"params":{}}"#,
        r#"{"operation":"x","plan":[],"params":{}}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":[]}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":null}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":"a"}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},"model":""}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},"model":1}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},"comments":[]}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},"comments":{"a":1}}"#,
        r#"{"operation":"x","plan":{"type":"unit"},"params":{},"comments":"a"}"#,
        r#"{"query":"SELECT 1"}"#,
        r#"{"query":"query { findManyUser { id } }","variables":{}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    for bytes in [&[0xff][..], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xf5, 0x80, 0x80, 0x80], &[0xe2, 0x28]] {
        bodies.push([UNIT.as_bytes(), bytes].concat());
        bodies.push([&br#"{"operation":""#[..], bytes, br#"","plan":{"type":"unit"},"params":{}}"#].concat());
        let value =
            [&br#"{"operation":"x","plan":{"type":"value","args":""#[..], bytes, br#""},"params":{}}"#].concat();
        bodies.push(value);
    }
    bodies.push(b"\xff\xfe{\x00}\x00".to_vec());
    bodies.push(UNIT.replace("unit", "un\u{1}it").into_bytes());
    bodies.push(UNIT.replace(':', "=").into_bytes());
    bodies.push(UNIT.replace('"', "'").into_bytes());
    for body in bodies {
        let sent = String::from_utf8_lossy(&body).into_owned();
        let answer = door.post("/query", body).send().await;
        refused(&answer, &sent);
        assert_eq!(answer.status, 400, "{sent}");
    }
    door.check().await;
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let door = Door::open().await;
    let proxy = &door.served.proxy;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application", ""]
    {
        let asked = proxy.request("POST", "/query").bearer(proxy.key()).header("content-type", kind).body(UNIT);
        refused(&asked.send().await, kind);
    }
    refused(&proxy.request("POST", "/query").bearer(proxy.key()).body(UNIT).send().await, "none");
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let asked = proxy.request("POST", "/query").bearer(proxy.key()).header("content-type", kind).body(UNIT);
        asked.send().await.expect(200);
    }
    // What is not JSON in spite of its name.
    for encoding in ["gzip", "br", "nope"] {
        told(&door.post("/query", UNIT).header("content-encoding", encoding).send().await, encoding);
    }
    door.check().await;
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let door = Door::open().await;
    let sized = |length: usize| {
        let plan =
            r#"{"type":"query","args":{"type":"rawSql","sql":"SELECT length($1)","args":["@"],"argTypes":[{}]}}"#;
        format!(r#"{{"operation":"queryRaw","plan":{plan},"params":{{}}}}"#).replace('@', &"x".repeat(length))
    };
    let answer = door.post("/query", sized(20 << 20)).send().await.expect(200);
    assert_eq!(answer.body["data"]["rows"], json!([[20 << 20]]));
    let over = door.post("/query", sized(LIMIT)).send().await;
    refused(&over, "over the limit");
    assert_eq!(over.status, 413);
    // One that says beforehand that it will be, and one that would never end.
    for length in ["content-length: 104857600\r\n", "transfer-encoding: chunked\r\n"] {
        let mut wire = Wire::open(&door.served.proxy).await;
        wire.write(on_query(&wire.head(format!("content-type: application/json\r\n{length}")))).await;
        let part = if length.starts_with("transfer") {
            format!("100000\r\n{}\r\n", "x".repeat(1 << 20))
        } else {
            " ".repeat(1 << 20)
        };
        for _ in 0..40 {
            if wire.try_write(&part).await.is_err() {
                break;
            }
        }
        let answer = wire.answer().await;
        refused(&answer, length);
        assert_eq!(answer.status, 413, "{length}");
    }
    door.check().await;
}

/// The head of a request for `/sql` as one for this door.
fn on_query(head: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(head).replacen("POST /sql ", "POST /query ", 1).into_bytes()
}

#[tokio::test]
async fn repeated_and_odd_headers_are_answered() {
    let door = Door::open().await;
    let json = "content-type: application/json\r\n";
    for lines in [
        "authorization: Bearer wrong\r\n",
        "authorization: x\r\n",
        "content-type: text/plain\r\n",
        "content-type: application/json\r\n",
        "x-capture-telemetry: error\r\nx-capture-telemetry: query\r\n",
        "x-capture-telemetry: error,,query, \r\n",
        "x-capture-telemetry: ERROR\r\n",
        "x-capture-telemetry: \r\n",
        "x-capture-telemetry: error\u{e9}\r\n",
        "cache-control: max-age=5\r\ncache-control: max-age=6\r\n",
        "cache-control: max-age=99999999999999999999999\r\n",
        "cache-control: max-age=-1,stale-while-revalidate=x\r\n",
        "cache-control: max-age=5\r\naccelerate-cache-tags: a\r\naccelerate-cache-tags: b\r\n",
        "cache-control: max-age=5\r\naccelerate-cache-tags: a b,c\u{e9},,\r\n",
        "cache-control: max-age=5\r\naccelerate-cache-tags: a,b,c,d,e,f\r\n",
        "accelerate-query-engine-jwt: a, b\r\ncookie: a=b\r\ncookie: c\r\n",
        "prisma-engine-hash: \r\nprisma-engine-version: 5.22.0\r\n",
        "traceparent: 00-zz\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        "x-query-timeout: soon\r\n",
        "x-max-transaction-timeout: never\r\n",
        "x-max-response-size: 1\r\n",
        "pool-database: default\r\npool-database: nope\r\n",
    ] {
        let mut wire = Wire::open(&door.served.proxy).await;
        let head = wire.request_with(format!("{json}{lines}").as_bytes(), UNIT);
        wire.write(on_query(&head)).await;
        told(&wire.answer().await, lines);
    }
    for lines in ["x-query-timeout: soon\r\n", "x-query-timeout: 0\r\n", "x-max-response-size: 1\r\n"] {
        let mut wire = Wire::open(&door.served.proxy).await;
        wire.write(on_query(&wire.request_with(format!("{json}{lines}").as_bytes(), UNIT))).await;
        wire.answer().await.expect(200);
    }
    let unknown = door.post("/query", UNIT).header("x-capture-telemetry", "bogus").send().await.expect(400);
    refused(&unknown, "bogus");
    assert!(unknown.text.contains("Malformed X-Capture-Telemetry header"), "{}", unknown.text);
    door.check().await;
}

#[tokio::test]
async fn invalidation_of_nothing_is_refused() {
    let door = Door::open().await;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"tags":[]}"#,
        r#"{"tags":"some"}"#,
        r#"{"tags":1}"#,
        r#"{"tags":[1]}"#,
        r#"{"tags":["a b"]}"#,
        r#"{"tags":["a","b","c","d","e","f"]}"#,
        r#"{"tags":[""]}"#,
    ] {
        let answer = door.post("/invalidate", body).send().await;
        assert!(answer.status.is_client_error(), "{} {}: {body}", answer.status, answer.text);
        assert!(answer.body.is_object(), "{}: {body}", answer.text);
    }
    door.post("/invalidate", r#"{"tags":["a"]}"#).send().await.expect(200);
    door.check().await;
}

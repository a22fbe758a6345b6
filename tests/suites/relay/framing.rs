//! What a relay writes to its upstream is one request, and has one length, however its client has put it.

use harness::{Proxy, Wire};

use super::stub::Stub;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn each_request_is_written_anew_with_one_length() {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").start().await;
    let chunks = "5\r\nhello\r\n0\r\n\r\n".to_owned();
    // Behind a length that is told twice nothing is read.
    let chunked = format!("{chunks}{SMUGGLED}");
    for (lines, body, length, end) in [
        ("content-length: 5\r\n", "hello".to_owned(), "content-length: 5", "hello"),
        ("content-length: 5\r\ncontent-length: 5\r\n", "hello".to_owned(), "content-length: 5", "hello"),
        ("connection: content-length\r\ncontent-length: 5\r\n", "hello".to_owned(), "content-length: 5", "hello"),
        ("transfer-encoding: chunked\r\n", chunks, "transfer-encoding: chunked", "0\r\n\r\n"),
        (
            "content-length: 99\r\ntransfer-encoding: chunked\r\n",
            chunked.clone(),
            "transfer-encoding: chunked",
            "0\r\n\r\n",
        ),
        ("transfer-encoding: chunked\r\ncontent-length: 3\r\n", chunked, "transfer-encoding: chunked", "0\r\n\r\n"),
        (
            "connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n".to_owned(),
            "transfer-encoding: chunked",
            "0\r\n\r\n",
        ),
        ("content-length: 5\r\ntransfer_encoding: chunked\r\n", "hello".to_owned(), "content-length: 5", "hello"),
    ] {
        let mut client = Wire::open(&relay).await;
        let head = client.head(lines);
        client.write([&head, body.as_bytes()].concat()).await;
        let mut visit = stub.visited().await;
        let passed = visit.read_to("\r\n\r\n").await.to_lowercase();
        let lengths: Vec<&str> = passed
            .lines()
            .filter(|line| line.starts_with("content-length:") || line.starts_with("transfer-encoding:"))
            .collect();
        assert_eq!(lengths, [length], "{lines}: {passed}");
        assert_eq!(passed.matches("http/1.1\r\n").count(), 1, "{passed}");
        assert_eq!(passed.lines().filter(|line| line.starts_with("host:")).count(), 1, "{passed}");
        if !(length.starts_with('t') && body.starts_with('0')) {
            let rest = visit.read_to(end).await;
            assert!(rest.contains("hello") && !rest.contains("smuggled"), "{lines}: {rest}");
        }
        visit.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        client.answer().await.expect(200);
    }
}

//! Heads that are too long, or say two things.

use harness::Wire;

use crate::sql::served::Served;

#[tokio::test]
async fn a_head_over_its_limits_is_refused() {
    let served = Served::plain().await;
    let headers = |count: usize| (0..count).fold(String::new(), |before, n| format!("{before}x-{n}: 1\r\n"));
    let long = "x".repeat(9000);
    let longer = "x".repeat(70_000);
    for (head, status) in [
        (format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", headers(90)), 200),
        (format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", headers(110)), 431),
        (format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {longer}\r\n\r\n"), 431),
        (format!("GET /health?{long} HTTP/1.1\r\nhost: x\r\n\r\n"), 414),
        ("POST /sql HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12".to_owned(), 400),
        ("POST /sql HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(), 400),
        ("POST /sql HTTP/1.1\r\nhost: x\r\ntransfer-encoding: unknown\r\n\r\n".to_owned(), 400),
        ("no http at all\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = Wire::open(&served.proxy).await;
        client.write(&head).await;
        let answer = client.answer().await;
        let shown: String = head.chars().take(80).collect();
        assert_eq!(answer.status, status, "{shown}: {}", answer.text);
    }
}

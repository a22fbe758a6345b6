//! Requests that two servers might cut apart in different ways: what is behind one's end for the one is its body for the
//! other, and whoever shares the connection between them gets an answer that is not theirs. Each is sent to the proxy and
//! to a relay in front of it.

use harness::{Proxy, Wire};

use crate::sql::served::Served;

const BODY: &str = r#"{"query":"SELECT 1"}"#;
/// The same in chunks.
const CHUNKED: &str = "14\r\n{\"query\":\"SELECT 1\"}\r\n0\r\n\r\n";
/// What nobody may take for a request where it is part of a body: its answer would name it.
const SMUGGLED: &str = "GET /health HTTP/1.1\r\nhost: x\r\nx-request-id: smuggled\r\n\r\n";
/// The next request of the same client; behind its answer the connection ends.
const LAST: &str = "GET /health HTTP/1.1\r\nhost: x\r\nx-request-id: last\r\nconnection: close\r\n\r\n";

struct Doors {
    served: Served,
    relay: Proxy,
}

impl Doors {
    async fn open() -> Self {
        let served = Served::plain().await;
        let relay = Proxy::builder().relay_to(&served.proxy).start().await;
        Self { served, relay }
    }

    fn all(&self) -> [(&'static str, &Proxy); 2] {
        [("proxy", &self.served.proxy), ("relay", &self.relay)]
    }

    /// A connection to one of them.
    async fn wire(&self, door: &Proxy) -> Wire {
        Wire::open(door).await.with_key(self.served.proxy.key())
    }
}

/// The statuses of all answers on a connection, those of a refused head among them, and all of it as text.
fn statuses(heard: &[u8]) -> (Vec<u16>, String) {
    let text = String::from_utf8_lossy(heard).into_owned();
    let status = |line: &str| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok();
    // An answer's body, which is JSON, ends without a line feed.
    let starts = text.split("HTTP/1.").skip(1).map(|rest| format!("HTTP/1.{rest}"));
    (starts.filter_map(|rest| status(&rest)).filter(|status| *status != 100).collect(), text)
}

/// Sends it, and the last request behind it, to either door.
async fn check(doors: &Doors, lines: &str, body: &str, expected: &[u16]) {
    for (name, door) in doors.all() {
        let mut wire = doors.wire(door).await;
        let head = wire.head(lines);
        // Whoever is refused early may find the door closed behind the answer.
        let _ = wire.try_write([&head, body.as_bytes(), LAST.as_bytes()].concat()).await;
        let (statuses, text) = statuses(&wire.rest().await);
        let shown: String = format!("{lines:?} {body:?}").chars().take(300).collect();
        assert_eq!(statuses, expected, "{name}: {shown}\n{text}");
        assert!(!text.contains("smuggled"), "{name}: {shown}\n{text}");
    }
}

#[tokio::test]
async fn a_length_that_is_told_twice_is_refused_or_ends_the_connection() {
    let doors = Doors::open().await;
    let twice = format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", CHUNKED.len());
    let short = "transfer-encoding: chunked\r\ncontent-length: 4\r\n";
    for lines in [&*twice, short] {
        // RFC 9112, 6.1: chunks count, and the connection ends behind the answer, with whatever is on it.
        check(&doors, lines, &[CHUNKED, SMUGGLED].concat(), &[200]).await;
    }
    check(&doors, "content-length: 20\r\ncontent-length: 20\r\n", BODY, &[200, 200]).await;
    for lines in [
        "content-length: 20\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 20\r\n",
        "content-length: 20, 20\r\n",
        "content-length: 20, 5\r\n",
        "content-length: +20\r\n",
        "content-length: -20\r\n",
        "content-length: 0x14\r\n",
        "content-length: 20 0\r\n",
        "content-length: 2 0\r\n",
        "content-length: \r\n",
        "content-length: 99999999999999999999\r\n",
    ] {
        check(&doors, lines, &[BODY, SMUGGLED].concat(), &[400]).await;
    }
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_refused() {
    let doors = Doors::open().await;
    for coding in ["chunked", "Chunked", " chunked ", "\tchunked"] {
        check(&doors, &format!("transfer-encoding:{coding}\r\n"), CHUNKED, &[200, 200]).await;
    }
    for lines in [
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked;q=1\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: \u{b}chunked\r\n",
        "transfer-encoding: chunked\0\r\n",
        "transfer-encoding: \r\n",
        "transfer-encoding: identity\r\ncontent-length: 20\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        // Names and lines that are read in different ways.
        "transfer-encoding : chunked\r\ncontent-length: 20\r\n",
        "transfer-encoding\t: chunked\r\ncontent-length: 20\r\n",
        "transfer-encoding:\r\n chunked\r\ncontent-length: 20\r\n",
        " transfer-encoding: chunked\r\ncontent-length: 20\r\n",
        "x: a\r\n b\r\ncontent-length: 20\r\n",
        "x: a\rtransfer-encoding: chunked\r\ncontent-length: 20\r\n",
        "x: a\0b\r\ncontent-length: 20\r\n",
        "no colon\r\ncontent-length: 20\r\n",
        ": no name\r\ncontent-length: 20\r\n",
    ] {
        check(&doors, lines, &[CHUNKED, SMUGGLED].concat(), &[400]).await;
    }
    // Another name is another field.
    check(&doors, "transfer_encoding: chunked\r\ncontent-length: 20\r\n", BODY, &[200, 200]).await;
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let doors = Doors::open().await;
    let (sized, long) = (|size: &str| format!("{size}\r\n{BODY}\r\n0\r\n\r\n"), "a".repeat(20_000));
    let behind = |trailers: &str| format!("14\r\n{BODY}\r\n0\r\n{trailers}\r\n");
    for body in [
        sized("14"),
        sized("014"),
        sized("14;a=b"),
        behind("x: y\r\n"),
        // They are no headers.
        behind("content-length: 5\r\nauthorization: Bearer wrong\r\ntransfer-encoding: identity\r\n"),
    ] {
        check(&doors, "transfer-encoding: chunked\r\n", &body, &[200, 200]).await;
    }
    for body in [
        sized(" 14"),
        sized("0x14"),
        sized("+14"),
        sized("-1"),
        sized("g"),
        sized(""),
        sized("fffffffffffffffff"),
        sized("14;a\nb"),
        sized(&format!("14;{long}")),
        sized("14").replace("\r\n", "\n"),
        format!("14\r\n{BODY}XX0\r\n\r\n"),
        format!("13\r\n{BODY}\r\n0\r\n\r\n"),
        behind(&format!("x: {}\r\n", long.repeat(4))),
        behind(&"x: y\r\n".repeat(2000)),
    ] {
        check(&doors, "transfer-encoding: chunked\r\n", &[&body, SMUGGLED].concat(), &[400]).await;
    }
}

#[tokio::test]
async fn a_refused_body_is_never_a_request() {
    let doors = Doors::open().await;
    let (body, key) = (SMUGGLED.repeat(3), doors.served.proxy.key());
    let bearer = format!("authorization: Bearer {key}\r\n");
    let (wrong, asks) = ("authorization: Bearer wrong\r\n", "expect: 100-continue\r\n");
    for (line, more, status) in [
        ("POST /sql", wrong, 401),
        ("POST /nope", &*bearer, 404),
        ("PUT /sql", &bearer, 405),
        ("POST /sql", &bearer, 400),
        ("POST /query", &bearer, 400),
        ("GET /health", "", 200),
        ("OPTIONS /sql", "", 204),
        ("GET /health", asks, 200),
        ("POST /sql", &format!("{asks}{wrong}"), 401),
    ] {
        for (name, door) in doors.all() {
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{more}content-length: {}\r\n\r\n", body.len());
            // All at once; in two pieces; the rest when the answer is there.
            for pieces in [[&*body, LAST, ""], [&body[..40], &body[40..], LAST], ["", &body, LAST]] {
                let mut wire = doors.wire(door).await;
                wire.write(&head).await;
                for piece in pieces {
                    let _ = wire.try_write(piece).await;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                let (statuses, text) = statuses(&wire.rest().await);
                assert_eq!(statuses[0], status, "{name}: {line} {more} {pieces:?}\n{text}");
                assert!(
                    statuses[1..].iter().all(|status| *status == 200) && statuses.len() < 3,
                    "{name}: {line} {text}"
                );
                assert!(!text.contains("smuggled"), "{name}: {line} {more} {pieces:?}\n{text}");
            }
        }
    }
}

/// Whoever shares the connection with others has to know that it ends (RFC 9112, 9.6).
#[tokio::test]
async fn an_answer_before_the_end_of_its_request_says_that_the_connection_ends() {
    let served = Served::plain().await;
    for (start, length, status) in [("GET /health", 100, 200), ("POST /sql", 1_000_000_000_000_u64, 413)] {
        let mut wire = Wire::open(&served.proxy).await;
        let head = String::from_utf8(wire.head(format!("content-length: {length}\r\n"))).unwrap();
        wire.write(head.replace("POST /sql", start)).await;
        let answer = wire.answer().await.expect(status);
        assert_eq!(answer.header("connection"), "close", "{start}");
    }
    let mut wire = Wire::open(&served.proxy).await;
    assert_eq!(wire.ask("SELECT 1", 200).await.header("connection"), "");
}

#[tokio::test]
async fn addresses_and_versions_are_taken_for_what_they_are() {
    let doors = Doors::open().await;
    let key = doors.served.proxy.key();
    let upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n";
    let post = |target: &str, version: &str, more: &str| {
        format!(
            "POST {target} {version}\r\nhost: x\r\nauthorization: Bearer {key}\r\n{more}content-length: 20\r\n\r\n{BODY}"
        )
    };
    for (request, expected) in [
        // What else is in the address is nobody's business (RFC 9112, 3.2.2).
        (post("http://elsewhere.example/sql", "HTTP/1.1", ""), &[200, 200][..]),
        (post("https://elsewhere.example:99/sql", "HTTP/1.1", ""), &[200, 200]),
        // Neither is a tunnel opened, nor another protocol spoken.
        (post("/sql", "HTTP/1.1", upgrade), &[200, 200]),
        (post("/sql", "HTTP/1.1", "connection: upgrade\r\nupgrade: websocket\r\n"), &[200, 200]),
        (post("/sql", "HTTP/1.0", "connection: keep-alive\r\n"), &[200, 200]),
        (post("/sql", "HTTP/1.0", ""), &[200]),
        (post("/sql", "HTTP/1.0", "transfer-encoding: chunked\r\n"), &[400]),
        (post("/sql", "HTTP/1.2", ""), &[400]),
        (post("/sql", "HTTP/2.0", ""), &[400]),
        (post("/sql", "", ""), &[400]),
        (post("/sql HTTP/1.1", "HTTP/1.1", ""), &[400]),
        (post("/\u{1}", "HTTP/1.1", ""), &[400]),
        (post("sql", "HTTP/1.1", ""), &[404, 200]),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), &[404, 200]),
        // RFC 9112, 3.2.
        ("GET /health HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(), &[400]),
        ("GET /health HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned(), &[400]),
        ("GET /health HTTP/1.1\r\nhost: user@a\r\n\r\n".to_owned(), &[400]),
        ("GET /health HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned(), &[200, 200]),
        ("\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), &[200, 200]),
        // Requests behind each other are answered one by one.
        (format!("{}{}", post("/sql", "HTTP/1.1", ""), post("/sql", "HTTP/1.1", "")), &[200, 200, 200]),
    ] {
        for (name, door) in doors.all() {
            let mut wire = doors.wire(door).await;
            let _ = wire.try_write([&request, LAST].concat()).await;
            let (statuses, text) = statuses(&wire.rest().await);
            assert_eq!(statuses, expected, "{name}: {request:?}\n{text}");
        }
    }
    for target in ["elsewhere.example:443", "/health", "http://elsewhere.example/"] {
        for (name, door) in doors.all() {
            let mut wire = doors.wire(door).await;
            wire.write(format!("CONNECT {target} HTTP/1.1\r\nhost: x\r\n\r\n{LAST}")).await;
            let (statuses, text) = statuses(&wire.rest().await);
            assert!([404, 405].contains(&statuses[0]), "{name}: {target} {text}");
        }
    }
}

/// A line may end in a line feed alone (RFC 9112, 2.2). Whatever stands behind the head is not part of it.
#[tokio::test]
async fn bare_line_feeds_are_ends_of_lines_everywhere_in_a_head() {
    let doors = Doors::open().await;
    for (name, door) in doors.all() {
        let mut wire = doors.wire(door).await;
        let head = String::from_utf8(wire.head("x: a\ncontent-length: 20\r\n")).unwrap();
        wire.write([&head.replace("\r\n", "\n"), BODY, LAST].concat()).await;
        let (statuses, text) = statuses(&wire.rest().await);
        assert_eq!(statuses, [200, 200], "{name}: {text}");
    }
}

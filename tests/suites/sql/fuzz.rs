//! A fuzz of the request decoder: whatever bytes come, each gets an answer that is JSON, none is the proxy's fault, and the
//! process lives on. The same bytes for a seed (`POOL_PROXY_TEST_SEED`).

use harness::{Dice, Proxy, Wire, cases};
use serde_json::Value;

use super::served::Served;

/// How many of each kind of request.
fn requests() -> usize {
    cases(4000)
}

/// Bodies to spoil. What a flipped bit makes of their SQL harms nothing.
const VALID: &[&str] = &[
    r#"{"query": "SELECT $1::text AS v, $2::int AS n", "params": ["a\u00e9\ud83d\ude00 \"b\" \\", 42], "arrayMode": true}"#,
    r#"{"query": "SELECT 1", "params": []}"#,
    r#"{"query":"SELECT $1::int[], $2::jsonb, $3::text[]","params":[[1,null,[2]],{"a":[1,{"b":null}]},["x\"y","{}",null]]}"#,
    r#"{"queries": [{"query": "SELECT $1::float8", "params": [1.5e300]}, {"query": "SELECT true", "arrayMode": false}]}"#,
    r#"{"queries": [], "arrayMode": null}"#,
    r#"{"query": "VALUES ($1::text), ($2)", "params": ["", null]}"#,
];

/// Pieces of JSON, and of what only looks like it.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"query\"",
    "\"queries\"",
    "\"params\"",
    "\"arrayMode\"",
    "null",
    "true",
    "false",
    "0",
    "-",
    "1e999999",
    "-0.0",
    "123456789012345678901234567890",
    "\"SELECT 1\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\\",
    " ",
    "\n",
    "\u{feff}",
    "\u{0}",
    "NaN",
    "Infinity",
    "'",
    "/*",
    "//",
    "é",
    "{}",
    "[]",
    "\"__proto__\"",
];

/// A connection that is kept as long as the proxy keeps it.
struct Line<'a> {
    proxy: &'a Proxy,
    wire: Wire,
}

impl<'a> Line<'a> {
    async fn open(proxy: &'a Proxy) -> Self {
        Self { proxy, wire: Wire::open(proxy).await }
    }

    /// Sends a request with these header lines as it is, and reads its answer: status and body.
    async fn ask(&mut self, headers: &[u8], body: &[u8]) -> (u16, String) {
        // Whoever is refused early may find the door closed behind the answer.
        let _ = self.wire.try_write(self.wire.request_with(headers, body)).await;
        let answer = self.wire.answer().await;
        assert_ne!(answer.header("content-length"), "", "no length: {:?}", answer.headers);
        if answer.header("connection") == "close" {
            self.wire = Wire::open(self.proxy).await;
        }
        (answer.status.as_u16(), answer.text)
    }
}

/// Answered, by a refusal that is JSON or, where `valid` ones may be among them, by a result.
fn check(status: u16, text: &str, valid: bool, sent: &[u8], why: &str) {
    let sent = || String::from_utf8_lossy(&sent[..sent.len().min(2000)]).into_owned();
    let body: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}; {}; {why}", sent()));
    let refused = (400..500).contains(&status) && body["message"].is_string() && body["requestId"].is_string();
    let said = text.chars().take(500).collect::<String>();
    assert!(refused || (valid && status == 200), "{status} {said}: {}; {why}", sent());
}

async fn check_alive(mut served: Served) {
    assert!(served.proxy.exited().is_none(), "the proxy has ended: {}", served.proxy.stderr());
    assert_eq!(served.value("SELECT 1").await, 1);
    let log = served.proxy.stderr();
    assert!(!log.contains("panic"), "{log}");
}

/// One or a few changes to a body that was right.
fn spoiled(dice: &mut Dice) -> Vec<u8> {
    let mut body = dice.pick(VALID).as_bytes().to_vec();
    dice.spoil(&mut body, PIECES);
    body
}

#[tokio::test]
async fn any_body_gets_an_answer() {
    let served = Served::plain().await;
    let mut dice = Dice::new();
    let why = format!("POOL_PROXY_TEST_SEED={}", dice.seed());
    let mut lines = [Line::open(&served.proxy).await, Line::open(&served.proxy).await];
    let mut answered = 0;
    for number in 0..requests() * 3 {
        let body = match number % 3 {
            0 => dice.bytes(200),
            1 => dice.pieces(PIECES, 40).into_bytes(),
            _ => spoiled(&mut dice),
        };
        let (status, text) = lines[number % 2].ask(b"", &body).await;
        check(status, &text, true, &body, &why);
        answered += usize::from(status == 200);
    }
    // Most are wrong, and some are not, or nothing was fuzzed.
    assert!((requests() / 100..requests()).contains(&answered), "{answered}; {why}");
    check_alive(served).await;
}

#[tokio::test]
async fn any_header_gets_an_answer() {
    let served = Served::plain().await;
    let mut dice = Dice::new();
    let why = format!("POOL_PROXY_TEST_SEED={}", dice.seed());
    let mut line = Line::open(&served.proxy).await;
    let names = [
        "Neon-Batch-Isolation-Level",
        "Neon-Batch-Read-Only",
        "Neon-Batch-Deferrable",
        "Neon-Array-Mode",
        "Neon-Raw-Text-Output",
        "Neon-Connection-String",
        "Pool-Database",
        "Authorization",
        "Cache-Control",
        "Cache-Tag",
        "Content-Type",
        "X-Request-Id",
        "traceparent",
        "Accept-Encoding",
        "Origin",
        "Neon-Pool-Opt-In",
        "Cookie",
    ];
    let values = [
        "true",
        "Serializable",
        "postgres://u:p@h/d?cache_max_age=60&cache_tags=a,b",
        "max-age=5, stale-while-revalidate=1",
        "a,b,c_1",
        "application/json; charset=\"utf-8\"",
        "Bearer x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "gzip;q=0.5, *",
        "max-age=99999999999999999999",
        "postgres://[::1",
        "%00%ff",
        "",
        ",",
        "=",
        "no-store",
    ];
    for _ in 0..requests() {
        let mut headers = Vec::new();
        for _ in 0..=dice.below(3) {
            let mut value = dice.pick(&values).as_bytes().to_vec();
            for _ in 0..dice.below(3) {
                let at = dice.below(value.len() + 1);
                // What HTTP allows in a value: no control characters but the tab.
                let byte = dice.bits().to_be_bytes()[0];
                value.insert(at, if byte < 0x20 || byte == 0x7f { b'\t' } else { byte });
            }
            headers.extend([dice.pick(&names).as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        let (status, text) = line.ask(&headers, br#"{"query": "SELECT 1"}"#).await;
        check(status, &text, true, &headers, &why);
    }
    check_alive(served).await;
}

#[tokio::test]
async fn bodies_that_break_parsers_are_refused() {
    let served = Served::plain().await;
    let mut line = Line::open(&served.proxy).await;
    let query = |params: &str| format!(r#"{{"query": "SELECT $1::text", "params": {params}}}"#).into_bytes();
    let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let bodies: Vec<Vec<u8>> = vec![
        nested("[", "]", 100_000).into_bytes(),
        "[".repeat(100_000).into_bytes(),
        nested("{\"query\":", "}", 100_000).into_bytes(),
        nested("{\"queries\":[", "]}", 100_000).into_bytes(),
        query(&format!("[{}]", nested("{\"a\":", "}", 100_000))),
        query(&"[".repeat(100_000)),
        query("[\"\\ud800\"]"),
        query("[\"\\udc00\\ud800\"]"),
        query("[\"\u{1}\"]"),
        query("[\"\0\"]"),
        query("[\"\\u0000\"]"),
        query("[[\"\\u0000\"]]"),
        query("[01]"),
        query("[+1]"),
        query("[.5]"),
        query("[NaN]"),
        query("[1e]"),
        [&b"{\"query\": \"SELECT '"[..], &[0xc0, 0x80], b"'\"}"].concat(),
        [&b"{\"query\": \"SELECT '"[..], &[0xed, 0xa0, 0x80], b"'\"}"].concat(),
        [&b"{\"query\": \"SELECT '"[..], &[0xf5, 0x80, 0x80, 0x80], b"'\"}"].concat(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        b"\xef\xbb\xbf{\"query\": \"SELECT 1\"}".to_vec(),
        br#"{"query": "SELECT 1", "query": "SELECT 2"}"#.to_vec(),
        br#"{"query": "SELECT 1", "params": [1], "params": []}"#.to_vec(),
        br#"{"queries": [{"query": "SELECT 1", "query": "SELECT 2"}]}"#.to_vec(),
        br#"{"query": "SELECT 1", "arrayMode": true, "arrayMode": false}"#.to_vec(),
    ];
    for body in bodies {
        let (status, text) = line.ask(b"", &body).await;
        check(status, &text, false, &body, "");
    }
    // JSON may be as deep as Postgres takes it: text takes it as it is, and json says where its own end is.
    let deep = nested("[", "]", 100_000);
    let (status, text) = line.ask(b"", &query(&format!("[{deep}]"))).await;
    assert_eq!((status, text.contains(&deep)), (200, true), "{}", &text[..200]);
    let body = format!(r#"{{"query": "SELECT $1::json", "params": [{deep}]}}"#).into_bytes();
    let (status, text) = line.ask(b"", &body).await;
    check(status, &text, false, &body, "");
    // Numbers go to Postgres as they are written, so these are its to judge, and text takes them all.
    let huge = "9".repeat(100_000);
    for number in ["1e999999999", "-1e-999999999", "0.1e+5", &huge, &format!("-0.{huge}")] {
        let (status, text) = line.ask(b"", &query(&format!("[{number}]"))).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(&format!("\"{number}\"")), "{text}");
    }
    check_alive(served).await;
}

/// What is no HTTP at all cannot be answered in JSON, but it is answered, and only this connection ends.
#[tokio::test]
async fn what_is_no_http_ends_its_own_connection_alone() {
    let served = Served::plain().await;
    let mut dice = Dice::new();
    for _ in 0..300 {
        let mut wire = Wire::open(&served.proxy).await;
        let has_head = dice.once_in(2);
        let mut junk = dice.bytes(100);
        junk.extend(b"\x00: \x01\r\n");
        let bytes = if has_head { wire.head(junk) } else { [&junk, &b"\r\n"[..]].concat() };
        let _ = wire.try_write([&bytes, &b"\r\n"[..]].concat()).await;
        let _ = wire.finish().await;
        let answer = wire.rest().await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    check_alive(served).await;
}

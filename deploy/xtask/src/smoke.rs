//! The three commands that `dev` offers to paste, and what `dev --smoke` makes of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use harness::Error;
use serde_json::Value;

use crate::cargo::works;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the commands go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses<'a> {
    /// The proxy's URL, and a key it knows.
    pub(crate) proxy: &'a str,
    pub(crate) key: &'a str,
    /// The edge API's URL.
    pub(crate) edge: &'a str,
}

/// Whom a command asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    Proxy,
    Edge,
}

/// One command, and what makes its answer right.
pub(crate) struct Request {
    /// What it shows.
    pub(crate) title: &'static str,
    pub(crate) door: Door,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: &'static str,
    right: fn(&Answer) -> bool,
    expected: &'static str,
}

/// What came back.
struct Answer {
    head: String,
    body: Value,
}

/// The three commands.
pub(crate) fn requests() -> [Request; 3] {
    [
        Request {
            title: "SQL over HTTP",
            door: Door::Proxy,
            path: "/sql",
            headers: &[],
            body: r#"{"query": "SELECT id, title FROM posts WHERE id = $1", "params": ["00000000-0000-4000-9000-000000000001"]}"#,
            status: "200",
            right: |answer| {
                let answer = &answer.body;
                answer["command"] == "SELECT"
                    && answer["rowCount"] == 1
                    && answer["rows"][0]["title"] == "What a connection costs"
                    && answer["fields"][0]["name"] == "id"
            },
            expected: "one row with a title",
        },
        Request {
            title: "A cached read: run it twice and watch Cache-Status",
            door: Door::Proxy,
            path: "/sql",
            headers: &[("Cache-Control", "max-age=60"), ("Cache-Tag", "posts")],
            body: r#"{"query": "SELECT count(*) AS published FROM posts WHERE published"}"#,
            status: "200",
            right: |answer| {
                answer.body["rows"][0]["published"] == "13" && answer.header("cache-status").starts_with("pool-proxy;")
            },
            expected: "a count of 13 and a Cache-Status",
        },
        Request {
            title: "Sign up for the blog",
            door: Door::Edge,
            path: "/api/v1/user/signup",
            headers: &[("Content-Type", "application/json")],
            body: r#"{"email": "you@example.com", "name": "You", "password": "a horse, a battery, a staple"}"#,
            status: "201",
            right: |answer| answer.body["user"]["email"] == "you@example.com" && answer.body["token"].is_string(),
            expected: "a user with a token",
        },
    ]
}

/// Runs the commands, the cached read twice; an error says which answers were wrong.
pub(crate) fn run(addresses: Addresses<'_>) -> Result<(), Error> {
    let [sql, cached, sign_up] = requests();
    let again = Request {
        title: "The cached read again",
        right: |answer| answer.header("cache-status").starts_with("pool-proxy; hit"),
        expected: "a Cache-Status that begins `pool-proxy; hit`",
        ..requests()[1]
    };
    let mut wrong = Vec::new();
    for request in [sql, cached, again, sign_up] {
        println!("--- {}\n{}", request.title, request.curl(addresses));
        let text = request.send(addresses)?;
        println!("{text}\n");
        if !Answer::read(&text).is_some_and(|answer| answer.status() == request.status && (request.right)(&answer)) {
            let Request { title, status, expected, .. } = request;
            wrong.push(format!("{title}: expected status {status} and {expected}"));
        }
    }
    if wrong.is_empty() {
        println!("smoke test passed");
        return Ok(());
    }
    Err(Error::new(format!("smoke test failed\n  {}", wrong.join("\n  "))))
}

impl Request {
    /// The command to paste. Nothing in it needs more quoting than this.
    pub(crate) fn curl(&self, addresses: Addresses<'_>) -> String {
        let headers: Vec<_> = self.headers(addresses).iter().map(|header| format!(" -H '{header}'")).collect();
        let (url, path, headers, body) = (self.url(addresses), self.path, headers.concat(), self.body);
        format!("  curl -i {url}{path}{headers} \\\n    -d '{body}'")
    }

    fn url<'a>(&self, addresses: Addresses<'a>) -> &'a str {
        match self.door {
            Door::Proxy => addresses.proxy,
            Door::Edge => addresses.edge,
        }
    }

    fn headers(&self, addresses: Addresses<'_>) -> Vec<String> {
        let key = (self.door == Door::Proxy).then(|| format!("Authorization: Bearer {}", addresses.key));
        key.into_iter().chain(self.headers.iter().map(|(name, value)| format!("{name}: {value}"))).collect()
    }

    /// The whole answer, head and body: through curl if there is one.
    fn send(&self, addresses: Addresses<'_>) -> Result<String, Error> {
        let (url, headers) = (self.url(addresses), self.headers(addresses));
        if !works(&mut Command::new("curl")) {
            let address = url.trim_start_matches("http://");
            return self.send_plainly(address, &headers).map_err(Error::doing(self.title));
        }
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include", "--noproxy", "*"]);
        curl.arg("--max-time").arg(PATIENCE.as_secs().to_string());
        curl.arg(format!("{url}{}", self.path)).args(["--data", self.body]);
        for header in &headers {
            curl.args(["--header", header]);
        }
        let output = curl.output().map_err(Error::doing("starting curl"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(format!("{}: {}", self.title, said.trim())))
    }

    /// As HTTP/1.0, so that the answer ends with the connection and comes in one piece.
    fn send_plainly(&self, address: &str, headers: &[String]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (path, length, headers) = (self.path, self.body.len(), headers.join("\r\n"));
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{}",
            self.body
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some(Self { head: head.to_owned(), body: serde_json::from_str(body).ok()? })
    }

    fn status(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or_default()
    }

    /// A header's value, empty if it is absent.
    fn header(&self, name: &str) -> &str {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }
}

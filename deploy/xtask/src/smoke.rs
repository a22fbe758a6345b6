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

/// One command, and what makes its answer right.
pub(crate) struct Request {
    /// What it shows.
    pub(crate) title: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
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
            path: "/sql",
            headers: &[],
            body: r#"{"query": "SELECT id, title FROM posts WHERE id = $1", "params": [1]}"#,
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
            path: "/sql",
            headers: &[("Cache-Control", "max-age=60"), ("Cache-Tag", "posts")],
            body: r#"{"query": "SELECT count(*) AS published FROM posts WHERE published"}"#,
            right: |answer| {
                answer.body["rows"][0]["published"] == "13" && answer.header("cache-status").starts_with("pool-proxy;")
            },
            expected: "a count of 13 and a Cache-Status",
        },
        Request {
            title: "Forget what was cached under a tag",
            path: "/invalidate",
            headers: &[],
            body: r#"{"tags": ["posts"]}"#,
            right: |answer| answer.body.is_object(),
            expected: "a JSON object",
        },
    ]
}

/// Runs the commands, the cached read twice; an error says which answers were wrong.
pub(crate) fn run(url: &str, key: &str) -> Result<(), Error> {
    let [sql, cached, invalidate] = requests();
    let again = Request {
        title: "The cached read again",
        right: |answer| answer.header("cache-status").starts_with("pool-proxy; hit"),
        expected: "a Cache-Status that begins `pool-proxy; hit`",
        ..requests()[1]
    };
    let mut wrong = Vec::new();
    for request in [sql, cached, again, invalidate] {
        println!("--- {}\n{}", request.title, request.curl(url, key));
        let text = request.send(url, key)?;
        println!("{text}\n");
        if !Answer::read(&text).is_some_and(|answer| answer.is_ok() && (request.right)(&answer)) {
            let Request { title, expected, .. } = request;
            wrong.push(format!("{title}: expected status 200 and {expected}"));
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
    pub(crate) fn curl(&self, url: &str, key: &str) -> String {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers.map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
        let (path, headers, body) = (self.path, headers.concat(), self.body);
        format!("  curl -i {url}{path} -H 'Authorization: Bearer {key}'{headers} \\\n    -d '{body}'")
    }

    /// The whole answer, head and body: through curl if there is one.
    fn send(&self, url: &str, key: &str) -> Result<String, Error> {
        let mut headers = vec![format!("Authorization: Bearer {key}")];
        headers.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
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

    fn is_ok(&self) -> bool {
        self.head.split_whitespace().nth(1) == Some("200")
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

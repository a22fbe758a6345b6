//! One HTTP request at a time, to see what a server answers before it is loaded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use load::Outcome;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Bytes of the status line and the headers.
    pub(crate) fn head_bytes(&self) -> usize {
        self.head.len()
    }

    pub(crate) fn json(&self) -> Outcome<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// `POST /sql` on a connection of its own; anything but a 200 is an error that shows the answer.
pub(crate) fn post_sql(address: &str, headers: &[String], body: &str) -> Outcome<Answer> {
    let answer = post(address, headers, body)?;
    if answer.status == 200 {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(&answer.body);
    Err(format!("{address} answered {} to {body}: {text}", answer.status).into())
}

fn post(address: &str, headers: &[String], body: &str) -> Outcome<Answer> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut request = format!(
        "POST /sql HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| format!("{address} sent no whole answer: {}", String::from_utf8_lossy(&answer)).into())
}

/// Splits head and body; a body that is not as long as it says is no answer.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head, body: answer[end + 4..].to_vec() };
    let length: usize = answer.header("content-length")?.parse().ok()?;
    (length == answer.body.len()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b c\r\n\r\n{}").expect("an answer");
        assert_eq!((answer.status, answer.header("x-a"), answer.body.as_slice()), (200, Some("b c"), &b"{}"[..]));
    }

    #[test]
    fn a_cut_answer_is_none() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}").is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}

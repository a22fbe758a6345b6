//! One HTTP request at a time, to see what a server answers before it is loaded.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use load::{Outcome, client_config};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::servers::Server;

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

    /// What the proxy's cache did (RFC 9211); empty if it says nothing.
    pub(crate) fn cache_status(&self) -> &str {
        self.header("cache-status").unwrap_or_default()
    }

    /// Whether it came out of the proxy's cache.
    pub(crate) fn is_hit(&self) -> bool {
        let mut words = self.cache_status().split(';').map(str::trim);
        words.next() == Some("pool-proxy") && words.any(|word| word == "hit")
    }

    pub(crate) fn json(&self) -> Outcome<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// `POST /sql` on a connection of its own; anything but a 200 is an error that shows the answer.
pub(crate) fn post_sql(server: &Server, headers: &[String], body: &str) -> Outcome<Answer> {
    post(server, "/sql", headers, body)
}

/// `POST` on a connection of its own; anything but a 200 is an error that shows the answer.
pub(crate) fn post(server: &Server, path: &str, headers: &[String], body: &str) -> Outcome<Answer> {
    post_to(&server.address, server.cert.as_deref(), path, headers, body)
}

/// The same to whatever listens at an address.
pub(crate) fn post_to(
    address: &str,
    cert: Option<&Path>,
    path: &str,
    headers: &[String],
    body: &str,
) -> Outcome<Answer> {
    let content = [format!("content-type: application/json\r\ncontent-length: {}", body.len())];
    let answer = exchange(address, cert, &format!("POST {path}"), &[&content[..], headers], body)?;
    expect_ok(address, answer, body)
}

/// `GET` on a connection of its own; anything but a 200 is an error that shows the answer.
pub(crate) fn get(address: &str, path: &str) -> Outcome<Answer> {
    let answer = exchange(address, None, &format!("GET {path}"), &[], "")?;
    expect_ok(address, answer, path)
}

fn expect_ok(address: &str, answer: Answer, asked: &str) -> Outcome<Answer> {
    if answer.status == 200 {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(&answer.body);
    Err(format!("{address} answered {} to {asked}: {text}", answer.status).into())
}

trait Socket: Read + Write {}
impl<S: Read + Write> Socket for S {}

/// A socket that speaks TLS if there is a certificate to expect.
fn connect(address: &str, cert: Option<&Path>) -> Outcome<Box<dyn Socket>> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let Some(cert) = cert else { return Ok(Box::new(socket)) };
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    Ok(Box::new(StreamOwned::new(ClientConnection::new(client_config(cert)?, name)?, socket)))
}

/// On a connection of its own, which ends with the answer.
fn exchange(address: &str, cert: Option<&Path>, what: &str, headers: &[&[String]], body: &str) -> Outcome<Answer> {
    let close = ["connection: close".to_owned()];
    Kept::connect(address, cert)?.exchange(what, &[&[&close[..]], headers].concat(), body)
}

/// A connection that is kept: one request at a time.
pub(crate) struct Kept {
    socket: Box<dyn Socket>,
    address: String,
}

impl Kept {
    /// With TLS if there is a certificate to expect.
    pub(crate) fn connect(address: &str, cert: Option<&Path>) -> Outcome<Self> {
        Ok(Self { socket: connect(address, cert)?, address: address.to_owned() })
    }

    /// Whatever its status.
    pub(crate) fn post(&mut self, path: &str, headers: &[String], body: &str) -> Outcome<Answer> {
        let content = [format!("content-type: application/json\r\ncontent-length: {}", body.len())];
        self.exchange(&format!("POST {path}"), &[&content[..], headers], body)
    }

    fn exchange(&mut self, what: &str, headers: &[&[String]], body: &str) -> Outcome<Answer> {
        let address = &self.address;
        let mut request = format!("{what} HTTP/1.1\r\nhost: {address}\r\n");
        for header in headers.iter().copied().flatten() {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.socket.write_all(request.as_bytes())?;
        // Not to the end: workerd lets the connection stay open for some seconds, whatever it is told.
        let (mut answer, mut part) = (Vec::new(), [0; 16 * 1024]);
        loop {
            if let Some(answer) = parse(&answer) {
                return Ok(answer);
            }
            match self.socket.read(&mut part)? {
                0 => return Err(format!("{address} sent no whole answer: {}", String::from_utf8_lossy(&answer)).into()),
                length => answer.extend_from_slice(&part[..length]),
            }
        }
    }
}

/// Splits head and body; a body that is not as long as it says is no answer.
pub(crate) fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head, body: answer[end + 4..].to_vec() };
    // It has no body, whatever it says (RFC 9110, 15.4.5).
    let length: usize = if status == 304 { 0 } else { answer.header("content-length")?.parse().ok()? };
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
    fn a_hit_is_told_from_other_answers() {
        let check = |status: &str, expected: bool| {
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{status}\r\n\r\n");
            assert_eq!(parse(text.as_bytes()).expect("an answer").is_hit(), expected, "{status}");
        };
        check("Cache-Status: pool-proxy; hit; ttl=41", true);
        check("Cache-Status: pool-proxy; fwd=miss; stored", false);
        check("Cache-Status: other; hit", false);
        check("x-a: b", false);
    }

    #[test]
    fn a_cut_answer_is_none() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}").is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}

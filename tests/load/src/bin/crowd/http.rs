//! As little of HTTP/1.1 as it takes: one request at a time, keep-alive, answers with a length.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

use load::Outcome;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// A connection.
pub(crate) struct Http {
    socket: Box<dyn Socket>,
    read: Vec<u8>,
}

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
    /// It says that it came out of the proxy's cache (RFC 9211).
    pub(crate) hit: bool,
    body: Range<usize>,
}

impl Http {
    pub(crate) async fn connect(address: &str, tls: Option<Arc<ClientConfig>>) -> Outcome<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let socket: Box<dyn Socket> = match tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
                Box::new(TlsConnector::from(config).connect(name, socket).await?)
            }
        };
        Ok(Self { socket, read: Vec::new() })
    }

    /// `POST`; `head` is all headers but the length, each with its line end.
    pub(crate) async fn post(&mut self, path: &str, head: &str, body: &str) -> Outcome<Answer> {
        let length = body.len();
        self.exchange(&format!("POST {path} HTTP/1.1\r\n{head}content-length: {length}\r\n\r\n{body}")).await
    }

    /// The body of the last answer.
    pub(crate) fn body(&self, answer: &Answer) -> &[u8] {
        self.read.get(answer.body.clone()).unwrap_or_default()
    }

    async fn exchange(&mut self, request: &str) -> Outcome<Answer> {
        self.socket.write_all(request.as_bytes()).await?;
        self.socket.flush().await?;
        self.read.clear();
        loop {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Err("the connection was closed".into());
            }
            if let Some(answer) = parse(&self.read)? {
                return Ok(answer);
            }
        }
    }
}

/// None until all of it is there.
fn parse(read: &[u8]) -> Outcome<Option<Answer>> {
    let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&read[..end])?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
    let header = |name: &str| {
        let mut fields = lines.clone().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let length: usize = header("content-length").ok_or("an answer without a length")?.parse()?;
    let body = end + 4..end + 4 + length;
    let whole = read.len() >= body.end;
    let hit = header("cache-status").is_some_and(|said| said.starts_with("pool-proxy; hit"));
    Ok(whole.then(|| Answer { status, retry_after: header("retry-after").is_some(), hit, body }))
}

#[cfg(test)]
mod tests {
    use super::{Answer, parse};

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let text = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}";
        let body = text.len() - 2..text.len();
        assert_eq!(parse(text).expect("an answer"), Some(Answer { status: 503, retry_after: true, hit: false, body }));
        assert_eq!(parse(&text[..text.len() - 1]).expect("a part"), None);
        assert_eq!(parse(&text[..20]).expect("a part"), None);
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_hit_says_so() {
        let check = |said: &str, hit: bool| {
            let text = format!("HTTP/1.1 200 OK\r\nCache-Status: {said}\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(parse(text.as_bytes()).expect("an answer").map(|answer| answer.hit), Some(hit), "{said}");
        };
        check("pool-proxy; hit", true);
        check("pool-proxy; hit; ttl=41", true);
        check("pool-proxy; fwd=miss; stored", false);
    }
}

//! A client that writes HTTP/1.1 by hand, byte by byte if it likes, over one connection.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Answer, Proxy};

/// How long the other side may take to close.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection to a proxy, as plain TCP or over something that encrypts it.
#[derive(Debug)]
pub struct Wire<S = TcpStream> {
    socket: S,
    key: String,
    /// What has come and was not asked for yet.
    come: BytesMut,
}

impl Wire {
    /// To the public listener.
    pub async fn open(proxy: &Proxy) -> Self {
        Self::to(proxy.url()).await.with_key(proxy.key())
    }

    /// To the public listener, with as little room for what is not read yet as the system allows.
    pub async fn narrow(proxy: &Proxy) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1024).unwrap();
        let socket = socket.connect(address(proxy.url()).parse().unwrap()).await.unwrap();
        Self::new(socket).with_key(proxy.key())
    }

    /// To the server of a URL, with no key.
    pub async fn to(url: &str) -> Self {
        Self::new(TcpStream::connect(address(url)).await.unwrap())
    }

    fn new(socket: TcpStream) -> Self {
        Self { socket, key: String::new(), come: BytesMut::new() }
    }

    /// The same with another key, which may be that of a proxy behind this one.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// The bare connection, for what speaks something else over it.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Sends a byte now and then until the other side closes; the answer that it has given before.
    pub async fn dribble(mut self) -> Answer {
        let (mut reading, mut writing) = self.socket.split();
        let dribbling = async {
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        };
        let come = &mut self.come;
        tokio::select! {
            () = read_all(&mut reading, come) => {}
            () = dribbling => {}
            () = tokio::time::sleep(PATIENCE) => panic!("no end: {come:?}"),
        }
        self.answer().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// The same client over what `dress` makes of the connection.
    pub async fn over<T>(self, dress: impl AsyncFnOnce(S) -> T) -> Wire<T> {
        Wire { socket: dress(self.socket).await, key: self.key, come: self.come }
    }

    /// Sends these bytes, and panics if they cannot be sent.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.unwrap();
    }

    /// Sends these bytes: whoever is refused early may find the door closed behind the answer.
    ///
    /// # Errors
    /// If the other side has closed.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref()).await
    }

    /// Says that nothing more will be sent, and still reads.
    ///
    /// # Errors
    /// If the other side has closed.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }

    /// A head of `POST /sql` with the key and these header lines, each of which ends in `\r\n`.
    pub fn head(&self, lines: impl AsRef<[u8]>) -> Vec<u8> {
        let start = format!("POST /sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n", self.key);
        [start.as_bytes(), lines.as_ref(), b"\r\n"].concat()
    }

    /// A whole request with header lines as for [`head`](Self::head), and a body of which it tells the length.
    pub fn request_with(&self, lines: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
        let body = body.as_ref();
        let length = format!("content-length: {}\r\n", body.len());
        [&self.head([lines.as_ref(), length.as_bytes()].concat()), body].concat()
    }

    /// A whole request for the rows of a statement, as arrays.
    pub fn request(&self, query: &str) -> Vec<u8> {
        self.request_with("", json!({ "query": query, "arrayMode": true }).to_string())
    }

    /// Sends a whole request and leaves the answer unread.
    pub async fn send(&mut self, body: &Value) {
        self.write(self.request_with("", body.to_string())).await;
    }

    /// Asks for the rows of a statement, and must get this status.
    pub async fn ask(&mut self, query: &str, status: u16) -> Answer {
        self.write(self.request(query)).await;
        self.answer().await.expect(status)
    }

    /// One whole answer; its body goes to the end of the connection if it tells no length. Panics if there is none.
    pub async fn answer(&mut self) -> Answer {
        let (head, body) = loop {
            if let Some(end) = self.come.windows(4).position(|four| four == b"\r\n\r\n") {
                break (parse(&self.come[..end]), end + 4);
            }
            assert!(self.read().await > 0, "no whole answer: {:?}", self.come);
        };
        let (status, headers) = head;
        let _ = self.come.split_to(body);
        let length = headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
        match length {
            Some(length) => {
                while self.come.len() < length {
                    assert!(self.read().await > 0, "{} of {length} bytes: {:?}", self.come.len(), self.come);
                }
                Answer::new(status, headers, self.come.split_to(length).freeze())
            }
            None => Answer::new(status, headers, self.rest().await.freeze()),
        }
    }

    /// All that still comes until the other side closes.
    pub async fn rest(&mut self) -> BytesMut {
        read_all(&mut self.socket, &mut self.come).await;
        self.come.split()
    }

    /// Whether the other side closes, and says nothing before.
    pub async fn is_closed(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.read()).await;
        read.is_ok_and(|read| read == 0) && self.come.is_empty()
    }

    /// What came, and 0 if nothing will.
    async fn read(&mut self) -> usize {
        self.socket.read_buf(&mut self.come).await.unwrap_or(0)
    }
}

async fn read_all(from: &mut (impl AsyncRead + Unpin), into: &mut BytesMut) {
    while from.read_buf(into).await.is_ok_and(|read| read > 0) {}
}

/// The status and the headers of an answer. Panics if it is none.
fn parse(head: &[u8]) -> (StatusCode, HeaderMap) {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status: StatusCode = status.unwrap_or_else(|| panic!("no answer of HTTP/1.1: {first}"));
    let header = |line: &[u8]| -> Option<(HeaderName, HeaderValue)> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    let headers = lines.map(|line| header(line).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(line))));
    (
        status,
        headers.fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        }),
    )
}

/// Host and port of a URL.
fn address(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split('/').next().unwrap_or(after)
}

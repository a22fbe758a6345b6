//! A client that writes HTTP by hand, as slowly as it likes.

use std::time::Duration;

use harness::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// One connection.
pub(super) struct Wire {
    pub(super) socket: TcpStream,
    key: String,
}

impl Wire {
    pub(super) async fn open(proxy: &Proxy) -> Self {
        Self { socket: TcpStream::connect(address(proxy)).await.unwrap(), key: proxy.key().to_owned() }
    }

    /// With as little room for what is not read yet as the system allows.
    pub(super) async fn narrow(proxy: &Proxy) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1024).unwrap();
        let socket = socket.connect(address(proxy).parse().unwrap()).await.unwrap();
        Self { socket, key: proxy.key().to_owned() }
    }

    pub(super) async fn write(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    /// A head of `POST /sql` for a body of so many bytes.
    pub(super) fn head(&self, length: usize) -> String {
        let key = &self.key;
        format!("POST /sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n")
    }

    /// A whole request.
    pub(super) fn request(&self, query: &str) -> String {
        let body = serde_json::json!({ "query": query, "arrayMode": true }).to_string();
        format!("{}{body}", self.head(body.len()))
    }

    /// One whole answer, as it was written; everything until the end if there is no length.
    pub(super) async fn answer(&mut self) -> String {
        let mut answer = vec![];
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
                && body.len() >= length
            {
                return text;
            }
            let mut byte = [0];
            match self.socket.read(&mut byte).await {
                Ok(1) => answer.push(byte[0]),
                _ => return text,
            }
        }
    }

    /// Asks and must get this status.
    pub(super) async fn ask(&mut self, query: &str, status: u16) -> String {
        let request = self.request(query);
        self.write(&request).await;
        let answer = self.answer().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        answer
    }

    /// Sends a byte now and then until there is an answer, or the end.
    pub(super) async fn dribble(&mut self) -> String {
        let (mut reading, mut writing) = self.socket.split();
        let mut answer = vec![];
        let dribbling = async {
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = reading.read_to_end(&mut answer) => {}
            () = dribbling => {}
            () = tokio::time::sleep(Duration::from_secs(30)) => panic!("no end: {answer:?}"),
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whether the other side has closed, without waiting for more than that.
    pub(super) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(tokio::time::timeout(Duration::from_secs(30), self.socket.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    }
}

/// Host and port of the public listener.
pub(super) fn address(proxy: &Proxy) -> String {
    proxy.url().rsplit('/').next().unwrap().to_owned()
}

//! An upstream that is none: it says what the test tells it to, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stub {
    listener: TcpListener,
    pub(crate) url: String,
}

/// One connection of a relay to it, or of a client to a relay.
pub(crate) struct Visit(TcpStream);

impl Stub {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    pub(crate) async fn visited(&self) -> Visit {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("nobody comes");
        Visit(accepted.unwrap().0)
    }
}

impl Visit {
    pub(crate) fn of(socket: TcpStream) -> Self {
        Self(socket)
    }

    /// All that has come up to these bytes, which it ends with.
    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        let mut come = Vec::new();
        while !come.ends_with(end.as_bytes()) {
            let byte = tokio::time::timeout(PATIENCE, self.0.read_u8()).await;
            match byte {
                Ok(Ok(byte)) => come.push(byte),
                other => panic!("no {end:?}, {other:?}: {}", String::from_utf8_lossy(&come)),
            }
        }
        String::from_utf8(come).unwrap()
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        tokio::time::timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await.expect("nobody reads").unwrap();
    }

    /// Writes until nobody takes more for a while; how much that was, at most `most`.
    pub(crate) async fn fill(&mut self, chunk: &[u8], most: usize) -> usize {
        let mut written = 0;
        while written < most {
            match tokio::time::timeout(Duration::from_secs(1), self.0.write(chunk)).await {
                Ok(Ok(some)) => written += some,
                Ok(Err(error)) => panic!("{error}"),
                Err(_) => break,
            }
        }
        written
    }

    /// Whether the other side has closed, or does so soon.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = [0; 1024];
        let end = async { while self.0.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
        tokio::time::timeout(PATIENCE, end).await.is_ok()
    }
}

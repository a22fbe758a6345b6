use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, ReadBuf};

use super::{Tap, Wire};
use crate::postgres::wire::tests::{message, row};

/// Gives its chunks one a read, whatever room there is.
struct Chunks(std::collections::VecDeque<Vec<u8>>);

impl tokio::io::AsyncRead for Chunks {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if let Some(chunk) = this.0.front_mut() {
            let take = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..take]);
            chunk.drain(..take);
            if chunk.is_empty() {
                this.0.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn readers_of_any_size_get_every_byte() {
    let mut sent = message(b'D', &row(2, 0));
    sent.extend(message(b'D', &row(2, 500)));
    sent.extend(message(b'C', b"SELECT 2\0"));
    sent.extend(message(b'Z', b"I"));
    let mut expected = message(b'D', &row(2, 0));
    expected.extend(message(b'D', &row(2, 0)));
    expected.extend(message(b'C', b"SELECT 2\0"));
    expected.extend(message(b'Z', b"I"));
    for chunk in 1..30 {
        for room in 1..30 {
            let wire = Wire::default();
            wire.limit_rows(10);
            let chunks = Chunks(sent.chunks(chunk).map(<[u8]>::to_vec).collect());
            let mut tap = Tap::new(tokio::io::join(chunks, tokio::io::sink()), wire);
            let (mut out, mut buf) = (Vec::new(), vec![0; room]);
            loop {
                let read = tap.read(&mut buf).await.unwrap();
                if read == 0 {
                    break;
                }
                out.extend_from_slice(&buf[..read]);
            }
            assert_eq!(out, expected, "chunks of {chunk}, room for {room}");
        }
    }
}

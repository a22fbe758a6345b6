use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::{READ, Tap};
use crate::postgres::wire::Taken;
use crate::postgres::wire::tests::{executing, message, result, row};

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
async fn readers_of_any_size_get_every_byte_but_the_rows() {
    let (short, long) = (row(2, 0), row(2, 500));
    let (sent, handed_on) = result(&[&short, &long, &short]);
    let (large, notice) = (row(1, 2 * READ), message(b'N', &vec![b'n'; 2 * READ]));
    let more = [notice, result(&[&large]).0].concat();
    for chunk in 1..30 {
        for room in 1..30 {
            let wire = executing(2);
            // Those of the second are tokio-postgres's.
            let reader = wire.read_rows(0, true);
            let sent = [&*sent, &more].concat();
            let chunks = Chunks(sent.chunks(chunk * chunk * chunk).map(<[u8]>::to_vec).collect());
            let mut tap = Tap::new(tokio::io::join(chunks, tokio::io::sink()), wire);
            let (mut out, mut buf) = (Vec::new(), vec![0; room * room]);
            loop {
                let read = tap.read(&mut buf).await.unwrap();
                if read == 0 {
                    break;
                }
                out.extend_from_slice(&buf[..read]);
            }
            assert!(out == [&*handed_on, &more].concat(), "chunks of {chunk}³, room for {room}²");
            let mut rows = Vec::new();
            assert_eq!(reader.take(&mut rows, &Context::from_waker(Waker::noop())), Taken::Rows);
            assert_eq!(rows, [&*short, &long, &short].map(|row| message(b'D', row)).concat());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_rows_wait_that_nobody_has_taken() {
    let large = row(1, 100 << 10);
    let (sent, handed_on) = result(&[&*large; 10]);
    let wire = executing(1);
    let reader = wire.read_rows(0, true);
    let (mut server, client) = tokio::io::duplex(16 << 10);
    let mut tap = Tap::new(client, wire);
    let sending = tokio::spawn(async move {
        server.write_all(&sent).await.unwrap();
        server
    });
    let (mut out, mut buf) = (Vec::new(), [0; 1024]);
    let (mut rows, mut taken) = (Vec::new(), 0);
    let mut stalls = 0;
    while !out.ends_with(&message(b'Z', b"I")) {
        let read = pin!(tap.read(&mut buf));
        // As long as there is room it goes on; then it waits for the reader, which wakes it.
        if let Ok(read) = timeout(Duration::from_secs(1), read).await {
            out.extend_from_slice(&buf[..read.unwrap()]);
        } else {
            stalls += 1;
            assert_eq!(reader.take(&mut rows, &Context::from_waker(Waker::noop())), Taken::Rows);
            assert!(rows == message(b'D', &large).repeat(3), "so many are over the most that wait");
            taken += 3;
        }
    }
    assert!(!sending.is_finished() || sending.await.is_ok());
    assert_eq!(reader.take(&mut rows, &Context::from_waker(Waker::noop())), Taken::Rows);
    assert_eq!((out, stalls, taken, rows), (handed_on, 3, 9, message(b'D', &large)));
}

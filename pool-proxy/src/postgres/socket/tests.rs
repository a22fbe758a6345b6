use std::io::Write;
use std::os::unix::net::UnixStream as Peer;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::{Socket, Wire};
use crate::postgres::wire::tests::message;

/// A socket of an idle session that waits for something to read, and the server's end of it.
fn idle_session() -> (Socket, Wire, Peer) {
    let (ours, theirs) = Peer::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let wire = Wire::default();
    let mut out = BytesMut::new();
    wire.state().send(b"startup", &mut out).unwrap();
    wire.state().receive(&mut message(b'Z', b"I")).unwrap();
    let mut socket = Socket::from(tokio::net::UnixStream::from_std(ours).unwrap()).looking(wire.clone());
    assert!(poll_read(&mut socket).is_pending());
    wire.state().send(&message(b'Q', b"SELECT 1\0"), &mut out).unwrap();
    (socket, wire, theirs)
}

fn poll_read(socket: &mut Socket) -> Poll<()> {
    let mut space = [0; 64];
    let mut buf = ReadBuf::new(&mut space);
    Pin::new(socket).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf).map(|read| read.unwrap())
}

fn poll_write(socket: &mut Socket) -> Poll<usize> {
    Pin::new(socket).poll_write(&mut Context::from_waker(Waker::noop()), b"ask").map(|written| written.unwrap())
}

/// Nothing here lets the runtime look at the sockets, as if it had no time to.
#[tokio::test]
async fn a_request_does_not_leave_for_a_server_that_has_spoken_or_gone() {
    for last_word in [&b"terminating connection"[..], b""] {
        let (mut socket, wire, mut server) = idle_session();
        server.write_all(last_word).unwrap();
        drop(server);
        for _ in 0..3 {
            assert!(poll_write(&mut socket).is_pending());
        }
        assert_eq!(wire.departures(), 0);
    }
}

#[tokio::test]
async fn a_request_leaves_once_what_came_was_read() {
    let (mut socket, wire, mut server) = idle_session();
    server.write_all(b"notice").unwrap();
    assert!(poll_write(&mut socket).is_pending());
    let mut notice = [0; 6];
    socket.read_exact(&mut notice).await.unwrap();
    assert_eq!((poll_write(&mut socket), wire.departures()), (Poll::Ready(3), 1));
    // From now on the server may speak at any time.
    server.write_all(b"answer").unwrap();
    assert_eq!((poll_write(&mut socket), wire.departures()), (Poll::Ready(3), 2));
}

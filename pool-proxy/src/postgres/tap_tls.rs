//! TLS under a tap: what tokio-postgres speaks through where a connection is encrypted.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::socket::Socket;
use super::tap::Tap;
use super::tls::Tls;
use super::wire::Wire;

/// TLS with a tap on top of it, under tokio-postgres.
pub(super) struct TapTls {
    pub(super) connect: RustlsConnect,
    pub(super) wire: Option<Wire>,
    /// Set when the handshake is done.
    pub(super) done: Arc<AtomicBool>,
}

impl TapTls {
    pub(super) fn passive(connect: RustlsConnect) -> Self {
        Self { connect, wire: None, done: Arc::default() }
    }
}

impl TlsConnect<Socket> for TapTls {
    type Stream = Tap<<RustlsConnect as TlsConnect<Socket>>::Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        let connecting = self.connect.connect(stream);
        Box::pin(async move {
            let stream = connecting.await?;
            self.done.store(true, Ordering::Relaxed);
            Ok(match self.wire {
                Some(wire) => Tap::new(stream, wire),
                None => Tap::passive(stream),
            })
        })
    }
}

/// The type is the library's own secret; this is its public name.
pub(super) type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

pub(super) fn tls_connect(tls: &Tls, name: &str) -> Option<RustlsConnect> {
    // The library's own call never fails: a name that is none fails the handshake.
    tls.connector().and_then(|mut make| MakeTlsConnect::<Socket>::make_tls_connect(&mut make, name).ok())
}

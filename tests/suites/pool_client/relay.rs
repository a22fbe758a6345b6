//! A way to the proxy that counts its connections and can go dead, as a cable does that is pulled: nobody is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(super) struct Relay {
    /// As the address to connect to, such as `127.0.0.1:4321`.
    pub(super) address: String,
    opened: Arc<AtomicUsize>,
    /// Connections up to this one carry nothing any more.
    dead: watch::Sender<usize>,
}

impl Relay {
    /// In front of what listens at `target`.
    pub(super) async fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let opened = Arc::new(AtomicUsize::new(0));
        let (dead, _) = watch::channel(0);
        let (target, count, dying) = (target.to_owned(), Arc::clone(&opened), dead.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(carry(near, target.clone(), number, dying.subscribe()));
            }
        });
        Self { address, opened, dead }
    }

    /// How many connections there have been.
    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// From now on the connections there are carry nothing, and stay open all the same. New ones are not concerned.
    pub(super) fn go_dead(&self) {
        self.dead.send_replace(self.opened());
    }
}

async fn carry(mut near: TcpStream, target: String, number: usize, mut dead: watch::Receiver<usize>) {
    let mut far = TcpStream::connect(target).await.unwrap();
    let died = tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => false,
        died = dead.wait_for(|last| number <= *last) => died.is_ok(),
    };
    if died {
        // Both sockets are held, so that neither side hears of an end.
        std::future::pending::<()>().await;
    }
}

//! Too many clients, and clients that are too slow.

use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Proxy, eventually_within, fresh_database};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::scene::Scene;
use super::tally::TABLES;
use super::{CAP, builder, proxy};

/// How many slow clients there are at a time.
const SLOW: usize = 5000;

/// The most memory that they may make the proxy hold, in bytes: the 256 MiB that all clients together may, and what the
/// process takes besides.
const MEMORY: u64 = 768 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_file_descriptor_is_left() {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let proxy = proxy(&database.url()).await;
    let fault = "file descriptors exhausted";
    let mut scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    let open = || std::fs::read_dir(format!("/proc/{}/fd", proxy.pid())).unwrap().count();
    let limit = |limit: usize| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &proxy.pid().to_string(), &format!("--nofile={limit}:")]);
        assert!(command.status().is_ok_and(|status| status.success()), "prlimit of util-linux is needed");
    };
    // Those that are open stay; one more can just be opened, or none. How many there are goes up and down, so it is as many as there
    // were at least.
    let mut least = usize::MAX;
    {
        let mut suffers = pin!(scene.suffers());
        while tokio::time::timeout(Duration::from_millis(100), suffers.as_mut()).await.is_err() {
            least = least.min(open());
            limit(least.saturating_sub(3));
        }
    }
    limit(1024);
    scene.heals().await;
    scene.end(&["connection ended", "503", "P"], &["no answer"]).await;
}

/// A connection whose buffer takes little.
async fn connection(address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(address.parse().map_err(std::io::Error::other)?).await
}

/// Clients that each send a head, and then go on as `slowly` says.
struct Crowd {
    clients: JoinSet<()>,
    begun: Arc<AtomicUsize>,
}

impl Crowd {
    fn gather<F>(proxy: &Proxy, head: &str, slowly: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        // Each takes a file here, too.
        let limit = rlimit::increase_nofile_limit(2 * SLOW as u64).unwrap();
        assert!(limit > SLOW as u64 + 500, "the limit of open files is {limit}");
        let address = proxy.url().trim_start_matches("http://").to_owned();
        let begun = Arc::<AtomicUsize>::default();
        let mut clients = JoinSet::new();
        for _ in 0..SLOW {
            let (address, head, slowly) = (address.clone(), head.to_owned(), slowly.clone());
            let begun = Arc::clone(&begun);
            clients.spawn(async move {
                let mut stream = connection(&address).await.unwrap();
                if stream.write_all(head.as_bytes()).await.is_ok() {
                    begun.fetch_add(1, Ordering::Relaxed);
                    let _ = slowly(stream).await;
                }
            });
        }
        Self { clients, begun }
    }

    /// Returns once all have begun.
    async fn is_there(&mut self) {
        eventually_within(Duration::from_mins(1), || async { self.begun.load(Ordering::Relaxed) == SLOW }).await;
        while let Some(ended) = self.clients.try_join_next() {
            ended.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers() {
    const LONG: usize = 300_000;
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let proxy = proxy(&database.url()).await;
    let fault = "5,000 clients that read 300 KB slowly";
    let scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    let body = json!({ "query": format!("SELECT repeat('x', {LONG})") }).to_string();
    let head = format!(
        "POST /sql HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer {}\r\ncache-control: max-age=3600\r\n\
         content-length: {}\r\n\r\n{body}",
        proxy.key(),
        body.len()
    );
    let served = Arc::<AtomicUsize>::default();
    let answered = Arc::clone(&served);
    let mut crowd = Crowd::gather(&proxy, &head, move |mut stream| {
        let answered = Arc::clone(&answered);
        async move {
            let mut status = [0; 12];
            stream.read_exact(&mut status).await?;
            if &status == b"HTTP/1.1 200" {
                answered.fetch_add(1, Ordering::Relaxed);
            }
            let mut buffer = [0; 16];
            while stream.read(&mut buffer).await? > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
    });
    crowd.is_there().await;
    eventually_within(Duration::from_mins(1), || async { served.load(Ordering::Relaxed) == SLOW }).await;
    for _ in 0..5 {
        scene.goes_on().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let most = proxy.peak_memory();
    assert!(most < MEMORY, "{} MiB", most >> 20);
    drop(crowd);
    // A machine that is too small for them has turns come slowly, which is told.
    scene.end(&["503", "P2024", "P2028"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_writers() {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let proxy = builder(&database.url()).config("[clients]\nbody_timeout = \"5s\"").start().await;
    let fault = "5,000 clients that write a byte a second";
    let scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    let head = format!(
        "POST /sql HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer {}\r\ncontent-length: 10000\r\n\r\n",
        proxy.key()
    );
    let told = Arc::<AtomicUsize>::default();
    let late = Arc::clone(&told);
    let mut crowd = Crowd::gather(&proxy, &head, move |mut stream| {
        let late = Arc::clone(&late);
        async move {
            let mut answer = [0; 12];
            loop {
                // What was answered may still be read when nothing is taken any more.
                let _ = stream.write_all(b" ").await;
                let read = tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut answer)).await;
                if let Ok(read) = read {
                    read?;
                    break;
                }
            }
            if &answer == b"HTTP/1.1 408" {
                late.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }
    });
    crowd.is_there().await;
    scene.goes_on().await;
    // All are told that they are late.
    eventually_within(Duration::from_mins(1), || async { told.load(Ordering::Relaxed) == SLOW }).await;
    let most = proxy.peak_memory();
    assert!(most < MEMORY, "{} MiB", most >> 20);
    drop(crowd);
    // A machine that is too small for them has turns come slowly, which is told.
    scene.end(&["503", "P2024", "P2028"], &[]).await;
}

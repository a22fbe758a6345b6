//! One address before several proxies, as a load balancer has it: connections go to those that say that they are ready.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Proxy, Request};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How often readiness is asked for.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Backend {
    address: String,
    readiness: String,
    is_ready: bool,
}

/// A balancer at work, until dropped.
pub(super) struct Balancer {
    url: String,
    backends: Arc<Mutex<Vec<Backend>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Balancer {
    /// Before these.
    pub(super) async fn before(proxies: &[Proxy]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let backends = Arc::new(Mutex::new(proxies.iter().map(backend).collect::<Vec<_>>()));
        let tasks = [tokio::spawn(look(Arc::clone(&backends))), tokio::spawn(carry(listener, Arc::clone(&backends)))];
        Self { url, backends, tasks }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Another proxy stands in the place of one.
    pub(super) fn replace(&self, place: usize, proxy: &Proxy) {
        self.backends.lock().unwrap()[place] = backend(proxy);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn backend(proxy: &Proxy) -> Backend {
    let address = proxy.url().trim_start_matches("http://").to_owned();
    Backend { address, readiness: format!("{}/ready", proxy.ops_url()), is_ready: true }
}

async fn look(backends: Arc<Mutex<Vec<Backend>>>) {
    loop {
        let asked = backends.lock().unwrap().clone();
        for backend in asked {
            let answer = tokio::time::timeout(INTERVAL * 5, Request::to("GET", &backend.readiness).try_send()).await;
            let is_ready = matches!(answer, Ok(Ok(answer)) if answer.status == 200);
            let mut known = backends.lock().unwrap();
            known.iter_mut().filter(|it| it.address == backend.address).for_each(|it| it.is_ready = is_ready);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn carry(listener: TcpListener, backends: Arc<Mutex<Vec<Backend>>>) {
    let mut turn = 0;
    while let Ok((mut near, _)) = listener.accept().await {
        turn += 1;
        let mut ready = backends.lock().unwrap().clone();
        // Where none is, one that is slow to say so is better than none.
        if ready.iter().any(|backend| backend.is_ready) {
            ready.retain(|backend| backend.is_ready);
        }
        let length = ready.len();
        ready.rotate_left(turn % length);
        tokio::spawn(async move {
            for backend in ready {
                if let Ok(mut far) = TcpStream::connect(&backend.address).await {
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                    return;
                }
            }
        });
    }
}

//! What a network does to connections: of clients to the proxy, of a relay to its proxy, of the proxy to Postgres.

use std::time::{Duration, Instant};

use harness::{Proxy, Relay, Way, fresh_database};

use super::scene::Scene;
use super::tally::TABLES;
use super::{CAP, builder, proxy};

/// How long an accident lasts that does not end by itself.
const LASTS: Duration = Duration::from_secs(8);

/// How long Postgres keeps a session whose client is out of reach: the proxy tells it so.
const KEEPALIVES: Duration = Duration::from_secs(14);

/// Whose connections are concerned.
#[derive(Clone, Copy)]
enum Whose {
    Clients,
    Relays,
    Proxys,
}

/// What becomes of them.
#[derive(Clone, Copy)]
enum Accident {
    /// All are reset, ten times a second for three seconds.
    Reset,
    /// Nothing gets through.
    Stall,
    /// Those that are open carry nothing any more, and nobody is told.
    HalfOpen,
    /// Each carries a byte a second each way.
    Trickle,
}

impl Accident {
    /// Returns when it is over, with the moment since which all could be well.
    async fn happen(self, relay: &Relay) -> Instant {
        match self {
            Self::Reset => {
                for _ in 0..30 {
                    relay.reset().await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Self::Stall => {
                relay.stall(Way::Out);
                relay.stall(Way::Back);
                tokio::time::sleep(LASTS).await;
                relay.forward();
            }
            Self::Trickle => {
                relay.trickle();
                tokio::time::sleep(LASTS).await;
                relay.forward();
            }
            Self::HalfOpen => {
                let lost = Instant::now();
                relay.lose();
                // As its keepalives would tell each side, if they did not come from this machine.
                tokio::time::sleep(KEEPALIVES).await;
                relay.end_lost().await;
                return lost;
            }
        }
        Instant::now()
    }
}

async fn network(fault: &'static str, whose: Whose, accident: Accident, allowed: &[&str]) {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    // The last is the one that clients ask, unless they ask through the relay.
    let (relay, proxies) = match whose {
        Whose::Proxys => {
            let relay = Relay::to(&database.url()).await;
            let proxy = builder("").through(&relay, &database).start().await;
            (relay, vec![proxy])
        }
        Whose::Clients => {
            let proxy = proxy(&database.url()).await;
            (Relay::to(proxy.url()).await, vec![proxy])
        }
        Whose::Relays => {
            let proxy = proxy(&database.url()).await;
            let relay = Relay::to(proxy.url()).await;
            let sidecar = Proxy::builder().relay(&relay.url(proxy.url()), proxy.key()).start().await;
            (relay, vec![proxy, sidecar])
        }
    };
    let asked = proxies.last().unwrap();
    let url = match whose {
        Whose::Clients => relay.url(asked.url()),
        Whose::Relays | Whose::Proxys => asked.url().to_owned(),
    };
    let mut scene = Scene::begin(fault, &database.url(), (&url, asked.key()), CAP).await;
    let over = accident.happen(&relay).await;
    scene.heals_since(over).await;
    scene.end(allowed, &[]).await;
}

/// What clients see of their own connections.
const THEIR_OWN: &[&str] = &["connection ended", "no answer", "P", "408", "504"];

/// What they are told of others'.
const TOLD: &[&str] = &["502", "503", "504", "409", "no answer", "P"];

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_reset() {
    network("clients' connections reset for 3 s", Whose::Clients, Accident::Reset, THEIR_OWN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_stall() {
    network("clients' connections stalled for 8 s", Whose::Clients, Accident::Stall, THEIR_OWN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_half_open() {
    network("clients' connections lost (half-open)", Whose::Clients, Accident::HalfOpen, THEIR_OWN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_trickle() {
    network("clients' connections at 1 byte/s for 8 s", Whose::Clients, Accident::Trickle, THEIR_OWN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_reset() {
    network("a relay's connections reset for 3 s", Whose::Relays, Accident::Reset, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_stall() {
    network("a relay's connections stalled for 8 s", Whose::Relays, Accident::Stall, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_half_open() {
    network("a relay's connections lost (half-open)", Whose::Relays, Accident::HalfOpen, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_trickle() {
    network("a relay's connections at 1 byte/s for 8 s", Whose::Relays, Accident::Trickle, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxys_are_reset() {
    network("connections to Postgres reset for 3 s", Whose::Proxys, Accident::Reset, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxys_stall() {
    network("connections to Postgres stalled for 8 s", Whose::Proxys, Accident::Stall, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxys_are_half_open() {
    network("connections to Postgres lost (half-open)", Whose::Proxys, Accident::HalfOpen, TOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxys_trickle() {
    network("connections to Postgres at 1 byte/s for 8 s", Whose::Proxys, Accident::Trickle, TOLD).await;
}

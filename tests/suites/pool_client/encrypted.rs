//! TLS to the proxy, with a certificate authority of our own.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use harness::{Database, Folder, Proxy, Relay, fresh_database};
use pool_client::Client;
use pool_client::native::HyperTransport;
use tokio::net::TcpListener;

/// Certificates of an authority, of a proxy on this host that it vouches for, and of a stranger.
fn certificates() -> Folder {
    let folder = Folder::new();
    folder.authority("authority");
    folder.certificate_by("proxy", "authority");
    folder.authority("stranger");
    folder
}

fn read(certificates: &Folder, name: &str) -> Vec<u8> {
    fs::read(certificates.path(name)).unwrap()
}

/// A proxy that speaks TLS alone.
async fn encrypted(database: &Database, certificates: &Folder) -> Proxy {
    let proxy = Proxy::builder().database(database);
    let proxy = proxy.env("POOL_PROXY_TLS_CERT", certificates.path("proxy.crt"));
    let proxy = proxy.env("POOL_PROXY_TLS_KEY", certificates.path("proxy.key")).start().await;
    assert!(proxy.url().starts_with("https://"), "{}", proxy.url());
    proxy
}

/// A client that trusts the authority.
fn trusting(certificates: &Folder, url: &str, key: &str) -> Client {
    let transport = HyperTransport::with_root(url, read(certificates, "authority.crt"));
    Client::new(transport.unwrap(), key)
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_given() {
    let (database, certificates) = (fresh_database().await, certificates());
    let proxy = encrypted(&database, &certificates).await;
    let client = trusting(&certificates, proxy.url(), proxy.key());
    assert_eq!(client.query_scalar::<i32>("SELECT 7").one().await.unwrap(), 7);
    let stranger = read(&certificates, "stranger.crt");
    for transport in [HyperTransport::with_root(proxy.url(), stranger), HyperTransport::new(proxy.url())] {
        // A machine without any roots has nothing to check by.
        let Ok(transport) = transport else { continue };
        let client = Client::new(transport, proxy.key()).with_retries(0);
        let error = client.query("SELECT 1").execute().await.unwrap_err();
        assert!(error.is_unavailable() && !error.outcome_unknown(), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn calls_share_one_connection_which_is_given_up_when_it_is_dead() {
    let (database, certificates) = (fresh_database().await, certificates());
    let proxy = encrypted(&database, &certificates).await;
    let relay = Relay::to(proxy.url()).await;
    let client = trusting(&certificates, &relay.url(proxy.url()), proxy.key()).with_deadline(Duration::from_mins(2));
    let ask = |n: i32| client.query_scalar::<i32>("SELECT $1::int").bind(n).read_only().one();
    assert_eq!(ask(0).await.unwrap(), 0);
    for (n, answer) in (0..).zip(join_all((0..20).map(ask)).await) {
        assert_eq!(answer.unwrap(), n);
    }
    assert_eq!(relay.opened(), 1);

    // What was sent over it is lost, long before its deadline; a read is sent again over a new one.
    relay.lose();
    let write = client.query("CREATE TABLE t ()").execute();
    let (write, read) = tokio::join!(write, ask(7));
    let lost = write.unwrap_err();
    assert!(lost.is_unavailable() && !lost.is_timeout() && lost.outcome_unknown(), "{lost}");
    assert_eq!(read.unwrap(), 7);
    assert_eq!(relay.opened(), 2);
}

/// The other side takes the connection and says nothing, as a machine does that is overloaded.
#[tokio::test]
async fn a_deadline_that_passes_in_the_handshake_leaves_nothing_unknown() {
    let certificates = certificates();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = trusting(&certificates, &format!("https://{}", silent.local_addr().unwrap()), "key");
    let error = client.query("DELETE FROM t").deadline(Duration::from_millis(300)).execute().await.unwrap_err();
    assert!(error.is_timeout() && error.is_unavailable() && error.is_retryable(), "{error}");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(error.status(), None);
}

//! TLS to the proxy, with a certificate authority of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use harness::{Database, Proxy, Relay, fresh_database, random_hex};
use pool_client::Client;
use pool_client::native::HyperTransport;
use tokio::net::TcpListener;

/// Certificates in a folder of their own, which goes with this value.
struct Certificates(PathBuf);

impl Certificates {
    /// Of an authority, of a proxy on this host that it vouches for, and of a stranger.
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("pool-client-certificates-{}", random_hex(8)));
        fs::create_dir(&folder).unwrap();
        certificate(&folder, "authority", None);
        certificate(&folder, "proxy", Some("authority"));
        certificate(&folder, "stranger", None);
        Self(folder)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes `<name>.crt` and `<name>.key`, for this host, signed by the authority `by` or else by itself.
fn certificate(folder: &Path, name: &str, by: Option<&str>) {
    let file = |name: &str, kind: &str| folder.join(format!("{name}.{kind}"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.arg("-keyout").arg(file(name, "key")).arg("-out").arg(file(name, "crt"));
    command.args(["-subj", &format!("/CN={name}")]);
    if let Some(by) = by {
        command.arg("-CA").arg(file(by, "crt")).arg("-CAkey").arg(file(by, "key"));
        command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    }
    let output = command.output().unwrap_or_else(|error| panic!("openssl is needed for this test: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A proxy that speaks TLS alone.
async fn encrypted(database: &Database, certificates: &Certificates) -> Proxy {
    let proxy = Proxy::builder().database(database);
    let proxy = proxy.env("POOL_PROXY_TLS_CERT", certificates.0.join("proxy.crt"));
    let proxy = proxy.env("POOL_PROXY_TLS_KEY", certificates.0.join("proxy.key")).start().await;
    assert!(proxy.url().starts_with("https://"), "{}", proxy.url());
    proxy
}

/// A client that trusts the authority.
fn trusting(certificates: &Certificates, url: &str, key: &str) -> Client {
    let transport = HyperTransport::with_root(url, certificates.read("authority.crt"));
    Client::new(transport.unwrap(), key)
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_given() {
    let (database, certificates) = (fresh_database().await, Certificates::make());
    let proxy = encrypted(&database, &certificates).await;
    let client = trusting(&certificates, proxy.url(), proxy.key());
    assert_eq!(client.query_scalar::<i32>("SELECT 7").one().await.unwrap(), 7);
    let stranger = certificates.read("stranger.crt");
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
    let (database, certificates) = (fresh_database().await, Certificates::make());
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
    let certificates = Certificates::make();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = trusting(&certificates, &format!("https://{}", silent.local_addr().unwrap()), "key");
    let error = client.query("DELETE FROM t").deadline(Duration::from_millis(300)).execute().await.unwrap_err();
    assert!(error.is_timeout() && error.is_unavailable() && error.is_retryable(), "{error}");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(error.status(), None);
}

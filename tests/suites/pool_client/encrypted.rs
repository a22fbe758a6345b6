//! TLS to the proxy, with a certificate authority of our own.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Proxy, fresh_database, random_hex};
use pool_client::Client;
use pool_client::native::HyperTransport;

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

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_given() {
    let database = fresh_database().await;
    let folder = std::env::temp_dir().join(format!("pool-client-certificates-{}", random_hex(8)));
    fs::create_dir(&folder).unwrap();
    certificate(&folder, "authority", None);
    certificate(&folder, "proxy", Some("authority"));
    certificate(&folder, "stranger", None);
    let proxy = Proxy::builder().database(&database);
    let proxy = proxy.env("POOL_PROXY_TLS_CERT", folder.join("proxy.crt"));
    let proxy = proxy.env("POOL_PROXY_TLS_KEY", folder.join("proxy.key")).start().await;
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let (authority, stranger) = (read("authority.crt"), read("stranger.crt"));
    fs::remove_dir_all(&folder).unwrap();

    assert!(proxy.url().starts_with("https://"), "{}", proxy.url());
    let trusting = Client::new(HyperTransport::with_root(proxy.url(), authority).unwrap(), proxy.key());
    // Several at once share one connection.
    let calls = (0..20).map(|n| trusting.query_scalar::<i32>("SELECT $1::int").bind(n).one());
    for (n, answer) in (0..).zip(futures_util::future::join_all(calls).await) {
        assert_eq!(answer.unwrap(), n);
    }
    for transport in [HyperTransport::with_root(proxy.url(), stranger), HyperTransport::new(proxy.url())] {
        // A machine without any roots has nothing to check by.
        let Ok(transport) = transport else { continue };
        let client = Client::new(transport, proxy.key()).with_retries(0);
        let error = client.query("SELECT 1").execute().await.unwrap_err();
        assert!(error.is_unavailable() && !error.outcome_unknown(), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

//! TLS on the public listener, with curl as the client: a certificate authority of our own, HTTP/1.1 and HTTP/2,
//! certificates that change while the proxy serves.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Database, Folder, Proxy, eventually, fresh_database};

/// Puts a certificate where the proxy looks.
fn install(folder: &Folder, name: &str) {
    for kind in ["key", "crt"] {
        let part = folder.path(&format!("part.{kind}"));
        fs::copy(folder.path(&format!("{name}.{kind}")), &part).unwrap();
        fs::rename(part, folder.path(&format!("in-force.{kind}"))).unwrap();
    }
}

/// What a command prints; a missing program is named.
fn run(command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

async fn started(database: &Database, folder: &Folder) -> Proxy {
    install(folder, "one");
    Proxy::builder()
        .database(database)
        .env("POOL_PROXY_TLS_CERT", folder.path("in-force.crt"))
        .env("POOL_PROXY_TLS_KEY", folder.path("in-force.key"))
        .start()
        .await
}

/// Asks over the address, trusting `root` alone; the answer, then status and HTTP version.
fn curl(proxy: &Proxy, root: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert"])
        .arg(root)
        .args(["--write-out", " %{http_code} %{http_version}"])
        .args(["--header", &format!("Authorization: Bearer {}", proxy.key())])
        .args(["--data", r#"{"query":"SELECT 'over TLS' AS t","arrayMode":true}"#])
        .args(options)
        .arg(format!("{}/sql", proxy.url()));
    command
}

#[tokio::test]
async fn clients_are_served_over_tls_with_either_http() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    let proxy = started(&database, &folder).await;
    assert!(proxy.url().starts_with("https://"), "{}", proxy.url());
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2"), ("--tlsv1.3", "2"), ("--tls-max=1.2", "2")] {
        let options = option.split('=').collect::<Vec<_>>();
        let said = run(&mut curl(&proxy, &folder.path("one.crt"), &options));
        assert!(said.contains("over TLS") && said.ends_with(&format!(" 200 {version}")), "{option}: {said}");
    }
    proxy.ops_request("GET", "/ready").send().await.expect(200);
}

#[tokio::test]
async fn without_tls_either_http_is_spoken_too() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let none = Path::new("/dev/null");
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let said = run(&mut curl(&proxy, none, &[option]));
        assert!(said.ends_with(&format!(" 200 {version}")), "{option}: {said}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_does_not_connect() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    folder.certificate("two");
    let proxy = started(&database, &folder).await;
    let output = curl(&proxy, &folder.path("two.crt"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(60), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn plain_http_on_the_tls_listener_hurts_nobody() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    let proxy = started(&database, &folder).await;
    let plain = proxy.url().replace("https", "http");
    let output = Command::new("curl").args(["--silent", "--max-time", "10", &plain]).output().unwrap();
    assert!(!output.status.success());
    run(&mut curl(&proxy, &folder.path("one.crt"), &[]));
}

#[tokio::test]
async fn a_changed_certificate_is_taken_up() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    folder.certificate("two");
    let proxy = started(&database, &folder).await;
    install(&folder, "two");
    eventually(|| async {
        let output = curl(&proxy, &folder.path("two.crt"), &[]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(" 200 ")
    })
    .await;
}

#[tokio::test]
async fn a_broken_certificate_keeps_the_old_one_and_is_logged() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    folder.certificate("two");
    let mut proxy = started(&database, &folder).await;
    // The key of another certificate.
    fs::copy(folder.path("two.key"), folder.path("in-force.key")).unwrap();
    proxy.signal(harness::Signal::Hangup);
    eventually(|| async { proxy.stderr().contains("certificate") && proxy.stderr().contains("not taken up") }).await;
    run(&mut curl(&proxy, &folder.path("one.crt"), &[]));
    install(&folder, "two");
    proxy.signal(harness::Signal::Hangup);
    eventually(|| async { curl(&proxy, &folder.path("two.crt"), &[]).output().unwrap().status.success() }).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let database = fresh_database().await;
    let folder = Folder::new();
    folder.certificate("one");
    folder.certificate("two");
    fs::write(folder.path("empty"), "").unwrap();
    for (certificate, key) in
        [("one.crt", "two.key"), ("one.crt", "one.crt"), ("empty", "one.key"), ("missing", "one.key")]
    {
        let refused = Proxy::builder()
            .database(&database)
            .env("POOL_PROXY_TLS_CERT", folder.path(certificate))
            .env("POOL_PROXY_TLS_KEY", folder.path(key))
            .try_start()
            .await;
        let said = refused.err().unwrap_or_else(|| panic!("{certificate} {key}")).to_string();
        assert!(said.contains("exit status: 2"), "{certificate} {key}: {said}");
    }
}

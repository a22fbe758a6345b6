//! The image's binary where there is nothing but what the image has.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::Duration;

use harness::{Folder, Guarded, Request, eventually};
use serde_json::json;

use crate::tls::Bench;

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Where DNS answers; the system's own is elsewhere.
const RESOLVER: &str = "127.0.0.77";

fn run(program: &str, arguments: &str) {
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Says that `by-dns.test` is this machine, and that there is nothing else (RFC 1035, 4.1).
fn answer_dns() {
    let socket = UdpSocket::bind((RESOLVER, 53)).expect("the port of DNS");
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let Some(end) = query[12..length].iter().position(|byte| *byte == 0).map(|end| 12 + end + 5) else {
                continue;
            };
            let (name, kind) = (&query[12..end - 4], query[end - 3]);
            let known = name.windows(6).any(|six| six == b"by-dns");
            let (code, answers) = (if known { 0x80 } else { 0x83 }, u8::from(known && kind == 1));
            let mut answer = [&query[..2], &[0x81, code, 0, 1, 0, answers, 0, 0, 0, 0], &query[12..end]].concat();
            if answers > 0 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
}

/// What distroless has, and what a container runtime adds: devices, names, and who answers DNS.
fn image(binary: &str, root_cert: &std::path::Path) -> Folder {
    let folder = Folder::new();
    let root = folder.root().display();
    for (path, text) in [
        ("etc/passwd", "nonroot:x:65532:65532::/:/sbin/nologin\n".to_owned()),
        ("etc/nsswitch.conf", "hosts: files dns\n".to_owned()),
        ("etc/hosts", "127.0.0.1 localhost by-hosts.test\n".to_owned()),
        ("etc/resolv.conf", format!("nameserver {RESOLVER}\n")),
        ("etc/root.crt", fs::read_to_string(root_cert).unwrap()),
    ] {
        fs::create_dir_all(folder.path(path).parent().unwrap()).unwrap();
        folder.write(path, text);
    }
    run("mkdir", &format!("{root}/dev {root}/tmp"));
    for (name, minor) in [("null", 3), ("random", 8), ("urandom", 9)] {
        run("mknod", &format!("-m 666 {root}/dev/{name} c 1 {minor}"));
    }
    run("cp", &format!("{binary} {root}/pool-proxy"));
    run("chmod", &format!("-R a+rX {root}"));
    folder
}

#[tokio::test]
#[ignore = "needs root and a binary built as in deploy/Dockerfile, named by POOL_PROXY_TEST_STATIC"]
async fn the_static_binary_serves_in_an_empty_root() {
    let binary = env::var("POOL_PROXY_TEST_STATIC").expect("POOL_PROXY_TEST_STATIC is the binary's path");
    let bench = Bench::start();
    bench.authority("root");
    bench.signed("root", "DNS:by-hosts.test,DNS:by-dns.test");
    bench.encrypt().await;
    answer_dns();
    let root = image(&binary, &bench.path("root.crt"));
    for (port, host, status) in
        [(58_471, "by-hosts.test", 200), (58_473, "by-dns.test", 200), (58_475, "nobody.test", 503)]
    {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg("--userspec=65532:65532").arg(root.root()).args(["/pool-proxy", "serve"]).env_clear();
        command
            .env("DATABASE_URL", bench.url(host, "sslmode=verify-full&connect_timeout=5"))
            .env("POOL_PROXY_KEY", KEY);
        command.env("POOL_PROXY_DB_ROOT_CERT", "/etc/root.crt").env("POOL_PROXY_LISTEN", format!("127.0.0.1:{port}"));
        command.env("POOL_PROXY_OPS_LISTEN", format!("127.0.0.1:{}", port + 1));
        let mut proxy = Guarded::spawn(&mut command, None).unwrap();
        let ask = || {
            let body = json!({ "query": "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()" });
            Request::to("POST", format!("http://127.0.0.1:{port}/sql")).bearer(KEY).json(&body).try_send()
        };
        eventually(|| async { ask().await.is_ok() }).await;
        let answer = ask().await.unwrap().expect(status);
        if status == 200 {
            assert_eq!(answer.body["rows"][0]["ssl"], true, "{host}: {}", answer.text);
        }
        proxy.terminate(Duration::from_secs(20));
    }
}

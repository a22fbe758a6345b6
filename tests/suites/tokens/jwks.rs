//! Keys that are fetched: at the start, when a token names one that is not known, and not more often than need be.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::{Folder, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::mint::{Mint, Office, now};

/// What an issuer answers.
#[derive(Clone)]
enum Says {
    Keys(Vec<Value>),
    Raw(String),
    Nothing,
}

/// An issuer's server.
struct Idp {
    url: String,
    says: Arc<Mutex<Says>>,
    fetched: Arc<AtomicUsize>,
}

impl Idp {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().unwrap());
        let (says, fetched) = (Arc::new(Mutex::new(says)), Arc::new(AtomicUsize::new(0)));
        let (saying, counted) = (Arc::clone(&says), Arc::clone(&fetched));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let length = socket.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                assert!(head.starts_with("GET /.well-known/jwks.json HTTP/1.1\r\n"), "{head}");
                counted.fetch_add(1, Ordering::Relaxed);
                let says = saying.lock().unwrap().clone();
                let answer = match says {
                    Says::Keys(keys) => ok(&json!({ "keys": keys }).to_string()),
                    Says::Raw(answer) => answer,
                    Says::Nothing => continue,
                };
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, says, fetched }
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }

    async fn office(&self) -> Office {
        let url = &self.url;
        let issuer = format!("[[issuers]]\nname = \"idp\"\njwks_url = \"{url}\"\ndefault_role = \"ROLE_NAME\"\n");
        Office::with(&issuer, |proxy| proxy).await
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn token(mint: &Mint, id: &str) -> String {
    mint.token_with(&json!({ "alg": mint.algorithm(), "kid": id }), &json!({ "sub": "ada", "exp": now() + 600 }))
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (first, second) = (Mint::ec(), Mint::ed());
    let idp = Idp::start(Says::Keys(vec![first.jwk("first")])).await;
    let office = idp.office().await;
    join_all((0..20).map(|_| office.ask("x.y.z", "SELECT 1"))).await;
    eventually(|| async { office.ask(&token(&first, "first"), "SELECT 1").await.status == 200 }).await;
    assert_eq!(idp.fetched(), 1);
    // The issuer signs with another key from now on.
    idp.say(Says::Keys(vec![second.jwk("second")]));
    eventually(|| async { office.ask(&token(&second, "second"), "SELECT 1").await.status == 200 }).await;
    assert_eq!(idp.fetched(), 2);
    office.ask(&token(&second, "second"), "SELECT 1").await.expect(200);
    // The old one is no more, for tokens that were not seen before.
    office
        .ask(&first.token_with(&json!({ "alg": "ES256", "kid": "first" }), &json!({ "exp": now() + 9 })), "SELECT 1")
        .await
        .expect(401);
    office.end().await;
}

/// Nor does it help to leave before the answer.
#[tokio::test]
async fn unknown_keys_do_not_make_it_fetch_again_and_again() {
    let mint = Mint::ec();
    let idp = Idp::start(Says::Keys(vec![mint.jwk("known")])).await;
    let since = Instant::now();
    let office = idp.office().await;
    eventually(|| async { office.ask(&token(&mint, "known"), "SELECT 1").await.status == 200 }).await;
    for round in 0..40 {
        let asked = (0..5).map(|number| {
            let token = token(&mint, &format!("unknown {round} {number}"));
            let request = office.proxy.request("POST", "/sql").bearer(token).json(&json!({ "query": "SELECT 1" }));
            tokio::time::timeout(Duration::from_millis(50), request.send())
        });
        join_all(asked).await;
    }
    office.ask(&token(&mint, "another"), "SELECT 1").await.expect(401);
    // One at the start, one in five seconds at most.
    let most = 1 + usize::try_from(since.elapsed().as_secs() / 5).unwrap();
    assert!(idp.fetched() <= most, "{} of {most}", idp.fetched());
    office.end().await;
}

/// Keys that were withdrawn, all of them, are not taken for another day.
#[tokio::test]
async fn an_emptied_set_ends_its_keys() {
    let mint = Mint::ec();
    let idp = Idp::start(Says::Keys(vec![mint.jwk("known")])).await;
    let office = idp.office().await;
    eventually(|| async { office.ask(&token(&mint, "known"), "SELECT 1").await.status == 200 }).await;
    idp.say(Says::Keys(vec![]));
    office.ask(&token(&mint, "unknown"), "SELECT 1").await.expect(401);
    let other =
        mint.token_with(&json!({ "alg": "ES256", "kid": "known" }), &json!({ "sub": "bob", "exp": now() + 60 }));
    office.ask(&other, "SELECT 1").await.expect(401);
    office.end().await;
}

#[tokio::test]
async fn an_issuer_out_of_reach_is_503_until_it_is_back_and_then_nobody_notices() {
    let mint = Mint::rsa(2048);
    let too_large = format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(300 << 10));
    let broken = [
        Says::Nothing,
        Says::Raw("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Says::Raw("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Says::Raw(ok("<html>")),
        Says::Raw(ok(&too_large)),
    ];
    // Ended one by one: dropping a database waits for every session that is just being opened.
    for office in join_all(broken.map(|broken| back_from(broken, &mint))).await {
        office.end().await;
    }
}

async fn back_from(broken: Says, mint: &Mint) -> Office {
    let idp = Idp::start(broken).await;
    let office = idp.office().await;
    let ada = token(mint, "known");
    let refused = office.ask(&ada, "SELECT 1").await.expect(503);
    assert!(refused.headers.contains_key("retry-after"));
    // Keys of the file are not concerned.
    office.proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    idp.say(Says::Keys(vec![mint.jwk("known")]));
    eventually(|| async { office.ask(&ada, "SELECT 1").await.status == 200 }).await;
    // What was fetched is good for a while.
    idp.say(Says::Nothing);
    let header = json!({ "alg": "RS256", "kid": "known" });
    let other = mint.token_with(&header, &json!({ "sub": "bob", "exp": now() + 60 }));
    office.ask(&other, "SELECT 1").await.expect(200);
    office
}

/// Whoever could put other keys into the answer could sign for anybody: only a certificate that the machine trusts will do.
#[tokio::test]
async fn keys_come_over_tls_from_whom_the_machine_trusts() {
    let folder = Folder::new();
    folder.certificate("idp");
    folder.certificate("other");
    let mint = Mint::ec();
    let answer = ok(&json!({ "keys": [mint.jwk("a")] }).to_string());
    folder.write("jwks", answer);
    let mut server = Command::new("openssl");
    server.args(["s_server", "-accept", "0", "-HTTP", "-cert", "idp.crt", "-key", "idp.key"]);
    server.current_dir(folder.root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = server.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("openssl has ended");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.rsplit_once(':').unwrap().1.to_owned();
        }
    };
    let issuer = format!(
        "[[issuers]]\nname = \"idp\"\njwks_url = \"https://localhost:{port}/jwks\"\ndefault_role = \"ROLE_NAME\"\n"
    );
    for (trusted, status) in [("idp", 200), ("other", 503)] {
        let root = folder.path(&format!("{trusted}.crt"));
        let office = Office::with(&issuer, |proxy| proxy.env("SSL_CERT_FILE", root)).await;
        eventually(|| async { office.proxy.stderr().contains("fetched") }).await;
        office.ask(&token(&mint, "a"), "SELECT 1").await.expect(status);
        office.end().await;
    }
}

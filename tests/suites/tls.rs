//! TLS to Postgres, in the modes of libpq, against a cluster that speaks it. Whether a connection is encrypted is asked
//! of Postgres itself.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Answer, Folder, Postgres, Proxy, ProxyBuilder, eventually, fresh_database};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// A cluster, and a folder with certificates.
pub(crate) struct Bench {
    postgres: Postgres,
    folder: Folder,
}

impl Bench {
    pub(crate) fn start() -> Self {
        Self { postgres: Postgres::start(&mut |_| {}).unwrap(), folder: Folder::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split_whitespace()).current_dir(self.folder.root()).output();
        let output = output.unwrap_or_else(|error| panic!("openssl is needed for this test: {error}"));
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes `<name>.crt`, an authority of its own.
    pub(crate) fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ));
    }

    /// Makes `server.crt` for the alternative name `name`, signed by `authority`.
    pub(crate) fn signed(&self, authority: &str, name: &str) {
        fs::write(self.path("extensions"), format!("subjectAltName={name}\n")).unwrap();
        self.openssl("req -newkey rsa:2048 -nodes -subj /CN=unused -keyout server.key -out server.csr");
        self.openssl(&format!(
            "x509 -req -in server.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -days 2 \
             -extfile extensions -out server.crt"
        ));
    }

    /// Makes `server.crt` as the Postgres manual does first: self-signed, with a common name and nothing else.
    fn self_signed(&self, name: &str) {
        self.openssl(&format!("req -new -x509 -days 365 -nodes -out server.crt -keyout server.key -subj /CN={name}"));
    }

    async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Lets the cluster speak TLS with `server.crt`.
    pub(crate) async fn encrypt(&self) {
        let data = self.postgres.data_dir();
        let owner = fs::metadata(&data).unwrap();
        for name in ["server.crt", "server.key"] {
            fs::copy(self.path(name), data.join(name)).unwrap();
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            chown(data.join(name), Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        self.client().await.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
        self.reload("ssl", "on").await;
    }

    /// Puts a rule before all others of `pg_hba.conf`.
    async fn rule(&self, rule: &str) {
        let path = self.postgres.data_dir().join("pg_hba.conf");
        let rules = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{rule}\n{rules}")).unwrap();
        self.client().await.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        eventually(|| async { tokio_postgres::connect(&self.postgres.url(), NoTls).await.is_err() }).await;
    }

    async fn reload(&self, setting: &str, value: &str) {
        self.client().await.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let show = format!("SHOW {setting}");
        eventually(|| async { self.client().await.query_one(&show, &[]).await.unwrap().get::<_, String>(0) == value })
            .await;
    }

    /// The superuser's URL with another host, and options.
    pub(crate) fn url(&self, host: &str, options: &str) -> String {
        format!("{}?{options}", self.postgres.url().replace("127.0.0.1", host))
    }

    /// What a proxy with this URL answers to whether it is encrypted.
    async fn ask(&self, host: &str, options: &str) -> (Answer, Proxy) {
        ask(Proxy::builder().database_url(self.url(host, options))).await
    }

    async fn check(&self, host: &str, options: &str, encrypted: bool) {
        let (answer, proxy) = self.ask(host, options).await;
        let answered = (answer.status.as_u16(), &answer.body["rows"][0]["ssl"]);
        assert_eq!(answered, (200, &json!(encrypted)), "{host} {options}: {}\n{}", answer.text, proxy.stderr());
    }

    /// Connecting fails at this stage, and answer, readiness and log say so.
    async fn check_refused(&self, host: &str, options: &str, stage: &str) {
        let (answer, proxy) = self.ask(host, options).await;
        assert_eq!(answer.status.as_u16(), 503, "{host} {options}: {}", answer.text);
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.contains(stage), "{host} {options}: {message}");
        let ready = proxy.ops_request("GET", "/ready").send().await.expect(503);
        assert!(ready.text.contains(stage), "{host} {options}: {}", ready.text);
        eventually(|| async { proxy.stderr().contains(stage) }).await;
        assert!(!proxy.stderr().contains(self.postgres.password()), "{}", proxy.stderr());
    }

    fn root(&self, name: &str) -> String {
        format!("sslrootcert={}", self.path(name).display())
    }
}

async fn ask(builder: ProxyBuilder) -> (Answer, Proxy) {
    let proxy = builder.start().await;
    let answer = proxy.sql(json!({ "query": ENCRYPTED })).await;
    (answer, proxy)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn each_mode_does_what_libpq_does() {
    let bench = Bench::start();
    bench.authority("ours");
    bench.authority("theirs");
    bench.signed("ours", "DNS:localhost");
    bench.encrypt().await;
    let (ours, theirs) = (bench.root("ours.crt"), bench.root("theirs.crt"));
    for (host, options, encrypted) in [
        ("localhost", "sslmode=disable".to_owned(), false),
        ("localhost", "sslmode=allow".to_owned(), false),
        ("localhost", String::new(), true),
        ("localhost", "sslmode=prefer".to_owned(), true),
        ("localhost", "sslmode=require".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", format!("sslmode=require&{ours}"), true),
        ("localhost", format!("sslmode=verify-ca&{ours}"), true),
        ("127.0.0.1", format!("sslmode=verify-ca&{ours}"), true),
        ("localhost", format!("sslmode=verify-full&{ours}"), true),
        ("LOCALHOST", format!("sslmode=verify-full&{ours}"), true),
        ("localhost", "sslmode=require&channel_binding=require".to_owned(), true),
        ("localhost", format!("sslmode=verify-full&channel_binding=require&{ours}"), true),
        ("localhost", "sslmode=require&channel_binding=disable".to_owned(), true),
    ] {
        bench.check(host, &options, encrypted).await;
    }
    for (host, options, stage) in [
        // The system's authorities do not know ours.
        ("localhost", "sslmode=verify-ca".to_owned(), "TLS"),
        ("localhost", "sslmode=verify-full".to_owned(), "TLS"),
        ("localhost", format!("sslmode=verify-ca&{theirs}"), "TLS"),
        ("localhost", format!("sslmode=verify-full&{theirs}"), "TLS"),
        // As libpq: with a root, `require` verifies the chain.
        ("localhost", format!("sslmode=require&{theirs}"), "TLS"),
        ("127.0.0.1", format!("sslmode=verify-full&{ours}"), "TLS"),
        ("localhost", "sslmode=disable&channel_binding=require".to_owned(), "authentication"),
    ] {
        bench.check_refused(host, &options, stage).await;
    }
}

#[tokio::test]
async fn the_root_certificate_is_a_path_or_pem_text() {
    let bench = Bench::start();
    bench.authority("ours");
    bench.authority("theirs");
    bench.signed("ours", "IP:127.0.0.1");
    bench.encrypt().await;
    let url = bench.url("127.0.0.1", "sslmode=verify-full");
    let (ours, theirs) = (text(&bench.path("ours.crt")), text(&bench.path("theirs.crt")));
    let path = bench.path("ours.crt").display().to_string();
    for (name, root, status) in [
        ("a path", path.clone(), 200),
        ("text", ours.clone(), 200),
        ("text on one line", ours.replace('\n', "\\n"), 200),
        ("a bundle", format!("{theirs}{ours}"), 200),
        ("another", theirs.clone(), 503),
        ("none", String::new(), 503),
    ] {
        let (answer, _proxy) = ask(Proxy::builder().database_url(&url).env("POOL_PROXY_DB_ROOT_CERT", root)).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text);
    }
    let file = format!("[databases.default]\nurl = \"{url}\"\nroot_cert = \"{path}\"");
    ask(Proxy::builder().config(file)).await.0.expect(200);
    // What the URL says is nearer than the variable.
    let own = bench.url("127.0.0.1", &format!("sslmode=verify-full&{}", bench.root("ours.crt")));
    ask(Proxy::builder().database_url(own).env("POOL_PROXY_DB_ROOT_CERT", theirs)).await.0.expect(200);
    for broken in ["/no/such/file", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"] {
        let builder = Proxy::builder().database_url(&url).env("POOL_PROXY_DB_ROOT_CERT", broken);
        let error = builder.try_start().await.err().unwrap_or_else(|| panic!("{broken}")).to_string();
        assert!(error.contains("exit status: 2") && error.contains("root_cert"), "{error}");
    }
}

#[tokio::test]
async fn the_self_signed_certificate_of_the_postgres_manual_is_its_own_root() {
    let bench = Bench::start();
    bench.self_signed("localhost");
    bench.encrypt().await;
    let root = bench.root("server.crt");
    bench.check("localhost", &format!("sslmode=verify-full&{root}"), true).await;
    bench.check("localhost", &format!("sslmode=verify-ca&{root}"), true).await;
    bench.check("127.0.0.1", &format!("sslmode=verify-ca&{root}"), true).await;
    bench.check("localhost", &format!("sslmode=verify-full&channel_binding=require&{root}"), true).await;
    bench.check_refused("127.0.0.1", &format!("sslmode=verify-full&{root}"), "TLS").await;
    // Another certificate of the same name is not this one.
    fs::copy(bench.path("server.crt"), bench.path("first.crt")).unwrap();
    bench.self_signed("localhost");
    bench.check_refused("localhost", &format!("sslmode=verify-full&{}", bench.root("server.crt")), "TLS").await;
    bench.check("localhost", &format!("sslmode=verify-full&{}", bench.root("first.crt")), true).await;
}

#[tokio::test]
async fn a_rule_of_the_server_decides_between_the_choices_of_allow_and_prefer() {
    let bench = Bench::start();
    bench.self_signed("localhost");
    bench.encrypt().await;
    bench.rule("hostnossl all all all reject").await;
    bench.check("localhost", "sslmode=allow", true).await;
    bench.check("localhost", "sslmode=prefer", true).await;
    bench.check_refused("localhost", "sslmode=disable", "authentication").await;
}

#[tokio::test]
async fn a_server_without_tls_is_used_only_by_modes_that_do_not_insist() {
    let database = fresh_database().await;
    for (mode, status) in
        [("disable", 200), ("allow", 200), ("prefer", 200), ("require", 503), ("verify-ca", 503), ("verify-full", 503)]
    {
        let url = format!("{}?sslmode={mode}", database.url());
        let (answer, proxy) = ask(Proxy::builder().database_url(url)).await;
        assert_eq!(answer.status.as_u16(), status, "{mode}: {}\n{}", answer.text, proxy.stderr());
        if status == 200 {
            assert_eq!(answer.body["rows"][0]["ssl"], false, "{mode}");
        } else {
            assert!(answer.text.contains("TLS"), "{mode}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_cancel_goes_over_tls_too() {
    let bench = Bench::start();
    bench.self_signed("localhost");
    bench.encrypt().await;
    // Nothing but TLS is let in, so a cancel in the clear would not arrive.
    bench.rule("hostnossl all all all reject").await;
    let url = bench.url("localhost", &format!("sslmode=verify-full&{}", bench.root("server.crt")));
    let builder = Proxy::builder().database_url(url).config("[limits]\nquery = \"1s\"");
    let proxy = builder.env("POOL_PROXY_POOL_MAX", "1").start().await;
    let before = proxy.sql(json!({ "query": "SELECT pg_backend_pid() AS pid" })).await.expect(200);
    proxy.sql(json!({ "query": "SELECT pg_sleep(60)" })).await.expect(504);
    let after = proxy.sql(json!({ "query": "SELECT pg_backend_pid() AS pid" })).await.expect(200);
    assert_eq!(before.body["rows"], after.body["rows"], "the connection was lost");
}

#[tokio::test]
async fn both_ways_to_check_a_password() {
    let bench = Bench::start();
    let rules = bench.postgres.data_dir().join("pg_hba.conf");
    let others = text(&rules);
    fs::write(&rules, format!("host all by_md5 all md5\nhost all by_scram all scram-sha-256\n{others}")).unwrap();
    let client = bench.client().await;
    client
        .batch_execute(
            "SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'geheim';
             SET password_encryption = 'scram-sha-256'; CREATE ROLE by_scram LOGIN PASSWORD 'geheim'",
        )
        .await
        .unwrap();
    let hashes = client.query_one(
        "SELECT string_agg(left(rolpassword, 3), ' ' ORDER BY rolname) FROM pg_authid WHERE rolname LIKE 'by%'",
        &[],
    );
    assert_eq!(hashes.await.unwrap().get::<_, String>(0), "md5 SCR");
    bench.reload("password_encryption", "scram-sha-256").await;
    let (_, address) = bench.postgres.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for role in ["by_md5", "by_scram"] {
        let (answer, _) = ask(Proxy::builder().database_url(format!("postgres://{role}:geheim@{address}"))).await;
        answer.expect(200);
        let (answer, proxy) = ask(Proxy::builder().database_url(format!("postgres://{role}:falsch@{address}"))).await;
        assert!(answer.expect(503).text.contains("authentication"), "{role}");
        assert!(!proxy.stderr().contains("falsch"));
    }
}

//! `pool-proxy check` against a real Postgres: it passes what works and names what would not.

use std::fmt::Write;

use harness::{Database, fresh_database, key_entry, random_hex};
use serde_json::{Value, json};

use crate::config::{File, printed, run};

const KEY: (&str, &str) = ("POOL_PROXY_KEY", "a key of the tests");

/// What was found, and the exit code.
struct Report {
    checks: Vec<Value>,
    code: Option<i32>,
}

impl Report {
    fn new(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let answer = run(&[&["check", "--json"], arguments].concat(), variables);
        let (out, err) = printed(&answer);
        let secret = |(name, value): &(&str, &str)| {
            let url = value.split_once("://").and_then(|(_, rest)| rest.split([':', '@']).nth(1).map(str::to_owned));
            url.or_else(|| (*name == KEY.0).then(|| (*value).to_owned()))
        };
        for secret in variables.iter().filter_map(secret).chain(["geheim".to_owned()]) {
            assert!(!out.contains(&secret) && !err.contains(&secret), "a secret is shown: {out}{err}");
        }
        let json: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        let report = Self { checks: json["checks"].as_array().unwrap().clone(), code: answer.status.code() };
        assert_eq!(json["ok"], json!(report.code == Some(0)), "{out}");
        report
    }

    fn of(url: &str) -> Self {
        Self::new(&[], &[("DATABASE_URL", url), KEY])
    }

    /// The details of a check that ended like this, joined.
    fn said(&self, check: &str, result: &str) -> String {
        let found = self.checks.iter().filter(|each| each["check"] == check && each["result"] == result);
        found.map(|each| each["detail"].as_str().unwrap()).collect::<Vec<_>>().join("; ")
    }

    #[track_caller]
    fn has(&self, check: &str, result: &str, detail: &str) {
        let said = self.said(check, result);
        assert!(!said.is_empty() && said.contains(detail), "{check} {result} {detail}: {:#?}", self.checks);
    }

    fn failures(&self) -> usize {
        self.checks.iter().filter(|each| each["result"] == "failure").count()
    }
}

/// A name that no other test takes: roles belong to the whole cluster.
fn role(what: &str) -> String {
    format!("{what}_{}", random_hex(6))
}

async fn forget(database: &Database, roles: &[&str]) {
    let all = roles.join(", ");
    database.batch(&format!("DROP OWNED BY {all}; DROP ROLE {all}")).await;
}

#[tokio::test]
async fn a_good_database_passes() {
    let database = fresh_database().await;
    let login = role("app");
    let name = database.name();
    database
        .batch(&format!("CREATE ROLE {login} LOGIN PASSWORD 'geheim'; ALTER DATABASE {name} OWNER TO {login}"))
        .await;
    let report = Report::of(&database.url_as(&login, "geheim"));
    assert_eq!((report.code, report.failures()), (Some(0), 0), "{:#?}", report.checks);
    for check in ["DNS", "TCP", "authentication", "startup", "version", "writable", "clock", "direct connection"] {
        report.has(check, "ok", "");
    }
    report.has("connections", "ok", "pool.max 10 of ");
    report.has("login role", "ok", &login);
    report.has("statement analysis", "ok", "TEMPORARY");
    report.has("TLS", "info", "sslmode=prefer");
    report.has("cache coherence", "info", "TTL only");
    // Not a terminal: a plain line for each, without colours.
    let answer = run(&["check"], &[("DATABASE_URL", &database.url()), KEY]);
    let (out, _) = printed(&answer);
    assert_eq!(answer.status.code(), Some(0), "{out}");
    assert!(out.contains("\nok default version: Postgres ") && !out.contains('\x1b'), "{out}");
    assert!(out.contains("\nwarning default login role: postgres is a superuser"), "{out}");
    database.batch(&format!("ALTER DATABASE {name} OWNER TO postgres")).await;
    forget(&database, &[&login]).await;
}

#[tokio::test]
async fn the_stage_that_fails_is_named() {
    let database = fresh_database().await;
    let url = database.url();
    let (server, name) = url.rsplit_once('/').unwrap();
    let port = server.rsplit_once(':').unwrap().1;
    let cases = [
        (url.replace("127.0.0.1", "nowhere.invalid"), "DNS", "nowhere.invalid"),
        (url.replace(&format!(":{port}/"), ":1/"), "TCP", "refused"),
        (format!("{url}?sslmode=require"), "TLS", "does the server speak TLS"),
        (database.url_as("postgres", "a wrong word"), "authentication", "28P01"),
        (url.replace(name, "nowhere"), "startup", "3D000"),
    ];
    for (url, stage, detail) in cases {
        let report = Report::of(&url);
        assert_eq!((report.code, report.failures()), (Some(1), 1), "{stage}: {:#?}", report.checks);
        report.has(stage, "failure", detail);
    }
}

#[tokio::test]
async fn pools_fit_the_server() {
    let database = fresh_database().await;
    let url = database.url();
    let with = |max: &str| Report::new(&[], &[("DATABASE_URL", &url), KEY, ("POOL_PROXY_POOL_MAX", max)]);
    let row = database.client().await.query_one("SELECT current_setting('max_connections')::int", &[]).await.unwrap();
    let most: i32 = row.get(0);
    let report = with(&(most + 1).to_string());
    assert_eq!(report.code, Some(1));
    report.has("connections", "failure", &format!("pool.max {} of ", most + 1));
    let report = with(&(most * 9 / 10).to_string());
    assert_eq!(report.code, Some(0));
    report.has("connections", "warning", "over 80 %");

    // Two entries on one server share its connections, and those of a login share its limit.
    let login = role("limited");
    database.batch(&format!("CREATE ROLE {login} LOGIN PASSWORD 'geheim' CONNECTION LIMIT 15")).await;
    let limited = database.url_as(&login, "geheim");
    let file = File::new(&format!("[databases.a]\nurl = {limited:?}\n[databases.b]\nurl = {limited:?}\n"));
    let report = Report::new(&["--config", file.path()], &[KEY]);
    assert_eq!(report.code, Some(1));
    report.has(
        "role's connections",
        "failure",
        &format!("pool.max 20 of 15 (the CONNECTION LIMIT of the role {login}"),
    );
    report.has("connections", "ok", "pool.max 20 of ");
    forget(&database, &[&login]).await;
}

#[tokio::test]
async fn a_transaction_of_a_restricted_key_wants_a_second_connection() {
    let database = fresh_database().await;
    for (pool, keys, said) in [
        ("max = 1", "read_only = true", "pool.transactions 1 of pool.max 1"),
        ("max = 3\ntransactions = 3", "read_only = true", "pool.transactions 3 of pool.max 3"),
        ("max = 3", "read_only = true", ""),
        ("max = 1", "", ""),
    ] {
        let keys = key_entry("reader", &random_hex(32), keys);
        let file = File::new(&format!("[databases.default]\nurl = {:?}\n[pool]\n{pool}\n{keys}", database.url()));
        let said_now = Report::new(&["--config", file.path()], &[KEY]).said("transactions", "warning");
        assert_eq!(said_now.is_empty(), said.is_empty(), "{pool}: {said_now}");
        assert!(said_now.contains(said), "{pool}: {said_now}");
    }
}

#[tokio::test]
async fn the_roles_of_keys_are_looked_at() {
    let database = fresh_database().await;
    let [login, reader, writer, column, creator, stranger] =
        ["login", "reader", "writer", "column", "creator", "stranger"].map(role);
    let sql = format!(
        "CREATE TABLE notes (id int, body text); REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'geheim';
         CREATE ROLE {reader}; CREATE ROLE {writer}; CREATE ROLE {column}; CREATE ROLE {creator}; CREATE ROLE {stranger};
         GRANT {reader}, {writer}, {column}, {creator} TO {login};
         GRANT SELECT ON notes TO {reader}, {writer};
         GRANT DELETE ON notes TO {writer}; GRANT UPDATE (body) ON notes TO {column};
         GRANT CREATE ON SCHEMA public TO {creator};"
    );
    database.batch(&sql).await;
    let url = database.url_as(&login, "geheim");
    let keys = [("reader", &reader), ("writer", &writer), ("column", &column), ("creator", &creator)];
    let mut file = format!("[databases.default]\nurl = {url:?}\n");
    let mut key = |name: &str, lines: &str| {
        let _ = writeln!(file, "{}", key_entry(name, &random_hex(32), lines));
    };
    for (name, role) in keys {
        key(name, &format!("read_only = true\nrole = \"{role}\""));
    }
    key("stranger", &format!("role = \"{stranger}\""));
    key("absent", "role = \"nobody_at_all\"");
    key("writes", &format!("role = \"{writer}\""));
    key("login", "read_only = true");
    key("old", "expires = \"2020-01-01\"");
    let _ = writeln!(
        file,
        "[[issuers]]\nname = \"id\"\nsecret = \"geheim, and long enough for a secret\"\nread_only = true\n\
         roles = [\"{reader}\", \"{stranger}\"]\n[[issuers]]\nname = \"far\"\nissuer = \"far\"\naudience = [\"api\"]\n\
         jwks_url = \"http://127.0.0.1:1/jwks\"\ndefault_role = \"{writer}\""
    );
    let file = File::new(&file);
    let report = Report::new(&["--config", file.path()], &[]);
    assert_eq!((report.code, report.failures()), (Some(1), 7), "{:#?}", report.checks);
    report.has("key \"reader\"", "ok", "has no right to write");
    report.has("key \"writer\"", "failure", "may write to notes");
    report.has("key \"column\"", "failure", "may write to notes");
    report.has("key \"creator\"", "failure", "may create objects in the schema public");
    report.has("key \"stranger\"", "failure", &format!("may not SET ROLE to \"{stranger}\""));
    report.has("key \"absent\"", "failure", "there is no role \"nobody_at_all\"");
    report.has("key \"writes\"", "ok", "may SET ROLE");
    report.has("key \"login\"", "warning", "name a role all the same");
    report.has("issuer \"id\"", "ok", "has no right to write");
    report.has("issuer \"id\"", "failure", &format!("may not SET ROLE to \"{stranger}\""));
    report.has("issuer \"id\"", "info", "only tokens without aud");
    report.has("issuer \"far\"", "failure", "no keys at http://127.0.0.1:1/jwks: no connection");
    report.has("issuer \"far\"", "ok", "may SET ROLE");
    report.has("configuration", "warning", "keys.old.expires = 2020-01-01");
    report.has("login's own rights", "ok", &login);

    // Rights of the login's own are found, and what a read-only key without a role could do with them.
    database
        .batch(&format!(
            "GRANT INSERT ON notes TO {login}; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
            database.name()
        ))
        .await;
    let report = Report::new(&["--config", file.path()], &[]);
    report.has("login's own rights", "warning", "rights on 1 tables, such as notes");
    report.has("key \"login\"", "failure", &format!("names no role, and the login \"{login}\" may write to notes"));
    report.has("statement analysis", "warning", "GRANT TEMPORARY");
    forget(&database, &[&login, &reader, &writer, &column, &creator, &stranger]).await;
}

#[tokio::test]
async fn a_server_that_is_not_what_is_asked_for() {
    let database = fresh_database().await;
    let asking = |attrs: &str| Report::of(&format!("{}?target_session_attrs={attrs}", database.url()));
    for attrs in ["read-write", "primary", "prefer-standby"] {
        asking(attrs).has("role", "ok", "target_session_attrs");
    }
    asking("standby").has("role", "failure", "the server is a primary; no host of the URL is");
    asking("read-only").has("role", "failure", "the server's sessions may write");
    let name = database.url().rsplit_once('/').unwrap().1.to_owned();
    database.batch(&format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on")).await;
    asking("read-write").has("role", "failure", "the server's sessions are read-only");
    asking("read-only").has("role", "ok", "target_session_attrs");
}

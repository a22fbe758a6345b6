//! Row-level security: what is kept for one is given to nobody else, and rights that are taken count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use harness::{Answer, Relay, eventually_within};
use serde_json::{Value, json};

use super::bench::{Bench, HIT, auto, status, url};
use crate::tokens::mint::{Mint, SECRET, issuer, now};
use crate::transactions::open::Open;
use crate::transactions::plan;

const ROLES: &str =
    "CREATE ROLE tenant; CREATE ROLE managers; CREATE ROLE other_tenant; GRANT tenant, other_tenant TO app;
    GRANT managers TO app WITH ADMIN OPTION";
const OWN: &str =
    "CREATE POLICY own ON notes TO tenant USING (owner = current_setting('request.jwt.claims')::json ->> 'sub')";
const NOTES: &str = "
    CREATE TABLE notes (id int PRIMARY KEY, owner text, n int);
    INSERT INTO notes VALUES (1, 'ada', 0), (2, 'bob', 0), (3, 'bob', 0);
    CREATE TABLE shown (owner text PRIMARY KEY);
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;";
/// Whose rows one sees.
const READ: &str = "SELECT string_agg(DISTINCT owner, ' ' ORDER BY owner) AS owners, sum(n)::int AS n FROM notes";

async fn bench() -> Bench {
    let config = issuer("").replace("ROLE_NAME", "tenant");
    let bench = Bench::with(NOTES, |proxy| proxy.config(config)).await;
    bench.root().await.batch_execute(ROLES).await.unwrap();
    bench.run(&format!("GRANT SELECT ON notes, shown TO tenant; GRANT SELECT ON notes TO other_tenant; {OWN}")).await;
    bench
}

fn token(subject: &str) -> String {
    Mint::secret(SECRET).token(&json!({ "sub": subject, "exp": now() + 600 }))
}

/// What a tenant sees: the owners of rows, or that it may not.
#[track_caller]
fn seen(answer: &Answer) -> String {
    match (answer.status.as_u16(), answer.body["code"].as_str()) {
        (200, _) => answer.body["rows"][0]["owners"].as_str().unwrap_or_default().to_owned(),
        // Without a right on the schema the name means nothing, or the statement cannot be analysed.
        (400, Some("42501" | "42P01")) | (403, None) => "refused".to_owned(),
        _ => panic!("{} {}", answer.status, answer.text),
    }
}

struct Tenant<'b> {
    bench: &'b Bench,
    token: String,
}

impl<'b> Tenant<'b> {
    fn of(bench: &'b Bench, subject: &str) -> Self {
        Self { bench, token: token(subject) }
    }

    async fn ask(&self) -> Answer {
        let request = self.bench.proxy.request("POST", "/sql").bearer(&self.token);
        request.json(&json!({ "query": READ })).send().await
    }

    /// Asks until the answer is kept, or refused.
    async fn keep(&self) {
        eventually_within(Duration::from_secs(20), || async {
            let answer = self.ask().await;
            let told = status(&answer);
            if answer.status != 200 || told == HIT { Ok(()) } else { Err((told, self.bench.proxy.stderr())) }
        })
        .await;
    }
}

#[tokio::test]
async fn tenants_are_never_mixed_while_their_rows_change() {
    let bench = bench().await;
    let ends = AtomicBool::new(false);
    let write = async {
        for n in 1.. {
            if ends.load(Ordering::Relaxed) {
                break;
            }
            bench.run(&format!("UPDATE notes SET n = {n} WHERE id = {}", n % 3 + 1)).await;
            tokio::time::sleep(Duration::from_millis(u64::from(n % 30 == 0) * 100)).await;
        }
    };
    let read = async {
        let readers = ["ada", "bob", "eve", "ada", "bob"].map(|subject| {
            let tenant = Tenant::of(&bench, subject);
            async move {
                let mut hits = 0;
                for _ in 0..400 {
                    let answer = tenant.ask().await.expect(200);
                    assert_eq!(seen(&answer), if subject == "eve" { "" } else { subject }, "{}", status(&answer));
                    hits += usize::from(status(&answer) == HIT);
                }
                (subject, hits)
            }
        });
        let hits = join_all(readers).await;
        ends.store(true, Ordering::Relaxed);
        for (subject, hits) in hits {
            assert!(hits > 0, "{subject} was never given anything that was kept");
        }
    };
    futures_util::future::join(write, read).await;
}

/// A change of rights or policies, as the cluster's superuser, and what Ada sees then.
const CHANGES: &[(&str, &str)] = &[
    ("DROP POLICY own ON notes", ""),
    ("CREATE POLICY any_of_them ON notes USING (true)", "ada bob"),
    ("ALTER POLICY any_of_them ON notes USING (owner = 'bob')", "bob"),
    ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "ada bob"),
    ("ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "bob"),
    ("CREATE POLICY not_too_many ON notes AS RESTRICTIVE USING (id = 2 OR owner = 'ada')", "bob"),
    ("ALTER POLICY any_of_them ON notes USING (true)", "ada bob"),
    ("DROP POLICY not_too_many ON notes; ALTER POLICY any_of_them ON notes USING (owner = 'bob')", "bob"),
    ("ALTER ROLE tenant BYPASSRLS", "ada bob"),
    ("ALTER ROLE tenant NOBYPASSRLS", "bob"),
    ("REVOKE SELECT ON notes FROM tenant", "refused"),
    ("GRANT SELECT ON notes TO tenant", "bob"),
    ("REVOKE SELECT ON notes FROM tenant; GRANT SELECT (id, owner) ON notes TO tenant", "refused"),
    ("GRANT SELECT (n) ON notes TO tenant", "bob"),
    ("REVOKE SELECT (n) ON notes FROM tenant", "refused"),
    ("GRANT SELECT ON notes TO tenant", "bob"),
    ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "refused"),
    ("GRANT USAGE ON SCHEMA public TO PUBLIC", "bob"),
    ("CREATE POLICY managing ON notes TO managers USING (true)", "bob"),
    ("GRANT managers TO tenant", "ada bob"),
    ("REVOKE managers FROM tenant", "bob"),
    ("ALTER POLICY any_of_them ON notes USING (owner IN (SELECT owner FROM shown))", ""),
    ("INSERT INTO shown VALUES ('ada')", "ada"),
    ("INSERT INTO shown VALUES ('bob')", "ada bob"),
    ("DELETE FROM shown WHERE owner = 'ada'", "bob"),
    ("TRUNCATE shown", ""),
];

#[tokio::test]
async fn rights_and_policies_that_others_change_count_within_the_bound() {
    let bench = bench().await;
    let root = bench.root().await;
    let ada = Tenant::of(&bench, "ada");
    for (sql, expected) in CHANGES {
        ada.keep().await;
        root.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        eventually_within(Duration::from_secs(10), || async {
            let answer = ada.ask().await;
            if seen(&answer) == *expected { Ok(()) } else { Err((*sql, seen(&answer), status(&answer))) }
        })
        .await;
        for _ in 0..20 {
            let answer = ada.ask().await;
            assert_eq!(seen(&answer), *expected, "{sql}: an older answer is given again: {}", status(&answer));
        }
    }
    // Settings of a role or a database may make any answer another one.
    for sql in ["ALTER ROLE app SET extra_float_digits = 0", "ALTER DATABASE app SET extra_float_digits = 0"] {
        bench.keep("SELECT 1.5::float8").await;
        root.batch_execute(sql).await.unwrap();
        eventually_within(Duration::from_secs(10), || async { status(&bench.ask("SELECT 1.5::float8").await) != HIT })
            .await;
    }
}

#[tokio::test]
async fn rights_that_are_changed_through_the_proxy_count_at_once() {
    let bench = bench().await;
    let ada = Tenant::of(&bench, "ada");
    let send = async |body: Value| bench.proxy.sql(body).await.expect(200);
    let one = async |sql: &str| send(json!({ "query": sql })).await;
    let all = "CREATE POLICY any_of_them ON notes USING (true)";
    let mut hits = 0;
    for turn in 0..4 {
        for (sql, expected) in [
            (all, "ada bob"),
            ("DROP POLICY any_of_them ON notes", "ada"),
            ("REVOKE SELECT ON notes FROM tenant", "refused"),
            ("GRANT SELECT ON notes TO tenant", "ada"),
            ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "ada bob"),
            ("ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "ada"),
            ("DO $$ BEGIN EXECUTE 'CREATE POLICY any_of_them ON notes USING (true)'; END $$", "ada bob"),
            ("DROP POLICY any_of_them ON notes", "ada"),
        ] {
            ada.keep().await;
            match turn {
                0 => _ = one(sql).await,
                1 => {
                    _ = send(
                        json!({ "queries": [{ "query": "SELECT 1" }, { "query": sql }, { "query": "SELECT 2" }] }),
                    )
                    .await;
                }
                2 => {
                    let open = Open::begin(&bench.proxy).await;
                    open.ask(sql).await.expect(200);
                    open.end("commit").await.expect(200);
                }
                _ => _ = one(&format!("/* once more */ {sql}")).await,
            }
            for _ in 0..5 {
                let answer = ada.ask().await;
                assert_eq!(seen(&answer), expected, "{sql}, turn {turn}: {}", status(&answer));
                hits += usize::from(status(&answer) == HIT);
            }
        }
    }
    assert!(hits > 0, "nothing was kept, so nothing was shown");
    // A text that ends its transaction is refused, and what it has done before stays.
    for (sql, expected) in [(all, "ada bob"), ("DROP POLICY any_of_them ON notes", "ada")] {
        ada.keep().await;
        let open = Open::begin(&bench.proxy).await;
        let mut body = plan(&format!("{sql}; COMMIT; BEGIN"));
        body["plan"]["type"] = json!("execute");
        open.plan_request(&body).send().await.expect(400);
        assert_eq!(seen(&ada.ask().await), expected, "{sql}");
    }
    ada.keep().await;
    // A membership, which no change stream and no event trigger tells of.
    one("CREATE POLICY managing ON notes TO managers USING (true)").await;
    for (sql, expected) in [("GRANT managers TO tenant", "ada bob"), ("REVOKE managers FROM tenant", "ada")] {
        ada.keep().await;
        one(sql).await;
        assert_eq!(seen(&ada.ask().await), expected, "{sql}");
    }
}

/// Where transactions keep the snapshot that they begin with, a tenant's would be older than what others see meanwhile.
#[tokio::test]
async fn what_may_be_kept_is_not_read_from_an_old_snapshot() {
    let bench = bench().await;
    let setting = "ALTER ROLE app SET default_transaction_isolation = 'repeatable read'";
    bench.root().await.batch_execute(setting).await.unwrap();
    let relay = Relay::to(&url(&bench.postgres)).await;
    let config = issuer("").replace("ROLE_NAME", "tenant");
    let through = format!("{}?sslmode=disable", relay.url(&url(&bench.postgres)));
    let proxy = auto(&bench.postgres).config(config).database_url(through).start().await;
    bench.is_followed(&proxy).await;
    let ada = token("ada");
    let ask = |key: i64| {
        let read = json!({ "query": "SELECT n FROM notes WHERE owner = 'ada' AND $1 = $1::int", "params": [key], "arrayMode": true });
        proxy.request("POST", "/sql").bearer(&ada).json(&read).send()
    };
    let seen = |answer: &Answer| answer.body["rows"][0][0].as_i64();
    for n in 1..=5 {
        // The statement is known, and the connections have all they need.
        eventually_within(Duration::from_secs(10), || async { status(&ask(0).await) == HIT }).await;
        let ends = AtomicBool::new(false);
        // Its transaction has begun, and nobody has heard of that yet.
        relay.delay_sessions(Duration::from_millis(200));
        let read = async {
            let answer = ask(n).await.expect(200);
            ends.store(true, Ordering::Relaxed);
            answer
        };
        let others = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            relay.forward();
            bench.run(&format!("UPDATE notes SET n = {n}")).await;
            while !ends.load(Ordering::Relaxed) {
                proxy.sql(json!({ "query": "SELECT n, now() FROM notes" })).await.expect(200);
            }
        };
        let (answer, ()) = futures_util::future::join(read, others).await;
        assert_eq!(seen(&answer), Some(n), "{}", status(&answer));
        eventually_within(Duration::from_secs(10), || async { seen(&ask(0).await) == Some(n) }).await;
        for _ in 0..5 {
            let answer = ask(n).await;
            assert_eq!(seen(&answer), Some(n), "{}", status(&answer));
        }
    }
}

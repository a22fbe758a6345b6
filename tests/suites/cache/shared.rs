//! An answer is shared only by requests for which every answer must be the same.

use harness::{Proxy, Request, fresh_database, key_entry};
use serde_json::{Value, json};

use super::bench::{Bench, LONG, QUERY, STORED, assert_hit, status, word};

/// The secrets of the keys in [`keys`].
const FULL: &str = "full-secret-000000001";
const READ_ONLY: &str = "read-only-secret-0001";
const ROLE: &str = "role-secret-000000001";

/// Three keys of the file: full access, read-only, one with a role.
fn keys(role: &str) -> String {
    let role = format!("role = \"{role}\"");
    let [full, reads] = [key_entry("full", FULL, ""), key_entry("reads", READ_ONLY, "read_only = true")];
    format!("{full}{reads}{}", key_entry("role", ROLE, &role))
}

#[tokio::test]
async fn requests_that_may_differ_in_their_answer_share_none() {
    let bench = Bench::start().await;
    let base = json!({ "query": "SELECT word, $1::text AS p FROM words", "params": ["a"] });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = base.clone();
        change(&mut body);
        bench.proxy.sql_request(&body).header("cache-control", LONG)
    };
    let requests: Vec<(&str, Request)> = vec![
        ("the first", with(&|_| {})),
        ("other parameters", with(&|body| body["params"] = json!(["b"]))),
        ("a null parameter", with(&|body| body["params"] = json!([null]))),
        ("the null as text", with(&|body| body["params"] = json!(["null"]))),
        ("another text", with(&|body| body["query"] = json!("SELECT  word, $1::text AS p FROM words"))),
        ("rows as arrays", with(&|body| body["arrayMode"] = json!(true))),
        ("rows as arrays, by header", with(&|_| {}).header("neon-array-mode", "true")),
        ("raw text", with(&|_| {}).header("neon-raw-text-output", "true")),
        ("both headers", with(&|_| {}).header("neon-raw-text-output", "true").header("neon-array-mode", "true")),
    ];
    let mut answers = vec![];
    for (name, request) in &requests {
        let answer = request.clone().send().await.expect(200);
        assert_eq!(status(&answer), STORED, "{name}");
        answers.push(answer);
    }
    bench.change("new").await;
    for ((name, request), before) in requests.into_iter().zip(answers) {
        let answer = request.send().await.expect(200);
        assert_hit(&answer);
        assert_eq!(answer.bytes, before.bytes, "{name}");
    }
}

#[tokio::test]
async fn keys_with_the_same_rights_share_an_answer() {
    let bench = Bench::with(|builder| builder.config(keys("nobody"))).await;
    bench.store().await;
    let request = bench.proxy.request("POST", "/sql").bearer(FULL).json(&json!({ "query": QUERY }));
    assert_hit(&request.header("cache-control", LONG).send().await.expect(200));
}

#[tokio::test]
async fn keys_with_other_rights_share_none() {
    let bench = Bench::with(|builder| builder).await;
    let role = format!("{}_tenant", bench.database.name());
    bench
        .database
        .batch(&format!(
            "CREATE ROLE {role} NOLOGIN; GRANT SELECT ON words TO {role};
             ALTER TABLE words ENABLE ROW LEVEL SECURITY;
             CREATE POLICY mine ON words TO {role} USING (word = 'mine');
             INSERT INTO words VALUES ('mine')"
        ))
        .await;
    let proxy = Proxy::builder().database(&bench.database).config(keys(&role)).start().await;
    let ask = async |secret: &str| {
        let request = proxy.request("POST", "/sql").bearer(secret).header("cache-control", LONG);
        request.json(&json!({ "query": "SELECT word FROM words ORDER BY word" })).send().await.expect(200)
    };
    for secret in [FULL, READ_ONLY, ROLE] {
        assert_eq!(status(&ask(secret).await), STORED, "{secret}");
    }
    for (secret, seen) in [(FULL, "mine, old"), (READ_ONLY, "mine, old"), (ROLE, "mine")] {
        let hit = ask(secret).await;
        assert_hit(&hit);
        let rows = hit.body["rows"].as_array().unwrap();
        let words: Vec<&str> = rows.iter().filter_map(|row| row["word"].as_str()).collect();
        assert_eq!(words.join(", "), seen, "{secret}");
    }
    bench.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn databases_share_none() {
    let (one, two) = (fresh_database().await, fresh_database().await);
    for (database, word) in [(&one, "one"), (&two, "two")] {
        database.batch(&format!("CREATE TABLE words (word text); INSERT INTO words VALUES ('{word}')")).await;
    }
    let other = format!("[databases.other]\nurl = \"{}\"", two.url());
    let proxy = Proxy::builder().database(&one).config(other).start().await;
    for said in [STORED, "pool-proxy; hit; ttl=600"] {
        for (name, seen) in [("default", "one"), ("other", "two")] {
            let request = proxy.sql_request(&json!({ "query": QUERY })).header("pool-database", name);
            let answer = request.header("cache-control", LONG).send().await.expect(200);
            assert_eq!(word(&answer), seen);
            assert_eq!(status(&answer).split("ttl").next(), said.split("ttl").next(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_gets_no_hit() {
    let bench = Bench::start().await;
    bench.store().await;
    let request = bench.proxy.request("POST", "/sql").header("cache-control", LONG).json(&json!({ "query": QUERY }));
    request.clone().send().await.expect(401);
    request.bearer("another-secret-00001").send().await.expect(401);
}

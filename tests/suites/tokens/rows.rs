//! Row-level security by a token: its rows and no others, for its own request alone.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::mint::{Mint, Office, SECRET, issuer, now, part};

fn token_of(subject: &str) -> String {
    Mint::secret(SECRET).token(&json!({ "sub": subject, "exp": now() + 600 }))
}

const OWN: &str = "SELECT string_agg(text, ', ' ORDER BY id) FROM notes";

#[tokio::test]
async fn everybody_sees_and_changes_their_own_rows() {
    let office = Office::plain().await;
    let (ada, bob, eve) = (token_of("ada"), token_of("bob"), token_of("eve"));
    for _ in 0..3 {
        assert_eq!(office.value(&ada, OWN).await, "of Ada");
        assert_eq!(office.value(&bob, OWN).await, "of Bob, more of Bob");
        assert_eq!(office.value(&eve, OWN).await, Value::Null);
        assert_eq!(office.value(office.proxy.key(), "SELECT count(*) FROM notes").await, "3");
    }
    let added = office.ask(&eve, "INSERT INTO notes (text) VALUES ('of Eve') RETURNING owner").await.expect(200);
    assert_eq!(added.body["rows"], json!([{ "owner": "eve" }]));
    let refused = office.ask(&eve, "INSERT INTO notes (owner, text) VALUES ('ada', 'x')").await.expect(400);
    assert_eq!(refused.body["code"], "42501");
    assert_eq!(
        office.ask(&eve, "UPDATE notes SET text = 'x' WHERE owner <> 'eve'").await.expect(200).body["rowCount"],
        0
    );
    let results = office.ask_batch(&ada, &["DELETE FROM notes WHERE owner = 'bob'", OWN]).await.expect(200);
    assert_eq!(results.body["results"][0]["rowCount"], 0);
    assert_eq!(results.body["results"][1]["rows"][0]["string_agg"], "of Ada");
    office.end().await;
}

#[tokio::test]
async fn nobody_is_mistaken_for_another_however_many_ask_at_once() {
    let office = Office::with(&issuer(""), |proxy| proxy.env("POOL_PROXY_POOL_MAX", "3")).await;
    let who = "SELECT current_setting('request.jwt.claims')::json ->> 'sub' AS sub, current_user::text AS role";
    let asked = (0..300).map(|number| {
        let subject = format!("subject {}", number % 60);
        let office = &office;
        async move {
            let request = office.proxy.request("POST", "/sql").bearer(token_of(&subject));
            let request = if number % 3 == 0 { request.header("cache-control", "max-age=60") } else { request };
            let answer = request.json(&json!({ "query": who })).send().await.expect(200);
            assert_eq!(answer.body["rows"], json!([{ "sub": subject, "role": office.role }]));
            if number % 7 == 0 {
                let login =
                    office.value(office.proxy.key(), "SELECT current_setting('request.jwt.claims', true)").await;
                assert!(login == "" || login.is_null(), "{login}");
            }
        }
    });
    join_all(asked).await;
    office.end().await;
}

#[tokio::test]
async fn cached_answers_are_shared_only_by_equal_claims() {
    let office = Office::plain().await;
    let cached = async |token: &str| {
        let request = office.proxy.request("POST", "/sql").bearer(token).header("cache-control", "max-age=60");
        let answer = request.json(&json!({ "query": OWN })).send().await.expect(200);
        (answer.body["rows"][0]["string_agg"].clone(), answer.header("cache-status"))
    };
    let (ada, bob) = (token_of("ada"), token_of("bob"));
    assert!(cached(&ada).await.1.contains("stored"));
    // Another token of the same subject, as after a new sign-in.
    let again = Mint::secret(SECRET).token(&json!({ "sub": "ada", "exp": now() + 700, "jti": "1", "iat": now() }));
    let (rows, status) = cached(&again).await;
    assert!(rows == "of Ada" && status.contains("hit"), "{rows} {status}");
    let (rows, status) = cached(&bob).await;
    assert!(rows == "of Bob, more of Bob" && status.contains("miss"), "{rows} {status}");
    let (rows, _) = cached(office.proxy.key()).await;
    assert_eq!(rows, "of Ada, of Bob, more of Bob");
    office.end().await;
}

#[tokio::test]
async fn there_is_no_way_to_other_claims() {
    let office = Office::plain().await;
    let eve = token_of("eve");
    for query in [
        "WITH x AS MATERIALIZED (SELECT set_config('request.jwt.claims', '{\"sub\":\"bob\"}', true)) SELECT notes.* FROM x, notes",
        "SELECT set_config('role', 'none', true)",
        "SET request.jwt.claims = '{\"sub\":\"bob\"}'",
        "SET LOCAL request.jwt.claims = '{\"sub\":\"bob\"}'",
        "RESET ROLE",
        "RESET ALL",
        "DISCARD ALL",
        "SET SESSION AUTHORIZATION DEFAULT",
        "DO $$ BEGIN PERFORM set_config('request.jwt.claims', '{\"sub\":\"bob\"}', true); END $$",
        "SELECT query_to_xml('select * from notes', true, true, '')",
        "EXPLAIN ANALYZE SELECT * FROM notes",
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    ] {
        for refused in [office.ask(&eve, query).await, office.ask_batch(&eve, &[query, OWN]).await] {
            assert_eq!(refused.status, 403, "{query}: {}", refused.text);
        }
        assert_eq!(office.value(&eve, OWN).await, Value::Null, "{query}");
    }
    for query in ["COMMIT", "ROLLBACK", "COPY notes TO STDOUT"] {
        office.ask_batch(&eve, &[query, OWN]).await.expect(400);
    }
    office.end().await;
}

/// Two numbers that are one as a double are still two.
#[tokio::test]
async fn claims_keep_every_digit() {
    let office = Office::with(&issuer("claims = [\"org\"]"), |proxy| proxy).await;
    for org in ["100000000000000000001", "100000000000000000002", "1234567890.123456789012", "-0.10"] {
        let claims = format!("{{\"org\": {org}, \"exp\": {}}}", now() + 60);
        let token = Mint::secret(SECRET).sign(&format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(claims)));
        let request = office.proxy.request("POST", "/sql").bearer(&token).header("cache-control", "max-age=60");
        let query = "SELECT current_setting('request.jwt.claims')::json ->> 'org' AS org";
        let answer = request.json(&json!({ "query": query })).send().await.expect(200);
        assert_eq!(answer.body["rows"][0]["org"], org);
    }
    office.end().await;
}

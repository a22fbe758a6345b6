//! Which role a token gives, and what its issuer's entry keeps it from.

use serde_json::{Value, json};

use super::mint::{Mint, Office, SECRET, issuer, now};

#[allow(clippy::needless_pass_by_value)] // so that a case reads as JSON alone
fn token(more: Value) -> String {
    let mut claims = json!({ "sub": "ada", "exp": now() + 600 });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    Mint::secret(SECRET).token(&claims)
}

#[tokio::test]
async fn a_role_outside_the_issuers_list_is_403() {
    let issuer = format!(
        "[[issuers]]\nname = \"tests\"\nsecret = \"{SECRET}\"\nroles = [\"ROLE_NAME\"]\nrole_claim = \"/app/role\"\n\
         claims = [\"sub\", \"org\"]\n"
    );
    let office = Office::with(&issuer, |proxy| proxy).await;
    let with = |role: Value| token(json!({ "app": { "role": role }, "role": "postgres", "org": { "id": 7 } }));
    let query = "SELECT current_user::text || ' ' || current_setting('request.jwt.claims')";
    let seen = office.value(&with(json!(office.role)), query).await;
    assert_eq!(seen, format!("{} {{\"org\":{{\"id\":7}},\"sub\":\"ada\"}}", office.role));
    for wrong in [json!("postgres"), json!("none"), json!(""), json!([office.role]), json!(1), Value::Null] {
        let refused = office.ask(&with(wrong.clone()), "SELECT 1").await.expect(403);
        assert_eq!(refused.body["message"], "the token names no role that its issuer may give", "{wrong}");
    }
    office.ask(&token(json!({})), "SELECT 1").await.expect(403);
    office.end().await;
}

#[tokio::test]
async fn an_issuer_may_be_for_some_databases_and_for_reading_only() {
    let office = Office::with(&issuer("read_only = true\ndatabases = [\"default\"]"), |proxy| proxy).await;
    let ada = token(json!({}));
    assert_eq!(office.value(&ada, "SELECT count(*) FROM notes").await, "1");
    let refused = office.ask(&ada, "INSERT INTO notes (text) VALUES ('x')").await.expect(400);
    assert_eq!(refused.body["code"], "25006");
    let elsewhere = |name: &str| {
        let request = office.proxy.request("POST", "/sql").bearer(&ada).header("pool-database", name);
        request.json(&json!({ "query": "SELECT 1" })).send()
    };
    elsewhere("default").await.expect(200);
    elsewhere("unknown").await.expect(404);
    office.end().await;
}

/// Each subject is counted by itself.
#[tokio::test]
async fn a_rate_holds_for_each_subject() {
    let office = Office::with(&issuer("rate = \"2/h\""), |proxy| proxy).await;
    for subject in ["ada", "bob"] {
        for status in [200, 200, 429, 429] {
            // Another token each time.
            let token = token(json!({ "sub": subject, "jti": harness::random_hex(4) }));
            office.ask(&token, "SELECT 1").await.expect(status);
        }
    }
    office.end().await;
}

/// Cached answers belong to everybody.
#[tokio::test]
async fn a_token_invalidates_only_where_its_issuer_lets_it() {
    for (line, status) in [("", 403), ("invalidate = true", 200)] {
        let office = Office::with(&issuer(line), |proxy| proxy).await;
        let request = office.proxy.request("POST", "/invalidate").bearer(token(json!({})));
        request.json(&json!({ "tags": "all" })).send().await.expect(status);
        office.end().await;
    }
}

/// Also files of an issuer that was not there at the start.
#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let office = Office::plain().await;
    let path = office.proxy.folder().join("jwks.json");
    let write = |mint: &Mint| std::fs::write(&path, json!({ "keys": [mint.jwk("a")] }).to_string()).unwrap();
    let (first, second) = (Mint::ec(), Mint::ec());
    let claims = json!({ "iss": "later", "sub": "ada", "exp": now() + 600 });
    let works = async |mint: &Mint| office.ask(&mint.token(&claims), "SELECT 1").await.status == 200;
    write(&first);
    let config = std::fs::read_to_string(office.proxy.config_path()).unwrap();
    let later = format!(
        "[[issuers]]\nname = \"later\"\nissuer = \"later\"\njwks_file = \"{}\"\ndefault_role = \"{}\"\n",
        path.display(),
        office.role
    );
    std::fs::write(office.proxy.config_path(), format!("{config}{later}")).unwrap();
    harness::eventually(|| works(&first)).await;
    write(&second);
    harness::eventually(|| works(&second)).await;
    office.ask(&first.token(&json!({ "iss": "later", "sub": "x", "exp": now() + 600 })), "SELECT 1").await.expect(401);
    office.end().await;
}

#[tokio::test]
async fn an_issuer_can_be_added_and_removed_while_serving() {
    let office = Office::plain().await;
    let ada = token(json!({}));
    office.ask(&ada, "SELECT 1").await.expect(200);
    let config = std::fs::read_to_string(office.proxy.config_path()).unwrap();
    std::fs::write(office.proxy.config_path(), "").unwrap();
    harness::eventually(|| async { office.ask(&ada, "SELECT 1").await.status == 401 }).await;
    std::fs::write(office.proxy.config_path(), config).unwrap();
    harness::eventually(|| async { office.ask(&ada, "SELECT 1").await.status == 200 }).await;
    office.end().await;
}

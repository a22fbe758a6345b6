//! Signing up, signing in, and who one is.

use serde_json::json;

use super::blog::{Blog, PASSWORD, assert_problem};
use super::host::now;

#[tokio::test]
async fn who_signs_up_is_signed_in() {
    let blog = Blog::start().await;
    let body = json!({ "email": "Ada@Example.com", "name": "Ada Lovelace 🦋", "password": PASSWORD });
    let session = blog.post("/api/v1/user/signup", &body).await.expect(201);
    assert_eq!(session.header("cache-control"), "no-store");
    let user = &session.body["user"];
    assert_eq!(user["email"], "ada@example.com", "in lower case");
    assert_eq!(user["name"], "Ada Lovelace 🦋");
    assert!(user["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(!session.text.contains("password"), "{}", session.text);

    let me = blog.request("GET", "/api/v1/user/me").bearer(session.body["token"].as_str().unwrap());
    assert_eq!(me.send().await.expect(200).body, *user);
}

#[tokio::test]
async fn signing_up_is_one_statement() {
    let blog = Blog::start().await;
    blog.sign_up("Ada").await;
    let metrics = blog.proxy.as_ref().unwrap().ops_request("GET", "/metrics").send().await.text;
    let calls: Vec<&str> = metrics.lines().filter(|line| line.starts_with("pool_proxy_http_requests_total")).collect();
    assert_eq!(calls, [r#"pool_proxy_http_requests_total{route="sql",status="200"} 1"#]);
}

#[tokio::test]
async fn an_address_signs_up_once() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    for email in [ada.email.clone(), ada.email.to_uppercase()] {
        let body = json!({ "email": email, "name": "Another", "password": PASSWORD });
        let answer = assert_problem(blog.post("/api/v1/user/signup", &body).await, 409, "email_taken");
        assert!(!answer.text.contains(&ada.email), "{}", answer.text);
    }
    assert_eq!(blog.row("SELECT count(*)::text FROM users").await, ["1"]);
}

#[tokio::test]
async fn of_many_who_sign_up_at_once_one_wins() {
    let blog = Blog::start().await;
    let body = json!({ "email": "race@example.com", "name": "Racer", "password": PASSWORD });
    let answers = futures_util::future::join_all((0..8).map(|_| blog.post("/api/v1/user/signup", &body))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn signing_in_takes_the_right_password() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    let sign_in = async |email: &str, password: &str| {
        blog.post("/api/v1/user/signin", &json!({ "email": email, "password": password })).await
    };
    let session = sign_in(&ada.email.to_uppercase(), PASSWORD).await.expect(200);
    assert_eq!(session.body["user"]["id"], ada.id.as_str());
    let wrong = assert_problem(sign_in(&ada.email, "correct horse").await, 401, "wrong_credentials");
    let nobody = assert_problem(sign_in("nobody@example.com", PASSWORD).await, 401, "wrong_credentials");
    assert_eq!(wrong.body["detail"], nobody.body["detail"], "which of the two it was is not told");
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    assert_problem(sign_in(&ada.email, "").await, 401, "wrong_credentials");
}

#[tokio::test]
async fn an_unknown_address_costs_the_same_work_as_a_wrong_password() {
    let blog = Blog::builder().set("PASSWORD_HASH", "pbkdf2-sha256").start().await;
    let ada = blog.sign_up("Ada").await;
    let work = async |email: &str| {
        let before = blog.derivations().len();
        blog.post("/api/v1/user/signin", &json!({ "email": email, "password": "wrong horse" })).await.expect(401);
        blog.derivations().split_off(before)
    };
    assert_eq!(work(&ada.email).await, [100_000]);
    assert_eq!(work("nobody@example.com").await, [100_000]);
}

#[tokio::test]
async fn a_session_says_when_it_ends() {
    let blog = Blog::builder().set("JWT_TTL_SECONDS", "600").start().await;
    let before = now();
    let ada = blog.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": PASSWORD });
    let session = blog.post("/api/v1/user/signin", &body).await.expect(200).body;
    let end: String = session["expiresAt"].as_str().unwrap().to_owned();
    let seconds = blog.row(&format!("SELECT extract(epoch FROM '{end}'::timestamptz)::bigint::text")).await;
    let left = seconds[0].parse::<u64>().unwrap() - before;
    assert!((600..660).contains(&left), "{left}");
}

#[tokio::test]
async fn what_is_stored_is_a_salted_hash_with_its_parameters() {
    let blog = Blog::start().await;
    blog.sign_up("Ada").await;
    blog.sign_up("Bruno").await;
    let [one, other]: [String; 2] =
        blog.row("SELECT min(password_hash), max(password_hash) FROM users").await.try_into().unwrap();
    assert_ne!(one, other, "the same password, salted");
    for hash in [one, other] {
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{hash}");
    }
}

#[tokio::test]
async fn a_hash_of_yesterday_is_made_anew_when_its_user_signs_in() {
    let yesterday = Blog::builder().set("PASSWORD_HASH", "pbkdf2-sha256").start().await;
    let ada = yesterday.sign_up("Ada").await;
    let stored = "SELECT password_hash FROM users";
    assert!(yesterday.row(stored).await[0].starts_with("$pbkdf2-sha256$i=100000$"));

    let mut yesterday = yesterday;
    let mut today = Blog::builder().in_front_of(yesterday.proxy.take().unwrap()).await;
    today.database = yesterday.database.take();
    let sign_in = async |password: &str| {
        today.post("/api/v1/user/signin", &json!({ "email": ada.email, "password": password })).await
    };
    sign_in("wrong horse").await.expect(401);
    assert!(today.row(stored).await[0].starts_with("$pbkdf2"), "a wrong password changes nothing");
    sign_in(PASSWORD).await.expect(200);
    let renewed = today.row(stored).await;
    assert!(renewed[0].starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{renewed:?}");
    sign_in(PASSWORD).await.expect(200);
    assert_eq!(today.row(stored).await, renewed, "and only once");
    sign_in("wrong horse").await.expect(401);
}

#[tokio::test]
async fn a_user_who_is_gone_is_nobody() {
    let blog = Blog::start().await;
    let ada = blog.sign_up("Ada").await;
    blog.database.as_ref().unwrap().batch("DELETE FROM users").await;
    let answer = blog.by(&ada, "GET", "/api/v1/user/me").send().await;
    assert_eq!(
        assert_problem(answer, 401, "token_invalid").header("www-authenticate"),
        r#"Bearer error="invalid_token""#
    );
    let post = json!({ "title": "From beyond", "content": "Boo.", "published": true });
    assert_problem(blog.by(&ada, "POST", "/api/v1/blog").json(&post).send().await, 401, "token_invalid");
}

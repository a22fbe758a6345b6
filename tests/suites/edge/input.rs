//! What callers send, and how they are told what is wrong with it.

use serde_json::{Value, json};

use super::blog::{Blog, PASSWORD, assert_problem, blamed};

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    check_every_field_that_is_wrong_is_named_at_once(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_every_field_that_is_wrong_is_named_at_once(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let long = "x".repeat(1024 * 1024);
    for (path, body, fields) in [
        ("/api/v1/user/signup", json!({}), vec!["email", "name", "password"]),
        (
            "/api/v1/user/signup",
            json!({ "email": null, "name": null, "password": null }),
            vec!["email", "name", "password"],
        ),
        (
            "/api/v1/user/signup",
            json!({ "email": "ada", "name": " ", "password": "short" }),
            vec!["email", "name", "password"],
        ),
        ("/api/v1/user/signup", json!({ "email": 1, "name": [], "password": {} }), vec!["email", "name", "password"]),
        (
            "/api/v1/user/signup",
            json!({ "email": "ada@example.com", "name": long, "password": "x".repeat(201) }),
            vec!["name", "password"],
        ),
        (
            "/api/v1/user/signup",
            json!({ "email": "ada@example.com", "name": "a\u{0}b", "password": PASSWORD }),
            vec!["name"],
        ),
        (
            "/api/v1/user/signup",
            json!({ "email": "ada@example.com", "name": "Ada", "password": PASSWORD, "admin": true }),
            vec!["admin"],
        ),
        ("/api/v1/user/signin", json!({ "email": "ada@", "name": "Ada" }), vec!["email", "password", "name"]),
        ("/api/v1/user/signin", json!({ "email": "ada@example.com", "password": long }), vec!["password"]),
        ("/api/v1/blog", json!({ "published": "yes" }), vec!["title", "content", "published"]),
        ("/api/v1/blog", json!({ "title": long, "content": "" }), vec!["title", "content"]),
        (
            "/api/v1/blog",
            json!({ "title": "🦋".repeat(201), "content": "x".repeat(100_001) }),
            vec!["title", "content"],
        ),
        ("/api/v1/blog", json!({ "title": "\u{0}", "content": "\u{0}" }), vec!["title", "content"]),
        ("/api/v1/blog", json!({ "title": "x", "content": "x", "authorId": "somebody else" }), vec!["authorId"]),
    ] {
        let answer = blog.by(&ada, "POST", path).json(&body).send().await;
        let answer = assert_problem(answer, 422, "invalid_input");
        assert_eq!(blamed(&answer), fields, "{}", answer.text);
        assert!(answer.text.len() < 1000, "what was sent is not sent back: {}", answer.text);
        for error in answer.body["errors"].as_array().unwrap() {
            assert!(error["detail"].as_str().unwrap().contains(' '), "{error}");
        }
    }
    let mut rows = blog.row("SELECT (SELECT count(*) FROM users)::text, (SELECT count(*) FROM posts)::text").await;
    assert_eq!((rows.remove(0), rows.remove(0)), ("1".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn the_longest_that_is_allowed_is_taken() {
    check_the_longest_that_is_allowed_is_taken(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_the_longest_that_is_allowed_is_taken(blog: &Blog) {
    let name = "👩🏽‍🚀".chars().cycle().take(100).collect::<String>();
    let email = format!("{}@{}.example.com", "a".repeat(64), "b".repeat(60));
    let body = json!({ "email": email, "name": name, "password": "🔑".repeat(200) });
    let session = blog.post("/api/v1/user/signup", &body).await.expect(201).body;
    let token = session["token"].as_str().unwrap();
    // Escaped, as some clients send it: twelve bytes a character.
    let escaped = "\\ud83e\\udd8b";
    let body = format!(r#"{{"title":"{}","content":"{}"}}"#, escaped.repeat(200), escaped.repeat(100_000));
    let request = blog.request("POST", "/api/v1/blog").bearer(token).header("content-type", "application/json");
    let post = request.body(body).send().await.expect(201).body;
    assert_eq!(post["content"].as_str().unwrap().chars().count(), 100_000);
}

#[tokio::test]
async fn addresses_are_those_that_mail_reaches() {
    let blog = Blog::start().await;
    let sign_up = async |email: &str| {
        blog.post("/api/v1/user/signup", &json!({ "email": email, "name": "Ada", "password": PASSWORD })).await
    };
    for email in
        ["a@b.co", "ada.lovelace+notes@mail.example.co.uk", "o'brien@example.com", "x_y-z@xn--bcher-kva.example"]
    {
        sign_up(email).await.expect(201);
    }
    for email in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@@example.com",
        "a b@example.com",
        "ada@exa mple.com",
        "ada@-example.com",
        "ada@example..com",
        ".ada@example.com",
        "ada@[127.0.0.1]",
        "Ada <ada@example.com>",
        "\"ada\"@example.com",
        "адa@example.com",
        "ada@bücher.example",
        "ada@exam_ple.com",
        "ada@x!y.com",
        "ada@b'c.com",
        "ada@example.com\r\nBcc: all@example.com",
    ] {
        assert_eq!(blamed(&assert_problem(sign_up(email).await, 422, "invalid_input")), ["email"], "{email}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where() {
    check_a_body_that_is_no_json_is_told_where(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_body_that_is_no_json_is_told_where(blog: &Blog) {
    let send = async |body: Vec<u8>| {
        let request = blog.request("POST", "/api/v1/user/signup").header("content-type", "application/json");
        request.body(body).send().await
    };
    for (body, detail) in [
        (&b""[..], "line 1, column 0"),
        (b"{", "line 1, column 1"),
        (b"{\n  \"email\": }", "line 2, column 12"),
        (b"{\"email\": \"\xff\"}", "line 1, column"),
        (b"[]", "not an array"),
        (b"\"text\"", "not a string"),
        (b"null", "not null"),
        (b"{} {}", "line 1, column 4"),
    ] {
        let answer = assert_problem(send(body.to_vec()).await, 400, "malformed_json");
        let told = answer.body["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{told}");
    }
    assert_problem(send(format!("{}1", "[".repeat(100_000)).into_bytes()).await, 400, "malformed_json");
    // Half of a surrogate pair is no character.
    let half = assert_problem(send(br#"{"email": "\ud800"}"#.to_vec()).await, 422, "invalid_input");
    assert_eq!(blamed(&half), ["email", "name", "password"]);
    let many: Vec<String> = (0..100_000).map(|number| format!("\"{number}\":0")).collect();
    let answer = assert_problem(send(format!("{{{}}}", many.join(",")).into_bytes()).await, 400, "malformed_json");
    assert!(answer.text.contains("more than 32 fields"), "{}", answer.text);
    let deep = format!("{{\"email\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    assert_problem(send(deep.into_bytes()).await, 422, "invalid_input");
    let wide = format!("{{\"email\":[{{\"\":0}}{}]}}", ",{\"\":0}".repeat(200_000));
    assert_problem(send(wide.into_bytes()).await, 422, "invalid_input");
}

#[tokio::test]
async fn a_body_too_large_or_of_another_kind_is_refused() {
    check_a_body_too_large_or_of_another_kind_is_refused(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_body_too_large_or_of_another_kind_is_refused(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let large = json!({ "title": "x", "content": "x".repeat(2 * 1024 * 1024) });
    let answer = blog.by(&ada, "POST", "/api/v1/blog").json(&large).send().await;
    assert_problem(answer, 413, "body_too_large");
    let body = json!({ "title": "x", "content": "x" }).to_string();
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let request = blog.by(&ada, "POST", "/api/v1/blog").header("content-type", kind).body(body.clone());
        assert_problem(request.send().await, 415, "unsupported_media_type");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let request = blog.by(&ada, "POST", "/api/v1/blog").header("content-type", kind).body(body.clone());
        request.send().await.expect(201);
    }
}

#[tokio::test]
async fn sql_in_every_field_is_text() {
    check_sql_in_every_field_is_text(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_sql_in_every_field_is_text(blog: &Blog) {
    let sql = "'); DELETE FROM users; --";
    let body = json!({ "email": "o';drop-table@example.com", "name": sql, "password": format!("{sql}{sql}") });
    let answer = blog.post("/api/v1/user/signup", &body).await;
    let answer = assert_problem(answer, 422, "invalid_input");
    assert_eq!(blamed(&answer), ["email"]);
    let body = json!({ "email": "o'drop-table--@example.com", "name": sql, "password": format!("{sql}{sql}") });
    let session = blog.post("/api/v1/user/signup", &body).await.expect(201).body;
    let token = session["token"].as_str().unwrap();
    let body = json!({ "title": sql, "content": sql, "published": true });
    let post = blog.request("POST", "/api/v1/blog").bearer(token).json(&body).send().await.expect(201).body;
    let body = json!({ "title": "$1", "content": "$2::text" });
    let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
    blog.request("PUT", &path).bearer(token).json(&body).send().await.expect(200);
    let read: Value = blog.get(&path).await.expect(200).body;
    assert_eq!((&read["title"], &read["author"]["name"]), (&json!("$1"), &json!(sql)));
    let body = json!({ "email": "o'drop-table--@example.com", "password": format!("{sql}{sql}") });
    blog.post("/api/v1/user/signin", &body).await.expect(200);
}

//! What every exchange has, whatever it is about: ids, safe headers, CORS, problems.

use harness::{Proxy, fresh_database};
use serde_json::json;

use super::blog::{Blog, assert_problem};

#[tokio::test]
async fn every_answer_is_safe_to_hand_to_a_browser() {
    check_every_answer_is_safe_to_hand_to_a_browser(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_every_answer_is_safe_to_hand_to_a_browser(blog: &Blog) {
    for path in ["/health", "/api/v1/blog/bulk", "/api/v1/user/me", "/nowhere"] {
        let answer = blog.get(path).await;
        for (name, expected) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), expected, "{path}");
        }
        assert_eq!(answer.header("content-length"), answer.bytes.len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn an_exchange_has_an_id_that_the_proxy_knows_too() {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let proxy = Proxy::builder().database(&database).env("POOL_PROXY_LOG", "text,debug").start().await;
    let blog = Blog::builder().in_front_of(proxy).await;
    let ask = async |id: &str| blog.request("GET", "/health").header("x-request-id", id).send().await.expect(200);
    assert_eq!(ask("trace-42.a_B").await.header("x-request-id"), "trace-42.a_B");
    for strange in ["", "two words", "semi;colon", &"x".repeat(129), "naïve"] {
        let id = ask(strange).await.header("x-request-id");
        assert_eq!(id.len(), 36, "{strange}: {id}");
    }
    let one = blog.get("/health").await.header("x-request-id");
    assert_ne!(one, blog.get("/health").await.header("x-request-id"));

    // The proxy logs the statements it refuses by the same id.
    database.batch("DROP TABLE posts").await;
    let answer = blog.request("GET", "/api/v1/blog/bulk").header("x-request-id", "broken-1").send().await;
    assert_problem(answer, 500, "internal");
    let log = blog.log().join("\n");
    assert!(log.contains("GET /api/v1/blog/bulk 500 request_id=broken-1"), "{log}");
    let log = blog.proxy.as_ref().unwrap().stderr();
    assert!(log.lines().any(|line| line.contains("broken-1") && line.contains("refused")), "{log}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    check_what_is_not_there_is_a_problem_too(&Blog::start().await).await;
}

/// The same wherever the API runs.
pub(super) async fn check_what_is_not_there_is_a_problem_too(blog: &Blog) {
    for path in ["/", "/api", "/api/v1/blog/bulk/", "/api/v2/blog/bulk", "/API/v1/blog/bulk"] {
        assert_problem(blog.get(path).await, 404, "not_found");
    }
    for (method, path, allowed) in [
        ("POST", "/health", "GET,HEAD"),
        ("GET", "/api/v1/user/signup", "POST"),
        ("PATCH", "/api/v1/blog/00000000-0000-4000-8000-000000000001", "GET,HEAD,PUT,DELETE"),
        ("DELETE", "/api/v1/blog/bulk", "GET,HEAD"),
    ] {
        let answer = assert_problem(blog.request(method, path).send().await, 405, "method_not_allowed");
        let mut expected: Vec<&str> = allowed.split(',').collect();
        let told = answer.header("allow");
        let mut told: Vec<&str> = told.split(',').map(str::trim).collect();
        expected.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn pages_of_the_configured_origins_may_call() {
    let blog = Blog::builder().set("CORS_ORIGINS", "https://blog.example.com,http://localhost:5173").start().await;
    let preflight = async |origin: &str| {
        let request = blog.request("OPTIONS", "/api/v1/blog").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type").send().await.expect(200)
    };
    for origin in ["https://blog.example.com", "http://localhost:5173"] {
        let answer = preflight(origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        for method in ["GET", "POST", "PUT", "DELETE"] {
            assert!(answer.header("access-control-allow-methods").contains(method));
        }
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
        let answer = blog.request("GET", "/api/v1/blog/bulk").header("origin", origin).send().await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("access-control-expose-headers").contains("etag"));
        assert!(answer.header("vary").contains("origin"));
        let wrong = blog.request("GET", "/api/v1/user/me").header("origin", origin).send().await;
        assert_eq!(assert_problem(wrong, 401, "unauthenticated").header("access-control-allow-origin"), origin);
    }
    for origin in ["https://evil.example", "http://blog.example.com", "https://blog.example.com.evil.example", "null"] {
        assert_eq!(preflight(origin).await.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn no_page_of_another_origin_may_call_unless_told() {
    let blog = Blog::start().await;
    let ask = async |blog: &Blog| {
        let request = blog.request("GET", "/api/v1/blog/bulk").header("origin", "https://a.example");
        request.send().await.expect(200).header("access-control-allow-origin")
    };
    assert_eq!(ask(&blog).await, "");
    let blog = Blog::builder().set("CORS_ORIGINS", "*").start().await;
    assert_eq!(ask(&blog).await, "https://a.example");
}

#[tokio::test]
async fn a_missing_setting_is_named_and_nothing_else_told() {
    let blog = Blog::builder().set("JWT_SECRET", "short secret").serve().await;
    for (method, path) in [("GET", "/api/v1/blog/bulk"), ("GET", "/health"), ("POST", "/api/v1/user/signup")] {
        let body = json!({ "email": "ada@example.com", "name": "Ada", "password": "long enough" });
        let answer = assert_problem(blog.request(method, path).json(&body).send().await, 500, "misconfigured");
        assert!(answer.text.contains("JWT_SECRET"), "{}", answer.text);
        assert!(!answer.text.contains("short secret"), "{}", answer.text);
    }
}

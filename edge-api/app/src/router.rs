//! The one table of routes, and what goes around them all.

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::Response;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use crate::exchange::exchange;
use crate::problem::{Code, Problem};
use crate::{blog, cors, health, user};

/// The most bytes a request's body may have: 2 MiB. The longest post, every character escaped, is 1.2 MB.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The whole API. It holds no state and is made once; a request brings its [`Site`](crate::Site) in its extensions.
pub fn router() -> Router {
    let routes = Router::new()
        .route("/health", get(health::health))
        .nest("/api/v1/user", user::routes())
        .nest("/api/v1/blog", blog::routes())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "this path has no such method; `Allow` names those it has")
        });
    around(routes)
}

/// What every exchange goes through, the outermost last.
fn around(routes: Router) -> Router {
    routes
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_| -> Response<Body> {
            Problem::internal("a handler panicked").into_response()
        }))
        .layer(cors::layer())
        .layer(middleware::from_fn(exchange))
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_and_says_nothing_of_itself() {
        let routes = Router::new().route("/panic", get(async || -> &'static str { panic!("a secret") }));
        let request = Request::get("/panic").body(Body::empty()).unwrap();
        let answer = around(routes).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(r#""code":"internal""#) && !body.contains("a secret"), "{body}");
    }
}

//! Which pages of other origins may call the API, and what they may read (Fetch standard, section 3.3).

use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Site;
use crate::exchange::REQUEST_ID;
use crate::settings::Origins;

/// Browsers that trace send it.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(crate) fn layer() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, REQUEST_ID, TRACEPARENT])
        .expose_headers([
            HeaderName::from_static("cache-status"),
            ETAG,
            LOCATION,
            REQUEST_ID,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
        ])
        .max_age(Duration::from_hours(24))
}

/// The layer is made once, the settings are the request's.
fn is_allowed(origin: &HeaderValue, request: &Parts) -> bool {
    let Some(site) = request.extensions.get::<Site>() else {
        return false;
    };
    match &site.settings.origins {
        Origins::Any => true,
        Origins::These(list) => list.iter().any(|allowed| origin.as_bytes() == allowed.as_bytes()),
    }
}

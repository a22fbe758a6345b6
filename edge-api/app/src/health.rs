//! `GET /health`: this Worker runs, and the proxy answers it.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Site;
use crate::problem::Problem;

/// The answer of `GET /health`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Health {
    /// Always `ok`: anything else is a problem.
    pub status: &'static str,
}

pub(crate) async fn health(site: Site) -> Result<Json<Health>, Problem> {
    site.db().health().await?;
    Ok(Json(Health { status: "ok" }))
}

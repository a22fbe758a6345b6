//! `GET /keys`: who may ask, what they may, and how much they do. Never a secret, nor a hash of one.

use std::time::SystemTime;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::auth::{Allowance, Auth, Databases, Issuer, KeyEntry, Rate, Used};
use crate::frontend::reply::{self, Reply};

/// Keys as they stand in the configuration, then issuers of tokens.
pub(super) fn list(auth: &Auth) -> Reply {
    let mut told: Vec<Value> = auth.keys().iter().map(of_key).collect();
    auth.each_issuer(|issuer| told.push(of_issuer(issuer)));
    reply::json(StatusCode::OK, json!({ "keys": told }).to_string())
}

fn of_key(key: &KeyEntry) -> Value {
    let KeyEntry { principal, expires, .. } = key;
    let mut told = common(&principal.databases, principal.allowance, principal.usage.used());
    told["kind"] = "key".into();
    told["name"] = (*principal.name).into();
    told["roles"] = principal.role.iter().map(|role| &**role).collect();
    told["read_only"] = principal.read_only.into();
    told["expires"] = expires.map(|end| humantime::format_rfc3339_seconds(end).to_string()).into();
    told["expired"] = expires.is_some_and(|end| end <= SystemTime::now()).into();
    told
}

/// All tokens of an issuer together; rate and concurrency are those of each subject.
fn of_issuer(issuer: &Issuer) -> Value {
    let mut told = common(&issuer.databases, issuer.allowance, issuer.usage.used());
    told["kind"] = "issuer".into();
    told["name"] = (*issuer.name).into();
    told["roles"] = issuer.all_roles().collect();
    told["read_only"] = issuer.read_only.into();
    told["expires"] = Value::Null;
    told["expired"] = false.into();
    told
}

fn common(databases: &Databases, allowance: Allowance, used: Used) -> Value {
    let databases = match databases {
        Databases::All => None,
        Databases::Only(names) => Some(names.iter().map(|name| &**name).collect::<Vec<_>>()),
    };
    json!({
        "databases": databases,
        "rate": allowance.rate.as_ref().map(Rate::to_string),
        "concurrency": allowance.concurrency,
        "requests": used.requests,
        "running": used.running,
        "refused": used.refused,
    })
}

//! The issuers of tokens: can their keys be fetched from here.

use futures_util::future::join_all;
use pool_proxy::auth::Issuer;
use pool_proxy::auth::jwks::KeySource;

use super::finding::Findings;

pub(super) async fn examine(findings: &mut Findings, issuers: &[Issuer]) {
    let fetched = join_all(issuers.iter().map(async |issuer| match &issuer.keys {
        KeySource::Secret(_) | KeySource::Fixed(_) => None,
        KeySource::Remote(remote) => Some((remote.shown().to_owned(), remote.probe().await)),
    }));
    for (issuer, fetched) in issuers.iter().zip(fetched.await) {
        let check = format!("issuer \"{}\"", issuer.name);
        match fetched {
            None => findings.fine(&check, "its keys are in the configuration"),
            Some((url, Ok(keys))) if keys.is_empty() => {
                findings.fail(&check, format!("no key for RS256, ES256 or EdDSA at {url}"));
            }
            Some((url, Ok(keys))) => findings.fine(&check, format!("keys at {url}: {}", keys.len())),
            Some((url, Err(error))) => findings.fail(&check, format!("no keys at {url}: {error}")),
        }
        if issuer.audiences.is_empty() {
            findings.info(&check, "names no audience: only tokens without aud are taken");
        }
    }
}

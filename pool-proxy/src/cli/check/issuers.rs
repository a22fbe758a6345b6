//! The issuers of tokens: can their keys be fetched from here.

use futures_util::future::join_all;
use pool_proxy::auth::Issuer;
use pool_proxy::auth::jwks::KeySource;

use super::finding::Findings;

pub(super) async fn examine(findings: &mut Findings, issuers: &[Issuer]) {
    let fetched = join_all(issuers.iter().map(async |issuer| match &issuer.keys {
        KeySource::Fixed(_) => None,
        KeySource::Remote(remote) => Some((remote.url().to_owned(), remote.probe().await)),
    }));
    for (issuer, fetched) in issuers.iter().zip(fetched.await) {
        let check = format!("issuer \"{}\"", issuer.name);
        match fetched {
            None => findings.fine(&check, "its keys are in the configuration"),
            Some((url, Ok(count))) => findings.fine(&check, format!("{count} keys at {url}")),
            Some((url, Err(error))) => findings.fail(&check, format!("no keys at {url}: {error}")),
        }
        if issuer.audiences.is_empty() {
            findings.info(&check, "names no audience: only tokens without aud are taken");
        }
    }
}

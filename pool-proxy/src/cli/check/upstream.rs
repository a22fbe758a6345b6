//! The upstream of a relay: is it there, and does it speak for a proxy.

use std::time::Duration;

use pool_proxy::drain::Drain;
use pool_proxy::upstream::Upstream;

use super::finding::Findings;

/// How long it may take; the connection has limits of its own.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn examine(upstream: &Upstream) -> Findings {
    let mut findings = Findings::new("upstream");
    let drain = Drain::default();
    let lanes = upstream.connect(&drain);
    let origin = upstream.origin();
    match lanes.probe(PATIENCE).await {
        Ok(()) => findings.fine("reachable", format!("{origin} answers /health")),
        Err(error) => findings.fail("reachable", format!("{origin}: {error}{}", advice(&error))),
    }
    if upstream.is_encrypted() {
        findings.info("TLS", "its certificate is verified");
    }
    findings.info("keys", "a relay has none: its clients' go to the upstream with each request");
    drop(lanes);
    drain.finish(Duration::from_secs(2)).await;
    findings
}

/// What to do about it.
fn advice(error: &str) -> &'static str {
    if error.contains("certificate") {
        "; does upstream.root_cert fit its certificate, and the certificate its name?"
    } else if error.contains("dns") {
        "; is the host's name spelled right, and known here?"
    } else if error.contains("answers") {
        "; is it a pool-proxy, and the public listener?"
    } else {
        "; is the port right, the proxy up, and the way to it open?"
    }
}

//! Traces by OTLP: what a collector is told of requests, and what it can do to them, which is nothing.

mod collector;
mod comments;
mod passed_on;
mod served;
mod trouble;

pub(crate) use collector::{Collector, Span, named};

use harness::ProxyBuilder;

/// A trace whose caller records it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// `traceparent` of that trace.
fn sampled() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

/// A proxy that tells this collector of its requests.
fn told(proxy: ProxyBuilder, collector: &Collector) -> ProxyBuilder {
    proxy.env("POOL_PROXY_TRACE_ENDPOINT", collector.url())
}

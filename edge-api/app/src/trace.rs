//! The trace a request belongs to: its caller's, or one of its own; and what a collector is told of it, by OTLP's JSON
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use pool_client::{Trace, TraceParent, TracedCall};
use serde_json::{Value, json};

use crate::settings::Secret;
use crate::{Settings, Site};

/// Where a collector takes spans, and what it is sent besides.
#[derive(Clone, Debug)]
pub struct Collector {
    /// The whole URL.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, Secret)>,
}

/// What is to be sent to the collector about a request that was answered; found in the answer's extensions.
#[derive(Clone, Debug)]
pub struct TraceReport {
    /// Where to.
    pub collector: Collector,
    /// JSON.
    pub body: String,
}

impl Collector {
    /// Under the base URL of a collector, `http` or `https`. `headers` are `name=value`, with commas between, values percent-encoded where they
    /// need to be.
    ///
    /// # Errors
    /// Which of the two is wrong: the name of the setting, and what it should be.
    pub(crate) fn new(base: &str, headers: Option<&str>) -> Result<Self, (&'static str, &'static str)> {
        let base = base.trim().trim_end_matches('/');
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        let is_base = rest.is_some_and(|rest| {
            !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        if !is_base || base.contains(['?', '#', '@']) {
            return Err((
                "OTLP_ENDPOINT",
                "should be a URL such as https://collector.example.com, without more behind it",
            ));
        }
        let pairs = headers.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let headers: Option<Vec<_>> = pairs.map(header).collect();
        let expected = "should be name=value, with commas between several and %20 for a space";
        let headers = headers.ok_or(("OTLP_HEADERS", expected))?;
        Ok(Self { url: format!("{base}/v1/traces"), headers })
    }
}

fn header(pair: &str) -> Option<(String, Secret)> {
    let (name, value) = pair.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut bytes = value.trim().bytes();
    let mut text = String::new();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        };
        (byte == b' ' || byte.is_ascii_graphic()).then(|| text.push(char::from(byte)))?;
    }
    is_name.then(|| (name, Secret::new(text)))
}

/// A request that is part of a trace.
pub(crate) struct Traced {
    trace: Trace,
    /// The span of its caller, if that has one.
    parent: Option<u64>,
    began: Duration,
    collector: Option<Collector>,
}

impl Traced {
    /// What the headers say, else one of its own where the settings want one.
    pub(crate) fn of(site: &Site, headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all("traceparent").iter();
        let only = given.next().filter(|_| given.next().is_none());
        let parent: Option<TraceParent> = only.and_then(|value| value.to_str().ok()?.parse().ok());
        let Settings { collector, trace_sample, .. } = &*site.settings;
        let collector = collector.clone();
        let began = site.runtime.since_1970();
        let mut random = [0; 32];
        getrandom::fill(&mut random).ok()?;
        let number = |at: usize| random.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
        let own = number(0)?.max(1);
        let span = match parent {
            // Nobody would be told of a span between the two.
            Some(parent) if collector.is_none() || !parent.sampled => parent,
            Some(parent) => TraceParent { span: own, ..parent },
            None => {
                let sample = trace_sample.or(collector.as_ref().map(|_| 1.0))?;
                let trace = u128::from(number(8)?) << 64 | u128::from(number(16)?);
                // 52 bits, from 0 on and below 1.
                let dice = f64::from_bits(0x3ff << 52 | number(24)? >> 12) - 1.0;
                TraceParent { trace: trace.max(1), span: own, sampled: dice < sample }
            }
        };
        let trace = if collector.is_some() { Trace::new(span, began) } else { Trace::passing_on(span) };
        Some(Self { trace, parent: parent.map(|parent| parent.span), began, collector })
    }

    /// For the calls of the proxy.
    pub(crate) fn trace(&self) -> Trace {
        self.trace.clone()
    }

    /// What a collector is to be told, if there is one and the trace is recorded.
    pub(crate) fn report(
        self,
        site: &Site,
        (method, route): (&str, Option<&str>),
        (status, id): (StatusCode, &str),
    ) -> Option<TraceReport> {
        let own = self.trace.parent();
        let collector = self.collector.filter(|_| own.sampled)?;
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes = vec![
            text("http.request.method", method),
            number("http.response.status_code", status.as_u16()),
            text("pool_proxy.request_id", id),
        ];
        attributes.extend(route.map(|route| text("http.route", route)));
        let failed = status.is_server_error();
        if failed {
            attributes.push(text("error.type", status.as_str()));
        }
        let moments = (self.began, site.runtime.since_1970());
        let mut spans = vec![span(own, (own.span, self.parent), (&name, 2), moments, (attributes, failed))];
        spans.extend(self.trace.calls().iter().map(|call| of_call(own, call)));
        let name = site.settings.service_name.as_str();
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", name), text("service.version", env!("CARGO_PKG_VERSION"))] },
            "scopeSpans": [{ "scope": { "name": "edge-api" }, "spans": spans }],
        }] });
        Some(TraceReport { collector, body: body.to_string() })
    }
}

fn of_call(own: TraceParent, call: &TracedCall) -> Value {
    let mut attributes = vec![text("http.request.method", call.method), text("url.template", call.path)];
    attributes.extend(call.status.map(|status| number("http.response.status_code", status)));
    let failed = call.status.is_none_or(|status| status >= 400);
    if failed {
        attributes.push(text("error.type", &call.status.map_or("unanswered".to_owned(), |status| status.to_string())));
    }
    let name = format!("{} {}", call.method, call.path);
    span(own, (call.span, Some(own.span)), (&name, 3), (call.began, call.ended), (attributes, failed))
}

fn span(
    own: TraceParent,
    (id, parent): (u64, Option<u64>),
    (name, kind): (&str, u8),
    (began, ended): (Duration, Duration),
    (attributes, failed): (Vec<Value>, bool),
) -> Value {
    let mut span = json!({
        "traceId": format!("{:032x}", own.trace),
        "spanId": format!("{id:016x}"),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": began.as_nanos().to_string(),
        "endTimeUnixNano": ended.max(began).as_nanos().to_string(),
        "attributes": attributes,
        "status": if failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    span
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u16) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::Collector;

    #[test]
    fn a_collector_is_a_url_and_headers() {
        let collector =
            Collector::new("https://c.example.com/otlp/", Some("Authorization=Bearer%20secret,x-a=b")).unwrap();
        assert_eq!(collector.url, "https://c.example.com/otlp/v1/traces");
        let headers: Vec<_> = collector.headers.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
        assert_eq!(headers, [("authorization", "Bearer secret"), ("x-a", "b")]);
        assert!(!format!("{collector:?}").contains("secret"));
        for (base, headers, expected) in [
            ("collector:4318", None, "OTLP_ENDPOINT"),
            ("https://", None, "OTLP_ENDPOINT"),
            ("https://user@c", None, "OTLP_ENDPOINT"),
            ("https://c?key=1", None, "OTLP_ENDPOINT"),
            ("https://c", Some("authorization"), "OTLP_HEADERS"),
            ("https://c", Some("a=%0d%0a"), "OTLP_HEADERS"),
            ("https://c", Some("a=%4"), "OTLP_HEADERS"),
            ("https://c", Some("a b=c"), "OTLP_HEADERS"),
        ] {
            assert_eq!(Collector::new(base, headers).unwrap_err().0, expected, "{base} {headers:?}");
        }
    }

    #[test]
    fn whatever_is_said_of_headers_is_taken_or_refused() {
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let mut text = b"authorization=Bearer%20x,x-team=db".to_vec();
            dice.spoil(&mut text, &["=", ",", "%", "%0d", "\u{e9}", " ", "a=b,"]);
            let Ok(text) = String::from_utf8(text) else { continue };
            if let Ok(collector) = Collector::new("http://c", Some(&text)) {
                let visible = |value: &str| value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
                assert!(collector.headers.iter().all(|(_, value)| visible(value.reveal())));
            }
        }
    }
}

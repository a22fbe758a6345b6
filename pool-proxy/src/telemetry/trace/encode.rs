//! Spans as OTLP's JSON: the protobuf's fields in camelCase, ids as hexadecimal digits, 64-bit numbers as text
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::span::{Kind, Span, Value};

/// What all spans of the process have in common.
#[derive(Debug, Clone)]
pub(super) struct Resource(Vec<(&'static str, Value)>);

impl Resource {
    /// `region` and `instance` may be empty.
    pub(super) fn new(service_name: &str, (region, instance): (&str, &str)) -> Self {
        let mut attributes: Vec<(&'static str, Value)> = vec![
            ("service.name", service_name.to_owned().into()),
            ("service.version", env!("CARGO_PKG_VERSION").into()),
        ];
        let more = [("service.instance.id", instance), ("pool_proxy.region", region)];
        let said = more.into_iter().filter(|(_, value)| !value.is_empty());
        attributes.extend(said.map(|(key, value)| (key, Value::from(value.to_owned()))));
        Self(attributes)
    }

    /// An `ExportTraceServiceRequest`.
    pub(super) fn request(&self, spans: &[Span]) -> Vec<u8> {
        let spans: Vec<AsJson<'_>> = spans.iter().map(AsJson).collect();
        let request = Request {
            resource_spans: [ResourceSpans {
                resource: Attributed { attributes: Attributes(&self.0) },
                scope_spans: [ScopeSpans {
                    scope: json!({ "name": "pool-proxy", "version": env!("CARGO_PKG_VERSION") }),
                    spans,
                }],
            }],
        };
        // Nothing in it can fail to be written.
        serde_json::to_vec(&request).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'s> {
    resource_spans: [ResourceSpans<'s>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'s> {
    resource: Attributed<'s>,
    scope_spans: [ScopeSpans<'s>; 1],
}

#[derive(Serialize)]
struct Attributed<'s> {
    attributes: Attributes<'s>,
}

#[derive(Serialize)]
struct ScopeSpans<'s> {
    scope: serde_json::Value,
    spans: Vec<AsJson<'s>>,
}

struct Attributes<'s>(&'s [(&'static str, Value)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => json!({ "stringValue": text }),
                Value::Number(number) => json!({ "intValue": number.to_string() }),
            };
            json!({ "key": key, "value": value })
        }))
    }
}

struct AsJson<'s>(&'s Span);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(span) = self;
        let mut object = serializer.serialize_struct("Span", 10)?;
        object.serialize_field("traceId", &format_args!("{:032x}", span.trace))?;
        object.serialize_field("spanId", &format_args!("{:016x}", span.id))?;
        match span.parent {
            Some(parent) => object.serialize_field("parentSpanId", &format_args!("{parent:016x}"))?,
            None => object.skip_field("parentSpanId")?,
        }
        object.serialize_field("name", &span.name)?;
        let kind = match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
        };
        object.serialize_field("kind", &kind)?;
        object.serialize_field("startTimeUnixNano", &span.start.to_string())?;
        object.serialize_field("endTimeUnixNano", &span.end.to_string())?;
        object.serialize_field("attributes", &Attributes(&span.attributes))?;
        // 2 is STATUS_CODE_ERROR; that all went well is for the caller to say.
        let status = if span.failed { json!({ "code": 2 }) } else { json!({}) };
        object.serialize_field("status", &status)?;
        // It is sampled, and of its parent it is known whether that is another process's (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
        let is_remote = span.parent.is_some() && span.kind == Kind::Server;
        object.serialize_field("flags", &if is_remote { 0x301 } else { 0x101 })?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Resource, Span};

    #[test]
    fn it_is_written_as_the_specification_says() {
        let span = Span {
            trace: 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c,
            id: 0xeee1_9b7e_c3c1_b174,
            parent: Some(1),
            name: "POST /sql".into(),
            kind: Kind::Server,
            start: 1_544_712_660_000_000_000,
            end: 1_544_712_661_000_000_000,
            attributes: vec![("http.response.status_code", 200.into()), ("http.route", "/sql".into())],
            failed: true,
        };
        let text = Resource::new("shop", ("fra", "")).request(&[span]);
        let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let expected = serde_json::json!({ "resourceSpans": [{
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": "shop" } },
                { "key": "service.version", "value": { "stringValue": env!("CARGO_PKG_VERSION") } },
                { "key": "pool_proxy.region", "value": { "stringValue": "fra" } },
            ] },
            "scopeSpans": [{
                "scope": { "name": "pool-proxy", "version": env!("CARGO_PKG_VERSION") },
                "spans": [{
                    "traceId": "5b8efff798038103d269b633813fc60c",
                    "spanId": "eee19b7ec3c1b174",
                    "parentSpanId": "0000000000000001",
                    "name": "POST /sql",
                    "kind": 2,
                    "startTimeUnixNano": "1544712660000000000",
                    "endTimeUnixNano": "1544712661000000000",
                    "attributes": [
                        { "key": "http.response.status_code", "value": { "intValue": "200" } },
                        { "key": "http.route", "value": { "stringValue": "/sql" } },
                    ],
                    "status": { "code": 2 },
                    "flags": 0x301,
                }],
            }],
        }] });
        assert_eq!(found, expected);
    }
}

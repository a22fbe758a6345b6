//! Where traces go: our settings, and those that every program has.

use super::{ENOUGH, load};
use crate::config::tests::faults::check;
use crate::telemetry::trace::TraceConfig;

fn read(file: &str, variables: &[(&str, &str)]) -> (Option<TraceConfig>, Vec<String>) {
    let (config, _) = load(file, &[&ENOUGH[..], variables].concat()).unwrap();
    (config.trace, config.warnings)
}

#[test]
fn ours_win() {
    let otel = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=geheim"),
        ("OTEL_SERVICE_NAME", "theirs"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let (trace, warnings) = read("", &otel);
    let trace = trace.unwrap();
    assert_eq!(trace.endpoint.uri(), "http://theirs:4318/v1/traces");
    assert_eq!((trace.sample, &*trace.service_name, trace.sql_comment), (0.25, "theirs", false));
    assert!(!trace.headers.is_empty() && warnings.iter().any(|warning| warning.contains("plain HTTP")), "{warnings:?}");

    let file = "[trace]\nendpoint = \"http://ours:4318\"\nservice_name = \"ours\"\nsample = 0.5\nsql_comment = true\n";
    let (trace, warnings) = read(file, &otel);
    let trace = trace.unwrap();
    assert_eq!(trace.endpoint.uri(), "http://ours:4318/v1/traces");
    assert_eq!((trace.sample, &*trace.service_name, trace.sql_comment), (0.5, "ours", true));
    // Their collector's key is not for ours.
    assert!(trace.headers.is_empty() && warnings.is_empty(), "{warnings:?}");

    let variables = [("POOL_PROXY_TRACE_ENDPOINT", "https://last"), ("POOL_PROXY_TRACE_SAMPLE", "0")];
    let trace = read(file, &[&otel[..], &variables].concat()).0.unwrap();
    assert_eq!((trace.endpoint.uri().to_string(), trace.sample), ("https://last/v1/traces".to_owned(), 0.0));
}

#[test]
fn what_others_say_is_taken_as_the_specification_has_it() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://whole/as/it/is");
    assert_eq!(read("", &[endpoint, whole]).0.unwrap().endpoint.uri(), "http://whole/as/it/is");
    for (sampler, sample) in
        [("always_on", 1.0), ("parentbased_always_off", 0.0), ("traceidratio", 1.0), ("jaeger", 1.0)]
    {
        let (trace, warnings) = read("", &[endpoint, ("OTEL_TRACES_SAMPLER", sampler)]);
        assert!((trace.unwrap().sample - sample).abs() < f64::EPSILON, "{sampler}");
        assert_eq!(warnings.len(), usize::from(sampler == "jaeger"), "{warnings:?}");
    }
    assert!(read("", &[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).0.is_none());
    for (name, value) in [("OTEL_TRACES_EXPORTER", "console,zipkin"), ("OTEL_SDK_DISABLED", "TRUE")] {
        assert!(read("", &[endpoint, (name, value)]).0.is_none(), "{name}");
    }
    let (general, special) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    let (trace, warnings) = read("", &[endpoint, (general, "grpc")]);
    assert!(trace.is_none() && warnings.len() == 1, "{warnings:?}");
    let (trace, warnings) = read("", &[endpoint, (general, "grpc"), (special, "http/protobuf")]);
    assert!(trace.is_some() && warnings.is_empty(), "{warnings:?}");
    let (trace, warnings) = read("", &[endpoint, (special, "grpc")]);
    assert!(trace.is_none() && warnings.len() == 1, "{warnings:?}");
    // The part of all is for ours, too.
    let ours = ("POOL_PROXY_TRACE_ENDPOINT", "http://ours:4318");
    let part = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.01")];
    assert!((read("", &[ours, part[0], part[1]]).0.unwrap().sample - 0.01).abs() < f64::EPSILON);
}

#[test]
fn what_others_say_keeps_nothing_from_starting() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    for (variables, expected) in [
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")][..], "OTEL_EXPORTER_OTLP_ENDPOINT has no effect"),
        (&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "geheim")], "OTEL_EXPORTER_OTLP_HEADERS cannot be read"),
    ] {
        let (trace, warnings) = read("", variables);
        assert!(trace.is_none() && warnings.len() == 1 && warnings[0].starts_with(expected), "{warnings:?}");
        assert!(!warnings[0].contains("geheim"), "{warnings:?}");
    }
    let sampler = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "few")];
    let (trace, warnings) = read("", &[endpoint, sampler[0], sampler[1]]);
    assert!((trace.unwrap().sample - 1.0).abs() < f64::EPSILON && warnings.len() == 1, "{warnings:?}");
}

#[test]
fn without_a_collector_the_rest_has_no_effect() {
    let (trace, warnings) = read("[trace]\nsample = 0.5\nheaders = \"a=geheim\"\n", &[("OTEL_SERVICE_NAME", "x")]);
    assert!(trace.is_none());
    assert_eq!(
        warnings,
        [
            "trace.headers (FILE:3) has no effect: there is no trace.endpoint",
            "trace.sample (FILE:2) has no effect: there is no trace.endpoint"
        ]
    );
}

#[test]
fn what_cannot_be_used_is_told_and_no_secret_is() {
    let one = |name: &str, value: &str, expected: &str| {
        let endpoint = ("POOL_PROXY_TRACE_ENDPOINT", "http://c:4318");
        let given = (name, value);
        let variables = if name == endpoint.0 { vec![given] } else { vec![endpoint, given] };
        check("", &[&ENOUGH[..], &variables].concat(), &[expected]);
    };
    one(
        "POOL_PROXY_TRACE_ENDPOINT",
        "collector:4318",
        "trace.endpoint = collector:4318 (POOL_PROXY_TRACE_ENDPOINT): expected",
    );
    one(
        "POOL_PROXY_TRACE_ENDPOINT",
        "https://geheim@c",
        "trace.endpoint = [hidden] (POOL_PROXY_TRACE_ENDPOINT): expected",
    );
    one(
        "POOL_PROXY_TRACE_HEADERS",
        "geheim",
        "trace.headers = [hidden] (POOL_PROXY_TRACE_HEADERS): expected name=value",
    );
    one(
        "POOL_PROXY_TRACE_SAMPLE",
        "1.5",
        "trace.sample = 1.5 (POOL_PROXY_TRACE_SAMPLE): expected a number from 0 to 1",
    );
    one(
        "POOL_PROXY_TRACE_SAMPLE",
        "NaN",
        "trace.sample = NaN (POOL_PROXY_TRACE_SAMPLE): expected a number from 0 to 1",
    );
    one(
        "POOL_PROXY_TRACE_SQL_COMMENT",
        "yes",
        "trace.sql_comment = yes (POOL_PROXY_TRACE_SQL_COMMENT): expected true or",
    );
}

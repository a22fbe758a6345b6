//! Traces: the collector, and how much it is told. The variables that OpenTelemetry has for every program
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>) hold where nothing of ours does.

use super::fault::HIDDEN;
use super::file::File;
use super::origin::Origin;
use super::reader::{Given, Read, Reader, Show};
use super::sources;
use super::value::Value;
use crate::telemetry::trace::{Endpoint, TraceConfig, TraceHeaders};

const ENDPOINT: &str = "trace.endpoint";
const HEADERS: &str = "trace.headers";
const SAMPLE: &str = "trace.sample";
const SQL_COMMENT: &str = "trace.sql_comment";
const SERVICE_NAME: &str = "trace.service_name";

/// A part of all.
#[derive(Clone, Copy)]
struct Ratio(f64);

impl Value for Ratio {
    fn parse(text: &str) -> Result<Self, String> {
        let number = text.trim().parse().ok().filter(|number| (0.0..=1.0).contains(number));
        number.map(Self).ok_or_else(|| "expected a number from 0 to 1".to_owned())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The traces that are wanted, if any are.
pub(super) fn read(reader: &mut Reader<'_>, file: &File) -> Option<TraceConfig> {
    let section = &file.trace;
    let own = reader.variable(sources::TRACE_ENDPOINT).or_else(|| reader.line(&section.endpoint));
    let headers = reader.variable(sources::TRACE_HEADERS).or_else(|| reader.line(&section.headers));
    let sample = [reader.variable(sources::TRACE_SAMPLE), reader.line(&section.sample)];
    let comments = [reader.variable(sources::TRACE_SQL_COMMENT), reader.line(&section.sql_comment)];
    let name = [reader.line(&section.service_name), reader.variable(sources::OTEL_SERVICE_NAME)];
    let (at, headers, fallback) = match own {
        Some(own) => (Some((own, true)), headers, sampler(reader)),
        None => match standard(reader) {
            // A key for that collector is for that one alone.
            Some((at, keys)) => (Some(at), headers.or(keys), sampler(reader)),
            None => (None, headers, None),
        },
    };
    let Some((given, is_base)) = at else {
        let [variable, line] = sample;
        let [comment_variable, comment_line] = comments;
        let [service_line, _] = name;
        let idle = [
            (HEADERS, headers),
            (SAMPLE, variable.or(line)),
            (SQL_COMMENT, comment_variable.or(comment_line)),
            (SERVICE_NAME, service_line),
        ];
        for (key, given) in idle {
            if let Some(given) = given {
                reader.warn(format!("{key} ({}) has no effect: there is no {ENDPOINT}", given.origin));
            }
        }
        reader.note_text(ENDPOINT, "off", &Origin::Default);
        return None;
    };
    let endpoint = endpoint(reader, &given, is_base);
    let headers = match headers {
        None => Some(TraceHeaders::default()),
        Some(given) => read_headers(reader, &given),
    };
    if let (Some(endpoint), Some(headers)) = (&endpoint, &headers)
        && !headers.is_empty()
        && !endpoint.is_encrypted()
        && !endpoint.is_local()
    {
        reader.warn(format!(
            "{ENDPOINT} = {} ({}) speaks plain HTTP: the values of {HEADERS} can be read on the way; take https",
            endpoint.uri(),
            given.origin
        ));
    }
    let [variable, line] = sample;
    let sample: Read<Ratio> = reader.read(SAMPLE, [variable, line, fallback], Ratio(1.0));
    let sql_comment: Read<bool> = reader.read(SQL_COMMENT, comments, false);
    let name: Read<String> = reader.read(SERVICE_NAME, name, "pool-proxy".to_owned());
    Some(TraceConfig {
        endpoint: endpoint?,
        headers: headers?,
        sample: sample.value.0,
        sql_comment: sql_comment.value,
        service_name: name.value.into(),
    })
}

fn endpoint(reader: &mut Reader<'_>, given: &Given, is_base: bool) -> Option<Endpoint> {
    let text = given.text.trim();
    match if is_base { Endpoint::under(text) } else { Endpoint::at(text) } {
        Ok(endpoint) => {
            reader.note_text(ENDPOINT, endpoint.uri().to_string(), &given.origin);
            Some(endpoint)
        }
        Err(problem) => {
            // What is more than an address may hold a key.
            let show = if text.contains(['?', '@', '#']) { Show::Hidden } else { Show::Plain };
            reader.fault(ENDPOINT, Some((given, show)), problem.to_string());
            None
        }
    }
}

fn read_headers(reader: &mut Reader<'_>, given: &Given) -> Option<TraceHeaders> {
    let headers = TraceHeaders::parse(&given.text);
    match &headers {
        Some(_) => reader.note_text(HEADERS, HIDDEN, &given.origin),
        None => reader.fault(
            HEADERS,
            Some((given, Show::Hidden)),
            "expected name=value, with commas between several and %20 and the like where a value needs it",
        ),
    }
    headers
}

/// The collector that OpenTelemetry's variables name and whether that is a base, with the headers for it. They may be there for other
/// programs, so what cannot be used of them has no effect, and a warning says so.
fn standard(reader: &mut Reader<'_>) -> Option<((Given, bool), Option<Given>)> {
    let is_disabled = |given: Given| given.text.trim().eq_ignore_ascii_case("true");
    let speaks_otlp = |given: Given| given.text.split(',').any(|exporter| exporter.trim() == "otlp");
    if reader.variable(sources::OTEL_DISABLED).is_some_and(is_disabled)
        || !reader.variable(sources::OTEL_TRACES_EXPORTER).is_none_or(speaks_otlp)
    {
        return None;
    }
    let whole = reader.variable(sources::OTEL_TRACES_ENDPOINT).map(|given| (given, false));
    let at = whole.or_else(|| reader.variable(sources::OTEL_ENDPOINT).map(|given| (given, true)))?;
    let protocol = [sources::OTEL_TRACES_PROTOCOL, sources::OTEL_PROTOCOL];
    if let Some(given) = protocol.into_iter().find_map(|name| reader.variable(name))
        && given.text.trim() == "grpc"
    {
        reader.warn(format!(
            "{} has no effect: {} asks for gRPC, and traces are sent by HTTP; set {ENDPOINT}",
            at.0.origin, given.origin
        ));
        return None;
    }
    let headers = reader.variable(sources::OTEL_TRACES_HEADERS).or_else(|| reader.variable(sources::OTEL_HEADERS));
    let (given, is_base) = &at;
    let text = given.text.trim();
    if let Err(problem) = if *is_base { Endpoint::under(text) } else { Endpoint::at(text) } {
        reader.warn(format!("{} has no effect: {problem}", given.origin));
        return None;
    }
    if let Some(headers) = headers.as_ref().filter(|headers| TraceHeaders::parse(&headers.text).is_none()) {
        reader.warn(format!("{} cannot be read, so {} has no effect", headers.origin, given.origin));
        return None;
    }
    Some((at, headers))
}

/// The part that OpenTelemetry's sampler takes. That a caller decides for its own trace is not for it to change.
fn sampler(reader: &mut Reader<'_>) -> Option<Given> {
    let given = reader.variable(sources::OTEL_SAMPLER)?;
    let part = match given.text.trim().trim_start_matches("parentbased_") {
        "always_on" => "1",
        "always_off" => "0",
        "traceidratio" => {
            let part = reader.variable(sources::OTEL_SAMPLER_ARG)?;
            return match Ratio::parse(&part.text) {
                Ok(_) => Some(part),
                Err(problem) => {
                    reader.warn(format!("{} has no effect: {problem}", part.origin));
                    None
                }
            };
        }
        _ => {
            reader.warn(format!("{} names a sampler that is not known here and has no effect", given.origin));
            return None;
        }
    };
    Some(Given { text: part.to_owned(), origin: given.origin })
}

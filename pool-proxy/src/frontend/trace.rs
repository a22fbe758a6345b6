//! Which request it is: its id, and the caller's trace: W3C `traceparent` (<https://www.w3.org/TR/trace-context/#traceparent-header>).

use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::heads::{Heads, Marks, Name};
use crate::error::Failure;
use crate::gateway::call::Origin;
use crate::telemetry::trace::{Parent, Recording};

pub(super) static TRACEPARENT: Name = Name::of("traceparent");
/// What vendors add to it.
pub(super) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A trace that a request belongs to.
#[derive(Debug, Clone)]
pub struct Trace(HeaderValue);

impl Trace {
    /// The one that the headers name; one that is malformed, or named twice, is none.
    pub fn of(headers: Heads<'_>) -> Option<Self> {
        let mut all = headers.get_all(&TRACEPARENT);
        let value = all.next()?;
        (all.next().is_none() && is_valid(value.as_bytes())).then(|| Self(value.clone()))
    }

    /// Its id: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        self.0.to_str().ok().and_then(|text| text.get(3..35)).unwrap_or_default()
    }

    /// Whether its caller records it.
    pub fn is_sampled(&self) -> bool {
        // The last bit of two hexadecimal digits.
        self.0
            .as_bytes()
            .get(54)
            .is_some_and(|digit| matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'))
    }

    /// The span of its caller.
    pub fn parent(&self) -> Option<Parent> {
        let text = self.0.to_str().ok()?;
        let trace = u128::from_str_radix(text.get(3..35)?, 16).ok()?;
        Some(Parent { trace, span: u64::from_str_radix(text.get(36..52)?, 16).ok()? })
    }
}

/// Which request it is.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'r> {
    /// When it came.
    pub arrived: Instant,
    /// The names of its headers.
    pub names: Marks,
    /// Its id.
    pub id: &'r HeaderValue,
    /// The id of the trace it belongs to.
    pub trace: Option<&'r str>,
    /// Where it is recorded, if it is.
    pub recording: Option<&'r Arc<Recording>>,
}

impl Mark<'_> {
    /// For whoever needs it beyond the request.
    pub fn origin(self) -> Origin {
        Origin {
            request_id: self.id.to_str().unwrap_or_default().into(),
            trace_id: self.trace.map(Into::into),
            recording: self.recording.cloned(),
        }
    }
}

impl Mark<'_> {
    /// Says what Postgres has refused it for, where it is recorded.
    pub fn failed(&self, failure: &Failure) {
        if let (Some(recording), Some(code)) = (self.recording, failure.code()) {
            recording.note("error.type", code.to_owned());
        }
    }

    /// Says whose request it is, where it is recorded.
    pub fn is_of(self, key: &str, database: &str) {
        if let Some(recording) = self.recording {
            recording.note("pool_proxy.key", key.to_owned());
            recording.note("db.namespace", database.to_owned());
        }
    }
}

/// `version-trace-parent-flags`. Versions to come may have more behind a further dash; `ff` is none.
fn is_valid(value: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let some = |part: &[u8]| hex(part) && part.iter().any(|c| *c != b'0');
    let Some((known, rest)) = value.split_at_checked(55) else { return false };
    let ends = if known.starts_with(b"00") { rest.is_empty() } else { rest.is_empty() || rest.starts_with(b"-") };
    ends && [2, 35, 52].iter().all(|dash| known[*dash] == b'-')
        && hex(&known[..2])
        && !known.starts_with(b"ff")
        && some(&known[3..35])
        && some(&known[36..52])
        && hex(&known[53..])
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::header::HeaderValue;

    use super::{Heads, TRACEPARENT, Trace, is_valid};

    #[test]
    fn only_what_the_standard_allows_is_a_trace() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for (text, expected) in [
            (format!("00-{trace}-{parent}-01"), true),
            (format!("00-{trace}-{parent}-00"), true),
            (format!("cc-{trace}-{parent}-01"), true),
            (format!("cc-{trace}-{parent}-01-what-comes"), true),
            (format!("cc-{trace}-{parent}-01.what-comes"), false),
            (format!("00-{trace}-{parent}-01-more"), false),
            (format!("ff-{trace}-{parent}-01"), false),
            (format!("00-{}-{parent}-01", trace.to_uppercase()), false),
            (format!("00-{}-{parent}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{parent}-0"), false),
            (format!("00-{trace}-{parent}-0g"), false),
            (format!("00_{trace}-{parent}-01"), false),
            (String::new(), false),
        ] {
            assert_eq!(is_valid(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn whatever_comes_has_an_id_of_32_digits_or_none() {
        let mut dice = Dice::new();
        let of = |value: &[u8]| {
            let header = HeaderValue::from_bytes(value).ok()?;
            Trace::of(Heads::of(&[(TRACEPARENT.clone(), header)].into_iter().collect()))
                .map(|trace| trace.id().to_owned())
        };
        for number in 0..cases(20_000) {
            let (trace, parent) = (u128::from(dice.bits()) << 64 | 1, dice.bits() | 1);
            let mut text = format!("00-{trace:032x}-{parent:016x}-{:02x}", dice.below(256)).into_bytes();
            assert_eq!(of(&text), Some(format!("{trace:032x}")));
            match number % 4 {
                0 => text = dice.bytes(80),
                _ => dice.spoil(&mut text, &["-", "0", "ff", "é", "00-", "g"]),
            }
            let header = HeaderValue::from_bytes(&text).ok();
            let trace =
                header.and_then(|header| Trace::of(Heads::of(&[(TRACEPARENT.clone(), header)].into_iter().collect())));
            if let Some(trace) = trace {
                let parent = trace.parent().unwrap();
                assert!(parent.trace != 0 && parent.span != 0 && format!("{:032x}", parent.trace) == trace.id());
                let flags = std::str::from_utf8(&text[53..55]).unwrap();
                assert_eq!(trace.is_sampled(), u8::from_str_radix(flags, 16).unwrap() & 1 == 1);
            }
            if let Some(id) = of(&text) {
                assert!(id.len() == 32 && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{id}");
            }
        }
    }
}

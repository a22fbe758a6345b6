//! The trace that the requests of a client belong to (<https://www.w3.org/TR/trace-context/>).

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::transport::{Request, Transport};

pub(crate) const HEADER: &str = "traceparent";

/// A span, as `traceparent` names it: `00-<trace>-<span>-<flags>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace's id, not zero.
    pub trace: u128,
    /// The span's id, not zero.
    pub span: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// A text that names no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no traceparent")]
pub struct TraceParentError;

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Versions to come may have more behind a further dash; `ff` is none.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let mut parts = text.split('-');
        let mut next = |length: usize| {
            let digits = |part: &&str| part.len() == length && part.bytes().all(|digit| HEX.contains(&digit));
            parts.next().filter(digits).ok_or(TraceParentError)
        };
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let number = |_| TraceParentError;
        let trace = u128::from_str_radix(trace, 16).map_err(number)?;
        let span = u64::from_str_radix(span, 16).map_err(number)?;
        let flags = u8::from_str_radix(flags, 16).map_err(number)?;
        let is_one = version != "ff" && trace != 0 && span != 0 && (version != "00" || parts.next().is_none());
        if is_one { Ok(Self { trace, span, sampled: flags & 1 == 1 }) } else { Err(TraceParentError) }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// A trace for the requests of a client. Where it is sampled, each request that is sent has a span of its own, which the proxy takes for
/// the parent of its own; [`calls`](Self::calls) tells them. Cheap to clone: clones are one trace.
#[derive(Clone)]
pub struct Trace {
    parent: TraceParent,
    /// Since 1970.
    began: Duration,
    /// None where nobody is told of them.
    calls: Option<Arc<Mutex<Vec<TracedCall>>>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.parent.to_string()).finish()
    }
}

/// A request that was sent to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedCall {
    /// The id of its span.
    pub span: u64,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Such as `/sql`.
    pub path: &'static str,
    /// When it was sent, since 1970.
    pub began: Duration,
    /// When its answer was there, or was given up.
    pub ended: Duration,
    /// The answer's status; `None` if there was no answer.
    pub status: Option<u16>,
}

impl Trace {
    /// Within this span of the caller's, at this moment since 1970: from it all other moments are counted.
    pub fn new(parent: TraceParent, now: Duration) -> Self {
        Self { parent, began: now, calls: Some(Arc::default()) }
    }

    /// The same where nobody is told of calls: they have no spans of their own, and the proxy's are within the caller's.
    pub fn passing_on(parent: TraceParent) -> Self {
        Self { parent, began: Duration::ZERO, calls: None }
    }

    /// The span that all calls are within.
    pub fn parent(&self) -> TraceParent {
        self.parent
    }

    /// Those that were sent so far, if the trace is sampled.
    pub fn calls(&self) -> Vec<TracedCall> {
        let calls = self.calls.as_ref();
        calls.map(|calls| calls.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}

/// The trace of a client, and when that was given to it by the clock of its transport.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    trace: Trace,
    since: Duration,
}

impl Traced {
    pub(crate) fn new(trace: Trace, transport: &dyn Transport) -> Self {
        Self { trace, since: transport.now() }
    }

    /// The request, as part of the trace; and its span, if it is recorded.
    pub(crate) fn begin(&self, request: &Request, transport: &dyn Transport) -> (Request, Option<TracedCall>) {
        let mut parent = self.trace.parent;
        let mut call = None;
        if parent.sampled && self.trace.calls.is_some() {
            parent.span = transport.random().max(1);
            let began = self.now(transport);
            let Request { method, path, .. } = *request;
            call = Some(TracedCall { span: parent.span, method, path, began, ended: began, status: None });
        }
        (request.clone().with(HEADER, parent.to_string()), call)
    }

    /// It has ended.
    pub(crate) fn end(&self, call: Option<TracedCall>, status: Option<u16>, transport: &dyn Transport) {
        if let (Some(call), Some(calls)) = (call, &self.trace.calls) {
            let call = TracedCall { status, ended: self.now(transport), ..call };
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        }
    }

    fn now(&self, transport: &dyn Transport) -> Duration {
        self.trace.began.saturating_add(transport.now().saturating_sub(self.since))
    }
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::TraceParent;

    #[test]
    fn a_traceparent_is_read_and_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!((parent.sampled, parent.to_string().as_str()), (true, text));
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02-what-comes";
        assert!(!later.parse::<TraceParent>().unwrap().sampled);
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(wrong.parse::<TraceParent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn whatever_is_read_is_written_as_it_was() {
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let mut text =
                format!("00-{:032x}-{:016x}-01", u128::from(dice.bits()) + 1, dice.bits().max(1)).into_bytes();
            dice.spoil(&mut text, &["-", "0", "ff", "\u{e9}", "00-", "g"]);
            let Ok(text) = String::from_utf8(text) else { continue };
            if let Ok(parent) = text.parse::<TraceParent>() {
                assert_eq!(parent.to_string()[3..52], text[3..52]);
            }
        }
    }
}

//! The statements of a plan as clients that log their queries read them: events in the `extensions` of an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::json::Object;

/// What was run so far. Clones are the same log, so that it can be read when a plan has failed.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

/// A statement that was run.
#[derive(Debug)]
pub(super) struct Event {
    query: Arc<str>,
    /// A JSON list.
    params: String,
    /// When it was sent.
    at: Duration,
    /// Until its result was there; of statements in one flight, until all were.
    took: Duration,
}

impl Log {
    /// All of it, each statement as JSON, in the order in which they were sent.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.events()).iter().map(Event::to_json).collect()
    }

    pub(super) fn push(&self, event: Event) {
        self.events().push(event);
    }

    pub(super) fn clear(&self) {
        self.events().clear();
    }

    fn events(&self) -> std::sync::MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    /// Clients read the duration under one name, and the reference writes it under another.
    fn to_json(&self) -> String {
        let ended = self.at + self.took;
        let millis = format!("{:.3}", self.took.as_secs_f64() * 1000.0);
        let mut attributes = Object::new();
        attributes.json("timestamp", &self.at.as_millis().to_string());
        attributes.json("duration", &millis);
        attributes.json("duration_ms", &millis);
        attributes.text("query", &self.query);
        attributes.text("params", &self.params);
        let mut event = Object::new();
        event.text("level", "query");
        // Of a trace of its own: no two events may have the same.
        event.text("spanId", &format!("{:032x}-{:016x}", rand::random::<u128>(), rand::random::<u64>()));
        event.json("timestamp", &format!("[{},{}]", ended.as_secs(), ended.subsec_nanos()));
        event.text("message", "Query");
        event.json("attributes", &attributes.finish());
        event.finish()
    }
}

/// A flight of statements whose end is not known yet.
#[derive(Debug)]
pub struct Started {
    at: Duration,
    since: Instant,
}

impl Started {
    /// One that is sent now.
    pub fn now() -> Self {
        Self { at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), since: Instant::now() }
    }

    /// A statement of it without parameters, which has its result, as JSON.
    pub fn told(&self, command: &str) -> String {
        self.ended(command.into(), "[]".to_owned()).to_json()
    }

    /// A statement of it, which has its result.
    pub(super) fn ended(&self, query: Arc<str>, params: String) -> Event {
        Event { query, params, at: self.at, took: self.since.elapsed() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Event, Log};

    #[test]
    fn an_event_has_what_clients_read() {
        let log = Log::default();
        let (at, took) = (Duration::from_millis(1_795_364_909_254), Duration::from_micros(3553));
        log.clone().push(Event { query: "SELECT \"a\"".into(), params: "[1,\"x\"]".to_owned(), at, took });
        let events = log.take();
        assert!(log.take().is_empty());
        let mut event: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
        let span = event["spanId"].take();
        assert_eq!(span.as_str().map(str::len), Some(49));
        assert_eq!(
            event,
            serde_json::json!({
                "level": "query", "spanId": null, "timestamp": [1_795_364_909, 257_553_000], "message": "Query",
                "attributes": {
                    "timestamp": 1_795_364_909_254_u64, "duration": 3.553, "duration_ms": 3.553,
                    "query": "SELECT \"a\"", "params": "[1,\"x\"]"
                },
            })
        );
    }
}

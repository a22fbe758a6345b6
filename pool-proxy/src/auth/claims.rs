//! What a token says, each claim in the very characters it came in: a number of many digits keeps them all.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use serde_json::value::RawValue;

use super::jwt::LEEWAY;

/// The claims of a token.
#[derive(Debug)]
pub(super) struct Claims {
    texts: BTreeMap<String, Box<RawValue>>,
    values: Value,
}

impl Claims {
    /// `None` if they are no object.
    pub(super) fn parse(json: &RawValue) -> Option<Self> {
        let texts = serde_json::from_str(json.get()).ok()?;
        let values = serde_json::from_str(json.get()).ok()?;
        Some(Self { texts, values })
    }

    /// The claim of this name, or at this path if it begins with a slash (RFC 6901).
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        if name.starts_with('/') { self.values.pointer(name) } else { self.values.get(name) }
    }

    /// Who the token is about; whatever it is, as text.
    pub(super) fn subject(&self) -> &str {
        match self.value("sub") {
            Some(Value::String(subject)) => subject,
            _ => self.texts.get("sub").map(|text| text.get()).unwrap_or_default(),
        }
    }

    /// An object with these claims alone.
    pub(super) fn only(&self, names: &[String]) -> String {
        let kept: BTreeMap<&str, &RawValue> =
            names.iter().filter_map(|name| Some((name.as_str(), self.texts.get(name)?.as_ref()))).collect();
        // Names and texts that are JSON already always serialize.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// From when on the token is refused.
    pub(super) fn expiry(&self) -> SystemTime {
        let seconds = self.value("exp").and_then(Value::as_f64).unwrap_or_default().max(0.0);
        let until = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        UNIX_EPOCH.checked_add(until.saturating_add(Duration::from_secs(LEEWAY))).unwrap_or(UNIX_EPOCH)
    }
}

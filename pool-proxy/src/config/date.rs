//! Moments as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What [`parse`] accepts, for people.
pub const EXPECTED: &str = "expected a date such as 2035-01-01 (midnight UTC), or a time such as \
    2035-01-01T12:00:00Z";

/// 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// A day as its first moment in UTC, or a moment in RFC 3339.
pub fn parse(text: &str) -> Option<SystemTime> {
    if text.len() == "2035-01-01".len() {
        return humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).ok();
    }
    if text.ends_with(['Z', 'z']) {
        return humantime::parse_rfc3339(&text.to_ascii_uppercase()).ok();
    }
    // humantime knows no time zones.
    let at = text.len().checked_sub("+02:00".len()).filter(|at| text.is_char_boundary(*at))?;
    let (local, zone) = text.split_at(at);
    let moment = humantime::parse_rfc3339(&format!("{}Z", local.to_ascii_uppercase())).ok()?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    let moment = match zone.as_bytes().first() {
        Some(b'+') => moment.checked_sub(offset),
        Some(b'-') => moment.checked_add(offset),
        _ => None,
    };
    // Outside of it there is no way back to text.
    moment.filter(|moment| moment.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() <= LAST))
}

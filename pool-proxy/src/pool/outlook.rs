//! What a call that waits for a connection may hope for, and until when.

use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::ConnectError;

/// How long a call waits for what another one's attempt to connect comes to.
pub(super) const SHORTLY: Duration = Duration::from_millis(300);

/// What there is to hope for.
pub(super) enum Outlook {
    /// A connection is being opened; `probe` if this is the one attempt that finds out whether the trouble is over.
    Coming { probe: bool },
    /// The server has no room for more (53300): one may come back, or be let in at the next attempt. `next` is `None`
    /// while that is under way.
    Full { next: Option<Instant> },
    /// The server cannot be reached, as far as is known, since then.
    Down { error: ConnectError, next: Option<Instant>, since: Instant },
}

/// A call that waits.
pub(super) struct Waiter {
    /// It waits no longer than this.
    pub(super) deadline: Instant,
    /// Nor longer than this for what another one's attempt comes to.
    pub(super) shortly: Instant,
    /// An attempt was made for its sake.
    pub(super) probes: bool,
}

impl Outlook {
    /// Until when a call may wait before it looks again; `None` if it would wait in vain. `others` says whether there
    /// are connections in use, which may come back.
    pub(super) fn until(&self, waiter: &Waiter, now: Instant, others: bool) -> Option<Instant> {
        let Waiter { deadline, shortly, probes } = *waiter;
        let until = match *self {
            Self::Coming { .. } => deadline,
            Self::Full { next } => next.unwrap_or(deadline),
            // Whoever tries waits for what comes of it.
            Self::Down { next: None, .. } if probes => deadline,
            Self::Down { next, .. } if others => next.unwrap_or(deadline),
            // One attempt that failed is not yet an outage; in one that is, each would wait for the same answer.
            Self::Down { next, since, .. }
                if now < shortly && now < since + SHORTLY && next.is_none_or(|next| next <= shortly) =>
            {
                next.unwrap_or(shortly)
            }
            Self::Down { .. } => return None,
        };
        Some(until.min(deadline))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Outlook, SHORTLY, Waiter};
    use crate::postgres::{ConnectError, Stage};

    #[test]
    fn how_long_a_call_waits() {
        const SHORT: u64 = 300;
        const DEADLINE: u64 = 5000;
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let down = |next: Option<u64>| {
            let error = ConnectError { stage: Stage::Tcp, message: "refused".to_owned(), code: None };
            Outlook::Down { error, next: next.map(at), since: start }
        };
        assert_eq!(SHORTLY, Duration::from_millis(SHORT));
        let outage = |next: Option<u64>| match down(next) {
            Outlook::Down { error, next, .. } => Outlook::Down { error, next, since: start - SHORTLY },
            other => other,
        };
        let full = |next: Option<u64>| Outlook::Full { next: next.map(at) };
        for (case, outlook, now, probes, others, expected) in [
            ("one is on its way", Outlook::Coming { probe: false }, 0, false, false, Some(DEADLINE)),
            ("full, the next attempt is known", full(Some(700)), 0, false, false, Some(700)),
            ("full, the next attempt is too late", full(Some(9000)), 0, false, false, Some(DEADLINE)),
            ("full, an attempt is under way", full(None), 0, false, false, Some(DEADLINE)),
            ("down, its own attempt is under way", down(None), 900, true, false, Some(DEADLINE)),
            ("down, its own attempt has failed", down(Some(2000)), 900, true, false, None),
            ("down, one in use may come back", down(Some(2000)), 900, false, true, Some(2000)),
            ("down, one in use, an attempt under way", down(None), 900, false, true, Some(DEADLINE)),
            ("down, the next attempt is soon", down(Some(200)), 0, false, false, Some(200)),
            ("down, another's attempt is under way", down(None), 0, false, false, Some(SHORT)),
            ("down, the next attempt is not soon", down(Some(400)), 0, false, false, None),
            ("down, for long", down(None), SHORT, false, false, None),
            ("an outage, the next attempt is soon", outage(Some(200)), 0, false, false, None),
            ("an outage, its own attempt is under way", outage(None), 0, true, false, Some(DEADLINE)),
            ("an outage, one in use may come back", outage(Some(200)), 0, false, true, Some(200)),
        ] {
            let waiter = Waiter { deadline: at(DEADLINE), shortly: at(SHORT), probes };
            assert_eq!(outlook.until(&waiter, at(now), others), expected.map(at), "{case}");
        }
    }
}

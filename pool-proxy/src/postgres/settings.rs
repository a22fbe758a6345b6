//! The session's settings that change what values look like: a database's own, or fixed ones.

use std::sync::atomic::{AtomicU8, Ordering};

/// Which settings a session has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Settings {
    /// What database, role and connection URL say.
    #[default]
    Own,
    /// UTC, ISO dates, hexadecimal bytes, exact floats: what a query plan's values are written for.
    Fixed,
}

impl Settings {
    /// The commands that make them those of the session.
    fn session(self) -> &'static str {
        match self {
            Self::Own => {
                "RESET TimeZone; RESET DateStyle; RESET IntervalStyle; RESET bytea_output; RESET extra_float_digits; \
                RESET standard_conforming_strings"
            }
            Self::Fixed => {
                "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; \
                SET bytea_output = 'hex'; SET extra_float_digits = 1; SET standard_conforming_strings = on"
            }
        }
    }

    /// The commands that make them those of the transaction. Its own ones it has already.
    pub fn local(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Fixed => {
                "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; \
                SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; \
                SET LOCAL standard_conforming_strings = on"
            }
        }
    }
}

/// The settings a connection has now.
#[derive(Debug, Default)]
pub(super) struct Current(AtomicU8);

impl Current {
    pub(super) fn get(&self) -> Settings {
        if self.0.load(Ordering::Relaxed) == 0 { Settings::Own } else { Settings::Fixed }
    }

    pub(super) fn set(&self, settings: Settings) {
        self.0.store(u8::from(settings == Settings::Fixed), Ordering::Relaxed);
    }
}

impl super::Server {
    /// The settings the session has, as far as the proxy has set them.
    pub fn settings(&self) -> Settings {
        self.common.current.get()
    }

    /// Has the session have these.
    ///
    /// # Errors
    /// What Postgres says, or that the connection is gone.
    pub async fn settle(&self, wanted: Settings) -> Result<(), super::QueryError> {
        if self.settings() == wanted {
            return Ok(());
        }
        self.command(wanted.session()).await?;
        self.common.current.set(wanted);
        Ok(())
    }
}

/// Whether there may be a literal in it that depends on the session's settings: one in any kind of quotes.
pub fn has_literal(text: &str) -> bool {
    // A dollar sign before a digit is a parameter.
    text.contains('\'') || text.split('$').skip(1).any(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

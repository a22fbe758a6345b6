//! How each kind of value is written: read from text, shown as text.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::size::Size;
use crate::auth::Rate;
use crate::gateway::transactions::Instance;
use crate::telemetry::log::LogConfig;

/// A kind of value that text can stand for.
pub(super) trait Value: Sized {
    /// The value, or what was expected instead.
    fn parse(text: &str) -> Result<Self, String>;
    /// The value as one would write it.
    fn show(&self) -> String;
}

impl Value for usize {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a whole number".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected true or false".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map_err(|_| "expected a duration such as 500ms, 10s or 2m".to_owned())
    }

    fn show(&self) -> String {
        humantime::format_duration(*self).to_string()
    }
}

impl Value for Rate {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Size {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|()| "expected a number of bytes, or a size such as 512KiB, 10MiB or 1GiB".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for LogConfig {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|expected| format!("expected {expected}"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let parsed = local.as_deref().unwrap_or(text).parse();
        parsed.map_err(|_| format!("expected an address and a port{}", address_hint(text)))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// What the writer of an address that is none has probably meant.
fn address_hint(text: &str) -> String {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.parse::<u16>().is_ok() {
        return format!(": 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} or [::]:{port} for all");
    }
    if let Some(port) = text.strip_prefix("*:") {
        return format!(": 0.0.0.0:{port} or [::]:{port} stand for all addresses");
    }
    match text.parse::<IpAddr>() {
        Ok(address) => format!(", such as {}", SocketAddr::new(address, 8080)),
        Err(_) => ", such as 127.0.0.1:8080; a name is not resolved".to_owned(),
    }
}

/// A region: it becomes a header's value and a label.
pub(super) struct Region(pub(super) String);

impl Value for Region {
    fn parse(text: &str) -> Result<Self, String> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if text.len() > 32 || !text.chars().all(allowed) {
            return Err("expected at most 32 letters, digits, hyphens, underscores and dots".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Value for Instance {
    fn parse(text: &str) -> Result<Self, String> {
        Self::new(Some(text))
            .ok_or_else(|| format!("expected 1 to {} letters, digits, hyphens and underscores", Self::LONGEST))
    }

    fn show(&self) -> String {
        self.name().unwrap_or_default().to_owned()
    }
}

//! Logs on standard error, as text or JSON lines. Nothing here forwards the `log` crate: at debug level
//! tokio-postgres would log parameters through it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How logs are written: `text` or `json`, then an env-filter, as in `json,info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// One JSON object a line.
    pub json: bool,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { json: false, filter: "info".to_owned() }
    }
}

impl std::str::FromStr for LogConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, filter) = text.split_once(',').unwrap_or((text, "info"));
        let json = match format.trim() {
            "json" => true,
            "text" => false,
            _ => return Err("text or json, then an env-filter, such as json,info".to_owned()),
        };
        EnvFilter::try_new(filter).map_err(|error| format!("an env-filter after the first comma: {error}"))?;
        Ok(Self { json, filter: filter.to_owned() })
    }
}

impl std::fmt::Display for LogConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", if self.json { "json" } else { "text" }, self.filter)
    }
}

/// Starts logging for the whole process; later calls have no effect.
pub fn init(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // What it has to say comes back to who follows the stream, who says it once.
    let filter = match "pgwire_replication=off".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // Fails only where a subscriber is set already, as in a test.
    let _ = if config.json {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
}

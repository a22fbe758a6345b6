//! What the API is told from outside: the Worker's variables and secrets.

use std::fmt;
use std::time::Duration;

use crate::auth::Scheme;
use crate::trace::Collector;

/// A text that no log, error or `Debug` shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// Who may call the API from a page of another origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origins {
    Any,
    These(Vec<String>),
}

/// Everything the API is told from outside, read once per request.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `POOL_PROXY_URL`: where the proxy listens, such as `https://pool.example.com`.
    pub proxy_url: String,
    /// `POOL_PROXY_KEY`: the API key the proxy knows.
    pub proxy_key: Secret,
    /// `POOL_PROXY_DATABASE`: the database's name at the proxy, where the key has several.
    pub database: Option<String>,
    /// `PROXY_DEADLINE_MS`: how long a request may wait for the proxy in all. 100 to 60,000 ms, default 8,000.
    pub deadline: Duration,
    /// `JWT_SECRET`: signs the tokens (HS256). At least 32 bytes, the size of the hash (RFC 7518, section 3.2).
    pub(crate) jwt_secret: Secret,
    /// `JWT_TTL_SECONDS`: how long a token is good for. 60 s to 30 days, default 1 day.
    pub(crate) jwt_ttl: u64,
    /// `CORS_ORIGINS`: origins separated by commas, or `*`. Default none.
    pub(crate) origins: Origins,
    /// `PASSWORD_HASH`: how new passwords are hashed. Default `argon2id`.
    pub(crate) scheme: Scheme,
    /// `CACHE_TTL_SECONDS`: for how long the proxy may keep what anybody may read. 0 (no caching) to a day, default 60 s.
    pub(crate) cache_ttl: Duration,
    /// `CACHE_SWR_SECONDS`: for how long after that it may still be served while a fresh answer is fetched. 0 to a
    /// day, default 30 s.
    pub(crate) cache_swr: Duration,
    /// `OTLP_ENDPOINT`, with `OTLP_HEADERS`: where spans go. Default nowhere.
    pub(crate) collector: Option<Collector>,
    /// `TRACE_SAMPLE`: how many of the requests that belong to no trace begin one that is recorded, 0 to 1. Default 1 with a
    /// collector; without one they begin none.
    pub(crate) trace_sample: Option<f64>,
    /// `OTEL_SERVICE_NAME`: what the Worker is called in traces. Default `edge-api`.
    pub(crate) service_name: String,
}

/// A setting that is missing or wrong. It names the setting and never shows its value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the setting {name} {fault}")]
pub struct SettingsError {
    name: &'static str,
    fault: String,
}

impl SettingsError {
    /// One that only the shell can find out, such as a URL that is none. `fault` must not hold the value.
    pub fn new(name: &'static str, fault: impl Into<String>) -> Self {
        Self { name, fault: fault.into() }
    }
}

impl Settings {
    /// Reads the settings by name; an empty one counts as absent.
    ///
    /// # Errors
    /// If one that is needed is missing, or one is not what it should be.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name| get(name).filter(|value| !value.trim().is_empty());
        // What goes into a header: white space around it is an accident of pasting, anything odd within an error.
        let visible = |name: &'static str| match get(name).map(|value| value.trim().to_owned()) {
            Some(value) if !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(wrong(name, "should be visible ASCII characters without spaces"))
            }
            value => Ok(value),
        };
        let needed = |name| get(name).ok_or_else(|| wrong(name, "is missing"));
        let number = |name, least: u64, most: u64, usual: u64| match get(name).map(|value| value.trim().parse()) {
            None => Ok(usual),
            Some(Ok(value)) if (least..=most).contains(&value) => Ok(value),
            Some(_) => Err(wrong(name, format!("should be a whole number from {least} to {most}"))),
        };
        let jwt_secret = needed("JWT_SECRET")?;
        if jwt_secret.len() < 32 {
            return Err(wrong("JWT_SECRET", "should be at least 32 bytes long"));
        }
        let collector = get("OTLP_ENDPOINT").map(|base| Collector::new(&base, get("OTLP_HEADERS").as_deref()));
        let trace_sample = match get("TRACE_SAMPLE").map(|value| value.trim().parse()) {
            None => None,
            Some(Ok(sample)) if (0.0..=1.0).contains(&sample) => Some(sample),
            Some(_) => return Err(wrong("TRACE_SAMPLE", "should be a number from 0 to 1")),
        };
        Ok(Self {
            proxy_url: needed("POOL_PROXY_URL")?.trim().to_owned(),
            proxy_key: Secret(visible("POOL_PROXY_KEY")?.ok_or_else(|| wrong("POOL_PROXY_KEY", "is missing"))?),
            database: visible("POOL_PROXY_DATABASE")?,
            deadline: Duration::from_millis(number("PROXY_DEADLINE_MS", 100, 60_000, 8_000)?),
            jwt_secret: Secret(jwt_secret),
            jwt_ttl: number("JWT_TTL_SECONDS", 60, 30 * 86_400, 86_400)?,
            origins: origins(get("CORS_ORIGINS").as_deref())?,
            scheme: match get("PASSWORD_HASH") {
                None => Scheme::default(),
                Some(text) => text.trim().parse().map_err(|fault: &str| wrong("PASSWORD_HASH", fault))?,
            },
            cache_ttl: Duration::from_secs(number("CACHE_TTL_SECONDS", 0, 86_400, 60)?),
            cache_swr: Duration::from_secs(number("CACHE_SWR_SECONDS", 0, 86_400, 30)?),
            collector: collector.transpose().map_err(|(name, fault)| wrong(name, fault))?,
            trace_sample,
            service_name: visible("OTEL_SERVICE_NAME")?.unwrap_or_else(|| "edge-api".to_owned()),
        })
    }
}

fn wrong(name: &'static str, fault: impl Into<String>) -> SettingsError {
    SettingsError::new(name, fault)
}

/// An origin as browsers send it (RFC 6454, section 6.2): scheme, host, and a port where it is not the usual one.
fn origins(text: Option<&str>) -> Result<Origins, SettingsError> {
    let text = text.unwrap_or_default().trim();
    if text == "*" {
        return Ok(Origins::Any);
    }
    let list = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let list: Vec<String> = list.map(|origin| usual(&origin.trim_end_matches('/').to_ascii_lowercase())).collect();
    let is_origin = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*']))
    };
    if !list.iter().all(is_origin) {
        return Err(wrong(
            "CORS_ORIGINS",
            "should be `*` or origins such as `https://blog.example.com`, with commas between",
        ));
    }
    Ok(Origins::These(list))
}

/// Browsers leave the usual port out.
fn usual(origin: &str) -> String {
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let usual = [
            ("POOL_PROXY_URL", "http://127.0.0.1:8080"),
            ("POOL_PROXY_KEY", "0123456789abcdef"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        Settings::read(|name| {
            let found = pairs.iter().chain(&usual).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn three_settings_are_enough() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.jwt_ttl, 86_400);
        assert_eq!(settings.origins, Origins::These(vec![]));
        assert_eq!(settings.scheme, Scheme::default());
        assert_eq!(settings.deadline, Duration::from_secs(8));
    }

    #[test]
    fn a_wrong_setting_is_named_and_not_shown() {
        for (name, value) in [
            ("POOL_PROXY_URL", " "),
            ("POOL_PROXY_KEY", ""),
            ("POOL_PROXY_KEY", "two words, no key"),
            ("POOL_PROXY_DATABASE", "datenbänke"),
            ("JWT_SECRET", "far-too-short"),
            ("JWT_TTL_SECONDS", "7"),
            ("JWT_TTL_SECONDS", "a day"),
            ("PROXY_DEADLINE_MS", "-1"),
            ("CORS_ORIGINS", "example.org"),
            ("CORS_ORIGINS", "https://a.example, https://*.example"),
            ("CORS_ORIGINS", "https://a.example/path"),
            ("PASSWORD_HASH", "md5"),
            ("PASSWORD_HASH", "pbkdf2-sha256:i=100001"),
            ("CACHE_TTL_SECONDS", "86401"),
            ("TRACE_SAMPLE", "1.5"),
            ("OTLP_ENDPOINT", "collector:4318"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(value.trim().is_empty() || !error.contains(value), "{error}");
        }
    }

    #[test]
    fn origins_are_compared_as_browsers_send_them() {
        let settings = read(&[("CORS_ORIGINS", "https://Blog.Example.com:443/, http://localhost:5173")]).unwrap();
        let expected = ["https://blog.example.com", "http://localhost:5173"].map(str::to_owned);
        assert_eq!(settings.origins, Origins::These(expected.to_vec()));
        assert_eq!(read(&[("CORS_ORIGINS", "*")]).unwrap().origins, Origins::Any);
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let shown = format!("{:?}", read(&[]).unwrap());
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }
}

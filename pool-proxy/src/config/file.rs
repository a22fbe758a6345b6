//! The TOML file: its keys, and nothing about what they mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};
use toml::Spanned;
use toml::value::Datetime;

use super::fault::Fault;
use super::origin::Origin;
use super::reader::quoted;

/// A value of the file as text, and where it stands.
pub(super) type Text = Option<Spanned<Scalar>>;

/// A list of them.
pub(super) type List = Option<Spanned<Vec<Scalar>>>;

/// A string, number or truth, as text: what it must be is found out where its meaning is known, so that every value
/// that is none is told in the same words, with its line. It may be a secret, so it has no `Debug`.
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<Scalar, E> {
                Ok(Scalar(truth.to_string()))
            }

            /// A date without quotes comes as a map.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar, A::Error> {
                let date = Datetime::deserialize(MapAccessDeserializer::new(map));
                date.map(|date| Scalar(date.to_string())).map_err(|_| Error::invalid_type(Unexpected::Map, &self))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct File {
    pub(super) listen: Text,
    pub(super) region: Text,
    pub(super) instance: Text,
    pub(super) log: Text,
    pub(super) slow_query: Text,
    pub(super) drain_delay: Text,
    pub(super) ops: OpsSection,
    pub(super) upstream: UpstreamSection,
    pub(super) tls: TlsSection,
    pub(super) cors: CorsSection,
    pub(super) clients: ClientsSection,
    pub(super) trace: TraceSection,
    pub(super) cache: CacheSection,
    pub(super) pool: PoolSection,
    pub(super) limits: LimitsSection,
    pub(super) databases: BTreeMap<String, Spanned<DatabaseSection>>,
    pub(super) keys: Vec<Spanned<KeySection>>,
    pub(super) issuers: Vec<Spanned<IssuerSection>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct OpsSection {
    pub(super) listen: Text,
    pub(super) token: Text,
    pub(super) statements: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct UpstreamSection {
    pub(super) url: Text,
    pub(super) root_cert: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct TlsSection {
    pub(super) cert: Text,
    pub(super) key: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct CorsSection {
    pub(super) origins: Vec<Spanned<Scalar>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct ClientsSection {
    pub(super) connections: Text,
    pub(super) header_timeout: Text,
    pub(super) body_timeout: Text,
    pub(super) body_bytes: Text,
    pub(super) compression: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct TraceSection {
    pub(super) endpoint: Text,
    pub(super) headers: Text,
    pub(super) sample: Text,
    pub(super) sql_comment: Text,
    pub(super) service_name: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct CacheSection {
    pub(super) bytes: Text,
    pub(super) mode: Text,
    pub(super) bound: Text,
    pub(super) patience: Text,
    pub(super) publication: Text,
    pub(super) safe_functions: List,
}

/// As far as databases may differ in it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct KeepSection {
    pub(super) mode: Text,
    pub(super) bound: Text,
    pub(super) patience: Text,
    pub(super) publication: Text,
    pub(super) safe_functions: List,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct PoolSection {
    pub(super) max: Text,
    pub(super) min_idle: Text,
    pub(super) transactions: Text,
    pub(super) shared_reads: Text,
    pub(super) max_lifetime: Text,
    pub(super) idle_timeout: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct LimitsSection {
    pub(super) query: Text,
    pub(super) queue: Text,
    pub(super) transaction: Text,
    pub(super) request_bytes: Text,
    pub(super) response_bytes: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct DatabaseSection {
    pub(super) url: Text,
    pub(super) url_file: Text,
    pub(super) root_cert: Text,
    pub(super) pool: PoolSection,
    pub(super) cache: KeepSection,
    pub(super) limits: LimitsSection,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct KeySection {
    pub(super) name: Text,
    pub(super) hash: Text,
    pub(super) databases: List,
    pub(super) read_only: Text,
    pub(super) role: Text,
    pub(super) expires: Text,
    pub(super) rate: Text,
    pub(super) concurrency: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct IssuerSection {
    pub(super) name: Text,
    pub(super) issuer: Text,
    pub(super) audience: List,
    pub(super) jwks_url: Text,
    pub(super) jwks_file: Text,
    pub(super) secret: Text,
    pub(super) secret_file: Text,
    pub(super) role_claim: Text,
    pub(super) roles: List,
    pub(super) default_role: Text,
    pub(super) claims: List,
    pub(super) databases: List,
    pub(super) read_only: Text,
    pub(super) invalidate: Text,
    pub(super) rate: Text,
    pub(super) concurrency: Text,
}

/// The path and text of the file, to tell the line of a value.
pub(super) struct Place {
    path: Arc<Path>,
    /// Where each line after the first begins.
    lines: Vec<usize>,
}

impl Place {
    pub(super) fn origin(&self, start: usize) -> Origin {
        Origin::File { path: Arc::clone(&self.path), line: self.lines.partition_point(|line| *line <= start) + 1 }
    }
}

/// Reads and parses the file; `named_by` says who asked for it.
pub(super) fn read(path: &Path, named_by: Origin) -> Result<(File, Place), Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| Fault {
        key: "config".to_owned(),
        value: Some(quoted(&path.display().to_string())),
        origin: Some(named_by),
        problem: format!("expected a TOML file that can be read: {error}"),
    })?;
    let place = Place { path: path.into(), lines: text.match_indices('\n').map(|(at, _)| at + 1).collect() };
    match toml::from_str(&text) {
        Ok(file) => Ok((file, place)),
        // Not the error's own words for people: those repeat the whole line, and it may hold a secret.
        Err(error) => Err(Fault {
            key: "config".to_owned(),
            value: None,
            origin: Some(place.origin(error.span().map_or(0, |span| span.start))),
            problem: without_values(error.message()),
        }),
    }
}

/// serde repeats a value of a wrong type: `invalid type: string "...", expected a map`. It may be a secret.
fn without_values(message: &str) -> String {
    let wrong = ["invalid type: ", "invalid value: "].iter().find(|start| message.starts_with(**start));
    match (wrong, message.rsplit_once(", expected ")) {
        (Some(start), Some((value, expected))) => {
            let kind = value[start.len()..].split([' ', '`', '"']).next().unwrap_or_default();
            format!("expected {expected}, not a value of type {kind}")
        }
        // A field is what serde calls a key.
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

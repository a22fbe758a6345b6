//! The databases: their URLs, pools and limits. `[pool]` and `[limits]` hold for each that says nothing of its own.

use std::collections::BTreeMap;
use std::ops::RangeFrom;
use std::time::Duration;

use toml::Spanned;

use super::cache::Keep;
use super::fault::HIDDEN;
use super::file::{DatabaseSection, File, LimitsSection};
use super::origin::Origin;
use super::pool::Pool;
use super::reader::{Given, Read, Reader, Show};
use super::size::Size;
use super::sources;
use super::{DatabaseConfig, names};
use crate::gateway::Limits;
use crate::postgres::Target;
use crate::postgres::target::TargetError;

/// The database that the variables are about.
const DEFAULT: &str = "default";

/// A transaction holds locks and a connection: nobody may ask for more.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(90);

/// All databases there are, in the order of their names.
pub(super) fn read(reader: &mut Reader<'_>, file: &File) -> Vec<DatabaseConfig> {
    let pool = Pool::everywhere(reader, &file.pool);
    let keep = Keep::everywhere(reader, &file.cache);
    let limits = Bounds::everywhere(reader, &file.limits);
    let sections = sections(reader, file);
    if sections.is_empty() {
        let problem = "expected at least one: set DATABASE_URL, or add [databases.default] with a url to the file";
        reader.fault("databases", None, problem);
    }
    if !sections.contains_key(DEFAULT) && reader.variable(sources::DB_ROOT_CERT).is_some() {
        reader.warn("POOL_PROXY_DB_ROOT_CERT has no effect: there is no database named default");
    }
    let empty = DatabaseSection::default();
    let mut databases = vec![];
    for (name, spanned) in sections {
        let key = format!("databases.{name}");
        check_name(reader, &key, name, spanned);
        let section = spanned.map_or(&empty, Spanned::get_ref);
        let target = target(reader, &key, name, section, spanned.map(|section| reader.origin(section)));
        let pool = pool.of(reader, &key, &section.pool);
        let keep = keep.of(reader, &key, &section.cache);
        let limits = limits.of(reader, &key, &section.limits);
        if let Some(target) = target {
            databases.push(DatabaseConfig { name: name.into(), target, pool, keep, limits });
        }
    }
    databases
}

/// The names of all databases, and what the file says of each. `DATABASE_URL` alone makes one, too.
pub(super) fn sections<'a>(
    reader: &Reader<'_>,
    file: &'a File,
) -> BTreeMap<&'a str, Option<&'a Spanned<DatabaseSection>>> {
    let mut sections: BTreeMap<_, _> =
        file.databases.iter().map(|(name, section)| (name.as_str(), Some(section))).collect();
    if reader.variable(sources::DATABASE_URL).is_some() {
        sections.entry(DEFAULT).or_default();
    }
    sections
}

/// It is part of connection strings, headers and metrics.
fn check_name(reader: &mut Reader<'_>, key: &str, name: &str, section: Option<&Spanned<DatabaseSection>>) {
    if !names::is_database(name) {
        let origin = section.map_or(Origin::Default, |section| reader.origin(section));
        let given = Given { text: name.to_owned(), origin };
        reader.fault(key, Some((&given, Show::Plain)), format!("expected {}", names::DATABASE));
    }
}

fn target(
    reader: &mut Reader<'_>,
    key: &str,
    name: &str,
    section: &DatabaseSection,
    section_origin: Option<Origin>,
) -> Option<Target> {
    let variable = |reader: &Reader<'_>, variable| reader.variable(variable).filter(|_| name == DEFAULT);
    let [line, path] = [&section.url, &section.url_file].map(|text| reader.line(text));
    if let (Some(_), Some(path)) = (&line, &path) {
        reader.fault(
            &format!("{key}.url_file"),
            Some((path, Show::Plain)),
            "expected either url or url_file, not both",
        );
    }
    let from_file = match (&line, path) {
        (None, Some(path)) => url_file(reader, &format!("{key}.url_file"), &path),
        _ => None,
    };
    let key_of_url = format!("{key}.url");
    let Some(url) = variable(reader, sources::DATABASE_URL).or(line).or(from_file) else {
        if section.url_file.is_none() {
            let place = section_origin.map_or(String::new(), |origin| format!(" ({origin})"));
            reader.fault(&key_of_url, None, format!("expected url or url_file in [{key}]{place}"));
        }
        return None;
    };
    let root = variable(reader, sources::DB_ROOT_CERT).or_else(|| reader.line(&section.root_cert));
    match Target::new(url.text.trim(), root.as_ref().map(|root| root.text.as_str())) {
        Ok(target) => {
            if let Some(sign) = target.looks_like_pooler() {
                let problem = format!(
                    "expected Postgres itself; this URL points at a transaction pooler ({sign}), where prepared \
                     statements and transactions break: take the direct URL, on most platforms the one with port 5432"
                );
                reader.fault(&key_of_url, Some((&url, Show::Hidden)), problem);
            }
            for warning in target.warnings() {
                reader.warn(format!("{key_of_url} ({}): {warning}", url.origin));
            }
            let shown =
                format!("{HIDDEN} {} at {}, sslmode={}", target.user(), target.address(), target.sslmode().as_str());
            reader.note_text(&key_of_url, shown, &url.origin);
            if let Some(root) = &root {
                reader.note_text(&format!("{key}.root_cert"), shown_certificate(&root.text), &root.origin);
            }
            Some(target)
        }
        Err(error) => {
            match (&error, &root) {
                (TargetError::Tls(problem), Some(root)) => {
                    let given = Given { text: shown_certificate(&root.text), origin: root.origin.clone() };
                    reader.fault(&format!("{key}.root_cert"), Some((&given, Show::Plain)), problem.to_string());
                }
                _ => reader.fault(&key_of_url, Some((&url, Show::Hidden)), url_problem(&error)),
            }
            None
        }
    }
}

/// A mounted secret: the file holds nothing but the URL.
fn url_file(reader: &mut Reader<'_>, key: &str, path: &Given) -> Option<Given> {
    match std::fs::read_to_string(&path.text) {
        Ok(text) if text.trim().is_empty() => {
            reader.fault(key, Some((path, Show::Plain)), "expected a file that holds the URL; it is empty");
            None
        }
        Ok(text) => Some(Given { text: text.trim().to_owned(), origin: path.origin.clone() }),
        Err(error) => {
            let problem = format!("expected a file that holds the URL and can be read: {error}");
            reader.fault(key, Some((path, Show::Plain)), problem);
            None
        }
    }
}

/// What is wrong with a URL, without repeating any part of it that may be secret.
fn url_problem(error: &TargetError) -> String {
    let plain = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    match error {
        // A question mark in a password begins the parameters too early: the name is then a part of the password.
        TargetError::Parameter(name) if !plain(name) => {
            "expected a question mark only before the parameters; write one in a user or password as %3F".to_owned()
        }
        error => error.to_string(),
    }
}

pub(super) fn shown_certificate(text: &str) -> String {
    if text.contains("-----BEGIN") { "[PEM text]".to_owned() } else { text.to_owned() }
}

/// How much a call may take, with where the limits came from.
struct Bounds {
    query: Read<Duration>,
    queue: Read<Duration>,
    transaction: Read<Duration>,
    request_bytes: Read<Size>,
    response_bytes: Read<Size>,
}

impl Bounds {
    fn everywhere(reader: &mut Reader<'_>, section: &LimitsSection) -> Self {
        let default = Limits::default();
        let defaults = Self {
            query: Read::unsaid(default.query),
            queue: Read::unsaid(default.queue),
            transaction: Read::unsaid(default.transaction),
            request_bytes: Read::unsaid(Size(default.request_bytes)),
            response_bytes: Read::unsaid(Size(default.response_bytes)),
        };
        defaults.or(reader, "limits", section)
    }

    fn of(&self, reader: &mut Reader<'_>, key: &str, section: &LimitsSection) -> Limits {
        let own = self.or(reader, &format!("{key}.limits"), section);
        Limits {
            query: own.query.value,
            queue: own.queue.value,
            transaction: own.transaction.value,
            request_bytes: own.request_bytes.value.0,
            response_bytes: own.response_bytes.value.0,
        }
    }

    /// What this section says, else what held before it.
    fn or(&self, reader: &mut Reader<'_>, key: &str, section: &LimitsSection) -> Self {
        const TIME: (RangeFrom<Duration>, &str) = (Duration::from_millis(1).., "expected more than nothing");
        const BYTES: (RangeFrom<Size>, &str) = (Size(1).., "expected at least one byte");
        let key = |name: &str| format!("{key}.{name}");
        let query = reader.bounded(&key("query"), &section.query, &self.query, TIME);
        let queue = reader.bounded(&key("queue"), &section.queue, &self.queue, (.., ""));
        let transaction = reader.bounded(&key("transaction"), &section.transaction, &self.transaction, TIME);
        if section.transaction.is_some() && transaction.value > LONGEST_TRANSACTION {
            reader.refuse(&key("transaction"), &transaction, "expected at most 90s");
        }
        let (request, response) = (&section.request_bytes, &section.response_bytes);
        let request_bytes = reader.bounded(&key("request_bytes"), request, &self.request_bytes, BYTES);
        let response_bytes = reader.bounded(&key("response_bytes"), response, &self.response_bytes, BYTES);
        Self { query, queue, transaction, request_bytes, response_bytes }
    }
}

//! The API keys: those of the file, and the one of the environment.

use std::sync::Arc;
use std::time::SystemTime;

use toml::Spanned;

use super::fault::HIDDEN;
use super::file::KeySection;
use super::origin::Origin;
use super::reader::{Given, Reader, Show};
use super::sources;
use super::{access, date};
use crate::auth::{KeyEntry, KeyHash, Principal, api_key};

/// What the key of the environment is called.
const ENVIRONMENT: &str = "env";

/// All keys there are. `databases` are the names of those that are configured, also where their URL is at fault.
/// With `issuers`, none is needed.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sections: &[Spanned<KeySection>],
    databases: &[&str],
    issuers: bool,
) -> Vec<KeyEntry> {
    let mut keys: Vec<KeyEntry> = environment(reader).into_iter().collect();
    for (index, section) in sections.iter().enumerate() {
        if let Some(key) = entry(reader, index, section, databases, &keys) {
            keys.push(key);
        }
    }
    if sections.is_empty() && !issuers && reader.variable(sources::KEY).is_none() {
        let problem = "expected at least one: set POOL_PROXY_KEY, or add the [[keys]] entry to the file that \
            `pool-proxy key new --name NAME` prints";
        reader.fault("keys", None, problem);
    }
    keys
}

/// A secret that an operator chose himself: long enough, and without what no client can send.
pub(super) fn secret(reader: &mut Reader<'_>, key: &str, given: &Given) -> Option<KeyHash> {
    let text = &given.text;
    let length = text.chars().count();
    if length < api_key::SHORTEST {
        let problem = format!("expected at least {} characters; it has {length}", api_key::SHORTEST);
        reader.fault(key, Some((given, Show::Hidden)), problem);
        return None;
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        let problem = "expected no control characters, and no space or line break at its ends";
        reader.fault(key, Some((given, Show::Hidden)), problem);
        return None;
    }
    Some(KeyHash::of(text))
}

fn environment(reader: &mut Reader<'_>) -> Option<KeyEntry> {
    let given = reader.variable(sources::KEY)?;
    let hash = secret(reader, sources::KEY, &given)?;
    reader.note_text(&format!("keys.{ENVIRONMENT}"), format!("{HIDDEN} all databases, unrestricted"), &given.origin);
    let principal =
        Principal { name: ENVIRONMENT.into(), line: ENVIRONMENT.into(), may_invalidate: true, ..Principal::default() };
    Some(KeyEntry { hash, principal: Arc::new(principal), expires: None })
}

fn entry(
    reader: &mut Reader<'_>,
    index: usize,
    spanned: &Spanned<KeySection>,
    databases: &[&str],
    before: &[KeyEntry],
) -> Option<KeyEntry> {
    let section = spanned.get_ref();
    let place = reader.origin(spanned);
    let name = access::name(reader, &format!("keys[{index}].name"), &section.name, &place, |name| {
        let whose = if name == ENVIRONMENT { "POOL_PROXY_KEY goes by this name" } else { "it is taken" };
        before.iter().any(|other| *other.principal.name == *name).then_some(whose)
    });
    let key = match &name {
        Some(name) => format!("keys.{name}"),
        None => format!("keys[{index}]"),
    };
    let hash = hash(reader, &format!("{key}.hash"), section, &place, before);
    let databases = access::databases(reader, &format!("{key}.databases"), &section.databases, databases);
    let role = access::role(reader, &format!("{key}.role"), &section.role);
    let read_only = [reader.line(&section.read_only)];
    let read_only = reader.read(&format!("{key}.read_only"), read_only, false).value;
    let expires = expires(reader, &format!("{key}.expires"), section);
    let allowance = access::allowance(reader, &key, &section.rate, &section.concurrency);
    let name: Arc<str> = name?.into();
    let line = Arc::clone(&name);
    let may_invalidate = true;
    let principal =
        Principal { name, line, databases, role, read_only, may_invalidate, allowance, ..Principal::default() };
    Some(KeyEntry { hash: hash?, principal: Arc::new(principal), expires })
}

fn hash(
    reader: &mut Reader<'_>,
    key: &str,
    section: &KeySection,
    place: &Origin,
    before: &[KeyEntry],
) -> Option<KeyHash> {
    let Some(given) = reader.line(&section.hash) else {
        reader.fault(key, None, format!("expected a hash in the entry at {place}, as `pool-proxy key new` prints it"));
        return None;
    };
    match given.text.parse::<KeyHash>() {
        Ok(hash) => {
            if let Some(other) = before.iter().find(|other| other.hash == hash) {
                let problem = format!("expected a hash of its own; the key \"{}\" has the same", other.principal.name);
                reader.fault(key, Some((&given, Show::Hidden)), problem);
            }
            let start: String = hash.to_string().chars().take("sha256:".len() + 8).collect();
            reader.note_text(key, format!("{start}…"), &given.origin);
            Some(hash)
        }
        // Hidden: somebody may have put the secret itself here.
        Err(expected) => {
            reader.fault(key, Some((&given, Show::Hidden)), format!("expected {expected}"));
            None
        }
    }
}

fn expires(reader: &mut Reader<'_>, key: &str, section: &KeySection) -> Option<SystemTime> {
    let given = reader.line(&section.expires)?;
    let Some(moment) = date::parse(&given.text) else {
        reader.fault(key, Some((&given, Show::Plain)), date::EXPECTED);
        return None;
    };
    if moment <= SystemTime::now() {
        reader.warn(format!("{key} = {} ({}): the key is refused, it has expired", given.text, given.origin));
    }
    reader.note_text(key, given.text.as_str(), &given.origin);
    Some(moment)
}

//! The issuers whose JSON Web Tokens are taken.

use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;

use super::access;
use super::fault::HIDDEN;
use super::file::{IssuerSection, List};
use super::names;
use super::origin::Origin;
use super::reader::{Given, Reader, Show};
use crate::auth::fetch::{self, Fetch};
use crate::auth::jwks::{KeySet, KeySource};
use crate::auth::{Issuer, Usage};

/// RFC 7518, section 3.2: as long as the hash.
const SHORTEST_SECRET: usize = 32;

/// Claims that differ from token to token and say nothing of who asks: with one of them in it, no two tokens would share
/// a cached answer.
const FLEETING: [&str; 4] = ["exp", "iat", "nbf", "jti"];

/// All issuers, and the files their keys stand in. `databases` are the names of those that are configured.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sections: &[Spanned<IssuerSection>],
    databases: &[&str],
) -> (Vec<Issuer>, Vec<PathBuf>) {
    let (mut issuers, mut files): (Vec<Issuer>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for (index, spanned) in sections.iter().enumerate() {
        let section = spanned.get_ref();
        let place = reader.origin(spanned);
        let name = access::name(reader, &format!("issuers[{index}].name"), &section.name, &place, |name| {
            issuers.iter().any(|other| *other.name == *name).then_some("it is taken")
        });
        let key = name.as_ref().map_or_else(|| format!("issuers[{index}]"), |name| format!("issuers.{name}"));
        let issuer = claimed(reader, &format!("{key}.issuer"), section, &place, &issuers);
        let keys = keys(reader, &key, section, &place, &mut files);
        let (roles, default_role) = roles(reader, &key, section, &place);
        let read = Issuer {
            issuer,
            audiences: texts(reader, &format!("{key}.audience"), &section.audience).unwrap_or_default(),
            role_claim: role_claim(reader, &format!("{key}.role_claim"), section),
            roles,
            default_role,
            claims: claims(reader, &format!("{key}.claims"), section),
            databases: access::databases(reader, &format!("{key}.databases"), &section.databases, databases),
            read_only: {
                let given = [reader.line(&section.read_only)];
                reader.read(&format!("{key}.read_only"), given, false).value
            },
            invalidate: {
                let given = [reader.line(&section.invalidate)];
                reader.read(&format!("{key}.invalidate"), given, false).value
            },
            allowance: access::allowance(reader, &key, &section.rate, &section.concurrency),
            usage: Usage::default(),
            // One that is missing is a fault, and then nothing is served.
            name: name.unwrap_or_default().into(),
            keys: keys.unwrap_or_else(|| KeySource::secret(&[])),
        };
        if read.issuer.is_none() && matches!(read.keys, KeySource::Remote(_)) {
            reader.warn(format!("{key} names no issuer: whoever else signs with the same keys is taken for it"));
        }
        if let Some(other) = issuers.iter().find(|other| may_be_confused(other, &read)) {
            reader.warn(format!(
                "{key}.claims and those of {} have no iss: a sub of one is taken for the same sub of the other, since both \
                 give the same role in the same database",
                other.name
            ));
        }
        issuers.push(read);
    }
    (issuers, files)
}

/// Whether row-level security and the cache could not tell the subjects of two issuers apart: a `sub` is one of its
/// issuer's own (RFC 7519, section 4.1.2).
fn may_be_confused(one: &Issuer, other: &Issuer) -> bool {
    let names_itself = |issuer: &Issuer| issuer.claims.iter().any(|claim| claim == "iss");
    let shares_role = one.all_roles().any(|role| other.all_roles().any(|same| same == role));
    shares_role && one.databases.overlap(&other.databases) && !(names_itself(one) && names_itself(other))
}

/// The `iss` of its tokens.
fn claimed(
    reader: &mut Reader<'_>,
    key: &str,
    section: &IssuerSection,
    place: &Origin,
    before: &[Issuer],
) -> Option<String> {
    let given = reader.line(&section.issuer);
    let text = given.as_ref().map(|given| given.text.clone());
    if let Some(other) = before.iter().find(|other| other.issuer == text) {
        let problem =
            format!("expected an iss of its own in the entry at {place}: \"{}\" takes the same tokens", other.name);
        reader.fault(key, given.as_ref().map(|given| (given, Show::Plain)), problem);
    }
    match &given {
        Some(given) => reader.note_text(key, given.text.as_str(), &given.origin),
        None => reader.note_text(key, "any", &Origin::Default),
    }
    text
}

/// What tokens are signed with: one of a secret, a set in a file, a set at an address.
fn keys(
    reader: &mut Reader<'_>,
    key: &str,
    section: &IssuerSection,
    place: &Origin,
    files: &mut Vec<PathBuf>,
) -> Option<KeySource> {
    let sources = [
        ("jwks_url", reader.line(&section.jwks_url)),
        ("jwks_file", reader.line(&section.jwks_file)),
        ("secret", reader.line(&section.secret)),
        ("secret_file", reader.line(&section.secret_file)),
    ];
    let mut given = sources.into_iter().filter_map(|(name, given)| given.map(|given| (name, given)));
    let Some((name, first)) = given.next() else {
        let problem = format!("expected one of jwks_url, jwks_file, secret and secret_file in the entry at {place}");
        reader.fault(key, None, problem);
        return None;
    };
    if let Some((other, second)) = given.next() {
        let problem = format!("expected {name} or {other}, not both");
        reader.fault(&format!("{key}.{other}"), Some((&second, Show::Hidden)), problem);
    }
    let key = format!("{key}.{name}");
    let shown = if name == "secret" { HIDDEN } else { fetch::shown(&first.text) };
    reader.note_text(&key, shown, &first.origin);
    let source = match name {
        "jwks_url" => Fetch::new(&first.text).map(KeySource::remote).map_err(|error| error.to_string()),
        "secret" => secret(first.text.as_bytes()),
        _ => {
            files.push(PathBuf::from(&first.text));
            match std::fs::read(&first.text) {
                Err(error) => Err(format!("expected a file that can be read: {error}")),
                Ok(text) if name == "secret_file" => secret(text.trim_ascii_end()),
                Ok(json) => public(&json),
            }
        }
    };
    let show = if name == "secret" { Show::Hidden } else { Show::Plain };
    source.map_err(|problem| reader.fault(&key, Some((&first, show)), problem)).ok()
}

fn secret(bytes: &[u8]) -> Result<KeySource, String> {
    if bytes.len() < SHORTEST_SECRET {
        return Err(format!("expected a secret of at least {SHORTEST_SECRET} bytes; it has {}", bytes.len()));
    }
    Ok(KeySource::secret(bytes))
}

fn public(json: &[u8]) -> Result<KeySource, String> {
    let keys = KeySet::parse(json).map_err(|error| error.to_string())?;
    if keys.is_empty() {
        return Err("there is no public key in it for signatures by RS256, ES256 or EdDSA (Ed25519)".to_owned());
    }
    Ok(KeySource::Fixed(keys))
}

/// The roles that tokens may name, and the one of those that name none.
fn roles(
    reader: &mut Reader<'_>,
    key: &str,
    section: &IssuerSection,
    place: &Origin,
) -> (Vec<Arc<str>>, Option<Arc<str>>) {
    let default = access::role(reader, &format!("{key}.default_role"), &section.default_role);
    let key = format!("{key}.roles");
    let list = texts(reader, &key, &section.roles).unwrap_or_default();
    for role in list.iter().filter(|role| !names::is_role(role)) {
        let origin = section.roles.as_ref().map_or(Origin::Default, |list| reader.origin(list));
        let given = Given { text: role.clone(), origin };
        reader.fault(&key, Some((&given, Show::Plain)), format!("expected {}", names::ROLE));
    }
    if list.is_empty() && section.default_role.is_none() {
        let problem =
            format!("expected the Postgres roles of its tokens, here or in default_role, in the entry at {place}");
        reader.fault(&key, None, problem);
    }
    (list.into_iter().map(Arc::from).collect(), default)
}

fn role_claim(reader: &mut Reader<'_>, key: &str, section: &IssuerSection) -> String {
    let given = [reader.line(&section.role_claim)];
    let read = reader.read(key, given, "role".to_owned());
    if read.value.is_empty() {
        reader.refuse(key, &read, "expected the name of a claim, or a path to it such as /realm/role");
    }
    read.value
}

fn claims(reader: &mut Reader<'_>, key: &str, section: &IssuerSection) -> Vec<String> {
    let Some(names) = texts(reader, key, &section.claims) else {
        reader.note_text(key, "sub", &Origin::Default);
        return vec!["sub".to_owned()];
    };
    for name in names.iter().filter(|name| FLEETING.contains(&name.as_str())) {
        let origin = section.claims.as_ref().map_or(Origin::Default, |list| reader.origin(list));
        let given = Given { text: name.clone(), origin };
        let problem = "expected claims that say who asks; this one differs from token to token";
        reader.fault(key, Some((&given, Show::Plain)), problem);
    }
    names
}

/// A list of texts, if there is one.
fn texts(reader: &mut Reader<'_>, key: &str, list: &List) -> Option<Vec<String>> {
    let list = list.as_ref()?;
    let texts: Vec<String> = list.get_ref().iter().map(|text| text.0.clone()).collect();
    let origin = reader.origin(list);
    reader.note_text(key, if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }, &origin);
    Some(texts)
}

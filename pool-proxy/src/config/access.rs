//! What keys and issuers have in common: databases, roles, how much may be asked.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::file::{List, Text};
use super::names;
use super::origin::Origin;
use super::reader::{Given, Reader, Show};
use crate::auth::{Allowance, Databases};

/// The name of an entry; `taken` says why one may not be given again.
pub(super) fn name(
    reader: &mut Reader<'_>,
    key: &str,
    text: &Text,
    place: &Origin,
    taken: impl FnOnce(&str) -> Option<&'static str>,
) -> Option<String> {
    let Some(given) = reader.line(text) else {
        reader.fault(key, None, format!("expected a name in the entry at {place}"));
        return None;
    };
    if !names::is_key(&given.text) {
        reader.fault(key, Some((&given, Show::Plain)), format!("expected {}", names::KEY));
        return None;
    }
    if let Some(whose) = taken(&given.text) {
        reader.fault(key, Some((&given, Show::Plain)), format!("expected a name of its own; {whose}"));
    }
    Some(given.text)
}

/// The databases that may be used.
pub(super) fn databases(reader: &mut Reader<'_>, key: &str, list: &List, known: &[&str]) -> Databases {
    let Some(list) = list else {
        reader.note_text(key, "all", &Origin::Default);
        return Databases::All;
    };
    let origin = reader.origin(list);
    let mut names: Vec<&str> = list.get_ref().iter().map(|name| name.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let given = |text: &str| Given { text: text.to_owned(), origin: origin.clone() };
    if names.is_empty() {
        let problem = "expected the name of a database; leave the line out for all of them";
        reader.fault(key, Some((&given("[]"), Show::Plain)), problem);
    }
    for name in &names {
        if !known.contains(name) {
            let problem = format!("expected the name of a configured database: {}", known.join(", "));
            reader.fault(key, Some((&given(name), Show::Plain)), problem);
        }
    }
    reader.note_text(key, names.join(", "), &origin);
    Databases::Only(names.into_iter().map(Arc::from).collect())
}

/// A Postgres role.
pub(super) fn role(reader: &mut Reader<'_>, key: &str, text: &Text) -> Option<Arc<str>> {
    let given = reader.line(text)?;
    if !names::is_role(&given.text) {
        reader.fault(key, Some((&given, Show::Plain)), format!("expected {}", names::ROLE));
        return None;
    }
    reader.note_text(key, given.text.as_str(), &given.origin);
    Some(given.text.into())
}

/// How much may be asked.
pub(super) fn allowance(reader: &mut Reader<'_>, key: &str, rate: &Text, concurrency: &Text) -> Allowance {
    let name = format!("{key}.rate");
    let given = [reader.line(rate)];
    let rate = reader.given(&name, given);
    if let Some(rate) = &rate {
        reader.note(&name, rate);
    }
    let name = format!("{key}.concurrency");
    let given = [reader.line(concurrency)];
    let concurrency = reader.given::<usize, 1>(&name, given);
    if let Some(read) = &concurrency {
        reader.note(&name, read);
        if read.value == 0 {
            reader.refuse(&name, read, "expected at least 1; leave the line out for no limit");
        }
    }
    let concurrency = concurrency.and_then(|read| NonZeroUsize::new(read.value));
    Allowance { rate: rate.map(|read| read.value), concurrency }
}

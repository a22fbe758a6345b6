//! How answers are kept: as clients ask, or until they change.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::file::{CacheSection, KeepSection, List, Scalar, Text};
use super::reader::{Given, Read, Reader, Show};
use super::sources;
use super::value::Value;
use crate::coherence::{KeepConfig, Mode};

impl Value for Mode {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "ask" => Ok(Self::Ask),
            "observe" => Ok(Self::Observe),
            "auto" => Ok(Self::Auto),
            _ => Err("expected ask, observe or auto".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Ask => "ask",
            Self::Observe => "observe",
            Self::Auto => "auto",
        }
        .to_owned()
    }
}

/// A name that means the same quoted or not.
#[derive(Clone)]
struct Publication(String);

impl Value for Publication {
    fn parse(text: &str) -> Result<Self, String> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let is_name = (1..=63).contains(&text.len())
            && text.bytes().next().is_some_and(letters)
            && text.bytes().all(|byte| letters(byte) || byte.is_ascii_digit());
        if is_name { Ok(Self(text.to_owned())) } else { Err("expected a name of a-z, 0-9 and _".to_owned()) }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// What a section says, of the whole cache or of a database.
struct Said<'f> {
    bound: &'f Text,
    patience: &'f Text,
    publication: &'f Text,
    safe_functions: &'f List,
}

impl<'f> From<&'f CacheSection> for Said<'f> {
    fn from(section: &'f CacheSection) -> Self {
        let CacheSection { bound, patience, publication, safe_functions, .. } = section;
        Self { bound, patience, publication, safe_functions }
    }
}

impl<'f> From<&'f KeepSection> for Said<'f> {
    fn from(section: &'f KeepSection) -> Self {
        let KeepSection { bound, patience, publication, safe_functions, .. } = section;
        Self { bound, patience, publication, safe_functions }
    }
}

/// How answers are kept, with where that came from.
pub(super) struct Keep {
    mode: Read<Mode>,
    bound: Read<Duration>,
    patience: Read<Duration>,
    publication: Read<Publication>,
    safe_functions: Vec<String>,
}

impl Keep {
    pub(super) fn everywhere(reader: &mut Reader<'_>, section: &CacheSection) -> Self {
        let default = KeepConfig::default();
        let layers = [reader.variable(sources::CACHE_MODE), reader.line(&section.mode)];
        let mode = reader.read("cache.mode", layers, default.mode);
        let before = Self {
            mode: mode.inherited(),
            bound: Read::unsaid(default.bound),
            patience: Read::unsaid(default.patience),
            publication: Read::unsaid(Publication(default.publication.to_string())),
            safe_functions: Vec::new(),
        };
        Self { mode, ..before.or(reader, "cache", &Said::from(section)) }
    }

    pub(super) fn of(&self, reader: &mut Reader<'_>, key: &str, section: &KeepSection) -> KeepConfig {
        let key = format!("{key}.cache");
        let layers = [reader.line(&section.mode)];
        let mode = reader.given(&format!("{key}.mode"), layers).unwrap_or_else(|| self.mode.inherited());
        reader.note(&format!("{key}.mode"), &mode);
        let own = self.or(reader, &key, &Said::from(section));
        KeepConfig {
            mode: mode.value,
            bound: own.bound.value,
            patience: own.patience.value,
            publication: own.publication.value.0.into(),
            safe_functions: own.safe_functions,
            unfenced: cfg!(debug_assertions)
                && reader.variable(sources::TEST_FENCE).is_some_and(|given| given.text == "off"),
        }
    }

    /// What this section says of all but the mode, else what held before it.
    fn or(&self, reader: &mut Reader<'_>, key: &str, section: &Said<'_>) -> Self {
        const BOUND: (RangeInclusive<Duration>, &str) =
            (Duration::from_millis(500)..=Duration::from_mins(1), "expected from 500ms to 1m");
        const PATIENCE: (RangeInclusive<Duration>, &str) =
            (Duration::ZERO..=Duration::from_secs(5), "expected at most 5s");
        let key = |name: &str| format!("{key}.{name}");
        let bound = reader.bounded(&key("bound"), section.bound, &self.bound, BOUND);
        let patience = reader.bounded(&key("patience"), section.patience, &self.patience, PATIENCE);
        let layers = [reader.line(section.publication)];
        let publication = reader.given(&key("publication"), layers).unwrap_or_else(|| self.publication.inherited());
        reader.note(&key("publication"), &publication);
        let safe_functions = match section.safe_functions {
            Some(list) => functions(reader, &key("safe_functions"), list),
            None => self.safe_functions.clone(),
        };
        Self { mode: self.mode.inherited(), bound, patience, publication, safe_functions }
    }
}

/// Full names, as SQL writes them.
fn functions(reader: &mut Reader<'_>, key: &str, list: &Spanned<Vec<Scalar>>) -> Vec<String> {
    let origin = reader.origin(list);
    let names: Vec<String> = list.get_ref().iter().map(|name| name.0.clone()).collect();
    for name in &names {
        if name.split_once('.').is_none_or(|(schema, name)| schema.is_empty() || name.is_empty()) {
            let given = Given { text: name.clone(), origin: origin.clone() };
            reader.fault(
                key,
                Some((&given, Show::Plain)),
                "expected names of functions with their schema: public.slug",
            );
        }
    }
    reader.note_text(key, names.join(", "), &origin);
    names
}

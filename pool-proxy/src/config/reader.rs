//! Reads one value after the other from the layers, and keeps what is wrong and where each came from.

use std::ops::RangeBounds;

use toml::Spanned;

use super::effective::{Effective, Entry};
use super::fault::{Fault, HIDDEN};
use super::file::{Place, Scalar, Text};
use super::origin::Origin;
use super::sources::Sources;
use super::value::Value;

/// A value as somebody wrote it. It may be a secret, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// A value, and where it came from.
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
    /// False where the default stands in for a value that could not be read: there is a fault already.
    pub(super) sound: bool,
}

impl<T> Read<T> {
    /// What holds where nobody says anything.
    pub(super) fn unsaid(value: T) -> Self {
        Self { value, origin: Origin::Default, sound: true }
    }
}

impl<T: Clone> Read<T> {
    /// The same for another key that says nothing of its own.
    pub(super) fn inherited(&self) -> Self {
        Self { value: self.value.clone(), origin: self.origin.clone(), sound: self.sound }
    }
}

/// Whether a value may be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Plain,
    Hidden,
}

/// What has been read so far.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    place: Option<&'a Place>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<String>,
    pub(super) effective: Effective,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources, place: Option<&'a Place>) -> Self {
        Self { sources, place, faults: vec![], warnings: vec![], effective: Effective::default() }
    }

    /// A variable, if it is set.
    pub(super) fn variable(&self, name: &'static str) -> Option<Given> {
        let text = self.sources.variable(name)?.to_owned();
        Some(Given { text, origin: Origin::Environment(name) })
    }

    /// A key of the file, if it is there.
    pub(super) fn line(&self, text: &Text) -> Option<Given> {
        text.as_ref().map(|scalar| self.entry(scalar))
    }

    /// A value of the file.
    pub(super) fn entry(&self, scalar: &Spanned<Scalar>) -> Given {
        Given { text: scalar.get_ref().0.clone(), origin: self.origin(scalar) }
    }

    /// Where a part of the file stands.
    pub(super) fn origin<T>(&self, part: &Spanned<T>) -> Origin {
        self.place.map_or(Origin::Default, |place| place.origin(part.span().start))
    }

    /// The value of `key`: what the highest layer says, given highest first.
    pub(super) fn read<T: Value, const N: usize>(
        &mut self,
        key: &str,
        layers: [Option<Given>; N],
        default: T,
    ) -> Read<T> {
        let faults = self.faults.len();
        let found = self.given(key, layers);
        let sound = self.faults.len() == faults;
        let read = found.unwrap_or(Read { value: default, origin: Origin::Default, sound });
        self.note(key, &read);
        read
    }

    /// The value of `key` if a layer has one; it is not noted as being in force.
    pub(super) fn given<T: Value, const N: usize>(&mut self, key: &str, layers: [Option<Given>; N]) -> Option<Read<T>> {
        let given = layers.into_iter().flatten().next()?;
        match T::parse(&given.text) {
            Ok(value) => Some(Read { value, origin: given.origin, sound: true }),
            Err(problem) => {
                self.fault(key, Some((&given, Show::Plain)), problem);
                None
            }
        }
    }

    /// The value of `key`: what the file says, which must lie in a range, else what held before.
    pub(super) fn bounded<T: Value + Clone + PartialOrd>(
        &mut self,
        key: &str,
        text: &Text,
        before: &Read<T>,
        (range, problem): (impl RangeBounds<T>, &str),
    ) -> Read<T> {
        let line = [self.line(text)];
        let own = self.given(key, line);
        if let Some(own) = own.as_ref().filter(|own| !range.contains(&own.value)) {
            self.refuse(key, own, problem);
        }
        let read = own.unwrap_or_else(|| before.inherited());
        self.note(key, &read);
        read
    }

    /// Takes down a value in force.
    pub(super) fn note<T: Value>(&mut self, key: &str, read: &Read<T>) {
        self.note_text(key, read.value.show(), &read.origin);
    }

    /// Takes down a value in force that is shown in other words than its own.
    pub(super) fn note_text(&mut self, key: &str, value: impl Into<String>, origin: &Origin) {
        self.effective.0.push(Entry { key: key.to_owned(), value: value.into(), origin: origin.clone() });
    }

    /// Takes down what is wrong with a value, or that there is none.
    pub(super) fn fault(&mut self, key: &str, given: Option<(&Given, Show)>, problem: impl Into<String>) {
        let value = given.map(|(given, show)| match show {
            Show::Plain => quoted(&given.text),
            Show::Hidden => HIDDEN.to_owned(),
        });
        let origin = given.map(|(given, _)| given.origin.clone());
        self.faults.push(Fault { key: key.to_owned(), value, origin, problem: problem.into() });
    }

    /// Takes down that a value which can be read may not be what it is.
    pub(super) fn refuse<T: Value>(&mut self, key: &str, read: &Read<T>, problem: impl Into<String>) {
        let given = Given { text: read.value.show(), origin: read.origin.clone() };
        self.fault(key, Some((&given, Show::Plain)), problem);
    }

    /// Takes down what an operator should know.
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }
}

/// As in the file; long ones cut, since they are shown to find them, not to read them.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    // A connection URL that ended up at the wrong key is as secret as at its own, also one with a typing error.
    if text.contains("://") && (text.contains('@') || text.contains("postgres")) {
        return HIDDEN.to_owned();
    }
    if !text.is_empty() && text.len() <= LONGEST && text.chars().all(|letter| letter.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

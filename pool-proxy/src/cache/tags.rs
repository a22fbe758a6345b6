//! Clients' own labels on answers.

use std::collections::BTreeSet;
use std::sync::Arc;

/// A label of 1 to 64 characters `[A-Za-z0-9_]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// None, or too many.
    #[error("1 to 5 tags are allowed, not {0}")]
    Count(usize),
    /// A tag of other characters, or too long.
    #[error("a tag has 1 to 64 characters out of A-Z, a-z, 0-9 and _")]
    Tag,
}

/// At most five tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSet(BTreeSet<Tag>);

impl TagSet {
    /// The most tags one request may name.
    pub const MOST: usize = 5;

    /// Reads a list, as in `Cache-Tag: a,b` or `{"tags": ["a", "b"]}`.
    ///
    /// # Errors
    /// When there is no tag, too many, or one that is none.
    pub fn parse<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<Self, TagsError> {
        let mut count = 0;
        let mut set = BTreeSet::new();
        for tag in tags {
            let tag = tag.trim();
            let fits = (1..=64).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            if !fits {
                return Err(TagsError::Tag);
            }
            count += 1;
            set.insert(Tag(tag.into()));
        }
        if (1..=Self::MOST).contains(&count) { Ok(Self(set)) } else { Err(TagsError::Count(count)) }
    }

    /// Each tag once.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of these is among the others.
    pub(super) fn meets(&self, others: &BTreeSet<Tag>) -> bool {
        self.0.iter().any(|tag| others.contains(tag))
    }

    pub(super) fn tags(&self) -> &BTreeSet<Tag> {
        &self.0
    }
}

/// What to invalidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// Everything of the database.
    All,
    /// Everything that carries a tag.
    Tagged,
    /// What carries one of these.
    Some(TagSet),
}

//! What the proxies of a database tell each other, and what it tells them itself: messages in its stream of changes
//! (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION>).

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::tags::{TagSet, Tags};

/// What all of them begin with.
pub const PREFIX: &str = "pool_proxy";

/// A message. What it looks like is its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The transaction it is told in has changed what statements mean.
    Defined,
    /// A statement may have, at a proxy, that of this number, which has looked itself.
    Doubted {
        /// Which proxy.
        by: u64,
    },
    /// A proxy, that of this number, has dropped answers for a client.
    Invalidated {
        /// Which proxy.
        by: u64,
        /// What was dropped.
        what: Tags,
    },
}

/// What stands before the number of the proxy.
const DOUBTED: &str = "look ";

/// How an invalidation is written.
#[derive(Serialize, Deserialize)]
struct Invalidation {
    by: u64,
    /// None: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

impl Message {
    /// Reads one; `None` if it is of a kind that is not known here, such as a later version's.
    pub fn parse(content: &[u8]) -> Option<Self> {
        if content == b"ddl" {
            return Some(Self::Defined);
        }
        if let Some(by) = content.strip_prefix(DOUBTED.as_bytes()) {
            return Some(Self::Doubted { by: std::str::from_utf8(by).ok()?.parse().ok()? });
        }
        let Invalidation { by, tags } = serde_json::from_slice(content).ok()?;
        let what = match tags {
            Some(tags) => Tags::Some(TagSet::parse(tags.iter().map(String::as_str)).ok()?),
            None => Tags::All,
        };
        Some(Self::Invalidated { by, what })
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defined => f.write_str("ddl"),
            Self::Doubted { by } => write!(f, "{DOUBTED}{by}"),
            Self::Invalidated { by, what } => {
                let tags = match what {
                    Tags::Some(tags) => Some(tags.iter().map(ToString::to_string).collect()),
                    Tags::All | Tags::Tagged => None,
                };
                let text = serde_json::to_string(&Invalidation { by: *by, tags }).map_err(|_| fmt::Error)?;
                f.write_str(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let some = TagSet::parse(["posts", "user_7"]).unwrap();
        for what in [Tags::All, Tags::Some(some)] {
            let message = Message::Invalidated { by: u64::MAX, what };
            assert_eq!(Message::parse(message.to_string().as_bytes()), Some(message));
        }
        for message in [Message::Defined, Message::Doubted { by: u64::MAX }] {
            assert_eq!(Message::parse(message.to_string().as_bytes()), Some(message));
        }
    }

    #[test]
    fn what_is_not_known_is_none() {
        for content in [
            "",
            "later",
            "look",
            "look x",
            "{}",
            r#"{"by":1,"tags":[]}"#,
            r#"{"by":1,"tags":["not a tag"]}"#,
            r#"{"by":-1}"#,
        ] {
            assert_eq!(Message::parse(content.as_bytes()), None, "{content}");
        }
    }
}

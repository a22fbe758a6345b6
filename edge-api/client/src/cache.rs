//! What a read asks of the proxy's cache.

use std::time::Duration;

use crate::error::{Error, Kind};

/// The hints of one read: how old an answer may be, and the tags under which the proxy keeps it.
///
/// ```
/// use std::time::Duration;
/// use pool_client::Cache;
///
/// let _hints = Cache::ttl(Duration::from_mins(1)).swr(Duration::from_secs(30)).tags(["posts", "front_page"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "hints do nothing until a query carries them"]
pub struct Cache {
    mode: Mode,
    ttl: Duration,
    swr: Option<Duration>,
    tags: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Use,
    Refresh,
    Bypass,
}

impl Cache {
    /// Take an answer up to this old; otherwise ask Postgres and keep the answer. Whole seconds: a rest is cut off.
    pub fn ttl(ttl: Duration) -> Self {
        Self { mode: Mode::Use, ttl, swr: None, tags: Vec::new() }
    }

    /// Ask Postgres whatever is kept, and keep the answer for `ttl`.
    pub fn refresh(ttl: Duration) -> Self {
        Self { mode: Mode::Refresh, ..Self::ttl(ttl) }
    }

    /// Neither take a kept answer nor keep one.
    pub fn no_store() -> Self {
        Self { mode: Mode::Bypass, ..Self::ttl(Duration::ZERO) }
    }

    /// For this long after the ttl an old answer is still taken, while the proxy fetches a new one.
    pub fn swr(mut self, stale_while_revalidate: Duration) -> Self {
        self.swr = Some(stale_while_revalidate);
        self
    }

    /// Adds a tag of 1 to 64 characters of `[A-Za-z0-9_]`, by which the answer can be invalidated; at most five.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds several tags.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Whether only a read would carry such hints.
    pub(crate) fn is_of_a_read(&self) -> bool {
        self.mode != Mode::Bypass
    }

    pub(crate) fn control(&self) -> String {
        let mode = match self.mode {
            Mode::Bypass => return "no-store".to_owned(),
            Mode::Refresh => "no-cache, ",
            Mode::Use => "",
        };
        let ttl = self.ttl.as_secs();
        match self.swr {
            Some(swr) => format!("{mode}max-age={ttl}, stale-while-revalidate={}", swr.as_secs()),
            None => format!("{mode}max-age={ttl}"),
        }
    }

    pub(crate) fn tag_list(&self) -> Result<Option<String>, Error> {
        if self.tags.is_empty() {
            return Ok(None);
        }
        check(&self.tags)?;
        Ok(Some(self.tags.join(",")))
    }
}

/// Checks tags by the proxy's rule, so that none of them ends a header early.
pub(crate) fn check(tags: &[String]) -> Result<(), Error> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fine = |tag: &String| (1..=64).contains(&tag.len()) && tag.bytes().all(letter);
    if !(1..=5).contains(&tags.len()) {
        return Err(Kind::Invalid(format!("1 to 5 tags are possible, not {}", tags.len())).into());
    }
    if !tags.iter().all(fine) {
        return Err(Kind::Invalid("a tag is 1 to 64 characters of [A-Za-z0-9_]".to_owned()).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Cache;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn writes_the_headers() {
        for (cache, control, tags) in [
            (Cache::ttl(MINUTE), "max-age=60", None),
            (Cache::ttl(Duration::from_millis(1999)), "max-age=1", None),
            (Cache::ttl(MINUTE).swr(MINUTE).tag("a"), "max-age=60, stale-while-revalidate=60", Some("a")),
            (Cache::refresh(MINUTE).tags(["a", "B_2"]), "no-cache, max-age=60", Some("a,B_2")),
            (Cache::no_store().swr(MINUTE), "no-store", None),
        ] {
            assert_eq!(cache.control(), control);
            assert_eq!(cache.tag_list().unwrap().as_deref(), tags);
        }
    }

    #[test]
    fn refuses_tags_that_the_proxy_would_refuse() {
        let long = "x".repeat(65);
        for tags in [vec![""], vec!["a b"], vec!["a-b"], vec!["a\r\nb"], vec!["é"], vec![&long], vec!["a"; 6]] {
            assert!(Cache::ttl(MINUTE).tags(tags.clone()).tag_list().is_err(), "{tags:?}");
        }
    }
}

//! Text that may be a part of a longer one.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// Text that never changes. The columns of a row are parts of one, so that a row costs one allocation rather than one for
/// each of its columns, and a copy costs none.
#[derive(Clone)]
pub struct Text {
    whole: Arc<str>,
    start: u32,
    end: u32,
}

impl Text {
    /// A part of a text, by its bytes. `None` if it begins or ends within a character or outside of the text, or behind
    /// 4 GiB: no row of Postgres's is that long (<https://www.postgresql.org/docs/current/limits.html>).
    pub fn part(whole: &Arc<str>, part: Range<usize>) -> Option<Self> {
        let (start, end) = (u32::try_from(part.start).ok()?, u32::try_from(part.end).ok()?);
        whole.get(part)?;
        Some(Self { whole: Arc::clone(whole), start, end })
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    /// All of a text, which is shorter than 4 GiB.
    fn from(text: T) -> Self {
        let whole = text.into();
        let end = u32::try_from(whole.len()).unwrap_or_default();
        Self { whole, start: 0, end }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

//! Headers that reads have and writes do not.

use std::borrow::Cow;

/// What reads say besides, so that they are answered otherwise than the writes beside them.
#[derive(Default)]
pub(crate) struct Reads {
    /// Each with its line end.
    lines: String,
    /// Each has one of so many tags (`Cache-Tag`), by its id.
    tags: Option<u32>,
}

impl Reads {
    /// Headers as `name: value`.
    pub(crate) fn new(headers: &[String], tags: Option<u32>) -> Self {
        Self { lines: headers.iter().flat_map(|header| [header, "\r\n"]).collect(), tags }
    }

    /// The headers of a read of this id, after those that every request has.
    pub(crate) fn add<'a>(&self, head: &'a str, id: Option<i32>) -> Cow<'a, str> {
        let tag = self.tags.zip(id).map(|(tags, id)| format!("cache-tag: t{}\r\n", id.unsigned_abs() % tags));
        match tag {
            None if self.lines.is_empty() => Cow::Borrowed(head),
            tag => Cow::Owned([head, &self.lines, tag.as_deref().unwrap_or_default()].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reads;

    #[test]
    fn reads_say_more() {
        let check = |reads: &Reads, id, expected: &str| assert_eq!(reads.add("a: b\r\n", id), expected);
        check(&Reads::default(), Some(7), "a: b\r\n");
        check(&Reads::new(&["c: d".to_owned()], None), Some(7), "a: b\r\nc: d\r\n");
        check(&Reads::new(&["c: d".to_owned()], Some(5)), Some(7), "a: b\r\nc: d\r\ncache-tag: t2\r\n");
        check(&Reads::new(&[], Some(5)), None, "a: b\r\n");
    }
}

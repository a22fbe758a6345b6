//! The comment behind a statement by which Postgres's own log names the trace (<https://google.github.io/sqlcommenter/spec/>).

/// A comment. Nothing of a client's is in it but the digits of a trace's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment(Box<str>);

impl Comment {
    pub(super) fn new(traceparent: &str) -> Self {
        Self(format!("/*traceparent='{traceparent}'*/").into())
    }

    /// The statement with the comment behind it, so that places in the statement stay what they are.
    pub fn behind(&self, text: &str) -> String {
        let last = text.rsplit(['\n', '\r']).next().unwrap_or_default();
        // It may be a comment to the end of its line.
        let gap = if last.contains("--") { '\n' } else { ' ' };
        format!("{text}{gap}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Comment;

    #[test]
    fn it_stands_behind_whatever_ends_a_text() {
        let comment = Comment::new("00-1-2-01");
        for (text, gap) in [
            ("select 1", " "),
            ("select 1;", " "),
            ("select 1 -- one", "\n"),
            ("select 1 -- one\n", " "),
            ("select 1 -- one\nfrom t", " "),
            ("select '--'", "\n"),
            ("", " "),
        ] {
            assert_eq!(comment.behind(text), format!("{text}{gap}/*traceparent='00-1-2-01'*/"));
        }
    }
}

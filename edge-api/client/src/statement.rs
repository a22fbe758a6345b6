//! One statement: its text and its parameters.

use crate::param::Param;

/// An SQL statement with its parameters, made by [`sql`].
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is run"]
pub struct Statement {
    pub(crate) text: String,
    pub(crate) params: Vec<Param>,
}

/// A statement whose parameters are written `$1`, `$2`, ... in its text.
///
/// ```
/// use pool_client::sql;
///
/// let _statement = sql("UPDATE posts SET title = $1 WHERE id = $2").bind("New").bind(7);
/// ```
pub fn sql(text: impl Into<String>) -> Statement {
    Statement { text: text.into(), params: Vec::new() }
}

impl Statement {
    /// The next parameter.
    pub fn bind(mut self, value: impl Into<Param>) -> Self {
        self.params.push(value.into());
        self
    }

    /// Whether it runs commands that may commit in the midst of their work, so that an error does not undo all of it.
    pub(crate) fn may_commit_in_parts(&self) -> bool {
        let text = without_comments(&self.text);
        let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
        word.eq_ignore_ascii_case("call") || word.eq_ignore_ascii_case("do")
    }
}

impl From<&str> for Statement {
    fn from(text: &str) -> Self {
        sql(text)
    }
}

impl From<String> for Statement {
    fn from(text: String) -> Self {
        sql(text)
    }
}

/// The text from its first word on. Comments of the second kind nest.
fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]).trim_start();
        } else if rest.starts_with("/*") {
            rest = behind_comment(rest).trim_start();
        } else {
            return rest;
        }
    }
}

fn behind_comment(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find(['/', '*']) {
        let here = &rest[at..];
        if let Some(behind) = here.strip_prefix("/*") {
            depth += 1;
            rest = behind;
        } else if let Some(behind) = here.strip_prefix("*/") {
            depth = depth.saturating_sub(1);
            rest = behind;
            if depth == 0 {
                return rest;
            }
        } else {
            rest = &here[1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::sql;

    #[test]
    fn tells_what_may_commit_in_parts() {
        for (text, expected) in [
            ("CALL p()", true),
            ("call p()", true),
            ("DO $$ BEGIN COMMIT; END $$", true),
            ("  -- one\n /* two /* three */ */ CALL p()", true),
            ("--one\r\n--two\nDo 'x'", true),
            ("SELECT call()", false),
            ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", false),
            ("callers", false),
            ("/* CALL */ SELECT 1", false),
            ("/* CALL", false),
            ("-- CALL", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(sql(text).may_commit_in_parts(), expected, "{text}");
        }
    }
}

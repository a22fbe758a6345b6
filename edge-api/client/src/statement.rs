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

    /// Whether an error undoes all of it. Other commands, such as CALL, VACUUM or CREATE INDEX CONCURRENTLY, may commit
    /// in the midst of their work, and of some it depends on what they run: so these are the ones that never do.
    pub(crate) fn is_atomic(&self) -> bool {
        const WORDS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"];
        let text = behind_blanks(&self.text);
        let of_a_word = |letter: char| letter.is_ascii_alphanumeric() || "_$".contains(letter) || !letter.is_ascii();
        let (word, _) = text.split_at(text.find(|letter| !of_a_word(letter)).unwrap_or(text.len()));
        text.starts_with('(') || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
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

/// The text from its first word on: behind white space, comments and the ends of empty statements. Comments of the
/// second kind nest.
fn behind_blanks(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ';');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]);
        } else if rest.starts_with("/*") {
            rest = behind_comment(rest);
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
    fn tells_what_is_undone_whole() {
        for (text, expected) in [
            ("SELECT call()", true),
            ("select 1", true),
            ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", true),
            ("Update t SET a = 1", true),
            ("DELETE FROM t", true),
            ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", true),
            ("WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("VALUES (1)", true),
            ("TABLE t", true),
            ("(SELECT 1) UNION SELECT 2", true),
            ("SELECT*FROM t", true),
            ("  -- one\n /* two /* three */ */ SELECT 1", true),
            ("--one\r\n--two\n;; ;/**/select 1", true),
            ("/* CALL */ SELECT 1", true),
            ("SELECT", true),
            ("CALL p()", false),
            (";CALL p()", false),
            ("/* SELECT */ ; -- SELECT\n call p()", false),
            ("DO $$ BEGIN COMMIT; END $$", false),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", false),
            ("VACUUM t", false),
            ("EXPLAIN ANALYZE SELECT 1", false),
            ("selects", false),
            ("select_all", false),
            ("selectä", false),
            ("select$", false),
            ("with2", false),
            ("/* SELECT", false),
            ("-- SELECT", false),
            ("/", false),
            (";", false),
            ("", false),
        ] {
            assert_eq!(sql(text).is_atomic(), expected, "{text}");
        }
    }
}

//! The few looks at a statement's words, each with the reason why words are enough.

use super::plain;

/// The leading keyword, if the statement would end or replace the transaction it runs in, or start a COPY.
///
/// Exact although it is a look at the text: none of these can be nested in another statement, so the first words after blanks,
/// comments and empty statements decide. ROLLBACK TO a savepoint ends nothing and is let through.
pub fn refused_keyword(text: &str) -> Option<&'static str> {
    let mut text = skip(text);
    while let Some(after_empty) = text.strip_prefix(';') {
        text = skip(after_empty);
    }
    let (first, rest) = word(text);
    // Most statements are known by their first word.
    let second = || word(skip(rest));
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    match () {
        () if is(first, "BEGIN") => Some("BEGIN"),
        () if is(first, "START") => Some("START"),
        () if is(first, "END") => Some("END"),
        () if is(first, "ABORT") => Some("ABORT"),
        () if is(first, "COPY") => Some("COPY"),
        () if is(first, "PREPARE") && is(second().0, "TRANSACTION") => Some("PREPARE TRANSACTION"),
        () if is(first, "COMMIT") && is(second().0, "PREPARED") => Some("COMMIT PREPARED"),
        () if is(first, "COMMIT") => Some("COMMIT"),
        () if is(first, "ROLLBACK") && is(second().0, "PREPARED") => Some("ROLLBACK PREPARED"),
        () if is(first, "ROLLBACK") => {
            let (second, rest) = second();
            let noise = is(second, "WORK") || is(second, "TRANSACTION");
            let to = if noise { word(skip(rest)).0 } else { second };
            (!is(to, "TO")).then_some("ROLLBACK")
        }
        () => None,
    }
}

/// Whether a statement that is not refused may bring a failed transaction back: ROLLBACK TO a savepoint is the only one.
pub fn rolls_back_to_savepoint(text: &str) -> bool {
    first_word(text).eq_ignore_ascii_case("ROLLBACK")
}

/// Whether a text of several statements may have a ROLLBACK AND CHAIN in it, which ends a transaction and begins the next one. What
/// Postgres says of it is the same as of a ROLLBACK TO.
///
/// One-sided: a keyword is always written with its own letters, but the word may be something else.
pub fn may_chain(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word.eq_ignore_ascii_case("CHAIN"))
}

/// Whether a statement concerns its session or transaction alone, and takes no snapshot. In a transaction others of its kind may
/// follow that are refused once one was taken (<https://www.postgresql.org/docs/current/sql-set-transaction.html>).
///
/// Exact: nothing else begins with these words.
pub fn shows_nothing(text: &str) -> bool {
    let first = first_word(text);
    let words = ["SET", "SHOW", "LOCK", "SAVEPOINT", "RELEASE", "ROLLBACK", "LISTEN", "UNLISTEN", "NOTIFY"];
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Whether a statement of which no more is known may define something that those behind it name: a table that stands before
/// another of its name, say.
///
/// The check is one-sided, too: only commands that define nothing, and have no others in them that could, are let off. What
/// gives rows is none that defines, but for EXPLAIN ANALYZE and a procedure.
pub fn may_define(text: &str, has_columns: bool) -> bool {
    let harmless =
        ["SET", "SHOW", "SAVEPOINT", "RELEASE", "ROLLBACK", "LOCK", "NOTIFY", "INSERT", "UPDATE", "DELETE", "MERGE"];
    let first = first_word(text);
    let is_one_of = |words: &[&str]| words.iter().any(|word| first.eq_ignore_ascii_case(word));
    if has_columns { is_one_of(&["EXPLAIN", "CALL"]) } else { !is_one_of(&harmless) }
}

/// Whether its columns are those of something that only the session knows: the cursor of a FETCH, the statement of an
/// EXECUTE. Neither can be nested in another statement.
pub fn is_shaped_by_session(text: &str) -> bool {
    let first = first_word(text);
    first.eq_ignore_ascii_case("FETCH") || first.eq_ignore_ascii_case("EXECUTE")
}

/// The first word after blanks, comments and empty statements.
fn first_word(text: &str) -> &str {
    let mut text = skip(text);
    while let Some(after_empty) = text.strip_prefix(';') {
        text = skip(after_empty);
    }
    word(text).0
}

/// Past blanks and comments. An unterminated comment leaves nothing: Postgres refuses it anyway.
pub(super) fn skip(mut text: &str) -> &str {
    loop {
        // The blanks of scan.l; the vertical tab is one from Postgres 16 on and an error before.
        text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        if let Some(comment) = text.strip_prefix("--") {
            text = comment.split_once(['\n', '\r']).map_or("", |(_, rest)| rest);
        } else if text.starts_with("/*") {
            text = past_block_comment(text);
        } else {
            return text;
        }
    }
}

/// Block comments nest in SQL.
fn past_block_comment(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        if let Some(inner) = rest.strip_prefix("/*") {
            depth += 1;
            rest = inner;
        } else if let Some(outer) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = outer;
            if depth == 0 {
                return rest;
            }
        } else {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return "";
            }
            rest = chars.as_str();
        }
    }
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

/// Might the text hold a literal such as `'now'` that Postgres turns into a time when it parses, not when it runs?
///
/// A tree cannot tell (the literal is a constant there already), and a prepared statement would keep the moment of its
/// preparation for the life of its connection: such a text is prepared without a name and its answer is not kept by itself.
/// The check is one-sided: it may say yes to a harmless text (a column named `today`), which costs a parse.
pub fn has_frozen_literal(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    if may_hide_letters(&text) {
        return true;
    }
    says_now(&text) || says_now(&plain::unescaped(&text))
}

fn says_now(text: &str) -> bool {
    ["now", "today", "tomorrow", "yesterday"].iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            let stands_alone = !before.ends_with(|c: char| c.is_ascii_alphabetic())
                && !after.starts_with(|c: char| c.is_ascii_alphabetic());
            stands_alone && !is_call(before, after)
        })
    })
}

/// `now()` is a call unless a quote opens right before it: `'now()'` is a literal that Postgres takes for a time, too.
fn is_call(before: &str, after: &str) -> bool {
    after.trim_start().starts_with('(') && !before.trim_end().ends_with(['\'', '$'])
}

/// Escapes (`E'\x6eow'`, `U&'n\006fw'`) and literals continued on another line can spell the word without its letters in a row.
fn may_hide_letters(text: &str) -> bool {
    let escapes = text.contains("u&'") || (text.contains("e'") && text.contains('\\'));
    let continued = text.match_indices('\'').any(|(at, _)| {
        let rest = &text[at + 1..];
        let gap = rest.len() - rest.trim_start().len();
        let next = &rest[gap..];
        next.starts_with("--") || (next.starts_with('\'') && rest[..gap].contains(['\n', '\r']))
    });
    escapes || continued
}

#[cfg(test)]
mod tests;

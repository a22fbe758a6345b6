//! What keys, databases and roles may be called.

/// What [`is_key`] accepts, for people.
pub const KEY: &str = "a name of 1 to 64 letters, digits and - _ . : @";

/// What [`is_database`] accepts, for people.
pub const DATABASE: &str = "a name of 1 to 63 letters, digits and - _ .";

/// What [`is_role`] accepts, for people.
pub const ROLE: &str = "the name of a Postgres role, of 1 to 63 bytes, not \"none\"";

/// A key's name stands in logs and metrics.
pub fn is_key(text: &str) -> bool {
    let allowed = |letter: char| letter.is_alphanumeric() || "-_.:@".contains(letter);
    (1..=64).contains(&text.chars().count()) && text.chars().all(allowed)
}

/// A database's name stands in connection strings, headers and metrics.
pub fn is_database(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=63).contains(&text.len()) && text.chars().all(allowed)
}

/// `none` would mean the login role: the key would get every right instead of few.
pub fn is_role(text: &str) -> bool {
    (1..=63).contains(&text.len()) && !text.eq_ignore_ascii_case("none") && !text.chars().any(char::is_control)
}

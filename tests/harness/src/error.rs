//! One error for everything here: a sentence that says what went wrong and what to do about it.

use std::fmt::{Debug, Display, Formatter, Result};

/// Why the harness could not do what it was asked, in words for the person at the terminal.
pub struct Error(String);

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// For `map_err`: what was being done, then the cause.
    pub fn doing<E: Display>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |cause| Self(format!("{what}: {cause}"))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

/// The same words as `Display`, so that `unwrap` in a test prints readable lines.
impl Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

//! Where a request carries its credential and names its database.

use std::borrow::Cow;

use super::heads::{Heads, Name, cut};
use crate::error::Failure;
use crate::postgres::url::ConnectionUrl;

static AUTHORIZATION: Name = Name::of("authorization");
static CONNECTION_STRING: Name = Name::of("neon-connection-string");
static DATABASE: Name = Name::of("pool-database");

/// What the headers say of who asks and where; nothing of it is checked yet.
#[derive(Default)]
pub struct Credentials<'h> {
    /// The API key or token.
    pub secret: Option<Cow<'h, str>>,
    /// The database named.
    pub database: Option<Cow<'h, str>>,
    /// The options of the connection string.
    pub options: Vec<(String, String)>,
}

impl<'h> Credentials<'h> {
    /// A bearer wins over the connection string's password, the connection string's path over `Pool-Database`.
    ///
    /// # Errors
    /// When a header is there but cannot be read.
    pub fn from_headers(headers: Heads<'h>) -> Result<Self, Failure> {
        let text = |name: &Name| -> Result<Option<&'h str>, Failure> {
            let unreadable = |_| Failure::BadRequest(format!("the header {} is not text", **name));
            headers.get(name).map(|value| value.to_str().map_err(unreadable)).transpose()
        };
        let mut credentials = Self::default();
        // The Neon driver sends it always.
        if let Some(url) = text(&CONNECTION_STRING)? {
            let url: ConnectionUrl =
                url.parse().map_err(|error| Failure::BadRequest(format!("Neon-Connection-String: {error}")))?;
            credentials.secret = url.password.map(Cow::Owned);
            credentials.database = url.database.map(Cow::Owned);
            credentials.options = url.options;
        }
        if credentials.database.is_none() {
            credentials.database = text(&DATABASE)?.map(Cow::Borrowed);
        }
        if let Some(value) = headers.get(&AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| cut(value, b' '));
            match token {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                    credentials.secret = Some(Cow::Borrowed(token.trim_ascii()));
                }
                _ => {
                    let reason = "Authorization must be: Bearer <API key or token>";
                    return Err(Failure::Unauthorized { reason, presented: false });
                }
            }
        }
        Ok(credentials)
    }

    /// The last value of an option of the connection string.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests;
